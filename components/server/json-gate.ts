// A gate for JSON clients alone, as a part of a process: it listens nowhere but on the HTTP server that it is given.
import type { Server } from 'node:http'
import { realClock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import type { Config } from '../../engine/config/config.ts'
import { Gate } from '../gate/gate.ts'
import { serveJsonClients } from '../gate/json-client.ts'
import type { Part } from '../process/part.ts'
import type { GateLinks } from './all-in-one.ts'

/** Of JSON: what is a packet in MessagePack takes about twice as much in base64. */
const MESSAGE_BYTES_A_PACKET_BYTE = 2

export interface JsonGateOptions extends GateLinks {
  readonly config: Config
  readonly log: Log
  readonly http: Server
  readonly path: string
  readonly greeting: string | undefined
}

export async function startJsonGate(options: JsonGateOptions): Promise<Part> {
  const { links, dispatchers, config, log, http, path, greeting } = options
  const { clientQueueBytesMax, clientPacketBytesMax, clientsMax, clientsBytesMax, heartbeatCheckInterval } =
    config.gate(1)
  const { clientRateMax, clientBytesRateMax, clientBytesPerSecond, clientsPerAddressMax } = config.gate(1)
  const { linkGraceMs, linkResendBytesMax } = config.cluster
  const gate = new Gate({
    id: 1,
    clock: realClock,
    random: machineRandom,
    log,
    links,
    dispatchers,
    clients: [],
    heartbeatMs: heartbeatCheckInterval * 1000,
    clientQueueBytesMax,
    clientPacketBytesMax,
    clientRateMax,
    clientBytesRateMax,
    clientBytesPerSecond,
    clientsMax,
    clientsPerAddressMax,
    clientsBytesMax,
    linkGraceMs,
    linkResendBytesMax,
    // Which numbers the binary messages have is between the two of them.
    protocol: '2022',
  })
  await gate.start()
  const messageBytesMax = MESSAGE_BYTES_A_PACKET_BYTE * clientPacketBytesMax
  const door = serveJsonClients(http, path, (connection) => gate.accept(connection), { log, messageBytesMax, greeting })
  return {
    get ready() {
      return gate.ready
    },
    addresses: {},
    webSocketPath: path,
    status: () => ({ ...gate.status(), refusedJson: { ...door.refused } }),
    async stop() {
      await gate.stop()
      door.close()
    },
  }
}
