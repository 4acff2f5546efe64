// The documents of entities as BSON, made to be read: by people with mongosh, and by GoWorld.
//
//     null, true, "x", […], {…}     as in BSON
//     1, 2^31, 1.5, -0              Int32 when it is a whole number that fits, else Double
//     12n                           Long; beyond 64 bits {"%bigint":"36893488147419103232"}
//     Uint8Array                    Binary
//     a string with half a
//     surrogate pair                {"%json":"\\ud800"}: what JSON has between the quotes
//
// A key goes as it is unless a server or a driver would take it for more than a name, or has no form for it: when it
// is empty, starts with $ or %, or holds a dot, a NUL or half a surrogate pair. Then it has a % in front, and those
// characters have their number behind a %:
//
//     "$where"  "%%24where"         "a.b"  "%a%2eb"         ""  "%"         "%"  "%%25"
//
// What GoWorld wrote knows nothing of this: its keys and its objects are what they are. Its whole numbers are Longs,
// which become numbers, or bigints beyond 2^53-1.
import type { Document, DocumentValue } from '../storage.ts'

export type BsonValue = null | boolean | number | bigint | string | Uint8Array | BsonValue[] | BsonMap
/** Not an object: a driver looks into objects for members of its own, such as `_bsontype`. */
export type BsonMap = Map<string, BsonValue>

const ESCAPED_KEY = /^$|^[$%]|[.\0]|\p{Surrogate}/u
const KEY_CHARACTERS = /^\$|[%.\0]|\p{Surrogate}/gu

export function toBson(data: Document): BsonMap {
  const map: BsonMap = new Map()
  for (const [key, value] of Object.entries(data)) {
    if (value !== undefined) map.set(escapeKey(key), valueToBson(value))
  }
  return map
}

function valueToBson(value: DocumentValue): BsonValue {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value : new Map([['%json', JSON.stringify(value).slice(1, -1)]])
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? value : new Map([['%bigint', String(value)]])
    case 'object':
      if (value === null || value instanceof Uint8Array) return value
      if (Array.isArray(value)) return value.map(valueToBson)
      return toBson(value)
    default:
      return value
  }
}

/**
 * The document of what the driver read with READ_OPTIONS. What is in it that no document holds (a date, an ObjectId)
 * stays as it is, for `Row.of` to refuse.
 */
export function fromBson(bson: unknown, by: 'goworld' | 'us'): unknown {
  switch (typeof bson) {
    case 'bigint':
      return by === 'goworld' ? nearestNumber(bson) : bson
    case 'number':
      return Number.isInteger(bson) && !Number.isSafeInteger(bson) ? BigInt(bson) : bson
    case 'object':
      if (bson instanceof Uint8Array) return new Uint8Array(bson)
      if (Array.isArray(bson)) return bson.map((item) => fromBson(item, by))
      if (isPlain(bson)) return objectFromBson(bson, by)
  }
  return bson
}

/** For `find`: Longs come as bigint, as they go, and Binary as bytes. */
export const READ_OPTIONS = {
  useBigInt64: true,
  promoteBuffers: true,
  // The driver's own {} inherits `constructor` and the like, so that it leaves lists of that name undecoded.
  fieldsAsRaw: Object.create(null) as Record<string, never>,
} as const

const isPlain = (value: unknown): value is Record<string, unknown> =>
  value !== null && Object.getPrototypeOf(value) === Object.prototype

function objectFromBson(bson: Record<string, unknown>, by: 'goworld' | 'us'): unknown {
  const entries = Object.entries(bson)
  if (by === 'us' && entries.length === 1) {
    const [tag, text] = entries[0]!
    if (tag === '%json') return JSON.parse(`"${text}"`)
    if (tag === '%bigint') return BigInt(String(text))
  }
  // Not by assignment, which would take the key `__proto__` for the prototype.
  return Object.fromEntries(entries.map(([key, value]) => [by === 'us' ? unescapeKey(key) : key, fromBson(value, by)]))
}

const nearestNumber = (whole: bigint) => (Number.isSafeInteger(Number(whole)) ? Number(whole) : whole)

const escapeKey = (key: string) => (ESCAPED_KEY.test(key) ? `%${key.replace(KEY_CHARACTERS, numberOf)}` : key)

function numberOf(character: string): string {
  const code = character.charCodeAt(0)
  return code < 0x100 ? `%${code.toString(16).padStart(2, '0')}` : `%u${code.toString(16)}`
}

const unescapeKey = (key: string) =>
  key.startsWith('%')
    ? key
        .slice(1)
        .replace(/%(?:u([0-9a-f]{4})|([0-9a-f]{2}))/g, (_, wide, narrow) =>
          String.fromCharCode(Number.parseInt(wide ?? narrow, 16)),
        )
    : key
