// A connection to a MongoDB server, of the entities or of the keys and values: how it is opened, how long it waits,
// and what its errors become.
//
// Calls that meet (call-order.ts) go one after the other. One that takes long to fail takes those behind it along: so
// a server that hangs costs each call some seconds, however many wait for each other, and `close` no more.
//
// What is acknowledged is on the disks of the majority of the servers, unless the URL says less (w=1, journal=false).
// What rejects was not done, or nobody knows: the answer may have been lost on its way.
import type { Collection, Db, MongoClientOptions } from 'mongodb'
import { MongoClient } from 'mongodb'
import { realClock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { StoreOptions } from '../backends.ts'
import { CallOrder, type Place, type Turn } from '../call-order.ts'
import { NotStorable, StorageError } from '../errors.ts'

/** GoWorld's. */
const DATABASE = 'goworld'

/**
 * For what the URL does not say. A server that is away costs a call 5 s. One that hangs costs it 5 to 7 s: it is asked
 * every second whether it is there. One that is there, and never answers this call, costs 30 s.
 */
const DEFAULTS = {
  appName: 'goworld',
  serverSelectionTimeoutMS: 5000,
  connectTimeoutMS: 5000,
  heartbeatFrequencyMS: 1000,
  socketTimeoutMS: 30_000,
  waitQueueTimeoutMS: 30_000,
  maxPoolSize: 16,
  // Standalone and compatible servers have none.
  retryWrites: false,
  // It would cost all of this once more.
  retryReads: false,
  w: 'majority',
  journal: true,
  wtimeoutMS: 10_000,
} satisfies MongoClientOptions

/**
 * Calls that wait for a stuck server are held in memory: beyond this many characters of them, new ones are refused.
 * Each counts for a few more than it has, so that small ones are limited too.
 */
const WAITING_CHARACTERS_MAX = 256 * 1024 * 1024
const CALL_CHARACTERS = 500

/** What failed sooner says nothing of those behind it. */
const LONG_MS = 2000
const CLOSE_LIMIT_MS = 1000

/** Of a document, by BSON. */
export const BSON_BYTES_MAX = 16 * 1024 * 1024

const DUPLICATE_KEY = 11000
// BSONObjectTooLarge, and what updates say instead.
const TOO_LARGE_CODES: readonly unknown[] = [10334, 17419, 17420]

/** Whether another writer was faster with a document of this id. */
export const isDuplicate = (error: unknown): boolean => codeOf(error) === DUPLICATE_KEY

/** Whether what has failed since then takes along those that waited for it: they would wait for the sum of it. */
export const tookLong = (sinceMs: number): boolean => realClock.now() - sinceMs > LONG_MS

/** Why those were not sent. */
export const notSent = (): Error => new Error('no answer to those before')

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code

export class MongodbClient {
  readonly #client: MongoClient
  readonly #database: Db
  readonly #name: string
  readonly #order = new CallOrder()
  #waitingCharacters = 0
  readonly #calls = new Set<Promise<unknown>>()
  #closed: Promise<void> | undefined

  private constructor(client: MongoClient, database: string) {
    this.#client = client
    this.#database = client.db(database)
    const { srvHost, hosts, writeConcern } = client.options
    this.#name = `mongodb ${srvHost ?? hosts.join()}`
    if (writeConcern?.w === 0) throw new Error('w=0 acknowledges nothing')
  }

  /** Rejects with StorageError when the URL is none, or no server answers within some seconds. */
  static async open(options: StoreOptions): Promise<MongodbClient> {
    const client = MongodbClient.#parse(options)
    try {
      await client.#client.connect()
      // Needs an account where the server has some; a ping would not.
      await client.collectionNames()
      return client
    } catch (error) {
      await client.#client.close()
      throw client.#errorOf(error)
    }
  }

  static #parse({ url, db }: StoreOptions): MongodbClient {
    const query = new URLSearchParams(url.split('?')[1])
    const said = new Set([...query.keys()].map((key) => key.toLowerCase()))
    const unsaid = Object.entries(DEFAULTS).filter(([key]) => !said.has(key.toLowerCase()))
    try {
      return new MongodbClient(new MongoClient(url, Object.fromEntries(unsaid)), db || databaseOf(url) || DATABASE)
    } catch (error) {
      throw new StorageError(`mongodb: the settings url and db: ${withoutSecrets(messageOf(error), url)}`)
    }
  }

  collection<Schema extends { _id: string }>(name: string): Collection<Schema> {
    return this.#database.collection(name, { readPreference: 'primary' })
  }

  async collectionNames(): Promise<string[]> {
    const collections = this.#database.listCollections({}, { nameOnly: true, authorizedCollections: true })
    return (await collections.toArray()).map(({ name }) => name)
  }

  /**
   * Does what `close` waits for, when the calls before it at this place are over; rejects with StorageError or
   * NotStorable. `characters` are held in memory meanwhile.
   */
  async run<Result>(place: Place | undefined, characters: number, call: () => Promise<Result>): Promise<Result> {
    if (this.#closed) throw new StorageError(`${this.#name}: is closed`)
    if (this.#waitingCharacters > WAITING_CHARACTERS_MAX) {
      throw new StorageError(`${this.#name}: too many requests wait for the server`)
    }
    this.#waitingCharacters += characters + CALL_CHARACTERS
    const done = inTurn(place === undefined ? undefined : this.#order.enter(place), call)
    this.#calls.add(done)
    try {
      return await done
    } catch (error) {
      throw this.#errorOf(error)
    } finally {
      this.#calls.delete(done)
      this.#waitingCharacters -= characters + CALL_CHARACTERS
    }
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#calls).then(() => this.#end())
    return this.#closed
  }

  /** Takes leave; of a server that does not answer without a reply. */
  async #end(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const limit = realClock.after(CLOSE_LIMIT_MS, resolve)
    await Promise.race([this.#client.close(), late])
    limit.cancel()
  }

  #errorOf(error: unknown): Error {
    if (error instanceof StorageError || error instanceof NotStorable) return error
    // What a bulk says of one of its writes is no Error.
    const message = (error as { errmsg?: string } | null)?.errmsg ?? messageOf(error)
    const text = `${this.#name}: ${message}`
    return TOO_LARGE_CODES.includes(codeOf(error)) ? new NotStorable(text) : new StorageError(text)
  }
}

async function inTurn<Result>(turn: Turn | undefined, call: () => Promise<Result>): Promise<Result> {
  let goesOn = true
  try {
    if (turn?.come && !(await turn.come)) {
      goesOn = false
      throw notSent()
    }
    const sinceMs = realClock.now()
    return await call().catch((error) => {
      goesOn = !tookLong(sinceMs)
      throw error
    })
  } finally {
    turn?.leave(goesOn)
  }
}

/** What the URL says behind its hosts. */
const databaseOf = (url: string) => decodeURIComponent(/^[^:]+:\/\/[^/]*\/([^?]*)/.exec(url)?.[1] ?? '')

/** The driver quotes what it cannot read, and that may be a piece of a password which was not written as in a URL. */
function withoutSecrets(message: string, url: string): string {
  const secrets = /\/\/(.*)@/.exec(url)?.[1]?.split(/[:@/?#]/) ?? []
  const isSecret = secrets.some((secret) => secret !== '' && message.includes(secret))
  return isSecret ? 'it is none; are user and password written with %40 for @ and the like?' : message
}
