// In which order the positions go that wait for a client's budget.
//
//     1. its own player's, always
//     2. those that wait longest, so many that all would have had their turn in TRIP_MS
//     3. by what is seen of it: how old a place is, the less the farther away; until nothing is left
//
// So near ones are fresh, and nobody waits longer than two seconds while the budget can carry all of them once in that time.
// When it cannot, nothing is left for 3, and they take turns. Who is four times as far away as another is seen to move a
// quarter as far on the screen, so to be as wrong it may be four times as old: hence a place counts by age / distance.
import { RECORD_BYTES, recordX, recordZ } from '../../engine/wire/sync.ts'
import { type Budget, ROUND_MS } from './budget.ts'
import type { LatePositions } from './late-positions.ts'

/** The rest of the two seconds is for what comes between two rounds. */
const TRIP_MS = 1800
/** What a record in compact form, whole, may be expected to take. */
const COMPACT_BYTES = 12
/** As if they were that much farther away, in parts of the mean distance: what is close differs in nothing but its age. */
const NEAR = 1 / 4

export interface TurnTaker {
  /** Writes one of the records; answers false when nothing can be written any more. */
  writeLate(late: LatePositions, one: number): boolean
}

export class Turns {
  readonly #ranking = new Ranking()
  #gone = new Uint8Array(64)

  /** Gives what waits its turns, after `sinceMs` without any; those that have gone do not wait any more. */
  give(late: LatePositions, budget: Budget, sinceMs: number, taker: TurnTaker): void {
    const { count } = late
    if (count > this.#gone.length) this.#gone = new Uint8Array(count * 2)
    this.#gone.fill(0, 0, count)
    budget.turns = Math.min(budget.turns + (count * sinceMs) / TRIP_MS, count)
    if (this.#oldest(late, budget, taker)) this.#nearest(late, budget, taker)
    for (let one = count - 1; one >= 0; one--) if (this.#gone[one] === 1) late.removeAt(one)
  }

  /** Answers whether something is left for others. */
  #oldest(late: LatePositions, budget: Budget, taker: TurnTaker): boolean {
    const ranking = this.#ranking
    const { nowMs } = budget
    ranking.begin(late.count)
    for (let one = 0; one < late.count; one++) ranking.add(one, nowMs - late.since[one]!)
    ranking.sort()
    for (let one = ranking.next(); one >= 0; one = ranking.next()) {
      const isOwn = late.since[one] === Number.NEGATIVE_INFINITY
      if (!isOwn) {
        if (budget.turns < 1) return true
        if (!mayGo(late, one, budget)) return false
        budget.turns--
      }
      if (!this.#write(late, one, taker)) return false
    }
    return false
  }

  #nearest(late: LatePositions, budget: Budget, taker: TurnTaker): void {
    const ranking = this.#ranking
    const { nowMs, playerX, playerZ } = budget
    const { records, count } = late
    let sum = 0
    ranking.begin(count)
    for (let one = 0; one < count; one++) {
      if (this.#gone[one] === 1) continue
      const record = one * RECORD_BYTES
      const distance = Math.hypot(recordX(records, record) - playerX, recordZ(records, record) - playerZ)
      sum += distance
      ranking.add(one, distance)
    }
    const near = (sum / Math.max(1, ranking.count)) * NEAR
    // A place that has just come is as old as the one before it.
    ranking.each((one, distance) => {
      const ageMs = nowMs - late.since[one]! + ROUND_MS
      // Where nobody knows where the player is, all are as near; likewise when all are where it is.
      return near > 0 ? ageMs / (near + distance) : ageMs
    })
    ranking.sort()
    for (let one = ranking.next(); one >= 0; one = ranking.next())
      if (!mayGo(late, one, budget) || !this.#write(late, one, taker)) return
  }

  #write(late: LatePositions, one: number, taker: TurnTaker): boolean {
    if (!taker.writeLate(late, one)) return false
    this.#gone[one] = 1
    return true
  }
}

const mayGo = (late: LatePositions, one: number, budget: Budget) =>
  budget.allows(late.numbers[one] === 0 ? RECORD_BYTES : COMPACT_BYTES)

/** Small numbers, each with a worth: those of most worth first. A heap, since most of them are not asked for. */
class Ranking {
  #worth = new Float64Array(64)
  #heap = new Uint32Array(64)
  count = 0

  begin(most: number): void {
    this.count = 0
    if (most <= this.#heap.length) return
    this.#worth = new Float64Array(most * 2)
    this.#heap = new Uint32Array(most * 2)
  }

  add(one: number, worth: number): void {
    this.#worth[one] = worth
    this.#heap[this.count++] = one
  }

  /** Gives each another worth. */
  each(worthOf: (one: number, worth: number) => number): void {
    for (let at = 0; at < this.count; at++) {
      const one = this.#heap[at]!
      this.#worth[one] = worthOf(one, this.#worth[one]!)
    }
  }

  sort(): void {
    for (let at = (this.count >> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  /** The one of most worth, or -1 when there are no more. */
  next(): number {
    if (this.count === 0) return -1
    const first = this.#heap[0]!
    this.#heap[0] = this.#heap[--this.count]!
    this.#sink(0)
    return first
  }

  #sink(at: number): void {
    const heap = this.#heap
    const worth = this.#worth
    const one = heap[at]!
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.count) break
      if (child + 1 < this.count && worth[heap[child + 1]!]! > worth[heap[child]!]!) child++
      if (worth[heap[child]!]! <= worth[one]!) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = one
  }
}
