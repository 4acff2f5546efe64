// SQL for the code of a game on a SQLite file: one connection that writes and some that read, each in a process of its
// own, which can be ended whatever it does.
//
//     query: SELECT ─────────────────> readers        they see what was committed when they began
//     query: all else, transaction ──> the writer     one at a time, and in turn with the saves into the same file
import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Clock, realClock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { SQLITE_BUSY } from '../storage/sqlite/node-sqlite.ts'
import { type WriteTurn, WriteTurns } from '../storage/sqlite/write-turns.ts'
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
import type { SqliteQuery, SqliteReply } from './sqlite-process.ts'
import { bind, changesConnection, isRead } from './statement.ts'

export interface SqliteSqlOptions {
  readonly path: string
  /** Connections at the most, the writer among them; each is made when it is first needed. */
  readonly pool: number
  readonly limitMs: number
  readonly clock?: Clock
}

// From source this is a .ts file that Node strips; in the published package both are .js.
const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './sqlite-process.ts' : './sqlite-process.js', import.meta.url),
)
/** A process that starts on a busy machine needs its time; one that never does must not hold up the others. */
const OPEN_LIMIT_MS = 10_000
const CLOSE_LIMIT_MS = 1000

export class SqliteSql implements SqlDatabase {
  readonly kind = 'sqlite'
  readonly #writer: Pool
  readonly #readers: Pool

  /** Opens the file when it is used. */
  constructor({ path, pool, limitMs, clock = realClock }: SqliteSqlOptions) {
    // Who waits for a lock hears that it is locked before the time is over.
    const busyMs = Math.floor(limitMs * 0.75)
    const poolOf = (size: number, turns?: WriteTurns) =>
      new Pool({ clock, size, limitMs, connect: () => Connection.open({ path, busyMs, turns }) })
    this.#writer = poolOf(1, WriteTurns.of(path))
    this.#readers = pool > 1 ? poolOf(pool - 1) : this.#writer
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

interface ConnectionOptions {
  readonly path: string
  readonly busyMs: number
  /** Of one that writes. */
  readonly turns: WriteTurns | undefined
}

type Rows = Extract<SqliteReply, SqlResult>

class Connection implements SqlConnection {
  readonly #path: string
  readonly #busyMs: number
  readonly #turns: WriteTurns | undefined
  readonly #process: ChildProcess
  readonly ended: Promise<void>
  isDirty = false
  #turn: WriteTurn | undefined
  #inTransaction = false
  #answer: PromiseWithResolvers<Rows> | undefined
  #lost: string | undefined

  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options)
    const limit = realClock.after(OPEN_LIMIT_MS, () => connection.destroy('it did not start'))
    try {
      // The process starts and the file is opened: no query is to pay for that with its time.
      await connection.#ask({ text: 'SELECT 1', busyMs: options.busyMs })
      return connection
    } catch (error) {
      connection.destroy('it could not be opened')
      throw error
    } finally {
      limit.cancel()
    }
  }

