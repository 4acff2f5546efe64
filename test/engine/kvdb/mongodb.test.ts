// The MongoDB backend of keys and values on a real server: by the suite of all, with a client for each connection.
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { OperatorError } from '../../../engine/base/errors.ts'
import type { KeyValueStore } from '../../../engine/kvdb/kvdb.ts'
import { VALUE_BYTES_MAX } from '../../../engine/kvdb/kvdb.ts'
import { openMongodbKvdb } from '../../../engine/kvdb/mongodb.ts'
import { StorageError } from '../../../engine/storage/errors.ts'
import { openMongodbStorage } from '../../../engine/storage/mongodb/storage.ts'
import { type MongodbService, startMongodb } from '../../services/mongodb.ts'
import { HOSTILE_NAMES, put } from '../storage/conformance.ts'
import { storeOptions } from '../storage/options.ts'
import { describeKvdb } from './conformance.ts'

const service = await startMongodb()
afterAll(() => service?.stop())

interface Raw {
  _id: string
  _?: unknown
}

const openAt = ({ url }: MongodbService, db: string, collection = '__kv__') =>
  openMongodbKvdb(storeOptions('mongodb', { url, db, collection }))

if (service) {
  describeKvdb('mongodb', (count) => {
    const db = service.freshDatabase()
    return Promise.all(Array.from({ length: count }, () => openAt(service, db)))
  })
  describeKeys(service)
} else {
  it.skip('needs a server', () => {})
}

async function opened(service: MongodbService, count = 1) {
  const db = service.freshDatabase()
  const stores = await Promise.all(Array.from({ length: count }, () => openAt(service, db)))
  onTestFinished(() => Promise.all(stores.map((store) => store.close())).then(() => {}))
  return { store: stores[0]!, stores, raw: service.client.db(db).collection<Raw>('__kv__'), db }
}

