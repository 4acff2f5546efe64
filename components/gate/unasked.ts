// What games call on clients that have not asked for anything. Often it is said to very many at once (world chat, a
// publication), and each of them costs a write: while there is much of that it waits in their batches, for more of its kind.
//
//     said to few ──────────> leaves at once
//     said to 1000 ─┬─────────┬────────────┐
//     said to 1000 ─┘         └> a's time  └> b's time    everybody has a time of its own, as for positions: see phases.ts
//
// What a client hears keeps its order: what waits leaves in front of whatever does not. A client that has made a call just
// now may be waiting for one of these, and hears it at once. Where waiting brings hardly any together, since each is for
// somebody else, nothing waits.
import type { Clock } from '../../engine/base/clock.ts'
import { larger } from '../../engine/base/larger.ts'
import type { Phases } from './phases.ts'

/** A write takes 5 to 10 µs, most of it in the kernel: so fewer than these take a tenth of a core at the most. */
const WRITES_A_MS = 10
/** As many within a round are enough to let what follows wait. */
const WRITES_A_ROUND = 500
/** Who has made a call waits for an answer for so long. Each of what it hears meanwhile costs a write, whatever it is. */
const ASKED_MS = 30
/** What is said is counted over so long. */
const ROUND_MS = 50
const RATE_SHARE = 1 / 4
/** Who has said nothing for so long may say the next thing at once. */
const PAUSE_MS = 150
/** So many have to leave with one write, on average over some rounds, or waiting does not pay. */
const GAIN_MIN = 1.25
/** What is assumed to begin with, and when it is tried again. */
const GAIN_USUAL = 1.5
const GAIN_SHARE = 1 / 8
const RETRY_MS = 2000

export class Unasked {
  readonly #clock: Clock
  readonly #phases: Phases
  /** When the clock was looked at last: those who hear are too many to do so for each. */
  #nowMs = Number.NEGATIVE_INFINITY
  /** Whether that was in this turn. */
  #isTimed = false
  /** Since when the round goes on. */
  #roundMs = Number.NEGATIVE_INFINITY
  /** By the slot: when the client has made its last call. */
  #askedMs = new Float64Array(64)
  /** In this round: how much was said to clients that have not asked, how much of it waits, and for how many nothing else did. */
  #told = 0
  #waited = 0
  #begun = 0
  /** How much that is in a millisecond, over some rounds. */
  #rate = 0
  #muchIsSaid = false
  #mayWait = true
  #gain = GAIN_USUAL
  #retryMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, phases: Phases) {
    this.#clock = clock
    this.#phases = phases
  }

  /** A client has come into the slot. */
  add(slot: number): void {
    if (slot >= this.#askedMs.length)
      this.#askedMs = larger(this.#askedMs, Math.max(slot + 1, this.#askedMs.length * 2))
    this.#askedMs[slot] = Number.NEGATIVE_INFINITY
  }

  /** It has made a call. */
  asked(slot: number): void {
    if (!this.#isTimed) {
      this.#nowMs = this.#clock.now()
      this.#isTimed = true
    }
    this.#askedMs[slot] = this.#nowMs
  }

  /** Something is said: `waits` follows for each whom it is for. */
  begin(): void {
    if (!this.#muchIsSaid && (this.#told < WRITES_A_ROUND || !this.#mayWait)) return
    this.#nowMs = this.#clock.now()
    const passedMs = this.#nowMs - this.#roundMs
    // Nothing was said for a while, or this is much only since the round is long.
    this.#muchIsSaid = this.#muchIsSaid ? passedMs < PAUSE_MS : this.#told > passedMs * WRITES_A_MS
  }

  /** Whether it waits for the time of the client in the slot, which is reminded of that. */
  waits(slot: number): boolean {
    if (this.#nowMs - this.#askedMs[slot]! <= ASKED_MS) return false
    this.#told++
    if (!this.#muchIsSaid) return false
    this.#waited++
    if (this.#phases.told(slot)) this.#begun++
    return true
  }

  /** The turn is over. */
  turnEnds(): void {
    const nowMs = this.#clock.now()
    this.#nowMs = nowMs
    this.#isTimed = false
    const passedMs = nowMs - this.#roundMs
    if (passedMs < ROUND_MS) return
    if (this.#muchIsSaid) this.#judge(nowMs)
    this.#mayWait = nowMs >= this.#retryMs
    const share = passedMs < PAUSE_MS ? RATE_SHARE : 1
    this.#rate += (this.#told / passedMs - this.#rate) * share
    this.#muchIsSaid = this.#mayWait && this.#rate > WRITES_A_MS
    this.#roundMs = nowMs
    this.#told = 0
    this.#waited = 0
    this.#begun = 0
  }

  #judge(nowMs: number): void {
    if (this.#begun === 0) return
    this.#gain += (this.#waited / this.#begun - this.#gain) * GAIN_SHARE
    if (this.#gain >= GAIN_MIN) return
    this.#gain = GAIN_USUAL
    this.#retryMs = nowMs + RETRY_MS
  }
}
