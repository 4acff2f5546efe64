// The order of keys, against that of their bytes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareKeys } from '../../../engine/storage/key.ts'
import { OrderedMap } from '../../../engine/storage/ordered-map.ts'

const anyKey = fc.string({ unit: fc.constantFrom('a', 'b', '\0', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '𐀀') })
const bytesCompare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

describe('keys', () => {
  it('are in the order of their UTF-8', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(bytesCompare(a, b))
      }),
    )
  })

  it('are walked in order, however the map came to be', () => {
    const step = fc.tuple(fc.constantFrom('set', 'delete', 'walk'), anyKey, anyKey, fc.nat(5))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const map = new OrderedMap<number>()
        const model = new Set<string>()
        for (const [what, key, end, limit] of steps) {
          if (what === 'set') {
            map.set(key, 1)
            model.add(key)
          } else if (what === 'delete') {
            map.delete(key)
            model.delete(key)
          } else {
            const inRange = [...model].filter((k) => bytesCompare(k, key) >= 0 && bytesCompare(k, end) < 0)
            expect(map.keys(key, end, limit)).toEqual(inRange.sort(bytesCompare).slice(0, limit))
          }
        }
      }),
    )
  })
})
