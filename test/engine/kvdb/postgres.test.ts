// The PostgreSQL backend on a real server: by the suite of all, and what is its own: collections, races, outages.
import { createServer } from 'node:net'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import { StorageError } from '../../../engine/storage/errors.ts'
import { freePort } from '../../free-port.ts'
import { ask, startPostgres } from '../../services/postgres.ts'
import { storeOptions } from '../storage/options.ts'
import { describeKvdb } from './conformance.ts'

const server = await startPostgres()
afterAll(() => server?.stop())

const SOON = { timeout: 20_000 }
const open = (url: string, collection = 'kv') => openKvdb(storeOptions('postgres', { url, collection }))

describe.skipIf(!server)('postgres', () => {
  const shared = server?.freshDatabase()
  describeKvdb('postgres', async (count) => {
    const url = (await shared)!
    const stores = await Promise.all(Array.from({ length: count }, () => open(url)))
    await ask(url, 'TRUNCATE kv')
    return stores
  })

  it('has everything when it is opened again', async () => {
    const url = await server!.freshDatabase()
    const first = await open(url)
    await first.put('a', '1')
    await first.close()
    const second = await open(url)
    expect(await second.get('a')).toBe('1')
    await second.close()
  })

  it('has collections that do not see each other, whatever their names', async () => {
    const url = await server!.freshDatabase()
    const names = ['__kv__', '__KV__', 'entities', 'pg_class', '"; DROP TABLE kv; --', '', 'a\0']
    const stores = await Promise.all(names.map((name) => open(url, name)))
    await Promise.all(stores.map((store, n) => store.put('a', String(n))))
    for (const [n, store] of stores.entries()) {
      expect(await store.getRange('', 'z')).toEqual([{ key: 'a', value: String(n) }])
      await store.close()
    }
  })

  it('answers getOrPut truly while others delete the key', async () => {
    const url = await server!.freshDatabase()
    const stores = await Promise.all([open(url), open(url), open(url)])
    onTestFinished(async () => {
      for (const store of stores) await store.close()
    })
    const puts = Array.from({ length: 300 }, (_, n) => {
      const store = stores[n % 3]!
      if (n % 5 === 0) void store.delete('a').catch(() => {})
      return store.getOrPut('a', `${n}`).then((there) => ({ n, there }))
    })
    const answers = await Promise.all(puts)
    for (const { there } of answers) {
      // Whoever is found was put, by one who was told so.
      if (there !== undefined) expect(answers[Number(there)]!.there).toBeUndefined()
    }
  })

  it('is put in order when several games change the same keys at once', async () => {
    const url = await server!.freshDatabase()
    const stores = await Promise.all([open(url), open(url), open(url)])
    const keys = Array.from({ length: 30 }, (_, n) => `key ${n}`)
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        stores.flatMap((store, who) => keys.map((_, n) => store.put(keys[(n * (7 + who * 6)) % 30]!, `${round}`))),
      )
    }
    expect((await stores[0]!.getRange('', 'z')).map(({ value }) => value)).toEqual(keys.map(() => '4'))
    for (const store of stores) await store.close()
  })

  it('loses nothing that was acknowledged when the server is killed, and works again', async () => {
    const store = await open(await server!.freshDatabase())
    const acknowledged: string[] = []
    let going = true
    const writer = async (who: number) => {
      for (let n = 0; going; n++) {
        const key = `${who} ${n}`
        try {
          await store.put(key, key)
          acknowledged.push(key)
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError)
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const writers = [1, 2, 3].map(writer)
    await expect.poll(() => acknowledged.length, SOON).toBeGreaterThan(100)
    await server!.kill()
    const before = acknowledged.length
    await server!.restart()
    await expect.poll(() => acknowledged.length, SOON).toBeGreaterThan(before + 100)
    going = false
    await Promise.all(writers)
    const there = new Set((await store.getRange('', 'z')).map(({ key }) => key))
    expect(acknowledged.filter((key) => !there.has(key))).toEqual([])
    await store.close()
  })
})

it('a PostgreSQL that is not there is named, without the password', async () => {
  const port = await freePort()
  await expect(open(`postgres://ann:secret@127.0.0.1:${port}/world`)).rejects.toThrow(
    `postgres 127.0.0.1:${port}/world: connect ECONNREFUSED 127.0.0.1:${port}`,
  )
})

it('a server that takes the connection and says nothing is given up', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void silent.close())
  const { port } = silent.address() as { port: number }
  const beganMs = performance.now()
  const error: unknown = await open(`postgres://127.0.0.1:${port}/world`).catch((error) => error)
  expect(String(error)).toMatch(/^StorageError: postgres 127\.0\.0\.1:\d+\/world: no (connection|answer) in time$/)
  expect(performance.now() - beganMs).toBeLessThan(6000)
})
