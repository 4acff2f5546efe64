// Errors of authors' code, in the log: each kind with its stack once, then counted, so that one method that a client can
// make throw does not fill the disk.
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

/** How long a kind of error is only counted after it was logged. */
const QUIET_MS = 10_000
/** Kinds that are told apart; messages may have anything in them. */
const KINDS_MAX = 1000
/** So many of one place are told apart in that time: what a client sends may be in the message. */
const LINES_MAX = 10
const MESSAGE_CHARACTERS_MAX = 2000

export class AuthorErrors {
  readonly #clock: Clock
  readonly #log: Log
  /** By kind: when it was logged last, and how often it has come since. */
  readonly #kinds = new Map<string, { loggedMs: number; more: number }>()
  /** By place: how much of it was logged since when, and how many kinds were not. */
  readonly #places = new Map<string, { sinceMs: number; lines: number; more: number }>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** `what` begins the line; errors of one `place` with the same message are of one kind. */
  add(place: string, what: string, error: unknown): void {
    const whole = messageOf(error)
    const isLong = whole.length > MESSAGE_CHARACTERS_MAX
    const message = isLong ? `${whole.slice(0, MESSAGE_CHARACTERS_MAX)}…` : whole
    const kind = `${place} ${message.slice(0, 100)}`
    const nowMs = this.#clock.now()
    const known = this.#kinds.get(kind)
    if (known && nowMs - known.loggedMs < QUIET_MS) {
      known.more++
      return
    }
    const others = this.#pay(place, nowMs)
    if (others === undefined) return
    if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear()
    this.#kinds.set(kind, { loggedMs: nowMs, more: 0 })
    const again = known && known.more > 0 ? ` (and ${known.more} times since it was last logged)` : ''
    // It has the message in it.
    const stack = error instanceof Error && !isLong ? `\n${error.stack}` : ''
    this.#log.error(`${what}: ${message}${again}${others}${stack}`)
  }

  /** Answers what to say of those that were not logged, or undefined when this one is not either. */
  #pay(place: string, nowMs: number): string | undefined {
    let paid = this.#places.get(place)
    let others = ''
    if (!paid || nowMs - paid.sinceMs >= QUIET_MS) {
      if (paid && paid.more > 0) others = ` (and ${paid.more} others from here, which were only counted)`
      if (this.#places.size >= KINDS_MAX) this.#places.clear()
      paid = { sinceMs: nowMs, lines: 0, more: 0 }
      this.#places.set(place, paid)
    }
    if (paid.lines < LINES_MAX) {
      paid.lines++
      return others
    }
    paid.more++
    return undefined
  }
}
