// Keys and values in a SQLite file, which may be that of the entities. Several processes may share it.
import { StorageError } from '../storage/errors.ts'
import type { SqliteClient } from '../storage/sqlite/client.ts'
import { checkLimit } from '../storage/storage.ts'
import type { KeyValue, KeyValueStore } from './kvdb.ts'
import { checkKey, checkRange, checkValue } from './kvdb.ts'

// One table for all collections: a collection's name is data, so it may be any.
const TABLE = `CREATE TABLE IF NOT EXISTS kv
  (collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (collection, key)) WITHOUT ROWID`
const THERE = `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'kv'`
const GET = 'SELECT value FROM kv WHERE collection = ? AND key = ?'
const PUT = 'INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value'
const PUT_NEW = 'INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1'
const CHANGE = 'UPDATE kv SET value = ? WHERE collection = ? AND key = ? AND value = ? RETURNING 1'
const DELETE = 'DELETE FROM kv WHERE collection = ? AND key = ?'
const RANGE = 'SELECT key, value FROM kv WHERE collection = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?'

export class SqliteKvdb implements KeyValueStore {
  readonly #shared: SqliteClient
  readonly #collection: string
  #closed: Promise<void> | undefined

  private constructor(client: SqliteClient, collection: string) {
    this.#shared = client
    this.#collection = collection
  }

  /** Makes the table if need be. The store closes the client, also when this fails. */
  static async open(client: SqliteClient, collection: string): Promise<SqliteKvdb> {
    if (client.finds(THERE)) return new SqliteKvdb(client, collection)
    try {
      await client.write({ sql: TABLE, parameters: [] })
    } catch (error) {
      await client.close()
      throw error
    }
    return new SqliteKvdb(client, collection)
  }

  async get(key: string): Promise<string | undefined> {
    checkKey(key)
    const [row] = await this.#client.read(GET, this.#collection, key)
    return row?.['value'] as string | undefined
  }

  async put(key: string, value: string): Promise<void> {
    checkKey(key)
    checkValue(value)
    await this.#client.write({ sql: PUT, parameters: [this.#collection, key, value] })
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#client.write({ sql: DELETE, parameters: [this.#collection, key] })
  }

  async getOrPut(key: string, value: string): Promise<string | undefined> {
    checkKey(key)
    checkValue(value)
    const [put, there] = await this.#client.write(
      { sql: PUT_NEW, parameters: [this.#collection, key, value] },
      { sql: GET, parameters: [this.#collection, key] },
    )
    return put!.length > 0 ? undefined : (there![0]!['value'] as string)
  }

  async getRange(begin: string, end: string, limit = Number.MAX_SAFE_INTEGER): Promise<KeyValue[]> {
    checkRange(begin, end)
    checkLimit(limit)
    const rows = await this.#client.read(RANGE, this.#collection, begin, end, limit)
    return rows as unknown as KeyValue[]
  }

  async compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean> {
    checkKey(key)
    if (expected !== undefined) checkValue(expected)
    checkValue(value)
    const statement =
      expected === undefined
        ? { sql: PUT_NEW, parameters: [this.#collection, key, value] }
        : { sql: CHANGE, parameters: [value, this.#collection, key, expected] }
    const [put] = await this.#client.write(statement)
    return put!.length > 0
  }

  close(): Promise<void> {
    this.#closed ??= this.#shared.close()
    return this.#closed
  }

  /** The client may live on for others when this store is closed. */
  get #client(): SqliteClient {
    if (this.#closed) throw new StorageError('the key-value store is closed')
    return this.#shared
  }
}
