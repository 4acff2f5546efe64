// Our decoder held against msgpackr: on values in every form that other languages give them, and on bytes that are none.
import fc from 'fast-check'
import { Unpackr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../../engine/base/errors.ts'
import { type Data, decode, encode } from '../../../engine/wire/codec.ts'
import { decodeOwn } from '../../../engine/wire/own-codec.ts'

const int64AsType = 'auto' as 'number'
const msgpackr = new Unpackr({
  useRecords: false,
  mapsAsObjects: true,
  int64AsType,
  moreTypes: false,
  copyBuffers: true,
})
/** Of a plain array, so that what is cut out of it is none of Node's buffers. */
const reference = (bytes: Uint8Array): Data => msgpackr.unpack(Uint8Array.from(bytes))
const fromHex = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

function big(code: number, byteCount: number, value: bigint | number): Buffer {
  const bytes = Buffer.alloc(1 + byteCount)
  bytes[0] = code
  for (let at = byteCount, rest = BigInt.asUintN(64, BigInt(value)); at > 0; at--, rest >>= 8n)
    bytes[at] = Number(rest & 0xffn)
  return bytes
}

/** A header of a random one of the forms that can say `count`. */
const headerOf = (count: number, short: number, shortMax: number, codes: readonly (readonly [number, number])[]) =>
  fc.constantFrom(
    ...(count <= shortMax ? [Buffer.of(short | count)] : []),
    ...codes
      .filter(([, byteCount]) => count < 256 ** byteCount)
      .map(([code, byteCount]) => big(code, byteCount, count)),
  )

const integer = fc.oneof(
  fc.integer({ min: -32, max: 127 }).map((n) => Buffer.of(n & 0xff)),
  fc.nat({ max: 0xff }).chain((n) => fc.constantFrom(big(0xcc, 1, n), big(0xd0, 1, n))),
  fc.nat({ max: 0xffff }).chain((n) => fc.constantFrom(big(0xcd, 2, n), big(0xd1, 2, n))),
  fc.bigInt({ min: 0n, max: 0xffff_ffffn }).chain((n) => fc.constantFrom(big(0xce, 4, n), big(0xd2, 4, n))),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).chain((n) => fc.constantFrom(big(0xcf, 8, n), big(0xd3, 8, n))),
  fc
    .bigInt({ min: -3n, max: 3n })
    .chain((n) =>
      fc.constantFrom(...[1n, -1n, 2n].map((k) => big(0xd3, 8, k * 2n ** 53n + n)), big(0xcf, 8, 2n ** 53n + n)),
    ),
)
const text = fc.string({ unit: 'grapheme', maxLength: 80 }).chain((value) => {
  const utf8 = Buffer.from(value)
  const forms = [
    [0xd9, 1],
    [0xda, 2],
    [0xdb, 4],
  ] as const
  return headerOf(utf8.length, 0xa0, 31, forms).map((header) => Buffer.concat([header, utf8]))
})
const blob = fc.uint8Array({ maxLength: 300 }).chain((value) => {
  const forms = [
    [0xc4, 1],
    [0xc5, 2],
    [0xc6, 4],
  ] as const
  return headerOf(value.length, 0, -1, forms).map((header) => Buffer.concat([header, value]))
})
const { anything } = fc.letrec<{ anything: Buffer }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(Buffer.of(0xc0), Buffer.of(0xc2), Buffer.of(0xc3)),
    integer,
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map((four) => Buffer.concat([Buffer.of(0xca), four])),
    fc.uint8Array({ minLength: 8, maxLength: 8 }).map((eight) => Buffer.concat([Buffer.of(0xcb), eight])),
    text,
    blob,
    fc.array(tie('anything'), { maxLength: 20 }).chain((items) =>
      headerOf(items.length, 0x90, 15, [
        [0xdc, 2],
        [0xdd, 4],
      ]).map((header) => Buffer.concat([header, ...items])),
    ),
    fc.array(fc.tuple(fc.oneof(text, integer), tie('anything')), { maxLength: 20 }).chain((entries) =>
      headerOf(entries.length, 0x80, 15, [
        [0xde, 2],
        [0xdf, 4],
      ]).map((header) => Buffer.concat([header, ...entries.flat()])),
    ),
  ),
}))

describe('a value in any form', () => {
  test('is read as msgpackr reads it', () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        const value = decode(bytes)
        expect(value).toEqual(reference(bytes))
        expect(decodeOwn(Uint8Array.from(bytes))).toEqual(value)
      }),
      { numRuns: 500 },
    )
  })

  test('is read from the middle of other bytes', () => {
    fc.assert(
      fc.property(anything, fc.nat({ max: 9 }), (bytes, before) => {
        const packet = Buffer.concat([Buffer.alloc(before, 0xc1), bytes, Buffer.alloc(9, 0xc1)])
        expect(decode(packet, before, before + bytes.length)).toEqual(decode(bytes))
      }),
    )
  })

  test('with a byte that is wrong is refused, or is another value, which msgpackr reads alike', () => {
    let refused = 0
    let read = 0
    fc.assert(
      fc.property(anything, fc.nat(), fc.nat({ max: 255 }), (bytes, at, byte) => {
        const wrong = Buffer.from(bytes)
        wrong[at % wrong.length] = byte
        let value: Data
        try {
          value = decode(wrong)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
          refused++
          return
        }
        expect(value).toEqual(reference(wrong))
        read++
      }),
      { numRuns: 2000 },
    )
    expect(Math.min(refused, read)).toBeGreaterThan(100)
  })
})

