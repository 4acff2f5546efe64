// Entities in memory, gone when the process stops: for tests, for simulations and for a first look.
import { decodeDocument, encodeDocument } from './document.ts'
import { StorageError } from './errors.ts'
import { OrderedMap } from './ordered-map.ts'
import type { Document, EntityStorage, ListOptions } from './storage.ts'
import { checkEntityName, checkListOptions } from './storage.ts'

export class MemoryStorage implements EntityStorage {
  /** By type and id. Kept as text, like on a disk: nobody can change what was saved by changing what they saved. */
  readonly #types = new Map<string, OrderedMap<string>>()
  #closed = false

  async write(type: string, id: string, data: Document): Promise<void> {
    checkEntityName(type, id)
    const text = encodeDocument(data)
    const entities = this.#entities(type) ?? new OrderedMap<string>()
    entities.set(id, text)
    this.#types.set(type, entities)
  }

  async read(type: string, id: string): Promise<Document | undefined> {
    checkEntityName(type, id)
    const text = this.#entities(type)?.get(id)
    return text === undefined ? undefined : decodeDocument(text, `${type} ${id}`)
  }

  async exists(type: string, id: string): Promise<boolean> {
    checkEntityName(type, id)
    return this.#entities(type)?.has(id) ?? false
  }

  async list(type: string, options: ListOptions = {}): Promise<string[]> {
    const { after, limit } = checkListOptions(type, options)
    // The least string behind `after` is the one with a NUL more.
    return this.#entities(type)?.keys(after && `${after}\0`, undefined, limit) ?? []
  }

  async delete(type: string, id: string): Promise<void> {
    checkEntityName(type, id)
    this.#entities(type)?.delete(id)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#types.clear()
  }

  #entities(type: string): OrderedMap<string> | undefined {
    if (this.#closed) throw new StorageError('the storage is closed')
    return this.#types.get(type)
  }
}
