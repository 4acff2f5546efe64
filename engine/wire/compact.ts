// Positions for our own clients (message 3106): five bytes where GoWorld's form takes 32. An entity is a number that the client
// was told (message 3105), coordinates are whole steps of a power of two, and what is told is mostly how far it has moved.
//
//     message   | u32 timeMs | i8 step | record | record | …            one step is 2^-step units; yaw has YAW_STEP
//               no record: nothing that the client sees has moved since it was told last
//     record    | varint: number << 5 | form | x? | y? | z? | yaw? |     zigzag varints, in steps
//
//     form      0 0 0 0 0   floats: f32 x y z yaw follow. For what no whole number of steps can say
//               0 w z y x   difference: bits name what has changed, and what follows is by how much
//               1 w z y x   whole: the place itself; what is not named is 0
//
// A difference is to the place that the same client was told of last, in the same step. So it is encoded once for all who
// have not missed anything; whoever has, or is new, gets the whole place. Differences wrap around at 32 bits.
//
// Yaw: nobody says whether it is degrees or radians. 1/256 is a fifth of a degree in radians, which nobody sees; in degrees
// a turn of up to 32 is still two bytes, and a turn of 14 degrees in radians is one.
import { WireError } from '../base/errors.ts'
import { larger } from '../base/larger.ts'
import { getF32, putF32 } from './packet.ts'

/** Of x, y and z where a space does not say otherwise: 1/64. */
export const DEFAULT_STEP = 6
/** 2^-20 to 2^20: finer is less than a float says, coarser is no place any more. */
export const STEP_MAX = 20
export const YAW_STEP = 8
export const NUMBER_MAX = 0xffff
/** No record takes more. */
export const COMPACT_BYTES_MAX = 3 + 4 * 5
/** u32 time, i8 step: in front of the records of a message. */
export const COMPACT_HEADER_BYTES = 5

/** Where in an encoder's words the whole place begins. */
const WHOLE_AT = 24

const FORM_BITS = 5
const WHOLE = 1 << 4
const FLOATS = 0
/** No form, and no step. */
const NOT_MADE = -1
const NOT_TOLD = 127
const YAW_UNIT = 2 ** YAW_STEP

/** The step whose length is a power of two at or below `length`. */
export const stepOf = (length: number): number => Math.ceil(-Math.log2(length)) + 0

/** What clients were told last of an entity's place, in steps. */
export class ToldPlace {
  x = 0
  y = 0
  z = 0
  yaw = 0
  /** Of x, y and z, or NOT_TOLD: there is nothing that a difference could be made to. */
  step = NOT_TOLD
}

/** Makes both forms of a record, to be copied to many. What varies from client to client, the number, comes in front. */
export class CompactEncoder {
  /** The difference, and how many bytes it takes behind the number. Without any (form 0) there is nothing to tell. */
  difference = 0
  differenceBytes = 0
  /** Whether the difference is one: who was told of the place before needs no more. */
  follows = false
  readonly #bytes = new Uint8Array(WHOLE_AT + 24)
  /** The difference begins at 0, in words of 64 bits. */
  readonly words = new DataView(this.#bytes.buffer)
  #told = new ToldPlace()
  /** The whole place, or floats. Made when it is asked for: most have missed nothing. */
  #whole = NOT_MADE
  #wholeBytes = 0
  #at = 0
  #step = 0
  #unit = 1

  /** Encodes a place; `told` is what clients know of it so far, and will be what they know then. */
  encode(told: ToldPlace, x: number, y: number, z: number, yaw: number, step: number): void {
    if (step !== this.#step) {
      this.#step = step
      this.#unit = 2 ** step
    }
    const unit = this.#unit
    const stepsX = Math.round(x * unit)
    const stepsY = Math.round(y * unit)
    const stepsZ = Math.round(z * unit)
    const stepsYaw = Math.round(yaw * YAW_UNIT)
    this.#told = told
    if (!isInt32(stepsX) || !isInt32(stepsY) || !isInt32(stepsZ) || !isInt32(stepsYaw))
      return this.#floats(x, y, z, yaw)

    this.#whole = NOT_MADE
    this.follows = told.step === step
    this.#at = 0
    this.difference = this.#put(
      (stepsX - told.x) | 0,
      (stepsY - told.y) | 0,
      (stepsZ - told.z) | 0,
      (stepsYaw - told.yaw) | 0,
    )
    this.differenceBytes = this.#at
    told.x = stepsX | 0
    told.y = stepsY | 0
    told.z = stepsZ | 0
    told.yaw = stepsYaw | 0
    told.step = step
  }

  /** Puts the record with the whole place at `at`, where there is room for three words behind the number; answers where it ends. */
  putWhole(target: DataView, at: number, number: number): number {
    if (this.#whole === NOT_MADE) {
      const { x, y, z, yaw } = this.#told
      this.#at = WHOLE_AT
      this.#whole = WHOLE | this.#put(x, y, z, yaw)
      this.#wholeBytes = this.#at - WHOLE_AT
    }
    const rest = putHead(target, at, number, this.#whole)
    for (let word = 0; word < 24; word += 8) target.setBigInt64(rest + word, this.words.getBigInt64(WHOLE_AT + word))
    return rest + this.#wholeBytes
  }

  #floats(x: number, y: number, z: number, yaw: number): void {
    const bytes = this.#bytes
    this.follows = false
    this.#told.step = NOT_TOLD
    this.#whole = FLOATS
    this.#wholeBytes = 16
    putF32(bytes, WHOLE_AT, x)
    putF32(bytes, WHOLE_AT + 4, y)
    putF32(bytes, WHOLE_AT + 8, z)
    putF32(bytes, WHOLE_AT + 12, yaw)
  }

