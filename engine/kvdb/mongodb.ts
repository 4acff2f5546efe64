// Keys and values in a MongoDB collection, as GoWorld has them: { _id: key, _: value }.
//
// A value that makes a document too long for MongoDB is deflated, as Binary: that is shorter for every well-formed
// text, of which some bytes never come up. `lock` is in a document while a long value in it is being compared.
//
// An ordinary name is that of the collection, so that a GoWorld ini finds its keys. One that begins with __, like GoWorld's
// own __kv__, is never that of an entity type; any other may be, and then who comes second is refused: see sole-use.ts.
//
// Calls for one key, and ranges with the keys in them, take effect in the order of the calls. So do puts and deletes
// of different keys, when no other call for one of them is under way. Lookups and conditional puts of different keys
// are sent side by side: who cares which is first waits for the answer.
import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import type { Collection } from 'mongodb'
import { messageOf, OperatorError } from '../base/errors.ts'
import type { Place } from '../storage/call-order.ts'
import { StorageError } from '../storage/errors.ts'
import { Batches, SMALL_CHARACTERS_MAX } from '../storage/mongodb/batches.ts'
import { BSON_BYTES_MAX, isDuplicate, MongodbClient } from '../storage/mongodb/client.ts'
import { READ_OPTIONS } from '../storage/mongodb/document.ts'
import { collectionOfKeys, typeOfCollection } from '../storage/mongodb/names.ts'
import { SoleUse } from '../storage/mongodb/sole-use.ts'
import { checkLimit } from '../storage/storage.ts'
import type { KvdbOptions } from './backends.ts'
import type { KeyValue, KeyValueStore } from './kvdb.ts'
import { checkKey, checkRange, checkValue, VALUE_BYTES_MAX } from './kvdb.ts'

type StoredValue = string | Uint8Array

interface StoredKey {
  readonly _id: string
  readonly _: StoredValue
  readonly lock?: string
}

/** What is left for a value, beside its key, its lock and what is around them. */
const PLAIN_BYTES_MAX = BSON_BYTES_MAX - 4096
/** Longer ones do not fit into one request together with a value to set. */
const COMPARED_BYTES_MAX = 8192
/** A limit in BSON has 32 bits. */
const LIMIT_MAX = 2 ** 31 - 1
/** How often a call tries anew because others changed the same key at that moment. */
const TRIES_MAX = 100

/**
 * Rejects with StorageError, within some seconds, when there is no server at the URL, and with OperatorError when the
 * collection is one of entities.
 */
export async function openMongodbKvdb(options: KvdbOptions): Promise<KeyValueStore> {
  const client = await MongodbClient.open(options)
  const name = collectionOfKeys(options.collection)
  // Nobody else has a use for the others.
  const soleUse = typeOfCollection(name) ? new SoleUse(client, name, 'keys') : undefined
  try {
    const why = await client.run(undefined, 0, async () => soleUse?.refusal())
    if (why) throw new OperatorError(`collection: ${why}; one whose name begins with __ is free`)
  } catch (error) {
    await client.close()
    throw error
  }
  return new MongodbKvdb(client, client.collection(name), soleUse)
}

class MongodbKvdb implements KeyValueStore {
  readonly #client: MongodbClient
  readonly #collection: Collection<StoredKey>
  readonly #batches: Batches<StoredKey>
  readonly #soleUse: SoleUse | undefined

  constructor(client: MongodbClient, collection: Collection<StoredKey>, soleUse: SoleUse | undefined) {
    this.#client = client
    this.#collection = collection
    this.#soleUse = soleUse
    this.#batches = new Batches(this.#collection, true)
  }

