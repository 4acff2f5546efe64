// The memory backend, by the suite of all.
import { silentLog } from '../../../engine/base/log.ts'
import { openStorage } from '../../../engine/storage/backends.ts'
import { describeStorage } from './conformance.ts'

describeStorage('memory', () => openStorage({ type: 'memory', url: '', directory: '', log: silentLog }))
