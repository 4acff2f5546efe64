// Whether two values that were said at different times are the same, however deep.
import type { Data } from './codec.ts'

export function sameData(one: Data, other: Data): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
  // Lists, bytes and maps alike: what differs in kind has other keys, or another prototype.
  const keys = Object.keys(one)
  if (kindOf(one) !== kindOf(other) || keys.length !== Object.keys(other).length) return false
  return keys.every((key) => Object.hasOwn(other, key) && sameData((one as DataMap)[key], (other as DataMap)[key]))
}

type DataMap = { readonly [key: string]: Data }

const kindOf = (value: object) => (Array.isArray(value) ? 'list' : value instanceof Uint8Array)