describe('what is refused', () => {
  test.each([
    ['', 'a value is missing'],
    ['92 01', 'announces more than there is'],
    ['92 cd 01 00', 'a value is cut off'],
    ['cd 01', 'a value is cut off'],
    ['cb 00 00 00 00', 'a value is cut off'],
    ['a3 61 62', 'a value is cut off'],
    ['c4 02 01', 'a value is cut off'],
    ['c0 c0', 'a value is followed by more bytes'],
    ['91 c1', 'a value of type 0xc1, which we do not read'],
    ['91 c7 01 01 00', 'a value of type 0xc7, which we do not read'],
    ['d4 00 00', 'a value of type 0xd4, which we do not read'],
    ['d6 ff 00 00 00 00', 'a value of type 0xd6, which we do not read'],
    ['81 c0 01', 'a map key that is no string or number'],
    ['81 cb 00 00 00 00 00 00 00 00 01', 'a map key that is no string or number'],
    ['81 90 01', 'a map key that is no string or number'],
    ['81 a1 ff 01', 'a string is not UTF-8'],
    ['91 a2 c3 28', 'a string is not UTF-8'],
    [`${'91'.repeat(64)} c0 c0`, 'followed by more'],
    [`${'91'.repeat(65)} c0`, 'a value nested deeper than 64 levels'],
    [`${'81a161'.repeat(65)} c0`, 'a value nested deeper than 64 levels'],
  ])('%s: %s', (hex, message) => {
    const read = () => decode(fromHex(hex))
    expect(read).toThrow(WireError)
    expect(read).toThrow(message)
  })

  test('takes no memory for what it announced', () => {
    // 60 lists in each other, each of which announces all the bytes that are left.
    const bytes = new Uint8Array(4 * 1024 * 1024)
    for (let depth = 0; depth < 60; depth++) {
      const left = bytes.length - (depth + 1) * 5
      bytes.set([0xdd, left >>> 24, left >>> 16, left >>> 8, left], depth * 5)
    }
    bytes[300] = 0xc1
    const before = process.memoryUsage().heapUsed
    expect(() => decode(bytes)).toThrow('type 0xc1')
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024)
  })

  test('leaves nothing behind: what is read next is whole', () => {
    expect(() => decode(fromHex('93 01 02 c1'))).toThrow(WireError)
    expect(decode(encode([1, 2, 3]))).toEqual([1, 2, 3])
  })
})

describe('keys of maps', () => {
  test.each([
    ['81 05 01', { 5: 1 }],
    ['81 ff 01', { '-1': 1 }],
    ['81 d3 ff ff ff ff ff ff ff fe 01', { '-2': 1 }],
    ['81 cf ff ff ff ff ff ff ff ff 01', { '18446744073709551615': 1 }],
    ['82 a1 61 01 a1 61 02', { a: 2 }],
    ['81 d9 01 61 01', { a: 1 }],
    ['81 da 00 01 61 01', { a: 1 }],
    ['81 a2 c3 a9 01', { é: 1 }],
  ])('%s', (hex, value) => {
    expect(decode(fromHex(hex))).toEqual(value)
  })

  test('however often and after whatever others they come', () => {
    const names = Array.from({ length: 3000 }, (_, n) => `key${n}`)
    const value = Object.fromEntries(names.map((name, n) => [name, n]))
    expect(decode(encode(value))).toEqual(value)
    expect(decode(encode([{ key7: 1 }, { key7: 2, key2999: 3 }]))).toEqual([{ key7: 1 }, { key7: 2, key2999: 3 }])
  })

  test('named like the prototype are called something else', () => {
    for (const name of [
      `a9${Buffer.from('__proto__').toString('hex')}`,
      `d909${Buffer.from('__proto__').toString('hex')}`,
    ]) {
      const value = decode(fromHex(`81 ${name} 81 a1 61 01`)) as Record<string, unknown>
      expect(Object.keys(value)).toEqual(['__proto_'])
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    }
  })
})

describe('a large map', () => {
  const large: Record<string, unknown> = {}
  for (let n = 0; n < 300; n++) large[`key${n}`] = { n }
  Object.assign(large, { constructor: 1, hasOwnProperty: 2, 7: 3, toString: 4 })

  test('is an object as any other', () => {
    const map = decode(encode(large)) as object
    expect(map).toStrictEqual(large)
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype)
    expect(structuredClone(map)).toStrictEqual(large)
    expect(decode(encode(map))).toStrictEqual(large)
  })

  test('cannot set what it is', () => {
    const key = (text: string) => [0xa0 | text.length, ...Buffer.from(text)]
    const keys = Array.from({ length: 199 }, (_, n) => [...key(`k${n}`), 1]).flat()
    const map = decode(Uint8Array.from([0xde, 0, 200, ...keys, ...key('__proto__'), 0x80])) as object
    expect([Object.getPrototypeOf(map), Object.keys(map).length]).toEqual([Object.prototype, 200])
  })
})

test('keys are what they are, the first time and later', () => {
  for (const key of ['5', '-1', '4294967295', 'constructor', 'é', 'a'.repeat(64), 'a'.repeat(65), ''])
    for (let time = 0; time < 4; time++) expect(Object.keys(decode(encode({ [key]: 1 })) as object)).toEqual([key])
})
