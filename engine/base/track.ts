// Where something was, and when: its last places in a ring, and the way between them. A client draws others by it, and a
// space with a history goes back in time by it, so that both find the same place for the same time.
//
//     time ──────────────────────────────────────────────────────────>
//     told:     A    B    C (stands)             D         teleported: E
//     kept:     A────B────C──────────────────C'──D                     E
//                                            └ held: where it still was when all that moved was last told
//
// Between two samples it went straight; to a cut (E) it did not go at all.

import { go, lengthOf, newPlace, type Place, way } from './place.ts'

/** Time, x, y, z, yaw, and whether it is a cut. */
const FIELDS = 6
const FIRST_CAPACITY = 8
const CAPACITY_MAX = 1024
/** Time that goes back by more than this is another clock's. */
const OTHER_CLOCK_MS = 1000
/** So many times faster than it ever was, nothing walks. */
const CUT_FACTOR = 4
/** It may have walked unseen for so long at the least. */
const UNSEEN_MS = 500
/** For how far it went, turns do not matter. */
const TURN = 360
/** How fast it was is forgotten slowly. */
const FORGET = 0.98

/** Serve all. */
const place = newPlace()
const last = newPlace()
const gone = newPlace()

export class Track {
  /** The fastest that it was lately, in units a millisecond; 0 while it has not moved. */
  fastest = 0
  /** Farther apart two samples are a cut; 0: farther than it could have walked. */
  snapDistance: number
  #samples = new Float64Array(FIRST_CAPACITY * FIELDS)
  #first = 0
  #count = 0

  constructor(snapDistance = 0) {
    this.snapDistance = snapDistance
  }

  get count(): number {
    return this.#count
  }

  /** The time of the newest sample; there must be one. */
  get newestMs(): number {
    return this.#timeOf(this.#count - 1)
  }

  get oldestMs(): number {
    return this.#timeOf(0)
  }

  /** Whether the newest sample is a cut. */
  get isCut(): boolean {
    return this.#isCutAt(this.#count - 1)
  }

  /**
   * Adds a sample. `heldMs`: so long it is known to have been where it was. What is older than `keptMs` may be forgotten. A
   * time that is not later than the newest corrects the newest.
   */
  push(timeMs: number, x: number, y: number, z: number, yaw: number, heldMs: number, keptMs: number): void {
    place.x = x
    place.y = y
    place.z = z
    place.yaw = yaw
    const lastMs = this.#count > 0 ? this.newestMs : Number.POSITIVE_INFINITY
    if (!(lastMs - timeMs <= OTHER_CLOCK_MS)) {
      this.#count = 0
      return this.#append(timeMs, place, 0, keptMs)
    }
    this.#read(this.#count - 1, last)
    way(last, place, TURN, gone)
    const far = lengthOf(gone)
    const { fastest, snapDistance } = this
    if (timeMs <= lastMs)
      return this.#put(lastMs, place, this.isCut || (snapDistance > 0 && far > snapDistance) ? 1 : 0)
    const held = Math.min(Math.max(heldMs, lastMs), timeMs - 1)
    const unseenMs = Math.max(timeMs - held, Math.min(timeMs - lastMs, UNSEEN_MS))
    const reach = snapDistance || CUT_FACTOR * fastest * unseenMs
    if (reach > 0 && far > reach) {
      // It may have got itself a horse: the next time it is believed.
      this.fastest = fastest * 2
      return this.#append(timeMs, place, 1, keptMs)
    }
    // That it was not told of need not mean that it stood.
    const from = fastest > 0 && far > 1.3 * fastest * (timeMs - held) ? Math.max(lastMs, timeMs - far / fastest) : held
    if (from > lastMs) this.#append(from, last, 0, keptMs)
    this.fastest = Math.max(far / (timeMs - from), fastest * FORGET)
    this.#append(timeMs, place, 0, keptMs)
  }

  /** Where it was then: before the oldest sample as in that, after the newest as in this. `turn`: what once around is in yaw. */
  at(timeMs: number, turn: number, to: Place): void {
    let index = this.#count - 1
    while (index > 0 && this.#timeOf(index) > timeMs) index--
    this.#read(index, to)
    const fromMs = this.#timeOf(index)
    if (index === this.#count - 1 || fromMs >= timeMs || this.#isCutAt(index + 1)) return
    this.#read(index + 1, last)
    way(to, last, turn, gone)
    go(to, gone, (timeMs - fromMs) / (this.#timeOf(index + 1) - fromMs))
  }

  /** Goes on from the newest sample as it came there, for so long. */
  goOn(ms: number, turn: number, to: Place): void {
    const index = this.#count - 1
    if (index < 1 || this.isCut) return
    this.#read(index - 1, place)
    this.#read(index, last)
    way(place, last, turn, gone)
    go(to, gone, ms / (this.newestMs - this.#timeOf(index - 1)))
  }

  #append(timeMs: number, one: Place, isCut: number, keptMs: number): void {
    // One that is older stays: the way from there leads to the first that is kept.
    while (this.#count > 1 && this.#timeOf(1) <= keptMs) this.#forgetOldest()
    if (this.#count * FIELDS === this.#samples.length && !this.#grow()) this.#forgetOldest()
    this.#count++
    this.#put(timeMs, one, isCut)
  }

  /** The newest sample. */
  #put(timeMs: number, { x, y, z, yaw }: Place, isCut: number): void {
    const samples = this.#samples
    const at = this.#at(this.#count - 1)
    samples[at] = timeMs
    samples[at + 1] = x
    samples[at + 2] = y
    samples[at + 3] = z
    samples[at + 4] = yaw
    samples[at + 5] = isCut
  }

  #read(index: number, to: Place): void {
    const samples = this.#samples
    const at = this.#at(index)
    to.x = samples[at + 1]!
    to.y = samples[at + 2]!
    to.z = samples[at + 3]!
    to.yaw = samples[at + 4]!
  }

  #timeOf(index: number): number {
    return this.#samples[this.#at(index)]!
  }

  #isCutAt(index: number): boolean {
    return this.#samples[this.#at(index) + 5] === 1
  }

  #forgetOldest(): void {
    this.#first = (this.#first + FIELDS) % this.#samples.length
    this.#count--
  }

  #grow(): boolean {
    const smaller = this.#samples
    if (smaller.length >= CAPACITY_MAX * FIELDS) return false
    const larger = new Float64Array(smaller.length * 2)
    larger.set(smaller.subarray(this.#first))
    larger.set(smaller.subarray(0, this.#first), smaller.length - this.#first)
    this.#samples = larger
    this.#first = 0
    return true
  }

  /** Where the sample of an index is, counted from the oldest. */
  #at(index: number): number {
    return (this.#first + index * FIELDS) % this.#samples.length
  }
}
