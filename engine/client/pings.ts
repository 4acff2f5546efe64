// Pings: they measure the way, agree on the time, and find out that a connection is dead which nobody has ended.
import type { Clock, Scheduled } from '../base/clock.ts'
import type { ServerClock } from './server-clock.ts'

const INTERVAL_MS = 2_000
/** The first ones come quickly: until then nothing is known. */
const QUICK_MS = 250
const QUICK = 5
/** A connection is dead when so many had no answer of any kind, for so long. */
const SILENT_PINGS = 3
const SILENT_MS = 3_000
/** Power of two: by the number, modulo this, it is remembered when a ping left. */
const UNDER_WAY = 64

export interface PingsOwner {
  ping(no: number): void
  /** Nothing comes any more. */
  silent(): void
}

export class Pings {
  readonly #owner: PingsOwner
  readonly #clock: Clock
  readonly #serverClock: ServerClock
  readonly #sentMs = new Float64Array(UNDER_WAY)
  #no = 0
  /** Those before it went over another connection. */
  #firstNo = 0
  #quick = 0
  #unanswered = 0
  #heardMs = 0
  #timer: Scheduled | undefined

  constructor(owner: PingsOwner, clock: Clock, serverClock: ServerClock) {
    this.#owner = owner
    this.#clock = clock
    this.#serverClock = serverClock
  }

  /** A connection is there, or is in doubt. */
  begin(): void {
    this.stop()
    this.#firstNo = this.#no
    this.#quick = QUICK
    this.heard()
    this.#ping()
  }

  /** Something has come. */
  heard(): void {
    this.#unanswered = 0
    this.#heardMs = this.#clock.now()
  }

  ponged(no: number, serverMs: number): void {
    const age = (this.#no - 1 - no) >>> 0
    if (age < UNDER_WAY && age < this.#no - this.#firstNo)
      this.#serverClock.ponged(this.#sentMs[no % UNDER_WAY]!, serverMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #ping(): void {
    const nowMs = this.#clock.now()
    if (this.#unanswered >= SILENT_PINGS && nowMs - this.#heardMs >= SILENT_MS) return this.#owner.silent()
    this.#unanswered++
    this.#sentMs[this.#no % UNDER_WAY] = nowMs
    this.#owner.ping(this.#no++)
    if (this.#quick > 0) this.#quick--
    this.#timer = this.#clock.after(this.#quick > 0 ? QUICK_MS : INTERVAL_MS, () => this.#ping())
  }
}
