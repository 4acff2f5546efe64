// A whole cluster in one process: dispatchers, games, gates and clients on a virtual clock and an in-memory network.

import { Dispatcher } from '../../components/dispatcher/dispatcher.ts'
import { Game } from '../../components/game/game.ts'
import { Gate } from '../../components/gate/gate.ts'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { VirtualClock } from '../../engine/base/clock.ts'
import { MemoryLog } from '../../engine/base/log.ts'
import { seededRandom } from '../../engine/base/random.ts'
import { type ByteStream, type Game as ClientGame, connect, type ProtocolError } from '../../engine/client/client.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import { MemoryKvdb } from '../../engine/kvdb/memory.ts'
import type { Connection, Transport } from '../../engine/net/connection.ts'
import { MemoryNetwork } from '../../engine/net/memory.ts'
import { MemoryStorage } from '../../engine/storage/memory.ts'

export interface ClusterOptions {
  readonly definition: GameDefinition
  readonly bootEntity?: string
  readonly seed?: number
  readonly dispatchers?: number
  readonly games?: number
  readonly gates?: number
  readonly split?: boolean
  readonly gate?: Partial<ConstructorParameters<typeof Gate>[0]>
}

const LIMITS = { linkGraceMs: 3000, linkResendBytesMax: 64 * 1024 * 1024 }

export class TestCluster {
  readonly clock = new VirtualClock()
  readonly log = new MemoryLog()
  readonly storage = new MemoryStorage()
  readonly kvdb = new MemoryKvdb()
  readonly random: () => number
  /** Between our processes. */
  readonly network: MemoryNetwork
  /** Between clients and gates: never broken unless a test does it. */
  readonly internet: MemoryNetwork
  readonly dispatchers: Dispatcher[] = []
  readonly games: Game[] = []
  readonly gates: Gate[] = []
  readonly errors: ProtocolError[] = []

  readonly #options: ClusterOptions
  /** The links of gates, and the dispatchers that gates cannot reach. */
  readonly #gateLinks: { readonly to: string; readonly connection: Connection }[] = []
  readonly #cutOff = new Set<string>()
  readonly #addresses: readonly Address[]

  private constructor(options: ClusterOptions) {
    this.#options = options
    this.#addresses = Array.from({ length: options.dispatchers ?? 1 }, (_, n) => ({ kind: 'unix', path: `/d${n + 1}` }))
    this.random = seededRandom(options.seed ?? 1)
    this.network = new MemoryNetwork(this.clock, { random: this.random, split: options.split ?? false })
    this.internet = new MemoryNetwork(this.clock, { random: this.random })
  }

