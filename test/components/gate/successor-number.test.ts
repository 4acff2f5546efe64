// The numbers of gates that take each other's place: none is that of another gate, or of one that may still be there.
import { expect, test } from 'vitest'
import { freeNumber, nextNumber } from '../../../components/gate/successor-number.ts'
import { PROCESS_ID_MAX } from '../../../components/process/flags.ts'

test('a gate that is swapped again and again has its first number again after a while', () => {
  const numbers = [1]
  for (let times = 0; times < 16; times++) numbers.push(nextNumber(numbers.at(-1)!))
  expect(numbers.slice(0, 4)).toEqual([1, 1001, 2001, 3001])
  expect(numbers.at(-2)).toBe(15_001)
  expect(numbers.at(-1)).toBe(1)
})

test('a number that one who was replaced still has is left out', () => {
  expect(nextNumber(1, [1001, 3001])).toBe(2001)
  expect(nextNumber(15_002, [2, 1002])).toBe(2002)
  expect(freeNumber(2, [])).toBe(2)
  expect(freeNumber(2, [2, 1, 1001])).toBe(1002)
  const all = Array.from({ length: 16 }, (_, n) => 1000 * n + 7)
  expect(freeNumber(7, all)).toBe(7)
  expect(freeNumber(1000, [1000])).toBe(2000)
})

test('no two gates ever have the same', () => {
  let numbers = Array.from({ length: PROCESS_ID_MAX }, (_, n) => n + 1)
  const seen = new Set(numbers)
  for (let times = 1; times < 16; times++) {
    numbers = numbers.map((number) => nextNumber(number))
    for (const number of numbers) seen.add(number)
  }
  expect(seen.size).toBe(16 * PROCESS_ID_MAX)
  // What a message has room for.
  expect(Math.max(...seen)).toBeLessThan(65_536)
})
