// Where a session finds a gate, one target after the other, and how long it waits before it tries again.
import type { Random } from '../base/random.ts'
import type { ByteStream } from './stream.ts'

/** Makes a connection to one gate, each time a new one. */
export type Target = () => ByteStream

const WAIT_MS_FIRST = 100
const WAIT_MS_MAX = 5_000

export class Targets {
  readonly #targets: readonly Target[]
  readonly #random: Random
  #at = 0

  constructor(targets: readonly Target[], random: Random) {
    this.#targets = targets
    this.#random = random
  }

  /** Connects to where it worked last, then to the others in turn. */
  open(): ByteStream {
    return this.#targets[this.#at]!()
  }

  /** The one that was tried does not work, or is about to end. */
  next(): void {
    this.#at = (this.#at + 1) % this.#targets.length
  }

  /** How long to wait before a try, from 1 on: twice as long each time, and anything below that, so that not all come at once. */
  waitMs(attempt: number): number {
    return this.#random() * Math.min(WAIT_MS_MAX, WAIT_MS_FIRST * 2 ** Math.min(attempt - 1, 16))
  }
}
