// When a game says what has moved: to the gates at once, or shortly after they have heard the last time, so that each client can
// hear of it at its own point in the interval; and once in an interval that this was all. Less often while it is behind, and
// then nothing in between, for positions are what it can leave out. Each flush has all that moved since the last one, so that
// only freshness is lost.
//
//     every interval ──late twice in a row──> every 2nd ──late──> every 4th ──late──> every 8th
//           ^                                     │  ^               │  ^               │
//           └───────────── a while on time ───────┘  └───────────────┘  └───────────────┘
//
// That its own timer comes late is how a game learns that it is behind: what it has to do between two beats takes longer
// than an interval.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'

/** What the game moves so shortly after the gates were told they are told of in one piece. */
const GATHER_MS = 14
/** The same of what clients have moved: that has waited for company at its gate (`engine/base/turn.ts`), and with several gates each has its own time. */
const GATHERED_MS = 5
const INTERVALS_MAX = 8
/** One beat that is late is a hiccup: a freeze, a large save, the machine. */
const LATE_BEATS = 2
/** So many beats on time are a sign that there is time to spare. */
const ON_TIME_BEATS = 10

export interface PositionFlushOptions {
  readonly clock: Clock
  readonly log: Log
  readonly intervalMs: number
  /** Says what has moved since the last time, and that this was all. */
  readonly flush: () => void
  /** Says what has moved since the last time. */
  readonly tellGates: () => void
}

export class PositionFlush {
  /** How many flushes were left out. */
  shed = 0
  readonly #options: PositionFlushOptions
  /** How many intervals there are from one flush to the next. */
  #intervals = 1
  #behind = false
  #lateBeats = 0
  #onTimeBeats = 0
  #dueMs = Number.POSITIVE_INFINITY
  #flushedMs = Number.NEGATIVE_INFINITY
  #toldMs = Number.NEGATIVE_INFINITY
  /** When the gates will be told, if they will. */
  #tellsMs = Number.POSITIVE_INFINITY
  #telling: Scheduled | undefined
  #stopped = false

  constructor(options: PositionFlushOptions) {
    this.#options = options
  }

  /** To be called once an interval, as well as the game can. */
  beat(): void {
    const { clock, intervalMs, flush } = this.#options
    const nowMs = clock.now()
    if (nowMs - this.#dueMs > intervalMs) this.#late()
    else this.#onTime()
    this.#dueMs = nowMs + intervalMs
    // By time and not by counting: beats that are late are fewer. Timers are not exact, hence the half.
    if (nowMs - this.#flushedMs < (this.#intervals - 0.5) * intervalMs) {
      this.shed++
      return
    }
    this.#flushedMs = nowMs
    this.#toldAt(nowMs)
    flush()
  }

  /** Something has moved that the gates have not heard of; `isGathered`: a gate has gathered it. */
  listed(isGathered: boolean): void {
    if (this.#behind || this.#stopped) return
    const { clock } = this.#options
    const nowMs = clock.now()
    const tellsMs = Math.max(nowMs, this.#toldMs + (isGathered ? GATHERED_MS : GATHER_MS))
    if (tellsMs >= this.#tellsMs) return
    this.#tellsMs = tellsMs
    this.#telling?.cancel()
    if (tellsMs > nowMs) this.#telling = clock.after(tellsMs - nowMs, this.#tell)
    else clock.defer(this.#tell)
  }

  readonly #tell = () => {
    if (this.#tellsMs === Number.POSITIVE_INFINITY || this.#stopped) return
    this.#toldAt(this.#options.clock.now())
    this.#options.tellGates()
  }

  #toldAt(nowMs: number): void {
    this.#toldMs = nowMs
    this.#tellsMs = Number.POSITIVE_INFINITY
    this.#telling?.cancel()
  }

  stop(): void {
    this.#stopped = true
    this.#telling?.cancel()
  }

  #late(): void {
    this.#onTimeBeats = 0
    if (++this.#lateBeats < LATE_BEATS) return
    this.#intervals = Math.min(this.#intervals * 2, INTERVALS_MAX)
    if (this.#behind) return
    this.#behind = true
    this.#options.log.warn('the game is behind: until it has caught up, positions go out less often')
  }

  #onTime(): void {
    this.#lateBeats = 0
    if (!this.#behind || ++this.#onTimeBeats < ON_TIME_BEATS) return
    this.#onTimeBeats = 0
    // Not over at once when it is down to one: the flushes themselves may be what is too much.
    if (this.#intervals > 1) {
      this.#intervals /= 2
      return
    }
    this.#behind = false
    this.#options.log.info('the game has caught up: positions go out as often as before')
  }
}
