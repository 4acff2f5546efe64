// How long a message takes to the gate and back, and what time it is there. Each pong is a sample: the gate's clock was
// read somewhere between our two readings, so the shorter the way, the truer the sample.
//
//     ping ──────> gate reads its clock ──────> pong            offset = gate's time - middle of the two
//     └──────────────── ping ───────────────────┘               the best of the recent samples counts
import type { Clock } from '../base/clock.ts'

/** How many pings are remembered. */
export const PINGS_KEPT = 64
/** So many samples compete: half a minute's. */
const SAMPLES = 16
/** While its aim moves, the time that is told runs by so much faster or slower. */
const SLEW = 0.05
/** Farther off than this it jumps: another gate's clock, or one that was set. */
const JUMP_MS = 1_000

export class ServerClock {
  /** Round trip, smoothed as TCP does (RFC 6298). NaN before the first. */
  pingMs = Number.NaN
  /** How far round trips are from that, on average. NaN before the first. */
  jitterMs = Number.NaN
  /** The last round trips, newest last; NaN where there was none yet. */
  readonly pings: Float64Array = new Float64Array(PINGS_KEPT).fill(Number.NaN)
  readonly #clock: Clock
  /** Of the recent samples: round trip, offset. */
  readonly #samples: (readonly [ms: number, offsetMs: number])[] = []
  /** What is added to our clock to tell the server's, as of `#toldMs`; and what it should be. */
  #offsetMs = Number.NaN
  #aimMs = Number.NaN
  #toldMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds since 1970 on the server's clock; NaN before it has told. Goes back only when that did, by more than a second. */
  get timeMs(): number {
    const nowMs = this.#clock.now()
    const missingMs = this.#aimMs - this.#offsetMs
    const stepMs = SLEW * (nowMs - this.#toldMs)
    this.#toldMs = nowMs
    // Also when there was no offset before.
    const jumps = !(Math.abs(missingMs) > stepMs && Math.abs(missingMs) <= JUMP_MS)
    this.#offsetMs = jumps ? this.#aimMs : this.#offsetMs + Math.sign(missingMs) * stepMs
    return nowMs + this.#offsetMs
  }

  /** A ping that left at `sentMs` has come back, and says what time it was there. */
  ponged(sentMs: number, serverMs: number): void {
    const roundTripMs = this.#clock.now() - sentMs
    this.pings.copyWithin(0, 1)
    this.pings[PINGS_KEPT - 1] = roundTripMs
    if (Number.isNaN(this.pingMs)) {
      this.pingMs = roundTripMs
      this.jitterMs = roundTripMs / 2
    }
    this.jitterMs += (Math.abs(roundTripMs - this.pingMs) - this.jitterMs) / 4
    this.pingMs += (roundTripMs - this.pingMs) / 8
    this.sample(sentMs, serverMs)
  }

  /** What the server's clock said between `sentMs` and now. */
  sample(sentMs: number, serverMs: number): void {
    const ms = this.#clock.now() - sentMs
    const offsetMs = serverMs - sentMs - ms / 2
    let best = [ms, offsetMs] as const
    // When one clock cannot have given both, it was set between them.
    if (Math.abs(offsetMs - this.#aimMs) > JUMP_MS + ms) this.forgetSamples()
    if (this.#samples.push(best) > SAMPLES) this.#samples.shift()
    for (const sample of this.#samples) if (sample[0] < best[0]) best = sample
    // Up to now the time has run towards its old aim.
    void this.timeMs
    this.#aimMs = best[1]
  }

  /** What follows comes from another gate, with a clock of its own. */
  forgetSamples(): void {
    this.#samples.length = 0
  }
}
