// Ids, and the heap and the checks that stand beside them on the ground floor.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as check from '../../../engine/base/check.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { Heap } from '../../../engine/base/heap.ts'
import { IdMaker, isId, nilSpaceId } from '../../../engine/base/id.ts'
import { seededRandom } from '../../../engine/base/random.ts'

test('a maker never repeats itself, and two makers differ', () => {
  const clock = new VirtualClock()
  const random = seededRandom(1)
  const makers = [new IdMaker(clock, random), new IdMaker(clock, random)]
  const ids = makers.flatMap((maker) => Array.from({ length: 5000 }, () => maker.next()))
  expect(new Set(ids).size).toBe(10_000)
  expect(ids.every(isId)).toBe(true)
  expect(isId(nilSpaceId(65_535))).toBe(true)
  for (const bad of ['', 'short', 'x'.repeat(17), 'with a space ....', `${'x'.repeat(15)}é`, 5, null])
    expect(isId(bad)).toBe(false)
})

test('a heap gives the smallest first, and equal ones as they came', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20)), { maxLength: 100 }), (steps) => {
      const heap = new Heap<{ at: number; order: number }>()
      const model: { at: number; order: number }[] = []
      for (const [order, at] of steps.entries()) {
        if (at === null) {
          model.sort((a, b) => a.at - b.at || a.order - b.order)
          expect(heap.peek()).toEqual(model[0])
          expect(heap.pop()).toEqual(model.shift())
        } else {
          heap.push({ at, order })
          model.push({ at, order })
        }
        expect(heap.size).toBe(model.length)
      }
    }),
  )
})

test.each([
  [check.string, ['', 'a'], [1, null, undefined]],
  [check.number, [0, -1.5], [Number.NaN, Number.POSITIVE_INFINITY, '1', 1n]],
  [check.integer, [0, -5, 2 ** 53 - 1], [1.5, 2 ** 53, '1']],
  [check.boolean, [true], [0, 'true']],
  [check.bytes, [new Uint8Array(2)], [[1], 'a']],
  [check.oneOf('a', 'c'), ['a', 'c'], ['b', 1, null]],
  [check.listOf(check.integer), [[], [1, 2]], [[1, 'a'], { 0: 1 }, null]],
  [check.mapOf(check.string), [{}, { a: 'b' }], [{ a: 1 }, ['a'], new Uint8Array(1), null]],
  [check.mapOf(check.anything), [{}, { a: [1] }], [[1], 1, 'a', new Uint8Array(1), null]],
  [check.shape({ x: check.number }), [{ x: 1 }, { x: 1, y: 'more' }], [{}, { x: 'a' }, []]],
  [check.maybe(check.string), ['a', null, undefined], [1]],
  [check.idText, ['0123456789abcdef'], ['0123456789abcde', 5]],
])('a check for $wants', (its, good, bad) => {
  for (const value of good) expect(its(value)).toBe(true)
  for (const value of bad) expect(its(value)).toBe(false)
})
