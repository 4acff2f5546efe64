// Making one map of attributes out of another: what is the same is left as it is.
import { assert, constant, dictionary, letrec, oneof, property, string, uint8Array } from 'fast-check'
import { expect, it } from 'vitest'
import { type AttrMap, adopt } from '../../../engine/client/attr-tree.ts'
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
const attrs = dictionary(string({ maxLength: 2 }), value, { maxKeys: 5 })
const again = <T extends Data>(data: T) => decode(encode(data)) as T

it('what is adopted is as it was said, and what is the same is left as it is', () => {
  assert(
    property(attrs, attrs, (one, other) => {
      const mine: AttrMap = { ...again(one) }
      const before = { ...mine }
      const changed = adopt(mine, again(other))
      expect(mine).toEqual(again(other))
      for (const key of Object.keys(mine)) if (!changed.includes(key)) expect(mine[key]).toBe(before[key])
      for (const key of changed) expect(sameData(before[key], mine[key]) && key in before && key in mine).toBe(false)
    }),
  )
  const hostile = JSON.parse('{"__proto__": {"x": 1}}') as AttrMap
  const mine: AttrMap = {}
  expect(adopt(mine, hostile)).toEqual(['__proto__'])
  expect(Object.getPrototypeOf(mine)).toBe(Object.prototype)
  expect(adopt(mine, hostile)).toEqual([])
  expect(adopt(mine, {})).toEqual(['__proto__'])
  expect(Object.keys(mine)).toEqual([])
})
