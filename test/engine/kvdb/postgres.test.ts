// The PostgreSQL backend on a real server: by the suite of all, and what is its own: collections, races, outages.
import { createServer } from 'node:net'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import type { KeyValue, KeyValueStore } from '../../../engine/kvdb/kvdb.ts'
import { StorageError } from '../../../engine/storage/errors.ts'
import { freePort } from '../../free-port.ts'
import { ask, startPostgres } from '../../services/postgres.ts'
import { storeOptions } from '../storage/options.ts'
import { describeKvdb } from './conformance.ts'

const server = await startPostgres()
afterAll(() => server?.stop())

const SOON = { timeout: 20_000 }
const open = (url: string, collection = 'kv') => openKvdb(storeOptions('postgres', { url, collection }))

/** That the server had to break up. A connection says what it has met at the latest when it ends. */
async function deadlocksIn(url: string): Promise<unknown> {
  const others = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
  await expect.poll(() => ask(url, others), SOON).toEqual([])
  const [row] = await ask(url, `SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()`)
  return row!['deadlocks']
}

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
    expect(await deadlocksIn(url)).toBe(0)
  })

  it('never has two games wait for each other, whatever they do with the same keys', async () => {
    const url = await server!.freshDatabase()
    const stores = await Promise.all([open(url), open(url)])
    const call = (store: KeyValueStore, key: string, n: number): Promise<unknown> => {
      if (n % 7 === 1) return store.delete(key)
      if (n % 7 === 3) return store.getOrPut(key, `${n}`)
      if (n % 7 === 5) return store.compareAndSet(key, undefined, `${n}`)
      if (n % 29 === 0) return store.getRange(key, 'z')
      return store.put(key, `${n}`)
    }
    const caller = async (store: KeyValueStore, who: number) => {
      for (let n = 0; n < 100; n++) await call(store, `${(n * (who + 3) * 7 + who) % 20}`, n + who)
    }
    await Promise.all(
      stores.flatMap((store, at) => Array.from({ length: 25 }, (_, who) => caller(store, who * 2 + at))),
    )
    for (const store of stores) await store.close()
    expect(await deadlocksIn(url)).toBe(0)
  })

  it('keeps the order of a range and the keys in it, and of one key, however they are sent', async () => {
    const store = await open(await server!.freshDatabase())
    onTestFinished(() => store.close())
    await store.put('b', '0')
    const values = async (found: Promise<KeyValue[]>) => (await found).map(({ key, value }) => key + value).join(' ')
    const answers = await Promise.all([
      store.get('b'),
      store.put('c', '1'),
      store.put('a', '1'),
      values(store.getRange('a', 'c')),
      store.put('c', '2'),
      store.put('b', '1'),
      store.get('b'),
      values(store.getRange('', 'z')),
      store.delete('a'),
      store.getOrPut('c', '3'),
      values(store.getRange('a', 'd')),
    ])
    const answered = answers.filter((answer) => answer !== undefined)
    expect(answered).toEqual(['0', 'a1 b0', '1', 'a1 b1 c2', '2', 'b1 c2'])
  })

  it('refuses a table kv that is not its own, at once', async () => {
    const url = await server!.freshDatabase()
    await ask(url, 'CREATE TABLE kv (k INT)')
    await expect(open(url)).rejects.toThrow(/^postgres .*: table kv is not ours: it has no column collection$/)
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
