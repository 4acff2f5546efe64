// Cuts a byte stream into frames: u32 length, then that many bytes. Nothing is copied while whole frames lie in one
// chunk; what is cut off waits in a buffer that grows with what has really arrived, never with what was announced.
//
//     chunk 1            chunk 2
//     | len | frame | len | fra|   |me | len | frame |
//                     └─ waits ─────┘
import { WireError } from '../base/errors.ts'
import { larger } from '../base/larger.ts'
import { FRAME_LENGTH_BYTES, getU32 } from './packet.ts'

/** Gets each frame's payload as a range of `bytes`, valid until it returns. Answers false to stop the reader. */
export type OnFrame = (bytes: Uint8Array, start: number, end: number) => boolean | undefined

export class FrameReader {
  readonly #onFrame: OnFrame
  readonly #minBytes: number
  readonly #maxBytes: number
  readonly #reusedBytes: number
  #waiting = new Uint8Array(0)
  #waitingBytes = 0
  #stopped = false

  /**
   * Frames shorter than `minBytes` or longer than `maxBytes` make `push` throw WireError. A buffer of up to
   * `reusedBytes` is kept for the next frame that is cut off: for the few peers that send much.
   */
  constructor(
    onFrame: OnFrame,
    { minBytes = 2, maxBytes, reusedBytes = 0 }: { minBytes?: number; maxBytes: number; reusedBytes?: number },
  ) {
    this.#reusedBytes = reusedBytes
    this.#onFrame = onFrame
    this.#minBytes = minBytes
    this.#maxBytes = maxBytes
  }

  /** Bytes of an unfinished frame that wait for their rest. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Answers how much of the chunk it has taken: all of it, unless it is stopped. */
  push(chunk: Uint8Array): number {
    if (this.#stopped) return 0
    let at = 0
    if (this.#waitingBytes > 0) {
      at = this.#complete(chunk)
      if (at < 0) return chunk.length
    }
    while (!this.#stopped && chunk.length - at >= FRAME_LENGTH_BYTES) {
      const length = this.#check(getU32(chunk, at))
      const end = at + FRAME_LENGTH_BYTES + length
      if (end > chunk.length) break
      this.#emit(chunk, at + FRAME_LENGTH_BYTES, end)
      at = end
    }
    if (this.#stopped) return at
    if (at < chunk.length) this.#keep(chunk, at, chunk.length)
    return chunk.length
  }

  /** Adds what the waiting frame lacks; answers where the chunk goes on, or -1 when the frame still waits. */
  #complete(chunk: Uint8Array): number {
    let at = 0
    if (this.#waitingBytes < FRAME_LENGTH_BYTES) {
      at = Math.min(FRAME_LENGTH_BYTES - this.#waitingBytes, chunk.length)
      this.#keep(chunk, 0, at)
      if (this.#waitingBytes < FRAME_LENGTH_BYTES) return -1
    }
    const whole = FRAME_LENGTH_BYTES + this.#check(getU32(this.#waiting, 0))
    const take = Math.min(whole - this.#waitingBytes, chunk.length - at)
    this.#keep(chunk, at, at + take)
    if (this.#waitingBytes < whole) return -1
    const frame = this.#waiting
    this.#waitingBytes = 0
    // Whoever gets the frame may use it until it returns, and nothing is pushed before that.
    if (frame.length > this.#reusedBytes) this.#waiting = new Uint8Array(0)
    this.#emit(frame, FRAME_LENGTH_BYTES, whole)
    return at + take
  }

  #check(length: number): number {
    if (length >= this.#minBytes && length <= this.#maxBytes) return length
    this.#stopped = true
    throw new WireError(`a frame of ${length} bytes; allowed are ${this.#minBytes} to ${this.#maxBytes}`)
  }

  #emit(bytes: Uint8Array, start: number, end: number): void {
    if (this.#onFrame(bytes, start, end) === false) this.#stopped = true
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#waitingBytes + to - from
    if (needed > this.#waiting.length) {
      const twice = Math.min(this.#waiting.length * 2, this.#maxBytes + FRAME_LENGTH_BYTES)
      this.#waiting = larger(this.#waiting, Math.max(needed, twice, 64))
    }
    this.#waiting.set(chunk.subarray(from, to), this.#waitingBytes)
    this.#waitingBytes = needed
  }
}
