// Whether two values that were said at different times are the same, however deep.
import type { Data } from '../wire/codec.ts'
import { type AttrMap, mapDelete, mapSet } from './attr-tree.ts'

export function sameData(one: Data, other: Data): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
  // Lists, bytes and maps alike: what differs in kind has other keys, or another prototype.
  const keys = Object.keys(one)
  if (kindOf(one) !== kindOf(other) || keys.length !== Object.keys(other).length) return false
  return keys.every((key) => Object.hasOwn(other, key) && sameData((one as AttrMap)[key], (other as AttrMap)[key]))
}

const kindOf = (value: object) => (Array.isArray(value) ? 'list' : value instanceof Uint8Array)

/** Makes of `attrs` what was `said` and touches nothing that is the same. Answers the keys that have changed. */
export function adopt(attrs: AttrMap, said: AttrMap): string[] {
  const gone = Object.keys(attrs).filter((key) => !Object.hasOwn(said, key))
  for (const key of gone) mapDelete(attrs, [], key)
  const changed = Object.keys(said).filter((key) => !Object.hasOwn(attrs, key) || !sameData(attrs[key], said[key]))
  for (const key of changed) mapSet(attrs, [], key, said[key])
  return [...gone, ...changed]
}
