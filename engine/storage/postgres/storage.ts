// Entities in a PostgreSQL database: `data` is JSON, so that SQL can look into what was saved.
import type { StorageOptions } from '../backends.ts'
import { StorageError } from '../errors.ts'
import { Row } from '../row.ts'
import type { EntityStorage, ListOptions } from '../storage.ts'
import { checkEntityName, checkListOptions } from '../storage.ts'
import { fromPostgresText, PostgresClient, type PostgresTable, toPostgresText } from './client.ts'

// json and not jsonb: it keeps the text as it was, and takes \u0000 and halves of surrogate pairs (into a document with
// one of these, though, PostgreSQL's own JSON functions cannot look).
const TABLE: PostgresTable = {
  columns: { type: 'text', id: 'text', data: 'json', schema: 'bigint', epoch: 'bigint', no: 'bigint' },
  key: ['type', 'id'],
}
const WRITE = {
  name: 'entity_write',
  text: `INSERT INTO entities (type, id, data, schema, epoch, no) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (type, id) DO UPDATE
    SET data = excluded.data, schema = excluded.schema, epoch = excluded.epoch, no = excluded.no
    WHERE (excluded.epoch, excluded.no) >= (entities.epoch, entities.no) RETURNING 1`,
}
const READ = {
  name: 'entity_read',
  text: 'SELECT data::text AS data, schema, epoch, no FROM entities WHERE type = $1 AND id = $2',
}
const EXISTS = { name: 'entity_exists', text: 'SELECT 1 FROM entities WHERE type = $1 AND id = $2' }
const LIST = {
  name: 'entity_list',
  text: 'SELECT id FROM entities WHERE type = $1 AND id > $2 ORDER BY id LIMIT $3::bigint',
}
// Goes from one type to the next, and not over every entity.
const TYPES = {
  name: 'entity_types',
  text: `WITH RECURSIVE types(type) AS (SELECT min(type) FROM entities UNION ALL
    SELECT (SELECT min(type) FROM entities WHERE type > types.type) FROM types WHERE types.type IS NOT NULL)
    SELECT type FROM types WHERE type IS NOT NULL`,
}
const DELETE = { name: 'entity_delete', text: 'DELETE FROM entities WHERE type = $1 AND id = $2' }

/** Connections of each game: while one waits for its commit, the other sends. */
const LANES = 2

/** Rejects with StorageError when the server is not there, has no such database, or one with another `entities`. */
export async function openPostgresStorage({ url, log }: StorageOptions): Promise<EntityStorage> {
  return new PostgresStorage(await PostgresClient.open({ url, log, lanes: LANES, tables: { entities: TABLE } }))
}

class PostgresStorage implements EntityStorage {
  readonly #open: PostgresClient
  #closed: Promise<void> | undefined

  constructor(client: PostgresClient) {
    this.#open = client
  }

  async write(type: string, id: string, { text, schema, epoch, no }: Row): Promise<boolean> {
    checkEntityName(type, id)
    const values = [toPostgresText(type), toPostgresText(id), text, schema, epoch, no]
    const [written] = await this.#client.write(keyOf(type, id), [{ statement: WRITE, values }])
    return written!.length > 0
  }

  async read(type: string, id: string): Promise<Row | undefined> {
    checkEntityName(type, id)
    const [row] = await this.#client.read(keyOf(type, id), READ, toPostgresText(type), toPostgresText(id))
    if (!row) return undefined
    const head = { schema: Number(row['schema']), epoch: Number(row['epoch']), no: Number(row['no']) }
    return Row.stored(row['data'] as string, head, `${type} ${id}`)
  }

  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    return (await this.#client.read(keyOf(type, id), EXISTS, toPostgresText(type), toPostgresText(id))).length > 0
  }

  async list(type: string, options: ListOptions = {}): Promise<string[]> {
    const { after, limit } = checkListOptions(type, options)
    const rows = await this.#client.read(undefined, LIST, toPostgresText(type), toPostgresText(after), limit)
    return rows.map((row) => fromPostgresText(row['id'] as string))
  }

  async types(): Promise<string[]> {
    return (await this.#client.read(undefined, TYPES)).map((row) => fromPostgresText(row['type'] as string))
  }

  async delete(type: string, id: string): Promise<void> {
    checkEntityName(type, id)
    const values = [toPostgresText(type), toPostgresText(id)]
    await this.#client.write(keyOf(type, id), [{ statement: DELETE, values }])
  }

  close(): Promise<void> {
    this.#closed ??= this.#open.close()
    return this.#closed
  }

  get #client(): PostgresClient {
    if (this.#closed) throw new StorageError('the storage is closed')
    return this.#open
  }
}

/** One for each row: rows of one key would be locked in the order of the calls. */
const keyOf = (type: string, id: string) => `${type.length} ${type}${id}`
