// Reading and writing the fields of packets. Little-endian, as GoWorld writes them; browser-safe.
import { WireError } from '../base/errors.ts'
import { ID_BYTES } from '../base/id.ts'
import { larger } from '../base/larger.ts'

/** In front of a frame: u32 length of what follows. */
export const FRAME_LENGTH_BYTES = 4
/** In front of a frame's fields: the length, u16 message type. */
export const FRAME_HEADER_BYTES = 6

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// One float and its four bytes share this memory.
const float = new Float32Array(1)
const floatBytes = new Uint8Array(float.buffer)
// Longer strings gain from the platform's own decoder; shorter ones lose more in calling it.
const SHORT_TEXT = 48

/** Appends fields to a buffer that grows as needed and is reused by setting `at` back. */
export class PacketWriter {
  bytes: Uint8Array
  at = 0

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.at + count
    if (needed <= this.bytes.length) return
    this.bytes = larger(this.bytes, Math.max(needed, this.bytes.length * 2))
  }

  /** What has been written, as a view: valid until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }

  /** What has been written, as bytes of their own. */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.at)
  }

  u8(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  u16(value: number): void {
    this.reserve(2)
    const { bytes, at } = this
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    this.at = at + 2
  }

  u32(value: number): void {
    this.reserve(4)
    putU32(this.bytes, this.at, value)
    this.at += 4
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0)
  }

  f32(value: number): void {
    this.reserve(4)
    putF32(this.bytes, this.at, value)
    this.at += 4
  }

  id(id: string): void {
    if (id.length !== ID_BYTES) throw new WireError(`an id has 16 characters, '${id}' has ${id.length}`)
    this.reserve(ID_BYTES)
    const { bytes, at } = this
    for (let character = 0; character < ID_BYTES; character++) bytes[at + character] = id.charCodeAt(character)
    this.at = at + ID_BYTES
  }

  /** The bytes of `source` from `from` to `to`, as they are. */
  raw(source: Uint8Array, from = 0, to = source.length): void {
    const count = to - from
    this.reserve(count)
    const { bytes, at } = this
    if (count <= 64) for (let byte = 0; byte < count; byte++) bytes[at + byte] = source[from + byte]!
    else bytes.set(source.subarray(from, to), at)
    this.at = at + count
  }

  /** UTF-8 without a length in front; answers the number of bytes. */
  text(text: string): number {
    this.reserve(text.length * 3)
    const { bytes } = this
    const start = this.at
    const count = text.length
    for (let at = 0; at < count; at++) {
      const code = text.charCodeAt(at)
      if (code > 127) {
        const { written } = encoder.encodeInto(at === 0 ? text : text.slice(at), bytes.subarray(start + at))
        this.at = start + at + written
        return this.at - start
      }
      bytes[start + at] = code
    }
    this.at = start + count
    return count
  }

  varstr(text: string): void {
    this.u32(0)
    const start = this.at
    const count = this.text(text)
    putU32(this.bytes, start - 4, count)
  }

  varbytes(source: Uint8Array): void {
    this.u32(source.length)
    this.raw(source)
  }

  /** Where the fields of the frame that begins at `frame` are, if that is a message `code`; else, or where `frame` is -1, -1. */
  fieldsOf(frame: number, code: number): number {
    return frame >= 0 && getU16(this.bytes, frame + FRAME_LENGTH_BYTES) === code ? frame + FRAME_HEADER_BYTES : -1
  }

  /** Begins a frame of `type`; `endFrame` with the answer sets its length. */
  beginFrame(type: number): number {
    this.u32(0)
    this.u16(type)
    return this.at - FRAME_HEADER_BYTES
  }

  endFrame(start: number): void {
    putU32(this.bytes, start, this.at - start - 4)
  }
}

/** Reads fields one after the other; reading past the end throws WireError. */
export class PacketReader {
  bytes: Uint8Array
  at: number
  end: number

