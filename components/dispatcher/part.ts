// A dispatcher as a part of a process: made from the configuration, started, with its figures.
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import type { Config } from '../../engine/config/config.ts'
import { addressInUse } from '../../engine/config/program.ts'
import type { Transport } from '../../engine/net/connection.ts'
import type { Part } from '../process/part.ts'
import { Dispatcher } from './dispatcher.ts'

export interface DispatcherPartOptions {
  readonly id: number
  readonly config: Config
  readonly links: Transport
  readonly listen: Address
  readonly log: Log
}

export async function startDispatcher({ id, config, links, listen, log }: DispatcherPartOptions): Promise<Part> {
  const dispatcher = new Dispatcher({
    id,
    clock: realClock,
    random: machineRandom,
    log,
    transport: links,
    listen,
    deployment: { games: config.deployment.desiredGames, gates: config.deployment.desiredGates },
    cluster: config.cluster,
  })
  await dispatcher.start().catch((error) => {
    throw addressInUse(error, `dispatcher${id} listen_addr`, listen)
  })
  const { address } = dispatcher
  return {
    get ready() {
      return dispatcher.status().ready
    },
    addresses: { links: `${address.kind === 'tcp' ? 'tcp://' : ''}${formatAddress(address)}` },
    status: () => dispatcher.status(),
    stop: () => dispatcher.stop(),
  }
}
