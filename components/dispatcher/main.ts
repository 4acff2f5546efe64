// Runs a dispatcher: `dispatcher -dispid 1`.
import '../signals.ts'
import { readConfig } from '../../engine/config/config.ts'
import { parseFlags } from '../../engine/config/flags.ts'
import { runProgram } from '../../engine/config/program.ts'
import { tcpTransport } from '../../engine/net/tcp.ts'
import { detach } from '../process/detach.ts'
import { COMMON_FLAGS, configFile, PROCESS_ID_MAX } from '../process/flags.ts'
import { runProcess } from '../process/process.ts'
import { startDispatcher } from './part.ts'

const FLAGS = {
  dispid: { type: 'int', default: 1, min: 1, max: PROCESS_ID_MAX, help: 'which dispatcher of the deployment' },
  ...COMMON_FLAGS,
} as const

void runProgram('dispatcher', async () => {
  const about = 'Routes what games and gates say to each other.'
  const flags = parseFlags(process.argv.slice(2), FLAGS, { name: 'dispatcher', about })
  const config = readConfig(configFile(flags))
  const settings = config.dispatcher(flags.dispid)
  const name = { role: 'dispatcher', id: settings.id } as const
  if (flags.d) return detach(name, config, settings.logFile)
  await runProcess(name, config, settings, flags, ({ log }) =>
    startDispatcher({ id: settings.id, config, links: tcpTransport, listen: settings.listenAddr, log }),
  )
})
