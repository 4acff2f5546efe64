// The memory backend, by the suite of all.
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import { storeOptions } from '../storage/options.ts'
import { describeKvdb } from './conformance.ts'

describeKvdb('memory', async (count) => {
  const store = await openKvdb(storeOptions('memory'))
  return Array.from({ length: count }, () => store)
})
