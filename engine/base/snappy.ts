// Snappy's block format (github.com/google/snappy, format_description.txt): up to 65,536 bytes, said again where they were said
// before. Each block stands for itself.
//
//     block:    | length as a varint | element | element | …
//     literal:  | n - 1 in 6 bits, 00 | n bytes |                    60 to 63: n - 1 stands in the 1 to 4 bytes behind
//     copy:     | offset / 256 in 3 bits, n - 4 in 3 bits, 01 | offset % 256 |          n = 4 … 11, offset < 2048
//               | n - 1 in 6 bits, 10 | offset, 2 bytes |
//               | n - 1 in 6 bits, 11 | offset, 4 bytes |                  never written here: a block is shorter
//
// Both ways work within one array, a `Bench`, from one place of it to another: so a copy needs no view of a part, and what reads
// and writes by words may go a word too far where there is room.
import { WireError } from './errors.ts'

export const BLOCK_BYTES_MAX = 65_536
/** By so much whoever copies by words may go beyond an end. */
export const SLACK_BYTES = 64

/** What a block of so many bytes takes at the most. */
export const blockBytesMax = (length: number): number => 32 + length + Math.floor(length / 6)

export class Bench {
  readonly bytes: Uint8Array
  readonly view: DataView

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.view = new DataView(this.bytes.buffer)
  }
}

const TABLE_BITS_MAX = 14
const TABLE_BITS_MIN = 8
/** The last bytes are not searched: so all that is read by words lies within the block. */
const TAIL_BYTES = 15
/** After so many places without a find every second one is skipped, and so on: what cannot be compressed costs little. */
const PATIENCE_BITS = 5
/** Longer ones are left to the machine, which takes a moment to begin. */
const WORDS_BYTES_MAX = 64

/**
 * Where four bytes of a hash were seen last: `base` + place. Whatever is smaller than `base` was seen in an earlier block, perhaps of
 * another connection, and is as good as nothing: so the table need not be cleared for each.
 */
const table = new Int32Array(1 << TABLE_BITS_MAX)
let base = 1

/** Compresses the `length` bytes at `from`, to what is at `to` and behind; answers where that ends. */
export function compressBlock({ bytes, view }: Bench, from: number, length: number, to: number): number {
  let at = to
  let rest = length
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = rest | 0x80
  bytes[at++] = rest
  if (base > 0x7fff_ffff - 2 * BLOCK_BYTES_MAX) {
    table.fill(0)
    base = 1
  }
  const bits = Math.min(TABLE_BITS_MAX, Math.max(TABLE_BITS_MIN, 32 - Math.clz32(length - 1)))
  const shift = 32 - bits
  // What is added to a place for the table.
  const mark = base - from
  base += length
  const end = from + length
  const last = end - TAIL_BYTES
  /** Up to here all is said. */
  let said = from
  let here = from + 1
  search: while (here < last) {
    let tries = 1 << PATIENCE_BITS
    let word = view.getInt32(here, true)
    let found: number
    for (;;) {
      const slot = Math.imul(word, 0x1e35_a7bd) >>> shift
      found = table[slot]! - mark
      table[slot] = here + mark
      if (found >= from && view.getInt32(found, true) === word) break
      here += tries++ >>> PATIENCE_BITS
      if (here >= last) break search
      word = view.getInt32(here, true)
    }
    if (said < here) at = putLiteral(bytes, view, said, here, at)
    // What follows a copy is often another one.
    for (;;) {
      const offset = here - found
      const begin = here
      here += 4
      let differs = 0
      while (here <= end - 4) {
        differs = view.getInt32(here, true) ^ view.getInt32(here - offset, true)
        if (differs !== 0) break
        here += 4
      }
      if (differs !== 0) here += (31 - Math.clz32(differs & -differs)) >>> 3
      else while (here < end && bytes[here] === bytes[here - offset]) here++
      at = putCopy(bytes, offset, here - begin, at)
      said = here
      if (here >= last) break search
      table[Math.imul(view.getInt32(here - 1, true), 0x1e35_a7bd) >>> shift] = here - 1 + mark
      word = view.getInt32(here, true)
      const slot = Math.imul(word, 0x1e35_a7bd) >>> shift
      found = table[slot]! - mark
      table[slot] = here + mark
      if (found < from || view.getInt32(found, true) !== word) break
    }
    here++
  }
  return said < end ? putLiteral(bytes, view, said, end, at) : at
}

