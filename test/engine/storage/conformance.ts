// What every backend of EntityStorage must do. A backend's test file calls describeStorage.
import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { NotStorable, StorageError } from '../../../engine/storage/errors.ts'
import { Row, type SaveVersion } from '../../../engine/storage/row.ts'
import type { Document, EntityStorage } from '../../../engine/storage/storage.ts'
import { anyDocument, REFUSED } from './documents.ts'

/** Names that would break out of a statement, a path or an object, were they taken for more than names. */
export const HOSTILE_NAMES = [
  `'; DROP TABLE entities; --`,
  `" OR 1=1 --`,
  '../../etc/passwd',
  '%',
  '_',
  '?',
  '\0',
  'a\0b',
  '__proto__',
  'constructor',
  '$where',
  'a.b',
  ' ',
  'é',
  '怪物',
  '😀',
]

/** Writes as a save later than all before. */
let saves = 0
export async function put(storage: EntityStorage, type: string, id: string, data: Document, version?: SaveVersion) {
  return storage.write(type, id, Row.of(data, { schema: 1, epoch: 1, no: ++saves, ...version }))
}

export async function get(storage: EntityStorage, type: string, id: string): Promise<Document | undefined> {
  return (await storage.read(type, id))?.data
}

/** `open` gives an empty storage. */
export function describeStorage(name: string, open: () => Promise<EntityStorage>): void {
  async function opened(): Promise<EntityStorage> {
    const storage = await open()
    onTestFinished(() => storage.close())
    return storage
  }

  async function roundTrip(data: Document): Promise<Document | undefined> {
    const storage = await opened()
    await put(storage, 'Avatar', 'A', data)
    return get(storage, 'Avatar', 'A')
  }

  describe(`${name}: an entity`, () => {
    it('is read as it was written', async () => {
      const data = { name: 'Ann', level: 3, hp: 0.5, dead: false, pet: null, bag: [1, [2], { gold: 3 }], empty: {} }
      expect(await roundTrip(data)).toStrictEqual(data)
    })

    it('that was never written is not there', async () => {
      const storage = await opened()
      expect(await get(storage, 'Avatar', 'A')).toBeUndefined()
      expect(await storage.exists('Avatar', 'A')).toBe(false)
      expect(await storage.list('Avatar')).toEqual([])
      await storage.delete('Avatar', 'A')
    })

    it('is overwritten as a whole', async () => {
      const storage = await opened()
      await put(storage, 'Avatar', 'A', { a: 1, b: 2 })
      await put(storage, 'Avatar', 'A', { b: 3 })
      expect(await get(storage, 'Avatar', 'A')).toStrictEqual({ b: 3 })
      expect(await storage.list('Avatar')).toEqual(['A'])
    })

    it('exists until it is deleted', async () => {
      const storage = await opened()
      await put(storage, 'Avatar', 'A', {})
      await put(storage, 'Avatar', 'B', {})
      expect(await storage.exists('Avatar', 'A')).toBe(true)
      await storage.delete('Avatar', 'A')
      expect(await storage.exists('Avatar', 'A')).toBe(false)
      expect(await get(storage, 'Avatar', 'A')).toBeUndefined()
      expect(await storage.list('Avatar')).toEqual(['B'])
    })

    it('is another than the one of the same id and another type', async () => {
      const storage = await opened()
      await put(storage, 'Avatar', 'A', { is: 'avatar' })
      await put(storage, 'avatar', 'A', { is: 'small' })
      await put(storage, 'Avata', 'rA', { is: 'other' })
      expect(await get(storage, 'Avatar', 'A')).toEqual({ is: 'avatar' })
      await storage.delete('avatar', 'A')
      expect(await storage.exists('Avatar', 'A')).toBe(true)
      expect(await storage.exists('Avata', 'rA')).toBe(true)
    })

    it('keeps the value of the call when its owner changes it afterwards', async () => {
      const storage = await opened()
      const data = { bag: [1], bytes: new Uint8Array([1]) }
      const written = put(storage, 'Avatar', 'A', data)
      data.bag.push(2)
      data.bytes[0] = 2
      await written
      const read = await get(storage, 'Avatar', 'A')
      expect(read).toStrictEqual({ bag: [1], bytes: new Uint8Array([1]) })
      read!['bag'] = 'changed'
      expect(await get(storage, 'Avatar', 'A')).toStrictEqual({ bag: [1], bytes: new Uint8Array([1]) })
    })

    it('takes calls in the order they were made in, without a wait between them', async () => {
      const storage = await opened()
      const writes = [1, 2, 3].map((level) => put(storage, 'Avatar', 'A', { level }))
      const third = get(storage, 'Avatar', 'A')
      const deleted = storage.delete('Avatar', 'A')
      const none = storage.exists('Avatar', 'A')
      const fourth = put(storage, 'Avatar', 'A', { level: 4 })
      expect(await third).toEqual({ level: 3 })
      expect(await none).toBe(false)
      await Promise.all([...writes, deleted, fourth])
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 4 })
    })

    it('has the value of the last of many writers at once', async () => {
      const storage = await opened()
      const writers = Array.from({ length: 500 }, (_, n) => put(storage, 'Avatar', 'A', { n, text: 'x'.repeat(n) }))
      await Promise.all(writers)
      expect(await get(storage, 'Avatar', 'A')).toEqual({ n: 499, text: 'x'.repeat(499) })
    })
  })

  describe(`${name}: a value`, () => {
    it('may have any characters', async () => {
      const data = { 'ключ 😀': '怪物 \0 \n " \\ \u2028 \ud800 é e\u0301 \uffff', quote: `'; DROP TABLE entities; --` }
      expect(await roundTrip(data)).toStrictEqual(data)
    })

    it('may be bytes, read as a plain Uint8Array', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, n) => n)
      const read = await roundTrip({ bytes, part: Buffer.from(bytes).subarray(10, 12), none: new Uint8Array(0) })
      expect(read).toStrictEqual({ bytes, part: new Uint8Array([10, 11]), none: new Uint8Array(0) })
    })

    it('may have a megabyte', async () => {
      const data = { text: '怪'.repeat(400_000), bytes: new Uint8Array(1_000_000).fill(7) }
      const read = await roundTrip(data)
      expect(read!['text']).toBe(data.text)
      expect(Buffer.compare(read!['bytes'] as Uint8Array, data.bytes)).toBe(0)
    })

    it('may be nested 80 deep', async () => {
      let data: Document = { leaf: true }
      for (let depth = 0; depth < 55; depth++) data = depth % 2 ? { in: data } : { in: [data] }
      expect(await roundTrip(data)).toStrictEqual(data)
    })

    it('is a number exactly, to the last bit', async () => {
      const { MAX_SAFE_INTEGER, MIN_SAFE_INTEGER, MIN_VALUE, EPSILON } = Number
      const numbers = [0, -0, MAX_SAFE_INTEGER, MIN_SAFE_INTEGER, MIN_VALUE, EPSILON, 0.1, -1e-7, 2 ** 31, 2 ** 32]
      expect(await roundTrip({ numbers })).toStrictEqual({ numbers })
    })

    it('is a bigint beyond the numbers', async () => {
      const data = { one: 1n, big: 2n ** 64n, small: -(2n ** 200n) }
      expect(await roundTrip(data)).toStrictEqual(data)
    })

    it('of undefined leaves its key out', async () => {
      expect(await roundTrip({ a: undefined, b: { c: undefined, d: 1 } })).toStrictEqual({ b: { d: 1 } })
    })

    it('may have any key', async () => {
      const text = `{"__proto__": {"polluted": 1}, "constructor": 2, "toString": 3, "$bytes": "AAAA", "$bigint": 5,
        "in": {"$bytes": "AAAA"}, "in2": {"$bigint": "x"}, "$$": {"$$bytes": "AA", "$": 1}, "": 6, "a.b": 7, "10": 8}`
      const data = JSON.parse(text) as Document
      const read = await roundTrip(data)
      expect(JSON.stringify(read)).toBe(JSON.stringify(data))
      expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
      expect(Object.keys(read!)).toContain('__proto__')
    })

    it('is read as it was written, whatever it is', async () => {
      const storage = await opened()
      let count = 0
      const property = fc.asyncProperty(anyDocument, async (data) => {
        const id = `A${count++}`
        await put(storage, 'Avatar', id, data)
        // Not vitest's: it takes an own key `constructor` for the class.
        deepStrictEqual(await get(storage, 'Avatar', id), data)
      })
      await fc.assert(property, { numRuns: 300 })
    })
  })

  describe(`${name}: a refusal`, () => {
    it.each(REFUSED)('of %s names the place', async (_what, data, message) => {
      const storage = await opened()
      const error = await put(storage, 'Avatar', 'A', data as Document).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(NotStorable)
      expect((error as Error).message).toContain(message)
      expect(await storage.exists('Avatar', 'A')).toBe(false)
    })

    it('of a document over 16 MB leaves the one before', async () => {
      const storage = await opened()
      await put(storage, 'Avatar', 'A', { level: 1 })
      await expect(put(storage, 'Avatar', 'A', { text: 'x'.repeat(17_000_000) })).rejects.toThrow(NotStorable)
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 1 })
    })

    it.each(['', 'x'.repeat(256), '\ud800', undefined, null, 5, {}] as string[])('of the name %j', async (bad) => {
      const storage = await opened()
      for (const call of [
        put(storage, bad, 'A', {}),
        put(storage, 'Avatar', bad, {}),
        get(storage, bad, 'A'),
        get(storage, 'Avatar', bad),
        storage.exists('Avatar', bad),
        storage.delete('Avatar', bad),
        storage.list(bad),
      ]) {
        await expect(call).rejects.toThrow(NotStorable)
      }
    })

    it('of a limit that is no count', async () => {
      const storage = await opened()
      for (const limit of [0, -1, 1.5, Number.NaN, '5' as unknown as number]) {
        await expect(storage.list('Avatar', { limit })).rejects.toThrow(NotStorable)
      }
    })

    it('touches none of the calls beside it', async () => {
      const storage = await opened()
      const calls = [
        put(storage, 'Avatar', 'A', { n: 1 }),
        put(storage, 'Avatar', 'B', { when: new Date(0) } as unknown as Document),
        put(storage, 'Avatar', 'C', { n: 3 }),
      ]
      const settled = await Promise.allSettled(calls)
      expect(settled.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(await storage.list('Avatar')).toEqual(['A', 'C'])
    })
  })

  describe(`${name}: a list`, () => {
    it('is in byte order', async () => {
      const storage = await opened()
      const ids = ['', 'b', 'B', 'a', 'aa', 'a\0', '10', '9', 'é', '\uffff', '😀', '\ue000', '-', '_'].slice(1)
      for (const id of ids) await put(storage, 'Avatar', id, {})
      const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await storage.list('Avatar')).toEqual(sorted)
      await put(storage, 'Avatar', 'aaa', {})
      await storage.delete('Avatar', 'a')
      expect(await storage.list('Avatar', { limit: 8 })).toEqual(['-', '10', '9', 'B', '_', 'a\0', 'aa', 'aaa'])
    })

    it('comes in pages that miss none and repeat none', async () => {
      const storage = await opened()
      const ids = Array.from({ length: 25 }, (_, n) => `A${String(n).padStart(3, '0')}`)
      await Promise.all(ids.toReversed().map((id) => put(storage, 'Avatar', id, {})))
      await put(storage, 'Avatas', 'A000', {})
      const seen: string[] = []
      for (;;) {
        const after = seen.at(-1)
        const page = await storage.list('Avatar', { limit: 10, ...(after && { after }) })
        if (page.length === 0) break
        expect(page.length).toBe(seen.length < 20 ? 10 : 5)
        seen.push(...page)
      }
      expect(seen).toEqual(ids)
      expect(await storage.list('Avatar', { after: 'A010x', limit: 2 })).toEqual(['A011', 'A012'])
    })

    it('has 1000 ids unless told', async () => {
      const storage = await opened()
      const ids = Array.from({ length: 1001 }, (_, n) => String(n).padStart(5, '0'))
      await Promise.all(ids.map((id) => put(storage, 'Avatar', id, {})))
      expect(await storage.list('Avatar')).toEqual(ids.slice(0, 1000))
    })
  })

  describe(`${name}: a version`, () => {
    const head = { schema: 3, epoch: 4_000_000_000, no: Number.MAX_SAFE_INTEGER }

    it('is read as it was written', async () => {
      const storage = await opened()
      await storage.write('Avatar', 'A', Row.of({ level: 1 }, head))
      const { schema, epoch, no } = (await storage.read('Avatar', 'A'))!
      expect({ schema, epoch, no }).toEqual(head)
    })

    it('that is earlier than what is there writes nothing', async () => {
      const storage = await opened()
      const write = (epoch: number, no: number) => put(storage, 'Avatar', 'A', { epoch, no }, { epoch, no })
      expect(await write(2, 5)).toBe(true)
      expect(await write(2, 4)).toBe(false)
      expect(await write(1, 900)).toBe(false)
      expect(await get(storage, 'Avatar', 'A')).toEqual({ epoch: 2, no: 5 })
      expect(await write(2, 5)).toBe(true)
      expect(await write(2, 6)).toBe(true)
      expect(await write(3, 0)).toBe(true)
      expect(await get(storage, 'Avatar', 'A')).toEqual({ epoch: 3, no: 0 })
      await storage.delete('Avatar', 'A')
      expect(await write(1, 1)).toBe(true)
    })

    it('of the last of many writers at once is the one that stays', async () => {
      const storage = await opened()
      const order = Array.from({ length: 200 }, (_, n) => (n * 67) % 200)
      await Promise.all(order.map((no) => put(storage, 'Avatar', 'A', { no }, { epoch: 1, no })))
      expect(await get(storage, 'Avatar', 'A')).toEqual({ no: 199 })
    })
  })

  describe(`${name}: the types`, () => {
    it('are those of which there are entities, in byte order', async () => {
      const storage = await opened()
      expect(await storage.types()).toEqual([])
      const types = ['b', 'B', 'a', '\uffff', 'a\0', ...HOSTILE_NAMES]
      for (const type of types) await put(storage, type, 'A', {})
      await put(storage, 'gone', 'A', {})
      await storage.delete('gone', 'A')
      const sorted = types.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await storage.types()).toEqual(sorted)
    })
  })

  describe(`${name}: a name`, () => {
    it('is a name, whatever it looks like', async () => {
      const storage = await opened()
      for (const type of HOSTILE_NAMES) {
        for (const id of HOSTILE_NAMES) await put(storage, type, id, { type, id })
      }
      for (const type of HOSTILE_NAMES) {
        expect((await storage.list(type)).toSorted()).toEqual(HOSTILE_NAMES.toSorted())
        for (const id of HOSTILE_NAMES) expect(await get(storage, type, id)).toEqual({ type, id })
      }
    })
  })

  describe(`${name}: closing`, () => {
    it('waits for what was asked before, and refuses what comes after', async () => {
      const storage = await opened()
      const write = put(storage, 'Avatar', 'A', {})
      const read = get(storage, 'Avatar', 'A')
      await storage.close()
      await write
      expect(await read).toEqual({})
      await storage.close()
      await expect(storage.types()).rejects.toThrow(StorageError)
      await expect(put(storage, 'Avatar', 'A', {})).rejects.toThrow(StorageError)
      await expect(get(storage, 'Avatar', 'A')).rejects.toThrow(StorageError)
      await expect(storage.exists('Avatar', 'A')).rejects.toThrow(StorageError)
      await expect(storage.list('Avatar')).rejects.toThrow(StorageError)
      await expect(storage.delete('Avatar', 'A')).rejects.toThrow(StorageError)
    })
  })
}
