// One message on its way to many clients: written once, then copied to each, with the client's id put in its place.
//
//     | u32 length | u16 type | u16 gate | client id: 16 | body … |     10xx: addressed
//     | u32 length | u16 type | body …                            |     1501: the same for all
import { ID_BYTES } from '../../engine/base/id.ts'
import { FRAME_HEADER_BYTES, putU32 } from '../../engine/wire/packet.ts'

/** Where in an addressed frame the client's id must be put. */
export const CLIENT_ID_AT = FRAME_HEADER_BYTES + 2
const ADDRESS_BYTES = 2 + ID_BYTES
/** Where in an addressed frame the id is that its body begins with. */
export const ENTITY_ID_AT = FRAME_HEADER_BYTES + ADDRESS_BYTES
const USUAL_BYTES = 4096
// A scratch that one huge message made larger is let go again.
const KEPT_BYTES_MAX = 256 * 1024

export class FrameCopy {
  length = 0
  /** Whether it names its client. */
  addressed = false
  /** Whether the id that its body begins with is for the copier to put in. */
  nameless = false
  #scratch: Uint8Array
  /** The frame itself, as a part of the scratch: made once a message, so that a copy for a client makes nothing. */
  #frame: Uint8Array

  constructor(bytes = USUAL_BYTES) {
    this.#scratch = new Uint8Array(bytes)
    this.#frame = this.#scratch
  }

  /** How long a frame it has room for. */
  get capacity(): number {
    return this.#scratch.length
  }

  /** A message that names its gate and client; the client's id is for the copier to put in. */
  setAddressed(type: number, gateId: number, body: Uint8Array, start: number, end: number): void {
    this.#begin(type, ADDRESS_BYTES, body, start, end)
    this.#address(gateId)
  }

  /** The same without the id at the beginning of its body, which `nameEntity` puts there. */
  setNameless(type: number, gateId: number, rest: Uint8Array, start: number, end: number): void {
    this.#begin(type, ADDRESS_BYTES + ID_BYTES, rest, start, end)
    this.#address(gateId)
    this.nameless = true
  }

  nameEntity(bytes: Uint8Array, at: number): void {
    const frame = this.#frame
    for (let byte = 0; byte < ID_BYTES; byte++) frame[ENTITY_ID_AT + byte] = bytes[at + byte]!
  }

  /** A message that is the same for all. */
  set(type: number, body: Uint8Array, start: number, end: number): void {
    this.#begin(type, 0, body, start, end)
  }

  /** The same message as the other, whatever becomes of that. */
  copy(other: FrameCopy): void {
    this.#begin(0, 0, other.#frame, FRAME_HEADER_BYTES, other.length)
    this.#frame.set(other.#frame.subarray(0, FRAME_HEADER_BYTES))
    this.addressed = other.addressed
    this.nameless = other.nameless
  }

  /** Copies the frame to `at` of `bytes`. */
  copyTo(bytes: Uint8Array, at: number): void {
    bytes.set(this.#frame, at)
  }

  #address(gateId: number): void {
    this.#frame[FRAME_HEADER_BYTES] = gateId
    this.#frame[FRAME_HEADER_BYTES + 1] = gateId >>> 8
    this.addressed = true
  }

  #begin(type: number, headBytes: number, body: Uint8Array, start: number, end: number): void {
    const bodyAt = FRAME_HEADER_BYTES + headBytes
    const length = bodyAt + end - start
    const scratchBytes = this.#scratch.length
    if (length > scratchBytes || (scratchBytes > KEPT_BYTES_MAX && length <= USUAL_BYTES))
      this.#scratch = new Uint8Array(Math.max(length, USUAL_BYTES))
    const frame = this.#scratch.subarray(0, length)
    this.#frame = frame
    this.length = length
    this.addressed = false
    this.nameless = false
    putU32(frame, 0, length - 4)
    frame[4] = type
    frame[5] = type >>> 8
    frame.set(body.subarray(start, end), bodyAt)
  }
}
