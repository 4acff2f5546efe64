// Snappy's framing format (github.com/google/snappy, framing_format.txt): a stream of bytes as chunks, each of which can be read
// as soon as it is whole.
//
//     | ff 06 00 00 | sNaPpY |                     in front of all others; may come again
//     | 00 | length, 3 bytes | checksum | block |  compressed (`snappy.ts`), 65,536 bytes of the stream at the most
//     | 01 | length, 3 bytes | checksum | bytes |  as they are, where compressing them gains nothing
//     | 80 to fe | length, 3 bytes | … |           to be skipped; 02 to 7f end the stream
//
// The checksum is the CRC-32C of the bytes of the stream, turned and shifted.
import { crc32c } from './crc32c.ts'
import { WireError } from './errors.ts'
import { larger } from './larger.ts'
import {
  Bench,
  BLOCK_BYTES_MAX,
  blockBytesMax,
  compressBlock,
  decompressBlock,
  lengthOfBlock,
  SLACK_BYTES,
} from './snappy.ts'

const COMPRESSED = 0x00
const UNCOMPRESSED = 0x01
const SKIPPABLE_MIN = 0x80
const IDENTIFIER = 0xff

const HEADER_BYTES = 4
const CHECKSUM_BYTES = 4
const MAGIC = Uint8Array.from('sNaPpY', (character) => character.charCodeAt(0))
const BEGIN = Uint8Array.from([IDENTIFIER, MAGIC.length, 0, 0, ...MAGIC])
const CHUNK_BYTES_MAX = HEADER_BYTES + CHECKSUM_BYTES + blockBytesMax(BLOCK_BYTES_MAX)
/** By type, of those whose chunks may not be as long as they like. */
const LENGTHS_MAX: Readonly<Record<number, number>> = {
  [COMPRESSED]: CHUNK_BYTES_MAX - HEADER_BYTES,
  [UNCOMPRESSED]: CHECKSUM_BYTES + BLOCK_BYTES_MAX,
  [IDENTIFIER]: MAGIC.length,
}
/** Nothing in so few bytes is said twice. */
const BLOCK_BYTES_MIN = 17

/** Whether a stream that begins so is one of snappy's. */
export function isSnappy(bytes: Uint8Array): boolean {
  return bytes.length >= BEGIN.length && BEGIN.every((byte, at) => bytes[at] === byte)
}

const masked = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) | 0

// --- writing ---------------------------------------------------------------------------------------------------------

const MADE_AT = BLOCK_BYTES_MAX + SLACK_BYTES
const making = new Bench(MADE_AT + BEGIN.length + CHUNK_BYTES_MAX + SLACK_BYTES)

/**
 * Makes a chunk of the bytes from `from` up to `to`, BLOCK_BYTES_MAX at the most. `isFirst`: with what a stream begins with. The answer is
 * the same memory each time: take what is in it before the next call.
 */
export function chunkOf(bytes: Uint8Array, from: number, to: number, isFirst: boolean): Uint8Array {
  const { bytes: room, view } = making
  const length = to - from
  room.set(length === bytes.length ? bytes : bytes.subarray(from, to))
  if (isFirst) room.set(BEGIN, MADE_AT)
  const head = isFirst ? MADE_AT + BEGIN.length : MADE_AT
  const body = head + HEADER_BYTES + CHECKSUM_BYTES
  let type = COMPRESSED
  let end = length < BLOCK_BYTES_MIN ? Number.POSITIVE_INFINITY : compressBlock(making, 0, length, body)
  // To take it apart costs the peer more than an eighth of the way would.
  if (end - body > length - (length >>> 3)) {
    type = UNCOMPRESSED
    room.copyWithin(body, 0, length)
    end = body + length
  }
  view.setInt32(head, type | ((end - head - HEADER_BYTES) << 8), true)
  view.setInt32(head + HEADER_BYTES, masked(crc32c(room, view, 0, length)), true)
  return room.subarray(MADE_AT, end)
}

// --- reading ---------------------------------------------------------------------------------------------------------

const READ_AT = CHUNK_BYTES_MAX + SLACK_BYTES
const newReading = () => new Bench(READ_AT + BLOCK_BYTES_MAX + SLACK_BYTES)
/** One for all streams, while no handler of one makes another be read. */
let reading: Bench | undefined

/** Gets bytes of the stream, valid until it returns. Answers false to stop the reader for now. */
export type OnBytes = (bytes: Uint8Array) => boolean

export class SnappyReader {
  /** Bytes that have come, and of which nothing came: chunks to be skipped, and a begin that comes again. */
  skippedBytes = 0
  /** Whether the stream has begun as one of snappy's. */
  hasBegun = false
  readonly #onBytes: OnBytes
  /** The chunk of which the end has not come. Grows with what has come, never with what was announced. */
  #waiting = new Uint8Array(0)
  #waitingBytes = 0
  /** Of the chunk that is being skipped. */
  #skip = 0
  /** Bytes of the stream that nobody has been given yet: several chunks that come at once are handed on as one. */
  #filled = 0

  constructor(onBytes: OnBytes) {
    this.#onBytes = onBytes
  }

