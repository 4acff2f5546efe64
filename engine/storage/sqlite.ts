// Entities in a SQLite file, the default: nothing to install, and any SQLite tool can look into it.
import { decodeDocument, encodeDocument } from './document.ts'
import { StorageError } from './errors.ts'
import type { SqliteClient } from './sqlite-client.ts'
import type { Document, EntityStorage, ListOptions } from './storage.ts'
import { checkEntityName, checkListOptions } from './storage.ts'

const TABLE = `CREATE TABLE IF NOT EXISTS entities
  (type TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (type, id)) WITHOUT ROWID`
const WRITE = 'INSERT INTO entities VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data'
const READ = 'SELECT data FROM entities WHERE type = ? AND id = ?'
const EXISTS = 'SELECT 1 FROM entities WHERE type = ? AND id = ?'
const LIST = 'SELECT id FROM entities WHERE type = ? AND id > ? ORDER BY id LIMIT ?'
const DELETE = 'DELETE FROM entities WHERE type = ? AND id = ?'

export class SqliteStorage implements EntityStorage {
  readonly #shared: SqliteClient
  #closed: Promise<void> | undefined

  private constructor(client: SqliteClient) {
    this.#shared = client
  }

  /** Makes the table if need be. The storage closes the client, also when this fails. */
  static async open(client: SqliteClient): Promise<SqliteStorage> {
    try {
      await client.write({ sql: TABLE, parameters: [] })
    } catch (error) {
      await client.close()
      throw error
    }
    return new SqliteStorage(client)
  }

  async write(type: string, id: string, data: Document): Promise<void> {
    checkEntityName(type, id)
    await this.#client.write({ sql: WRITE, parameters: [type, id, encodeDocument(data)] })
  }

  async read(type: string, id: string): Promise<Document | undefined> {
    checkEntityName(type, id)
    const [row] = await this.#client.read(READ, type, id)
    return row && decodeDocument(row['data'], `${type} ${id}`)
  }

  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    return (await this.#client.read(EXISTS, type, id)).length > 0
  }

  async list(type: string, options: ListOptions = {}): Promise<string[]> {
    const { after, limit } = checkListOptions(type, options)
    return (await this.#client.read(LIST, type, after, limit)).map((row) => row['id'] as string)
  }

  async delete(type: string, id: string): Promise<void> {
    checkEntityName(type, id)
    await this.#client.write({ sql: DELETE, parameters: [type, id] })
  }

  close(): Promise<void> {
    this.#closed ??= this.#shared.close()
    return this.#closed
  }

  /** The client may live on for others when this storage is closed. */
  get #client(): SqliteClient {
    if (this.#closed) throw new StorageError('the storage is closed')
    return this.#shared
  }
}
