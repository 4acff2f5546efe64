// The end of a turn of the event loop, when a process sends what the turn has gathered.
//
//     packets arrive ─> calls run ─> … ─> end of turn: stage 1 (flush attributes), stage 2 (flush links), …
//
// Whoever gathers something asks for the end of the turn; the stages then run once each, in order.
import type { Clock } from './clock.ts'

export class Turn {
  readonly #clock: Clock
  readonly #stages: (() => void)[] = []
  #requested = false
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
}
