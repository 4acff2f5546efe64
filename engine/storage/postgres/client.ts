// Calls to a PostgreSQL server, gathered into transactions on a few connections.
//
//     call ─by its key─> lane ─> gathered ──while another flight is out──> flight: BEGIN, statement, …, COMMIT ─> answers
//                                                  └ a call that fails is taken out, and the others are done without it
//
// A lane is one connection and has one flight out at a time, so calls of one lane take effect in the order they were
// made in. A flight takes all that came while the one before was out: the busier, the more calls share one commit.
// COMMIT is sent only when every statement was answered: what is given up for time before that was never done.
//
//     made   put c   put a   get b   range [x, z)   put c   │ put y     behind a range that it is in: the next flight
//     sent   put a   get b   put c   put c   range [x, z)
//
// A flight holds its rows locked until it commits, and other games have flights of their own. So each sends its
// statements in the order of their keys, those of one key as they were made: everybody locks in the same order, and
// nobody waits in a ring. Others see all of a flight at once, so they cannot tell. Who wants a lookup to come after
// something that touches another key waits for the answer of that.
import pg from 'pg'
import { realClock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { isWithin, type KeyRange, type Place } from '../call-order.ts'
import { NotStorable, StorageError } from '../errors.ts'

export type PostgresRow = Record<string, unknown>

/** Prepared once a connection, by its name. */
export interface PostgresStatement {
  readonly name: string
  readonly text: string
}

export interface PostgresCall {
  readonly statement: PostgresStatement
  readonly values: readonly (string | number | null)[]
}

/** Columns in their order, and those of the primary key. */
export interface PostgresTable {
  readonly columns: Readonly<Record<string, keyof typeof COLUMNS>>
  readonly key: readonly string[]
}

interface Request {
  /** Undefined when it is all the same what it comes before and after. */
  readonly place: Place | undefined
  readonly calls: readonly PostgresCall[]
  readonly writes: boolean
  /** Whether the rows are an answer; when they are not, the calls are undone and made again. */
  readonly isAnswer: (rows: PostgresRow[][]) => boolean
  readonly characters: number
  readonly deadlineMs: number
  readonly resolve: (rows: PostgresRow[][]) => void
  readonly reject: (error: Error) => void
}

export interface PostgresOptions {
  readonly url: string
  /** Connections, at the most. */
  readonly lanes: number
  readonly log: Log
  /** Each that must be there, by its name. */
  readonly tables: Readonly<Record<string, PostgresTable>>
  /** A call that was not answered by then rejects, whatever it waited for. */
  readonly callLimitMs?: number
}

/** Unless told. */
const CALL_LIMIT_MS = 9000
const OPEN_LIMIT_MS = 4500
/** The server gives up before we do, and one row that somebody holds locked does not use up the time of the others. */
const STATEMENT_LIMIT_MS = 8000
const LOCK_LIMIT_MS = 3000
/** Should we vanish without a word, the server ends what we had begun. */
const IDLE_LIMIT_MS = 10_000
const CLOSE_LIMIT_MS = 1000
/** What one commit may hold, so that a flight is over well before its calls run out of time. */
const FLIGHT_REQUESTS_MAX = 500
const FLIGHT_CHARACTERS_MAX = 8 * 1024 * 1024
/** As in sqlite/client.ts: what waits for a stuck server is held in memory. */
const WAITING_CHARACTERS_MAX = 256 * 1024 * 1024
const REQUEST_CHARACTERS = 500
/** Any number that nobody else locks: games that start at once make their tables one after the other. */
const TABLES_LOCK = 7_046_029_254_386

/** Text in the order of its bytes. */
const COLUMNS = {
  text: 'TEXT COLLATE "C" NOT NULL',
  json: 'JSON NOT NULL',
  bigint: 'BIGINT NOT NULL DEFAULT 0',
} as const

const BEGIN = [
  'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE',
  `SET LOCAL statement_timeout = ${STATEMENT_LIMIT_MS}`,
  `SET LOCAL lock_timeout = ${LOCK_LIMIT_MS}`,
  `SET LOCAL idle_in_transaction_session_timeout = ${IDLE_LIMIT_MS}`,
].join('; ')

export class PostgresClient {
  readonly where: string
  readonly #lanes: Lane[]
  readonly #callLimitMs: number
  #waitingCharacters = 0
  #closed: Promise<void> | undefined

  /** Makes the tables that are not there. Rejects with StorageError when the server does not answer in time. */
  static async open(options: PostgresOptions): Promise<PostgresClient> {
    const client = new PostgresClient(options)
    try {
      await client.#makeTables(options.tables)
    } catch (error) {
      await client.close()
      throw error
    }
    return client
  }

  private constructor({ url, lanes, log, callLimitMs = CALL_LIMIT_MS }: PostgresOptions) {
    const server = postgresServer(url)
    this.#callLimitMs = callLimitMs
    this.where = server.where
    this.#lanes = Array.from({ length: lanes }, () => new Lane(server, log))
  }

  /** The rows of one statement that changes nothing. Calls of one lane take effect in the order they were made in. */
  async read(place: Place | undefined, statement: PostgresStatement, ...values: PostgresCall['values'][number][]) {
    const [rows] = await this.#request(place, false, [{ statement, values }])
    return rows!
  }

  /** Makes all the calls or none; the rows of each. No row may be changed by calls of two keys. */
  write(
    key: string,
    calls: readonly PostgresCall[],
    isAnswer: (rows: PostgresRow[][]) => boolean = () => true,
  ): Promise<PostgresRow[][]> {
    return this.#request(key, true, calls, isAnswer)
  }

  /** Resolves when all calls made so far are answered and the connections are closed. */
  close(): Promise<void> {
    this.#closed ??= Promise.all(this.#lanes.map((lane) => lane.close())).then(() => {})
    return this.#closed
  }

  async #makeTables(tables: Readonly<Record<string, PostgresTable>>): Promise<void> {
    const names = Object.keys(tables)
    const endMs = realClock.now() + OPEN_LIMIT_MS
    const call = (statement: PostgresStatement, ...values: string[]) => ({ statement, values })
    const look = [call(ENCODING), ...names.map((name) => call(LOOK, name))]
    const [encodings, ...looked] = await this.#request('', false, look, undefined, OPEN_LIMIT_MS)
    const encoding = encodings![0]!['encoding']
    if (encoding !== 'UTF8') throw new StorageError(`${this.where}: the encoding is ${encoding}, and must be UTF8`)
    const absent = names.filter((_, at) => looked[at]!.length === 0)
    for (const [at, name] of names.entries()) {
      const difference = looked[at]!.length > 0 && differenceOf(tables[name]!, looked[at]! as unknown as FoundColumn[])
      if (difference) throw new StorageError(`${this.where}: table ${name} is not ours: ${difference}`)
    }
    if (absent.length === 0) return
    const make = absent.map((name) => call({ name: `make_${name}`, text: definitionOf(name, tables[name]!) }))
    await this.#request('', true, [call(LOCK_TABLES), ...make], undefined, endMs - realClock.now())
  }

  #request(
    place: Place | undefined,
    writes: boolean,
    calls: readonly PostgresCall[],
    isAnswer: (rows: PostgresRow[][]) => boolean = () => true,
    limitMs = this.#callLimitMs,
  ): Promise<PostgresRow[][]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new StorageError(`${this.where}: is closed`)
      if (this.#waitingCharacters > WAITING_CHARACTERS_MAX)
        throw new StorageError(`${this.where}: too many requests wait for the server`)
      let characters = REQUEST_CHARACTERS
      for (const { values } of calls)
        for (const value of values) characters += typeof value === 'string' ? value.length : 8
      this.#waitingCharacters += characters
      let waits = true
      const settled = () => {
        if (waits) this.#waitingCharacters -= characters
        waits = false
      }
      const lane = typeof place === 'string' ? hashOf(place) % this.#lanes.length : 0
      this.#lanes[lane]!.add({
        place,
        calls,
        writes,
        isAnswer,
        characters,
        deadlineMs: realClock.now() + limitMs,
        resolve(rows) {
          settled()
          resolve(rows)
        },
        reject(error) {
          settled()
          reject(error)
        },
      })
    })
  }
}

