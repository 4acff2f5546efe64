// The thread that owns one connection to a SQLite file, for the code of a game: it runs one statement at a time.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../base/errors.ts'
import { enterWal, loadSqlite } from '../storage/sqlite/node-sqlite.ts'
import type { SqlValue } from './sql.ts'
import type { Bound } from './statement.ts'

export interface SqliteWorkerData {
  readonly path: string
  readonly busyMs: number
  readonly readOnly: boolean
}

/** Without `bound`: the engine's own, which has no answer. */
export interface SqliteQuery {
  readonly text: string
  readonly bound?: Bound
}

export type SqliteReply =
  | { readonly rows: Record<string, SqlValue>[]; readonly count: number }
  | { readonly error: string; readonly code: string | undefined }

const { path, busyMs, readOnly } = workerData as SqliteWorkerData
const port = parentPort!
let database: DatabaseSync | undefined

port.on('message', (message: SqliteQuery | 'close') => {
  if (message === 'close') {
    database?.close()
    port.close()
    return
  }
  port.postMessage(run(message))
})

function run({ text, bound }: SqliteQuery): SqliteReply {
  try {
    database ??= open()
    if (bound) return query(database, text, bound)
    database.exec(text)
    return { rows: [], count: 0 }
  } catch (error) {
    const { errcode } = error as { errcode?: number }
    return { error: messageOf(error), code: errcode === undefined ? undefined : String(errcode) }
  }
}

function query(connection: DatabaseSync, text: string, bound: Bound): SqliteReply {
  const statement = connection.prepare(text)
  statement.setReadBigInts(true)
  const arguments_ = (Array.isArray(bound) ? bound : [bound]) as SQLInputValue[]
  if (statement.columns().length > 0) {
    const rows = statement.all(...arguments_) as Record<string, SqlValue>[]
    for (const row of rows) for (const column in row) row[column] = narrow(row[column]!)
    return { rows, count: rows.length }
  }
  const { changes } = statement.run(...arguments_)
  // SQLite counts on from the statement before when this one is not about rows.
  return { rows: [], count: /^\W*(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b/i.test(text) ? Number(changes) : 0 }
}

/** Whole numbers come as bigints, so that none is rounded. */
function narrow(value: SqlValue): SqlValue {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function open(): DatabaseSync {
  const opened = new (loadSqlite().DatabaseSync)(path, { timeout: busyMs })
  try {
    enterWal(opened, busyMs)
    opened.exec(`PRAGMA synchronous = NORMAL; PRAGMA query_only = ${readOnly ? 1 : 0}`)
    return opened
  } catch (error) {
    opened.close()
    throw error
  }
}
