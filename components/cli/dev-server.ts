// The process behind `goworld dev`: dispatcher, game and gate in one, linked in memory.
import '../signals.ts'
import { resolve } from 'node:path'
import { readConfig } from '../../engine/config/config.ts'
import { parseFlags } from '../../engine/config/flags.ts'
import { runProgram } from '../../engine/config/program.ts'
import { loadGame } from '../game/part.ts'
import { startGate } from '../gate/part.ts'
import { runProcess } from '../process/process.ts'
import { keepWholeStacks } from '../process/stray.ts'
import { startAllInOne } from '../server/all-in-one.ts'

void runProgram('dev', async () => {
  const spec = { configfile: { type: 'string', required: true, help: 'the configuration' } } as const
  const flags = parseFlags(process.argv.slice(2), spec, { positionals: '<module>' })
  const config = readConfig(flags.configfile)
  keepWholeStacks()
  const definition = await loadGame(resolve(flags.positionals[0]!))
  const settings = { ...config.game(1), httpAddr: config.gate(1).httpAddr }
  // `goworld dev` holds the other end: when it is gone, so are we.
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume()
  await runProcess({ role: 'dev', id: 1 }, config, settings, { log: undefined }, ({ log, http }) =>
    startAllInOne({ config, definition, log, startGate: (links) => startGate({ id: 1, config, ...links, log, http }) }),
  )
})
