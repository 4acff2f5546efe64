// What a configuration says of a store, for tests: of one type, with the rest as a file without settings has it.
import { silentLog } from '../../../engine/base/log.ts'
import type { StorageOptions } from '../../../engine/storage/backends.ts'

/** For entities and for keys alike. */
export function storeOptions(
  type: string,
  more: Partial<StorageOptions & { readonly collection: string }> = {},
): StorageOptions & { readonly collection: string } {
  const unset = { url: '', db: '', startNodes: [], directory: 'entities', baseDirectory: '', collection: 'kv' }
  return { type, log: silentLog, ...unset, ...more }
}
