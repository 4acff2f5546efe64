// JSON without loss: whole numbers that a double cannot hold are BigInts here and plain digits there, and text that is
// nested deeper than its reader likes is refused before it is parsed.
import { WireError } from '../../engine/base/errors.ts'

// ECMAScript 2026, in Node.js since 21; the compiler does not know them yet.
const exact = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The value of a JSON text in UTF-8. Throws WireError for anything else, and for lists and maps `depthMax` deep. */
export function parseExact(bytes: Uint8Array, depthMax: number): unknown {
  if (isDeeper(bytes, depthMax)) throw new WireError(`it is nested deeper than ${depthMax} levels`)
  try {
    return exact.parse(decoder.decode(bytes), revive)
  } catch {
    // The platform's words for it quote what was sent.
    throw new WireError('it is no JSON')
  }
}

/** `value` as JSON text: nil for what is not there, base64 for bytes. */
export const formatExact = (value: unknown): string => JSON.stringify(value ?? null, replace)

function revive(_key: string, value: unknown, { source = '' }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d{16,20}$/.test(source)) return value
  const whole = BigInt(source)
  // What no integer of the wire can hold stays the double that other readers of JSON take it for.
  return BigInt.asIntN(64, whole) === whole || BigInt.asUintN(64, whole) === whole ? whole : value
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
