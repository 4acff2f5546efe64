// Where entities are saved: the interface that every backend implements (test/engine/storage/conformance.ts).
import { NotStorable } from './errors.ts'
import { checkText } from './key.ts'
import type { Row } from './row.ts'

export type DocumentValue = null | boolean | number | bigint | string | Uint8Array | DocumentValue[] | Document

/** What an entity saves: plain data. A key whose value is undefined is not there; see document.ts for the rules. */
export interface Document {
  [key: string]: DocumentValue | undefined
}

export interface ListOptions {
  /** Only ids behind this one: the last id of the page before. */
  readonly after?: string
  /** Length of a page; 1000 unless told. */
  readonly limit?: number
}

/**
 * All methods reject with StorageError when the store fails, and with NotStorable when what they were handed can
 * never be stored. Calls for one entity of one process take effect in the order in which they were made.
 */
export interface EntityStorage {
  /**
   * Writes the row unless what is stored is of a later save (`isEarlier`), as one step, also when others write at the
   * same time. Resolves to whether it wrote.
   */
  write(type: string, id: string, row: Row): Promise<boolean>
  /** Undefined when there is none. */
  read(type: string, id: string): Promise<Row | undefined>
  exists(type: string, id: string): Promise<boolean>
  /** A page of the ids of `type`, in byte order of their UTF-8. */
  list(type: string, options?: ListOptions): Promise<string[]>
  /** The types of which there are entities, in byte order. */
  types(): Promise<string[]>
  /** Nothing happens when there is none. */
  delete(type: string, id: string): Promise<void>
  /** Resolves when all that was asked before is done. Every call after it rejects. */
  close(): Promise<void>
}

/** Entity ids have 16 bytes and type names are words; the limit leaves room for authors' own tables and servers' keys. */
export const NAME_BYTES_MAX = 255
const PAGE_IDS = 1000

export function checkEntityName(type: string, id: string): void {
  checkText('entity type', type, 1, NAME_BYTES_MAX)
  checkText('entity id', id, 1, NAME_BYTES_MAX)
}

/** The options of `list`, checked and filled in. */
export function checkListOptions(type: string, options: ListOptions): { after: string; limit: number } {
  checkText('entity type', type, 1, NAME_BYTES_MAX)
  const { after = '', limit = PAGE_IDS } = options
  checkText('after', after, 0, NAME_BYTES_MAX)
  checkLimit(limit)
  return { after, limit }
}

export function checkLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new NotStorable(`limit: ${limit} is not a whole number from 1 up`)
}
