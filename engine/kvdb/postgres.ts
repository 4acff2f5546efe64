// Keys and values in a PostgreSQL database, which may be that of the entities. Several games may share it.
import { StorageError } from '../storage/errors.ts'
import { fromPostgresText, PostgresClient, type PostgresTable, toPostgresText } from '../storage/postgres/client.ts'
import { checkLimit } from '../storage/storage.ts'
import type { KvdbOptions } from './backends.ts'
import type { KeyValue, KeyValueStore } from './kvdb.ts'
import { checkKey, checkRange, checkValue } from './kvdb.ts'

// One table for all collections: a collection's name is data, so it may be any.
const TABLE: PostgresTable = {
  columns: { collection: 'text', key: 'text', value: 'text' },
  key: ['collection', 'key'],
}
const GET = { name: 'kv_get', text: 'SELECT value FROM kv WHERE collection = $1 AND key = $2' }
const PUT = {
  name: 'kv_put',
  text: `INSERT INTO kv (collection, key, value) VALUES ($1, $2, $3)
    ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value`,
}
const PUT_NEW = {
  name: 'kv_put_new',
  text: 'INSERT INTO kv (collection, key, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1',
}
const CHANGE = {
  name: 'kv_change',
  text: 'UPDATE kv SET value = $3 WHERE collection = $1 AND key = $2 AND value = $4 RETURNING 1',
}
const DELETE = { name: 'kv_delete', text: 'DELETE FROM kv WHERE collection = $1 AND key = $2' }
const RANGE = {
  name: 'kv_range',
  text: `SELECT key, value FROM kv WHERE collection = $1 AND key >= $2 AND key < $3
    ORDER BY key LIMIT $4::bigint`,
}

/** What a game puts is seen in the order of its calls, whatever their keys: they go one way. */
const LANES = 1

/** Rejects with StorageError when the server is not there, has no such database, or one with another `kv`. */
export async function openPostgresKvdb({ url, log, collection }: KvdbOptions): Promise<KeyValueStore> {
  const client = await PostgresClient.open({ url, log, lanes: LANES, tables: { kv: TABLE } })
  return new PostgresKvdb(client, toPostgresText(collection))
}

class PostgresKvdb implements KeyValueStore {
  readonly #open: PostgresClient
  readonly #collection: string
  #closed: Promise<void> | undefined

  constructor(client: PostgresClient, collection: string) {
    this.#open = client
    this.#collection = collection
  }

  async get(key: string): Promise<string | undefined> {
    checkKey(key)
    const [row] = await this.#client.read(key, GET, this.#collection, toPostgresText(key))
    return row && fromPostgresText(row['value'] as string)
  }

  async put(key: string, value: string): Promise<void> {
    checkKey(key)
    checkValue(value)
    await this.#client.write(key, [{ statement: PUT, values: this.#texts(key, value) }])
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#client.write(key, [{ statement: DELETE, values: this.#texts(key) }])
  }

  async getOrPut(key: string, value: string): Promise<string | undefined> {
    checkKey(key)
    checkValue(value)
    const calls = [
      { statement: PUT_NEW, values: this.#texts(key, value) },
      { statement: GET, values: this.#texts(key) },
    ]
    // Neither put nor there: somebody deleted it between the two, and both are made again.
    const [put, there] = await this.#client.write(key, calls, (rows) => rows[0]!.length + rows[1]!.length > 0)
    return put!.length > 0 ? undefined : fromPostgresText(there![0]!['value'] as string)
  }

  async getRange(begin: string, end: string, limit = Number.MAX_SAFE_INTEGER): Promise<KeyValue[]> {
    checkRange(begin, end)
    checkLimit(limit)
    const rows = await this.#client.read({ begin, end }, RANGE, ...this.#texts(begin, end), limit)
    return rows.map((row) => ({
      key: fromPostgresText(row['key'] as string),
      value: fromPostgresText(row['value'] as string),
    }))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean> {
    checkKey(key)
    if (expected !== undefined) checkValue(expected)
    checkValue(value)
    const call =
      expected === undefined
        ? { statement: PUT_NEW, values: this.#texts(key, value) }
        : { statement: CHANGE, values: this.#texts(key, value, expected) }
    const [put] = await this.#client.write(key, [call])
    return put!.length > 0
  }

  close(): Promise<void> {
    this.#closed ??= this.#open.close()
    return this.#closed
  }

  #texts(...texts: string[]): string[] {
    return [this.#collection, ...texts.map(toPostgresText)]
  }

  get #client(): PostgresClient {
    if (this.#closed) throw new StorageError('the key-value store is closed')
    return this.#open
  }
}
