// Documents: what is copied and checked, and what the text on the disk looks like.
import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeDocument, encodeDocument } from '../../../engine/storage/document.ts'
import { NotStorable, StorageError } from '../../../engine/storage/errors.ts'
import { anyDocument, REFUSED } from './documents.ts'

describe('a document', () => {
  it('is JSON that other tools can read', () => {
    const data = { a: [1, -0, 'x', null], b: new Uint8Array([1, 2]), c: 12n, $price: 1, $$: 2, d: undefined }
    const text = '{"a":[1,-0,"x",null],"b":{"$bytes":"AQI="},"c":{"$bigint":"12"},"$$price":1,"$$$":2}'
    expect(encodeDocument(data)).toBe(text)
  })

  it('is the same after a way through text, whatever it is', () => {
    fc.assert(
      fc.property(anyDocument, (data) => {
        // Not vitest's: it takes an own key `constructor` for the class.
        deepStrictEqual(decodeDocument(encodeDocument(data), 'A'), data)
      }),
    )
  })

  it('may have no prototype', () => {
    const data = Object.assign(Object.create(null), { a: 1 })
    expect(encodeDocument(data)).toBe('{"a":1}')
  })

  it('is written by its data alone, with a toJSON refused as the function that it is', () => {
    expect(() => encodeDocument({ a: { toJSON: () => 1 } })).toThrow('a.toJSON: a function cannot be stored')
  })

  it.each(REFUSED)('with %s is refused', (_what, data, message) => {
    expect(() => encodeDocument(data)).toThrow(NotStorable)
    expect(() => encodeDocument(data)).toThrow(message)
  })

  it.each([
    '',
    '{',
    'null',
    '1',
    '[]',
    '{"$bytes":"AQI="}',
    '{"a":{"$bytes":1}}',
    '{"a":{"$bytes":"AQI=","b":1}}',
    '{"a":{"$date":"1970"}}',
    '{"a":{"$bigint":"x"}}',
    undefined,
    new Uint8Array(1),
  ])('that somebody broke on the disk is named: %j', (text) => {
    expect(() => decodeDocument(text, 'Avatar A')).toThrow(StorageError)
    expect(() => decodeDocument(text, 'Avatar A')).toThrow('what is stored as Avatar A cannot be read: ')
  })
})
