// The end of a turn of the event loop, when a process sends what the turn has gathered.
//
//     packets arrive ─> calls run ─> … ─> end of turn: stage 1 (flush attributes), stage 2 (flush links), …
//
// Whoever gathers something asks for the end of the turn; the stages then run once each, in order. What may wait asks for
// later: it leaves with whatever leaves next, and at once when nothing has left for as long as it may wait.
import type { Clock } from './clock.ts'

/** How long what may wait does: a write costs more than most of what it writes. */
const LATER_MS = 4

export class Turn {
  readonly #clock: Clock
  readonly #stages: (() => void)[] = []
  #requested = false
  #waits = false
  #waitedMs = Number.NEGATIVE_INFINITY
  readonly #run = () => {
    this.#requested = false
    for (const stage of this.#stages) stage()
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Adds a stage after those that are there. */
  stage(run: () => void): void {
    this.#stages.push(run)
  }

  /** Asks for the stages to run at the end of this turn. Cheap when already asked. */
  request(): void {
    if (this.#requested) return
    this.#requested = true
    this.#clock.defer(this.#run)
  }

  /** Asks for the stages to run within a few milliseconds. Cheap when already asked. */
  requestLater(): void {
    if (this.#requested || this.#waits) return
    const nowMs = this.#clock.now()
    const leftMs = this.#waitedMs + LATER_MS - nowMs
    this.#waitedMs = Math.max(nowMs, nowMs + leftMs)
    if (leftMs <= 0) return this.request()
    this.#waits = true
    this.#clock.after(leftMs, () => {
      this.#waits = false
      this.request()
    })
  }
}
