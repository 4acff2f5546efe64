// What games call on clients that have not asked for anything. Often it is said to very many at once (world chat, a
// publication), and each of them costs a write: while there is much of that it waits in their batches, for more of its kind.
//
//     said to 1000 ──> leaves      said to 1000 ──┐ said to 1000 ──> leave with one write each, 120 ms after the first
//     said to 10   ──> leaves      said to 10   ──> leaves, a millisecond after the first
//
// Positions come to most of them anyway, to each at its own time in an interval: what waits leaves with these.
//
// What a client hears keeps its order: what waits leaves in front of whatever does not. A client that has made a call just
// now may be waiting for one of these, and hears it at once. Where waiting brings hardly any together, since each is for
// somebody else, nothing waits.
import type { Clock } from '../../engine/base/clock.ts'
import type { FrameCopy } from './frame-copy.ts'
import type { Output } from './output.ts'

/** A write takes 5 to 10 µs, most of it in the kernel: so all this takes a tenth of a core at the most. */
const MS_A_WRITE = 0.1
/** As long as positions wait for each other: nobody who has not asked for it sees it. */
const WAIT_MS_MAX = 100
/** What would leave shortly before positions do waits for them: an interval may be a little longer. */
const GRACE = 1.2
/** Who has made a call waits for an answer for so many rounds, the one in which it was made not among them. */
const ASKED_ROUNDS = 2
const ROUND_MS = 50
/** So many have to leave with one write, on average over some flushes, or waiting does not pay. */
const GAIN_MIN = 1.25
/** What is assumed to begin with, and when it is tried again. */
const GAIN_USUAL = 1.5
const GAIN_SHARE = 1 / 8
const RETRY_MS = 2000

export class Unasked {
  readonly #clock: Clock
  readonly #awaitsTurnEnd: () => void
  /** Those for which something waits, and some for which it has left with something else. */
  readonly #waiting: Output[] = []
  /** How many things were said to these. */
  #said = 0
  #dueMs = Number.NEGATIVE_INFINITY
  /** The end of the turn, or of the wait, is under way. */
  #isAwaited = false
  #hasWaited = false
  #gain = GAIN_USUAL
  #retryMs = Number.NEGATIVE_INFINITY
  /** Counts the time in which something is said. Calls are too many to look at the clock for each. */
  #round = 0
  #roundMs = Number.NEGATIVE_INFINITY

  /** `awaitsTurnEnd`: `turnEnds` is to be called at the end of this turn. */
  constructor(clock: Clock, awaitsTurnEnd: () => void) {
    this.#clock = clock
    this.#awaitsTurnEnd = awaitsTurnEnd
  }

  /** The client has made a call. */
  asked(output: Output): void {
    output.askedRound = this.#round
  }

  /** Something is said: `tell` for each whom it is for, then `end`. */
  tell(output: Output, frame: FrameCopy): void {
    if (this.#round - output.askedRound <= ASKED_ROUNDS) return output.append(frame)
    if (output.appendLater(frame)) this.#waiting.push(output)
    // Not for who is written to anyway, or has no connection.
    if (output.waits) this.#said++
  }

  end(): void {
    if (this.#waiting.length === 0 || this.#isAwaited) return
    this.#isAwaited = true
    const leftMs = this.#dueMs - this.#clock.now()
    if (leftMs <= 0) return this.#awaitsTurnEnd()
    this.#hasWaited = true
    this.#clock.after(leftMs, () => {
      // Timers may come a little early.
      this.#dueMs = Number.NEGATIVE_INFINITY
      this.#awaitsTurnEnd()
    })
  }

  /** Lets what has waited for long enough leave with this turn. */
  turnEnds(): void {
    const nowMs = this.#clock.now()
    if (nowMs - this.#roundMs >= ROUND_MS) {
      this.#roundMs = nowMs
      this.#round++
    }
    const waiting = this.#waiting
    const { length } = waiting
    if (length === 0 || nowMs < this.#dueMs) return
    for (const output of waiting) output.endWait()
    waiting.length = 0
    this.#isAwaited = false
    if (this.#hasWaited) this.#judge(this.#said / length, nowMs)
    this.#said = 0
    if (nowMs >= this.#retryMs) this.#dueMs = nowMs + Math.min(length * MS_A_WRITE, WAIT_MS_MAX) * GRACE
  }

  #judge(gain: number, nowMs: number): void {
    this.#hasWaited = false
    this.#gain += (gain - this.#gain) * GAIN_SHARE
    if (this.#gain >= GAIN_MIN) return
    this.#gain = GAIN_USUAL
    this.#retryMs = nowMs + RETRY_MS
  }
}
