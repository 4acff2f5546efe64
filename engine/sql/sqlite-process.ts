// The process that has one connection to a SQLite file, for the code of a game: it runs one statement at a time.
//
// A process, and no thread, as nothing but its death ends a statement that never ends; the lock goes with it. It lives no
// longer than the game, however that ends, and whatever it is in the middle of (`watch`).
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { messageOf } from '../base/errors.ts'
import { enterWal, loadSqlite, onceUnlocked } from '../storage/sqlite/node-sqlite.ts'
import { type SqlValue, verbOf } from './sql.ts'
import type { Bound } from './statement.ts'

/** Without `bound`: the engine's own, which has no answer. */
export interface SqliteQuery {
  readonly text: string
  readonly bound?: Bound
  /** How long it may wait for the lock. */
  readonly busyMs: number
}

export type SqliteReply = { readonly inTransaction: boolean } & (
  | { readonly rows: Record<string, SqlValue>[]; readonly count: number }
  | { readonly error: string; readonly code: string | undefined }
)

const [path, access] = process.argv.slice(2) as [string, 'reads' | 'writes']
// As text: a thread without files to load is up sooner, and smaller.
new Worker(`(${watch})()`, { eval: true, name: 'watch' }).unref()
// They are meant for the game, which has the whole group of processes told; it ends us when it needs us no more.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
let database: DatabaseSync | undefined

process.on('disconnect', () => process.exit())
process.on('message', (message: SqliteQuery | 'close') => {
  if (message === 'close') {
    database?.close()
    process.exit()
  }
  const reply = run(message)
  process.send!({ ...reply, inTransaction: database?.isTransaction === true } satisfies SqliteReply)
})

function run({ text, bound, busyMs }: SqliteQuery) {
  try {
    database ??= open(busyMs)
    const connection = database
    if (bound) return query(connection, text, bound, busyMs)
    onceUnlocked(busyMs, () => connection.exec(text))
    return { rows: [], count: 0 }
  } catch (error) {
    const { errcode } = error as { errcode?: number }
    return { error: messageOf(error), code: errcode === undefined ? undefined : String(errcode) }
  }
}

function query(connection: DatabaseSync, text: string, bound: Bound, busyMs: number) {
  const statement = onceUnlocked(busyMs, () => connection.prepare(text))
  statement.setReadBigInts(true)
  const arguments_ = (Array.isArray(bound) ? bound : [bound]) as SQLInputValue[]
  if (statement.columns().length > 0) {
    const rows = onceUnlocked(busyMs, () => statement.all(...arguments_)) as Record<string, SqlValue>[]
    for (const row of rows) for (const column in row) row[column] = narrow(row[column]!)
    return { rows, count: rows.length }
  }
  const { changes } = onceUnlocked(busyMs, () => statement.run(...arguments_))
  // SQLite counts on from the statement before when this one is not about rows.
  return {
    rows: [],
    count: /^(?:INSERT|UPDATE|DELETE|REPLACE|WITH)$/.test(verbOf(text, 'sqlite')) ? Number(changes) : 0,
  }
}

/** Whole numbers come as bigints, so that none is rounded. */
function narrow(value: SqlValue): SqlValue {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function open(busyMs: number): DatabaseSync {
  const opened = new (loadSqlite().DatabaseSync)(path, { timeout: 0 })
  try {
    enterWal(opened, busyMs)
    if (access === 'reads') opened.exec('PRAGMA query_only = 1')
    return opened
  } catch (error) {
    opened.close()
    throw error
  }
}

/**
 * The thread that ends its process when the game is gone: standard input is a pipe that only the game has the other end
 * of. The main thread could not, in the middle of a statement; nor would it end in order.
 */
function watch(): void {
  const { Socket } = process.getBuiltinModule('node:net')
  new Socket({ fd: 0, readable: true, writable: false })
    .on('error', () => {})
    .on('close', () => process.kill(process.pid, 'SIGKILL'))
    .resume()
}
