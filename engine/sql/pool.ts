// A few connections for many queries: whoever finds none free waits, first come, first served, for a limited time.
import type { Clock } from '../base/clock.ts'
import { SqlError, type SqlQueries, type SqlResult, type SqlValue, takeParameters } from './sql.ts'

/** Does one thing at a time. */
export interface SqlConnection {
  /** Once it is not, it is not used again. */
  readonly isOpen: boolean
  /** Whether whoever used it has left something behind, for the next one to stumble over. */
  readonly isDirty: boolean
  /** Resolves when there is nothing left of it. */
  readonly ended: Promise<void>
  query(text: string, parameters: readonly SqlValue[]): Promise<SqlResult>
  begin(): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
  /** Makes it as new, or closes it. */
  clean(): Promise<void>
  /** Whether it keeps the process from ending. */
  hold(holds: boolean): void
  /** Gives it up in the middle of what it does, which rejects with `reason`; the database rolls back. */
  destroy(reason: string): void
  close(): Promise<void>
}

export interface PoolOptions {
  readonly clock: Clock
  /** How many connections there may be. */
  readonly size: number
  /** How long a query or a transaction may take. */
  readonly limitMs: number
  /** How much longer we wait for a database that ends by itself what takes too long. */
  readonly graceMs?: number
  /** A connection that is open; rejects with SqlError. */
  readonly connect: () => Promise<SqlConnection>
}

interface Waiting {
  readonly take: (connection: SqlConnection | undefined) => void
  readonly refuse: (error: SqlError) => void
}

/** More than this many do not wait, they are refused: the database is far behind. */
const WAITING_MAX = 1000
const WAIT_LIMIT_MS = 10_000

