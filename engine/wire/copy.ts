// Values as they arrive, without a wire in between: what entities of one game say to each other is copied in a third to a
// tenth of the time that writing and reading it would take (`make bench ONLY=decoder`). Nothing is shared, and nothing can be
// said that could not be said to an entity elsewhere: undefined becomes null, live attributes a plain map, anything else
// throws as `writeValue` does.
import { childError, fitIn64, plainOf } from './codec.ts'
import { type Data, DEPTH_MAX, emptyList, emptyMap, exactly, safeKey } from './decoder.ts'

/** What `decode(encode(value))` answers; text is left as it is. Throws TypeError, with the place in `value`, for what cannot be sent. */
export function copyValue(value: unknown, depth = 0): Data {
  switch (typeof value) {
    case 'undefined':
      return null
    case 'boolean':
    case 'number':
    case 'string':
      return value
    case 'bigint':
      return exactly(fitIn64(value))
    case 'object':
      if (value === null) return null
      if (depth >= DEPTH_MAX) throw new TypeError(`a value nested deeper than ${DEPTH_MAX} levels cannot be sent`)
      if (Array.isArray(value)) return copyList(value, depth)
      if (value instanceof Uint8Array) return new Uint8Array(value)
      return copyMap(value, depth)
    default:
      throw new TypeError(`a ${typeof value} cannot be sent`)
  }
}

function copyList(list: readonly unknown[], depth: number): Data[] {
  const count = list.length
  const copy = emptyList(count)
  for (let at = 0; at < count; at++) copy[at] = copyChild(list[at], at, depth)
  return copy
}

function copyMap(map: object, depth: number): Data {
  const plain = plainOf(map)
  // What live attributes are a plain value of may be a list.
  if (plain !== map) return copyValue(plain, depth)
  const keys = Object.keys(map)
  const copy = emptyMap(keys.length)
  for (const key of keys) copy[safeKey(key)] = copyChild((map as Record<string, unknown>)[key], key, depth)
  return copy
}

function copyChild(value: unknown, key: string | number, depth: number): Data {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value
  try {
    return copyValue(value, depth + 1)
  } catch (error) {
    throw childError(error, key, depth)
  }
}
