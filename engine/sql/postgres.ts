// SQL for the code of a game on a PostgreSQL server: a few connections that are not those of the entities.
import pg from 'pg'
import { type Clock, realClock } from '../base/clock.ts'
import { type PostgresServer, postgresServer } from '../storage/postgres/client.ts'
import { Pool, type SqlConnection, tookLonger } from './pool.ts'
import {
  type SqlDatabase,
  SqlError,
  type SqlQueries,
  type SqlResult,
  type SqlValue,
  statementError,
  takeParameters,
  verbOf,
} from './sql.ts'

export interface PostgresSqlOptions {
  readonly url: string
  /** Connections at the most; each is made when it is first needed. */
  readonly pool: number
  readonly limitMs: number
  readonly clock?: Clock
}

const CONNECT_LIMIT_MS = 5000
/** The server is asked to end what takes too long; so much later we do it ourselves. */
const GRACE_MS = 1000

export class PostgresSql implements SqlDatabase {
  readonly kind = 'postgres'
  readonly #pool: Pool

  /** Throws SqlError when the URL is none. Connects when it is used. */
  constructor({ url, pool, limitMs, clock = realClock }: PostgresSqlOptions) {
    const server = serverOf(url)
    const connect = () => Connection.open(server, limitMs)
    this.#pool = new Pool({ clock, size: pool, limitMs, graceMs: GRACE_MS, connect })
  }

  async query<Row extends object>(text: string, parameters: readonly SqlValue[] = []): Promise<SqlResult<Row>> {
    return (await this.#pool.query(text, takeParameters(text, parameters))) as SqlResult<Row>
  }

  async transaction<T>(work: (tx: SqlQueries) => Promise<T>): Promise<T> {
    return this.#pool.transaction(work)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}

function serverOf(url: string): PostgresServer {
  try {
    return postgresServer(url)
  } catch (error) {
    throw new SqlError((error as Error).message)
  }
}

class Connection implements SqlConnection {
  readonly #client: pg.Client
  readonly #where: string
  readonly #limitMs: number
  readonly ended: Promise<void>
  isDirty = false
  #inTransaction = false
  #lost: string | undefined

  static async open(server: PostgresServer, limitMs: number): Promise<Connection> {
    const connection = new Connection(server, limitMs)
    try {
      await connection.#client.connect()
      await connection.#set()
      return connection
    } catch (error) {
      connection.destroy('it could not be opened')
      throw new SqlError(`${server.where}: ${server.messageOf(error)}`, codeOf(error))
    }
  }

  private constructor({ config, where }: PostgresServer, limitMs: number) {
    this.#where = where
    this.#limitMs = limitMs
    this.#client = new pg.Client({ ...config, connectionTimeoutMillis: CONNECT_LIMIT_MS })
    this.#client.on('error', (error) => {
      this.#lost ??= error.message
    })
    this.ended = new Promise((resolve) => {
      this.#client.on('end', () => {
        this.#lost ??= 'the connection ended'
        resolve()
      })
    })
  }

  get isOpen(): boolean {
    return this.#lost === undefined
  }

  async query(text: string, parameters: readonly SqlValue[]): Promise<SqlResult> {
    this.isDirty ||= leavesTraces(text)
    const state = this.#inTransaction ? 'T' : 'I'
    try {
      // `extended`: the protocol that takes one statement only, and never reads a value as a part of it.
      const query = { text, values: [...parameters], types: TYPES, queryMode: 'extended' }
      const { rows, rowCount } = await this.#client.query(query)
      this.#checkState(state)
      return { rows, count: rowCount ?? 0 }
    } catch (error) {
      throw statementError(this.#reasonOf(error), text, parameters, codeOf(error))
    }
  }

  async begin(): Promise<void> {
    await this.#say('BEGIN')
    this.#inTransaction = true
    this.#checkState('T')
  }

  async commit(): Promise<void> {
    const done = await this.#say('COMMIT')
    this.#inTransaction = false
    if (done !== 'COMMIT') throw new SqlError('the transaction was rolled back: a statement in it failed')
  }

  async rollback(): Promise<void> {
    await this.#say('ROLLBACK')
    this.#inTransaction = false
  }

  /** Settings, locks, temporary tables, prepared statements and all else that a session has. */
  async clean(): Promise<void> {
    await this.#say('DISCARD ALL')
    await this.#set()
    this.isDirty = false
  }

  hold(holds: boolean): void {
    const { stream } = this.#client.connection as unknown as { stream: { ref?(): void; unref?(): void } }
    if (holds) stream.ref?.()
    else stream.unref?.()
  }

  destroy(reason: string): void {
    this.#lost ??= reason
    this.#client.connection.stream.destroy()
  }

  async close(): Promise<void> {
    this.hold(true)
    const limit = realClock.after(GRACE_MS, () => this.destroy('closed'))
    await this.#client.end()
    limit.cancel()
  }

  async #set(): Promise<void> {
    const idleMs = this.#limitMs + 2 * GRACE_MS
    await this.#say(
      `SET statement_timeout = ${this.#limitMs}; SET idle_in_transaction_session_timeout = ${idleMs};
      SET bytea_output = 'hex'`,
    )
  }

  /** What the server says of itself: I for idle, T for in a transaction. Nobody knows what became of what it is not. */
  #checkState(state: 'I' | 'T'): void {
    if (this.#client.getTransactionStatus() === state) return
    const reason = state === 'T' ? 'it ended the transaction' : 'it left a transaction open'
    this.destroy(reason)
    throw new Error(reason)
  }

  async #say(text: string): Promise<string> {
    try {
      return (await this.#client.query(text)).command
    } catch (error) {
      throw statementError(this.#reasonOf(error), text, [], codeOf(error))
    }
  }

  #reasonOf(error: unknown): string {
    if (codeOf(error) === undefined && this.#lost !== undefined) return `${this.#where}: ${this.#lost}`
    const { message } = error as Error
    return `${this.#where}: ${message.endsWith('statement timeout') ? tookLonger(this.#limitMs) : message}`
  }
}

const CLEAN = /^(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|TABLE|EXPLAIN|SHOW)?$/
const TRACES = /pg_(?:try_)?advisory_lock|set_config|\bINTO\s+(?:LOCAL\s+)?TEMP/i

/** Whether it may change the session, as far as it can be read. What a function of the server does is not seen. */
const leavesTraces = (text: string): boolean => !CLEAN.test(verbOf(text, 'postgres')) || TRACES.test(text)

const codeOf = (error: unknown): string | undefined => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

// --- values ----------------------------------------------------------------------------------------------------------

const wholeNumber = (text: string): number | bigint => {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

/** By PostgreSQL's numbers of types; all others stay the text that they are. */
const PARSERS: Readonly<Record<number, (text: string) => SqlValue>> = {
  16: (text) => text === 't',
  17: (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
  20: wholeNumber,
  21: Number,
  23: Number,
  26: Number,
  700: Number,
  701: Number,
}
const asText = (text: string) => text

const TYPES = { getTypeParser: (oid: number) => PARSERS[oid] ?? asText } as unknown as pg.CustomTypesConfig
