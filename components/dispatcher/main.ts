// Runs a dispatcher: `dispatcher -dispid 1`.
import '../signals.ts'
import { readConfig } from '../../engine/config/config.ts'
import { parseFlags } from '../../engine/config/flags.ts'
import { runProgram } from '../../engine/config/program.ts'
import { tcpTransport } from '../../engine/net/tcp.ts'
import { detach } from '../process/detach.ts'
import { COMMON_FLAGS, configFile, PROCESS_ID_MAX } from '../process/flags.ts'
import { runProcess } from '../process/process.ts'
import { RunFolder } from '../process/run-folder.ts'
import { startDispatcher, succeedDispatcher } from './part.ts'

const FLAGS = {
  dispid: { type: 'int', default: 1, min: 1, max: PROCESS_ID_MAX, help: 'which dispatcher of the deployment' },
  succeed: { type: 'bool', help: 'take the place of the running dispatcher, as `goworld reload` does' },
  ...COMMON_FLAGS,
} as const

/** Who is killed in the middle of a swap is gone at once. */
const GONE_WITHIN_MS = 2000

void runProgram('dispatcher', async () => {
  const about = 'Routes what games and gates say to each other.'
  const flags = parseFlags(process.argv.slice(2), FLAGS, { name: 'dispatcher', about })
  const config = readConfig(configFile(flags))
  const settings = config.dispatcher(flags.dispid)
  const name = { role: 'dispatcher', id: settings.id } as const
  if (flags.d) return detach(name, config, settings.logFile)
  const folder = RunFolder.of(config)
  const { succeed: succeeds } = flags
  const swapPath = folder.swapPath(name)
  const options = { id: settings.id, config, links: tcpTransport, listen: settings.listenAddr, swapPath }
  await runProcess(
    name,
    config,
    settings,
    flags,
    ({ log }) =>
      succeeds
        ? succeedDispatcher({ ...options, log }, () => folder.isGone(name, GONE_WITHIN_MS))
        : startDispatcher({ ...options, log }),
    { succeeds },
  )
})
