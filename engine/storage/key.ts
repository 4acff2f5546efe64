// Keys of stores: which strings may be one, and the order that all backends agree on.
import { NotStorable } from './errors.ts'

/** Throws NotStorable unless `text` is a well-formed string of `bytesMin` to `bytesMax` bytes of UTF-8. */
export function checkText(what: string, text: unknown, bytesMin: number, bytesMax: number): asserts text is string {
  if (typeof text !== 'string')
    throw new NotStorable(`${what}: ${text === null ? 'null' : typeof text} is not a string`)
  // UTF-8 has no form for half a surrogate pair: it would come back as another string.
  if (!text.isWellFormed()) throw new NotStorable(`${what}: ${shown(text)} holds half a surrogate pair`)
  const bytes = Buffer.byteLength(text)
  if (bytes < bytesMin) throw new NotStorable(`${what}: must not be empty`)
  if (bytes > bytesMax) throw new NotStorable(`${what}: ${shown(text)} has ${bytes} bytes, more than ${bytesMax}`)
}

const shown = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

/** Byte order of UTF-8, which is the order of code points, and not that of `<` where surrogate pairs are. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const unitA = a.charCodeAt(at)
    const unitB = b.charCodeAt(at)
    if (unitA !== unitB) return rank(unitA) - rank(unitB)
  }
  return a.length - b.length
}

// Surrogates (d800-dfff) stand for code points above ffff, so they come behind e000-ffff.
const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit)

/** Names an entity in a map: no two share it, whatever characters their type and id have. */
export const entityKey = (type: string, id: string): string => `${type.length}:${type}${id}`
