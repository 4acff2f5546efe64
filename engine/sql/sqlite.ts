// SQL for the code of a game on a SQLite file: one connection that writes and some that read, each in a thread of its
// own, and none of them that of the entities.
//
//     query: SELECT ─────────────────> readers        they see what was committed when they began
//     query: all else, transaction ──> the writer     one at a time: SQLite has no other way
import { Worker } from 'node:worker_threads'
import { type Clock, realClock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { Pool, type SqlConnection } from './pool.ts'
import {
  type SqlDatabase,
  SqlError,
  type SqlQueries,
  type SqlResult,
  type SqlValue,
  statementError,
  takeParameters,
} from './sql.ts'
import type { SqliteQuery, SqliteReply, SqliteWorkerData } from './sqlite-worker.ts'
import { bind, isRead } from './statement.ts'

export interface SqliteSqlOptions {
  readonly path: string
  /** Connections at the most, the writer among them; each is made when it is first needed. */
  readonly pool: number
  readonly limitMs: number
  readonly clock?: Clock
}

// From source this is a .ts file that Node strips; in the published package both are .js.
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js', import.meta.url)

export class SqliteSql implements SqlDatabase {
  readonly kind = 'sqlite'
  readonly #writer: Pool
  readonly #readers: Pool

  /** Opens the file when it is used. */
  constructor({ path, pool, limitMs, clock = realClock }: SqliteSqlOptions) {
    // Who waits for a lock hears that it is locked before the time is over.
    const busyMs = Math.floor(limitMs * 0.75)
    const poolOf = (size: number, readOnly: boolean) =>
      new Pool({ clock, size, limitMs, connect: () => Connection.open({ path, busyMs, readOnly }) })
    this.#writer = poolOf(1, false)
    this.#readers = pool > 1 ? poolOf(pool - 1, true) : this.#writer
  }

  async query<Row extends object>(text: string, parameters: readonly SqlValue[] = []): Promise<SqlResult<Row>> {
    const values = takeParameters(text, parameters)
    const pool = isRead(text) ? this.#readers : this.#writer
    return (await pool.query(text, values)) as SqlResult<Row>
  }

  async transaction<T>(work: (tx: SqlQueries) => Promise<T>): Promise<T> {
    return this.#writer.transaction(work)
  }

  async close(): Promise<void> {
    await Promise.all([this.#writer.close(), this.#readers.close()])
  }
}

type Answer = PromiseWithResolvers<Exclude<SqliteReply, { error: string }>>

class Connection implements SqlConnection {
  readonly #path: string
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #answer: Answer | undefined
  #lost: string | undefined

  static async open(data: SqliteWorkerData): Promise<Connection> {
    const connection = new Connection(data)
    try {
      // The thread starts and the file is opened: no query is to pay for that with its time.
      await connection.#ask({ text: 'SELECT 1' })
      return connection
    } catch (error) {
      connection.destroy('it could not be opened')
      throw error
    }
  }

  private constructor(data: SqliteWorkerData) {
    this.#path = data.path
    // No flags of ours: an --import or --inspect is meant for the game, not for this thread.
    this.#worker = new Worker(WORKER, { workerData: data, execArgv: [], name: 'sql' })
    this.#worker.on('message', (reply: SqliteReply) => this.#onReply(reply))
    this.#worker.on('error', (error) => {
      this.#lose(`the database worker stopped: ${messageOf(error)}`)
    })
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#lose('the database worker stopped')
        resolve()
      })
    })
  }

  get isOpen(): boolean {
    return this.#lost === undefined
  }

  async query(text: string, parameters: readonly SqlValue[]): Promise<SqlResult> {
    return this.#ask({ text, bound: bind(text, parameters) })
  }

  async begin(): Promise<void> {
    // Takes the lock at once: who reads first and asks for it later can be refused without a wait.
    await this.#ask({ text: 'BEGIN IMMEDIATE' })
  }

  async commit(): Promise<void> {
    await this.#ask({ text: 'COMMIT' })
  }

  async rollback(): Promise<void> {
    await this.#ask({ text: 'ROLLBACK' })
  }

  hold(holds: boolean): void {
    if (holds) this.#worker.ref()
    else this.#worker.unref()
  }

  /** The thread ends with the statement that it is in; nobody waits for that. */
  destroy(reason: string): void {
    this.#lose(reason)
    void this.#worker.terminate()
  }

  async close(): Promise<void> {
    this.#lost ??= 'the database is closed'
    this.#worker.ref()
    this.#worker.postMessage('close')
    await this.#ended
  }

  async #ask(query: SqliteQuery): Promise<SqlResult> {
    if (this.#lost !== undefined) throw new SqlError(`${this.#path}: ${this.#lost}`)
    this.#answer = Promise.withResolvers()
    this.#worker.postMessage(query)
    try {
      return await this.#answer.promise
    } catch (error) {
      throw statementError(`${this.#path}: ${messageOf(error)}`, query.text, [], (error as SqlError).code)
    }
  }

  #onReply(reply: SqliteReply): void {
    const answer = this.#answer
    this.#answer = undefined
    if ('error' in reply) answer?.reject(new SqlError(reply.error, reply.code))
    else answer?.resolve(reply)
  }

  #lose(reason: string): void {
    this.#lost ??= reason
    this.#answer?.reject(new SqlError(this.#lost))
    this.#answer = undefined
  }
}
