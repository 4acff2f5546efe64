// Who sees whom on the XZ plane: the area of interest of one space.
//
//     where b is to a:      NEAR              BETWEEN                      FAR
//     distance         0 ────────── radius ──────────── radius + hysteresis ──────────
//     a sees b            always         if it did before             never
//
// So without hysteresis who sees whom follows from the positions alone, and pairs that see take no memory: a move
// compares distances before with those after. With hysteresis, the pairs BETWEEN that see are remembered one by one
// (#lingering). Distances are compared squared, in doubles, and always exactly.
//
// A move looks only at a ring: those to whom the distance now is so near a border that the step may have crossed it.
//
//        ╭───────────╮
//       ╱  ╭───────╮  ╲       inner = smallest radius - step
//      │  │  looks  │  │      outer = largest radius + hysteresis + step
//      │  │ at none │  │
//       ╲  ╰───────╯  ╱
//        ╰───────────╯
//
// Entities are in layers by radius: (64, 128], (128, 256], …, and one for radius 0. Each layer is a grid, where a search
// goes no further than the mover's radius or the layer's largest. So one that sees the whole map costs the others a look
// at a layer of one, and those of radius 0 do not look at each other at all.
import { AoiGrid } from './aoi-grid.ts'
import { AoiPairs } from './aoi-pairs.ts'
import { SlotList } from './aoi-slots.ts'

/** Hears what an operation changed, when all of it has changed. It may look at the AOI, and not change it. */
export interface AoiEvents {
  onEnter(watcher: number, subject: number): void
  onLeave(watcher: number, subject: number): void
}

export interface AoiOptions {
  /** How much further than its radius a watcher keeps seeing whom it sees; 0 by default. */
  readonly hysteresis?: number
}

interface Layer {
  // Radii up to 2 ** exponent and over half of that; BLIND for radius 0.
  readonly exponent: number
  grid: AoiGrid
  // Of those in it, maybe with some of those who were; without watchers: no radius is smaller than infinity.
  radiusMin: number
  radiusMax: number
}

/** Larger radii (and hysteresis) are refused: their squares would not be finite. */
const DISTANCE_MAX = 1e150

// Rings closer than this may overlap: a search looks this much further than it is told, and squares vanish to 0.
const APART_MIN = 1e-90
// How many times larger than its inner border the outer border of a ring that has another inside it may be.
const RING_WIDTH_MAX = 1000

// Radius 0 sees nobody, not even at distance 0: no squared distance is -1 or less.
const NOBODY = -1
// The coordinates of who is not there: far from everybody.
const ABSENT = Number.POSITIVE_INFINITY
// The place of a slot with nobody in it.
const FREE = -1

const NEAR = 0
const BETWEEN = 1
const FAR = 2

const BLIND = Number.NEGATIVE_INFINITY
// Those smaller than any area of interest, or larger, share a layer: there are never more than some fifty.
const EXPONENT_MIN = -4
const EXPONENT_MAX = 40
// The side of a cell of those of radius 0, until the searches show which fits.
const BLIND_SIDE_EXPONENT = 6

/**
 * Slots are small integers; a removed entity's slot is given to another once all its leaves are told. An operation tells
 * first the leaves, then the enters, each time first those where the entity is the subject. An entity that is added can
 * be an event's watcher or subject before `add` has answered its slot, and one that is removed is in no slot while its
 * leaves are told: `has` says which slots are taken.
 */
export class Aoi {
  readonly #hysteresis: number
  readonly #events: AoiEvents
  // Watcher, subject, watcher, subject, … of the operation under way.
  readonly #entered = new SlotList()
  readonly #left = new SlotList()
  #telling = false
  readonly #layers: Layer[] = []
  readonly #lingering = new AoiPairs()
  readonly #found = new SlotList()
  // Lists for walks through what an entity sees: a visitor may begin another walk.
  readonly #lists: SlotList[] = []

  #x = new Float64Array(16)
  #z = new Float64Array(16)
  #radius = new Float64Array(16)
  // The squared radius, and the squared distance up to which what is seen stays seen.
  #enter2 = new Float64Array(16)
  #leave2 = new Float64Array(16)
  // Its layer, and its place in that layer's grid, or FREE.
  #layer = new Uint8Array(16)
  #place = new Int32Array(16).fill(FREE)
  #seenCount = new Int32Array(16)
  #slotCount = 0
  #freeSlots = new Int32Array(16)
  #freeCount = 0
  #count = 0

  constructor(events: AoiEvents, { hysteresis = 0 }: AoiOptions = {}) {
    checkDistance('hysteresis', hysteresis)
    this.#events = events
    this.#hysteresis = hysteresis
  }

  /** How many entities there are. */
  get count(): number {
    return this.#count
  }

