// Values passed on within a game, held against the same values that went over the wire.
import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../../engine/wire/codec.ts'
import { copyValue } from '../../../engine/wire/copy.ts'

const overTheWire = (value: unknown) => decode(encode(value))

/** What it answers, or the message of what it throws. */
function outcome(of: (value: unknown) => unknown, value: unknown): unknown {
  try {
    return { value: of(value) }
  } catch (error) {
    return { message: (error as Error).message }
  }
}

const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', '7', ''))
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, undefined, true, false, -0, Number.NaN, 2 ** 53, -(2 ** 53), 1e300),
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'grapheme' }),
    fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
    fc.constantFrom(2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), -(2n ** 63n), 2n ** 64n - 1n, 2n ** 64n),
    fc.uint8Array(),
    fc.constantFrom(new Date(0), new Set(), () => 1, Symbol('s'), Buffer.from('abc')),
    fc.array(tie('value')),
    fc.dictionary(key, tie('value')),
    fc.dictionary(key, tie('value'), { noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 3 }).map((list) => ({ toPlain: () => list })),
    fc.constant({
      toPlain() {
        return this
      },
    }),
    fc.constant({
      get broken() {
        throw new RangeError('it is broken')
      },
    }),
  ),
}))

describe('a value that stays in its game', () => {
  test('is what it would be elsewhere, and what cannot be sent is refused in the same words', () => {
    fc.assert(
      fc.property(value, (any) => {
        // `toStrictEqual` takes a key `constructor` for the class of a map.
        deepStrictEqual(outcome(copyValue, any), outcome(overTheWire, any))
      }),
      { numRuns: 3000 },
    )
  })

  test('shares nothing with it, at any depth', () => {
    const bytes = new Uint8Array([1, 2, 3])
    const given = { list: [1, { deep: [2] }], bytes }
    const copy = copyValue(given) as unknown as typeof given
    ;(given.list[1] as { deep: number[] }).deep.push(3)
    given.list.push(4)
    bytes[0] = 9
    expect(copy).toStrictEqual({ list: [1, { deep: [2] }], bytes: new Uint8Array([1, 2, 3]) })
  })

  test('may have bytes that are gone', () => {
    const bytes = new Uint8Array([1, 2, 3])
    structuredClone(bytes, { transfer: [bytes.buffer] })
    expect(copyValue({ bytes })).toStrictEqual(overTheWire({ bytes }))
  })

  test('may have very many keys', () => {
    const large = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`key ${at}`, at % 3 === 0 ? [at] : at]))
    expect(copyValue(large)).toStrictEqual(overTheWire(large))
  })

  test('does not lie deeper, nor in a circle', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(outcome(copyValue, circle)).toStrictEqual(outcome(overTheWire, circle))
    let nested: unknown = 1
    for (let depth = 0; depth < 64; depth++) nested = { nested }
    expect(copyValue(nested)).toStrictEqual(overTheWire(nested))
    expect(outcome(copyValue, { nested })).toStrictEqual(outcome(overTheWire, { nested }))
    expect(outcome(copyValue, { nested })).toHaveProperty('message')
  })
})
