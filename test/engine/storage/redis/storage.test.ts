// The Redis backends, on a real server and a real cluster: by the suite of all, and what is their own.
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { MemoryLog } from '../../../../engine/base/log.ts'
import { openStorage } from '../../../../engine/storage/backends.ts'
import { StorageError } from '../../../../engine/storage/errors.ts'
import { Shards } from '../../../../engine/storage/redis/shards.ts'
import { openRedisClusterStorage, openRedisStorage } from '../../../../engine/storage/redis/storage.ts'
import { Row } from '../../../../engine/storage/row.ts'
import type { EntityStorage } from '../../../../engine/storage/storage.ts'
import { freePort } from '../../../free-port.ts'
import { until } from '../../../program.ts'
import { type RedisCluster, type RedisService, startRedis, startRedisCluster } from '../../../services/redis.ts'
import { describeStorage, get, put } from '../conformance.ts'
import { storeOptions } from '../options.ts'

const [started, startedCluster] = await Promise.all([startRedis(), startRedisCluster()])
// Where there is none, nothing below is run.
const server = started as RedisService
const cluster = startedCluster as RedisCluster
afterAll(() => Promise.all([started?.stop(), startedCluster?.stop()]))

const options = (more: Parameters<typeof storeOptions>[1] = {}) => storeOptions('redis', { url: server.url, ...more })
const clusterOptions = () => storeOptions('redis_cluster', { startNodes: cluster.startNodes })

async function open(): Promise<EntityStorage> {
  await server.ask('FLUSHALL')
  return openStorage(options())
}

async function openCluster(): Promise<EntityStorage> {
  for (const node of cluster.nodes) await node.ask('FLUSHALL')
  return openStorage(clusterOptions())
}

/** The storage, closed when the test is over. */
async function use(opening: Promise<EntityStorage>): Promise<EntityStorage> {
  const storage = await opening
  onTestFinished(() => storage.close())
  return storage
}

const errorOf = (call: Promise<unknown>): Promise<Error> =>
  call.then(
    () => new Error('it resolved'),
    (error: Error) => error,
  )

