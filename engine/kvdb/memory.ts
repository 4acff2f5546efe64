// Keys and values in memory, gone when the process stops: for tests, for simulations and for a first look.
import { StorageError } from '../storage/errors.ts'
import { OrderedMap } from '../storage/ordered-map.ts'
import { checkLimit } from '../storage/storage.ts'
import type { KeyValue, KeyValueStore } from './kvdb.ts'
import { checkKey, checkRange, checkValue } from './kvdb.ts'

export class MemoryKvdb implements KeyValueStore {
  readonly #stored = new OrderedMap<string>()
  #closed = false

  async get(key: string): Promise<string | undefined> {
    checkKey(key)
    return this.#values.get(key)
  }

  async put(key: string, value: string): Promise<void> {
    checkKey(key)
    checkValue(value)
    this.#values.set(key, value)
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    this.#values.delete(key)
  }

  async getOrPut(key: string, value: string): Promise<string | undefined> {
    checkKey(key)
    checkValue(value)
    const before = this.#values.get(key)
    if (before === undefined) this.#values.set(key, value)
    return before
  }

  async getRange(begin: string, end: string, limit = Number.MAX_SAFE_INTEGER): Promise<KeyValue[]> {
    checkRange(begin, end)
    checkLimit(limit)
    const values = this.#values
    return values.keys(begin, end, limit).map((key) => ({ key, value: values.get(key)! }))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean> {
    checkKey(key)
    if (expected !== undefined) checkValue(expected)
    checkValue(value)
    const same = this.#values.get(key) === expected
    if (same) this.#values.set(key, value)
    return same
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  get #values(): OrderedMap<string> {
    if (this.#closed) throw new StorageError('the key-value store is closed')
    return this.#stored
  }
}
