// What every backend of KeyValueStore must do. A backend's test file calls describeKvdb.
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { KeyValueStore } from '../../../engine/kvdb/kvdb.ts'
import { KEY_BYTES_MAX, nextLargerKey, VALUE_BYTES_MAX } from '../../../engine/kvdb/kvdb.ts'
import { NotStorable, StorageError } from '../../../engine/storage/errors.ts'
import { HOSTILE_NAMES } from '../storage/conformance.ts'

/**
 * `open` gives `count` stores with the same, at first empty, contents: several connections, like those of several
 * games. A backend that lives in one process gives the same store several times.
 */
export function describeKvdb(name: string, open: (count: number) => Promise<KeyValueStore[]>): void {
  async function opened(): Promise<KeyValueStore> {
    const [store] = await openedTimes(1)
    return store!
  }

  async function openedTimes(count: number): Promise<KeyValueStore[]> {
    const stores = await open(count)
    onTestFinished(async () => {
      for (const store of stores) await store.close()
    })
    return stores
  }

  describe(`${name}: a key`, () => {
    it('has the value that was put last', async () => {
      const store = await opened()
      expect(await store.get('a')).toBeUndefined()
      await store.put('a', '1')
      await store.put('b', '2')
      expect(await store.get('a')).toBe('1')
      await store.put('a', '')
      expect(await store.get('a')).toBe('')
      expect(await store.get('A')).toBeUndefined()
    })

    it('is gone when it is deleted, and deleting it again is nothing', async () => {
      const store = await opened()
      await store.put('a', '1')
      await store.delete('a')
      await store.delete('a')
      expect(await store.get('a')).toBeUndefined()
      expect(await store.getRange('', 'z')).toEqual([])
    })

    it('takes calls in the order they were made in, without a wait between them', async () => {
      const store = await opened()
      const calls = [
        store.put('a', '1'),
        store.get('a'),
        store.getOrPut('a', '2'),
        store.compareAndSet('a', '1', '3'),
        store.get('a'),
        store.delete('a'),
        store.get('a'),
        store.getOrPut('a', '4'),
        store.getRange('a', 'b'),
      ]
      expect(await Promise.all(calls)).toEqual([
        undefined,
        '1',
        '1',
        true,
        '3',
        undefined,
        undefined,
        undefined,
        [{ key: 'a', value: '4' }],
      ])
    })

    it('may look like anything, and so may a value', async () => {
      const store = await opened()
      for (const key of HOSTILE_NAMES) await store.put(key, `${key} value`)
      for (const key of HOSTILE_NAMES) expect(await store.get(key)).toBe(`${key} value`)
      expect(await store.getRange('', '\u{10ffff}')).toHaveLength(HOSTILE_NAMES.length)
    })

    it('and a value are read as they were put, whatever they are', async () => {
      const store = await opened()
      const text = fc.string({ unit: 'binary', maxLength: 50 })
      const property = fc.asyncProperty(text, text, async (key, value) => {
        await store.put(`k${key}`, value)
        expect(await store.get(`k${key}`)).toBe(value)
      })
      await fc.assert(property, { numRuns: 200 })
    })

    it('may have 1024 bytes, and a value a megabyte', async () => {
      const store = await opened()
      const key = 'é'.repeat(KEY_BYTES_MAX / 2)
      const value = '怪'.repeat(400_000)
      await store.put(key, value)
      expect(await store.get(key)).toBe(value)
      expect((await store.getRange(key, nextLargerKey(key)))[0]?.key).toBe(key)
      await store.put('large', 'x'.repeat(VALUE_BYTES_MAX))
      expect((await store.get('large'))?.length).toBe(VALUE_BYTES_MAX)
    })
  })

  describe(`${name}: a refusal`, () => {
    const badKeys = [
      '',
      'é'.repeat(513),
      'half \ud83d',
      '\udc00',
      undefined,
      null,
      5,
      {},
      ['a'],
      Symbol('s'),
    ] as string[]
    it.each(badKeys.map((key) => [String(key).slice(0, 20), key] as const))('of the key "%s"', async (_text, key) => {
      const store = await opened()
      for (const call of [
        store.get(key),
        store.put(key, ''),
        store.delete(key),
        store.getOrPut(key, ''),
        store.compareAndSet(key, undefined, ''),
      ]) {
        await expect(call).rejects.toThrow(NotStorable)
        await expect(call).rejects.toThrow(/^key: /)
      }
      expect(await store.getRange('', '\u{10ffff}')).toEqual([])
    })

    const badValues = ['half \ud83d', 'x'.repeat(VALUE_BYTES_MAX + 1), undefined, null, 5, {}, new Date(0)] as string[]
    it.each(badValues.map((key) => [String(key).slice(0, 20), key] as const))(
      'of the value "%s"',
      async (_text, value) => {
        const store = await opened()
        for (const call of [
          store.put('a', value),
          store.getOrPut('a', value),
          store.compareAndSet('a', undefined, value),
          ...(value === undefined ? [] : [store.compareAndSet('a', value, '')]),
        ]) {
          await expect(call).rejects.toThrow(NotStorable)
          await expect(call).rejects.toThrow(/^value: /)
        }
        expect(await store.get('a')).toBeUndefined()
      },
    )

    it('of a range that is none', async () => {
      const store = await opened()
      for (const bad of [5, null, undefined, '\ud800', 'x'.repeat(1026)] as string[]) {
        await expect(store.getRange(bad, 'z')).rejects.toThrow(/^begin: /)
        await expect(store.getRange('a', bad)).rejects.toThrow(/^end: /)
      }
      for (const limit of [0, -1, 0.5, Number.NaN]) {
        await expect(store.getRange('a', 'z', limit)).rejects.toThrow(/^limit: /)
      }
    })
  })

  describe(`${name}: getOrPut`, () => {
    it('puts when there is nothing, and else gives what is there', async () => {
      const store = await opened()
      expect(await store.getOrPut('a', '1')).toBeUndefined()
      expect(await store.getOrPut('a', '2')).toBe('1')
      await store.put('empty', '')
      expect(await store.getOrPut('empty', '2')).toBe('')
      expect(await store.get('a')).toBe('1')
    })

    it('has one winner a key, among many callers of several connections', async () => {
      const stores = await openedTimes(3)
      for (let round = 0; round < 20; round++) {
        const callers = Array.from({ length: 12 }, (_, n) => ({ store: stores[n % stores.length]!, value: `${n}` }))
        const found = await Promise.all(callers.map(({ store, value }) => store.getOrPut(`name ${round}`, value)))
        const winners = callers.filter((_, n) => found[n] === undefined)
        expect(winners).toHaveLength(1)
        expect(new Set(found)).toEqual(new Set([undefined, winners[0]!.value]))
        for (const store of stores) expect(await store.get(`name ${round}`)).toBe(winners[0]!.value)
      }
    })
  })

  describe(`${name}: compareAndSet`, () => {
    it('puts only over what was expected', async () => {
      const store = await opened()
      expect(await store.compareAndSet('a', '1', '2')).toBe(false)
      expect(await store.get('a')).toBeUndefined()
      expect(await store.compareAndSet('a', undefined, '1')).toBe(true)
      expect(await store.compareAndSet('a', undefined, '2')).toBe(false)
      expect(await store.compareAndSet('a', '', '2')).toBe(false)
      expect(await store.compareAndSet('a', '1', '1')).toBe(true)
      expect(await store.compareAndSet('a', '1', '2')).toBe(true)
      expect(await store.get('a')).toBe('2')
    })

    it('loses no count, among many counters of several connections', async () => {
      const stores = await openedTimes(3)
      const each = 30
      const count = async (store: KeyValueStore) => {
        for (let done = 0; done < each; ) {
          const now = await store.get('count')
          if (await store.compareAndSet('count', now, String(Number(now ?? 0) + 1))) done++
        }
      }
      await Promise.all([...stores, ...stores].map(count))
      expect(await stores[0]!.get('count')).toBe(String(stores.length * 2 * each))
    })
  })

  describe(`${name}: a range`, () => {
    const KEYS = ['a', 'a\0', 'aa', 'b', 'B', 'ba', 'é', '\uffff', '😀', '\ue000', '10', '9']

    it('has what is from its begin to before its end, in byte order', async () => {
      const store = await opened()
      for (const key of KEYS) await store.put(key, `${key}!`)
      const keys = async (begin: string, end: string, limit?: number) => {
        const found = await store.getRange(begin, end, limit)
        for (const { key, value } of found) expect(value).toBe(`${key}!`)
        return found.map(({ key }) => key)
      }
      expect(await keys('', '\u{10ffff}')).toEqual(
        KEYS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      )
      expect(await keys('a', 'b')).toEqual(['a', 'a\0', 'aa'])
      expect(await keys('a', nextLargerKey('b'))).toEqual(['a', 'a\0', 'aa', 'b'])
      expect(await keys(nextLargerKey('a'), 'b', 1)).toEqual(['a\0'])
      expect(await keys('\ue000', '\u{10ffff}')).toEqual(['\ue000', '\uffff', '😀'])
      expect(await keys('b', 'b')).toEqual([])
      expect(await keys('b', 'a')).toEqual([])
      expect(await keys('', '')).toEqual([])
    })

    it('has all, however many there are', async () => {
      const store = await opened()
      const keys = Array.from({ length: 3000 }, (_, n) => `mail:${String(n).padStart(5, '0')}`)
      await Promise.all(keys.toReversed().map((key) => store.put(key, key)))
      expect((await store.getRange('mail:', 'mail;')).map(({ key }) => key)).toEqual(keys)
    })
  })

  describe(`${name}: closing`, () => {
    it('waits for what was asked before, and refuses what comes after', async () => {
      const store = await opened()
      const put = store.put('a', '1')
      const get = store.get('a')
      await store.close()
      await put
      expect(await get).toBe('1')
      await store.close()
      for (const call of [
        store.get('a'),
        store.put('a', '1'),
        store.delete('a'),
        store.getOrPut('a', '1'),
        store.getRange('a', 'b'),
        store.compareAndSet('a', '1', '2'),
      ]) {
        await expect(call).rejects.toThrow(StorageError)
      }
    })
  })
}
