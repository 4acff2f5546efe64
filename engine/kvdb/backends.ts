// Which backends there are for keys and values: one line each.
import { resolve } from 'node:path'
import { OperatorError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { shareSqliteClient } from '../storage/sqlite-client.ts'
import type { KeyValueStore } from './kvdb.ts'
import { MemoryKvdb } from './memory.ts'
import { SqliteKvdb } from './sqlite.ts'

export interface KvdbOptions {
  /** A key of BACKENDS. */
  readonly type: string
  /** sqlite: the path of the file; it may be that of the entities. */
  readonly url: string
  /** The folder that a relative path starts from. */
  readonly directory: string
  /** Stores of one url with different collections do not see each other's keys. */
  readonly collection: string
  readonly log: Log
}

type Backend = (options: KvdbOptions) => Promise<KeyValueStore>

const BACKENDS: Readonly<Record<string, Backend>> = {
  sqlite: ({ url, directory, collection, log }) =>
    SqliteKvdb.open(shareSqliteClient(resolve(directory, url), log), collection),
  memory: async () => new MemoryKvdb(),
}

/** Rejects with OperatorError when there is no such backend, with StorageError when the store cannot be opened. */
export async function openKvdb(options: KvdbOptions): Promise<KeyValueStore> {
  const backend = Object.hasOwn(BACKENDS, options.type) && BACKENDS[options.type]
  if (backend) return backend(options)
  throw new OperatorError(`[kvdb] type: ${options.type} is not one of ${Object.keys(BACKENDS).join(', ')}`)
}
