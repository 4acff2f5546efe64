// Which backends there are for keys and values: one line each. What a backend needs is loaded when it is the one.
import { resolve } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import type { StoreOptions } from '../storage/backends.ts'
import type { KeyValueStore } from './kvdb.ts'

export interface KvdbOptions extends StoreOptions {
  /** Stores of one url with different collections do not see each other's keys. */
  readonly collection: string
}

type Backend = (options: KvdbOptions) => Promise<KeyValueStore>

const BACKENDS: Readonly<Record<string, Backend>> = {
  sqlite: async ({ url, baseDirectory, collection, log }) => {
    const { shareSqliteClient } = await import('../storage/sqlite/client.ts')
    const { SqliteKvdb } = await import('./sqlite.ts')
    return SqliteKvdb.open(shareSqliteClient(resolve(baseDirectory, url), log), collection)
  },
  mongodb: async (options) => (await import('./mongodb.ts')).openMongodbKvdb(options),
  redis: async (options) => (await import('./redis.ts')).openRedisKvdb(options),
  redis_cluster: async (options) => (await import('./redis.ts')).openRedisClusterKvdb(options),
  postgres: async (options) => (await import('./postgres.ts')).openPostgresKvdb(options),
  memory: async () => new (await import('./memory.ts')).MemoryKvdb(),
}

/** Rejects with OperatorError when there is no such backend, with StorageError when the store cannot be opened. */
export async function openKvdb(options: KvdbOptions): Promise<KeyValueStore> {
  const backend = Object.hasOwn(BACKENDS, options.type) && BACKENDS[options.type]
  if (backend) return backend(options)
  throw new OperatorError(`[kvdb] type: ${options.type} is not one of ${Object.keys(BACKENDS).join(', ')}`)
}
