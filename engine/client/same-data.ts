// Whether two values that were said at different times are the same, however deep.
import type { Data } from '../wire/codec.ts'
import { type AttrMap, mapDelete, mapSet } from './attr-tree.ts'

export function sameData(one: Data, other: Data): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) || one instanceof Uint8Array) return sameList(one, other)
  if (Array.isArray(other) || other instanceof Uint8Array) return false
  const keys = Object.keys(one)
  if (keys.length !== Object.keys(other).length) return false
  for (const key of keys)
    if (!Object.hasOwn(other, key) || !sameData((one as AttrMap)[key], (other as AttrMap)[key])) return false
  return true
}

function sameList(one: readonly Data[] | Uint8Array, other: Data): boolean {
  if (Array.isArray(one) ? !Array.isArray(other) : !(other instanceof Uint8Array)) return false
  const list = other as typeof one
  if (one.length !== list.length) return false
  for (let at = 0; at < one.length; at++) if (!sameData(one[at], list[at])) return false
  return true
}

/** Makes of `attrs` what was `said` and touches nothing that is the same. Answers the keys that have changed. */
export function adopt(attrs: AttrMap, said: AttrMap): string[] {
  const changed: string[] = []
  for (const key of Object.keys(attrs)) {
    if (Object.hasOwn(said, key)) continue
    mapDelete(attrs, [], key)
    changed.push(key)
  }
  for (const key of Object.keys(said)) {
    if (Object.hasOwn(attrs, key) && sameData(attrs[key], said[key])) continue
    mapSet(attrs, [], key, said[key])
    changed.push(key)
  }
  return changed
}
