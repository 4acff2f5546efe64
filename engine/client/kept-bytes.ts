// What was said on a session's stream and is not acknowledged: where the stream goes on, it is said again.
//
//     base                              end         offsets in the stream, modulo 2^32
//      | frame | frame | frame | frame | frame |
//      └─ written to some connection ─┘└ waiting for one
import { PacketWriter } from '../wire/packet.ts'

/** In one piece goes no more than this, unless a frame is longer: on a WebSocket it is one message, and a gate takes none of any length. */
const PIECE_BYTES_MAX = 16 * 1024

interface Frame {
  readonly bytes: Uint8Array
  /** Whether the server does something because of it that must not be done twice. */
  readonly isCall: boolean
}

export class KeptBytes {
  /** How much is kept. */
  bytes = 0
  #written: Frame[] = []
  #writtenBytes = 0
  #waiting: Frame[] = []
  #base = 0

  /** Calls that were on a connection: whether the peer has them is not known. */
  get unsureCalls(): number {
    return callsIn(this.#written)
  }

  add(bytes: Uint8Array, isCall: boolean): void {
    this.#waiting.push({ bytes, isCall })
    this.bytes += bytes.length
  }

  /** What waits for a connection, or the first of it: from now on it was on one. In one piece, which nobody may change. */
  next(): Uint8Array | undefined {
    let count = 0
    let bytes = 0
    for (const frame of this.#waiting) {
      if (count > 0 && bytes + frame.bytes.length > PIECE_BYTES_MAX) break
      bytes += frame.bytes.length
      count++
    }
    const [first, ...others] = this.#waiting.splice(0, count)
    if (!first) return undefined
    this.#written.push(first, ...others)
    this.#writtenBytes += bytes
    if (others.length === 0) return first.bytes
    const joined = new PacketWriter(bytes)
    joined.raw(first.bytes)
    for (const frame of others) joined.raw(frame.bytes)
    return joined.written()
  }

  /** The peer has all up to `offset`. Answers false when it cannot: no connection had so much. */
  taken(offset: number): boolean {
    const count = (offset - this.#base) | 0
    if (count > this.#writtenBytes) return false
    // It is less than nothing when it was said before a connection was lost, and the next one's welcome knew more.
    const written = this.#written
    let frames = 0
    let bytes = 0
    while (frames < written.length && bytes + written[frames]!.bytes.length <= count)
      bytes += written[frames++]!.bytes.length
    // All at once: of many, to take the first away costs as much as to take them all.
    written.splice(0, frames)
    this.#forget(bytes)
    return true
  }

  /** The peer has all up to `offset`, and is to have what follows. Answers false when it is not there any more, or never was. */
  rewind(offset: number): boolean {
    if (((offset - this.#base) | 0) < 0 || !this.taken(offset)) return false
    const half = (offset - this.#base) | 0
    const [first, ...others] = this.#written
    if (first) this.#waiting = [{ ...first, bytes: first.bytes.subarray(half) }, ...others, ...this.#waiting]
    this.#forget(half)
    this.#written = []
    this.#writtenBytes = 0
    return true
  }

  /** The stream begins anew, with what was on no connection. Answers how many calls there were in the rest. */
  anew(): number {
    const calls = this.unsureCalls
    this.bytes -= this.#writtenBytes
    this.#written = []
    this.#base = this.#writtenBytes = 0
    return calls
  }

  /** Forgets what was on no connection. Answers how many calls there were. */
  dropWaiting(): number {
    const calls = callsIn(this.#waiting)
    this.#waiting = []
    this.bytes = this.#writtenBytes
    return calls
  }

  #forget(count: number): void {
    this.#base = (this.#base + count) >>> 0
    this.bytes -= count
    this.#writtenBytes -= count
  }
}

function callsIn(frames: readonly Frame[]): number {
  let calls = 0
  for (const { isCall } of frames) if (isCall) calls++
  return calls
}
