// The Redis backends of keys and values, on a real server and a real cluster: by the suite of all, and what is their own.
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import type { KeyValueStore } from '../../../engine/kvdb/kvdb.ts'
import { openRedisClusterKvdb, openRedisKvdb } from '../../../engine/kvdb/redis.ts'
import { StorageError } from '../../../engine/storage/errors.ts'
import { compareKeys } from '../../../engine/storage/key.ts'
import { freePort } from '../../free-port.ts'
import { until } from '../../program.ts'
import { type RedisCluster, type RedisService, startRedis, startRedisCluster } from '../../services/redis.ts'
import { storeOptions } from '../storage/options.ts'
import { describeKvdb } from './conformance.ts'

const [started, startedCluster] = await Promise.all([startRedis(), startRedisCluster()])
// Where there is none, nothing below is run.
const server = started as RedisService
const cluster = startedCluster as RedisCluster
afterAll(() => Promise.all([started?.stop(), startedCluster?.stop()]))

const options = (collection = 'kv') => storeOptions('redis', { url: server.url, collection })
const clusterOptions = (collection = 'kv') =>
  storeOptions('redis_cluster', { startNodes: cluster.startNodes, collection })

async function open(count: number): Promise<KeyValueStore[]> {
  await server.ask('FLUSHALL')
  return Promise.all(Array.from({ length: count }, () => openKvdb(options())))
}

async function openCluster(count: number): Promise<KeyValueStore[]> {
  for (const node of cluster.nodes) await node.ask('FLUSHALL')
  return Promise.all(Array.from({ length: count }, () => openKvdb(clusterOptions())))
}

/** The store, closed when the test is over. */
async function use(opening: Promise<KeyValueStore>): Promise<KeyValueStore> {
  const store = await opening
  onTestFinished(() => store.close())
  return store
}

const outcomeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: Error) => `${error.name}: ${error.message}`,
  )

/** What redis and a cluster of it have in common. */
function describeOwn(
  name: string,
  openOne: (collection?: string) => Promise<KeyValueStore>,
  empty: () => Promise<void>,
) {
  describe(name, () => {
    it('has collections that do not see each other, whatever their names', async () => {
      await empty()
      const names = ['__kv__', '__KV__', 'keys:a', 'a', '{a}', '{}', ':', '']
      const stores = await Promise.all(names.map((name) => use(openOne(name))))
      await Promise.all(stores.map((store, n) => store.put('a', names[n]!)))
      for (const [n, store] of stores.entries()) {
        expect(await store.getRange('', 'z')).toEqual([{ key: 'a', value: names[n] }])
      }
    })

    it('gives ranges in order and of the length asked for, over many pages of many shards', async () => {
      await empty()
      const store = await use(openOne())
      const keys = Array.from({ length: 20_000 }, (_, n) => `${(n * 7919) % 20_011} 怪`)
      await Promise.all(keys.map((key) => store.put(key, `value of ${key}`)))
      keys.sort(compareKeys)
      const all = await store.getRange('', '\u{10ffff}')
      expect(all.map(({ key }) => key)).toEqual(keys)
      for (const { key, value } of all) expect(value).toBe(`value of ${key}`)
      for (const limit of [1, 2, 17, 199, 200, 201, 1000, 5000]) {
        const some = await store.getRange(keys[100]!, '\u{10ffff}', limit)
        expect(some.map(({ key }) => key)).toEqual(keys.slice(100, 100 + limit))
      }
      expect(await store.getRange(keys[100]!, keys[103]!)).toEqual(all.slice(100, 103))
    })

    it('gives a range of what is there when it is asked, whatever is asked around it', async () => {
      await empty()
      const store = await use(openOne())
      const calls: Promise<unknown>[] = []
      const ranges: Promise<number>[] = []
      for (let n = 0; n < 300; n++) {
        calls.push(store.put(`b${n}`, ''))
        ranges.push(store.getRange('b', 'c').then((found) => found.length))
        calls.push(store.put(`a${n}`, ''), store.put(`c${n}`, ''))
      }
      expect(await Promise.all(ranges)).toEqual(Array.from({ length: 300 }, (_, n) => n + 1))
      await Promise.all(calls)
    })

    it('gives a range its length while others delete from it', async () => {
      await empty()
      const [store, other] = await Promise.all([use(openOne()), use(openOne())])
      const keys = Array.from({ length: 2000 }, (_, n) => String(10_000 + n))
      await Promise.all(keys.map((key) => store.put(key, key)))
      const deleted = Promise.all(keys.filter((_, n) => n % 2 === 0).map((key) => other.delete(key)))
      const found = (await store.getRange('', '~', 900)).map(({ key }) => key)
      await deleted
      expect(found).toHaveLength(900)
      const last = keys.indexOf(found.at(-1)!)
      const stay = keys.filter((_, n) => n % 2 === 1 && n <= last)
      expect(found).toEqual(expect.arrayContaining(stay))
    })
  })
}