/** FNV-1a over the characters. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** One connection, made when it is needed, and what waits for it. */
class Lane {
  readonly #server: PostgresServer
  readonly #log: Log
  #connection: Connection | undefined
  #gathered: Request[] = []
  #flying = false
  #closing = false
  #idle: (() => void) | undefined
  /** Undefined before it worked for the first time. */
  #outage: boolean | undefined

  constructor(server: PostgresServer, log: Log) {
    this.#server = server
    this.#log = log
  }

  add(request: Request): void {
    // What the turn brings goes together. The server lives in real time, whatever clock the game runs on.
    if (this.#gathered.length === 0 && !this.#flying) realClock.defer(() => void this.#work())
    this.#gathered.push(request)
  }

  async close(): Promise<void> {
    this.#closing = true
    if (this.#flying || this.#gathered.length > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    await this.#connection?.end()
  }

  async #work(): Promise<void> {
    this.#flying = true
    while (this.#gathered.length > 0) await this.#fly(this.#take())
    this.#flying = false
    // While something is under way the connection holds the process; idle, it does not.
    if (!this.#closing) this.#connection?.hold(false)
    this.#idle?.()
  }

  #take(): Request[] {
    let count = 0
    let characters = 0
    const ranges: KeyRange[] = []
    while (count < this.#gathered.length && count < FLIGHT_REQUESTS_MAX) {
      const { place, writes, characters: more } = this.#gathered[count]!
      characters += more
      if (count > 0 && characters > FLIGHT_CHARACTERS_MAX) break
      if (typeof place === 'object') ranges.push(place)
      // The range is to be read before it.
      else if (place !== undefined && writes && ranges.some((range) => isWithin(place, range))) break
      count++
    }
    return this.#gathered.splice(0, count)
  }

  /** Answers every request, one way or the other, before the first of them runs out of time. */
  async #fly(requests: Request[]): Promise<void> {
    const leftMs = requests[0]!.deadlineMs - realClock.now()
    const tooLate = 'no answer in time'
    let timedOut = leftMs <= 0
    const limit = realClock.after(leftMs, () => {
      timedOut = true
      this.#connection?.destroy(tooLate)
    })
    try {
      if (timedOut) throw new Error(tooLate)
      await this.#perform(await this.#connected(Math.min(leftMs, OPEN_LIMIT_MS)), requests)
      if (this.#outage) this.#log.info('the database works again', { database: this.#server.where })
      this.#outage = false
    } catch (error) {
      const reason = timedOut ? tooLate : this.#server.messageOf(error)
      if (this.#outage === false) {
        this.#log.error('the database fails; what is asked of it rejects', { database: this.#server.where, reason })
        this.#outage = true
      }
      // Whatever state it is in. What waited as long as this would only fail in the same way.
      this.#connection?.destroy(reason)
      this.#connection = undefined
      const lost = timedOut ? [...requests, ...this.#gathered.splice(0)] : requests
      for (const { reject } of lost) reject(this.#server.failure(reason))
    } finally {
      limit.cancel()
    }
  }

  async #connected(limitMs: number): Promise<Connection> {
    if (this.#connection?.isOpen !== true) {
      this.#connection = new Connection(this.#server, limitMs)
      await this.#connection.open()
    }
    this.#connection.hold(true)
    return this.#connection
  }

  /** Settles each request, or rejects when none that is left can be done. */
  async #perform(connection: Connection, requests: readonly Request[]): Promise<void> {
    if (requests.length === 0) return
    const writes = requests.some((request) => request.writes)
    const sent = writes ? inLockOrder(requests) : requests
    connection.gather()
    const begun = writes ? connection.exchange(BEGIN) : undefined
    const answers = sent.map((request) => Promise.all(request.calls.map((call) => connection.call(call))))
    connection.release()
    const outcomes = await Promise.allSettled(answers)
    await begun
    const isBad = (outcome: PromiseSettledResult<PostgresRow[][]>, n: number) =>
      outcome.status === 'rejected' || !sent[n]!.isAnswer(outcome.value)
    const first = outcomes.findIndex(isBad)
    if (first < 0) {
      if (writes) await connection.commit()
      for (const [n, outcome] of outcomes.entries()) if (outcome.status === 'fulfilled') sent[n]!.resolve(outcome.value)
      return
    }
    if (writes) await connection.exchange('ROLLBACK')
    const outcome = outcomes[first]!
    const request = sent[first]!
    const bad = requests.indexOf(request)
    await this.#perform(connection, requests.slice(0, bad))
    if (outcome.status === 'fulfilled' || isConflict(outcome.reason)) await this.#perform(connection, [request])
    else if (isOfOne(outcome.reason)) request.reject(this.#server.failureOf(outcome.reason))
    else throw outcome.reason
    await this.#perform(connection, requests.slice(bad + 1))
  }
}

/** By their keys, and behind them what has none, as they were made. */
function inLockOrder(requests: readonly Request[]): Request[] {
  const keyed = requests.filter(({ place }) => typeof place === 'string')
  // Any order will do that is the same in every game.
  keyed.sort(({ place: a }, { place: b }) => (a! < b! ? -1 : a! > b! ? 1 : 0))
  return [...keyed, ...requests.filter(({ place }) => typeof place !== 'string')]
}

const stateOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '')

/** Who makes it again may have more luck: a deadlock, or a transaction that could not be put in order. */
const isConflict = (error: unknown) => /^40/.test(stateOf(error))
/** The value is of a form or a size that the server does not take. */
const isOfValue = (error: unknown) => /^(22|23|54)...$/.test(stateOf(error))
/** It is the call that is at fault, or the lock that somebody holds on its row. */
const isOfOne = (error: unknown) => isOfValue(error) || stateOf(error) === '55P03'

/** One connection, on which calls are made without a wait for the answer to the one before. */
class Connection {
  readonly #client: pg.Client
  #lost: string | undefined

  constructor({ config }: PostgresServer, limitMs: number) {
    this.#client = new pg.Client({ ...config, pipeline: true, connectionTimeoutMillis: Math.max(1, limitMs) })
    this.#client.on('error', (error) => {
      this.#lost ??= messageOf(error)
    })
    this.#client.on('end', () => {
      this.#lost ??= 'the connection ended'
    })
  }

  get isOpen(): boolean {
    return this.#lost === undefined
  }

  async open(): Promise<void> {
    await this.#client.connect()
  }

  /** What is sent from now on leaves in one write. */
  gather(): void {
    this.#client.connection.stream.cork()
  }

  release(): void {
    this.#client.connection.stream.uncork()
  }

  call({ statement: { name, text }, values }: PostgresCall): Promise<PostgresRow[]> {
    return new Promise((resolve, reject) => {
      this.#client.query({ name, text, values: values as unknown[] }, (error: Error | null, result: pg.QueryResult) => {
        if (error) reject(this.#reasonOf(error))
        else resolve(result.rows as PostgresRow[])
      })
    })
  }

  /** A text without parameters; what the server says that it has done. */
  exchange(text: string): Promise<string> {
    const answer = new Promise<string>((resolve, reject) => {
      this.#client.query({ text }, (error: Error | null, result: pg.QueryResult) => {
        if (error) reject(this.#reasonOf(error))
        else resolve(result.command)
      })
    })
    // Looked at only after the statements behind it.
    answer.catch(() => {})
    return answer
  }

  async commit(): Promise<void> {
    const done = await this.exchange('COMMIT')
    if (done !== 'COMMIT') throw new Error(`the commit became a ${done}`)
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

  /** Takes leave; from a server that does not answer without a reply. */
  async end(): Promise<void> {
    this.hold(true)
    const limit = realClock.after(CLOSE_LIMIT_MS, () => this.destroy('closed'))
    await this.#client.end()
    limit.cancel()
  }

  /** Of all calls that a lost connection leaves without an answer only the first is told why. */
  #reasonOf(error: Error): Error {
    return this.#lost !== undefined && stateOf(error) === '' ? new Error(this.#lost) : error
  }
}

