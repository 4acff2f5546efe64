// The MongoDB backend on a real server: by the suite of all, and in what form it stores, which is GoWorld's.
import { Binary, BSON, Collection, Double, Int32, Long, MongoInvalidArgumentError } from 'mongodb'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openMongodbStorage } from '../../../../engine/storage/mongodb/storage.ts'
import { Row } from '../../../../engine/storage/row.ts'
import { type MongodbService, startMongodb } from '../../../services/mongodb.ts'
import { describeStorage, get, put } from '../conformance.ts'
import { storeOptions } from '../options.ts'

const service = await startMongodb()
afterAll(() => service?.stop())

const VERSION = { epoch: 1_000_000, no: 1, schema: 1 }

interface Raw {
  _id: string
  [key: string]: unknown
}

const messageOfRejected = (call: Promise<unknown>) =>
  call.then(
    () => 'it resolved',
    (error: Error) => `${error.name}: ${error.message}`,
  )

if (service) {
  describeStorage('mongodb', () => openAt(service, service.freshDatabase()))
  describeGoWorld(service)
} else {
  it.skip('needs a server', () => {})
}

const openAt = ({ url }: MongodbService, db: string) => openMongodbStorage(storeOptions('mongodb', { url, db }))

/** A storage, and a look at what is in its database. */
async function opened(service: MongodbService) {
  const db = service.freshDatabase()
  const storage = await openAt(service, db)
  onTestFinished(() => storage.close())
  return { storage, raw: (name: string) => service.client.db(db).collection<Raw>(name), db }
}

