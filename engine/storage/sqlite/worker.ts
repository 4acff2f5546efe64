// A thread that owns a connection to one SQLite file: it runs each batch of requests in one transaction. One writes, and
// one reads: a reader waits for no lock, whoever has it.
//
//     batch ─> BEGIN [IMMEDIATE] ─> request, request, … ─> COMMIT ─> one reply
//                                      └ one that fails undoes only itself
//
// One commit for all that a turn of the main thread asked for is what makes small writes cheap. BEGIN IMMEDIATE
// takes the write lock at once: a transaction that reads first and asks for it later can be refused without a wait.
//
// synchronous=NORMAL: what was acknowledged survives the crash of this process or of all of them. A power failure can
// take back the last commits before it (since the last checkpoint), but can not damage the file.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../../base/errors.ts'
import { enterWal, loadSqlite, onceUnlocked } from './node-sqlite.ts'

export type SqlValue = string | number | null | Uint8Array
export type SqlRow = Record<string, SqlValue>

export interface SqlStatement {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
}

/** Statements that happen all or not at all. */
export interface SqlRequest {
  readonly writes: boolean
  readonly statements: readonly SqlStatement[]
}

/** The rows of each statement of the request, or why it failed. */
export type SqlOutcome = { readonly rows: SqlRow[][] } | { readonly error: string }
/** An outcome a request, in their order; or why the batch failed as a whole, with nothing done. */
export type SqlReply = { readonly outcomes: SqlOutcome[] } | { readonly failure: string }
/** A batch, and how long it may wait for the lock. */
export type SqlMessage = { readonly requests: readonly SqlRequest[]; readonly busyMs: number } | 'close'

export interface SqliteWorkerData {
  readonly path: string
  readonly readOnly: boolean
}

interface Connection {
  readonly database: DatabaseSync
  /** By their text. The texts are constants of the stores, so they are few. */
  readonly statements: Map<string, StatementSync>
}

const { path, readOnly } = workerData as SqliteWorkerData
const port = parentPort!
const sqlite = loadSqlite()
let connection: Connection | undefined

port.on('message', (message: SqlMessage) => {
  if (message === 'close') {
    connection?.database.close()
    port.close()
    return
  }
  port.postMessage(execute(message))
})

function execute({ requests, busyMs }: Exclude<SqlMessage, 'close'>): SqlReply {
  try {
    connection ??= open(busyMs)
    const { database } = connection
    const writes = requests.some((request) => request.writes)
    onceUnlocked(busyMs, () => database.exec(writes ? 'BEGIN IMMEDIATE' : 'BEGIN'))
    const outcomes: SqlOutcome[] = []
    for (const request of requests) outcomes.push(perform(connection, request))
    database.exec('COMMIT')
    return { outcomes }
  } catch (error) {
    abandonConnection()
    return { failure: messageOf(error) }
  }
}

/** Throws only when the transaction is gone, and all that came before in it. */
function perform({ database, statements }: Connection, request: SqlRequest): SqlOutcome {
  // A single statement is all or nothing by itself.
  const several = request.statements.length > 1
  if (several) database.exec('SAVEPOINT request')
  try {
    const rows = request.statements.map(({ sql, parameters }) => {
      let statement = statements.get(sql)
      if (!statement) {
        statement = database.prepare(sql)
        statements.set(sql, statement)
      }
      return statement.all(...parameters) as SqlRow[]
    })
    if (several) database.exec('RELEASE request')
    return { rows }
  } catch (error) {
    // Disk full, out of memory and their like: SQLite may have rolled back the whole transaction by itself.
    if (!database.isTransaction) throw error
    if (several) database.exec('ROLLBACK TO request; RELEASE request')
    return { error: messageOf(error) }
  }
}

function open(busyMs: number): Connection {
  // The writer polls for the lock, and has it before anything else could wait for one.
  const database = new sqlite.DatabaseSync(path, { timeout: readOnly ? busyMs : 0 })
  try {
    enterWal(database, busyMs)
    if (readOnly) database.exec('PRAGMA query_only = 1')
  } catch (error) {
    database.close()
    throw error
  }
  return { database, statements: new Map() }
}

/** The next batch begins with a new connection, whatever state this one was in. Closing it rolls back. */
function abandonConnection(): void {
  try {
    connection?.database.close()
  } catch {
    // It could not even close; it is let go of all the same.
  }
  connection = undefined
}