  /** Bytes of an unfinished chunk that wait for their rest. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /**
   * Takes bytes as they came, cut anywhere. Answers how much it has taken: all of it, unless it was stopped; give it the rest when it
   * is to go on. Throws WireError for what is no snappy stream: what comes then is not to be given to it.
   */
  push(chunk: Uint8Array): number {
    const bench = reading ?? newReading()
    reading = undefined
    this.#filled = 0
    try {
      const taken = this.#read(chunk, bench)
      if (this.#filled > 0) this.#give(bench)
      return taken
    } finally {
      reading = bench
    }
  }

  #read(chunk: Uint8Array, bench: Bench): number {
    let at = 0
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at)
        this.#skip -= skipped
        this.skippedBytes += skipped
        at += skipped
      } else if (this.#waitingBytes > 0 || chunk.length - at < HEADER_BYTES) {
        at = this.#complete(chunk, at, bench)
      } else {
        const whole = this.#check(chunk, at)
        if (chunk[at]! >= SKIPPABLE_MIN && chunk[at] !== IDENTIFIER) {
          this.#beginToSkip(whole)
          at += HEADER_BYTES
        } else if (chunk.length - at < whole) {
          at = this.#keep(chunk, at, whole)
        } else {
          if (!this.#take(chunk, at, at + whole, bench)) return at
          at += whole
        }
      }
    }
    return at
  }

  /** Adds what the waiting chunk lacks, and takes it when it is whole; answers where the bytes go on. */
  #complete(chunk: Uint8Array, from: number, bench: Bench): number {
    let at = from
    if (this.#waitingBytes < HEADER_BYTES) at = this.#keep(chunk, at, HEADER_BYTES)
    if (this.#waitingBytes < HEADER_BYTES) return at
    const waiting = this.#waiting
    const whole = this.#check(waiting, 0)
    if (waiting[0]! >= SKIPPABLE_MIN && waiting[0] !== IDENTIFIER) {
      this.#beginToSkip(whole)
    } else {
      at = this.#keep(chunk, at, whole)
      if (this.#waitingBytes < whole) return at
      // Nothing was in front of it that would have to be given before.
      this.#take(this.#waiting, 0, whole, bench)
    }
    this.#waiting = new Uint8Array(0)
    this.#waitingBytes = 0
    return at
  }

  /** Looks at the header of a chunk; answers how long the chunk is with it. */
  #check(bytes: Uint8Array, at: number): number {
    const type = bytes[at]!
    const length = bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16)
    if (!this.hasBegun && type !== IDENTIFIER) throw new WireError('it does not begin as a snappy stream')
    if (type > UNCOMPRESSED && type < SKIPPABLE_MIN) throw new WireError(`a chunk of type ${type}, which is unknown`)
    const least = type === IDENTIFIER ? MAGIC.length : type <= UNCOMPRESSED ? CHECKSUM_BYTES : 0
    const most = LENGTHS_MAX[type] ?? length
    if (length < least || length > most)
      throw new WireError(`a chunk of type ${type} and ${length} bytes; allowed are ${least} to ${most}`)
    return HEADER_BYTES + length
  }

  #beginToSkip(whole: number): void {
    this.#skip = whole - HEADER_BYTES
    this.skippedBytes += HEADER_BYTES
  }

  /** Takes a whole chunk. Answers false when it was stopped in front of it. */
  #take(bytes: Uint8Array, from: number, to: number, bench: Bench): boolean {
    const type = bytes[from]!
    if (type === IDENTIFIER) {
      if (!isSnappy(bytes.subarray(from, to))) throw new WireError('it does not begin as a snappy stream')
      if (this.hasBegun) this.skippedBytes += to - from
      this.hasBegun = true
      return true
    }
    const body = from + HEADER_BYTES + CHECKSUM_BYTES
    const length = type === COMPRESSED ? lengthOfBlock(bytes, body, to) : to - body
    if (this.#filled + length > BLOCK_BYTES_MAX && !this.#give(bench)) return false
    const at = READ_AT + this.#filled
    if (type === COMPRESSED) {
      bench.bytes.set(bytes.subarray(body, to))
      decompressBlock(bench, 0, to - body, at, length)
    } else {
      bench.bytes.set(bytes.subarray(body, to), at)
    }
    const sum = body - CHECKSUM_BYTES
    const said = bytes[sum]! | (bytes[sum + 1]! << 8) | (bytes[sum + 2]! << 16) | (bytes[sum + 3]! << 24)
    if (masked(crc32c(bench.bytes, bench.view, at, at + length)) !== said)
      throw new WireError('a chunk with a wrong checksum')
    this.#filled += length
    if (length === 0) this.skippedBytes += to - from
    return true
  }

  #give(bench: Bench): boolean {
    const count = this.#filled
    this.#filled = 0
    return this.#onBytes(bench.bytes.subarray(READ_AT, READ_AT + count))
  }

  /** Adds to the waiting chunk up to `whole` bytes of it; answers where the bytes go on. */
  #keep(chunk: Uint8Array, from: number, whole: number): number {
    const to = Math.min(from + whole - this.#waitingBytes, chunk.length)
    const needed = this.#waitingBytes + to - from
    if (needed > this.#waiting.length)
      this.#waiting = larger(this.#waiting, Math.min(Math.max(needed, this.#waiting.length * 2, 64), CHUNK_BYTES_MAX))
    this.#waiting.set(chunk.subarray(from, to), this.#waitingBytes)
    this.#waitingBytes = needed
    return to
  }
}
