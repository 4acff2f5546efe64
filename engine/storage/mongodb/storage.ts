// Entities in MongoDB, in the collections and documents of GoWorld: see entities.ts and document.ts.
import type { StorageOptions } from '../backends.ts'
import { compareKeys } from '../key.ts'
import type { Row } from '../row.ts'
import type { EntityStorage, ListOptions } from '../storage.ts'
import { checkEntityName, checkListOptions } from '../storage.ts'
import { MongodbClient } from './client.ts'
import { MongodbEntities, type StoredEntity } from './entities.ts'
import { collectionOfType, typeOfCollection } from './names.ts'
import { SoleUse } from './sole-use.ts'

/** Rejects with StorageError, within some seconds, when there is no server at the URL. */
export async function openMongodbStorage(options: StorageOptions): Promise<EntityStorage> {
  return new MongodbStorage(await MongodbClient.open(options))
}

class MongodbStorage implements EntityStorage {
  readonly #client: MongodbClient
  readonly #types = new Map<string, MongodbEntities>()

  constructor(client: MongodbClient) {
    this.#client = client
  }

  async write(type: string, id: string, row: Row): Promise<boolean> {
    checkEntityName(type, id)
    return this.#client.run(placeOf(type, id), row.text.length, () => this.#entities(type).write(id, row))
  }

  async read(type: string, id: string): Promise<Row | undefined> {
    checkEntityName(type, id)
    return this.#client.run(placeOf(type, id), 0, () => this.#entities(type).read(id))
  }

  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    return this.#client.run(placeOf(type, id), 0, () => this.#entities(type).exists(id))
  }

  async list(type: string, options: ListOptions = {}): Promise<string[]> {
    const { after, limit } = checkListOptions(type, options)
    return this.#client.run(undefined, 0, () => this.#entities(type).list(after, limit))
  }

  types(): Promise<string[]> {
    return this.#client.run(undefined, 0, async () => {
      const names = await this.#client.collectionNames()
      const types = await Promise.all(names.map((name) => this.#typeOf(name)))
      return types.filter((type) => type !== undefined).sort(compareKeys)
    })
  }

  /** Undefined when the collection is empty, or is not of entities: one document tells. */
  async #typeOf(name: string): Promise<string | undefined> {
    const named = typeOfCollection(name)
    if (!named) return undefined
    const collection = this.#client.collection<StoredEntity>(name)
    // No more of `data` than whether it is an object.
    const one = await collection.findOne({}, { projection: { type: 1, 'data.%': 1 } })
    if (!one?.data || typeof one._id !== 'string') return undefined
    return named === 'hashed' ? one.type : named.type
  }

  async delete(type: string, id: string): Promise<void> {
    checkEntityName(type, id)
    return this.#client.run(placeOf(type, id), 0, () => this.#entities(type).delete(id))
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #entities(type: string): MongodbEntities {
    let entities = this.#types.get(type)
    if (!entities) {
      const { name, isHashed } = collectionOfType(type)
      const soleUse = new SoleUse(this.#client, name, 'entities')
      entities = new MongodbEntities(type, this.#client.collection(name), isHashed, soleUse)
      this.#types.set(type, entities)
    }
    return entities
  }
}

const placeOf = (type: string, id: string) => `${type.length} ${type}${id}`
