// An entity's attributes as a client has them: maps and lists inside a root map, changed one operation at a time.
// A path leads from what is changed up to the root, innermost key first:
//
//     root ─ 'bag' ─ map ─ 'swords' ─ list ─ 1 ─ map          path of that last map: [1, 'swords', 'bag']
//
// An operation that does not fit what is there means that the two sides have come apart: ProtocolError 'mirror',
// and nothing is changed.
import type { Data } from '../wire/codec.ts'
import { sameData } from '../wire/same-data.ts'
import { ProtocolError } from './errors.ts'

export type AttrMap = { [key: string]: Data }
export type Path = readonly (string | number)[]

const ROOT: Path = []

/** A path as it was decoded; nil is the root's. */
export function asPath(value: Data): Path {
  if (value === null || value === undefined) return ROOT
  if (!Array.isArray(value)) throw mismatch(ROOT, 'a path is a list')
  for (let at = 0; at < value.length; at++)
    if (typeof value[at] !== 'string' && !Number.isInteger(value[at]))
      throw mismatch(ROOT, 'a path is made of keys and indexes')
  return value as Path
}

/** The root attribute that an operation at `path` on `key` changes. */
export const rootOf = (path: Path, key: string): string => (path.length === 0 ? key : String(path[path.length - 1]))

/** Where inside of that attribute it does: its keys from the outermost on, with `last` behind them. The attribute itself: []. */
export function placeIn(path: Path, last: string | number | undefined): Path {
  if (path.length === 0) return ROOT
  const place = path.slice(0, -1).reverse()
  if (last !== undefined) place.push(last)
  return place
}

export function mapSet(root: AttrMap, path: Path, key: string, value: Data): void {
  const map = mapAt(root, path)
  // Plainly assigned, this one key would change what the map is instead of what is in it.
  if (key === '__proto__')
    Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true })
  else map[key] = value
}

export function mapDelete(root: AttrMap, path: Path, key: string): void {
  const map = mapAt(root, path)
  if (!Object.hasOwn(map, key)) throw mismatch(path, `there is no '${key}' to delete`)
  delete map[key]
}

/** Answers the keys that were there. */
export function mapClear(root: AttrMap, path: Path): string[] {
  const map = mapAt(root, path)
  const keys = Object.keys(map)
  for (const key of keys) delete map[key]
  return keys
}

export function listSet(root: AttrMap, path: Path, index: number, value: Data): void {
  const list = listAt(root, path)
  if (index >= list.length) throw mismatch(path, `index ${index} of a list of ${list.length}`)
  list[index] = value
}

/** Answers the index that is gone. */
export function listPop(root: AttrMap, path: Path): number {
  const list = listAt(root, path)
  if (list.length === 0) throw mismatch(path, 'a pop from an empty list')
  list.pop()
  return list.length
}

/** Answers the index that is new. */
export function listAppend(root: AttrMap, path: Path, value: Data): number {
  return listAt(root, path).push(value) - 1
}

function mapAt(root: AttrMap, path: Path): AttrMap {
  const found = walk(root, path)
  if (!isMap(found)) throw mismatch(path, 'there is no map')
  return found
}

/** Makes of `attrs` what was `said` and touches nothing that is the same. Answers the keys that have changed. */
export function adopt(attrs: AttrMap, said: AttrMap): string[] {
  const gone = Object.keys(attrs).filter((key) => !Object.hasOwn(said, key))
  for (const key of gone) mapDelete(attrs, [], key)
  const changed = Object.keys(said).filter((key) => !Object.hasOwn(attrs, key) || !sameData(attrs[key], said[key]))
  for (const key of changed) mapSet(attrs, [], key, said[key])
  return [...gone, ...changed]
}

function listAt(root: AttrMap, path: Path): Data[] {
  const found = walk(root, path)
  if (!Array.isArray(found)) throw mismatch(path, 'there is no list')
  return found
}

function walk(root: AttrMap, path: Path): Data {
  let at: Data = root
  for (let step = path.length - 1; step >= 0; step--) {
    const key = path[step]!
    if (isMap(at) && typeof key === 'string' && Object.hasOwn(at, key)) at = at[key]
    else if (Array.isArray(at) && typeof key === 'number' && key >= 0 && key < at.length) at = at[key]
    else throw mismatch(path.slice(step), 'there is nothing')
  }
  return at
}

export const isMap = (value: Data): value is AttrMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

const mismatch = (path: Path, what: string) =>
  new ProtocolError(
    'mirror',
    `attrs${path
      .map((key) => `.${key}`)
      .reverse()
      .join('')}: ${what}`,
  )
