// The entities of one type: a collection with a document for each.
//
//     { _id: 'WK1zIcLjTnKZ…', data: { name: 'Ann', level: 3 }, v: { epoch: 7, no: 42, schema: 1 } }
//
// GoWorld writes the same without `v`, which is version 0 of class and of save. For `type` see names.ts.
import type { Collection } from 'mongodb'
import { BSON } from 'mongodb'
import { messageOf } from '../../base/errors.ts'
import { NotStorable, StorageError } from '../errors.ts'
import { isEarlier, Row, type RowHead } from '../row.ts'
import { Batches, SMALL_CHARACTERS_MAX } from './batches.ts'
import { BSON_BYTES_MAX, isDuplicate } from './client.ts'
import type { BsonMap } from './document.ts'
import { fromBson, READ_OPTIONS, toBson } from './document.ts'
import type { SoleUse } from './sole-use.ts'

export interface StoredEntity {
  readonly _id: string
  readonly data: BsonMap
  /** In this order: epoch, no, schema. */
  readonly v?: Partial<RowHead>
  readonly type?: string
}

/** How often a write tries anew because others wrote or deleted the same entity at that moment. */
const TRIES_MAX = 10
/** What a driver asks a server for in one go. */
const PAGE_IDS_MAX = 10_000

export class MongodbEntities {
  readonly #collection: Collection<StoredEntity>
  /** Added to each document. */
  readonly #marks: { readonly type?: string }
  readonly #name: string
  readonly #batches: Batches<StoredEntity>
  readonly #soleUse: SoleUse

  constructor(type: string, collection: Collection<StoredEntity>, isNameHashed: boolean, soleUse: SoleUse) {
    this.#collection = collection
    this.#marks = isNameHashed ? { type } : {}
    this.#name = type
    this.#batches = new Batches(collection, false)
    this.#soleUse = soleUse
  }

  /** Like all of this: to be called for one id when the call before is over. */
  async write(id: string, row: Row): Promise<boolean> {
    const { schema, epoch, no } = row
    const document: StoredEntity = { _id: id, data: toBson(row.data), v: { epoch, no, schema }, ...this.#marks }
    const isSmall = row.text.length <= SMALL_CHARACTERS_MAX
    if (!isSmall) checkSize(document)
    await this.#soleUse.check()
    // MongoDB compares objects field by field, in their order: what is not from the next save on, or has no `v`.
    const filter = { _id: id, v: { $not: { $gte: { epoch: row.epoch, no: row.no + 1 } } } }
    for (let tries = 1; ; tries++) {
      try {
        if (isSmall) await this.#batches.send({ replaceOne: { filter, replacement: document, upsert: true } })
        else await this.#collection.replaceOne(filter, document, { upsert: true })
        return true
      } catch (error) {
        // There is one that the filter does not let through, so the server wanted to add another of its id; or
        // somebody else added one at this moment, which may be an earlier save.
        if (!isDuplicate(error)) throw error
        const there = await this.#collection.findOne({ _id: id }, { projection: { v: 1 } })
        if (there && isEarlier(row, headOf(there))) return false
        if (tries === TRIES_MAX) throw error
      }
    }
  }

  async read(id: string): Promise<Row | undefined> {
    await this.#soleUse.check()
    try {
      const stored = await this.#collection.findOne({ _id: id }, READ_OPTIONS)
      return stored ? Row.of(fromBson(stored.data, stored.v ? 'us' : 'goworld'), headOf(stored)) : undefined
    } catch (error) {
      // The driver refuses strings that are no UTF-8, which Go can write.
      if (!(error instanceof NotStorable || error instanceof BSON.BSONError || error instanceof SyntaxError))
        throw error
      throw new StorageError(`what is stored as ${this.#name} ${id} cannot be read: ${messageOf(error)}`)
    }
  }

  async exists(id: string): Promise<boolean> {
    await this.#soleUse.check()
    return (await this.#collection.findOne({ _id: id }, { projection: { _id: 1 } })) !== null
  }

  async list(after: string, limit: number): Promise<string[]> {
    await this.#soleUse.check()
    const ids: string[] = []
    // In parts: a limit in BSON has 32 bits.
    while (ids.length < limit) {
      const part = Math.min(limit - ids.length, PAGE_IDS_MAX)
      const behind = { _id: { $gt: ids.at(-1) ?? after } }
      const options = { projection: { _id: 1 }, sort: { _id: 1 }, limit: part, batchSize: part } as const
      const found = await this.#collection.find(behind, options).toArray()
      for (const { _id } of found) ids.push(_id)
      if (found.length < part) break
    }
    return ids
  }

  async delete(id: string): Promise<void> {
    await this.#soleUse.check()
    return this.#batches.send({ deleteOne: { filter: { _id: id } } })
  }
}

function headOf({ v = {} }: Pick<StoredEntity, 'v'>): RowHead {
  const { schema = 0, epoch = 0, no = 0 } = v
  return { schema: Number(schema), epoch: Number(epoch), no: Number(no) }
}

function checkSize(document: StoredEntity): void {
  const bytes = BSON.calculateObjectSize(document)
  if (bytes > BSON_BYTES_MAX) {
    throw new NotStorable(`the document has ${bytes} bytes as BSON, and MongoDB takes ${BSON_BYTES_MAX}`)
  }
}