function describeGoWorld(service: MongodbService): void {
  describe('an entity that GoWorld wrote', () => {
    const data = {
      name: '怪物',
      level: Long.fromNumber(7),
      exp: Long.fromBigInt(2n ** 60n),
      count: new Int32(3),
      hp: new Double(0.5),
      full: new Double(100),
      dead: false,
      none: null,
      icon: new Binary(new Uint8Array([1, 2])),
      'a.b': { $set: 1, '': 2, '%json': 'x' },
      bag: [Long.fromNumber(1), [{ gold: Long.fromNumber(5) }], 'x'],
    }

    it('is read, as version 0', async () => {
      const { storage, raw } = await opened(service)
      await raw('Avatar').insertOne({ _id: 'A', data })
      const row = (await storage.read('Avatar', 'A'))!
      expect({ schema: row.schema, epoch: row.epoch, no: row.no }).toEqual({ schema: 0, epoch: 0, no: 0 })
      expect(row.data).toStrictEqual({
        name: '怪物',
        level: 7,
        exp: 2n ** 60n,
        count: 3,
        hp: 0.5,
        full: 100,
        dead: false,
        none: null,
        icon: new Uint8Array([1, 2]),
        'a.b': { $set: 1, '': 2, '%json': 'x' },
        bag: [1, [{ gold: 5 }], 'x'],
      })
    })

    it('is listed, and written over by any save', async () => {
      const { storage, raw } = await opened(service)
      await raw('Avatar').insertMany([
        { _id: 'A', data },
        { _id: 'B', data },
      ])
      await raw('__kv__').insertOne({ _id: 'key', _: 'value' })
      expect(await storage.types()).toEqual(['Avatar'])
      expect(await storage.list('Avatar')).toEqual(['A', 'B'])
      expect(await put(storage, 'Avatar', 'A', { level: 8 }, { epoch: 0, no: 0 })).toBe(true)
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 8 })
      await storage.delete('Avatar', 'B')
      expect(await raw('Avatar').countDocuments()).toBe(1)
    })

    it('that no document can hold is named', async () => {
      const { storage, raw } = await opened(service)
      await raw('Avatar').insertMany([{ _id: 'A', data: { bag: [{ when: new Date(0) }] } }, { _id: 'B' }])
      const start = 'StorageError: what is stored as Avatar'
      expect(await messageOfRejected(storage.read('Avatar', 'A'))).toMatch(
        `${start} A cannot be read: bag.0.when: a Date`,
      )
      expect(await messageOfRejected(storage.read('Avatar', 'B'))).toMatch(`${start} B cannot be read: undefined`)
    })

    it('with a string that is no UTF-8 is named', async () => {
      const { storage } = await opened(service)
      await put(storage, 'Avatar', 'A', {})
      expect(await storage.exists('Avatar', 'A')).toBe(true)
      // As the driver says it; nothing here can write such a string.
      const finds = vi.spyOn(Collection.prototype, 'findOne').mockRejectedValueOnce(new BSON.BSONError('Invalid UTF-8'))
      onTestFinished(() => finds.mockRestore())
      const message = await messageOfRejected(storage.read('Avatar', 'A'))
      expect(message).toBe('StorageError: what is stored as Avatar A cannot be read: Invalid UTF-8')
    })

    it('of our own whose marks somebody broke is named', async () => {
      const { storage, raw } = await opened(service)
      const broken = [{ '%json': '"' }, { '%json': '\\' }, { '%bigint': 'x' }, { '%bigint': 1.5 }]
      for (const [n, text] of broken.entries())
        await raw('Avatar').insertOne({ _id: `A${n}`, data: { text }, v: VERSION })
      for (const n of broken.keys()) {
        const message = await messageOfRejected(storage.read('Avatar', `A${n}`))
        expect(message).toMatch(new RegExp(`^StorageError: what is stored as Avatar A${n} cannot be read: `))
      }
    })
  })

  describe('an entity that we write', () => {
    it('is plain to see beside the engine, and to GoWorld', async () => {
      const { storage, raw } = await opened(service)
      const data = { name: 'Ann', level: 3, hp: 0.5, bag: [1, [2], { gold: 2 ** 40 }], icon: new Uint8Array([1]) }
      await storage.write('Avatar', 'A', Row.of(data, { schema: 2, epoch: 3, no: 4 }))
      const stored = await raw('Avatar').findOne({ _id: 'A' })
      expect(stored).toEqual({
        _id: 'A',
        data: { ...data, icon: new Binary(new Uint8Array([1])) },
        v: { epoch: 3, no: 4, schema: 2 },
      })
      expect(await raw('Avatar').countDocuments({ 'data.bag.gold': { $gt: 5 } })).toBe(1)
    })

    it('keeps the order of its keys', async () => {
      const { storage } = await opened(service)
      const row = Row.of({ z: 1, a: { 'b.b': 1, $a: 2, a: 3 }, 10: 'x', m: 1 }, { schema: 1, epoch: 1, no: 1 })
      await storage.write('Avatar', 'A', row)
      expect((await storage.read('Avatar', 'A'))!.text).toBe(row.text)
    })

    it('may be of a type whose name is longer than that of a collection', async () => {
      const { storage, raw } = await opened(service)
      const types = ['x'.repeat(191), 'x'.repeat(255), '怪'.repeat(85), 'system.x', 'Avatar']
      for (const type of types) await put(storage, type, 'A', { type })
      for (const type of types) expect(await get(storage, type, 'A')).toEqual({ type })
      expect(await storage.types()).toEqual(types.toSorted())
      expect(await raw('Avatar').countDocuments()).toBe(1)
    })

    it('is not found in the collections of others', async () => {
      const { storage, raw } = await opened(service)
      await raw('logs').insertOne({ _id: 'A', text: 'data' })
      await raw('keys').insertOne({ _id: 'A', _: 'data' })
      await raw('other').insertOne({ _id: 'A', data: 'text' })
      expect(await storage.types()).toEqual([])
    })

    it('may have as much as MongoDB takes, to the byte, and no more', async () => {
      const { storage } = await opened(service)
      await put(storage, 'Avatar', 'A', { level: 1 })
      const most = 16 * 1024 * 1024 - BSON.calculateObjectSize({ _id: 'A', data: { text: '' }, v: VERSION })
      const text = '怪'.repeat(Math.floor(most / 3)) + 'x'.repeat(most % 3)
      const write = (text: string) => messageOfRejected(put(storage, 'Avatar', 'A', { text }, VERSION))
      const refusal = /^NotStorable: the document has 16777217 bytes as BSON, and MongoDB takes 16777216$/
      expect(await write(`${text}x`)).toMatch(refusal)
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 1 })
      expect(await write(text)).toBe('it resolved')
      expect((await get(storage, 'Avatar', 'A'))?.['text']).toBe(text)
    })

    it('is the later save, whichever of several games is faster', async () => {
      const { storage, db } = await opened(service)
      const others = await Promise.all([openAt(service, db), openAt(service, db)])
      onTestFinished(() => Promise.all(others.map((other) => other.close())).then(() => {}))
      const games = [storage, ...others]
      for (let round = 0; round < 10; round++) {
        const writes = Array.from({ length: 30 }, (_, n) => {
          const no = (n * 7) % 30
          return put(games[n % games.length]!, 'Avatar', `A${round}`, { no }, { epoch: 1, no })
        })
        const wrote = await Promise.all(writes)
        expect(wrote.at(-13)).toBe(true)
        for (const game of games) expect(await get(game, 'Avatar', `A${round}`)).toEqual({ no: 29 })
      }
    })

    it('is written by a batch, and refused in it alone', async () => {
      const { storage, raw } = await opened(service)
      const sends = vi.spyOn(Collection.prototype, 'bulkWrite')
      onTestFinished(() => sends.mockRestore())
      await raw('Avatar').insertOne({ _id: 'A7', data: {}, v: { epoch: 9, no: 0, schema: 1 } })
      const writes = Array.from({ length: 100 }, (_, n) => put(storage, 'Avatar', `A${n}`, { n }))
      const large = put(storage, 'Avatar', 'large', { text: 'x'.repeat(1_000_000) })
      expect(await Promise.all(writes)).toEqual(writes.map((_, n) => n !== 7))
      expect(await large).toBe(true)
      expect(sends).toHaveBeenCalledTimes(1)
      expect(await raw('Avatar').countDocuments()).toBe(101)
    })

    it('is written for the others when the server refuses a batch as a whole', async () => {
      const { storage } = await opened(service)
      const send = Collection.prototype.bulkWrite
      // As a server does that takes no document with a certain name.
      const sends = vi.spyOn(Collection.prototype, 'bulkWrite').mockImplementation(function (
        this: never,
        writes,
        ...more
      ) {
        if (JSON.stringify(writes).includes('"B"')) throw new MongoInvalidArgumentError('B is bad')
        return send.call(this, writes, ...more)
      })
      onTestFinished(() => sends.mockRestore())
      const writes = ['A', 'B', 'C'].map((id) => messageOfRejected(put(storage, 'Avatar', id, {})))
      expect(await Promise.all(writes)).toEqual([
        'it resolved',
        expect.stringMatching(/^StorageError: mongodb .*: B is bad$/),
        'it resolved',
      ])
    })
  })
}