function putLiteral(bytes: Uint8Array, view: DataView, from: number, to: number, at: number): number {
  const length = to - from
  if (length <= 60) bytes[at++] = (length - 1) << 2
  else if (length <= 256) {
    bytes[at++] = 60 << 2
    bytes[at++] = length - 1
  } else {
    bytes[at++] = 61 << 2
    bytes[at++] = length - 1
    bytes[at++] = (length - 1) >>> 8
  }
  if (length > WORDS_BYTES_MAX) bytes.copyWithin(at, from, to)
  else for (let n = 0; n < length; n += 4) view.setInt32(at + n, view.getInt32(from + n, true), true)
  return at + length
}

function putCopy(bytes: Uint8Array, offset: number, length: number, at: number): number {
  // The last is of four at least, and of eleven at the most where that is shorter.
  for (; length > 64; length -= length >= 68 ? 64 : 60) at = putLongCopy(bytes, offset, length >= 68 ? 64 : 60, at)
  if (length > 11 || offset >= 2048) return putLongCopy(bytes, offset, length, at)
  bytes[at] = ((offset >>> 8) << 5) | ((length - 4) << 2) | 1
  bytes[at + 1] = offset
  return at + 2
}

function putLongCopy(bytes: Uint8Array, offset: number, length: number, at: number): number {
  bytes[at] = ((length - 1) << 2) | 2
  bytes[at + 1] = offset
  bytes[at + 2] = offset >>> 8
  return at + 3
}

/** How many bytes the block that begins at `from` says it has: more than BLOCK_BYTES_MAX, or what is no number, is a WireError. */
export function lengthOfBlock(bytes: Uint8Array, from: number, to: number): number {
  let length = 0
  // 65,536 takes three bytes; that more are written than are needed is allowed.
  for (let at = from, shift = 0; at < to && shift < 35; at++, shift += 7) {
    const byte = bytes[at]!
    length += (byte & 0x7f) * 2 ** shift
    if (byte >= 0x80) continue
    if (length > BLOCK_BYTES_MAX) throw new WireError(`a block of ${length} bytes; allowed are ${BLOCK_BYTES_MAX}`)
    return length
  }
  throw new WireError('a block whose length cannot be read')
}

/**
 * Decompresses the block between `from` and `to`, which has `length` bytes (`lengthOfBlock`), to what is at `at`. Behind either end there
 * is SLACK_BYTES of room. Throws WireError for what is no block.
 */
export function decompressBlock({ bytes, view }: Bench, from: number, to: number, at: number, length: number): void {
  let here = from
  while (bytes[here]! >= 0x80) here++
  here++
  const begin = at
  const end = at + length
  while (here < to) {
    const tag = bytes[here++]!
    let count = tag >>> 2
    let offset: number
    switch (tag & 3) {
      case 0: {
        if (count >= 60) {
          const more = count - 59
          if (more > to - here) throw cutOff()
          count = 0
          for (let n = more - 1; n >= 0; n--) count = count * 256 + bytes[here + n]!
          here += more
        }
        count++
        if (count > to - here) throw cutOff()
        if (count > end - at) throw tooMuch()
        if (count > WORDS_BYTES_MAX) bytes.copyWithin(at, here, here + count)
        else for (let n = 0; n < count; n += 4) view.setInt32(at + n, view.getInt32(here + n, true), true)
        here += count
        at += count
        continue
      }
      case 1:
        if (here >= to) throw cutOff()
        count = (count & 7) + 4
        offset = ((tag >>> 5) << 8) | bytes[here]!
        here++
        break
      case 2:
        if (to - here < 2) throw cutOff()
        count++
        offset = bytes[here]! | (bytes[here + 1]! << 8)
        here += 2
        break
      default:
        if (to - here < 4) throw cutOff()
        count++
        offset = view.getUint32(here, true)
        here += 4
    }
    if (offset === 0 || offset > at - begin) throw new WireError('a block that says again what it never said')
    if (count > end - at) throw tooMuch()
    // A word is there before it is said again, or bytes are taken one by one: a copy may overlap itself.
    if (offset >= 4)
      for (let n = 0; n < count; n += 4) view.setInt32(at + n, view.getInt32(at + n - offset, true), true)
    else for (let n = 0; n < count; n++) bytes[at + n] = bytes[at + n - offset]!
    at += count
  }
  if (at !== end) throw new WireError('a block that is shorter than it says')
}

const cutOff = () => new WireError('a block that is cut off')
const tooMuch = () => new WireError('a block that is longer than it says')
