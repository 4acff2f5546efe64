// A slow and lossy way to the server, for developers: what goes and comes is held back as a network would. Streams keep
// their order: what is lost comes one retransmission later, and all behind it waits, as on TCP.
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { ByteStream } from './stream.ts'

/** What TCP waits at the least before it sends again (Linux). */
const RETRANSMISSION_MS_MIN = 200

export class Latency {
  readonly #clock: Clock
  readonly #random: Random
  #roundTripMs = 0
  #jitterMs = 0
  #loss = 0
  #isNone = true

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** From now on a round trip takes `ms`, more or less by up to `jitterMs`, and one in 1/`loss` chunks is lost. */
  set(ms: number, jitterMs: number, loss: number): void {
    if (!(ms >= 0 && jitterMs >= 0 && ms + jitterMs < Number.POSITIVE_INFINITY && loss >= 0 && loss < 1))
      throw new RangeError(`a latency of ${ms} ± ${jitterMs} ms with a loss of ${loss} there is not`)
    this.#roundTripMs = ms
    this.#jitterMs = jitterMs
    this.#loss = loss
    this.#isNone = ms === 0 && jitterMs === 0 && loss === 0
  }

  /** The stream, with what goes and what comes held back by half of the latency each. */
  over(stream: ByteStream): ByteStream {
    const out = new DelayLine(this, this.#clock)
    const back = new DelayLine(this, this.#clock)
    return {
      get bufferedBytes() {
        return stream.bufferedBytes
      },
      write: (bytes) => (out.isOpen ? stream.write(bytes) : out.run(() => stream.write(bytes))),
      onData: (handler) =>
        stream.onData((chunk) => {
          if (back.isOpen) return handler(chunk)
          const held = chunk.slice()
          back.run(() => handler(held))
        }),
      onClose: (handler) => stream.onClose((reason, onPurpose) => back.run(() => handler(reason, onPurpose))),
      close: () => out.run(() => stream.close()),
    }
  }

  get isNone(): boolean {
    return this.#isNone
  }

  /** How long the next chunk takes, one way. */
  drawMs(): number {
    if (this.#isNone) return 0
    const ms = (this.#roundTripMs + (this.#random() * 2 - 1) * this.#jitterMs) / 2
    const lostMs = this.#random() < this.#loss ? Math.max(RETRANSMISSION_MS_MIN, this.#roundTripMs) : 0
    return Math.max(0, ms) + lostMs
  }
}

/** One direction of one stream: actions run later, and none before those that came before it. */
class DelayLine {
  readonly #latency: Latency
  readonly #clock: Clock
  readonly #held: (() => void)[] = []
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(latency: Latency, clock: Clock) {
    this.#latency = latency
    this.#clock = clock
  }

  /** Nothing is held back. */
  get isOpen(): boolean {
    return this.#latency.isNone && this.#held.length === 0
  }

  run(action: () => void): void {
    const ms = this.#latency.drawMs()
    if (ms === 0 && this.#held.length === 0) return action()
    const nowMs = this.#clock.now()
    this.#lastMs = Math.max(this.#lastMs, nowMs + ms)
    this.#held.push(action)
    // Timers may be late by different amounts: whichever fires, the first in line is let go.
    this.#clock.after(this.#lastMs - nowMs, () => this.#held.shift()!())
  }
}
