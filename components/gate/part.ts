// A gate as a part of a process: made from the configuration, started, with its figures.
import type { Server } from 'node:http'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import { reachable } from '../../engine/config/address.ts'
import type { Config } from '../../engine/config/config.ts'
import { addressInUse } from '../../engine/config/program.ts'
import type { Connection, Transport } from '../../engine/net/connection.ts'
import { tcpTransport } from '../../engine/net/tcp.ts'
import { serveWebSocket } from '../../engine/net/websocket.ts'
import { SESSION_SUBPROTOCOL } from '../../engine/wire/client-wire.ts'
import type { Part } from '../process/part.ts'
import { openWebDoor } from '../web/door.ts'
import { Gate } from './gate.ts'
import { secretToken } from './tokens.ts'

const WEBSOCKET_PATH = '/ws'
/** Before each packet. A message may hold several. */
const LENGTH_BYTES = 4

export interface GatePartOptions {
  readonly id: number
  readonly config: Config
  readonly links: Transport
  readonly dispatchers: readonly Address[]
  readonly log: Log
  /** Where WebSocket clients come in, when there is an http_addr. */
  readonly http: Server | undefined
}

export async function startGate({ id, config, links, dispatchers, log, http }: GatePartOptions): Promise<Part> {
  const settings = config.gate(id)
  const { clientQueueBytesMax, clientPacketBytesMax, clientsMax, heartbeatCheckInterval } = settings
  const { clientRateMax, clientBytesRateMax, clientBytesPerSecond } = settings
  const { linkGraceMs, linkResendBytesMax, reconnectGrace } = config.cluster
  const web = http && openWebDoor(`gate${id}`, settings, log)
  const gate = new Gate({
    id,
    clock: realClock,
    random: machineRandom,
    log,
    links,
    dispatchers,
    clients: [{ transport: tcpTransport, address: settings.listenAddr }],
    heartbeatMs: heartbeatCheckInterval * 1000,
    clientQueueBytesMax,
    clientPacketBytesMax,
    clientRateMax,
    clientBytesRateMax,
    clientBytesPerSecond,
    clientsMax,
    linkGraceMs,
    linkResendBytesMax,
    sessions: { graceMs: reconnectGrace * 1000, bytesMax: settings.sessionBytesMax, tokens: secretToken },
    protocol: settings.clientProtocol,
  })
  await gate.start().catch((error) => {
    throw addressInUse(error, `gate${id} listen_addr`, settings.listenAddr)
  })
  const accept = (connection: Connection) => gate.accept(connection)
  const door =
    http &&
    serveWebSocket(http, WEBSOCKET_PATH, accept, {
      messageBytesMax: 2 * (clientPacketBytesMax + LENGTH_BYTES),
      protocols: [SESSION_SUBPROTOCOL],
    })
  const address = reachable(gate.addresses[0]!)
  return {
    get ready() {
      return gate.ready
    },
    addresses: { tcp: `${address.kind === 'tcp' ? 'tcp://' : ''}${formatAddress(address)}` },
    webSocketPath: door && WEBSOCKET_PATH,
    web,
    status: () => gate.status(),
    async stop() {
      await gate.stop()
      door?.close()
    },
  }
}
