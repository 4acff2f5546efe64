// JSON without loss: digits stay, depth is bounded, and whatever else comes is refused by name.
import { describe, expect, test } from 'vitest'
import { formatExact, parseExact } from '../../../components/gate/exact-json.ts'
import { WireError } from '../../../engine/base/errors.ts'

const parse = (text: string, depthMax = 64) => parseExact(Buffer.from(text), depthMax)

describe('what is read', () => {
  test('whole numbers beyond 2^53 keep every digit', () => {
    expect(parse('5777754122544690289')).toBe(5777754122544690289n)
    expect(parse('{"a":[-9223372036854775808,18446744073709551615]}')).toEqual({
      a: [-9223372036854775808n, 18446744073709551615n],
    })
    expect(parse('[9007199254740991,9007199254740992,9007199254740993]')).toEqual([
      9007199254740991,
      9007199254740992n,
      9007199254740993n,
    ])
  })

  test('other numbers are what they are everywhere', () => {
    expect(parse('[1,-0.5,1e3,1e300,100.0,123456789012345678901234]')).toEqual([
      1,
      -0.5,
      1000,
      1e300,
      100,
      Number('123456789012345678901234'),
    ])
    expect(parse('[18446744073709551616,1e999]')).toEqual([2 ** 64, Number.POSITIVE_INFINITY])
  })

  test('digits in texts and names stay there, beside numbers of as many', () => {
    const long = '9007199254740993'
    const text = `{"__proto__":${long},"${long}":"${long}","a":[-${long},1.${long},1e-0000000000000000001,"\\"${long}"]}`
    const read = parse(text) as Record<string, unknown>
    expect(Object.entries(read)).toEqual([
      ['__proto__', BigInt(long)],
      [long, long],
      ['a', [-BigInt(long), Number(`1.${long}`), 0.1, `"${long}`]],
    ])
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    expect(() => parse(`[00${long}]`)).toThrow(WireError)
  })

  test('brackets in strings are no depth', () => {
    expect(parse(`{"a":"${'['.repeat(500)}\\"{{{\\\\"}`, 1)).toEqual({ a: `${'['.repeat(500)}"{{{\\` })
  })

  test('as deep as allowed, and no deeper', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
    expect(() => parse(nested(64))).not.toThrow()
    expect(() => parse(nested(65))).toThrow('it is nested deeper than 64 levels')
    expect(() => parse(nested(100_000))).toThrow(WireError)
    expect(() => parse('{"a":'.repeat(100_000))).toThrow(WireError)
    expect(() => parse('[[],[],[{}],{}]', 3)).not.toThrow()
  })

  test.each(['', '{', 'null null', 'NaN', "{'a':1}", '[1,]', '\ufeff1', ']]]]', '"\n"'])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow(new WireError('it is no JSON'))
  })

  test('what is no UTF-8 is refused', () => {
    expect(() => parseExact(Uint8Array.of(0x22, 0xff, 0x22), 64)).toThrow(new WireError('it is no JSON'))
  })
})

describe('what is written', () => {
  test('big integers are plain digits, bytes are base64, nothing is null', () => {
    expect(formatExact({ a: 5777754122544690289n, b: [Buffer.from('hi'), Uint8Array.of(1)], c: undefined })).toBe(
      '{"a":5777754122544690289,"b":["aGk=","AQ=="]}',
    )
    expect(formatExact(undefined)).toBe('null')
    expect(formatExact(-1n)).toBe('-1')
    expect(formatExact(Buffer.from('hi'))).toBe('"aGk="')
  })

  test('it reads back equal', () => {
    const value = { list: [1, 2.5, -3n - 2n ** 60n, 'é"\\', null, true], map: { '': {} } }
    expect(parse(formatExact(value))).toEqual(value)
  })
})