  constructor(bytes: Uint8Array = new Uint8Array(0), at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  /** Starts again on other bytes, so that one reader serves many packets. */
  reset(bytes: Uint8Array, at: number, end: number): this {
    this.bytes = bytes
    this.at = at
    this.end = end
    return this
  }

  get left(): number {
    return this.end - this.at
  }

  /** Steps over `count` bytes; answers where they began. */
  skip(count: number): number {
    const at = this.at
    if (count > this.end - at) throw new WireError(`a packet ends ${count - (this.end - at)} bytes too early`)
    this.at = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.skip(1)]!
  }

  u16(): number {
    const at = this.skip(2)
    return this.bytes[at]! | (this.bytes[at + 1]! << 8)
  }

  u32(): number {
    return getU32(this.bytes, this.skip(4))
  }

  bool(): boolean {
    return this.u8() !== 0
  }

  f32(): number {
    return getF32(this.bytes, this.skip(4))
  }

  id(): string {
    return readLatin1(this.bytes, this.skip(ID_BYTES), ID_BYTES)
  }

  varstr(): string {
    const count = this.u32()
    return readText(this.bytes, this.skip(count), count)
  }

  /** A view of the bytes, not a copy: valid as long as the packet is. */
  varbytes(): Uint8Array {
    const count = this.u32()
    const at = this.skip(count)
    return this.bytes.subarray(at, at + count)
  }

  /** A view of all that is left. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.skip(this.left), this.end)
  }

  /** Throws unless everything has been read. */
  finish(): void {
    if (this.left > 0) throw new WireError(`a packet has ${this.left} bytes too many`)
  }
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

export const getU32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0

export const getU16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

export function putF32(bytes: Uint8Array, at: number, value: number): void {
  float[0] = value
  bytes[at] = floatBytes[0]!
  bytes[at + 1] = floatBytes[1]!
  bytes[at + 2] = floatBytes[2]!
  bytes[at + 3] = floatBytes[3]!
}

export function getF32(bytes: Uint8Array, at: number): number {
  floatBytes[0] = bytes[at]!
  floatBytes[1] = bytes[at + 1]!
  floatBytes[2] = bytes[at + 2]!
  floatBytes[3] = bytes[at + 3]!
  return float[0]!
}

/**
 * One character a byte. Several in one call, for each call costs as much as several characters: an id in two, where one
 * by one it takes four times as long (Node 24).
 */
export function readLatin1(bytes: Uint8Array, at: number, count: number): string {
  const end = at + count
  let text = ''
  for (; at + 12 <= end; at += 12)
    text += String.fromCharCode(
      bytes[at]!,
      bytes[at + 1]!,
      bytes[at + 2]!,
      bytes[at + 3]!,
      bytes[at + 4]!,
      bytes[at + 5]!,
      bytes[at + 6]!,
      bytes[at + 7]!,
      bytes[at + 8]!,
      bytes[at + 9]!,
      bytes[at + 10]!,
      bytes[at + 11]!,
    )
  for (; at + 4 <= end; at += 4) text += String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!)
  if (end - at === 3) return text + String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!)
  if (end - at === 2) return text + String.fromCharCode(bytes[at]!, bytes[at + 1]!)
  return at < end ? text + String.fromCharCode(bytes[at]!) : text
}

export function readText(bytes: Uint8Array, at: number, count: number): string {
  if (count <= SHORT_TEXT) {
    let bits = 0
    for (let byte = at; byte < at + count; byte++) bits |= bytes[byte]!
    if (bits < 128) return readLatin1(bytes, at, count)
  }
  try {
    return decoder.decode(bytes.subarray(at, at + count))
  } catch {
    throw new WireError('a string is not UTF-8')
  }
}

/** Whether the 16 bytes at `a` of `left` and at `b` of `right` are the same id. */
export function sameId(left: Uint8Array, a: number, right: Uint8Array, b: number): boolean {
  for (let byte = 0; byte < ID_BYTES; byte++) if (left[a + byte] !== right[b + byte]) return false
  return true
}
