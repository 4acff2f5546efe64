// The connection to a MongoDB server: what it is told, and what becomes of calls when the server dies, hangs or is away.
import { MongoClient } from 'mongodb'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { StorageError } from '../../../../engine/storage/errors.ts'
import { openMongodbStorage } from '../../../../engine/storage/mongodb/storage.ts'
import { Row } from '../../../../engine/storage/row.ts'
import { freePort } from '../../../free-port.ts'
import { type MongodbService, startMongodb } from '../../../services/mongodb.ts'
import { get, put } from '../conformance.ts'
import { storeOptions } from '../options.ts'

const service = await startMongodb()
afterAll(() => service?.stop())

if (service) describeServer(service)
else it.skip('needs a server', () => {})

async function opened(service: MongodbService, more = '') {
  const url = `${service.url}${more}`
  const storage = await openMongodbStorage(storeOptions('mongodb', { url, db: service.freshDatabase() }))
  onTestFinished(() => storage.close())
  return storage
}

const messageOfRejected = (call: Promise<unknown>) =>
  call.then(
    () => 'it resolved',
    (error: Error) => `${error.name}: ${error.message}`,
  )

function describeServer(service: MongodbService): void {
  describe('the database', () => {
    it('is the one of the settings, else that of the URL, else goworld', async () => {
      const { url } = service
      const databaseOf = async (url: string, db: string) => {
        const names = vi.spyOn(MongoClient.prototype, 'db')
        await (await openMongodbStorage(storeOptions('mongodb', { url, db }))).close()
        const [[name]] = names.mock.calls as [[string]]
        names.mockRestore()
        return name
      }
      expect(await databaseOf(`${url}world%31`, 'own')).toBe('own')
      expect(await databaseOf(`${url}world%31`, '')).toBe('world1')
      expect(await databaseOf(url, '')).toBe('goworld')
      expect(await databaseOf(url.replace(/\/$/, ''), '')).toBe('goworld')
    })

    it('acknowledges what the majority has on disk, unless the URL says less', async () => {
      const optionsOf = async (more: string) => {
        const connects = vi.spyOn(MongoClient.prototype, 'connect')
        const url = `${service.url}?${more}`
        const storage = await openMongodbStorage(storeOptions('mongodb', { url }))
        await storage.close()
        const { writeConcern, retryWrites, maxPoolSize } = (connects.mock.contexts[0] as MongoClient).options
        connects.mockRestore()
        return { w: writeConcern?.w, journal: writeConcern?.journal, retryWrites, maxPoolSize }
      }
      const usual = { w: 'majority', journal: true, retryWrites: false, maxPoolSize: 16 }
      expect(await optionsOf('')).toEqual(usual)
      expect(await optionsOf('w=1&maxPoolSize=5')).toEqual({ ...usual, w: 1, maxPoolSize: 5 })
      expect(await optionsOf('retryWrites=true')).toEqual({ ...usual, retryWrites: true })
      expect(await messageOfRejected(optionsOf('w=0&journal=false'))).toMatch(
        /^StorageError: .*w=0 acknowledges nothing/,
      )
    })
  })

  describe('a server', () => {
    it('that is not there is named within seconds', async () => {
      const url = `mongodb://ann:correct-horse@127.0.0.1:${await freePort()}/`
      const begin = performance.now()
      const message = await messageOfRejected(openMongodbStorage(storeOptions('mongodb', { url })))
      expect(performance.now() - begin).toBeLessThan(6000)
      expect(message).toMatch(/^StorageError: mongodb 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
      expect(message).not.toContain('correct-horse')
    })

    it.each([
      'mongodb://ann:correct-horse@@/',
      'mongodb://ann:correct/horse@127.0.0.1/',
      'mongodb://ann:correct%-horse@127.0.0.1/',
      'mongodb+srv://ann:correct-horse@127.0.0.1:5/',
      'redis://ann:correct-horse@127.0.0.1/',
      'mongodb://ann:correct-horse@127.0.0.1/?nothing=5',
      'mongodb://ann:correct-horse@127.0.0.1/a%2',
      'mongodb://ann:correct-horse@127.0.0.1:1/a.b',
      '',
    ])('of a URL that is none, %s, is refused, and its password not shown', async (url) => {
      const message = await messageOfRejected(openMongodbStorage(storeOptions('mongodb', { url })))
      expect(message).toMatch(/^StorageError: .*mongodb/)
      expect(message).not.toMatch(/correct|horse/)
    })
  })

  describe.skipIf(service.isForeign)('a server of its own', () => {
    it('that is killed again and again loses nothing that was acknowledged', async () => {
      const storage = await opened(service)
      const acknowledged: string[] = []
      let rejected = 0
      for (let round = 0; round < 3; round++) {
        const writes = Array.from({ length: 400 }, (_, n) => {
          const id = `${round}-${String(n).padStart(3, '0')}`
          return put(storage, n % 2 ? 'Avatar' : 'Monster', id, {
            text: 'x'.repeat(n % 50 === 0 ? 200_000 : 100),
          }).then(
            () => acknowledged.push(id),
            (error) => {
              expect(error).toBeInstanceOf(StorageError)
              rejected++
            },
          )
        })
        await Promise.race(writes)
        await service.kill()
        const restarted = service.restart()
        await Promise.all(writes)
        await restarted
      }
      await put(storage, 'Avatar', 'last', {})
      const stored = new Set([
        ...(await storage.list('Avatar', { limit: 5000 })),
        ...(await storage.list('Monster', { limit: 5000 })),
      ])
      expect(acknowledged.filter((id) => !stored.has(id))).toEqual([])
      expect(stored).toContain('last')
      expect(acknowledged.length + rejected).toBe(1200)
      expect(acknowledged.length).toBeGreaterThan(0)
    })

    it('that is away fails calls in the time that the URL says, and serves the next ones when it is back', async () => {
      const storage = await opened(service, '?serverSelectionTimeoutMS=1000')
      await put(storage, 'Avatar', 'A', { level: 1 })
      await service.kill()
      const calls = [put(storage, 'Avatar', 'A', { level: 2 }), storage.read('Avatar', 'B'), storage.types()]
      for (const message of await Promise.all(calls.map(messageOfRejected))) {
        expect(message).toMatch(/^StorageError: mongodb 127\.0\.0\.1:\d+: /)
      }
      await service.restart()
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 1 })
      expect(await put(storage, 'Avatar', 'A', { level: 3 })).toBe(true)
    })

    it('that hangs fails calls in the time that the URL says, and is used again when it goes on', async () => {
      const storage = await opened(service, '?socketTimeoutMS=300')
      await put(storage, 'Avatar', 'A', { level: 1 })
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 1 })
      service.pause()
      let message: string
      // It may still answer while the signal is on its way.
      do message = await messageOfRejected(put(storage, 'Avatar', 'A', { level: 2 }))
      while (message === 'it resolved')
      service.resume()
      expect(message).toMatch(/^StorageError: mongodb .*timed out/)
      await put(storage, 'Avatar', 'A', { level: 3 })
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 3 })
    })

    it('that hangs fails all calls in the time of one, whatever they wait for, and lets go of who closes', async () => {
      const storage = await opened(service, '?connectTimeoutMS=2500&serverSelectionTimeoutMS=2500')
      await put(storage, 'Avatar', 'A', {})
      service.pause()
      const beganMs = performance.now()
      try {
        // One behind the other, and in batch after batch.
        const same = Array.from({ length: 30 }, (_, no) => put(storage, 'Avatar', 'A', { no }, { epoch: 2e6, no }))
        const others = Array.from({ length: 3000 }, (_, n) => put(storage, 'Avatar', `A${n}`, {}))
        const reads = [storage.read('Avatar', 'A'), storage.read('Avatar', 'A1'), storage.list('Avatar')]
        const messages = Promise.all([...same, ...others, ...reads].map(messageOfRejected))
        await storage.close()
        // It may still answer while the signal is on its way.
        const refused = (await messages).filter((message) => message !== 'it resolved')
        for (const message of refused) expect(message).toMatch(/^StorageError: mongodb 127\.0\.0\.1:\d+: /)
        expect(refused.length).toBeGreaterThan(1000)
        // Each by itself takes 2.5 s.
        expect(performance.now() - beganMs).toBeLessThan(15_000)
      } finally {
        service.resume()
      }
    })

    it('that is slow is not sent more than can be held', async () => {
      const storage = await opened(service)
      const row = Row.of({ text: 'x'.repeat(15 * 1024 * 1024) }, { schema: 1, epoch: 1_000_000, no: 1 })
      const writes = Array.from({ length: 20 }, () => messageOfRejected(storage.write('Avatar', 'A', row)))
      const refused = (await Promise.all(writes)).filter((message) => message !== 'it resolved')
      expect(refused).toEqual(Array(2).fill(expect.stringMatching(/^StorageError: .*too many requests wait/)))
      expect(await storage.exists('Avatar', 'A')).toBe(true)
    })

    it('lets in who has the password', async () => {
      const own = (await startMongodb())!
      onTestFinished(() => own.stop())
      const user = { createUser: 'ann', pwd: 'correct-horse', roles: ['root'] }
      await own.client.db('admin').command(user)
      await own.restart(['--auth'])
      const urlOf = (password: string) => own.url.replace('//', `//ann:${password}@`)
      const open = (url: string) => openMongodbStorage(storeOptions('mongodb', { url }))
      const storage = await open(urlOf('correct-horse'))
      onTestFinished(() => storage.close())
      await put(storage, 'Avatar', 'A', {})
      expect(await storage.types()).toEqual(['Avatar'])
      const wrong = await messageOfRejected(open(urlOf('battery-staple')))
      expect(wrong).toMatch(/^StorageError: mongodb 127\.0\.0\.1:\d+: .*[Aa]uth/)
      expect(wrong).not.toContain('battery')
      expect(await messageOfRejected(open(own.url))).toMatch(/^StorageError: /)
    })
  })
}
