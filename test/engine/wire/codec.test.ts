// MessagePack as we write and read it, held against msgpackr, and against bytes that nobody should send.
import fc from 'fast-check'
import { Unpackr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../../engine/base/errors.ts'
import { type Data, decode, encode, readArgs, writeArgs } from '../../../engine/wire/codec.ts'
import { PacketReader, PacketWriter } from '../../../engine/wire/packet.ts'

const hex = (value: unknown) => Buffer.from(encode(value)).toString('hex')

describe('what is written', () => {
  test.each([
    [null, 'c0'],
    [undefined, 'c0'],
    [true, 'c3'],
    [127, '7f'],
    [128, 'cc80'],
    [65_535, 'cdffff'],
    [65_536, 'ce00010000'],
    [2 ** 32, 'd30000000100000000'],
    [-1, 'ff'],
    [-32, 'e0'],
    [-33, 'd0df'],
    [-129, 'd1ff7f'],
    [-32_769, 'd2ffff7fff'],
    [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
    [Number.MAX_SAFE_INTEGER, 'd3001fffffffffffff'],
    [1.5, 'cb3ff8000000000000'],
    [-0, 'cb8000000000000000'],
    [2n ** 63n - 1n, 'd37fffffffffffffff'],
    [2n ** 64n - 1n, 'cfffffffffffffffff'],
    ['a', 'a161'],
    ['é', 'a2c3a9'],
    [new Uint8Array([1, 2]), 'c4020102'],
    [[1, [2]], '92019102'],
    [{ a: 1 }, '81a16101'],
  ])('%s', (value, bytes) => {
    expect(hex(value)).toBe(bytes)
  })

  test('text whose length needs a longer header than its characters promise', () => {
    for (const length of [10, 11, 31, 32, 85, 86, 255, 256, 21_845, 21_846, 65_536]) {
      for (const character of ['a', 'é', '語', '😀']) {
        const text = character.repeat(length)
        expect(decode(encode(text))).toBe(text)
      }
    }
  })

  test.each([
    ['a function', () => {}, 'a function cannot be sent'],
    ['a symbol', Symbol('x'), 'a symbol cannot be sent'],
    ['a date', { when: new Date() }, 'when: a Date cannot be sent'],
    ['a set, deep inside', { bag: [1, { items: new Set() }] }, 'bag: 1: items: a Set cannot be sent'],
    ['a number beyond 64 bits', [2n ** 64n], '0: 18446744073709551616 does not fit in 64 bits'],
  ])('%s is refused with its place', (_, value, message) => {
    expect(() => encode(value)).toThrow(message)
  })

  test('what contains itself is refused', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => encode(circle)).toThrow('nested deeper than 64')
  })
})

// Keys that a plain object keeps in another order, or not at all, are not what is tested here.
const key = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => text !== '__proto__' && !/^\d+$/.test(text))
const { tree } = fc.letrec<{ tree: Data }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom<Data>(null, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: 2n ** 53n + 1n, max: 2n ** 64n - 1n }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('tree'), { maxLength: 20 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 20, noNullPrototype: true }),
  ),
}))

describe('what is read', () => {
  test('is what was written, for us and for msgpackr', () => {
    const int64AsType = 'auto' as 'number'
    const reference = new Unpackr({ useRecords: false, int64AsType, copyBuffers: true })
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = encode(value)
        expect(decode(bytes)).toEqual(value)
        expect(reference.unpack(bytes)).toEqual(value)
      }),
    )
  })

  test('keeps nothing of the bytes that it was read from', () => {
    for (const value of [new Uint8Array([1, 2, 3]), ['text that is longer', { blob: new Uint8Array(600).fill(7) }]]) {
      const bytes = encode(value)
      const read = decode(bytes)
      bytes.fill(0)
      expect(read).toEqual(value)
    }
  })

  test('no end of a value may be missing, and nothing may follow it', () => {
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = encode(value)
        for (let end = 0; end < Math.min(bytes.length, 200); end++)
          expect(() => decode(bytes.slice(0, end))).toThrow(WireError)
        expect(() => decode(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(WireError)
      }),
      { numRuns: 50 },
    )
  })

  test('any bytes are a value or a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['an extension', 'd40100'],
    ['a date', 'd6ff00000000'],
    ['a code that is never used', 'c1'],
    ['a list of four billion', 'ddffffffff'],
    ['a map of four billion', 'dfffffffff'],
    ['text of four gigabytes', 'dbffffffff'],
    ['bytes of four gigabytes', 'c6ffffffff'],
    ['lists without end', '91'.repeat(65)],
    ['a map with a map for a key', '8180c0'],
    ['a map with nothing for a key', '81c0c0'],
    ['text that is no UTF-8', 'a2ff61'],
  ])('%s is refused', (_, bytes) => {
    expect(() => decode(Buffer.from(bytes, 'hex'))).toThrow(WireError)
  })

  test('a key cannot reach the prototype of objects', () => {
    const evil = Buffer.concat([Buffer.from('81a9', 'hex'), Buffer.from('__proto__'), encode({ admin: true })])
    const value = decode(evil) as Record<string, unknown>
    expect(value.admin).toBeUndefined()
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })
})

test('arguments that are announced and not there take no memory', () => {
  expect(() => readArgs(new PacketReader(Buffer.from('ffff0100000000', 'hex')))).toThrow(WireError)
  const writer = new PacketWriter()
  writeArgs(writer, [1, 'two', [3]])
  expect(readArgs(new PacketReader(writer.written()))).toEqual([1, 'two', [3]])
})
