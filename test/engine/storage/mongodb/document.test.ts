// The BSON form of documents and the names of collections: what they look like, and that they come back.
import fc from 'fast-check'
import { BSON, Double, Int32, Long } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { fromBson, READ_OPTIONS, toBson } from '../../../../engine/storage/mongodb/document.ts'
import { collectionOfKeys, collectionOfType, typeOfCollection } from '../../../../engine/storage/mongodb/names.ts'
import { Row } from '../../../../engine/storage/row.ts'
import type { Document } from '../../../../engine/storage/storage.ts'
import { HOSTILE_NAMES } from '../conformance.ts'
import { anyDocument } from '../documents.ts'

const HEAD = { schema: 1, epoch: 1, no: 1 }
const bytesOf = (data: Document) => BSON.serialize(toBson(data) as unknown as BSON.Document)
const throughBson = (data: Document) => fromBson(BSON.deserialize(bytesOf(data), READ_OPTIONS), 'us') as Document
/** Each value as BSON has it. */
const stored = (data: Document) => BSON.deserialize(bytesOf(data), { promoteValues: false })
const written = (by: 'goworld' | 'us', bson: object) =>
  fromBson(BSON.deserialize(BSON.serialize(bson), READ_OPTIONS), by)

describe('a document', () => {
  it('comes back as it was, to the order of its keys', () => {
    const property = fc.property(anyDocument, (data) => {
      const { text } = Row.of(data, HEAD)
      expect(Row.of(throughBson(data), HEAD).text).toBe(text)
    })
    fc.assert(property, { numRuns: 2000 })
  })

  it('has the types that people and GoWorld expect', () => {
    const data = { name: 'Ann', level: 3, gold: 2 ** 40, hp: 0.5, none: -0, dead: false, pet: null, exp: 12n }
    const { name, level, gold, hp, none, dead, pet, exp } = stored(data)
    expect({ name, dead, pet }).toEqual({ name: 'Ann', dead: false, pet: null })
    expect(level).toEqual(new Int32(3))
    expect([gold, hp, none]).toEqual([new Double(2 ** 40), new Double(0.5), new Double(-0)])
    expect(exp).toEqual(Long.fromNumber(12))
    const nested = { bag: [1, [2, { gold: 3 }], []], deep: { in: { it: 'x' } }, bytes: new Uint8Array([1, 2]) }
    expect(BSON.deserialize(bytesOf(nested), { promoteBuffers: true })).toEqual({
      ...nested,
      bytes: Buffer.from([1, 2]),
    })
  })

  it.each([
    [{ $where: 1 }, { '%%24where': 1 }],
    [{ 'a.b': 1 }, { '%a%2eb': 1 }],
    [
      { a$b: 1, 'a%b': 2 },
      { a$b: 1, 'a%b': 2 },
    ],
    [{ '': 1 }, { '%': 1 }],
    [
      { '%': 1, '%json': 2 },
      { '%%25': 1, '%%25json': 2 },
    ],
    [{ 'a\0b': 1 }, { '%a%00b': 1 }],
    [{ 'half \ud800': 1 }, { '%half %ud800': 1 }],
    [{ a: 'half \udc00 "' }, { a: { '%json': 'half \\udc00 \\"' } }],
    [{ a: 2n ** 63n }, { a: { '%bigint': '9223372036854775808' } }],
  ])('%o is stored as %o', (data, expected) => {
    expect(BSON.deserialize(bytesOf(data as Document))).toEqual(expected)
    expect(throughBson(data as Document)).toEqual(data)
  })

  it('cannot pass for a value of the driver', () => {
    const data = JSON.parse('{"a":{"_bsontype":"ObjectId","id":"x"},"b":{"toBSON":1},"c":{"$ref":"x","$id":1}}')
    expect(throughBson(data)).toEqual(data)
  })

  it('has lists of objects under any key', () => {
    const data = JSON.parse(
      '{"__proto__":[{"a":1}],"in":{"constructor":[{"a":1}],"toString":[[{}]]},"firstBatch":[{}]}',
    )
    expect(JSON.stringify(throughBson(data))).toBe(JSON.stringify(data))
  })

  it('has the ends of 64 bits as Long', () => {
    const data = { most: 2n ** 63n - 1n, least: -(2n ** 63n) }
    expect(stored(data)).toEqual({ most: Long.MAX_VALUE, least: Long.MIN_VALUE })
    expect(throughBson(data)).toEqual(data)
  })
})