  private constructor({ path, busyMs, turns }: ConnectionOptions) {
    this.#path = path
    this.#busyMs = busyMs
    this.#turns = turns
    this.#process = fork(PROGRAM, [path, turns ? 'writes' : 'reads'], {
      // No flags of ours: an --import or --inspect is meant for the game.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
      // Keeps bigints and bytes.
      serialization: 'advanced',
      windowsHide: true,
    })
    const stdin = this.#process.stdin as Socket | null
    stdin?.on('error', () => {}).unref()
    this.#process.on('message', (reply: SqliteReply) => this.#onReply(reply))
    this.ended = new Promise((resolve) => {
      const end = (reason: string) => {
        this.#lose(`the database process ended: ${reason}`)
        this.#endTurn()
        resolve()
      }
      this.#process.on('exit', (code, signal) => end(signal ?? `code ${code}`))
      // It may never have been there.
      this.#process.on('error', (error) => this.#process.pid === undefined && end(messageOf(error)))
    })
  }

  get isOpen(): boolean {
    return this.#lost === undefined
  }

  async query(text: string, parameters: readonly SqlValue[]): Promise<SqlResult> {
    const bound = bind(text, parameters)
    this.isDirty ||= changesConnection(text)
    const busyMs = this.#inTransaction ? 0 : await this.#takeTurn(text)
    try {
      const { rows, count } = await this.#ask({ text, bound, busyMs })
      return { rows, count }
    } finally {
      if (!this.#inTransaction) this.#endTurn()
    }
  }

  async begin(): Promise<void> {
    // Takes the lock at once: who reads first and asks for it later can be refused without a wait.
    const text = 'BEGIN IMMEDIATE'
    const busyMs = await this.#takeTurn(text)
    try {
      await this.#ask({ text, busyMs }, true)
    } catch (error) {
      this.#endTurn()
      throw error
    }
  }

  async commit(): Promise<void> {
    await this.#ask({ text: 'COMMIT', busyMs: 0 }, false)
    this.#endTurn()
  }

  async rollback(): Promise<void> {
    // Some errors have done it already.
    if (this.#inTransaction) await this.#ask({ text: 'ROLLBACK', busyMs: 0 }, false)
    this.#endTurn()
  }

  clean(): Promise<void> {
    return this.close()
  }

  hold(holds: boolean): void {
    const { channel } = this.#process
    if (holds) {
      this.#process.ref()
      channel?.ref()
    } else {
      this.#process.unref()
      channel?.unref()
    }
  }

  destroy(reason: string): void {
    this.#lose(reason)
    this.#process.kill('SIGKILL')
  }

  async close(): Promise<void> {
    this.#lost ??= 'the database is closed'
    this.hold(true)
    if (this.#process.connected) this.#process.send('close', () => {})
    const limit = realClock.after(CLOSE_LIMIT_MS, () => this.#process.kill('SIGKILL'))
    await this.ended
    limit.cancel()
  }

  /** Resolves to how long it may wait for the lock then: others have it, in other processes. */
  async #takeTurn(text: string): Promise<number> {
    if (!this.#turns) return this.#busyMs
    const sinceMs = realClock.now()
    const turn = await this.#turns.take(this.#busyMs)
    if (!turn) throw statementError(`${this.#path}: database is locked`, text, [], String(SQLITE_BUSY))
    // Given up meanwhile.
    if (this.#lost !== undefined) turn.end()
    else this.#turn = turn
    return Math.max(0, this.#busyMs - (realClock.now() - sinceMs))
  }

  #endTurn(): void {
    this.#turn?.end()
    this.#turn = undefined
  }

  /** `inTransaction`: whether it is to be in one then. */
  async #ask(query: SqliteQuery, inTransaction = this.#inTransaction): Promise<Rows> {
    if (this.#lost !== undefined) throw new SqlError(`${this.#path}: ${this.#lost}`)
    this.#answer = Promise.withResolvers()
    this.#process.send(query, (error) => error && this.#lose(messageOf(error)))
    try {
      const rows = await this.#answer.promise
      if (this.#inTransaction === inTransaction) return rows
      const reason = this.#inTransaction ? 'it left a transaction open' : 'it ended the transaction'
      this.destroy(reason)
      throw new SqlError(reason)
    } catch (error) {
      throw statementError(`${this.#path}: ${messageOf(error)}`, query.text, [], (error as SqlError).code)
    }
  }

  #onReply(reply: SqliteReply): void {
    const answer = this.#answer
    this.#answer = undefined
    this.#inTransaction = reply.inTransaction
    if ('error' in reply) answer?.reject(new SqlError(reply.error, reply.code))
    else answer?.resolve(reply)
  }

  #lose(reason: string): void {
    this.#lost ??= reason
    this.#answer?.reject(new SqlError(this.#lost))
    this.#answer = undefined
  }
}
