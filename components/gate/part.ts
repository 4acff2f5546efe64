// A gate as a part of a process: made from the configuration, started, with its figures. It can be replaced by a successor,
// which is a gate of its own beside it: another number in the cluster, the same doors to clients. It can be that successor:
//
//     successor ── who ──────> its number, and where it listens
//               joins the cluster under another number, until it is ready
//               ── release ──> listens no more, and has another name in the run folder; its clients stay
//               takes name and doors: whatever fails up to here, the gate takes both back
//               ── done ─────> sends those with a session on, and ends when the others are gone or drain_seconds are over
import type { Server } from 'node:http'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { realClock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { machineRandom } from '../../engine/base/random.ts'
import { reachable } from '../../engine/config/address.ts'
import type { Config } from '../../engine/config/config.ts'
import { addressInUse } from '../../engine/config/program.ts'
import type { Connection, Transport } from '../../engine/net/connection.ts'
import { SnappyConnection, snappyTransport } from '../../engine/net/snappy.ts'
import { tcpTransport } from '../../engine/net/tcp.ts'
import { Handshakes, secureHttp, tlsTransport } from '../../engine/net/tls.ts'
import { serveWebSocket } from '../../engine/net/websocket.ts'
import { SESSION_SUBPROTOCOL } from '../../engine/wire/client-wire.ts'
import { FRAME_LENGTH_BYTES } from '../../engine/wire/packet.ts'
import type { Part } from '../process/part.ts'
import type { Doors } from '../process/process.ts'
import { SwapClient, type Swapped, SwapServer } from '../process/swap-channel.ts'
import { openWebDoor } from '../web/door.ts'
import { Certificate } from './certificate.ts'
import { Gate } from './gate.ts'
import { freeNumber, nextNumber } from './successor-number.ts'
import { secretToken } from './tokens.ts'

const WEBSOCKET_PATH = '/ws'
/** However short packets have to be, a client gathers this much in one message: our own up to 16 KiB (`kept-bytes.ts`). */
const MESSAGE_BYTES_MIN = 64 * 1024
/** So long the cluster may take to know a successor, and to tell it of its games. */
const READY_WITHIN_MS = 10_000
const LOOK_MS = 5
/** Whoever was killed needs a moment to let go of name and addresses. */
const BACK_WITHIN_MS = 5000
const BACK_LOOK_MS = 20

export interface GatePartOptions {
  readonly id: number
  readonly config: Config
  readonly links: Transport
  readonly dispatchers: readonly Address[]
  readonly log: Log
  /** Where WebSocket clients come in, when there is an http_addr. */
  readonly http: Server | undefined
  /** By which the cluster knows those that were replaced, as long as they have clients. */
  readonly taken?: readonly number[]
  /** The socket by which a successor replaces it, and what it has to give away then; without it none can. */
  readonly swap?: { readonly path: string; readonly doors: Doors }
}

/** What a swap took, and what is left at the gate before. */
export interface GateSwap {
  /** How long nobody could connect, in milliseconds. */
  readonly closedMs: number
  readonly joinMs: number
  /** Clients with a session go over at once; others play on for so long. */
  readonly sessions: number
  readonly others: number
  readonly drainSeconds: number
}

interface Released {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly http: Address | null
  readonly sessions: number
  readonly others: number
}

export async function startGate(options: GatePartOptions): Promise<Part> {
  const part = new GatePart(options, freeNumber(options.id, options.taken ?? []))
  await part.start()
  return part
}

/** Takes the place of the running gate, which goes on by itself when this rejects. */
export async function succeedGate(options: GatePartOptions & Required<Pick<GatePartOptions, 'swap'>>): Promise<Part> {
  const swap = await SwapClient.connect(options.swap.path)
  let part: GatePart | undefined
  try {
    const { number, listen } = await swap.ask<{ readonly number: number; readonly listen: Address }>('who')
    part = new GatePart(options, nextNumber(number, options.taken), listen)
    await part.succeed(swap)
    return part
  } catch (error) {
    await part?.stop()
    swap.fail(messageOf(error))
    throw error
  }
}

class GatePart implements Part {
  readonly webSocketPath: string | undefined
  readonly web: Part['web']
  readonly isEncrypted: boolean
  readonly #options: GatePartOptions
  readonly #gate: Gate
  readonly #number: number
  readonly #listen: Address
  readonly #door: { close(): void } | undefined
  readonly #certificate: Certificate | undefined
  readonly #handshakes: Handshakes | undefined
  readonly #server: SwapServer | undefined
  #swapped: GateSwap | undefined
  #isReplaced = false
  #stopped: Promise<void> | undefined

  /** `number`: by which the cluster knows it. `before`: where the gate listened whose place it takes. */
  constructor(options: GatePartOptions, number: number, before?: Address) {
    const { id, config, log, http, swap } = options
    const settings = config.gate(id)
    this.#options = options
    this.#number = number
    this.#listen = samePort(settings.listenAddr, before)
    this.web = http && openWebDoor(`gate${id}`, settings, log)
    this.isEncrypted = settings.encryptConnection
    this.#certificate = this.isEncrypted ? new Certificate(`gate${id}`, settings, realClock, log) : undefined
    this.#handshakes = this.#certificate && this.#newHandshakes(this.#certificate)
    this.#gate = newGate(options, number, this.#listen, this.#handshakes)
    if (http && this.#handshakes && settings.httpAddr?.kind === 'tcp') secureHttp(http, this.#handshakes)
    const accept = (connection: Connection) => this.#gate.accept(asConfigured(connection, settings.compressConnection))
    this.#door =
      http &&
      serveWebSocket(http, WEBSOCKET_PATH, accept, {
        messageBytesMax: Math.max(MESSAGE_BYTES_MIN, 2 * (settings.clientPacketBytesMax + FRAME_LENGTH_BYTES)),
        protocols: [SESSION_SUBPROTOCOL],
      })
    this.webSocketPath = this.#door && WEBSOCKET_PATH
    if (swap) this.#server = new SwapServer(swap.path, log, this.#asSwapped(swap.doors))
  }

  get ready(): boolean {
    return this.#gate.ready
  }

  get addresses() {
    const address = reachable(this.#gate.addresses[0] ?? this.#listen)
    const scheme = this.isEncrypted ? 'tls://' : 'tcp://'
    return { tcp: `${address.kind === 'tcp' ? scheme : ''}${formatAddress(address)}` }
  }

  status(): Record<string, unknown> {
    const [certificate, handshakes] = [this.#certificate, this.#handshakes]
    const tls = certificate && handshakes && { ...certificate.status(), handshakes: handshakes.underWay }
    const swap = this.#swapped
    return { ...this.#gate.status(), number: this.#number, ...(tls && { tls }), ...(swap && { swap }) }
  }

  #newHandshakes(certificate: Certificate): Handshakes {
    return new Handshakes({
      clock: realClock,
      context: () => certificate.context,
      refused: (reason, remote, detail) => this.#gate.refuseStranger(reason, remote, detail),
    })
  }

  async start(): Promise<void> {
    await this.#listenForClients()
    this.#gate.join()
    this.#certificate?.watch()
    await this.#server?.listen()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    if (!this.#isReplaced) await this.#server?.settled()
    this.#server?.close()
    this.#certificate?.stop()
    this.#handshakes?.drop()
    await this.#gate.stop()
    this.#door?.close()
  }

  #asSwapped(doors: Doors): Swapped {
    const { log } = this.#options
    const gate = this.#gate
    const listen = () => gate.addresses[0] ?? this.#listen
    return {
      looks: { who: async () => ({ number: this.#number, listen: listen() }) },
      steps: {
        release: async (): Promise<Released> => {
          log.info('a successor stands by')
          const atMs = realClock.wallMs()
          // A successor of the successor finds that one.
          this.#server?.close()
          gate.stopListening()
          const http = await doors.give().catch(async (error) => {
            await this.#takeBack(doors)
            throw error
          })
          // They try again, and find the successor.
          this.#handshakes?.drop()
          const { clients, sessions } = gate.status()
          return { atMs, http: http ?? null, sessions: sessions.count, others: clients - sessions.count }
        },
      },
      back: async (why) => {
        log.error(`its successor has failed, so it goes on: ${why}`)
        await this.#takeBack(doors)
      },
      done: () => void this.#drain(),
    }
  }

  async #takeBack(doors: Doors): Promise<void> {
    await again(() => doors.take())
    await again(() => this.#gate.listen())
    await this.#server?.listen()
  }

  async #drain(): Promise<void> {
    const { id, config, log } = this.#options
    const { drainSeconds } = config.gate(id)
    this.#isReplaced = true
    this.#certificate?.stop()
    log.info('replaced by its successor', { clients: this.#gate.status().clients, drainSeconds })
    await this.#gate.drain(drainSeconds * 1000)
    const { clients } = this.#gate.status()
    if (clients > 0) log.info('clients that are left are closed', { clients })
    await this.stop()
    process.exit()
  }

  /** Takes the doors of the gate that `swap` is the end of. */
  async succeed(swap: SwapClient): Promise<void> {
    const { id, config, log } = this.#options
    const began = realClock.now()
    this.#gate.join()
    while (!this.#gate.ready) {
      if (realClock.now() - began > READY_WITHIN_MS)
        throw new OperatorError(`gate${id}: the cluster was not ready for it in ${READY_WITHIN_MS / 1000} s`)
      await sleep(LOOK_MS)
    }
    const joinMs = Math.round(realClock.now() - began)
    const { atMs, http, sessions, others } = await swap.ask<Released>('release')
    await this.#listenForClients()
    await this.#options.swap!.doors.take(samePort(config.gate(id).httpAddr, http ?? undefined))
    this.#certificate?.watch()
    await this.#server?.listen()
    const { drainSeconds } = config.gate(id)
    this.#swapped = { closedMs: realClock.wallMs() - atMs, joinMs, sessions, others, drainSeconds }
    // It has its place, whether the other still says so or not.
    await swap.done().catch((error) => log.warn(messageOf(error)))
  }

  async #listenForClients(): Promise<void> {
    await this.#gate.listen().catch((error) => {
      throw addressInUse(error, `gate${this.#options.id} listen_addr`, this.#listen)
    })
  }
}

function newGate(
  { id, config, log, links, dispatchers }: GatePartOptions,
  number: number,
  listen: Address,
  handshakes: Handshakes | undefined,
): Gate {
  const settings = config.gate(id)
  const { clientQueueBytesMax, clientPacketBytesMax, clientsMax, heartbeatCheckInterval } = settings
  const { clientRateMax, clientBytesRateMax, clientBytesPerSecond, clientsBytesMax, clientsPerAddressMax } = settings
  const { linkGraceMs, linkResendBytesMax, reconnectGrace } = config.cluster
  // A Unix socket does not leave the machine.
  const transport = handshakes && listen.kind === 'tcp' ? tlsTransport(handshakes) : tcpTransport
  return new Gate({
    id: number,
    clock: realClock,
    random: machineRandom,
    log,
    links,
    dispatchers,
    clients: [{ transport: settings.compressConnection ? snappyTransport(transport) : transport, address: listen }],
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
    sessions: { graceMs: reconnectGrace * 1000, bytesMax: settings.sessionBytesMax, tokens: secretToken },
    protocol: settings.clientProtocol,
  })
}

/** GoWorld's clients compress over WebSockets too. Our own do not: browsers have nothing for it. */
const asConfigured = (connection: Connection, compresses: boolean) =>
  compresses && connection.protocol !== SESSION_SUBPROTOCOL ? new SnappyConnection(connection) : connection

/** Where any port will do, the one that clients know. */
function samePort<A extends Address | undefined>(configured: A, before: Address | undefined): A | Address {
  if (configured?.kind !== 'tcp' || configured.port !== 0 || before?.kind !== 'tcp') return configured
  return { ...configured, port: before.port }
}

/** What another process may still be in the way of. */
async function again(action: () => Promise<void>): Promise<void> {
  for (const end = realClock.now() + BACK_WITHIN_MS; ; await sleep(BACK_LOOK_MS)) {
    try {
      return await action()
    } catch (error) {
      if (realClock.now() >= end) throw error
    }
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => void realClock.after(ms, resolve, true))
