// Documents for tests: random ones, for fast-check, and what no store may take.
import fc from 'fast-check'
import type { Document } from '../../../engine/storage/storage.ts'

// Names that mean something to JavaScript or to the form on the disk come up often.
const key = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '$bytes', '$bigint', '$$bytes', '$', '', 'toJSON', '0', 'é'),
)

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
    fc.bigInt(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}))

export const anyDocument = fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true }) as fc.Arbitrary<Document>

class Avatar {
  level = 1
}

const holdsItself: Record<string, unknown> = {}
holdsItself['self'] = holdsItself

/** What is refused, with the words that tell its owner where and why. */
export const REFUSED: [what: string, data: unknown, message: string][] = [
  ['a Date', { mails: [{}, {}, {}, { when: new Date(0) }] }, 'mails.3.when: a Date cannot be stored'],
  ['a Set', { a: { b: new Set() } }, 'a.b: a Set cannot be stored'],
  ['a Map', { a: new Map() }, 'a: a Map cannot be stored'],
  ['an instance of a class', { a: new Avatar() }, 'a: an Avatar cannot be stored'],
  ['a Float32Array', { a: new Float32Array(1) }, 'a: a Float32Array cannot be stored'],
  ['an ArrayBuffer', { a: new ArrayBuffer(1) }, 'a: an ArrayBuffer cannot be stored'],
  ['a function', { a: () => 1 }, 'a: a function cannot be stored'],
  ['a symbol', { a: Symbol('s') }, 'a: a symbol cannot be stored'],
  ['a promise', { a: Promise.resolve() }, 'a: a Promise cannot be stored'],
  ['NaN', { a: Number.NaN }, 'a: NaN cannot be stored'],
  ['Infinity', { a: { b: -Infinity } }, 'a.b: -Infinity cannot be stored'],
  ['2^53', { a: 2 ** 53 }, 'a: 9007199254740992, a whole number beyond 2^53-1 that is not a bigint, cannot be stored'],
  ['-2^53', { a: -(2 ** 53) }, 'beyond 2^53-1'],
  ['undefined in an array', { a: [1, undefined] }, 'a.1: undefined cannot be stored'],
  // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
  ['a hole in an array', { a: [1, , 2] }, 'a.1: undefined cannot be stored'],
  ['a thing that holds itself', holdsItself, 'self.self.self'],
  ['null', null, 'null cannot be stored'],
  ['undefined', undefined, 'undefined cannot be stored'],
  ['a string', 'level 1', 'a string cannot be stored'],
  ['an array', [1], 'an Array cannot be stored'],
  ['bytes', new Uint8Array(1), 'a Uint8Array cannot be stored'],
  ['an entity itself', new Avatar(), 'an Avatar cannot be stored'],
]
