// What a game keeps things in, as goworld.ini says: opened together, closed together.
import { relative, resolve } from 'node:path'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Config } from '../../engine/config/config.ts'
import { withoutPassword } from '../../engine/config/secrets.ts'
import { openKvdb } from '../../engine/kvdb/backends.ts'
import type { KeyValueStore } from '../../engine/kvdb/kvdb.ts'
import { openSql } from '../../engine/sql/backends.ts'
import type { SqlDatabase } from '../../engine/sql/sql.ts'
import { openStorage } from '../../engine/storage/backends.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'
import { type Journals, openJournals } from './journals.ts'

export interface Stores {
  readonly storage: EntityStorage
  readonly kvdb: KeyValueStore
  readonly sql: SqlDatabase
  close(): Promise<void>
}

/** Rejects with OperatorError when one of them cannot be opened. */
export async function openStores(config: Config, log: Log): Promise<Stores> {
  const baseDirectory = config.dir
  const storage = await openStorage({ ...config.storage, baseDirectory, log }).catch(refuse('storage', config))
  const kvdb = await openKvdb({ ...config.kvdb, baseDirectory, log }).catch(refuse('kvdb', config))
  const sql = await openSql({ ...config.sql, storage: config.storage, baseDirectory }).catch(refuse('sql', config))
  return {
    storage,
    kvdb,
    sql,
    async close() {
      await sql.close()
      await storage.close()
      await kvdb.close()
    },
  }
}

/** What is in memory only is not to outlive the process. */
export const keepsJournal = ({ storage }: Config): boolean => storage.type !== 'memory' && storage.journal !== ''

/** One process at a time has it. Undefined where none is kept. */
export async function openJournal(id: number, config: Config, log: Log): Promise<Journals | undefined> {
  if (!keepsJournal(config)) return undefined
  const { storage } = config
  const { journalFsyncMs: fsyncMs, journalBytesMax: bytesMax } = storage
  const store = storeOf(config)
  return openJournals(storage.journal, id, { clock: realClock, log, fsyncMs, bytesMax, store }).catch((error) => {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`[storage] journal=${storage.journal}: ${messageOf(error)}`, { cause: error })
  })
}

/**
 * What a journal says of the store that its rows are for: all that makes it another one. Files are named from the
 * journal's folder, so that both can be moved together.
 */
export function storeOf({ dir, storage }: Pick<Config, 'dir' | 'storage'>): string {
  const { type, url, db, directory, startNodes, journal } = storage
  const from = (path: string) => relative(resolve(dir, journal), resolve(dir, path))
  const parts = {
    url: type === 'sqlite' ? from(url) : withoutLogin(url),
    db,
    directory: type === 'filesystem' ? from(directory) : '',
    start_nodes: startNodes.map(withoutLogin).sort().join(),
  }
  const named = Object.entries(parts).filter(([, value]) => value !== '')
  return [`type=${type}`, ...named.map(([name, value]) => `${name}=${value}`)].join(' ')
}

/** Who asks may change, and a password has no place in a file. */
const withoutLogin = (url: string) => withoutPassword(url).replace(/^([a-z\d+.-]+:\/\/)?[^/?]*@/i, '$1')

/** A store that cannot be opened is for the operator to mend. */
const refuse = (section: 'storage' | 'kvdb' | 'sql', config: Config) => (error: unknown) => {
  if (error instanceof OperatorError) throw error
  const { type, url } = config[section]
  const setting = `[${section}] type=${type} url=${withoutPassword(url)}`
  throw new OperatorError(`${setting}: ${messageOf(error)}`, { cause: error })
}
