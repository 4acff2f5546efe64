// Dispatcher, game and gate in one process, linked in memory: a whole server as one part.
import type { Address } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import type { Config } from '../../engine/config/config.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import type { Transport } from '../../engine/net/connection.ts'
import { MemoryNetwork } from '../../engine/net/memory.ts'
import { startDispatcher } from '../dispatcher/part.ts'
import { startGame } from '../game/part.ts'
import type { Part } from '../process/part.ts'

/** How the gate reaches its dispatcher. */
export interface GateLinks {
  readonly links: Transport
  readonly dispatchers: readonly Address[]
}

export interface AllInOneOptions {
  readonly config: Config
  readonly definition: GameDefinition
  readonly log: Log
  /** Gates differ in how clients come in. */
  readonly startGate: (links: GateLinks) => Promise<Part>
}

/** Starts all three; when one of them cannot be, none is left. */
export async function startAllInOne({ config, definition, log, startGate }: AllInOneOptions): Promise<Part> {
  const links = new MemoryNetwork(realClock, { random: machineRandom, latencyMs: [0, 0] }).transport
  const listen = { kind: 'unix', path: 'dispatcher1' } as const
  const dispatchers = [listen]
  const started: Part[] = []
  try {
    const dispatcher = await startDispatcher({ id: 1, config, links, listen, log })
    started.unshift(dispatcher)
    const game = await startGame({ id: 1, config, definition, links, dispatchers, log })
    started.unshift(game)
    return together({ dispatcher, game, gate: await startGate({ links, dispatchers }) })
  } catch (error) {
    for (const part of started) await part.stop()
    throw error
  }
}

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
    web: gate.web,
    isEncrypted: gate.isEncrypted,
    strayRejection: (error) => game.strayRejection?.(error),
    strayException: (error) => game.strayException?.(error) ?? false,
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
