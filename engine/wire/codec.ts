// MessagePack as GoWorld's clients speak it. Encoding is our own, straight into the packet: integers beyond 32 bits
// go out as int64 and never as doubles, undefined as nil, and what another language could not read (Date, Set, class
// instances) is refused with its place named. Decoding, with its checks, is in `decoder.ts`.
import { WireError } from '../base/errors.ts'
import { type Data, DEPTH_MAX, decode } from './decoder.ts'
import { type PacketReader, type PacketWriter, putU32, PacketWriter as Writer } from './packet.ts'

export { type Data, type DataList, type DataMap, decode } from './decoder.ts'

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)

/** Appends one MessagePack value. Throws TypeError, with the place in `value`, for what cannot be said. */
export function writeValue(writer: PacketWriter, value: unknown, depth = 0): void {
  switch (typeof value) {
    case 'undefined':
      return writer.u8(0xc0)
    case 'boolean':
      return writer.u8(value ? 0xc3 : 0xc2)
    case 'number':
      return writeNumber(writer, value)
    case 'string':
      return writeString(writer, value)
    case 'bigint':
      return writeBigInt(writer, value)
    case 'object':
      if (value === null) return writer.u8(0xc0)
      if (depth >= DEPTH_MAX) throw new TypeError(`a value nested deeper than ${DEPTH_MAX} levels cannot be sent`)
      if (Array.isArray(value)) return writeList(writer, value, depth)
      if (value instanceof Uint8Array) return writeBinary(writer, value)
      return writeMap(writer, value, depth)
    default:
      throw new TypeError(`a ${typeof value} cannot be sent`)
  }
}

/** Appends a value with its u32 length in front (`data` in the protocol's tables). */
export function writeData(writer: PacketWriter, value: unknown): void {
  writer.u32(0)
  const start = writer.at
  writeValue(writer, value)
  putU32(writer.bytes, start - 4, writer.at - start)
}

/** Appends a u16 count and that many `data` (`args` in the protocol's tables). */
export function writeArgs(writer: PacketWriter, args: readonly unknown[]): void {
  writer.u16(args.length)
  for (let at = 0; at < args.length; at++) writeData(writer, args[at])
}

/** What a writer of `encodeArgs` may keep. */
const KEPT_BYTES_MAX = 256 * 1024
/** By how many are under way: to read a value may run a getter, and that may make a call of its own. */
const argsWriters: PacketWriter[] = []
let argsUnderWay = 0

/** The same on its own, before anything of a frame is written: a value may turn out to be one that cannot be sent. Valid until the next. */
export function encodeArgs(args: readonly unknown[]): PacketWriter {
  let writer = argsWriters[argsUnderWay]
  if (writer === undefined || writer.bytes.length > KEPT_BYTES_MAX) {
    writer = new Writer(1024)
    argsWriters[argsUnderWay] = writer
  }
  writer.at = 0
  argsUnderWay++
  try {
    writeArgs(writer, args)
  } finally {
    argsUnderWay--
  }
  return writer
}

const scratch = new Writer(1024)

/** One value as bytes of their own. */
export function encode(value: unknown): Uint8Array {
  scratch.at = 0
  writeValue(scratch, value)
  return scratch.copy()
}

/** Reads a value with its length in front. */
export function readData(reader: PacketReader): Data {
  const count = reader.u32()
  const at = reader.skip(count)
  return decode(reader.bytes, at, at + count)
}

export function readArgs(reader: PacketReader): Data[] {
  const count = reader.u16()
  // Each takes five bytes at the least: an announced count that cannot be there allocates nothing.
  if (count * 5 > reader.left) throw new WireError(`${count} arguments do not fit in ${reader.left} bytes`)
  const args: Data[] = new Array(count)
  for (let at = 0; at < count; at++) args[at] = readData(reader)
  return args
}

function writeNumber(writer: PacketWriter, value: number): void {
  if (!Number.isInteger(value) || Object.is(value, -0)) return writeDouble(writer, value)
  if (value >= 0) {
    if (value < 0x80) writer.u8(value)
    else if (value <= 0xff) prefixed(writer, 0xcc, value, 1)
    else if (value <= 0xffff) prefixed(writer, 0xcd, value, 2)
    else if (value <= 0xffffffff) prefixed(writer, 0xce, value, 4)
    else writeWide(writer, value)
  } else if (value >= -32) writer.u8(value & 0xff)
  else if (value >= -0x80) prefixed(writer, 0xd0, value, 1)
  else if (value >= -0x8000) prefixed(writer, 0xd1, value, 2)
  else if (value >= -0x80000000) prefixed(writer, 0xd2, value, 4)
  else writeWide(writer, value)
}

