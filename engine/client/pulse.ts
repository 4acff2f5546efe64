// What a session's connection does by itself, four times a second: it acknowledges what has come, in front of something
// that is said anyway when there is such; it pings, which measures the way and agrees on the time; and it finds out when
// the connection is dead though nobody has ended it.
//
//     something comes ─ tick: ripe, goes in front of what is said next ─ tick: is said by itself
import type { Clock, Scheduled } from '../base/clock.ts'
import { sessionMessages } from '../wire/client-wire.ts'
import { frameOf } from '../wire/table.ts'
import type { ServerClock } from './server-clock.ts'

const TICK_MS = 250
/** So much is acknowledged without waiting. */
const AT_ONCE_BYTES = 32 * 1024
/** A ping so often; the first ones come with each tick: until then nothing is known. */
const PING_MS = 2_000
const QUICK_PINGS = 5
/** A tick that is so late comes when something is heard: a browser lets the timers of a hidden page run once a minute. */
const LATE_MS = 1_000
/** A connection is dead when so many pings had no answer of any kind for so many ticks. */
const SILENT_PINGS = 3
const SILENT_TICKS = 12
/** By the number, modulo this, it is remembered when a ping left. */
const UNDER_WAY = 64

export interface PulseOwner {
  /** Says an acknowledgement or a ping. */
  say(frame: Uint8Array): void
  /** Nothing comes any more. */
  silent(): void
}

export class Pulse {
  /** How much of the gate's stream has come since it began, modulo 2^32. */
  received = 0
  /** Whether the acknowledgement is to go in front of what is said next. */
  isRipe = false
  readonly #owner: PulseOwner
  readonly #clock: Clock
  readonly #serverClock: ServerClock
  readonly #sentMs = new Float64Array(UNDER_WAY)
  #said = 0
  /** Of what is not acknowledged: acknowledgements and the like, which alone are no reason to answer. */
  #control = 0
  #pings = 0
  #pingedMs = 0
  /** Pings before this one went over another connection. */
  #firstPing = 0
  #ticks = 0
  #unanswered = 0
  #silentTicks = 0
  #timer: Scheduled | undefined
  #tickedMs = 0

  constructor(owner: PulseOwner, clock: Clock, serverClock: ServerClock) {
    this.#owner = owner
    this.#clock = clock
    this.#serverClock = serverClock
  }

  /** A connection is there, or in doubt. */
  begin(): void {
    this.stop()
    this.#firstPing = this.#pings
    this.#ticks = this.#unanswered = this.#silentTicks = 0
    this.#tick()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** So much has come, and is about to be heard. */
  came(bytes: number): void {
    this.received = (this.received + bytes) >>> 0
    this.#unanswered = this.#silentTicks = 0
  }

  /** So much of what has come needs no answer. */
  cameControl(bytes: number): void {
    this.#control += bytes
  }

  /** It has been heard. */
  heed(): void {
    if (this.#clock.now() - this.#tickedMs >= TICK_MS + LATE_MS) {
      this.stop()
      this.#tick()
    }
    if (this.#unsaid >= AT_ONCE_BYTES) this.#owner.say(this.acknowledge())
  }

  /** The frame that says how much has come. */
  acknowledge(): Uint8Array {
    this.told(this.received)
    return frameOf(sessionMessages.received, { bytes: this.received })
  }

  /** The gate knows that so much has come. */
  told(received: number): void {
    this.#said = received
    this.#control = 0
    this.isRipe = false
  }

  ponged(no: number, serverMs: number): void {
    if (no >= this.#firstPing && no < this.#pings && this.#pings - no <= UNDER_WAY)
      this.#serverClock.ponged(this.#sentMs[no % UNDER_WAY]!, serverMs)
  }

  get #unsaid(): number {
    return (this.received - this.#said) >>> 0
  }

  #tick(): void {
    if (this.#unanswered >= SILENT_PINGS && ++this.#silentTicks > SILENT_TICKS) return this.#owner.silent()
    this.#tickedMs = this.#clock.now()
    this.#timer = this.#clock.after(TICK_MS, () => this.#tick())
    const wasRipe = this.isRipe
    this.isRipe = this.#unsaid > this.#control
    if (this.#ticks < QUICK_PINGS || this.#tickedMs - this.#pingedMs >= PING_MS) this.#ping()
    else if (wasRipe) this.#owner.say(this.acknowledge())
    this.#ticks++
  }

  #ping(): void {
    this.#unanswered++
    this.#pingedMs = this.#clock.now()
    this.#sentMs[this.#pings % UNDER_WAY] = this.#pingedMs
    // It takes along also what would not be said by itself.
    this.isRipe = this.#unsaid > 0
    this.#owner.say(frameOf(sessionMessages.ping, { no: this.#pings++ }))
  }
}