/** Counts from 1, over and over, while `trouble` happens; gives how far what was acknowledged went. */
async function countThrough(store: KeyValueStore, trouble: () => Promise<void>) {
  let over = false
  let failures = 0
  const count = async (key: string) => {
    let acknowledged = 0
    let attempts = 0
    while (!over || acknowledged === 0) {
      const next = acknowledged + 1
      attempts++
      const outcome = await outcomeOf(store.put(key, String(next)))
      if (outcome === 'done') acknowledged = next
      else {
        expect(outcome).toMatch(/^StorageError: redis /)
        failures++
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    return { key, acknowledged, attempts }
  }
  const counting = Array.from({ length: 30 }, (_, n) => count(`counter ${n}`))
  await trouble()
  const work = async () => (await outcomeOf(store.put('last', ''))) === 'done'
  await until(work, 'a put after the trouble')
  over = true
  return { counters: await Promise.all(counting), failures }
}

async function expectCounted(store: KeyValueStore, counted: Awaited<ReturnType<typeof countThrough>>) {
  expect(counted.failures).toBeGreaterThan(0)
  for (const { key, acknowledged } of counted.counters) {
    // One that was refused as unknown may have been carried out.
    expect([String(acknowledged), String(acknowledged + 1)]).toContain(await store.get(key))
  }
  expect(await store.getRange('counter', 'counter~')).toHaveLength(counted.counters.length)
}

describe.skipIf(!started)('redis', () => {
  describeKvdb('redis', open)
  const empty = async () => void (await server.ask('FLUSHALL'))
  describeOwn('redis', (collection) => openKvdb(options(collection)), empty)

  it('leaves nothing of what was deleted', async () => {
    const [store] = await open(1)
    onTestFinished(() => store!.close())
    await store!.put('a', '1')
    await store!.delete('a')
    expect(await server.ask('KEYS', '*')).toEqual([])
  })

  it('that is not there is named', async () => {
    const port = await freePort()
    const url = `redis://127.0.0.1:${port}`
    const outcome = await outcomeOf(openRedisKvdb({ ...options(), url }, { waitMs: 200 }))
    expect(outcome).toBe(`StorageError: redis 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`)
    expect(await outcomeOf(openKvdb({ ...options(), db: 'x' }))).toMatch(/^OperatorError: db: /)
  })

  it('that is killed and started again has all that was acknowledged', async () => {
    await empty()
    const store = await use(openKvdb(options()))
    const counted = await countThrough(store, async () => {
      for (let round = 0; round < 3; round++) {
        await until(async () => (await outcomeOf(store.put('round', ''))) === 'done', 'a put')
        await server.kill()
        await server.restart()
      }
    })
    await expectCounted(store, counted)
  })

  it('does once at most what was under way when a connection broke', async () => {
    await empty()
    const store = await use(openKvdb(options()))
    let sure = 0
    let unsure = 0
    let over = false
    const count = async () => {
      while (!over) {
        try {
          const now = await store.get('count')
          if (await store.compareAndSet('count', now, String(Number(now ?? 0) + 1))) sure++
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError)
          unsure++
        }
      }
    }
    const counters = Array.from({ length: 5 }, count)
    for (let round = 1; round <= 30; round++) {
      await until(() => sure > round * 5, 'some counts')
      await server.ask('CLIENT', 'KILL', 'TYPE', 'normal')
    }
    over = true
    await Promise.all(counters)
    expect(unsure).toBeGreaterThan(0)
    const counted = Number(await store.get('count'))
    expect(counted).toBeGreaterThanOrEqual(sure)
    expect(counted).toBeLessThanOrEqual(sure + unsure)
  })

  it('that hangs makes calls fail in bounded time, however many there are, and what it got late undoes nothing', async () => {
    await empty()
    const store = await use(openRedisKvdb(options(), { waitMs: 300, replyMs: 300 }))
    process.kill(server.pid, 'SIGSTOP')
    const begin = performance.now()
    // More than a socket holds: the rest is still here when the connection is given up.
    const calls = Array.from({ length: 40 }, (_, n) => outcomeOf(store.put(`k${n % 20}`, 'old'.repeat(100_000))))
    for (const outcome of await Promise.all(calls)) expect(outcome).toMatch(/^StorageError/)
    expect(performance.now() - begin).toBeLessThan(5000)
    process.kill(server.pid, 'SIGCONT')
    await until(async () => (await outcomeOf(store.put('k0', 'new'))) === 'done', 'a put')
    for (let n = 0; n < 20; n++) await store.put(`k${n}`, 'new')
    await server.ask('PING')
    expect(new Set((await store.getRange('k', 'l')).map(({ value }) => value))).toEqual(new Set(['new']))
  })

  it('refuses by name when too much waits for it', async () => {
    await empty()
    const store = await use(openRedisKvdb(options(), { waitMs: 300, replyMs: 300 }))
    process.kill(server.pid, 'SIGSTOP')
    const value = 'x'.repeat(16 * 1024 * 1024)
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => outcomeOf(store.put(`k${n}`, value))))
    process.kill(server.pid, 'SIGCONT')
    expect(outcomes.filter((outcome) => outcome.includes('too many requests wait'))).toHaveLength(4)
    await until(async () => (await outcomeOf(store.put('a', '1'))) === 'done', 'a put')
  })
})

