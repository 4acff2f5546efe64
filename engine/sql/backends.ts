// Which database the code of a game speaks SQL to. What it needs is loaded when it is the one.
import { resolve } from 'node:path'
import { type SqlDatabase, SqlError } from './sql.ts'

/** What goworld.ini says of `[sql]`, and of the `[storage]` that `auto` follows. */
export interface SqlOptions {
  /** `auto`, `sqlite`, `postgres` or `none`. */
  readonly type: string
  /** sqlite: the path of the file; postgres: the URL of the server. */
  readonly url: string
  /** Connections at the most. */
  readonly pool: number
  readonly timeLimitMs: number
  readonly storage: { readonly type: string; readonly url: string }
  /** The folder that a relative path starts from. */
  readonly baseDirectory: string
}

/**
 * A database that goworld.ini names is tried at once: rejects with SqlError when it does not answer. That of `[storage]`
 * is opened when the game first asks for it.
 */
export async function openSql(options: SqlOptions): Promise<SqlDatabase> {
  const { type, url, storage } = options
  if (type === 'auto') return await databaseOf(storage.type, storage.url, options)
  const database = await databaseOf(type, url, options)
  try {
    if (database.kind !== 'none') await database.query('SELECT 1')
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

async function databaseOf(type: string, url: string, options: SqlOptions): Promise<SqlDatabase> {
  const { pool, timeLimitMs: limitMs, baseDirectory } = options
  switch (type) {
    case 'sqlite':
      return new (await import('./sqlite.ts')).SqliteSql({ path: resolve(baseDirectory, url), pool, limitMs })
    case 'postgres':
      return new (await import('./postgres.ts')).PostgresSql({ url, pool, limitMs })
    default:
      return noSql
  }
}

const refuse = async () => {
  throw new SqlError('this game has no SQL database: [sql] of goworld.ini names none, and [storage] is in none')
}

export const noSql: SqlDatabase = { kind: 'none', query: refuse, transaction: refuse, close: async () => {} }