  /** Adds an entity; answers its slot. A radius of 0 sees nobody, and is seen. */
  add(x: number, z: number, radius: number): number {
    checkPosition(x, z)
    checkDistance('radius', radius)
    this.#begin()
    const slot = this.#takeSlot()
    this.#seenCount[slot] = 0
    this.#assignRadius(slot, radius)
    this.#findChanges(slot, ABSENT, ABSENT, x, z)
    this.#insert(slot, x, z, radius)
    this.#change(slot, ABSENT, ABSENT, x, z, this.#enter2[slot]!, this.#leave2[slot]!)
    this.#count++
    this.#tell()
    return slot
  }

  /** Removes an entity. When this returns, all leaves that mention it have been told. */
  remove(slot: number): void {
    this.#checkSlot(slot)
    this.#begin()
    const x = this.#x[slot]!
    const z = this.#z[slot]!
    this.#findChanges(slot, x, z, ABSENT, ABSENT)
    this.#takeOut(slot)
    this.#change(slot, x, z, ABSENT, ABSENT, this.#enter2[slot]!, this.#leave2[slot]!)
    this.#count--
    try {
      this.#tell()
    } finally {
      this.#freeSlots[this.#freeCount++] = slot
    }
  }

  move(slot: number, x: number, z: number): void {
    this.#checkSlot(slot)
    checkPosition(x, z)
    const fromX = this.#x[slot]!
    const fromZ = this.#z[slot]!
    if (x === fromX && z === fromZ) return
    this.#begin()
    this.#findChanges(slot, fromX, fromZ, x, z)
    if (this.#layers[this.#layer[slot]!]!.grid.moveInCell(this.#place[slot]!, x, z)) {
      this.#x[slot] = x
      this.#z[slot] = z
    } else {
      this.#takeOut(slot)
      this.#insert(slot, x, z, this.#radius[slot]!)
    }
    this.#change(slot, fromX, fromZ, x, z, this.#enter2[slot]!, this.#leave2[slot]!)
    this.#tell()
  }

