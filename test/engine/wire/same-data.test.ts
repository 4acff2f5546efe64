// Whether two values are the same: they are when they are said the same.
import { assert, constant, dictionary, letrec, oneof, property, string, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Data, decode, encode } from '../../../engine/wire/codec.ts'
import { sameData } from '../../../engine/wire/same-data.ts'

const { value } = letrec<{ value: Data }>((tie) => ({
  value: oneof(
    { maxDepth: 4 },
    constant(null),
    oneof(constant(true), constant(1), constant(1.5), constant(Number.NaN), constant(2n ** 60n)),
    string({ maxLength: 3 }),
    uint8Array({ maxLength: 3 }),
    oneof(dictionary(string({ maxLength: 2 }), tie('value'), { maxKeys: 3 })),
  ),
}))
const again = <T extends Data>(data: T) => decode(encode(data)) as T

describe('two values', () => {
  it('are the same when they were said the same', () => {
    assert(property(value, (one) => sameData(one, again(one))))
  })

  it('are not when they would be said otherwise', () => {
    assert(
      property(value, value, (one, other) => {
        const said = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
        expect(sameData(one, other)).toBe(said)
        expect(sameData(other, one)).toBe(said)
      }),
    )
    for (const [one, other] of [
      [[], {}],
      [[1], new Uint8Array([1])],
      [new Uint8Array(1), { 0: 0 }],
      [null, {}],
      [null, 0],
      [[1, 2], [1]],
      [{ a: 1 }, { b: 1 }],
      [{ a: undefined }, { b: undefined }],
    ] as [Data, Data][]) {
      expect(sameData(one, other)).toBe(false)
      expect(sameData(other, one)).toBe(false)
    }
  })
})

/** As text that tells all apart. */
function sorted(data: Data): unknown {
  if (typeof data === 'bigint') return ['bigint', String(data)]
  if (typeof data === 'number') return ['number', String(data)]
  if (data instanceof Uint8Array) return ['bytes', ...data]
  if (typeof data !== 'object' || data === null) return [typeof data, data]
  const map = data as Record<string, Data>
  return [
    'map',
    ...Object.keys(map)
      .sort()
      .map((key) => [key, sorted(map[key])]),
  ]
}
