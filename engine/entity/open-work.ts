// Counts what the engine has promised authors and not yet answered, so that a game does not end in the middle of it.
import type { Clock } from '../base/clock.ts'

export class OpenWork {
  readonly #clock: Clock
  #open = 0
  #idle: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  track<T>(promise: Promise<T>): Promise<T> {
    this.#open++
    const done = () => {
      this.#open--
      // What goes on with the answer may ask for more: it has this turn to do so.
      if (this.#open === 0) this.#clock.defer(() => this.#open === 0 && this.#idle?.())
    }
    promise.then(done, done)
    return promise
  }

  /** Resolves when nothing is open, or when `limitMs` are over, to how much still is. */
  async idle(limitMs: number): Promise<number> {
    if (this.#open > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const limit = this.#clock.after(limitMs, resolve)
      this.#idle = resolve
      await promise
      limit.cancel()
    }
    return this.#open
  }
}
