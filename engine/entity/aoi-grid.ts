// A hashed grid of points: finds who is in a ring around a place without looking at those elsewhere.
//
//     buckets, by hash of the cell's x and z ─> cell ─> cell ─> …
//                                                │
//                                                v
//                                       chunk of 8 × (x, z; slot) ─> full chunk ─> full chunk
//
// A cell's first chunk alone may have room, so its number of points says where the next goes. Coordinates lie side by
// side, which is what makes a search fast. Cells exist only where points are: memory follows points, never area.
//
// The side of a cell is a power of two, so that a cell's borders are exact numbers and a cell that lies wholly inside
// or outside the ring is skipped with no error from rounding.

const CHUNK = 8

// Words of a cell.
const CELL = 8
const X = 0
const Z = 1
const NEXT = 2
const FIRST_CHUNK = 3
const POINTS = 4

// Cells beyond this are one with the last: they stay int32, and 1e300 is a place like any other.
const CELL_MAX = 2 ** 30

const SIDE_EXPONENT_MIN = -4
const SIDE_EXPONENT_MAX = 40

/** Slots that a search found. Reused. */
export class SlotList {
  slots = new Int32Array(64)
  length = 0

  reserve(more: number): void {
    if (this.length + more <= this.slots.length) return
    const larger = new Int32Array(Math.max(this.slots.length * 2, this.length + more))
    larger.set(this.slots.subarray(0, this.length))
    this.slots = larger
  }
}

export class AoiGrid {
  readonly sideExponent: number
  readonly #side: number
  readonly #cellsPerUnit: number
  population = 0

  #cells = new Int32Array(16 * CELL)
  #cellCount = 0
  #buckets = new Int32Array(16).fill(-1)
  #hashShift = 28

  #coordinates = new Float64Array(16 * CHUNK * 2)
  #slots = new Int32Array(16 * CHUNK)
  #nextChunk = new Int32Array(16)
  #chunkCount = 0
  #freeChunk = -1

  // Cells of the search under way.
  #near = new Int32Array(16)
  // What searches cost since it was last asked whether the cells fit.
  #cellsLookedUp = 0
  #pointsLookedAt = 0

  constructor(sideExponent: number) {
    this.sideExponent = Math.min(Math.max(sideExponent, SIDE_EXPONENT_MIN), SIDE_EXPONENT_MAX)
    this.#side = 2 ** this.sideExponent
    this.#cellsPerUnit = 1 / this.#side
  }

  /** Takes a point in; answers its place, which `remove` and `move` want. */
  insert(slot: number, x: number, z: number): number {
    const cellX = this.#cellOf(x)
    const cellZ = this.#cellOf(z)
    let cell = this.#find(cellX, cellZ)
    if (cell < 0) cell = this.#addCell(cellX, cellZ)
    const points = this.#cells[cell + POINTS]!
    if (points % CHUNK === 0) {
      const chunk = this.#takeChunk()
      this.#nextChunk[chunk] = this.#cells[cell + FIRST_CHUNK]!
      this.#cells[cell + FIRST_CHUNK] = chunk
    }
    const place = this.#cells[cell + FIRST_CHUNK]! * CHUNK + (points % CHUNK)
    this.#cells[cell + POINTS] = points + 1
    this.#slots[place] = slot
    this.#coordinates[place * 2] = x
    this.#coordinates[place * 2 + 1] = z
    this.population++
    return place
  }

  /** Takes a point out. Another may come to its place: answers that one's slot, or -1. */
  remove(place: number): number {
    const coordinates = this.#coordinates
    const cell = this.#find(this.#cellOf(coordinates[place * 2]!), this.#cellOf(coordinates[place * 2 + 1]!))
    const chunk = this.#cells[cell + FIRST_CHUNK]!
    const points = this.#cells[cell + POINTS]! - 1
    const last = chunk * CHUNK + (points % CHUNK)
    const moved = last === place ? -1 : this.#slots[last]!
    if (moved >= 0) {
      this.#slots[place] = moved
      coordinates[place * 2] = coordinates[last * 2]!
      coordinates[place * 2 + 1] = coordinates[last * 2 + 1]!
    }
    this.#cells[cell + POINTS] = points
    if (points % CHUNK === 0) {
      this.#cells[cell + FIRST_CHUNK] = this.#nextChunk[chunk]!
      this.#nextChunk[chunk] = this.#freeChunk
      this.#freeChunk = chunk
    }
    if (points === 0) this.#removeCell(cell)
    this.population--
    return moved
  }

