// Any value as JSON that a person can read: what JSON has no word for gets one that begins with a dollar.
//
//     Uint8Array of 1, 2       {"$bytes":"AQI="}           as `goworld db` has it
//     12n                      {"$bigint":"12"}            likewise
//     NaN, Infinity            {"$number":"NaN"}
//     Map, Set                 {"$map":[[key, value], …]}, {"$set":[…]}
//     Date, RegExp             {"$date":"2026-11-21T18:23:29.123Z"}, {"$regexp":"/a+/g"}
//     one that holds itself    {"$circular":true}, where it comes again
//     a key that starts with $ with one more $ in front: {"$$price":1}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export function shownValue(value: unknown, inside: readonly unknown[] = []): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : { $number: String(value) }
    case 'bigint':
      return { $bigint: String(value) }
    case 'object':
      return value === null ? null : shownObject(value, inside)
    default:
      return null
  }
}

function shownObject(value: object, inside: readonly unknown[]): Json {
  if (inside.includes(value)) return { $circular: true }
  const child = (one: unknown) => shownValue(one, [...inside, value])
  if (Array.isArray(value)) return value.map(child)
  if (value instanceof Map) return { $map: [...value].map((pair) => pair.map(child)) }
  if (value instanceof Set) return { $set: [...value].map(child) }
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() }
  if (value instanceof RegExp) return { $regexp: String(value) }
  if (ArrayBuffer.isView(value)) return { $bytes: base64(value.buffer, value.byteOffset, value.byteLength) }
  if (value instanceof ArrayBuffer) return { $bytes: base64(value) }
  // From entries: a key may be __proto__.
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) =>
      one === undefined ? [] : [[key.startsWith('$') ? `$${key}` : key, child(one)]],
    ),
  )
}

const base64 = (buffer: ArrayBufferLike, at = 0, length?: number): string =>
  Buffer.from(buffer, at, length).toString('base64')
