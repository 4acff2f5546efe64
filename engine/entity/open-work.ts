// What the engine has promised authors and not yet answered: a game that ends or freezes waits for it, and one that
// freezes rejects what is still open then, as the process that waited will not be there any more.
import type { Clock } from '../base/clock.ts'

export class OpenWork {
  readonly #clock: Clock
  /** How each that is open is rejected. */
  readonly #open = new Set<(error: Error) => void>()
  #idle: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Settles as `promise` does, or before it with what `rejectAll` says. */
  track<T>(promise: Promise<T>): Promise<T> {
    const { promise: tracked, resolve, reject } = Promise.withResolvers<T>()
    this.#open.add(reject)
    const done = () => {
      this.#open.delete(reject)
      // What goes on with the answer may ask for more: it has this turn to do so.
      if (this.#open.size === 0) this.#clock.defer(() => this.#open.size === 0 && this.#idle?.())
    }
    promise.then(
      (value) => {
        done()
        resolve(value)
      },
      (error) => {
        done()
        reject(error)
      },
    )
    return tracked
  }

  /** Nobody waits any more. */
  rejectAll(error: Error): void {
    const open = [...this.#open]
    this.#open.clear()
    for (const reject of open) reject(error)
  }

  /** Resolves when nothing is open, or when `limitMs` are over, to how much still is. */
  async idle(limitMs: number): Promise<number> {
    if (this.#open.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const limit = this.#clock.after(limitMs, resolve)
      this.#idle = resolve
      await promise
      limit.cancel()
    }
    return this.#open.size
  }
}
