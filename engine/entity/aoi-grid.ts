// A hashed grid of points: finds who is in a ring around a place without looking at those elsewhere.
//
//     cells:   | x z block points room |  (empty)  | x z block points room | …     a hash table: open addressing,
//                     │                                    │                       linear probing
//                     v                                    v
//     points:  | x,z x,z x,z -   |   (free)   | x,z -   | x,z x,z x,z x,z x,z -  -  -   | …
//     slots:   | 17  4   9   -   |            | 3   -   | …
//
// A cell's points lie side by side in a block with room for a power of two, which is what makes a search fast. Cells are
// only where points are: memory follows points, never area.
//
// The side of a cell is a power of two, so that a cell's borders are exact numbers and a cell that lies wholly inside
// or outside the ring is skipped with no error from rounding.
import type { SlotList } from './aoi-slots.ts'

// Words of a cell. Without points it is an empty row.
const CELL = 8
const X = 0
const Z = 1
const BLOCK = 2
const POINTS = 3
const ROOM = 4

const ROOM_MIN = 4
const ROWS_MIN = 8

// Cells beyond this are one with the last: they stay int32, and 1e300 is a place like any other.
const CELL_MAX = 2 ** 30

const SIDE_EXPONENT_MIN = -4
const SIDE_EXPONENT_MAX = 40

// A look-up costs about as much as looking at five points.
const POINTS_PER_CELL_MAX = 24
const POINTS_PER_CELL_MIN = 1

export class AoiGrid {
  readonly sideExponent: number
  readonly #side: number
  readonly #cellsPerUnit: number
  population = 0

  #cells = new Int32Array(ROWS_MIN * CELL)
  #cellCount = 0
  // The number of rows, a power of two, less one.
  #mask = ROWS_MIN - 1

  #points = new Float64Array(16 * 2)
  #slots = new Int32Array(16)
  #end = 0
  // By the logarithm of the room: the first free block, whose first slot is the next, or -1.
  readonly #freeBlocks = new Int32Array(32).fill(-1)

  // Cells of the search under way.
  #near = new Int32Array(ROWS_MIN)
  // What searches cost since it was last asked whether the cells fit.
  #cellsLookedUp = 0
  #pointsLookedAt = 0

  constructor(sideExponent: number) {
    this.sideExponent = Math.min(Math.max(sideExponent, SIDE_EXPONENT_MIN), SIDE_EXPONENT_MAX)
    this.#side = 2 ** this.sideExponent
    this.#cellsPerUnit = 1 / this.#side
  }

  /** Adds to `found` all at a distance from `inner` to `outer`, and maybe a few that miss it by a rounding error. */
  findRing(x: number, z: number, inner: number, outer: number, found: SlotList): void {
    // Far above any rounding error: positions close to each other, however far out, have an exact difference.
    const slack = outer * 1e-9 + 1e-100
    const low = inner > slack ? (inner - slack) * (inner - slack) : 0
    const high = (outer + slack) * (outer + slack)
    const cellCount = this.#findCells(x, z, low, high, outer + slack)
    const middle = (low + high) / 2
    const half = (high - low) / 2 + high * 1e-12
    const near = this.#near
    const cells = this.#cells
    const coordinates = this.#points
    const slots = this.#slots
    let lookedAt = 0
    for (let index = 0; index < cellCount; index++) {
      const cell = near[index]!
      const points = cells[cell + POINTS]!
      lookedAt += points
      found.reserve(points)
      const out = found.slots
      let length = found.length
      const start = cells[cell + BLOCK]!
      for (let place = start; place < start + points; place++) {
        const dx = coordinates[place * 2]! - x
        const dz = coordinates[place * 2 + 1]! - z
        // One comparison, nearly always false: two, each true for many, cost twice the time in mispredicted branches.
        if (Math.abs(dx * dx + dz * dz - middle) <= half) out[length++] = slots[place]!
      }
      found.length = length
    }
    this.#pointsLookedAt += lookedAt
  }

