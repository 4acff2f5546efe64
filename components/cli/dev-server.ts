// The process behind `goworld dev`: dispatcher, game and gate in one, linked in memory.
import '../signals.ts'
import { resolve } from 'node:path'
import { realClock } from '../../engine/base/clock.ts'
import { machineRandom } from '../../engine/base/random.ts'
import { readConfig } from '../../engine/config/config.ts'
import { parseFlags } from '../../engine/config/flags.ts'
import { runProgram } from '../../engine/config/program.ts'
import { MemoryNetwork } from '../../engine/net/memory.ts'
import { startDispatcher } from '../dispatcher/part.ts'
import { loadGame, startGame } from '../game/part.ts'
import { startGate } from '../gate/part.ts'
import type { Part } from '../process/part.ts'
import { runProcess } from '../process/process.ts'

void runProgram('dev', async () => {
  const spec = { configfile: { type: 'string', required: true, help: 'the configuration' } } as const
  const flags = parseFlags(process.argv.slice(2), spec, { positionals: '<module>' })
  const config = readConfig(flags.configfile)
  const definition = await loadGame(resolve(flags.positionals[0]!))
  const links = new MemoryNetwork(realClock, { random: machineRandom, latencyMs: [0, 0] }).transport
  const listen = { kind: 'unix', path: 'dispatcher1' } as const
  const settings = { ...config.game(1), httpAddr: config.gate(1).httpAddr }
  // `goworld dev` holds the other end: when it is gone, so are we.
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume()
  await runProcess({ role: 'dev', id: 1 }, config, settings, { log: undefined }, async ({ log, http }) => {
    const dispatcher = await startDispatcher({ id: 1, config, links, listen, log })
    const game = await startGame({ id: 1, config, definition, links, dispatchers: [listen], log })
    const gate = await startGate({ id: 1, config, links, dispatchers: [listen], log, http })
    return together({ dispatcher, game, gate })
  })
})

function together(parts: { readonly dispatcher: Part; readonly game: Part; readonly gate: Part }): Part {
  const { dispatcher, game, gate } = parts
  return {
    get ready() {
      return game.ready && gate.ready
    },
    get addresses() {
      return gate.addresses
    },
    webSocketPath: gate.webSocketPath,
    strayRejection: (error) => game.strayRejection?.(error),
    status: () => ({
      entities: game.status().entities,
      clients: gate.status().clients,
      dispatcher: dispatcher.status(),
      game: game.status(),
      gate: gate.status(),
    }),
    async stop() {
      await gate.stop()
      await game.stop()
      await dispatcher.stop()
    },
  }
}