describe.skipIf(!startedCluster)('a cluster', () => {
  describeKvdb('redis_cluster', openCluster)
  const empty = async () => {
    for (const node of cluster.nodes) await node.ask('FLUSHALL')
  }
  describeOwn('redis_cluster', (collection) => openKvdb(clusterOptions(collection)), empty)

  it('has the keys of a collection on all nodes, about as many on each', async () => {
    await empty()
    const store = await use(openKvdb(clusterOptions()))
    await Promise.all(Array.from({ length: 3000 }, (_, n) => store.put(`name ${n}`, '')))
    for (const node of cluster.nodes) {
      const counts = await Promise.all(
        ((await node.ask('KEYS', '*kv:values*')) as string[]).map((key) => node.ask('HLEN', key)),
      )
      expect((counts as number[]).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(700)
    }
  })

  it('of which a node is killed and started again has all that was acknowledged', async () => {
    await empty()
    const store = await use(openRedisClusterKvdb(clusterOptions(), { waitMs: 1000 }))
    const counted = await countThrough(store, async () => {
      await cluster.nodes[0]!.kill()
      await cluster.nodes[0]!.restart()
      await cluster.ready()
      for (let n = 0; n < 100; n++) {
        await until(async () => (await outcomeOf(store.put(`all ${n}`, ''))) === 'done', 'a put anywhere')
      }
    })
    await expectCounted(store, counted)
  })
})