function describeKeys(service: MongodbService): void {
  describe('a collection', () => {
    it('is that of GoWorld', async () => {
      const { store, raw } = await opened(service)
      await raw.insertMany([
        { _id: 'a', _: '1' },
        { _id: 'b', _: '' },
      ])
      expect(await store.getRange('', 'z')).toEqual([
        { key: 'a', value: '1' },
        { key: 'b', value: '' },
      ])
      expect(await store.compareAndSet('a', '1', '2')).toBe(true)
      await store.put('c', '怪物')
      expect(await store.getOrPut('d', '4')).toBeUndefined()
      expect(await raw.find().sort({ _id: 1 }).toArray()).toEqual([
        { _id: 'a', _: '2' },
        { _id: 'b', _: '' },
        { _id: 'c', _: '怪物' },
        { _id: 'd', _: '4' },
      ])
    })

    it('does not see the keys of another, whatever their names', async () => {
      const db = service.freshDatabase()
      const names = ['__kv__', '__KV__', 'kv', '', 'system.indexes', 'x'.repeat(250), ...HOSTILE_NAMES]
      const stores: KeyValueStore[] = []
      for (const name of names) stores.push(await openAt(service, db, name))
      onTestFinished(() => Promise.all(stores.map((store) => store.close())).then(() => {}))
      for (const [n, store] of stores.entries()) await store.put('a', names[n]!)
      for (const [n, store] of stores.entries()) {
        expect(await store.getRange('', 'z')).toEqual([{ key: 'a', value: names[n] }])
      }
      const storage = await openMongodbStorage(storeOptions('mongodb', { url: service.url, db }))
      onTestFinished(() => storage.close())
      expect(await storage.types()).toEqual([])
      await put(storage, '__kv__', 'A', {})
      expect(await storage.types()).toEqual(['__kv__'])
      expect(await stores[0]!.getRange('', 'z')).toHaveLength(1)
    })

    it('of any name is found, as GoWorld has it', async () => {
      const db = service.freshDatabase()
      await service.client.db(db).collection<Raw>('Keys').insertOne({ _id: 'a', _: '1' })
      const store = await openAt(service, db, 'Keys')
      onTestFinished(() => store.close())
      expect(await store.get('a')).toBe('1')
      await store.put('b', '2')
      expect(await service.client.db(db).collection<Raw>('Keys').countDocuments()).toBe(2)
    })

    it('that has entities in it is refused', async () => {
      const db = service.freshDatabase()
      await service.client.db(db).collection<Raw & { data: object }>('Avatar').insertOne({ _id: 'A', data: {} })
      const error: unknown = await openAt(service, db, 'Avatar').catch((error) => error)
      expect(error).toBeInstanceOf(OperatorError)
      expect(String(error)).toMatch(/collection: the collection Avatar has entities in it, and cannot hold the keys/)
    })

    it.each(['keys', 'entities'])('with the name of a type is that of the first, when these are %s', async (first) => {
      const db = service.freshDatabase()
      const store = await openAt(service, db, 'Avatar')
      const storage = await openMongodbStorage(storeOptions('mongodb', { url: service.url, db }))
      onTestFinished(() => Promise.all([store.close(), storage.close()]).then(() => {}))
      const ofKeys = [() => store.put('k', '1'), () => store.get('k'), () => store.getRange('a', 'z')]
      const more = [() => store.delete('k'), () => store.getOrPut('k', '2'), () => store.compareAndSet('k', '1', '2')]
      const ofEntities = [
        () => put(storage, 'Avatar', 'k', {}),
        () => storage.read('Avatar', 'k'),
        () => storage.exists('Avatar', 'k'),
        () => storage.list('Avatar'),
        () => storage.delete('Avatar', 'k'),
      ]
      const [theirs, others] = first === 'keys' ? [ofKeys, ofEntities] : [ofEntities.slice(0, 4), [...ofKeys, ...more]]
      const answersOf = async (calls: readonly (() => Promise<unknown>)[]) => {
        const answers: unknown[] = []
        for (const call of calls) answers.push(await call())
        return answers
      }
      const before = await answersOf(theirs)
      for (const call of others) {
        const error: unknown = await call().catch((error) => error)
        expect(String(error)).toMatch(/^StorageError: mongodb .*: the collection Avatar has .* in it, and cannot hold/)
      }
      expect(await answersOf(theirs.slice(1))).toEqual(before.slice(1))
      expect(await storage.types()).toEqual(first === 'keys' ? [] : ['Avatar'])
    })

    it('names the key of what is no value', async () => {
      const { store, raw } = await opened(service)
      await raw.insertMany([{ _id: 'a', _: 5 }, { _id: 'b' }])
      for (const key of ['a', 'b']) {
        await expect(store.get(key)).rejects.toThrow(`what is stored as ${key} cannot be read`)
        await expect(store.get(key)).rejects.toThrow(StorageError)
      }
    })
  })

  describe('a value', () => {
    it('of more than MongoDB takes is kept shorter', async () => {
      const { store, raw } = await opened(service)
      // Every character that has one byte, in no order that could be made use of.
      let seed = 1
      const random = () => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        return seed >>> 25
      }
      const value = String.fromCharCode(...Array.from({ length: 4096 }, random)).repeat(VALUE_BYTES_MAX / 4096)
      await store.put('a', value)
      expect((await raw.findOne({ _id: 'a' }))?._).not.toBeTypeOf('string')
      expect((await store.get('a')) === value).toBe(true)
      expect((await store.getOrPut('a', '')) === value).toBe(true)
      expect(await store.compareAndSet('a', `${value.slice(1)}x`, '')).toBe(false)
      expect(await store.compareAndSet('a', value, '1')).toBe(true)
      expect(await store.compareAndSet('a', '1', value)).toBe(true)
      expect((await store.getRange('a', 'b'))[0]!.value === value).toBe(true)
    })

    it('that is long is compared as a whole, and set once, among many of several connections', async () => {
      const { stores, raw } = await opened(service, 3)
      const long = 'x'.repeat(1_000_000)
      await stores[0]!.put('a', `${long}0`)
      for (let round = 0; round < 5; round++) {
        const callers = [...stores, ...stores].map((store, n) =>
          store.compareAndSet('a', `${long}${round}`, `${long}${round + 1}`).then((put) => (put ? [n] : [])),
        )
        expect((await Promise.all(callers)).flat()).toHaveLength(1)
        expect((await stores[0]!.get('a')) === `${long}${round + 1}`).toBe(true)
      }
      expect(Object.keys((await raw.findOne({ _id: 'a' }))!)).toEqual(['_id', '_'])
    })
  })

  describe('the order of calls', () => {
    it('is that of the puts, also for another who looks', async () => {
      const { store, stores } = await opened(service, 2)
      const keys = Array.from({ length: 700 }, (_, n) => `k${String(n).padStart(4, '0')}`)
      const puts = keys.map((key) => store.put(key, ''))
      let isDone = false
      const done = Promise.all(puts).then(() => {
        isDone = true
      })
      while (!isDone) {
        const [last] = (await stores[1]!.getRange('', 'z')).slice(-1)
        if (!last) continue
        const upTo = keys.indexOf(last.key) + 1
        expect(await stores[1]!.getRange('', last.key, upTo)).toHaveLength(upTo - 1)
      }
      await done
    })

    it('goes on behind a put that the server refuses', async () => {
      const { store, raw } = await opened(service)
      await raw.createIndex({ _: 1 }, { unique: true })
      const puts = ['1', '1', '2', '2', '3'].map((value, n) => store.put(`k${n}`, value).then(String, String))
      const refused = expect.stringMatching(/^StorageError: mongodb .*duplicate key/)
      expect(await Promise.all(puts)).toEqual(['undefined', refused, 'undefined', refused, 'undefined'])
      expect((await store.getRange('', 'z')).map(({ key }) => key)).toEqual(['k0', 'k2', 'k4'])
    })

    it('is kept by a range and the keys in it', async () => {
      const { store } = await opened(service)
      const calls = [
        store.put('a', '1'),
        store.getOrPut('b', '1'),
        store.getRange('a', 'c'),
        store.put('a', '2'),
        store.compareAndSet('b', '1', '2'),
        store.put('c', '2'),
        store.getRange('a', 'z'),
        store.delete('a'),
        store.getRange('a', 'z'),
      ]
      const found = await Promise.all(calls)
      const values = (at: number) => (found[at] as { value: string }[]).map(({ value }) => value)
      expect([values(2), values(6), values(8)]).toEqual([
        ['1', '1'],
        ['2', '2', '2'],
        ['2', '2'],
      ])
    })
  })

  describe.skipIf(service.isForeign)('a server', () => {
    it('that hangs fails all calls in the time of one, whatever they wait for, and is used again', async () => {
      const url = `${service.url}?connectTimeoutMS=2500&serverSelectionTimeoutMS=2500`
      const store = await openMongodbKvdb(
        storeOptions('mongodb', { url, db: service.freshDatabase(), collection: '__kv__' }),
      )
      onTestFinished(() => store.close())
      await store.put('a', '1')
      service.pause()
      const beganMs = performance.now()
      try {
        const puts = Array.from({ length: 30 }, (_, n) => store.put('a', `${n}`))
        const outcomes = await Promise.allSettled([...puts, store.getRange('a', 'z'), store.get('a')])
        // It may still answer while the signal is on its way.
        const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
        for (const reason of refused) expect(reason).toBeInstanceOf(StorageError)
        expect(refused.length).toBeGreaterThan(20)
        // Each by itself takes 2.5 s.
        expect(performance.now() - beganMs).toBeLessThan(15_000)
      } finally {
        service.resume()
      }
      await expect.poll(() => store.put('b', '2').then(() => 'put', String), { timeout: 20_000 }).toBe('put')
      expect(await store.get('b')).toBe('2')
    })

    it('that is killed loses nothing that was acknowledged, and is used again when it is back', async () => {
      const { store } = await opened(service)
      const acknowledged = new Map<string, string>()
      for (let round = 0; round < 3; round++) {
        const calls = Array.from({ length: 200 }, async (_, n) => {
          const [key, value] = [`${n % 40}`, `${round}-${n}`]
          try {
            if (n % 3 === 0) await store.put(`put ${round} ${n}`, value)
            else if (n % 3 === 1) await store.getOrPut(`first ${round} ${n}`, value)
            else await store.compareAndSet(`set ${key} ${round} ${n}`, undefined, value)
          } catch (error) {
            expect(error).toBeInstanceOf(StorageError)
            return
          }
          const name =
            n % 3 === 0 ? `put ${round} ${n}` : n % 3 === 1 ? `first ${round} ${n}` : `set ${key} ${round} ${n}`
          acknowledged.set(name, value)
        })
        await Promise.race(calls)
        await service.kill()
        const restarted = service.restart()
        await Promise.all(calls)
        await restarted
      }
      await store.put('last', 'x')
      const stored = new Map((await store.getRange('', 'z')).map(({ key, value }) => [key, value]))
      expect(stored.get('last')).toBe('x')
      for (const [key, value] of acknowledged) expect(stored.get(key)).toBe(value)
      expect(acknowledged.size).toBeGreaterThan(0)
    })
  })
}
