// Errors of authors' code, in the log: each kind with its stack once, then counted, so that one method that a client can
// make throw does not fill the disk.
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

/** How long a kind of error is only counted after it was logged. */
const QUIET_MS = 10_000
/** Kinds that are told apart; messages may have anything in them. */
const KINDS_MAX = 1000

export class AuthorErrors {
  readonly #clock: Clock
  readonly #log: Log
  /** By kind: when it was logged last, and how often it has come since. */
  readonly #kinds = new Map<string, { loggedMs: number; more: number }>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** `what` begins the line; errors of one `place` with the same message are of one kind. */
  add(place: string, what: string, error: unknown): void {
    const message = messageOf(error)
    const kind = `${place} ${message.slice(0, 100)}`
    const nowMs = this.#clock.now()
    const known = this.#kinds.get(kind)
    if (known && nowMs - known.loggedMs < QUIET_MS) {
      known.more++
      return
    }
    if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear()
    this.#kinds.set(kind, { loggedMs: nowMs, more: 0 })
    const again = known && known.more > 0 ? ` (and ${known.more} times since it was last logged)` : ''
    const stack = error instanceof Error ? `\n${error.stack}` : ''
    this.#log.error(`${what}: ${message}${again}${stack}`)
  }
}