function prefixed(writer: PacketWriter, code: number, value: number, byteCount: number): void {
  writer.reserve(1 + byteCount)
  const { bytes } = writer
  let at = writer.at
  bytes[at++] = code
  for (let shift = (byteCount - 1) * 8; shift >= 0; shift -= 8) bytes[at++] = value >>> shift
  writer.at = at
}

function writeWide(writer: PacketWriter, value: number): void {
  // A whole number too large to be exact is a measurement, not a count: it stays a double.
  if (!Number.isSafeInteger(value)) return writeDouble(writer, value)
  writeBigInt(writer, BigInt(value))
}

function writeBigInt(writer: PacketWriter, value: bigint): void {
  const signed = value >= -(2n ** 63n) && value < 2n ** 63n
  if (!signed && (value < 0n || value >= 2n ** 64n)) throw new TypeError(`${value} does not fit in 64 bits`)
  const bits = BigInt.asUintN(64, value)
  prefixed(writer, signed ? 0xd3 : 0xcf, Number(bits >> 32n), 4)
  const low = Number(bits & 0xffffffffn)
  writer.reserve(4)
  for (let shift = 24; shift >= 0; shift -= 8) writer.bytes[writer.at++] = low >>> shift
}

function writeDouble(writer: PacketWriter, value: number): void {
  writer.reserve(9)
  const { bytes, at } = writer
  double[0] = value
  bytes[at] = 0xcb
  for (let byte = 0; byte < 8; byte++) bytes[at + 1 + byte] = doubleBytes[7 - byte]!
  writer.at = at + 9
}

function writeString(writer: PacketWriter, value: string): void {
  // A header for the least length it can have; moved in the rare case that other characters made it longer.
  const guess = value.length
  const header = guess < 32 ? 1 : guess <= 0xff ? 2 : guess <= 0xffff ? 3 : 5
  writer.reserve(header)
  const start = writer.at
  writer.at += header
  const count = writer.text(value)
  const real = count < 32 ? 1 : count <= 0xff ? 2 : count <= 0xffff ? 3 : 5
  if (real !== header) {
    writer.reserve(real - header)
    writer.bytes.copyWithin(start + real, start + header, start + header + count)
  }
  const end = start + real + count
  writer.at = start
  if (real === 1) writer.u8(0xa0 | count)
  else prefixed(writer, real === 2 ? 0xd9 : real === 3 ? 0xda : 0xdb, count, real - 1)
  writer.at = end
}

function writeBinary(writer: PacketWriter, value: Uint8Array): void {
  const count = value.length
  if (count <= 0xff) prefixed(writer, 0xc4, count, 1)
  else if (count <= 0xffff) prefixed(writer, 0xc5, count, 2)
  else prefixed(writer, 0xc6, count, 4)
  writer.raw(value)
}

function writeList(writer: PacketWriter, list: readonly unknown[], depth: number): void {
  const count = list.length
  writeCount(writer, count, 0x90, 0xdc)
  for (let at = 0; at < count; at++) writeChild(writer, list[at], at, depth)
}

/** How many follow in a list or map. `few`: the code of up to 15; `many`: that of two bytes, four have the next one. */
function writeCount(writer: PacketWriter, count: number, few: number, many: number): void {
  if (count < 16) writer.u8(few | count)
  else if (count <= 0xffff) prefixed(writer, many, count, 2)
  else prefixed(writer, many + 1, count, 4)
}

function writeMap(writer: PacketWriter, map: object, depth: number): void {
  if ('toPlain' in map && typeof map.toPlain === 'function') return writeValue(writer, map.toPlain(), depth)
  const prototype = Object.getPrototypeOf(map)
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(`a ${prototype.constructor?.name ?? 'class instance'} cannot be sent`)
  const keys = Object.keys(map)
  const count = keys.length
  writeCount(writer, count, 0x80, 0xde)
  for (const key of keys) {
    writeString(writer, key)
    writeChild(writer, (map as Record<string, unknown>)[key], key, depth)
  }
}

function writeChild(writer: PacketWriter, value: unknown, key: string | number, depth: number): void {
  const type = typeof value
  if (type === 'number' || type === 'string' || type === 'boolean') return writeValue(writer, value, depth + 1)
  try {
    writeValue(writer, value, depth + 1)
  } catch (error) {
    if (error instanceof TypeError && depth < 8) throw new TypeError(`${key}: ${error.message}`)
    throw error
  }
}
