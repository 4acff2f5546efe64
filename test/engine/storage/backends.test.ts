// The table of backends, for entities and for keys and values: what an operator may write.
import { describe, expect, it } from 'vitest'
import { OperatorError } from '../../../engine/base/errors.ts'
import { KVDB_BACKENDS, STORAGE_BACKENDS } from '../../../engine/config/keys.ts'
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import { openStorage } from '../../../engine/storage/backends.ts'
import { storeOptions } from './options.ts'
import { temporaryDirectory } from './temporary.ts'

const options = (type: string) => storeOptions(type, { url: 'a.db', baseDirectory: temporaryDirectory() })

/** Those without a server: the others have files of their own. */
const EMBEDDED = ['sqlite', 'filesystem', 'memory']
const embedded = (backends: object) => Object.keys(backends).filter((type) => EMBEDDED.includes(type))

describe('a backend', () => {
  it.each(embedded(STORAGE_BACKENDS))('of entities that the configuration allows opens: %s', async (type) => {
    await (await openStorage(options(type))).close()
  })

  it.each(embedded(KVDB_BACKENDS))('of keys that the configuration allows opens: %s', async (type) => {
    await (await openKvdb(options(type))).close()
  })

  it.each(['', 'SQLite', 'toString', '__proto__'])(
    'that there is not is the fault of the operator: %j',
    async (type) => {
      await expect(openStorage(options(type))).rejects.toThrow(OperatorError)
      await expect(openStorage(options(type))).rejects.toThrow('is not one of sqlite, filesystem, mongodb')
      await expect(openKvdb(options(type))).rejects.toThrow(OperatorError)
    },
  )
})
