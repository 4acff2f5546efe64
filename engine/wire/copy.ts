// Values as they arrive, without a wire in between: what entities of one game say to each other is copied in a third to a
// tenth of the time that writing and reading it would take (`make bench ONLY=decoder`). Nothing is shared, and nothing can be
// said that could not be said to an entity elsewhere: undefined becomes null, live attributes a plain map, anything else
// throws as `writeValue` does.
import { encode } from './codec.ts'
import { type Data, DEPTH_MAX, decode, emptyMap, exactly, safeKey } from './decoder.ts'

/** What `decode(encode(value))` answers; text is left as it is. Throws TypeError, with the place in `value`, for what cannot be sent. */
export function copyValue(value: unknown): Data {
  try {
    return copy(value, 0)
  } catch {
    // Few values are odd enough to be sent all the same; of all others this says what cannot be sent, and where that is.
    return decode(encode(value))
  }
}

function copy(value: unknown, depth: number): Data {
  switch (typeof value) {
    case 'undefined':
      return null
    case 'boolean':
    case 'number':
    case 'string':
      return value
    case 'bigint':
      if (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value) return exactly(value)
      break
    case 'object':
      if (value === null) return null
      if (depth >= DEPTH_MAX) break
      if (Array.isArray(value)) return copyList(value, depth)
      if (value instanceof Uint8Array) return new Uint8Array(value)
      return copyMap(value, depth)
  }
  throw unsendable()
}

function copyList(list: readonly unknown[], depth: number): Data[] {
  const count = list.length
  const items: Data[] = new Array(count)
  for (let at = 0; at < count; at++) items[at] = copy(list[at], depth + 1)
  return items
}

function copyMap(map: object, depth: number): Data {
  // What live attributes are a plain value of may be a list.
  if ('toPlain' in map && typeof map.toPlain === 'function') return copy(map.toPlain(), depth)
  const prototype = Object.getPrototypeOf(map)
  if (prototype !== Object.prototype && prototype !== null) throw unsendable()
  const keys = Object.keys(map)
  const entries = emptyMap(keys.length)
  for (const key of keys) entries[safeKey(key)] = copy((map as Record<string, unknown>)[key], depth + 1)
  return entries
}

const unsendable = () => new TypeError('a value that cannot be sent')
