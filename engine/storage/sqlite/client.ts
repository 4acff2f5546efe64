// Promises in front of one SQLite file: one client a file, shared by all stores of the process, with a thread that
// writes and one that reads.
//
//     write ─> gathered ──────────── its turn, one batch at a time ──> writer ─> reply ─> promises settle
//                 ^
//                 │ a write that it must see is gathered
//     read ───────┼── a write that it must see is under way: behind it ─┐
//                 └── none ─────────────────────────────────────────────┴──> reader ─> reply ─> …
//
// So a read waits for the lock only when a write of what it asks for does, and the calls that are about one row take
// effect in the order they were made in. When a thread dies, what it had rejects (it may or may not have been done), and
// what comes next goes to a new one.
import { resolve } from 'node:path'
import { realClock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { StorageError } from '../errors.ts'
import { glance } from './glance.ts'
import { Rows } from './rows.ts'
import { Thread } from './thread.ts'
import type { SqlRequest, SqlRow, SqlStatement, SqlValue } from './worker.ts'
import { WriteTurns } from './write-turns.ts'

interface Pending extends SqlRequest {
  readonly sinceMs: number
  readonly characters: number
  readonly resolve: (rows: SqlRow[][]) => void
  readonly reject: (error: StorageError) => void
}

/**
 * Requests that wait for a stuck disk are held in memory: beyond this many characters of them, new ones are refused.
 * Each counts for a few more than its parameters have, so that small ones are limited too.
 */
const WAITING_CHARACTERS_MAX = 256 * 1024 * 1024
const REQUEST_CHARACTERS = 500
/** What one transaction may hold, so that it keeps the lock for a moment only. */
const BATCH_REQUESTS_MAX = 2000
const BATCH_CHARACTERS_MAX = 16 * 1024 * 1024
/** Others write the same file: long enough for a slow transaction of each, short enough to hear of a stuck one. */
const BUSY_LIMIT_MS = 5000

const shared = new Map<string, SqliteClient>()

/** The client of the file at `path`. Every user closes it once; the last one ends its threads. */
export function shareSqliteClient(path: string, log: Log): SqliteClient {
  path = resolve(path)
  const there = shared.get(path)
  if (there) return there.share()
  const client = new SqliteClient(path, log, () => shared.delete(path))
  shared.set(path, client)
  return client
}

export class SqliteClient {
  readonly path: string
  readonly #whenUnused: () => void
  readonly #writer: Thread
  readonly #reader: Thread
  readonly #turns: WriteTurns
  #users = 1
  #waitingCharacters = 0
  readonly #unanswered = new Set<Promise<unknown>>()
  /** Writes, and reads that must see them, in the order they were made in. */
  #gathered: Pending[] = []
  #gatheredWrites = new Rows()
  /** What the writes that are under way are about. */
  #sentWrites = new Rows()
  #isWriting = false
  /** Reads that wait for the writes that are under way. */
  #behind: Pending[] = []
  #reads: Pending[] = []
  #sentReads: Pending[] = []
  #readsSent: PromiseWithResolvers<void> | undefined
  #isSending = false

  constructor(path: string, log: Log, whenUnused: () => void = () => {}) {
    this.path = path
    this.#whenUnused = whenUnused
    this.#writer = new Thread({ path, readOnly: false }, log)
    this.#reader = new Thread({ path, readOnly: true }, log)
    this.#turns = WriteTurns.of(path)
  }

  /** Whether `sql` finds a row at once, and the file can be written: for whoever opens it. False may mean anything. */
  finds(sql: string): boolean {
    return glance(this.path, sql)
  }

  /** The rows of one statement that changes nothing. */
  async read(sql: string, ...parameters: SqlValue[]): Promise<SqlRow[]> {
    const [rows] = await this.#request(false, [{ sql, parameters }])
    return rows!
  }

  /**
   * Does all the statements or none; the rows of each (use RETURNING). One names the row that it is about in its
   * parameters: all that `column = ?` of a read would find it by. One without parameters may be about any.
   */
  write(...statements: SqlStatement[]): Promise<SqlRow[][]> {
    return this.#request(true, statements)
  }

  /** One more user, who closes too. */
  share(): this {
    this.#users++
    return this
  }

  /** Resolves when all requests made so far are answered and, for the last user, the file is closed. */
  async close(): Promise<void> {
    if (this.#users === 0) return
    this.#users--
    const isLast = this.#users === 0
    if (isLast) this.#whenUnused()
    await Promise.all(this.#unanswered)
    if (!isLast) return
    // One after the other: the last of them puts all that was written into the file itself.
    await this.#reader.close()
    await this.#writer.close()
  }

  /** Ends the threads in the middle of what they are doing, as a crash would. For tests. */
  async crash(): Promise<void> {
    await Promise.all([this.#writer.crash(), this.#reader.crash()])
  }

  #request(writes: boolean, statements: readonly SqlStatement[]): Promise<SqlRow[][]> {
    if (this.#users === 0) return this.#refuse('is closed')
    if (this.#waitingCharacters > WAITING_CHARACTERS_MAX) return this.#refuse('too many requests wait for the disk')
    let characters = REQUEST_CHARACTERS
    for (const { parameters } of statements) {
      for (const parameter of parameters) characters += typeof parameter === 'string' ? parameter.length : 8
    }
    this.#waitingCharacters += characters
    const { promise, resolve, reject } = Promise.withResolvers<SqlRow[][]>()
    this.#place({ writes, statements, characters, sinceMs: realClock.now(), resolve, reject })
    const answered = () => {
      this.#waitingCharacters -= characters
      this.#unanswered.delete(settled)
    }
    const settled = promise.then(answered, answered)
    this.#unanswered.add(settled)
    return promise
  }

  async #refuse(reason: string): Promise<never> {
    throw new StorageError(`${this.path}: ${reason}`)
  }

  #place(request: Pending): void {
    if (request.writes) {
      this.#gatheredWrites.add(request)
      this.#gathered.push(request)
    } else if (this.#gatheredWrites.mayHave(request)) this.#gathered.push(request)
    else if (this.#sentWrites.mayHave(request)) this.#behind.push(request)
    else this.#reads.push(request)
    if (this.#isSending) return
    this.#isSending = true
    // What a turn brings goes together. The disk lives in real time, whatever clock the game runs on.
    realClock.defer(() => {
      this.#isSending = false
      void this.#read()
      void this.#write()
    })
  }

  async #write(): Promise<void> {
    if (this.#isWriting) return
    this.#isWriting = true
    while (this.#gathered.length > 0) {
      // From now on: while something is under way, the thread holds the process.
      this.#writer.hold(true)
      const waitedMs = realClock.now() - this.#gathered[0]!.sinceMs
      const turn = await this.#turns.take(BUSY_LIMIT_MS - waitedMs)
      if (turn) await this.#writeBatch()
      else this.#refuseLate()
      turn?.end()
    }
    this.#isWriting = false
    this.#writer.hold(false)
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#take()
    // They were made before.
    while ([...this.#reads, ...this.#sentReads].some((read) => this.#sentWrites.mayHave(read))) {
      this.#readsSent ??= Promise.withResolvers()
      await this.#readsSent.promise
    }
    await this.#ask(this.#writer, batch)
    this.#sentWrites = new Rows()
    this.#reads.push(...this.#behind.splice(0))
    void this.#read()
  }

  #take(): Pending[] {
    let count = 0
    let characters = 0
    while (count < this.#gathered.length && count < BATCH_REQUESTS_MAX) {
      characters += this.#gathered[count]!.characters
      if (count > 0 && characters > BATCH_CHARACTERS_MAX) break
      count++
    }
    const batch = this.#gathered.splice(0, count)
    this.#sentWrites = this.#gatheredWrites
    this.#gatheredWrites = new Rows()
    for (const request of this.#gathered) if (request.writes) this.#gatheredWrites.add(request)
    return batch
  }

  #refuseLate(): void {
    const lateMs = realClock.now() - BUSY_LIMIT_MS
    const count = this.#gathered.findIndex(({ sinceMs }) => sinceMs > lateMs)
    // At least one: clocks have fractions.
    const late = this.#gathered.splice(0, count < 0 ? this.#gathered.length : Math.max(1, count))
    this.#reject(late, 'database is locked')
    this.#gatheredWrites = new Rows()
    for (const request of this.#gathered) if (request.writes) this.#gatheredWrites.add(request)
  }

  async #read(): Promise<void> {
    if (this.#sentReads.length > 0) return
    while (this.#reads.length > 0) {
      this.#sentReads = this.#reads.splice(0)
      this.#reader.hold(true)
      await this.#ask(this.#reader, this.#sentReads)
      this.#sentReads = []
      this.#readsSent?.resolve()
      this.#readsSent = undefined
    }
    this.#reader.hold(false)
  }

  /** Answers each, one way or the other. */
  async #ask(thread: Thread, batch: readonly Pending[]): Promise<void> {
    const requests = batch.map(({ writes, statements }) => ({ writes, statements }))
    const reply = await thread.ask({ requests, busyMs: BUSY_LIMIT_MS })
    if ('failure' in reply) {
      this.#reject(batch, reply.failure)
      return
    }
    for (const [at, request] of batch.entries()) {
      const outcome = reply.outcomes[at]!
      if ('rows' in outcome) request.resolve(outcome.rows)
      else request.reject(new StorageError(`${this.path}: ${outcome.error}`))
    }
  }

  #reject(requests: readonly Pending[], reason: string): void {
    for (const request of requests) request.reject(new StorageError(`${this.path}: ${reason}`))
  }
}
