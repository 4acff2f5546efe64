// A slow and lossy way to the server, for developers: what goes and comes is held back as a network would. Streams keep
// their order: what is lost comes one retransmission later, and all behind it waits, as on TCP.
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { ByteStream } from './stream.ts'

/** What TCP waits at the least before it sends again (Linux). */
const RETRANSMISSION_MS_MIN = 200

/** Runs an action later, with a copy of the chunk if there is one, and none before those that came before it. */
type DelayLine = (action: (chunk: Uint8Array) => void, chunk?: Uint8Array) => void

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
    const out = this.#delayLine()
    const back = this.#delayLine()
    return {
      get bufferedBytes() {
        return stream.bufferedBytes
      },
      write: (bytes) => out(() => stream.write(bytes)),
      onData: (handler) => stream.onData((chunk) => back(handler, chunk)),
      onClose: (handler) => stream.onClose((reason, onPurpose) => back(() => handler(reason, onPurpose))),
      close: () => out(() => stream.close()),
    }
  }

  /** One direction of one stream. */
  #delayLine(): DelayLine {
    const held: (() => void)[] = []
    let lastMs = Number.NEGATIVE_INFINITY
    return (action, chunk) => {
      const ms = this.#drawMs()
      if (ms === 0 && held.length === 0) return action(chunk!)
      const nowMs = this.#clock.now()
      lastMs = Math.max(lastMs, nowMs + ms)
      const kept = chunk?.slice()
      held.push(() => action(kept!))
      // Timers may be late by different amounts: whichever fires, the first in line is let go.
      this.#clock.after(lastMs - nowMs, () => held.shift()!())
    }
  }

  /** How long the next chunk takes, one way. */
  #drawMs(): number {
    if (this.#isNone) return 0
    const ms = (this.#roundTripMs + (this.#random() * 2 - 1) * this.#jitterMs) / 2
    const lostMs = this.#random() < this.#loss ? Math.max(RETRANSMISSION_MS_MIN, this.#roundTripMs) : 0
    return Math.max(0, ms) + lostMs
  }
}
