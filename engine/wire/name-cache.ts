// Names off the wire (methods, types, attribute keys) as strings, without making the same string twice: a process reads
// the same names all day. Direct-mapped: a place holds the last name that fell on it, so it never grows.
import { readText } from './packet.ts'

const PLACES = 8192
const NAME_BYTES_MAX = 64

const names = new Array<string>(PLACES).fill('')
/** By the place: whether the name has come again. Most that do not are ids. */
const again = new Uint8Array(PLACES)

/** The text of `count` bytes at `at`. Throws WireError for what is no UTF-8. */
export function nameAt(bytes: Uint8Array, at: number, count: number): string {
  if (count > NAME_BYTES_MAX) return readText(bytes, at, count)
  let hash = count
  for (let byte = at; byte < at + count; byte++) hash = Math.imul(hash ^ bytes[byte]!, 0x01000193)
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1)
  const known = names[place]!
  if (sameText(known, bytes, at, count)) {
    if (again[place]) return known
    again[place] = 1
    // As the one string that keys of objects are compared by: any other would be looked for with each `map[name]`.
    const key = Object.keys({ __proto__: null, [known]: 0 })[0]!
    names[place] = key
    return key
  }
  const name = readText(bytes, at, count)
  names[place] = name
  again[place] = 0
  return name
}

/** Whether the bytes are `text` in ASCII. Text with other characters never is. */
export function sameText(text: string, bytes: Uint8Array, at: number, count: number): boolean {
  if (text.length !== count) return false
  for (let byte = 0; byte < count; byte++) {
    const code = text.charCodeAt(byte)
    if (code !== bytes[at + byte] || code > 127) return false
  }
  return true
}
