// Reads MessagePack, checking as it goes: one pass, no other memory than the value's own. What an extension would mean,
// bottomless nesting, announced lengths that are not there and text that is no UTF-8 are refused with a WireError.
//
//     7f … 00  number │ 8x map │ 9x list │ ax text │ c0 nil │ c2 c3 bool │ c4-6 bytes │ ca cb float │ cc-d3 integer
//     d9-db text │ dc dd list │ de df map │ e0 … ff  number below 0 │ c1 c7-c9 d4-d8: not read
import { WireError } from '../base/errors.ts'
import { nameAt } from './name-cache.ts'
import { readText } from './packet.ts'

/** What can be said in a call or stored in an attribute. */
export type Data = null | undefined | boolean | number | bigint | string | Uint8Array | DataList | DataMap
export type DataList = readonly Data[]
export type DataMap = { readonly [key: string]: Data }

/** How deep values may lie in each other, in what is written and in what is read. */
export const DEPTH_MAX = 64
/** V8 keeps objects of more keys as hash tables, in the end. */
const SHAPE_KEYS_MAX = 128
/** Longer lists grow as their items come: what is announced takes no memory before it is there. */
const LIST_MADE_AT_ONCE = 1024

const nothing = new Uint8Array(0)
const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)
const scratch = new DataView(new ArrayBuffer(8))

// What is being read. Nothing of an author's runs meanwhile, so one is enough; and a value is read in less time than an
// object for this would take to make.
let bytes: Uint8Array = nothing
let at = 0
let end = 0

/** Reads one value that takes all of `source` from `from` to `to`. Throws WireError for anything else. */
export function decode(source: Uint8Array, from = 0, to = source.length): Data {
  if (from >= to) throw new WireError('a value is missing')
  bytes = source
  at = from
  end = to
  try {
    const value = readValue(0)
    if (at !== end) throw new WireError('a value is followed by more bytes')
    return value
  } finally {
    bytes = nothing
  }
}

function readValue(depth: number): Data {
  if (at >= end) throw cutOff()
  const first = bytes[at++]!
  if (first < 0x80) return first
  if (first < 0x90) return readMap(first & 15, depth)
  if (first < 0xa0) return readList(first & 15, depth)
  if (first < 0xc0) return readString(first & 31)
  if (first >= 0xe0) return first - 0x100
  switch (first) {
    case 0xc0:
      return null
    case 0xc2:
      return false
    case 0xc3:
      return true
    case 0xc4:
      return readBinary(big8())
    case 0xc5:
      return readBinary(big16())
    case 0xc6:
      return readBinary(big32())
    case 0xca:
      return readFloat()
    case 0xcb:
      return readDouble()
    case 0xcc:
      return big8()
    case 0xcd:
      return big16()
    case 0xce:
      return big32()
    case 0xcf:
      return wide(big32(), big32(), false)
    case 0xd0:
      return (big8() << 24) >> 24
    case 0xd1:
      return (big16() << 16) >> 16
    case 0xd2:
      return big32() | 0
    case 0xd3:
      return wide(big32() | 0, big32(), true)
    case 0xd9:
      return readString(big8())
    case 0xda:
      return readString(big16())
    case 0xdb:
      return readString(big32())
    case 0xdc:
      return readList(big16(), depth)
    case 0xdd:
      return readList(big32(), depth)
    case 0xde:
      return readMap(big16(), depth)
    case 0xdf:
      return readMap(big32(), depth)
    default:
      throw new WireError(`a value of type 0x${first.toString(16)}, which we do not read`)
  }
}

function readList(count: number, depth: number): Data[] {
  expectChildren(count, depth)
  const list: Data[] = count <= LIST_MADE_AT_ONCE ? new Array(count) : []
  for (let index = 0; index < count; index++) list[index] = readValue(depth + 1)
  return list
}

function readMap(count: number, depth: number): DataMap {
  expectChildren(count * 2, depth)
  const map = emptyMap(count)
  for (let index = 0; index < count; index++) {
    const key = readKey(depth)
    map[key] = readValue(depth + 1)
  }
  return map
}

/** For so many keys. A large one is a hash table from the start: to become one, it would be copied with every third key. */
export function emptyMap(count: number): Record<string, Data> {
  return count <= SHAPE_KEYS_MAX ? {} : Object.setPrototypeOf({ __proto__: null }, Object.prototype)
}

function expectChildren(count: number, depth: number): void {
  if (depth >= DEPTH_MAX) throw new WireError(`a value nested deeper than ${DEPTH_MAX} levels`)
  if (count > end - at) throw new WireError('a value announces more than there is')
}

/** A text, or a whole number as Go's maps may have them. */
function readKey(depth: number): string {
  const first = at < end ? bytes[at]! : 0
  if (first >= 0xa0 && first < 0xc0) {
    at++
    return safeKey(nameAt(bytes, skip(first & 31), first & 31))
  }
  if (first === 0xd9) {
    at++
    const count = big8()
    return safeKey(nameAt(bytes, skip(count), count))
  }
  const isKey = first < 0x80 || first >= 0xe0 || (first >= 0xcc && first <= 0xd3) || (first >= 0xda && first <= 0xdb)
  if (!isKey) throw new WireError('a map key that is no string or number')
  return safeKey(String(readValue(depth + 1)))
}

/** Assigned plainly, this one key would change what a map is instead of what is in it. */
export const safeKey = (key: string) => (key === '__proto__' ? '__proto_' : key)

function readString(count: number): string {
  return readText(bytes, skip(count), count)
}

/** Bytes of their own: what is read outlives the buffer that it came in. */
function readBinary(count: number): Uint8Array {
  const from = skip(count)
  const copy = new Uint8Array(count)
  copy.set(bytes.subarray(from, from + count))
  return copy
}

function readFloat(): number {
  scratch.setUint32(0, big32())
  return scratch.getFloat32(0)
}

function readDouble(): number {
  const from = skip(8)
  for (let byte = 0; byte < 8; byte++) doubleBytes[byte] = bytes[from + 7 - byte]!
  return double[0]!
}

/** A number where it is exact, else a bigint. */
function wide(high: number, low: number, signed: boolean): number | bigint {
  const number = high * 0x1_0000_0000 + low
  // 2 ** 53 itself is exact, and so is its negative; the next that a number can be is not the next one.
  if (high < 0x20_0000 && high >= -0x20_0000) return number
  if (low === 0 && high === 0x20_0000) return number
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low)
  return signed ? BigInt.asIntN(64, bits) : bits
}

/** The same of a bigint of 64 bits. */
export const exactly = (value: bigint): number | bigint =>
  value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value

/** Steps over `count` bytes; answers where they began. */
function skip(count: number): number {
  const from = at
  if (count > end - from) throw cutOff()
  at = from + count
  return from
}

function big8(): number {
  return bytes[skip(1)]!
}

function big16(): number {
  const from = skip(2)
  return (bytes[from]! << 8) | bytes[from + 1]!
}

function big32(): number {
  const from = skip(4)
  return ((bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!) >>> 0
}

const cutOff = () => new WireError('a value is cut off')
