// Which backends there are for entities: one line each.
import { resolve } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { MemoryStorage } from './memory.ts'
import { SqliteStorage } from './sqlite.ts'
import { shareSqliteClient } from './sqlite-client.ts'
import type { EntityStorage } from './storage.ts'

export interface StorageOptions {
  /** A key of BACKENDS. */
  readonly type: string
  /** sqlite: the path of the file. */
  readonly url: string
  /** The folder that a relative path starts from. */
  readonly directory: string
  readonly log: Log
}

type Backend = (options: StorageOptions) => Promise<EntityStorage>

const BACKENDS: Readonly<Record<string, Backend>> = {
  sqlite: ({ url, directory, log }) => SqliteStorage.open(shareSqliteClient(resolve(directory, url), log)),
  memory: async () => new MemoryStorage(),
}

/** Rejects with OperatorError when there is no such backend, with StorageError when the store cannot be opened. */
export async function openStorage(options: StorageOptions): Promise<EntityStorage> {
  const backend = Object.hasOwn(BACKENDS, options.type) && BACKENDS[options.type]
  if (backend) return backend(options)
  throw new OperatorError(`[storage] type: ${options.type} is not one of ${Object.keys(BACKENDS).join(', ')}`)
}
