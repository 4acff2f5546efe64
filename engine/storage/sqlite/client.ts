// Promises in front of the SQLite worker: one client and one worker a file, shared by all stores of the process.
//
//     read, write ─> gathered ──end of turn──> sent, as one batch ─> worker ─> reply ─> promises settle
//
// Batches are answered in the order in which they were sent. When the worker dies, what was sent rejects (it may or
// may not have been done), and what comes next goes to a new worker.
import { resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { realClock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { StorageError } from '../errors.ts'
import type { SqlMessage, SqlReply, SqlRequest, SqlRow, SqlStatement, SqlValue } from './worker.ts'

interface Pending extends SqlRequest {
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

// From source this is a .ts file that Node strips; in the published package both are .js.
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

const shared = new Map<string, SqliteClient>()

/** The client of the file at `path`. Every user closes it once; the last one ends the worker. */
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
  readonly #log: Log
  readonly #whenUnused: () => void
  #users = 1
  #worker: Worker | undefined
  #gathered: Pending[] = []
  #sent: Pending[][] = []
  #waitingCharacters = 0

  constructor(path: string, log: Log, whenUnused: () => void = () => {}) {
    this.path = path
    this.#log = log
    this.#whenUnused = whenUnused
  }

  /** The rows of one statement that changes nothing. */
  async read(sql: string, ...parameters: SqlValue[]): Promise<SqlRow[]> {
    const [rows] = await this.#request(false, [{ sql, parameters }])
    return rows!
  }

  /** Does all the statements or none; the rows of each (use RETURNING). */
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
    if (this.#users > 1) {
      // Replies come in order: when this one is there, all before it are. Whether it is a good one does not matter.
      const answered = this.read('SELECT 1').catch(() => {})
      this.#users--
      await answered
      return
    }
    this.#users = 0
    this.#whenUnused()
    this.#send()
    const worker = this.#worker
    if (!worker) return
    worker.ref()
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    worker.postMessage('close' satisfies SqlMessage)
    await ended
  }

  /** Ends the worker in the middle of what it is doing, as a crash would. For tests. */
  async crash(): Promise<void> {
    await this.#worker?.terminate()
  }

  #request(writes: boolean, statements: readonly SqlStatement[]): Promise<SqlRow[][]> {
    return new Promise((resolve, reject) => {
      if (this.#users === 0) throw new StorageError(`${this.path}: is closed`)
      if (this.#waitingCharacters > WAITING_CHARACTERS_MAX) {
        throw new StorageError(`${this.path}: too many requests wait for the disk`)
      }
      let characters = REQUEST_CHARACTERS
      for (const { parameters } of statements) {
        for (const parameter of parameters) characters += typeof parameter === 'string' ? parameter.length : 8
      }
      this.#waitingCharacters += characters
      // The disk lives in real time, whatever clock the game runs on.
      if (this.#gathered.length === 0) realClock.defer(() => this.#send())
      this.#gathered.push({ writes, statements, characters, resolve, reject })
    })
  }

  #send(): void {
    const batch = this.#gathered
    if (batch.length === 0) return
    this.#gathered = []
    try {
      this.#worker ??= this.#start()
      // While something is under way the worker holds the process; idle, it does not.
      this.#worker.ref()
      this.#worker.postMessage(batch.map(({ writes, statements }) => ({ writes, statements })) satisfies SqlMessage)
      this.#sent.push(batch)
    } catch (error) {
      this.#reject(batch, messageOf(error))
    }
  }

  #start(): Worker {
    // No flags of ours: an --import or --inspect is meant for the game, not for this thread.
    const worker = new Worker(WORKER, { workerData: { path: this.path }, execArgv: [], name: 'sqlite' })
    let reason = 'it ended'
    worker.on('message', (reply: SqlReply) => this.#onReply(reply))
    worker.on('error', (error) => {
      reason = messageOf(error)
    })
    worker.on('exit', () => this.#onExit(worker, reason))
    return worker
  }

  #onReply(reply: SqlReply): void {
    const batch = this.#sent.shift()!
    if (this.#sent.length === 0 && this.#users > 0) this.#worker?.unref()
    if ('failure' in reply) {
      this.#reject(batch, reply.failure)
      return
    }
    for (const [at, request] of batch.entries()) {
      const outcome = reply.outcomes[at]!
      this.#waitingCharacters -= request.characters
      if ('rows' in outcome) request.resolve(outcome.rows)
      else request.reject(new StorageError(`${this.path}: ${outcome.error}`))
    }
  }

  #onExit(worker: Worker, reason: string): void {
    if (this.#worker === worker) this.#worker = undefined
    const lost = this.#sent.flat()
    this.#sent = []
    if (this.#users > 0) {
      this.#log.error('the database worker stopped', { path: this.path, reason, requests: lost.length })
    }
    this.#reject(lost, `the database worker stopped: ${reason}`)
  }

  #reject(requests: readonly Pending[], reason: string): void {
    for (const request of requests) {
      this.#waitingCharacters -= request.characters
      request.reject(new StorageError(`${this.path}: ${reason}`))
    }
  }
}