  /** Puts the cells that the ring touches into #near; answers how many. */
  #findCells(x: number, z: number, low: number, high: number, reach: number): number {
    const fromX = this.#cellOf(x - reach)
    const toX = this.#cellOf(x + reach)
    const fromZ = this.#cellOf(z - reach)
    const toZ = this.#cellOf(z + reach)
    const wanted = (toX - fromX + 1) * (toZ - fromZ + 1)
    const near = this.#near
    let count = 0
    const cells = this.#cells
    if (wanted * 4 > this.#mask) {
      // Walking through the whole table costs less than so many look-ups.
      this.#cellsLookedUp += this.#mask >> 3
      for (let cell = 0; cell < cells.length; cell += CELL) {
        if (cells[cell + POINTS] === 0) continue
        const cellX = cells[cell + X]!
        const cellZ = cells[cell + Z]!
        if (cellX < fromX || cellX > toX || cellZ < fromZ || cellZ > toZ) continue
        if (this.#touches(cellX, cellZ, x, z, low, high)) near[count++] = cell
      }
      return count
    }
    this.#cellsLookedUp += wanted
    for (let cellZ = fromZ; cellZ <= toZ; cellZ++) {
      for (let cellX = fromX; cellX <= toX; cellX++) {
        // Of nine, hardly any would be skipped.
        if (wanted > 9 && !this.#touches(cellX, cellZ, x, z, low, high)) continue
        const cell = this.#find(cellX, cellZ)
        near[count] = cell
        if (cells[cell + POINTS]! > 0) count++
      }
    }
    return count
  }

  #touches(cellX: number, cellZ: number, x: number, z: number, low: number, high: number): boolean {
    if (cellX === CELL_MAX || cellX === -CELL_MAX || cellZ === CELL_MAX || cellZ === -CELL_MAX) return true
    // How far the cell's borders are; the place may be between them.
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

  /** Takes a point in. Keeps `places`, from slots to where their points are, for this point and those that it displaces. */
  insert(slot: number, x: number, z: number, places: Int32Array): void {
    const cellX = this.#cellOf(x)
    const cellZ = this.#cellOf(z)
    let cell = this.#find(cellX, cellZ)
    const points = this.#cells[cell + POINTS]!
    if (points === 0) cell = this.#addCell(cell, cellX, cellZ)
    else if (points === this.#cells[cell + ROOM]) this.#rehouse(cell, points * 2, places)
    const place = this.#cells[cell + BLOCK]! + points
    this.#cells[cell + POINTS] = points + 1
    this.#slots[place] = slot
    this.#points[place * 2] = x
    this.#points[place * 2 + 1] = z
    places[slot] = place
    this.population++
  }

  /** Takes a point out, and keeps `places`: -1 for this one, the new place for who takes its. */
  remove(slot: number, places: Int32Array): void {
    const place = places[slot]!
    const cell = this.#find(this.#cellOf(this.#points[place * 2]!), this.#cellOf(this.#points[place * 2 + 1]!))
    const points = this.#cells[cell + POINTS]! - 1
    const last = this.#cells[cell + BLOCK]! + points
    const moved = this.#slots[last]!
    this.#slots[place] = moved
    this.#points[place * 2] = this.#points[last * 2]!
    this.#points[place * 2 + 1] = this.#points[last * 2 + 1]!
    places[moved] = place
    places[slot] = -1
    this.#cells[cell + POINTS] = points
    const room = this.#cells[cell + ROOM]!
    if (points === 0) this.#removeCell(cell)
    else if (room > ROOM_MIN && points <= room >> 2) this.#rehouse(cell, room >> 1, places)
    this.population--
  }

  /** Moves a point inside its cell; answers false, with nothing done, if it would leave it. */
  moveInCell(place: number, x: number, z: number): boolean {
    const points = this.#points
    if (this.#cellOf(x) !== this.#cellOf(points[place * 2]!)) return false
    if (this.#cellOf(z) !== this.#cellOf(points[place * 2 + 1]!)) return false
    points[place * 2] = x
    points[place * 2 + 1] = z
    return true
  }

  /** The side that would serve the recent searches better, or its own. Asked before each operation. */
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

  // --- the table of cells ------------------------------------------------------------------------------------------------

  /** The row of a cell, or the empty row where it would be. */
  #find(cellX: number, cellZ: number): number {
    const cells = this.#cells
    let row = this.#home(cellX, cellZ)
    for (;;) {
      const cell = row * CELL
      if (cells[cell + POINTS] === 0 || (cells[cell + X] === cellX && cells[cell + Z] === cellZ)) return cell
      row = (row + 1) & this.#mask
    }
  }

  #home(cellX: number, cellZ: number): number {
    const mixed = Math.imul(cellX, 0x9e3779b1) + Math.imul(cellZ, 0x85ebca77)
    return ((mixed >>> 15) ^ mixed) & this.#mask
  }

  #addCell(cell: number, cellX: number, cellZ: number): number {
    const rows = this.#mask + 1
    if (this.#cellCount++ >= rows >> 1) {
      this.#resize(rows * 2)
      cell = this.#find(cellX, cellZ)
    }
    this.#cells[cell + X] = cellX
    this.#cells[cell + Z] = cellZ
    this.#cells[cell + BLOCK] = this.#takeBlock(ROOM_MIN)
    this.#cells[cell + ROOM] = ROOM_MIN
    return cell
  }

  #removeCell(cell: number): void {
    const cells = this.#cells
    this.#cellCount--
    this.#freeBlock(cells[cell + BLOCK]!, cells[cell + ROOM]!)
    // Rows behind move up, so that nobody stops too early on the way to them.
    let hole = cell / CELL
    for (let row = (hole + 1) & this.#mask; cells[row * CELL + POINTS]! > 0; row = (row + 1) & this.#mask) {
      const home = this.#home(cells[row * CELL + X]!, cells[row * CELL + Z]!)
      if (((row - home) & this.#mask) < ((row - hole) & this.#mask)) continue
      cells.copyWithin(hole * CELL, row * CELL, (row + 1) * CELL)
      hole = row
    }
    cells[hole * CELL + POINTS] = 0
    const rows = this.#mask + 1
    if (rows > ROWS_MIN && this.#cellCount < rows >> 3) this.#resize(rows >> 1)
  }

  #resize(rows: number): void {
    const old = this.#cells
    this.#cells = new Int32Array(rows * CELL)
    this.#mask = rows - 1
    this.#near = new Int32Array(rows)
    for (let cell = 0; cell < old.length; cell += CELL) {
      if (old[cell + POINTS] === 0) continue
      this.#cells.set(old.subarray(cell, cell + CELL), this.#find(old[cell + X]!, old[cell + Z]!))
    }
  }

  // --- blocks ------------------------------------------------------------------------------------------------------------

  /** Moves a cell's points to a block with other room. */
  #rehouse(cell: number, room: number, places: Int32Array): void {
    const from = this.#cells[cell + BLOCK]!
    const points = this.#cells[cell + POINTS]!
    const to = this.#takeBlock(room)
    this.#slots.copyWithin(to, from, from + points)
    this.#points.copyWithin(to * 2, from * 2, (from + points) * 2)
    for (let place = to; place < to + points; place++) places[this.#slots[place]!] = place
    this.#freeBlock(from, this.#cells[cell + ROOM]!)
    this.#cells[cell + BLOCK] = to
    this.#cells[cell + ROOM] = room
  }

  #takeBlock(room: number): number {
    const size = 31 - Math.clz32(room)
    const free = this.#freeBlocks[size]!
    if (free >= 0) {
      this.#freeBlocks[size] = this.#slots[free]!
      return free
    }
    const block = this.#end
    this.#end += room
    if (this.#end > this.#slots.length) {
      const length = 2 ** (32 - Math.clz32(this.#end - 1))
      const slots = new Int32Array(length)
      slots.set(this.#slots)
      this.#slots = slots
      const points = new Float64Array(length * 2)
      points.set(this.#points)
      this.#points = points
    }
    return block
  }

  #freeBlock(block: number, room: number): void {
    const size = 31 - Math.clz32(room)
    this.#slots[block] = this.#freeBlocks[size]!
    this.#freeBlocks[size] = block
  }
}
