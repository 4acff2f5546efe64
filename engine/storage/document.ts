// What may be saved of an entity, and its form as JSON text.
//
//     null, true, 1.5, "x", […], {…}   as in JSON; -0 stays -0
//     Uint8Array of 1, 2               {"$bytes":"AQI="}
//     12n                              {"$bigint":"12"}
//     a key that starts with $         with one more $ in front: {"$$price":1}
//
// So SQLite's own JSON functions, and any other tool, can look into what was saved. All else is refused with the
// path of the culprit rather than saved as something it was not.
import { messageOf } from '../base/errors.ts'
import { NotStorable, StorageError } from './errors.ts'
import type { Document, DocumentValue } from './storage.ts'

/** Deeper than any sane entity; MongoDB allows 100, with what is around the document. */
export const DEPTH_MAX = 90
/** What MongoDB allows for a document: the least of the backends. Measured on the JSON text. */
export const DOCUMENT_CHARACTERS_MAX = 16 * 1024 * 1024

const DOLLAR = 36

type Path = (string | number)[]

/** The document as JSON text. Throws NotStorable unless it is one that every backend can keep and give back as it was. */
export function encodeDocument(data: unknown): string {
  const document = requireObject(data)
  const text = isJson(document, 0) ? JSON.stringify(document) : encode(document, [])
  if (text.length > DOCUMENT_CHARACTERS_MAX) {
    throw new NotStorable(`the document has ${text.length} characters, more than ${DOCUMENT_CHARACTERS_MAX}`)
  }
  return text
}

/** Throws StorageError, naming `what`, when `text` is not what encodeDocument makes. */
export function decodeDocument(text: unknown, what: string): Document {
  try {
    if (typeof text !== 'string') throw new Error('it is not text')
    const data = decode(JSON.parse(text))
    if (!isPlain(data)) throw new Error('it is not an object')
    return data as Document
  } catch (error) {
    throw new StorageError(`what is stored as ${what} cannot be read: ${messageOf(error)}`)
  }
}

function requireObject(data: unknown): object {
  if (isPlain(data)) return data
  throw new NotStorable(`${describe(data)} cannot be stored: an entity saves a plain object`)
}

const isPlain = (value: unknown): value is object => {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Whether JSON.stringify writes it as `encode` does, at a third of the cost: nearly always so. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isInteger(value) ? Number.isSafeInteger(value) && !Object.is(value, -0) : Number.isFinite(value)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth > DEPTH_MAX) return false
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (!isJson(value[at], depth + 1)) return false
    return true
  }
  if (!isPlain(value)) return false
  const object = value as Record<string, unknown>
  for (const key of Object.keys(object)) {
    if (key.charCodeAt(0) === DOLLAR) return false
    const item = object[key]
    if (item !== undefined && !isJson(item, depth + 1)) return false
  }
  return true
}

function encode(value: unknown, path: Path): string {
  switch (formOf(value, path)) {
    case 'array':
      return `[${Array.from(value as unknown[], (item, at) => inside(path, at, item, encode)).join()}]`
    case 'object': {
      let text = ''
      for (const [key, item] of Object.entries(value as object)) {
        if (item === undefined) continue
        const name = JSON.stringify(key.startsWith('$') ? `$${key}` : key)
        text += `${text && ','}${name}:${inside(path, key, item, encode)}`
      }
      return `{${text}}`
    }
    case 'bytes': {
      const { buffer, byteOffset, byteLength } = value as Uint8Array
      return `{"$bytes":"${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}"}`
    }
    case 'bigint':
      return `{"$bigint":"${value}"}`
    default:
      return Object.is(value, -0) ? '-0' : JSON.stringify(value)
  }
}

function inside<Result>(
  path: Path,
  step: string | number,
  item: unknown,
  walk: (value: unknown, path: Path) => Result,
) {
  path.push(step)
  const result = walk(item, path)
  path.pop()
  return result
}

/** The rules, in one place: how `value` is stored, or NotStorable. */
function formOf(value: unknown, path: Path): 'scalar' | 'bigint' | 'bytes' | 'array' | 'object' {
  if (path.length > DEPTH_MAX) refuse(path, `nested more than ${DEPTH_MAX} deep, or a thing that holds itself,`)
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return 'scalar'
    case 'bigint':
      return 'bigint'
    case 'number':
      if (!Number.isFinite(value)) refuse(path, String(value))
      // Other backends and languages would round it, each in its own way.
      if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
        refuse(path, `${value}, a whole number beyond 2^53-1 that is not a bigint,`)
      }
      return 'scalar'
    case 'object':
      if (value === null) return 'scalar'
      if (Array.isArray(value)) return 'array'
      if (value instanceof Uint8Array) return 'bytes'
      if (isPlain(value)) return 'object'
  }
  return refuse(path, describe(value))
}

function refuse(path: Path, what: string): never {
  const place = path.length > 12 ? `${path.slice(0, 12).join('.')}…` : path.join('.')
  throw new NotStorable(`${place}: ${what} cannot be stored`)
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const name = Object.getPrototypeOf(value)?.constructor?.name || 'object of a class'
  return `${/^[AEIO]/i.test(name) ? 'an' : 'a'} ${name}`
}

/** Turns what JSON.parse made into the document, in place. */
function decode(value: unknown): DocumentValue {
  if (typeof value !== 'object' || value === null) return value as DocumentValue
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = decode(value[at])
    return value
  }
  const parsed = value as Document
  const keys = Object.keys(parsed)
  if (!keys.some((key) => key.startsWith('$'))) {
    for (const key of keys) put(parsed, key, decode(parsed[key]))
    return parsed
  }
  if (!keys.every((key) => !key.startsWith('$') || key.startsWith('$$'))) return decodeTagged(parsed, keys)
  const unescaped: Document = {}
  for (const key of keys) put(unescaped, key.startsWith('$$') ? key.slice(1) : key, decode(parsed[key]))
  return unescaped
}

function decodeTagged(tagged: Document, keys: string[]): DocumentValue {
  const tag = keys[0]!
  const text = tagged[tag]
  if (keys.length === 1 && typeof text === 'string') {
    if (tag === '$bytes') return new Uint8Array(Buffer.from(text, 'base64'))
    if (tag === '$bigint') return BigInt(text)
  }
  throw new Error(`{${keys.join()}} is no known form`)
}

/** `into[key] = value`, also for the key `__proto__`, which would set the prototype. */
function put(into: Document, key: string, value: DocumentValue): void {
  if (key !== '__proto__') into[key] = value
  else Object.defineProperty(into, key, { value, writable: true, enumerable: true, configurable: true })
}