  async get(key: string): Promise<string | undefined> {
    checkKey(key)
    return this.#run(key, '', async () => {
      const stored = await this.#collection.findOne({ _id: key }, READ_OPTIONS)
      return stored ? unpack(stored) : undefined
    })
  }

  async put(key: string, value: string): Promise<void> {
    checkKey(key)
    checkValue(value)
    return this.#run(key, value, () => tryAgain(() => this.#put(key, value)))
  }

  async #put(key: string, value: string): Promise<void> {
    const filter = { _id: key }
    if (value.length <= SMALL_CHARACTERS_MAX) {
      return this.#batches.send({ replaceOne: { filter, replacement: { _: value }, upsert: true } })
    }
    await this.#collection.replaceOne(filter, { _: await pack(value) }, { upsert: true })
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    return this.#run(key, '', () => this.#batches.send({ deleteOne: { filter: { _id: key } } }))
  }

  async getOrPut(key: string, value: string): Promise<string | undefined> {
    checkKey(key)
    checkValue(value)
    return this.#run(key, value, async () => {
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const there = await this.#collection.findOne({ _id: key }, READ_OPTIONS)
        if (there) return unpack(there)
        if (await this.#add({ _id: key, _: await pack(value) })) return undefined
      }
      throw tooManyOthers(key)
    })
  }

  async getRange(begin: string, end: string, limit = LIMIT_MAX): Promise<KeyValue[]> {
    checkRange(begin, end)
    checkLimit(limit)
    const find = async () => {
      const options = { sort: { _id: 1 }, limit: Math.min(limit, LIMIT_MAX), ...READ_OPTIONS } as const
      const found = await this.#collection.find({ _id: { $gte: begin, $lt: end } }, options).toArray()
      return Promise.all(found.map(async (stored) => ({ key: stored._id, value: await unpack(stored) })))
    }
    return this.#run({ begin, end }, '', find)
  }

  async compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean> {
    checkKey(key)
    if (expected !== undefined) checkValue(expected)
    checkValue(value)
    return this.#run(key, value, async () => {
      const _ = await pack(value)
      if (expected === undefined) return this.#add({ _id: key, _ })
      if (Buffer.byteLength(expected) > COMPARED_BYTES_MAX) return this.#replaceLong(key, expected, { _ })
      return (await this.#collection.replaceOne({ _id: key, _: expected }, { _ })).matchedCount > 0
    })
  }

  async #add(stored: StoredKey): Promise<boolean> {
    try {
      await this.#collection.insertOne(stored)
      return true
    } catch (error) {
      if (isDuplicate(error)) return false
      throw error
    }
  }

  /**
   * Marks the value that is expected with a lock, and replaces what has the lock: whoever sets another value, or
   * another lock, removes it. Nothing waits for a lock, so one that is left behind does no harm.
   */
  async #replaceLong(key: string, expected: string, replacement: { _: StoredValue }): Promise<boolean> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const there = await this.#collection.findOne({ _id: key }, READ_OPTIONS)
      if (!there || (await unpack(there)) !== expected) return false
      const lock = randomUUID()
      const locked = await this.#collection.updateOne({ _id: key, _: there._ }, { $set: { lock } })
      if (locked.matchedCount === 0) continue
      const replaced = await this.#collection.replaceOne({ _id: key, lock }, replacement)
      if (replaced.matchedCount > 0) return true
    }
    throw tooManyOthers(key)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #run<Result>(place: Place, value: string, call: () => Promise<Result>): Promise<Result> {
    return this.#client.run(place, value.length, async () => {
      await this.#soleUse?.check()
      return call()
    })
  }
}

/** Two that put a key which is not there may both be told to add it; the one who comes second need only ask again. */
async function tryAgain<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (!isDuplicate(error) || tries === TRIES_MAX) throw error
    }
  }
}

const tooManyOthers = (key: string) => new StorageError(`${key}: too many others set it at the same time`)

async function pack(value: string): Promise<StoredValue> {
  if (value.length * 3 <= PLAIN_BYTES_MAX || Buffer.byteLength(value) <= PLAIN_BYTES_MAX) return value
  return promisify(deflateRaw)(value)
}

async function unpack({ _id, _: stored }: StoredKey): Promise<string> {
  if (typeof stored === 'string') return stored
  try {
    return String(await promisify(inflateRaw)(stored, { maxOutputLength: VALUE_BYTES_MAX }))
  } catch (error) {
    throw new StorageError(`what is stored as ${_id} cannot be read: ${messageOf(error)}`)
  }
}
