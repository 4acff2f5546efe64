// Entities in a SQLite file, the default: nothing to install, and any SQLite tool can look into it.
import { StorageError } from '../errors.ts'
import { Row } from '../row.ts'
import type { EntityStorage, ListOptions } from '../storage.ts'
import { checkEntityName, checkListOptions } from '../storage.ts'
import type { SqliteClient } from './client.ts'

const TABLE = `CREATE TABLE IF NOT EXISTS entities
  (type TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
    schema INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0, no INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (type, id)) WITHOUT ROWID`
// A file of before rows had versions.
const COLUMNS = `SELECT name FROM pragma_table_info('entities') WHERE name = 'schema'`
const ADD = ['schema', 'epoch', 'no'].map((name) => `ALTER TABLE entities ADD ${name} INTEGER NOT NULL DEFAULT 0`)
const WRITE = `INSERT INTO entities (type, id, data, schema, epoch, no) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET data = excluded.data, schema = excluded.schema, epoch = excluded.epoch, no = excluded.no
  WHERE (excluded.epoch, excluded.no) >= (epoch, no) RETURNING 1`
const READ = 'SELECT data, schema, epoch, no FROM entities WHERE type = ? AND id = ?'
const EXISTS = 'SELECT 1 FROM entities WHERE type = ? AND id = ?'
// A BLOB, which other tools can put there, is the name of no entity: nobody could read or delete it by that.
const LIST = `SELECT id FROM entities WHERE type = ? AND id > ? AND typeof(id) = 'text' ORDER BY id LIMIT ?`
// Goes from one type to the next, and not over every entity.
const TYPES = `WITH RECURSIVE types(type) AS (SELECT min(type) FROM entities UNION ALL
  SELECT (SELECT min(type) FROM entities WHERE type > types.type) FROM types WHERE types.type IS NOT NULL)
  SELECT type FROM types WHERE typeof(type) = 'text' ORDER BY type`
const DELETE = 'DELETE FROM entities WHERE type = ? AND id = ?'

export class SqliteStorage implements EntityStorage {
  readonly #shared: SqliteClient
  #closed: Promise<void> | undefined

  private constructor(client: SqliteClient) {
    this.#shared = client
  }

  /** Makes the table if need be. The storage closes the client, also when this fails. */
  static async open(client: SqliteClient): Promise<SqliteStorage> {
    if (client.finds(COLUMNS)) return new SqliteStorage(client)
    try {
      await client.write({ sql: TABLE, parameters: [] })
      await addColumns(client)
    } catch (error) {
      await client.close()
      throw error
    }
    return new SqliteStorage(client)
  }

  async write(type: string, id: string, { text, schema, epoch, no }: Row): Promise<boolean> {
    checkEntityName(type, id)
    const [written] = await this.#client.write({ sql: WRITE, parameters: [type, id, text, schema, epoch, no] })
    return written!.length > 0
  }

  async read(type: string, id: string): Promise<Row | undefined> {
    checkEntityName(type, id)
    const [row] = await this.#client.read(READ, type, id)
    if (!row) return undefined
    const [schema, epoch, no] = [row['schema'], row['epoch'], row['no']] as number[]
    return Row.stored(row['data'] as string, { schema: schema!, epoch: epoch!, no: no! }, `${type} ${id}`)
  }

  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    return (await this.#client.read(EXISTS, type, id)).length > 0
  }

  async list(type: string, options: ListOptions = {}): Promise<string[]> {
    const { after, limit } = checkListOptions(type, options)
    return (await this.#client.read(LIST, type, after, limit)).map((row) => row['id'] as string)
  }

  async types(): Promise<string[]> {
    return (await this.#client.read(TYPES)).map((row) => row['type'] as string)
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

async function addColumns(client: SqliteClient): Promise<void> {
  const there = async () => (await client.read(COLUMNS)).length > 0
  if (await there()) return
  try {
    await client.write(...ADD.map((sql) => ({ sql, parameters: [] })))
  } catch (error) {
    // Another game that starts was faster.
    if (!(await there())) throw error
  }
}
