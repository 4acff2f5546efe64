// Keys and values in Redis or in a cluster of it. Each key is in one of 16 shards (shards.ts):
//
//     goworld:{tag}:kv:keys:<collection>     sorted set of the keys in this shard, all of score 0: in byte order
//     goworld:{tag}:kv:values:<collection>   hash      of their values
//
// A script changes both as one step. `getRange` asks every shard for a page of its keys, so they are not many.
import type { RedisAsk, RedisLimits } from '../storage/redis/client.ts'
import { RedisClient } from '../storage/redis/client.ts'
import { Shards } from '../storage/redis/shards.ts'
import { checkLimit } from '../storage/storage.ts'
import type { KvdbOptions } from './backends.ts'
import type { KeyValue, KeyValueStore } from './kvdb.ts'
import { checkKey, checkRange, checkValue } from './kvdb.ts'

const SHARDS = new Shards(16)
/** Values of a range are asked for so many at a time: a round trip for each would take long, all at once much memory. */
const BATCH_VALUES = 200

const PUT = `if redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('ZADD', KEYS[1], 0, ARGV[1]) end`
const THERE = `local there = redis.call('HGET', KEYS[2], ARGV[1])`
const SCRIPTS = {
  goworldPut: { numberOfKeys: 2, lua: PUT },
  goworldDelete: {
    numberOfKeys: 2,
    lua: `redis.call('HDEL', KEYS[2], ARGV[1])
      redis.call('ZREM', KEYS[1], ARGV[1])`,
  },
  goworldGetOrPut: {
    numberOfKeys: 2,
    lua: `${THERE}
      if there then return there end
      ${PUT}
      return false`,
  },
  // The third says whether there is a fourth, the expected value.
  goworldCompareAndSet: {
    numberOfKeys: 2,
    lua: `${THERE}
      if ARGV[3] == '1' then
        if there ~= ARGV[4] then return 0 end
      elseif there then
        return 0
      end
      ${PUT}
      return 1`,
  },
}

/** Rejects with OperatorError for options that are none, with StorageError when it cannot connect. */
export async function openRedisKvdb(options: KvdbOptions, limits?: Partial<RedisLimits>): Promise<KeyValueStore> {
  return new RedisKvdb(await RedisClient.open(options, SCRIPTS, limits), options.collection)
}

export async function openRedisClusterKvdb(
  options: KvdbOptions,
  limits?: Partial<RedisLimits>,
): Promise<KeyValueStore> {
  return new RedisKvdb(await RedisClient.openCluster(options, SCRIPTS, limits), options.collection)
}

class RedisKvdb implements KeyValueStore {
  readonly #client: RedisClient
  readonly #collection: string

  constructor(client: RedisClient, collection: string) {
    this.#client = client
    this.#collection = collection
  }

  async get(key: string): Promise<string | undefined> {
    checkKey(key)
    const value = await this.#client.call(key, 0, (ask) => ask('hget', this.#values(SHARDS.of(key)), key))
    return (value as string | null) ?? undefined
  }

  async put(key: string, value: string): Promise<void> {
    checkKey(key)
    checkValue(value)
    await this.#client.call(key, value.length, (ask) => ask('goworldPut', ...this.#both(key), key, value))
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#client.call(key, 0, (ask) => ask('goworldDelete', ...this.#both(key), key))
  }

  async getOrPut(key: string, value: string): Promise<string | undefined> {
    checkKey(key)
    checkValue(value)
    const there = await this.#client.call(key, value.length, (ask) =>
      ask('goworldGetOrPut', ...this.#both(key), key, value),
    )
    return (there as string | null) ?? undefined
  }

  async getRange(begin: string, end: string, limit = Number.MAX_SAFE_INTEGER): Promise<KeyValue[]> {
    checkRange(begin, end)
    checkLimit(limit)
    return this.#client.call({ begin, end }, 0, async (ask) => {
      const found: KeyValue[] = []
      let batch: string[] = []
      const page = async (shard: number, size: number, after?: string) => {
        const from = after === undefined ? `[${begin}` : `(${after}`
        return (await ask('zrangebylex', this.#keys(shard), from, `(${end}`, 'LIMIT', 0, size)) as string[]
      }
      for await (const key of SHARDS.inOrder(limit, page)) {
        batch.push(key)
        if (batch.length < Math.min(BATCH_VALUES, limit - found.length)) continue
        found.push(...(await this.#valuesOf(ask, batch)))
        batch = []
        // Fewer than the keys, when another process has deleted some of them in the meantime.
        if (found.length === limit) return found
      }
      return [...found, ...(await this.#valuesOf(ask, batch))]
    })
  }

  async compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean> {
    checkKey(key)
    if (expected !== undefined) checkValue(expected)
    checkValue(value)
    const parameters = expected === undefined ? [key, value, 0] : [key, value, 1, expected]
    const put = await this.#client.call(key, value.length + (expected?.length ?? 0), (ask) =>
      ask('goworldCompareAndSet', ...this.#both(key), ...parameters),
    )
    return put === 1
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /** Those of `keys` that have one, in their order. */
  async #valuesOf(ask: RedisAsk, keys: readonly string[]): Promise<KeyValue[]> {
    const byShard = Map.groupBy(keys, (key) => SHARDS.of(key))
    const values = new Map<string, string | null>()
    const read = async (shard: number, fields: readonly string[]) => {
      const there = (await ask('hmget', this.#values(shard), ...fields)) as (string | null)[]
      for (const [at, value] of there.entries()) values.set(fields[at]!, value)
    }
    await Promise.all(Array.from(byShard, ([shard, fields]) => read(shard, fields)))
    return keys.flatMap((key) => {
      const value = values.get(key)
      return value === null || value === undefined ? [] : [{ key, value }]
    })
  }

  #both(key: string): [string, string] {
    const shard = SHARDS.of(key)
    return [this.#keys(shard), this.#values(shard)]
  }

  #keys(shard: number): string {
    return `${SHARDS.prefix(shard)}kv:keys:${this.#collection}`
  }

  #values(shard: number): string {
    return `${SHARDS.prefix(shard)}kv:values:${this.#collection}`
  }
}
