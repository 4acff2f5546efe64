// The key-value store of the game code: the interface that every backend implements (test/engine/kvdb/conformance.ts).
import { checkText } from '../storage/key.ts'

export interface KeyValue {
  readonly key: string
  readonly value: string
}

/**
 * Keys are strings of 1 to 1024 bytes of UTF-8, values are strings; others are refused with NotStorable. All methods
 * reject with StorageError when the store fails. Calls of one process for one key take effect in the order
 * they were made in.
 */
export interface KeyValueStore {
  /** Undefined when there is none. */
  get(key: string): Promise<string | undefined>
  put(key: string, value: string): Promise<void>
  /** Nothing happens when there is none. */
  delete(key: string): Promise<void>
  /** Puts unless there is a value already, as one step. Resolves to the value that was there: undefined when it put. */
  getOrPut(key: string, value: string): Promise<string | undefined>
  /** Those with begin <= key < end, in byte order of UTF-8: at most `limit`, all unless told. */
  getRange(begin: string, end: string, limit?: number): Promise<KeyValue[]>
  /** Puts if the value is `expected` (undefined: if there is none), as one step. Resolves to whether it put. */
  compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean>
  /** Resolves when all that was asked before is done. Every call after it rejects. */
  close(): Promise<void>
}

export const KEY_BYTES_MAX = 1024
/** As for documents: what the least of the backends holds in one record. */
export const VALUE_BYTES_MAX = 16 * 1024 * 1024

/** The least key behind `key`: `getRange(begin, nextLargerKey(end))` has `end` in it. */
export const nextLargerKey = (key: string): string => `${key}\0`

export const checkKey = (key: unknown): void => checkText('key', key, 1, KEY_BYTES_MAX)
export const checkValue = (value: unknown): void => checkText('value', value, 0, VALUE_BYTES_MAX)

/** The ends of a range need not be keys: they may be empty, or the next larger one of the longest key. */
export function checkRange(begin: unknown, end: unknown): void {
  checkText('begin', begin, 0, KEY_BYTES_MAX + 1)
  checkText('end', end, 0, KEY_BYTES_MAX + 1)
}