  setRadius(slot: number, radius: number): void {
    this.#checkSlot(slot)
    checkDistance('radius', radius)
    const before = this.#radius[slot]!
    if (radius === before) return
    this.#begin()
    const x = this.#x[slot]!
    const z = this.#z[slot]!
    const enterBefore = this.#enter2[slot]!
    const leaveBefore = this.#leave2[slot]!
    this.#found.length = 0
    for (const { grid } of this.#layers) {
      if (grid.population === 0) continue
      grid.findRing(x, z, Math.min(before, radius), Math.max(before, radius) + this.#hysteresis, this.#found)
    }
    this.#takeOut(slot)
    this.#assignRadius(slot, radius)
    this.#insert(slot, x, z, radius)
    this.#change(slot, x, z, x, z, enterBefore, leaveBefore)
    this.#tell()
  }

  /** Whether there is an entity in a slot. */
  has(slot: number): boolean {
    return slot >= 0 && slot < this.#slotCount && this.#place[slot]! >= 0
  }

  sees(watcher: number, subject: number): boolean {
    if (watcher === subject || !this.has(watcher) || !this.has(subject)) return false
    const dx = this.#x[watcher]! - this.#x[subject]!
    const dz = this.#z[watcher]! - this.#z[subject]!
    const zone = zoneOf(square(dx, dz), this.#enter2[watcher]!, this.#leave2[watcher]!)
    return zone === NEAR || (zone === BETWEEN && this.#lingering.has(watcher, subject))
  }

  /** How many `slot` sees. */
  seenCount(slot: number): number {
    return this.has(slot) ? this.#seenCount[slot]! : 0
  }

  /** Calls `visit` for each that `slot` sees. The visitor may walk too, and not change the AOI. */
  forEachSeen(slot: number, visit: (subject: number) => void): void {
    const list = this.#lists.pop() ?? new SlotList()
    this.#listSeen(slot, list)
    for (let at = 0; at < list.length; at++) visit(list.slots[at]!)
    this.#lists.push(list)
  }

  /** Calls `visit` for each pair that only sees because it did before. */
  forEachLingering(visit: (watcher: number, subject: number) => void): void {
    this.#lingering.forEach(visit)
  }

  /** Lets a pair see that did before it was here; nobody is told. Answers false where they are too far apart for that. */
  linger(watcher: number, subject: number): boolean {
    if (watcher === subject || !this.has(watcher) || !this.has(subject)) return false
    const distance2 = square(this.#x[watcher]! - this.#x[subject]!, this.#z[watcher]! - this.#z[subject]!)
    if (zoneOf(distance2, this.#enter2[watcher]!, this.#leave2[watcher]!) !== BETWEEN) return false
    if (this.#lingering.has(watcher, subject)) return true
    this.#lingering.add(watcher, subject)
    this.#seenCount[watcher]!++
    return true
  }

  // --- what changes ----------------------------------------------------------------------------------------------------

  /** Puts all into #found whose pair with an entity may change when it goes from one place to another, and some more. */
  #findChanges(slot: number, fromX: number, fromZ: number, toX: number, toZ: number): void {
    const found = this.#found
    found.length = 0
    const radius = this.#radius[slot]!
    const dx = toX - fromX
    const dz = toZ - fromZ
    const step = Math.sqrt(dx * dx + dz * dz)
    for (let index = 0; index < this.#layers.length; index++) {
      const { grid, radiusMin, radiusMax } = this.#layers[index]!
      const largest = Math.max(radius, radiusMax)
      if (grid.population === 0 || largest === 0) continue
      const outer = largest + this.#hysteresis
      if (step > outer * 2.5 + APART_MIN) {
        // Nobody is found twice: the two places are too far apart.
        if (fromX !== ABSENT) grid.findRing(fromX, fromZ, 0, outer, found)
        if (toX !== ABSENT) grid.findRing(toX, toZ, 0, outer, found)
        continue
      }
      const smallest = radius === 0 ? radiusMin : Math.min(radius, radiusMin)
      // The ring where it sees others and the one where they see it; one ring if they are about as large, or if the outer
      // is so wide that its inner border drowns in its outer border's rounding error: nobody may be found twice.
      const gapInner = Math.min(radius, radiusMax) + this.#hysteresis + step
      const gapOuter = Math.max(radius, radiusMin) - step
      if (
        radius > 0 &&
        radiusMax > 0 &&
        gapInner * 2 + APART_MIN < gapOuter &&
        outer + step < gapOuter * RING_WIDTH_MAX
      ) {
        grid.findRing(toX, toZ, smallest - step, gapInner, found)
        grid.findRing(toX, toZ, gapOuter, outer + step, found)
      } else {
        grid.findRing(toX, toZ, smallest - step, outer + step, found)
      }
    }
  }

  /** Settles the pairs of an entity with all in #found: first who sees it, then whom it sees. */
  #change(
    slot: number,
    fromX: number,
    fromZ: number,
    toX: number,
    toZ: number,
    enterBefore: number,
    leaveBefore: number,
  ): void {
    const { slots, length } = this.#found
    for (let at = 0; at < length; at++) {
      const other = slots[at]!
      const enter = this.#enter2[other]!
      if (enter === NOBODY || other === slot) continue
      const x = this.#x[other]!
      const z = this.#z[other]!
      const leave = this.#leave2[other]!
      const from = zoneOf(square(x - fromX, z - fromZ), enter, leave)
      const to = zoneOf(square(x - toX, z - toZ), enter, leave)
      if (from !== to) this.#settle(other, slot, from, to)
    }
    const enter = this.#enter2[slot]!
    const leave = this.#leave2[slot]!
    if (enter === NOBODY && enterBefore === NOBODY) return
    for (let at = 0; at < length; at++) {
      const other = slots[at]!
      if (other === slot) continue
      const x = this.#x[other]!
      const z = this.#z[other]!
      const from = zoneOf(square(x - fromX, z - fromZ), enterBefore, leaveBefore)
      const to = zoneOf(square(x - toX, z - toZ), enter, leave)
      if (from !== to) this.#settle(slot, other, from, to)
    }
  }

  /** Settles a pair that was in one zone and is in another. */
  #settle(watcher: number, subject: number, from: number, to: number): void {
    if (from === NEAR && to === BETWEEN) this.#lingering.add(watcher, subject)
    if (to === BETWEEN) return
    const saw = from === NEAR || (from === BETWEEN && this.#lingering.delete(watcher, subject))
    if (to === NEAR && !saw) {
      this.#seenCount[watcher]!++
      this.#entered.push(watcher, subject)
    }
    if (to === FAR && saw) {
      this.#seenCount[watcher]!--
      this.#left.push(watcher, subject)
    }
  }

  #tell(): void {
    const { length: leaves, slots: left } = this.#left
    const { length: enters, slots: entered } = this.#entered
    this.#left.length = 0
    this.#entered.length = 0
    if (leaves + enters === 0) return
    this.#telling = true
    try {
      for (let at = 0; at < leaves; at += 2) this.#events.onLeave(left[at]!, left[at + 1]!)
      for (let at = 0; at < enters; at += 2) this.#events.onEnter(entered[at]!, entered[at + 1]!)
    } finally {
      this.#telling = false
    }
  }

  #listSeen(slot: number, list: SlotList): void {
    list.length = 0
    if (this.seenCount(slot) === 0) return
    const outer = this.#radius[slot]! + this.#hysteresis
    for (const { grid } of this.#layers) {
      if (grid.population > 0) grid.findRing(this.#x[slot]!, this.#z[slot]!, 0, outer, list)
    }
    let length = 0
    for (let at = 0; at < list.length; at++) {
      const subject = list.slots[at]!
      if (this.sees(slot, subject)) list.slots[length++] = subject
    }
    list.length = length
  }

  // --- where entities are ------------------------------------------------------------------------------------------------

  /** Begins an operation; the grids may first change to cells that fit what was asked of them. */
  #begin(): void {
    if (this.#telling) throw new TypeError('the AOI cannot be changed while it tells what changed')
    for (let index = 0; index < this.#layers.length; index++) {
      const { grid } = this.#layers[index]!
      const sideExponent = grid.betterSideExponent()
      if (sideExponent !== grid.sideExponent) this.#rebuild(index, sideExponent)
    }
  }

  #rebuild(index: number, sideExponent: number): void {
    const grid = new AoiGrid(sideExponent)
    this.#layers[index]!.grid = grid
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (this.#layer[slot] !== index || this.#place[slot]! < 0) continue
      grid.insert(slot, this.#x[slot]!, this.#z[slot]!, this.#place)
    }
  }

  #insert(slot: number, x: number, z: number, radius: number): void {
    const layer = this.#layers[this.#layer[slot]!]!
    if (layer.grid.population === 0) {
      layer.radiusMin = Number.POSITIVE_INFINITY
      layer.radiusMax = 0
    }
    if (radius > 0) {
      layer.radiusMin = Math.min(layer.radiusMin, radius)
      layer.radiusMax = Math.max(layer.radiusMax, radius)
    }
    this.#x[slot] = x
    this.#z[slot] = z
    layer.grid.insert(slot, x, z, this.#place)
  }

  #takeOut(slot: number): void {
    this.#layers[this.#layer[slot]!]!.grid.remove(slot, this.#place)
  }

  /** Sets the radius and the layer of an entity that is in no grid. */
  #assignRadius(slot: number, radius: number): void {
    this.#radius[slot] = radius
    this.#enter2[slot] = radius > 0 ? radius * radius : NOBODY
    this.#leave2[slot] = radius > 0 ? (radius + this.#hysteresis) * (radius + this.#hysteresis) : NOBODY
    this.#layer[slot] = this.#layerFor(radius)
  }

  /** Answers the index of the layer for a radius. */
  #layerFor(radius: number): number {
    const exponent = radius > 0 ? Math.min(Math.max(Math.ceil(Math.log2(radius)), EXPONENT_MIN), EXPONENT_MAX) : BLIND
    const layers = this.#layers
    for (let index = 0; index < layers.length; index++) if (layers[index]!.exponent === exponent) return index
    const grid = new AoiGrid(radius > 0 ? exponent : BLIND_SIDE_EXPONENT)
    return layers.push({ exponent, grid, radiusMin: Number.POSITIVE_INFINITY, radiusMax: 0 }) - 1
  }

  #takeSlot(): number {
    if (this.#freeCount > 0) return this.#freeSlots[--this.#freeCount]!
    if (this.#slotCount === this.#place.length) this.#grow()
    return this.#slotCount++
  }

  #grow(): void {
    const length = this.#slotCount * 2
    this.#x = copied(this.#x, new Float64Array(length))
    this.#z = copied(this.#z, new Float64Array(length))
    this.#radius = copied(this.#radius, new Float64Array(length))
    this.#enter2 = copied(this.#enter2, new Float64Array(length))
    this.#leave2 = copied(this.#leave2, new Float64Array(length))
    this.#layer = copied(this.#layer, new Uint8Array(length))
    this.#place = copied(this.#place, new Int32Array(length).fill(FREE))
    this.#seenCount = copied(this.#seenCount, new Int32Array(length))
    this.#freeSlots = copied(this.#freeSlots, new Int32Array(length))
  }

  #checkSlot(slot: number): void {
    if (!this.has(slot)) throw new RangeError(`AOI slot ${slot} is empty`)
  }
}

const zoneOf = (distance2: number, enter: number, leave: number) =>
  distance2 <= enter ? NEAR : distance2 <= leave ? BETWEEN : FAR

const square = (dx: number, dz: number) => dx * dx + dz * dz

function checkPosition(x: number, z: number): void {
  if (!Number.isFinite(x) || !Number.isFinite(z)) throw new RangeError(`position ${x}, ${z} is not finite`)
}

function checkDistance(name: string, distance: number): void {
  if (distance >= 0 && distance <= DISTANCE_MAX) return
  throw new RangeError(`${name} ${distance}: a distance from 0 to ${DISTANCE_MAX} is wanted`)
}

/** Answers `to`, with what is in `from` at its start. */
function copied<T extends Float64Array | Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
