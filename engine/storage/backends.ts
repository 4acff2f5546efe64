// Which backends there are for entities: one line each. What a backend needs is loaded when it is the one.
import { resolve } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { EntityStorage } from './storage.ts'

/** What goworld.ini says of a store, entities or keys. */
export interface StoreOptions {
  /** A key of the backends. */
  readonly type: string
  /** sqlite: the path of the file; mongodb, redis, postgres: the URL of the server. */
  readonly url: string
  /** mongodb: the name of the database. redis: its number. Empty: what the URL says. */
  readonly db: string
  /** redis_cluster: the nodes to find the others by, `host:port`. */
  readonly startNodes: readonly string[]
  /** The folder that a relative path starts from. */
  readonly baseDirectory: string
  readonly log: Log
}

export interface StorageOptions extends StoreOptions {
  /** filesystem: the folder of the files. */
  readonly directory: string
}

type Backend = (options: StorageOptions) => Promise<EntityStorage>

const BACKENDS: Readonly<Record<string, Backend>> = {
  sqlite: async ({ url, baseDirectory, log }) => {
    const { shareSqliteClient } = await import('./sqlite/client.ts')
    const { SqliteStorage } = await import('./sqlite/storage.ts')
    return SqliteStorage.open(shareSqliteClient(resolve(baseDirectory, url), log))
  },
  filesystem: async ({ directory, baseDirectory }) => {
    const { FilesystemStorage } = await import('./filesystem/storage.ts')
    return FilesystemStorage.open(resolve(baseDirectory, directory))
  },
  mongodb: async (options) => (await import('./mongodb/storage.ts')).openMongodbStorage(options),
  redis: async (options) => (await import('./redis/storage.ts')).openRedisStorage(options),
  redis_cluster: async (options) => (await import('./redis/storage.ts')).openRedisClusterStorage(options),
  postgres: async (options) => (await import('./postgres/storage.ts')).openPostgresStorage(options),
  memory: async () => new (await import('./memory.ts')).MemoryStorage(),
}

/** Rejects with OperatorError when there is no such backend, with StorageError when the store cannot be opened. */
export async function openStorage(options: StorageOptions): Promise<EntityStorage> {
  const backend = Object.hasOwn(BACKENDS, options.type) && BACKENDS[options.type]
  if (backend) return backend(options)
  throw new OperatorError(`[storage] type: ${options.type} is not one of ${Object.keys(BACKENDS).join(', ')}`)
}
