// A slow and lossy way to the server, for developers: what goes and comes is held back as a network would. Streams keep
// their order: what is lost comes one retransmission later, and all behind it waits, as on TCP.
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { ByteStream } from './stream.ts'

/** What TCP waits at the least before it sends again (Linux). */
const RETRANSMISSION_MS_MIN = 200

export class Latency {
  readonly clock: Clock
  readonly #random: Random
  #roundTripMs = 0
  #jitterMs = 0
  #loss = 0

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    this.#random = random
  }

  /** From now on a round trip takes `ms`, more or less by up to `jitterMs`, and one in 1/`loss` chunks is lost. */
  set(ms: number, jitterMs: number, loss: number): void {
    if (!(ms >= 0 && jitterMs >= 0 && ms < Number.POSITIVE_INFINITY && jitterMs < Number.POSITIVE_INFINITY))
      throw new RangeError(`latency of ${ms} ± ${jitterMs} ms: none may be negative`)
    if (!(loss >= 0 && loss < 1)) throw new RangeError(`loss of ${loss}: it is between 0 and 1`)
    this.#roundTripMs = ms
    this.#jitterMs = jitterMs
    this.#loss = loss
  }

  /** The stream, with what goes and what comes held back by half of the latency each. */
  over(stream: ByteStream): ByteStream {
    const out = new DelayLine(this)
    const back = new DelayLine(this)
    return {
      get bufferedBytes() {
        return stream.bufferedBytes
      },
      write: (bytes) => out.pass(() => stream.write(bytes)),
      // The chunk is the stream's again when this has returned; while nothing is held back, that is early enough.
      onData: (handler) => stream.onData((chunk) => back.pass(handler, chunk)),
      onClose: (handler) => stream.onClose((reason, onPurpose) => back.pass(() => handler(reason, onPurpose))),
      close: () => out.pass(() => stream.close()),
    }
  }

  /** How long the next chunk takes, one way. */
  drawMs(): number {
    let ms = this.#roundTripMs / 2
    if (this.#jitterMs > 0) ms = Math.max(0, ms + (this.#random() - 0.5) * this.#jitterMs)
    if (this.#loss > 0 && this.#random() < this.#loss) ms += Math.max(RETRANSMISSION_MS_MIN, this.#roundTripMs)
    return ms
  }
}

/** One direction. */
class DelayLine {
  readonly #latency: Latency
  readonly #held: (() => void)[] = []
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(latency: Latency) {
    this.#latency = latency
  }

  pass(action: () => void): void
  pass(action: (chunk: Uint8Array) => void, chunk: Uint8Array): void
  pass(action: (chunk: Uint8Array) => void, chunk?: Uint8Array): void {
    const delayMs = this.#latency.drawMs()
    if (delayMs === 0 && this.#held.length === 0) return action(chunk!)
    const { clock } = this.#latency
    const nowMs = clock.now()
    this.#lastMs = Math.max(this.#lastMs, nowMs + delayMs)
    const kept = chunk && new Uint8Array(chunk)
    this.#held.push(() => action(kept!))
    // Timers may be late by different amounts: whichever fires, the first in line is let go.
    clock.after(this.#lastMs - nowMs, () => this.#held.shift()!())
  }
}
