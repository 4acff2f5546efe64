// How much of the gate's stream has come, and when the gate is told, so that it need not keep it: in front of something
// that is said anyway when there is such, by itself when much has come or some time ago.
import type { Clock, Scheduled } from '../base/clock.ts'
import { sessionMessages } from '../wire/client-wire.ts'
import { PacketWriter } from '../wire/packet.ts'

/** From then on it goes in front of another frame. */
const RIDES_MS = 250
const RIDES_BYTES = 8 * 1024
/** And then by itself. */
const LATEST_MS = 500
const LATEST_BYTES = 32 * 1024

export class Acknowledgements {
  /** How much has come since the stream began, modulo 2^32. */
  received = 0
  readonly #clock: Clock
  readonly #due: () => void
  #said = 0
  /** Of what is not acknowledged: acknowledgements and the like, which alone are no reason to answer. */
  #control = 0
  #timer: Scheduled | undefined
  #sinceMs = 0

  /** `due` runs when it should be said by itself. */
  constructor(clock: Clock, due: () => void) {
    this.#clock = clock
    this.#due = due
  }

  get unsaidBytes(): number {
    return (this.received - this.#said) >>> 0
  }

  /** Whether what is said now should take it along. */
  get rides(): boolean {
    if (this.unsaidBytes >= RIDES_BYTES) return true
    return this.#timer !== undefined && this.#clock.now() - this.#sinceMs >= RIDES_MS
  }

  came(bytes: number): void {
    this.received = (this.received + bytes) >>> 0
  }

  /** So much of what has come needs no answer. */
  cameControl(bytes: number): void {
    this.#control += bytes
  }

  /** What has come has been heard. */
  heed(): void {
    const unsaid = this.unsaidBytes
    if (unsaid >= LATEST_BYTES) return this.#due()
    if (unsaid <= this.#control || this.#timer) return
    this.#sinceMs = this.#clock.now()
    this.#timer = this.#clock.after(LATEST_MS, () => {
      this.#timer = undefined
      if (this.unsaidBytes > this.#control) this.#due()
    })
  }

  /** The frame that says it. */
  frame(): Uint8Array {
    const writer = new PacketWriter(16)
    sessionMessages.received.write(writer, { bytes: this.received })
    this.told(this.received)
    return writer.written()
  }

  /** The gate knows that so much has come. */
  told(received: number): void {
    this.#said = received
    this.#control = 0
    this.stop()
  }

  begin(): void {
    this.received = 0
    this.told(0)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