  /** Answers which of them are not 0. */
  #put(x: number, y: number, z: number, yaw: number): number {
    let form = 0
    if (x !== 0) {
      form = 1
      this.#varint(x)
    }
    if (y !== 0) {
      form |= 2
      this.#varint(y)
    }
    if (z !== 0) {
      form |= 4
      this.#varint(z)
    }
    if (yaw !== 0) {
      form |= 8
      this.#varint(yaw)
    }
    return form
  }

  #varint(value: number): void {
    const bytes = this.#bytes
    let at = this.#at
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    for (; rest > 127; rest >>>= 7) bytes[at++] = rest | 128
    bytes[at++] = rest
    this.#at = at
  }
}

/** Puts a record's first bytes at `at`; answers where the rest of it belongs. */
export function putHead(target: DataView, at: number, number: number, form: number): number {
  const head = (number << FORM_BITS) | form
  if (head < 0x80) {
    target.setUint8(at, head)
    return at + 1
  }
  if (head < 0x4000) {
    target.setUint16(at, (head & 127) | 128 | ((head >> 7) << 8), true)
    return at + 2
  }
  target.setUint16(at, (head & 127) | 128 | ((((head >> 7) & 127) | 128) << 8), true)
  target.setUint8(at + 2, head >> 14)
  return at + 3
}

/** The records of one message, read as a whole before any of them is heeded. */
export class CompactRecords {
  count = 0
  /** By the record: its entity's number. */
  numbers = new Uint16Array(16)
  /** By the record. */
  #forms = new Uint8Array(16)
  // Four to a record: whole steps, or the bits of floats.
  #steps = new Int32Array(64)
  #floats = new Float32Array(this.#steps.buffer)
  #bytes: Uint8Array = nothing
  #at = 0
  #end = 0

  /** Throws WireError for what are no records, and then has none. */
  read(bytes: Uint8Array, at: number, end: number): void {
    this.count = 0
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    let count = 0
    while (this.#at < end) {
      if (count === this.numbers.length) this.#grow()
      const head = this.#varint()
      const number = head >>> FORM_BITS
      if (number === 0 || number > NUMBER_MAX) throw new WireError(`a position of an entity with number ${number}`)
      this.numbers[count] = number
      this.#readFields(count, head & ((1 << FORM_BITS) - 1))
      count++
    }
    this.#bytes = nothing
    this.count = count
  }

  /** Whether the record's fields are the place itself and not steps. */
  isFloats(record: number): boolean {
    return this.#forms[record] === FLOATS
  }

  /** Whether its fields are how far the entity has moved since the last record of it. */
  isDifference(record: number): boolean {
    const form = this.#forms[record]!
    return form !== FLOATS && (form & WHOLE) === 0
  }

  /** A field of the record, 0 to 3 for x, y, z and yaw: steps, or what it is. */
  field(record: number, field: number): number {
    return this.#forms[record] === FLOATS ? this.#floats[record * 4 + field]! : this.#steps[record * 4 + field]!
  }

  #readFields(record: number, form: number): void {
    const first = record * 4
    for (let field = 0; field < 4; field++) {
      if (form === FLOATS) this.#floats[first + field] = this.#float()
      else this.#steps[first + field] = form & (1 << field) ? unzigzag(this.#varint()) : 0
    }
    this.#forms[record] = form
  }

  #varint(): number {
    const bytes = this.#bytes
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.#end) break
      const byte = bytes[this.#at++]!
      // The fifth byte has the last four of 32 bits.
      if (shift === 28 && byte > 15) break
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    throw new WireError('a position that is cut off, or too long')
  }

  #float(): number {
    const at = this.#at
    if (at + 4 > this.#end) throw new WireError('a position that is cut off')
    this.#at = at + 4
    const value = getF32(this.#bytes, at)
    if (!Number.isFinite(value)) throw new WireError('a position that is no number')
    return value
  }

  #grow(): void {
    this.numbers = larger(this.numbers)
    this.#forms = larger(this.#forms)
    this.#steps = larger(this.#steps)
    this.#floats = new Float32Array(this.#steps.buffer)
  }
}

const nothing = new Uint8Array(0)
/** Not for NaN. */
const isInt32 = (value: number) => (value | 0) === value
const unzigzag = (value: number) => (value >>> 1) ^ -(value & 1)

/** The step of a message that a client reads. Throws WireError for one that no space has. */
export function readStep(byte: number): number {
  const step = (byte << 24) >> 24
  if (Math.abs(step) > STEP_MAX) throw new WireError(`positions in steps of 2^${-step}`)
  return step
}

/** The time nearest to `nearMs` that `timeMs`, which is modulo 2^32, may be. */
export function unwrapTime(timeMs: number, nearMs: number): number {
  const near = Math.floor(nearMs)
  return near + ((timeMs - near) | 0)
}
