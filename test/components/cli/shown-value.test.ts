// Tests of values as JSON: each kind that an entity may keep can be told from the others.
import { expect, test } from 'vitest'
import { shownValue } from '../../../components/cli/shown-value.ts'

const shown = (value: unknown) => JSON.stringify(shownValue(value))

test('what JSON can say is as it is', () => {
  const value = { a: [1, -2.5, 'x', true, null], b: { c: {} } }
  expect(shown(value)).toBe(JSON.stringify(value))
  expect(shown({ gone: undefined, list: [undefined] })).toBe('{"list":[null]}')
  expect(shown(JSON.parse('{"__proto__":1}'))).toBe('{"__proto__":1}')
})

test('what it cannot say has a name of its own', () => {
  expect(shown(12n)).toBe('{"$bigint":"12"}')
  expect(shown(new Uint8Array([9, 1, 2]).subarray(1))).toBe('{"$bytes":"AQI="}')
  expect(shown(new Uint8Array([1, 2]).buffer)).toBe('{"$bytes":"AQI="}')
  expect(shown([Number.NaN, -Infinity])).toBe('[{"$number":"NaN"},{"$number":"-Infinity"}]')
  expect(shown(new Map([[1, new Set(['a'])]]))).toBe('{"$map":[[1,{"$set":["a"]}]]}')
  expect(shown([new Date(0), new Date(Number.NaN)])).toBe('[{"$date":"1970-01-01T00:00:00.000Z"},{"$date":null}]')
  expect(shown(/a+/g)).toBe('{"$regexp":"/a+/g"}')
})

test('a key cannot be taken for such a name', () => {
  expect(shown({ $bytes: 'AQI=', $$: 1 })).toBe('{"$$bytes":"AQI=","$$$":1}')
})

test('a thing that holds itself ends where it comes again, and one that is there twice is shown twice', () => {
  const ring: Record<string, unknown> = { name: 'ring' }
  ring['again'] = new Map([['it', ring]])
  expect(shown(ring)).toBe('{"name":"ring","again":{"$map":[["it",{"$circular":true}]]}}')
  const twice = [1]
  expect(shown([twice, twice])).toBe('[[1],[1]]')
})