describe('what GoWorld wrote', () => {
  it('has whole numbers as numbers, and as bigint what they cannot hold', () => {
    const bson = { level: Long.fromNumber(7), small: new Int32(7), id: Long.MAX_VALUE, far: new Double(2 ** 60) }
    expect(written('goworld', bson)).toEqual({ level: 7, small: 7, id: 2n ** 63n - 1n, far: 2n ** 60n })
  })

  it('has keys and objects that are what they are', () => {
    const bson = { '%a%2eb': 1, 'a.b': { '%json': 'x' }, list: [{ '%bigint': 'x' }] }
    expect(written('goworld', bson)).toEqual(bson)
  })

  it.each([
    ['a Date', { a: [{ when: new Date(0) }] }, 'a.0.when: a Date cannot be stored'],
    ['NaN', { hp: Number.NaN }, 'hp: NaN cannot be stored'],
  ])('with %s in it is refused by name', (_what, bson, message) => {
    expect(() => Row.of(written('goworld', bson), HEAD)).toThrow(message)
  })
})

describe('a collection', () => {
  it.each(['Avatar', 'Account', 'avatar', '怪物', 'é', ' ', '_', '?'])('of %s has its name', (type) => {
    expect(collectionOfType(type)).toEqual({ name: type, isHashed: false })
    expect(typeOfCollection(type)).toEqual({ type })
  })

  it.each([
    ['$where', '%%24where'],
    ['system.users', '%system%2eusers'],
    ['__proto__', '%__proto__'],
    ['__kv__', '%__kv__'],
    ['%', '%%25'],
    ['\0', '%%00'],
  ])('of %j is %s', (type, name) => {
    expect(collectionOfType(type)).toEqual({ name, isHashed: false })
  })

  it('tells its type, whatever that is', () => {
    const name = fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), fc.constantFrom(...HOSTILE_NAMES))
    const property = fc.property(name, (type) => {
      expect(typeOfCollection(collectionOfType(type).name)).toEqual({ type })
    })
    fc.assert(property, { numRuns: 2000 })
  })

  it('of a long type has a name that MongoDB takes, and another for each', () => {
    const types = ['x'.repeat(191), 'x'.repeat(255), '怪'.repeat(85), '.'.repeat(200)]
    const names = types.map((type) => collectionOfType(type))
    for (const { name, isHashed } of names) {
      expect(isHashed).toBe(true)
      expect(Buffer.byteLength(name)).toBeLessThan(100)
      expect(typeOfCollection(name)).toBe('hashed')
    }
    expect(new Set(names.map(({ name }) => name)).size).toBe(types.length)
  })

  it.each(['__kv__', '__proto__', 'system.views', 'a.b', '%a', '%%2', '$x', ''])('named %j is of no type', (name) => {
    expect(typeOfCollection(name)).toBeUndefined()
  })

  it('of keys may start with __, and has its name when a server takes it', () => {
    for (const name of ['__kv__', 'kv', 'a.b']) expect(collectionOfKeys(name)).toBe(name)
    expect(['', '$x', '.x', 'x.', 'system.x', 'a\0', '%'].map(collectionOfKeys)).toEqual([
      '%',
      '%%24x',
      '%%2ex',
      '%x%2e',
      '%system%2ex',
      '%a%00',
      '%%25',
    ])
    expect(collectionOfKeys('x'.repeat(250))).toMatch(/^__%#[0-9a-f]{64}$/)
  })
})
