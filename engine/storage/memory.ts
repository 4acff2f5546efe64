// Entities in memory, gone when the process stops: for tests, for simulations and for a first look.
import { StorageError } from './errors.ts'
import { compareKeys } from './key.ts'
import { OrderedMap } from './ordered-map.ts'
import { isEarlier, type Row } from './row.ts'
import type { EntityStorage, ListOptions } from './storage.ts'
import { checkEntityName, checkListOptions } from './storage.ts'

export class MemoryStorage implements EntityStorage {
  /** By type and id. */
  readonly #types = new Map<string, OrderedMap<Row>>()
  #closed = false

  async write(type: string, id: string, row: Row): Promise<boolean> {
    checkEntityName(type, id)
    const entities = this.#entities(type) ?? new OrderedMap<Row>()
    const before = entities.get(id)
    if (before && isEarlier(row, before)) return false
    entities.set(id, row)
    this.#types.set(type, entities)
    return true
  }

  async read(type: string, id: string): Promise<Row | undefined> {
    checkEntityName(type, id)
    return this.#entities(type)?.get(id)
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

  async types(): Promise<string[]> {
    this.#requireOpen()
    return [...this.#types.keys()].filter((type) => this.#types.get(type)!.size > 0).sort(compareKeys)
  }

  async delete(type: string, id: string): Promise<void> {
    checkEntityName(type, id)
    this.#entities(type)?.delete(id)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#types.clear()
  }

  #requireOpen(): void {
    if (this.#closed) throw new StorageError('the storage is closed')
  }

  #entities(type: string): OrderedMap<Row> | undefined {
    this.#requireOpen()
    return this.#types.get(type)
  }
}