// --- tables ----------------------------------------------------------------------------------------------------------

const ENCODING = { name: 'look_encoding', text: 'SELECT getdatabaseencoding() AS encoding' }
/** Nothing when there is no such table. */
const LOOK = {
  name: 'look_table',
  text: `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, collname AS collation,
    attnotnull AND NOT atthasdef AND attidentity = '' AS needed, array_position(indkey::int2[], attnum) AS key,
    indnkeyatts AS keys
    FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
}
const LOCK_TABLES = { name: 'lock_tables', text: `SELECT pg_advisory_xact_lock(${TABLES_LOCK})` }

interface FoundColumn {
  readonly name: string
  readonly type: string
  readonly collation: string | null
  /** Whether each row must say it. */
  readonly needed: boolean
  /** Its place in the primary key, from 0, of so many. */
  readonly key: number | null
  readonly keys: number | null
}

function definitionOf(name: string, { columns, key }: PostgresTable): string {
  const lines = Object.entries(columns).map(([column, type]) => `${column} ${COLUMNS[type]}`)
  return `CREATE TABLE IF NOT EXISTS ${name} (${lines.join(', ')}, PRIMARY KEY (${key.join(', ')}))`
}

/** Why we cannot use it; undefined when we can. What else an administrator has added does no harm. */
function differenceOf({ columns, key }: PostgresTable, found: readonly FoundColumn[]): string | undefined {
  const there = new Map(found.map((column) => [column.name, column]))
  for (const [name, type] of Object.entries(columns)) {
    const column = there.get(name)
    if (!column) return `it has no column ${name}`
    if (column.type !== type) return `its column ${name} is ${column.type}, and must be ${type}`
    if (type === 'text' && column.collation !== 'C') return `its column ${name} must be COLLATE "C"`
  }
  const alien = found.find(({ name, needed }) => needed && !Object.hasOwn(columns, name))
  if (alien) return `its column ${alien.name} must be set`
  const isKey = found[0]!.keys === key.length && key.every((name, at) => there.get(name)!.key === at)
  return isKey ? undefined : `its primary key must be (${key.join(', ')})`
}

// --- the server ------------------------------------------------------------------------------------------------------

/** How to reach it, and how to speak of it. */
export interface PostgresServer {
  readonly config: pg.ClientConfig
  /** `postgres host:port/database`: what messages name, as the URL has the password in it. */
  readonly where: string
  messageOf(error: unknown): string
  failure(reason: string): StorageError
  failureOf(error: unknown): StorageError | NotStorable
}

/** Throws StorageError when the URL is none. */
export function postgresServer(url: string): PostgresServer {
  const { config, where } = read(url)
  const failure = (reason: string) => new StorageError(`${where}: ${reason}`)
  return {
    config,
    where,
    messageOf: messageOfServer,
    failure,
    failureOf(error) {
      const message = messageOfServer(error)
      return isOfValue(error) ? new NotStorable(`${where} refuses it: ${message}`) : failure(message)
    },
  }
}

function read(url: string): Pick<PostgresServer, 'config' | 'where'> {
  const config: pg.ClientConfig = { connectionString: url, keepAlive: true, fallback_application_name: 'goworld' }
  try {
    const { host, port, database } = new pg.Client(config)
    return { config, where: `postgres ${host}:${port}/${database}` }
  } catch (error) {
    // Not what it says: the text may be quoted in it, with the password.
    const { code } = error as NodeJS.ErrnoException
    throw new StorageError(`postgres: the url cannot be read${code === undefined ? '' : ` (${code})`}`)
  }
}

function messageOfServer(error: unknown): string {
  // Of a name with several addresses, each was tried.
  const first = error instanceof AggregateError ? error.errors[0] : error
  return messageOf(first).replace(/^timeout expired$/, 'no connection in time')
}

// --- text ------------------------------------------------------------------------------------------------------------

// The server's text cannot hold \0. So \0 is kept as \1\1 and \1 as \1\2: no two texts become one, and the order of
// bytes stays as it was.

export function toPostgresText(text: string): string {
  if (!text.includes('\0') && !text.includes('\x01')) return text
  return text.replaceAll('\x01', '\x01\x02').replaceAll('\0', '\x01\x01')
}

export function fromPostgresText(text: string): string {
  if (!text.includes('\x01')) return text
  return text.replaceAll('\x01\x01', '\0').replaceAll('\x01\x02', '\x01')
}
