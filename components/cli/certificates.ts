// What a start looks at before anything runs: whether gates that encrypt could show a certificate.
import { realClock } from '../../engine/base/clock.ts'
import type { Config } from '../../engine/config/config.ts'
import { expiryWarning, readKeyPair } from '../gate/key-pair.ts'
import { nameOf, type ProcessId } from '../process/run-folder.ts'

/** Those that have expired, or soon do, a line each. Throws an OperatorError for the first that cannot be used. */
export function certificateWarnings(config: Config, names: readonly ProcessId[]): string[] {
  return names.flatMap((name) => {
    if (name.role !== 'gate') return []
    const settings = config.gate(name.id)
    if (!settings.encryptConnection) return []
    const pair = readKeyPair(nameOf(name), settings)
    return expiryWarning(nameOf(name), settings.rsaCertificate, pair, realClock.wallMs()) ?? []
  })
}