  /** Moves a point inside its cell; answers false, with nothing done, if it would leave it. */
  moveInCell(place: number, x: number, z: number): boolean {
    const coordinates = this.#coordinates
    if (this.#cellOf(x) !== this.#cellOf(coordinates[place * 2]!)) return false
    if (this.#cellOf(z) !== this.#cellOf(coordinates[place * 2 + 1]!)) return false
    coordinates[place * 2] = x
    coordinates[place * 2 + 1] = z
    return true
  }

  /** Adds to `found` all at a distance from `inner` to `outer`, and maybe a few that miss it by a rounding error. */
  findRing(x: number, z: number, inner: number, outer: number, found: SlotList): void {
    const slack = outer * 1e-9 + 1e-100
    const low = inner > slack ? (inner - slack) * (inner - slack) : -1
    const high = (outer + slack) * (outer + slack)
    const cellCount = this.#findCells(x, z, low, high, outer + slack + (Math.abs(x) + Math.abs(z)) * 1e-14)
    const near = this.#near
    const cells = this.#cells
    const nextChunk = this.#nextChunk
    const coordinates = this.#coordinates
    const slots = this.#slots
    for (let index = 0; index < cellCount; index++) {
      const cell = near[index]!
      const points = cells[cell + POINTS]!
      this.#pointsLookedAt += points
      found.reserve(points)
      const out = found.slots
      let length = found.length
      let chunk = cells[cell + FIRST_CHUNK]!
      let start = chunk * CHUNK
      let end = start + ((points - 1) % CHUNK) + 1
      for (;;) {
        for (let place = start; place < end; place++) {
          const dx = coordinates[place * 2]! - x
          const dz = coordinates[place * 2 + 1]! - z
          const distance2 = dx * dx + dz * dz
          if (distance2 >= low && distance2 <= high) out[length++] = slots[place]!
        }
        chunk = nextChunk[chunk]!
        if (chunk < 0) break
        start = chunk * CHUNK
        end = start + CHUNK
      }
      found.length = length
    }
  }

  /** Adds all to `found`. */
  findAll(found: SlotList): void {
    this.findRing(0, 0, 0, Number.POSITIVE_INFINITY, found)
  }

  /** The side that would serve the searches since the last change of mind better, or its own. */
  betterSideExponent(): number {
    // Moving to other cells costs about as much as looking at each point some 50 times.
    if (this.#pointsLookedAt + this.#cellsLookedUp < 64 * this.population + 4096) return this.sideExponent
    const pointsPerCell = this.#pointsLookedAt / Math.max(this.#cellsLookedUp, 1)
    this.#pointsLookedAt = 0
    this.#cellsLookedUp = 0
    if (pointsPerCell > POINTS_PER_CELL_MAX) return Math.max(this.sideExponent - 1, SIDE_EXPONENT_MIN)
    if (pointsPerCell < POINTS_PER_CELL_MIN) return Math.min(this.sideExponent + 1, SIDE_EXPONENT_MAX)
    return this.sideExponent
  }

  #cellOf(coordinate: number): number {
    return Math.min(Math.max(Math.floor(coordinate * this.#cellsPerUnit), -CELL_MAX), CELL_MAX) | 0
  }

  /** Puts the cells that the ring touches into #near; answers how many. */
  #findCells(x: number, z: number, low: number, high: number, reach: number): number {
    const fromX = this.#cellOf(x - reach)
    const toX = this.#cellOf(x + reach)
    const fromZ = this.#cellOf(z - reach)
    const toZ = this.#cellOf(z + reach)
    const wanted = (toX - fromX + 1) * (toZ - fromZ + 1)
    let count = 0
    if (wanted > this.#cellCount) {
      this.#cellsLookedUp += this.#cellCount >> 2
      const cells = this.#cells
      for (let index = 0; index < this.#cellCount; index++) {
        const cell = index * CELL
        const cellX = cells[cell + X]!
        const cellZ = cells[cell + Z]!
        if (cellX < fromX || cellX > toX || cellZ < fromZ || cellZ > toZ) continue
        if (this.#touches(cellX, cellZ, x, z, low, high)) this.#near[count++] = cell
      }
      return count
    }
    for (let cellZ = fromZ; cellZ <= toZ; cellZ++) {
      for (let cellX = fromX; cellX <= toX; cellX++) {
        if (!this.#touches(cellX, cellZ, x, z, low, high)) continue
        this.#cellsLookedUp++
        const cell = this.#find(cellX, cellZ)
        if (cell >= 0) this.#near[count++] = cell
      }
    }
    return count
  }

  #touches(cellX: number, cellZ: number, x: number, z: number, low: number, high: number): boolean {
    if (cellX === CELL_MAX || cellX === -CELL_MAX || cellZ === CELL_MAX || cellZ === -CELL_MAX) return true
    // How far the cell's borders are; the point may be between them.
    const left = cellX * this.#side - x
    const right = (cellX + 1) * this.#side - x
    const front = cellZ * this.#side - z
    const back = (cellZ + 1) * this.#side - z
    const nearX = Math.max(left, -right, 0)
    const nearZ = Math.max(front, -back, 0)
    if (nearX * nearX + nearZ * nearZ > high) return false
    const farX = Math.max(-left, right)
    const farZ = Math.max(-front, back)
    return farX * farX + farZ * farZ >= low
  }

  #find(cellX: number, cellZ: number): number {
    const cells = this.#cells
    let cell = this.#buckets[this.#bucketOf(cellX, cellZ)]!
    while (cell >= 0 && (cells[cell + X] !== cellX || cells[cell + Z] !== cellZ)) cell = cells[cell + NEXT]!
    return cell
  }

  #bucketOf(cellX: number, cellZ: number): number {
    return (Math.imul(cellX, 0x9e3779b1) + Math.imul(cellZ, 0x85ebca77)) >>> this.#hashShift
  }

  #addCell(cellX: number, cellZ: number): number {
    if (this.#cellCount * CELL === this.#cells.length) this.#growCells()
    const cell = this.#cellCount++ * CELL
    const bucket = this.#bucketOf(cellX, cellZ)
    this.#cells[cell + X] = cellX
    this.#cells[cell + Z] = cellZ
    this.#cells[cell + NEXT] = this.#buckets[bucket]!
    this.#cells[cell + FIRST_CHUNK] = -1
    this.#cells[cell + POINTS] = 0
    this.#buckets[bucket] = cell
    return cell
  }

  /** Takes a cell out; the last one comes to its place, so that all can be walked through. */
  #removeCell(cell: number): void {
    this.#relink(cell, this.#cells[cell + NEXT]!)
    const last = --this.#cellCount * CELL
    if (last === cell) return
    this.#relink(last, cell)
    this.#cells.copyWithin(cell, last, last + CELL)
  }

  /** Lets what points to a cell point to another. */
  #relink(cell: number, to: number): void {
    const cells = this.#cells
    const bucket = this.#bucketOf(cells[cell + X]!, cells[cell + Z]!)
    let before = this.#buckets[bucket]!
    if (before === cell) {
      this.#buckets[bucket] = to
      return
    }
    while (cells[before + NEXT] !== cell) before = cells[before + NEXT]!
    cells[before + NEXT] = to
  }

  #growCells(): void {
    const cells = new Int32Array(this.#cells.length * 2)
    cells.set(this.#cells)
    this.#cells = cells
    this.#near = new Int32Array(this.#near.length * 2)
    this.#buckets = new Int32Array(this.#buckets.length * 2).fill(-1)
    this.#hashShift--
    for (let index = 0; index < this.#cellCount; index++) {
      const cell = index * CELL
      const bucket = this.#bucketOf(cells[cell + X]!, cells[cell + Z]!)
      cells[cell + NEXT] = this.#buckets[bucket]!
      this.#buckets[bucket] = cell
    }
  }

  #takeChunk(): number {
    const free = this.#freeChunk
    if (free >= 0) {
      this.#freeChunk = this.#nextChunk[free]!
      return free
    }
    if (this.#chunkCount === this.#nextChunk.length) {
      const nextChunk = new Int32Array(this.#chunkCount * 2)
      nextChunk.set(this.#nextChunk)
      this.#nextChunk = nextChunk
      const slots = new Int32Array(this.#slots.length * 2)
      slots.set(this.#slots)
      this.#slots = slots
      const coordinates = new Float64Array(this.#coordinates.length * 2)
      coordinates.set(this.#coordinates)
      this.#coordinates = coordinates
    }
    return this.#chunkCount++
  }
}

// A look-up costs about as much as looking at five points.
const POINTS_PER_CELL_MAX = 16
const POINTS_PER_CELL_MIN = 0.5
