// Runs a gate: `gate -gid 1`.
import '../signals.ts'
import { readConfig } from '../../engine/config/config.ts'
import { parseFlags } from '../../engine/config/flags.ts'
import { runProgram } from '../../engine/config/program.ts'
import { tcpTransport } from '../../engine/net/tcp.ts'
import { statusOf } from '../process/child.ts'
import { detach } from '../process/detach.ts'
import { COMMON_FLAGS, configFile, PROCESS_ID_MAX } from '../process/flags.ts'
import { runProcess } from '../process/process.ts'
import { RunFolder } from '../process/run-folder.ts'
import { startGate, succeedGate } from './part.ts'

const FLAGS = {
  gid: { type: 'int', required: true, min: 1, max: PROCESS_ID_MAX, help: 'which gate of the deployment' },
  succeed: { type: 'bool', help: 'take the place of the running gate, as `goworld reload` does' },
  ...COMMON_FLAGS,
} as const

/** Those of gates that were replaced and still have clients. */
async function takenNumbers(folder: RunFolder): Promise<number[]> {
  const draining = folder.processes().filter(({ role, alive }) => role === 'drain' && alive)
  const statuses = await Promise.all(draining.map((name) => statusOf(folder, name)))
  return statuses.flatMap((status) => (typeof status?.['number'] === 'number' ? [status['number']] : []))
}

void runProgram('gate', async () => {
  const about = 'Holds the connections of clients.'
  const flags = parseFlags(process.argv.slice(2), FLAGS, { name: 'gate', about })
  const config = readConfig(configFile(flags))
  const settings = config.gate(flags.gid)
  const name = { role: 'gate', id: settings.id } as const
  if (flags.d) return detach(name, config, settings.logFile)
  const dispatchers = config.dispatcherIds.map((id) => config.dispatcher(id).advertiseAddr)
  const folder = RunFolder.of(config)
  const path = folder.swapPath(name)
  const { succeed: succeeds } = flags
  await runProcess(
    name,
    config,
    settings,
    flags,
    async ({ log, http, doors }) => {
      const taken = await takenNumbers(folder)
      const swap = { path, doors }
      const options = { id: settings.id, config, links: tcpTransport, dispatchers, log, http, taken, swap }
      return succeeds ? succeedGate(options) : startGate(options)
    },
    { succeeds },
  )
})
