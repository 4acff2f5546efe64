// JSON without loss: whole numbers that a double cannot hold are BigInts here and plain digits there, and text that is
// nested deeper than its reader likes is refused before it is parsed.
import { randomBytes } from 'node:crypto'
import { WireError } from '../../engine/base/errors.ts'

// ECMAScript 2026, in Node.js since 21; the compiler does not know them yet.
const exact = JSON as unknown as {
  rawJSON(text: string): unknown
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The value of a JSON text in UTF-8. Throws WireError for anything else, and for lists and maps `depthMax` deep. */
export function parseExact(bytes: Uint8Array, depthMax: number): unknown {
  if (isDeeper(bytes, depthMax)) throw new WireError(`it is nested deeper than ${depthMax} levels`)
  try {
    const text = decoder.decode(bytes)
    // To be asked about each value takes fifty times as long as to parse it.
    return LONG_NUMBER.test(text) ? parseWithLong(text) : JSON.parse(text)
  } catch {
    // The platform's words for it quote what was sent.
    throw new WireError('it is no JSON')
  }
}

/** `value` as JSON text: nil for what is not there, base64 for bytes. */
export const formatExact = (value: unknown): string => JSON.stringify(value ?? null, replace)

/** Text that may have whole numbers of so many digits. */
const LONG_NUMBER = /\d{16}/
/** In JSON that is known to be right: a text, or a whole number of so many digits. */
const TEXT_OR_LONG = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,20}(?![\d.eE])/g
/** Nobody else knows it: what begins with it was a number. */
const MARK = randomBytes(12).toString('base64url')

function parseWithLong(text: string): unknown {
  const value = JSON.parse(text)
  const marked = text.replace(TEXT_OR_LONG, (one) => (isLong(one) ? `"${MARK}${one}"` : one))
  return marked.length === text.length ? value : unmark(JSON.parse(marked))
}

/** What no integer of the wire can hold stays the double that other readers of JSON take it for. */
function isLong(token: string): boolean {
  if (token.charCodeAt(0) === QUOTE || Number.isSafeInteger(Number(token))) return false
  const whole = BigInt(token)
  return BigInt.asIntN(64, whole) === whole || BigInt.asUintN(64, whole) === whole
}

/** No deeper than `isDeeper` lets it be. */
function unmark(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = unmark(value[at])
    return value
  }
  for (const key of Object.keys(value)) {
    const before = (value as Record<string, unknown>)[key]
    const after = unmark(before)
    // Assigned plainly, one key would change what the map is.
    if (after !== before)
      Object.defineProperty(value, key, { value: after, writable: true, enumerable: true, configurable: true })
  }
  return value
}

/** The holder has the value as it was before a Buffer's own toJSON made a list of numbers of it. */
function replace(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return exact.rawJSON(String(value))
  const before = (this as Record<string, unknown>)[key]
  return before instanceof Uint8Array ? Buffer.from(before).toString('base64') : value
}

/** A look at the brackets: the parser's own walk would end at the end of the stack. */
function isDeeper(bytes: Uint8Array, depthMax: number): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (inString) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    // [ and { differ in one bit, and so do ] and }.
    else if ((byte & 0xdf) === 0x5b) {
      if (++depth > depthMax) return true
    } else if ((byte & 0xdf) === 0x5d) depth--
  }
  return false
}