/** Writes entity after entity, each until it is acknowledged, while `trouble` happens. */
async function writeThrough(storage: EntityStorage, trouble: () => Promise<void>) {
  const acknowledged = new Set<string>()
  const rejected: unknown[] = []
  let over = false
  const write = async (writer: number) => {
    for (let n = 0; !over || n < 20; n++) {
      const id = `A${writer}-${n}`
      for (;;) {
        try {
          await put(storage, 'Avatar', id, { n })
          acknowledged.add(id)
          break
        } catch (error) {
          rejected.push(error)
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      }
    }
  }
  const writers = Array.from({ length: 8 }, (_, writer) => write(writer))
  await until(() => acknowledged.size > 200, 'the first writes')
  await trouble()
  const before = acknowledged.size
  await until(() => acknowledged.size > before + 200, 'writes after the trouble')
  over = true
  await Promise.all(writers)
  for (const error of rejected) expect(error).toBeInstanceOf(StorageError)
  return { acknowledged, rejected }
}

/** What is listed is what can be read, and nothing that was acknowledged is missing. */
async function expectSound(storage: EntityStorage, acknowledged: ReadonlySet<string>) {
  const ids = await storage.list('Avatar', { limit: 1_000_000 })
  expect(new Set(ids)).toEqual(new Set(acknowledged))
  const rows = await Promise.all(ids.map((id) => get(storage, 'Avatar', id)))
  for (const [at, row] of rows.entries()) expect(row).toEqual({ n: Number(ids[at]!.split('-')[1]) })
}

describe.skipIf(!started)('on redis', () => {
  describeStorage('redis', open)

  it('a row is where the layout says, as text for any tool', async () => {
    const storage = await use(open())
    await storage.write('Avatar', 'A', Row.of({ level: 1 }, { schema: 2, epoch: 3, no: 4 }))
    await put(storage, 'a:b%', 'A', {})
    const keys = ((await server.ask('KEYS', '*')) as string[]).sort()
    expect(keys.map((key) => key.replace(/\{\d+\}/, '{}')).sort()).toEqual([
      'goworld:{}:ids:Avatar',
      'goworld:{}:ids:a:b%',
      'goworld:{}:row:Avatar:A',
      'goworld:{}:row:a%3Ab%25:A',
      'goworld:{}:types',
      'goworld:{}:types',
    ])
    const row = keys.find((key) => key.endsWith(':row:Avatar:A'))!
    const fields = ['data', '{"level":1}', 'schema', '2', 'epoch', '3', 'no', '4']
    expect(await server.ask('HGETALL', row)).toEqual(fields)
  })

  it('nothing is left of what was deleted', async () => {
    const storage = await use(open())
    await put(storage, 'Avatar', 'A', {})
    await put(storage, 'Avatar', 'B', {})
    await storage.delete('Avatar', 'A')
    expect(await storage.types()).toEqual(['Avatar'])
    await storage.delete('Avatar', 'B')
    await storage.delete('Avatar', 'B')
    expect(await server.ask('KEYS', '*')).toEqual([])
  })

  it('a row that somebody broke is named', async () => {
    const storage = await use(open())
    await put(storage, 'Avatar', 'A', {})
    const [key] = (await server.ask('KEYS', '*:row:*')) as string[]
    await server.ask('HSET', key!, 'data', '{"level":')
    const row = await storage.read('Avatar', 'A')
    expect(() => row!.data).toThrow('Avatar A cannot be read')
  })
})

describe.skipIf(!started)('the database', () => {
  it('is the one of the key db, else of the url, else 0', async () => {
    await server.ask('FLUSHALL')
    const opened = [
      options(),
      options({ url: `${server.url}/3` }),
      options({ db: '4' }),
      options({ url: `${server.url}/3`, db: '5' }),
    ]
    for (const [n, one] of opened.entries()) await put(await use(openStorage(one)), 'Avatar', `A${n}`, {})
    for (const [n, db] of ['0', '3', '4', '5'].entries()) {
      const storage = await use(openStorage(options({ db })))
      expect(await storage.list('Avatar')).toEqual([`A${n}`])
    }
  })

  it.each(['abc', '-1', '1.5', '0x1', ' '])('%j is refused by name', async (db) => {
    const error = await errorOf(openStorage(options({ db })))
    expect(error.name).toBe('OperatorError')
    expect(error.message).toBe(`db: ${JSON.stringify(db)} is not the number of a redis database`)
  })

  it('that the server does not have is refused, and no other one taken', async () => {
    await server.ask('FLUSHALL')
    const error = await errorOf(openStorage(options({ db: '999' })))
    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toMatch(/^redis 127\.0\.0\.1:\d+: .*DB index is out of range/)
  })
})

describe.skipIf(!started)('a url', () => {
  it.each(['http://a', 'redis://', 'localhost:6379', '', 'redis://a/x'])('%j is refused', async (url) => {
    expect((await errorOf(openStorage(options({ url })))).name).toBe('OperatorError')
  })

  it('may hold a user and a password, which no message repeats', async () => {
    await server.ask('ACL', 'SETUSER', 'ann', 'on', '>s3cr%t', '~*', '+@all')
    onTestFinished(() => void server.ask('ACL', 'DELUSER', 'ann'))
    const log = new MemoryLog()
    const right = options({ url: `redis://ann:s3cr%25t@127.0.0.1:${server.port}`, log })
    const storage = await use(openStorage(right))
    await put(storage, 'Avatar', 'A', {})
    const wrong = options({ url: `redis://ann:wr0ng@127.0.0.1:${server.port}`, log })
    const error = await errorOf(openStorage(wrong))
    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toContain('WRONGPASS')
    await server.ask('CLIENT', 'KILL', 'USER', 'ann')
    await until(() => log.matching('info', 'connected to redis').length > 0, 'the connection')
    await put(storage, 'Avatar', 'A', {})
    expect(JSON.stringify([error.message, error.stack, log.lines])).not.toMatch(/s3cr|wr0ng/)
  })
})

describe.skipIf(!started)('a server', () => {
  it('that is not there is named', async () => {
    const port = await freePort()
    const begin = performance.now()
    const url = `redis://ann:secret@localhost:${port}`
    const error = await errorOf(openRedisStorage(options({ url }), { waitMs: 200 }))
    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toMatch(new RegExp(`^redis localhost:${port}: connect ECONNREFUSED`))
    expect(performance.now() - begin).toBeLessThan(5000)
  })

  it('that is killed and started again has all that was acknowledged, and its users need not open again', async () => {
    const log = new MemoryLog()
    await server.ask('FLUSHALL')
    const storage = await use(openStorage(options({ log })))
    const { acknowledged, rejected } = await writeThrough(storage, async () => {
      for (let round = 0; round < 3; round++) {
        await server.kill()
        await server.restart()
        await put(storage, 'Avatar', 'A-0', { n: 0 })
      }
    })
    expect(rejected.length).toBeGreaterThan(0)
    await expectSound(storage, new Set([...acknowledged, 'A-0']))
    expect(log.matching('warn', 'the connection to redis broke').length).toBeGreaterThan(0)
    expect(log.matching('info', 'connected to redis').length).toBeGreaterThan(0)
  })

  it('that stays away makes calls fail in bounded time, and work when it is back', async () => {
    await server.ask('FLUSHALL')
    const storage = await use(openRedisStorage(options(), { waitMs: 300 }))
    await server.kill()
    const calls = Array.from({ length: 50 }, (_, n) => errorOf(put(storage, 'Avatar', n % 2 ? 'A' : `A${n}`, {})))
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(StorageError)
    const atOnce = await errorOf(storage.read('Avatar', 'A'))
    expect(atOnce.message).toBe(`redis 127.0.0.1:${server.port}: connect ECONNREFUSED 127.0.0.1:${server.port}`)
    await server.restart()
    await until(async () => (await errorOf(put(storage, 'Avatar', 'A', { n: 1 }))).message === 'it resolved', 'a write')
    expect(await get(storage, 'Avatar', 'A')).toEqual({ n: 1 })
  })

  it('that hangs makes calls fail in bounded time, and what it got late undoes nothing', async () => {
    await server.ask('FLUSHALL')
    const storage = await use(openRedisStorage(options(), { waitMs: 300, replyMs: 300 }))
    await put(storage, 'Avatar', 'A', { n: 1 })
    process.kill(server.pid, 'SIGSTOP')
    const deleted = errorOf(storage.delete('Avatar', 'A'))
    const many = Array.from({ length: 500 }, (_, n) => errorOf(put(storage, 'Avatar', `B${n}`, { n })))
    const behind = errorOf(storage.read('Avatar', 'A'))
    for (const error of await Promise.all([deleted, behind, ...many])) expect(error).toBeInstanceOf(StorageError)
    process.kill(server.pid, 'SIGCONT')
    await until(async () => (await errorOf(put(storage, 'Avatar', 'A', { n: 2 }))).message === 'it resolved', 'a write')
    await server.ask('PING')
    expect(await get(storage, 'Avatar', 'A')).toEqual({ n: 2 })
    expect(new Set(await storage.list('Avatar'))).toContain('A')
  })

  it('that is out of memory is a failure of the moment, with its reason', async () => {
    const storage = await use(open())
    await server.ask('CONFIG', 'SET', 'maxmemory', '1')
    onTestFinished(() => void server.ask('CONFIG', 'SET', 'maxmemory', '0'))
    const calls = [1, 2, 3].map((n) => errorOf(put(storage, 'Avatar', 'A', { n })))
    for (const error of await Promise.all(calls)) {
      expect(error).toBeInstanceOf(StorageError)
      expect(error.message).toContain('OOM')
    }
    await storage.delete('Avatar', 'A')
    await server.ask('CONFIG', 'SET', 'maxmemory', '0')
    await put(storage, 'Avatar', 'A', { n: 4 })
    expect(await get(storage, 'Avatar', 'A')).toEqual({ n: 4 })
  })

  it('that forgot the scripts is told again, in order', async () => {
    const storage = await use(open())
    for (let round = 0; round < 20; round++) {
      const forgets = server.ask('SCRIPT', 'FLUSH')
      const writes = [1, 2, 3].map((n) => put(storage, 'Avatar', 'A', { n }))
      const deleted = storage.delete('Avatar', 'A')
      const last = put(storage, 'Avatar', 'A', { round })
      await Promise.all([forgets, ...writes, deleted, last])
      expect(await get(storage, 'Avatar', 'A')).toEqual({ round })
    }
  })

  it('that drops connections loses no order', async () => {
    const storage = await use(open())
    for (let round = 0; round < 20; round++) {
      const calls = [storage.delete('Avatar', 'A'), put(storage, 'Avatar', 'A', { n: 1 })]
      const dropped = server.ask('CLIENT', 'KILL', 'TYPE', 'normal')
      calls.push(storage.delete('Avatar', 'A'), put(storage, 'Avatar', 'A', { round }))
      const last = await Promise.allSettled([...calls, dropped]).then((settled) => settled[3]!)
      // The first read may be what finds the connection dropped.
      const there = await get(storage, 'Avatar', 'A').catch(() => get(storage, 'Avatar', 'A'))
      if (last.status === 'fulfilled') expect(there).toEqual({ round })
      else expect(last.reason).toBeInstanceOf(StorageError)
    }
  })
})

describe.skipIf(!startedCluster)('on a cluster', () => {
  describeStorage('redis_cluster', openCluster)

  it('the rows of a type are on all nodes, about as many on each', async () => {
    const storage = await use(openCluster())
    await Promise.all(Array.from({ length: 3000 }, (_, n) => put(storage, 'Avatar', `A${n}`, {})))
    const counts: number[] = []
    for (const node of cluster.nodes) counts.push(((await node.ask('KEYS', '*:row:*')) as string[]).length)
    expect(counts[0]! + counts[1]! + counts[2]!).toBe(3000)
    for (const count of counts) expect(count).toBeGreaterThan(800)
  })

  it('has shards with slots in equal parts of all', async () => {
    const shards = new Shards(64)
    for (let shard = 0; shard < shards.count; shard++) {
      const slot = (await cluster.nodes[0]!.ask('CLUSTER', 'KEYSLOT', `${shards.prefix(shard)}row:{a}:b`)) as number
      expect(Math.floor(slot / 256)).toBe(shard)
    }
  })

  it('is found by any of the nodes named, and refused by name when there is none', async () => {
    const gone = `127.0.0.1:${await freePort()}`
    const more = { startNodes: [gone, cluster.startNodes[1]!] }
    await put(await use(openStorage(storeOptions('redis_cluster', more))), 'Avatar', 'A', {})
    const none = storeOptions('redis_cluster', { startNodes: [gone] })
    const error = await errorOf(openRedisClusterStorage(none, { waitMs: 300 }))
    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toContain(`redis ${gone}: `)
  })

  it('wants a password once, at any of the nodes named', async () => {
    const set = (password: string) =>
      Promise.all(cluster.nodes.map((node) => node.ask('ACL', 'SETUSER', 'ann', 'on', `>${password}`, '~*', '+@all')))
    await set('s3cret')
    onTestFinished(async () => {
      for (const node of cluster.nodes) await node.ask('ACL', 'DELUSER', 'ann')
    })
    const [first, second] = cluster.startNodes
    const startNodes = (password: string) => ({ startNodes: [first!, `redis://ann:${password}@${second}`] })
    const storage = await use(openStorage(storeOptions('redis_cluster', startNodes('s3cret'))))
    for (let n = 0; n < 20; n++) await put(storage, 'Avatar', `A${n}`, {})
    const error = await errorOf(openStorage(storeOptions('redis_cluster', startNodes('wr0ng'))))
    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toContain('WRONGPASS')
    expect(`${error.message} ${error.stack}`).not.toContain('wr0ng')
  })

  it('that is a single server is refused', async () => {
    const single = storeOptions('redis_cluster', { startNodes: [`127.0.0.1:${server.port}`] })
    expect((await errorOf(openStorage(single))).message).toContain('cluster support disabled')
  })

  it.each([[['a:b:c']], [['redis://a/3']], [[]], [['']]])('start nodes %j are refused', async (startNodes) => {
    const error = await errorOf(openStorage(storeOptions('redis_cluster', { startNodes })))
    expect(error.name).toBe('OperatorError')
    expect(error.message).toContain('start_nodes_1: ')
  })

  it('a slot that moves takes its rows along, and the order of their calls', async () => {
    const storage = await use(openCluster())
    await put(storage, 'Avatar', 'A', { n: 0 })
    const keys = await Promise.all(cluster.nodes.map((node) => node.ask('KEYS', '*:row:Avatar:A')))
    const from = keys.findIndex((found) => (found as string[]).length > 0)
    const to = (from + 1) % cluster.nodes.length
    const moved = moveSlot(cluster, from, to, (keys[from] as string[])[0]!)
    let over = false
    const write = async () => {
      for (let n = 1; !over; n++) {
        const [, , last] = await Promise.all([
          errorOf(put(storage, 'Avatar', 'A', { n: -n })),
          errorOf(storage.delete('Avatar', 'A')),
          errorOf(put(storage, 'Avatar', 'A', { n })),
        ])
        // While some of a shard's keys have moved and others not, its rows cannot be changed.
        if (last.message !== 'it resolved') expect(last).toBeInstanceOf(StorageError)
        else expect(await get(storage, 'Avatar', 'A')).toEqual({ n })
      }
    }
    const writing = write()
    await moved
    over = true
    await writing
    await storage.delete('Avatar', 'A')
    expect(await storage.types()).toEqual([])
    await put(storage, 'Avatar', 'A', {})
    expect(((await cluster.nodes[to]!.ask('KEYS', '*:row:Avatar:A')) as string[]).length).toBe(1)
    expect(await storage.list('Avatar')).toEqual(['A'])
  })

  it('of which a node is killed and started again has all that was acknowledged', async () => {
    const storage = await use(openCluster())
    const { acknowledged, rejected } = await writeThrough(storage, async () => {
      await cluster.nodes[1]!.kill()
      await cluster.nodes[1]!.restart()
      await cluster.ready()
    })
    expect(rejected.length).toBeGreaterThan(0)
    await expectSound(storage, acknowledged)
  })

  it('that is gone as a whole makes calls fail, and work when it is back', async () => {
    const storage = await use(openRedisClusterStorage(clusterOptions(), { waitMs: 500 }))
    await Promise.all(cluster.nodes.map((node) => node.kill()))
    const calls = Array.from({ length: 50 }, (_, n) => errorOf(put(storage, 'Avatar', n % 2 ? 'A' : `A${n}`, {})))
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(StorageError)
    await Promise.all(cluster.nodes.map((node) => node.restart()))
    await until(async () => (await errorOf(put(storage, 'Avatar', 'A', { n: 1 }))).message === 'it resolved', 'a write')
    expect(await get(storage, 'Avatar', 'A')).toEqual({ n: 1 })
  })
})

/** Moves the slot of `key` and what is in it, as redis-cli does. */
async function moveSlot({ nodes }: RedisCluster, from: number, to: number, key: string): Promise<void> {
  const [source, target] = [nodes[from]!, nodes[to]!]
  const slot = (await source.ask('CLUSTER', 'KEYSLOT', key)) as number
  const [sourceId, targetId] = (await Promise.all([source.ask('CLUSTER', 'MYID'), target.ask('CLUSTER', 'MYID')])) as [
    string,
    string,
  ]
  await target.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId)
  await source.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId)
  for (;;) {
    const keys = (await source.ask('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
    if (keys.length === 0) break
    await source.ask('MIGRATE', '127.0.0.1', target.port, '', 0, 5000, 'REPLACE', 'KEYS', ...keys)
  }
  for (const node of [target, source, ...nodes]) await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
}
