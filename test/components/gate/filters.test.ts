// Filter properties, against the plain meaning of the six operators.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Filters } from '../../../components/gate/filters.ts'
import { FILTER_OPERATORS } from '../../../engine/wire/client-wire.ts'

function matches(filters: Filters, operator: string, key: string, operand: string): number[] {
  const list: number[] = []
  const at = (FILTER_OPERATORS as readonly string[]).indexOf(operator)
  filters.forEach(at, key, operand, (client) => list.push(client))
  return list.sort((a, b) => a - b)
}

// A whole number beyond what a double can tell apart is no number here.
const isExact = (number: number) => Number.isSafeInteger(number) || (Number.isFinite(number) && number % 1 !== 0)
const isNumber = (text: string) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) && isExact(Number(text))

function means(left: string, operator: string, right: string): boolean {
  const [a, b] = isNumber(left) && isNumber(right) ? [Number(left), Number(right)] : [left, right]
  if (operator === '=') return a === b
  if (operator === '!=') return a !== b
  if (operator === '>') return a > b
  if (operator === '<') return a < b
  if (operator === '>=') return a >= b
  return a <= b
}

const texts = [
  '',
  '0',
  '-0',
  '1',
  '1.0',
  '+1',
  '01',
  '10',
  '9',
  '-3',
  '1e1',
  '1e999',
  '0x10',
  ' 1',
  '1 ',
  'a',
  'B',
  'NaN',
]
const value = fc.oneof(
  fc.constantFrom(...texts),
  fc.integer({ min: -20, max: 20 }).map(String),
  fc.string({ maxLength: 3 }),
)
const key = fc.constantFrom('level', 'name', '__proto__')
const change = fc.oneof(
  { weight: 6, arbitrary: fc.record({ client: fc.nat(9), key, value }) },
  { weight: 1, arbitrary: fc.record({ client: fc.nat(9) }) },
)

describe('filters', () => {
  test('find those that a look at every client finds', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 60 }),
        fc.array(value, { minLength: 1, maxLength: 4 }),
        (changes, operands) => {
          const filters = new Filters()
          const clients = new Map<number, Map<string, string>>()
          for (const one of changes) {
            if ('key' in one) {
              filters.set(one.client, one.key, one.value)
              clients.set(one.client, (clients.get(one.client) ?? new Map()).set(one.key, one.value))
            } else {
              filters.clear(one.client)
              clients.delete(one.client)
            }
          }
          for (const operand of operands) {
            for (const operator of FILTER_OPERATORS) {
              for (const name of ['level', 'name', '__proto__', 'unknown']) {
                const wanted = [...clients]
                  .filter(([, properties]) => properties.has(name) && means(properties.get(name)!, operator, operand))
                  .map(([client]) => client)
                expect(matches(filters, operator, name, operand)).toEqual(wanted.sort((a, b) => a - b))
              }
            }
          }
        },
      ),
      { numRuns: 400 },
    )
  })

  test('compare as numbers when both sides are, else as texts', () => {
    const filters = new Filters()
    ;['9', '10', '10.0', 'ten'].forEach((level, client) => void filters.set(client, 'level', level))
    expect(matches(filters, '>', 'level', '9')).toEqual([1, 2, 3])
    expect(matches(filters, '=', 'level', '10')).toEqual([1, 2])
    expect(matches(filters, '!=', 'level', '10')).toEqual([0, 3])
    expect(matches(filters, '<', 'level', 'ten')).toEqual([0, 1, 2])
  })

  test('tell large numbers apart', () => {
    const filters = new Filters()
    ;['1234567890123456789', '1234567890123456788'].forEach((uid, client) => void filters.set(client, 'uid', uid))
    expect(matches(filters, '=', 'uid', '1234567890123456789')).toEqual([0])
    expect(matches(filters, '!=', 'uid', '1234567890123456789')).toEqual([1])
  })

  test('match nobody without the property, not even by !=', () => {
    const filters = new Filters()
    filters.set(1, 'level', '1')
    expect(matches(filters, '!=', 'level', '2')).toEqual([1])
    expect(matches(filters, '!=', 'name', 'ann')).toEqual([])
  })

  test('match nobody by an operator that there is not', () => {
    const filters = new Filters()
    filters.set(1, 'level', '1')
    const list: number[] = []
    for (const operator of [6, 255, -1]) filters.forEach(operator, 'level', '1', (client) => list.push(client))
    expect(list).toEqual([])
  })
})
