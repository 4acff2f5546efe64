// The memory backend, by the suite of all.
import { openStorage } from '../../../engine/storage/backends.ts'
import { describeStorage } from './conformance.ts'
import { storeOptions } from './options.ts'

describeStorage('memory', () => openStorage(storeOptions('memory')))
