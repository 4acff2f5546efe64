// The memory backend, by the suite of all.
import { silentLog } from '../../../engine/base/log.ts'
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import { describeKvdb } from './conformance.ts'

describeKvdb('memory', async (count) => {
  const store = await openKvdb({ type: 'memory', url: '', directory: '', collection: '', log: silentLog })
  return Array.from({ length: count }, () => store)
})
