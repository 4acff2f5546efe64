// Entities in Redis or in a cluster of it. Each is in one of 64 shards (shards.ts), by its type and id:
//
//     goworld:{tag}:row:<type>:<id>   hash      data (the JSON text), schema, epoch, no
//     goworld:{tag}:ids:<type>        sorted set of the ids of this type in this shard, all of score 0: in byte order
//     goworld:{tag}:types             set       of the types that have ids in this shard
//
// In the key of a row `%` and `:` of the type are written %25 and %3A. A script changes a row and what lists it as one
// step: there is no moment, and no crash, in which they disagree. So many shards for clusters of up to 64 masters;
// `list` asks all of them for a page, and `types` for theirs.
import type { StorageOptions } from '../backends.ts'
import { compareKeys } from '../key.ts'
import { Row } from '../row.ts'
import type { EntityStorage, ListOptions } from '../storage.ts'
import { checkEntityName, checkListOptions } from '../storage.ts'
import { RedisClient, type RedisLimits } from './client.ts'
import { Shards } from './shards.ts'

const SHARDS = new Shards(64)

/** Numbers of Lua are doubles: exact up to 2^53, like ours. */
const SCRIPTS = {
  goworldWrite: {
    numberOfKeys: 3,
    lua: `local type, id, data, schema, epoch, no = unpack(ARGV)
      local there = redis.call('HMGET', KEYS[1], 'epoch', 'no')
      if there[1] then
        local epochThere, noThere = tonumber(there[1]), tonumber(there[2])
        if tonumber(epoch) < epochThere or (tonumber(epoch) == epochThere and tonumber(no) < noThere) then return 0 end
      end
      redis.call('HSET', KEYS[1], 'data', data, 'schema', schema, 'epoch', epoch, 'no', no)
      if not there[1] then
        redis.call('ZADD', KEYS[2], 0, id)
        redis.call('SADD', KEYS[3], type)
      end
      return 1`,
  },
  goworldDelete: {
    numberOfKeys: 3,
    // While a slot moves to another node, a script must not ask again for a key that it has emptied.
    lua: `redis.call('DEL', KEYS[1])
      local ids = redis.call('ZCARD', KEYS[2])
      if redis.call('ZREM', KEYS[2], ARGV[2]) == ids then redis.call('SREM', KEYS[3], ARGV[1]) end`,
  },
}

/** Rejects with OperatorError for options that are none, with StorageError when it cannot connect. */
export async function openRedisStorage(options: StorageOptions, limits?: Partial<RedisLimits>): Promise<EntityStorage> {
  return new RedisStorage(await RedisClient.open(options, SCRIPTS, limits))
}

export async function openRedisClusterStorage(
  options: StorageOptions,
  limits?: Partial<RedisLimits>,
): Promise<EntityStorage> {
  return new RedisStorage(await RedisClient.openCluster(options, SCRIPTS, limits))
}

class RedisStorage implements EntityStorage {
  readonly #client: RedisClient

  constructor(client: RedisClient) {
    this.#client = client
  }

  async write(type: string, id: string, { text, schema, epoch, no }: Row): Promise<boolean> {
    checkEntityName(type, id)
    const { place, keys } = namesOf(type, id)
    const written = await this.#client.call(place, text.length, (ask) =>
      ask('goworldWrite', ...keys, type, id, text, schema, epoch, no),
    )
    return written === 1
  }

  async read(type: string, id: string): Promise<Row | undefined> {
    checkEntityName(type, id)
    const { place, keys } = namesOf(type, id)
    const [text, schema, epoch, no] = (await this.#client.call(place, 0, (ask) =>
      ask('hmget', keys[0], 'data', 'schema', 'epoch', 'no'),
    )) as string[]
    if (text === null) return undefined
    return Row.stored(text!, { schema: Number(schema), epoch: Number(epoch), no: Number(no) }, `${type} ${id}`)
  }

  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    const { place, keys } = namesOf(type, id)
    return (await this.#client.call(place, 0, (ask) => ask('exists', keys[0]))) === 1
  }

  async list(type: string, options: ListOptions = {}): Promise<string[]> {
    const { after, limit } = checkListOptions(type, options)
    return this.#client.call(undefined, 0, async (ask) => {
      const ids: string[] = []
      const page = async (shard: number, size: number, behind = after) =>
        (await ask('zrangebylex', idsKey(shard, type), `(${behind}`, '+', 'LIMIT', 0, size)) as string[]
      for await (const id of SHARDS.inOrder(limit, page)) if (ids.push(id) >= limit) break
      return ids
    })
  }

  async types(): Promise<string[]> {
    const shards = Array.from({ length: SHARDS.count }, (_, shard) => shard)
    const types = await this.#client.call(undefined, 0, (ask) =>
      Promise.all(shards.map((shard) => ask('smembers', typesKey(shard)))),
    )
    return [...new Set((types as string[][]).flat())].sort(compareKeys)
  }

  async delete(type: string, id: string): Promise<void> {
    checkEntityName(type, id)
    const { place, keys } = namesOf(type, id)
    await this.#client.call(place, 0, (ask) => ask('goworldDelete', ...keys, type, id))
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

/** What the entity's calls are ordered by, and the keys for the scripts, the one of its row first. */
function namesOf(type: string, id: string): { readonly place: string; readonly keys: [string, string, string] } {
  const place = `${type.replaceAll('%', '%25').replaceAll(':', '%3A')}:${id}`
  const shard = SHARDS.of(place)
  return { place, keys: [`${SHARDS.prefix(shard)}row:${place}`, idsKey(shard, type), typesKey(shard)] }
}

const idsKey = (shard: number, type: string) => `${SHARDS.prefix(shard)}ids:${type}`
const typesKey = (shard: number) => `${SHARDS.prefix(shard)}types`