  static async start(options: ClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options)
    const { games = 1, gates = 1 } = options
    cluster.dispatchers.push(...cluster.#addresses.map((_, n) => cluster.#newDispatcher(n + 1)))
    for (let id = 1; id <= games; id++) cluster.#addGame(id)
    for (let id = 1; id <= gates; id++) cluster.gates.push(cluster.#newGate(id))
    for (const process of [...cluster.dispatchers, ...cluster.games, ...cluster.gates]) void process.start()
    await cluster.clock.until(() => cluster.games.every((game) => game.ready), 10_000, 'the deployment to be ready')
    await cluster.clock.advance(10)
    return cluster
  }

  /** The process of a dispatcher is gone without a word; until `restored` the network of the servers is down. */
  async crashDispatcher(id: number): Promise<{ restored(): Promise<void> }> {
    this.network.isDown = true
    this.network.dropAll()
    await this.dispatchers[id - 1]!.stop()
    return {
      restored: async () => {
        this.dispatchers[id - 1] = this.#newDispatcher(id)
        await this.dispatchers[id - 1]!.start()
        this.network.isDown = false
      },
    }
  }

  /** Gates cannot reach a dispatcher; games can. Answers how to mend it. */
  cutGatesFrom(dispatcher: number): () => void {
    const path = formatAddress(this.#addresses[dispatcher - 1]!)
    this.#cutOff.add(path)
    for (const { to, connection } of this.#gateLinks.splice(0)) if (to === path) connection.destroy('cut off')
    return () => void this.#cutOff.delete(path)
  }

  readonly #gateTransport: Transport = {
    listen: (address, accept) => this.network.transport.listen(address, accept),
    connect: async (address) => {
      const to = formatAddress(address)
      if (this.#cutOff.has(to)) throw new Error('cut off')
      const connection = await this.network.transport.connect(address)
      this.#gateLinks.push({ to, connection })
      return connection
    },
  }

  /** The process of a gate is gone without a word, and another takes its place. */
  async replaceGate(id: number): Promise<void> {
    await Promise.all([this.gates[id - 1]!.stop(), this.clock.advance(100)])
    this.gates[id - 1] = this.#newGate(id)
    void this.gates[id - 1]!.start()
  }

  #newDispatcher(id: number): Dispatcher {
    const { games = 1, gates = 1 } = this.#options
    return new Dispatcher({
      ...this.#common(id),
      transport: this.network.transport,
      listen: this.#addresses[id - 1]!,
      deployment: { games, gates },
      cluster: { ...LIMITS, entityQueuePacketsMax: 1000, gameQueueBytesMax: 64 * 1024 * 1024 },
    })
  }

  #addGame(id: number): void {
    const { definition, bootEntity = 'Account' } = this.#options
    this.games.push(
      new Game({
        ...this.#common(id),
        definition,
        links: this.network.transport,
        dispatchers: this.#addresses,
        config: { bootEntity, saveIntervalMs: 60_000, positionSyncIntervalMs: 100, banBootEntity: false, ...LIMITS },
        storage: this.storage,
        kvdb: this.kvdb,
      }),
    )
  }

  #newGate(id: number): Gate {
    const { gate = {} } = this.#options
    return new Gate({
      ...this.#common(id),
      links: this.#gateTransport,
      dispatchers: this.#addresses,
      clients: [{ transport: this.internet.transport, address: { kind: 'unix', path: `/g${id}` } }],
      heartbeatMs: 0,
      clientQueueBytesMax: 4 * 1024 * 1024,
      clientPacketBytesMax: 1024 * 1024,
      clientsMax: 10_000,
      protocol: '2022',
      ...LIMITS,
      ...gate,
    } as ConstructorParameters<typeof Gate>[0])
  }

  #common(id: number) {
    return { id, clock: this.clock, log: this.log, random: this.random }
  }

  /** A client of a gate, through the SDK. What goes against the protocol is in `errors`. */
  async client<M = unknown>(gateId = 1): Promise<ClientGame<M>> {
    const connecting = this.internet.transport.connect({ kind: 'unix', path: `/g${gateId}` })
    await this.clock.advance(2)
    return connect<M>(streamOver(await connecting), {
      clock: this.clock,
      heartbeatMs: 0,
      log: this.log,
      observer: { onProtocolError: (error) => void this.errors.push(error) },
    })
  }

  async stop(): Promise<void> {
    const stopped = Promise.all([...this.gates, ...this.games, ...this.dispatchers].map((process) => process.stop()))
    await this.clock.advance(5000)
    await stopped
  }
}

function streamOver(connection: Connection): ByteStream {
  let data: (chunk: Uint8Array) => void = () => {}
  let closed: (reason: string) => void = () => {}
  // What has come already is heard after the caller has said who listens.
  connection.handle({ data: (chunk) => data(chunk), close: (reason) => closed(reason) })
  return {
    get bufferedBytes() {
      return connection.bufferedBytes
    },
    write: (bytes) => connection.write(bytes),
    onData: (handler) => {
      data = handler
    },
    onClose: (handler) => {
      closed = handler
    },
    close: () => connection.close(),
  }
}