export class Pool {
  readonly #options: PoolOptions
  readonly #idle: SqlConnection[] = []
  readonly #waiting = new Set<Waiting>()
  readonly #busy = new Set<SqlConnection>()
  /** Those that are being opened, or are about to be, among them, and those that are not quite gone. */
  #count = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  query(text: string, parameters: readonly SqlValue[]): Promise<SqlResult> {
    return this.#with((connection) => this.#limited(connection, () => connection.query(text, parameters)))
  }

  transaction<T>(work: (tx: SqlQueries) => Promise<T>): Promise<T> {
    return this.#with((connection) => this.#transaction(connection, work))
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { refuse } of this.#waiting) refuse(new SqlError('the database is closed'))
    this.#waiting.clear()
    const busy = [...this.#busy].map((connection) => {
      connection.destroy('the database is closed')
      return connection.ended
    })
    await Promise.all([...busy, ...this.#idle.splice(0).map((connection) => connection.close())])
  }

  async #with<T>(use: (connection: SqlConnection) => Promise<T>): Promise<T> {
    const connection = await this.#acquire()
    this.#busy.add(connection)
    connection.hold(true)
    try {
      return await use(connection)
    } finally {
      if (connection.isOpen && connection.isDirty) void this.#clean(connection)
      else this.#release(connection)
    }
  }

  /** Nobody waits for it but those who need a connection. */
  async #clean(connection: SqlConnection): Promise<void> {
    try {
      await this.#limited(connection, () => connection.clean())
    } catch {
      connection.destroy('it could not be cleaned')
    }
    this.#release(connection)
  }

  async #acquire(): Promise<SqlConnection> {
    if (this.#closed) throw new SqlError('the database is closed')
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.isOpen) return idle
      this.#count--
    }
    if (this.#count < this.#options.size) {
      this.#count++
      return this.#connect()
    }
    if (this.#waiting.size >= WAITING_MAX) throw new SqlError(`${WAITING_MAX} queries wait for the database already`)
    return (await this.#wait()) ?? this.#connect()
  }

  /** A connection that is free now; undefined when there is one less, whose place is taken. */
  async #wait(): Promise<SqlConnection | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<SqlConnection | undefined>()
    const waiting = { take: resolve, refuse: reject }
    const limit = this.#options.clock.after(WAIT_LIMIT_MS, () => {
      this.#waiting.delete(waiting)
      reject(new SqlError(`no connection to the database was free for ${WAIT_LIMIT_MS} ms`))
    })
    this.#waiting.add(waiting)
    try {
      return await promise
    } finally {
      limit.cancel()
    }
  }

  async #connect(): Promise<SqlConnection> {
    try {
      const connection = await this.#options.connect()
      if (!this.#closed) return connection
      connection.destroy('the database is closed')
      throw new SqlError('the database is closed')
    } catch (error) {
      this.#leavePlace()
      throw error
    }
  }

  #release(connection: SqlConnection): void {
    this.#busy.delete(connection)
    if (connection.isOpen && !this.#closed) {
      connection.hold(false)
      if (!this.#next(connection)) this.#idle.push(connection)
      return
    }
    if (connection.isOpen) void connection.close()
    // One that is given up still costs what it costs until it is gone, and somebody may wait for its place.
    void connection.ended.then(() => this.#leavePlace())
  }

  #leavePlace(): void {
    if (!this.#next(undefined)) this.#count--
  }

  /** Whether there was somebody to give it to. */
  #next(connection: SqlConnection | undefined): boolean {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting)
      waiting.take(connection)
      return true
    }
    return false
  }

  async #limited<T>(connection: SqlConnection, action: () => Promise<T>): Promise<T> {
    const { clock, limitMs, graceMs = 0 } = this.#options
    const limit = clock.after(limitMs + graceMs, () => connection.destroy(tookLonger(limitMs)))
    try {
      return await action()
    } finally {
      limit.cancel()
    }
  }

  async #transaction<T>(connection: SqlConnection, work: (tx: SqlQueries) => Promise<T>): Promise<T> {
    await this.#limited(connection, () => connection.begin())
    const statements = new Statements(connection)
    const { clock, limitMs } = this.#options
    const { promise: tooLong, reject } = Promise.withResolvers<never>()
    // Nobody may be waiting for it any more.
    tooLong.catch(() => {})
    const limit = clock.after(limitMs, () => {
      const reason = `the transaction was rolled back: ${tookLonger(limitMs)}`
      statements.end(reason)
      connection.destroy(reason)
      reject(new SqlError(`${reason} (a query in it that is not made with tx waits for the transaction itself)`))
    })
    try {
      const value = await Promise.race([work(statements), tooLong])
      statements.end('the transaction is over')
      // Those that nobody awaited.
      await Promise.race([statements.settled, tooLong])
      const { failure } = statements
      if (failure) throw new SqlError(`the transaction was rolled back: ${failure.message}`, failure.code)
      limit.cancel()
      await this.#limited(connection, () => connection.commit())
      return value
    } catch (error) {
      statements.end('the transaction is over')
      await statements.settled
      if (connection.isOpen) await this.#rollBack(connection)
      throw error
    } finally {
      limit.cancel()
    }
  }

  async #rollBack(connection: SqlConnection): Promise<void> {
    try {
      await this.#limited(connection, () => connection.rollback())
    } catch {
      // Without a connection there is no transaction either.
      connection.destroy('it could not roll back')
    }
  }
}

export const tookLonger = (limitMs: number): string => `it took longer than ${limitMs} ms`

/** The statements of a transaction, one after the other. After one that fails there are no more, as in PostgreSQL. */
class Statements implements SqlQueries {
  readonly #connection: SqlConnection
  #last: Promise<unknown> = Promise.resolve()
  #ended: string | undefined
  failure: SqlError | undefined

  constructor(connection: SqlConnection) {
    this.#connection = connection
  }

  get settled(): Promise<unknown> {
    return this.#last
  }

  end(reason: string): void {
    this.#ended ??= reason
  }

  async query<Row extends object>(text: string, parameters: readonly SqlValue[] = []): Promise<SqlResult<Row>> {
    if (this.#ended !== undefined) throw new SqlError(this.#ended)
    const values = this.#take(text, parameters)
    const answer = this.#last.then(() => this.#run(text, values))
    this.#last = answer.catch((error) => {
      this.failure ??= error as SqlError
    })
    return answer as Promise<SqlResult<Row>>
  }

  #run(text: string, parameters: readonly SqlValue[]): Promise<SqlResult> {
    if (this.failure) throw new SqlError('an earlier statement of the transaction failed')
    return this.#connection.query(text, parameters)
  }

  #take(text: string, parameters: readonly SqlValue[]): SqlValue[] {
    try {
      return takeParameters(text, parameters)
    } catch (error) {
      this.failure ??= error as SqlError
      throw error
    }
  }
}
