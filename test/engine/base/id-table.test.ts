// The table of ids against a Map, and against ids that were made to meet in one place.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bucketOfBytes, bucketOfText, IdTable } from '../../../engine/base/id-table.ts'

const idOf = (n: number) => `entity${String(n).padStart(10, '0')}`
const bytesOf = (id: string) => Uint8Array.from(`..${id}..`, (character) => character.charCodeAt(0))

describe('the table', () => {
  test('holds what a Map holds after any history, by bytes and by text', () => {
    const step = fc.record({ verb: fc.constantFrom('set', 'set', 'delete'), n: fc.nat(60), value: fc.nat(1e9) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.boolean(), (steps, byText) => {
        const table = new IdTable(1)
        const model = new Map<string, number>()
        for (const { verb, n, value } of steps) {
          const id = idOf(n)
          if (verb === 'set') {
            if (byText) table.setText(id, value)
            else table.set(bytesOf(id), 2, value)
            model.set(id, value)
          } else {
            const before = model.get(id) ?? -1
            expect(byText ? table.delete(bytesOf(id), 2) : table.deleteText(id)).toBe(before)
            model.delete(id)
          }
        }
        expect(table.size).toBe(model.size)
        for (let n = 0; n <= 60; n++) {
          const wanted = model.get(idOf(n)) ?? -1
          expect([table.get(bytesOf(idOf(n)), 2), table.getText(idOf(n))]).toEqual([wanted, wanted])
        }
      }),
      { numRuns: 200 },
    )
  })

  test('is empty when it was cleared', () => {
    const table = new IdTable()
    for (let n = 0; n < 100; n++) table.setText(idOf(n), n)
    table.clear()
    expect([table.size, table.getText(idOf(5))]).toEqual([0, -1])
  })

  test('takes no id that is cut off', () => {
    const table = new IdTable()
    expect(() => table.get(new Uint8Array(15), 0)).toThrow(RangeError)
    expect(() => table.setText('short', 1)).toThrow(RangeError)
  })

  // Ids that differ in the highest bits of neighbouring words only: mixing that multiplies each word by itself, with
  // whatever seeds, has them all meet in a few places, and a look-up then takes thousands of steps.
  test.each([
    [0, 4],
    [4, 8],
    [8, 12],
  ])('is not slowed down by ids that differ in the top of the words at %d and %d', (one, other) => {
    const table = new IdTable()
    const count = 1 << 14
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    const began = process.cpuUsage()
    for (let n = 0; n < count; n++) {
      view.setUint32(one, (n & 0x7f) << 25, true)
      view.setUint32(other, (n >> 7) << 25, true)
      table.set(bytes, 0, n)
    }
    const { user, system } = process.cpuUsage(began)
    expect(table.size).toBe(count)
    // 16 thousand inserts take some milliseconds; the attack made them take seconds.
    expect((user + system) / 1000).toBeLessThan(1000)
  })
})

test('an id belongs to the same bucket in every process, and buckets are about alike', () => {
  const counts = [0, 0, 0]
  for (let n = 0; n < 3000; n++) {
    const bucket = bucketOfText(idOf(n), 3)
    expect(bucketOfBytes(bytesOf(idOf(n)), 2, 3)).toBe(bucket)
    counts[bucket]!++
  }
  for (const count of counts) expect(count).toBeGreaterThan(800)
  expect([bucketOfText('entity0000000001', 5), bucketOfText('nilspace00000001', 5)]).toEqual([0, 4])
})
