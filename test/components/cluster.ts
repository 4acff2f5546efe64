// A whole cluster in one process: dispatchers, games, gates and clients on a virtual clock and an in-memory network.

import { Dispatcher } from '../../components/dispatcher/dispatcher.ts'
import type { FrozenGame } from '../../components/game/frozen-file.ts'
import { Game } from '../../components/game/game.ts'
import { Gate } from '../../components/gate/gate.ts'
import { type Address, formatAddress } from '../../engine/base/address.ts'
import { type Clock, VirtualClock } from '../../engine/base/clock.ts'
import { MemoryLog } from '../../engine/base/log.ts'
import { seededRandom } from '../../engine/base/random.ts'
import { type ByteStream, type Game as ClientGame, connect, type ProtocolError } from '../../engine/client/client.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import { MemoryKvdb } from '../../engine/kvdb/memory.ts'
import type { Connection, Transport } from '../../engine/net/connection.ts'
import { MemoryNetwork } from '../../engine/net/memory.ts'
import { MemoryStorage } from '../../engine/storage/memory.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'
import { MemoryJournals } from './memory-journals.ts'

export interface ClusterOptions {
  readonly definition: GameDefinition
  readonly bootEntity?: string
  readonly seed?: number
  readonly dispatchers?: number
  readonly games?: number
  readonly gates?: number
  readonly split?: boolean
  /** Whether games keep journals. */
  readonly journals?: boolean
  /** Games that take no boot entities. */
  readonly banned?: readonly number[]
  /** Of one game, where that is not that of all. */
  readonly definitions?: Readonly<Record<number, GameDefinition>>
  readonly gate?: Partial<ConstructorParameters<typeof Gate>[0]>
  /** What games have in place of the clock of all. */
  readonly gameClock?: (clock: Clock) => Clock
}

const LIMITS = { linkGraceMs: 3000, linkResendBytesMax: 64 * 1024 * 1024 }

export class TestCluster {
  readonly clock = new VirtualClock()
  readonly log = new MemoryLog()
  readonly storage = new MemoryStorage()
  readonly kvdb = new MemoryKvdb()
  readonly journals: MemoryJournals
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
  /** Between our processes, by who connected to whom. */
  #links: { readonly from: string; readonly to: string; readonly connection: Connection }[] = []
  /** Who reaches no dispatcher, or not this one: `game1`, `gate /d2`. */
  readonly #cutOff = new Set<string>()
  readonly #addresses: readonly Address[]
  readonly #stores = new Map<number, { dead: boolean }>()

  private constructor(options: ClusterOptions) {
    this.#options = options
    this.#addresses = Array.from({ length: options.dispatchers ?? 1 }, (_, n) => ({ kind: 'unix', path: `/d${n + 1}` }))
    this.journals = new MemoryJournals(this.clock)
    this.random = seededRandom(options.seed ?? 1)
    this.network = new MemoryNetwork(this.clock, { random: this.random, split: options.split ?? false })
    this.internet = new MemoryNetwork(this.clock, { random: this.random })
  }

  static async start(options: ClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options)
    const { games = 1, gates = 1 } = options
    cluster.dispatchers.push(...cluster.#addresses.map((_, n) => cluster.#newDispatcher(n + 1)))
    for (let id = 1; id <= games; id++) cluster.games.push(cluster.#newGame(id))
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
    return this.#cut(`gate ${path}`, (from, to) => from.startsWith('gate') && to === path)
  }

  /** A game reaches no dispatcher, and knows nothing of it. Answers how to mend it. */
  cutGame(id: number): () => void {
    return this.#cut(`game${id}`, (from) => from === `game${id}`)
  }

  /** A game does not reach one dispatcher. */
  cutGameFrom(id: number, dispatcher: number): () => void {
    const path = formatAddress(this.#addresses[dispatcher - 1]!)
    return this.#cut(`game${id}>${path}`, (from, to) => from === `game${id}` && to === path)
  }

  /** A game takes nothing of what is said to it. Answers how to let it go on. */
  stallGame(id: number): () => void {
    const stalled = this.#links.filter(({ from }) => from === `game${id}`)
    for (const { connection } of stalled) connection.pause()
    return () => {
      for (const { connection } of stalled) connection.resume()
    }
  }

  /** The process of a game is gone without a word. */
  async crashGame(id: number): Promise<void> {
    this.cutGame(id)
    this.#stores.get(id)!.dead = true
    this.journals.crash(id)
    const game = this.games[id - 1]!
    await Promise.all([game.leave(), this.clock.advance(0)])
  }

  /** Another process in its place, which knows nothing. */
  async startGame(id: number): Promise<Game> {
    this.#cutOff.delete(`game${id}`)
    const game = this.#newGame(id)
    this.games[id - 1] = game
    await game.start()
    return game
  }

  /** The process of a game freezes and ends. Answers what it was. With `dropping` all connections break meanwhile. */
  async freezeGame(id: number, { dropping = false } = {}): Promise<FrozenGame> {
    const game = this.games[id - 1]!
    const freezing = game.freeze()
    if (dropping) for (let n = 0; n < 8; n++) this.clock.after(this.random() * 30, () => this.network.dropAll())
    freezing.catch(() => {})
    let frozen = false
    const done = () => {
      frozen = true
    }
    void freezing.then(done, done)
    await this.clock.until(() => frozen, 20_000, `game ${id} to freeze`)
    const taken = await freezing
    const leaving = game.leave()
    await this.clock.advance(1)
    await leaving
    return taken
  }

  /** Another process goes on where the frozen one stopped, maybe with other code. */
  async restoreGame(id: number, frozen: FrozenGame, definition?: GameDefinition): Promise<Game> {
    const game = this.#newGame(id, frozen, definition)
    this.games[id - 1] = game
    const restored = () => this.log.matching('info', `game ${id} is restored`).length
    const before = restored()
    await game.start()
    await this.clock.until(() => restored() > before, 20_000, `game ${id} to be restored`)
    return game
  }

  #cut(name: string, isCut: (from: string, to: string) => boolean): () => void {
    this.#cutOff.add(name)
    const cut = this.#links.filter(({ from, to }) => isCut(from, to))
    this.#links = this.#links.filter((link) => !cut.includes(link))
    for (const { connection } of cut) connection.destroy('cut off')
    return () => void this.#cutOff.delete(name)
  }

  #transportOf(from: string): Transport {
    return {
      listen: (address, accept) => this.network.transport.listen(address, accept),
      connect: async (address) => {
        const to = formatAddress(address)
        const names = [from, `${from}>${to}`, `${from.replace(/\d+$/, '')} ${to}`]
        if (names.some((name) => this.#cutOff.has(name))) throw new Error('cut off')
        const connection = await this.network.transport.connect(address)
        this.#links.push({ from, to, connection })
        return connection
      },
    }
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
      cluster: { ...LIMITS, entityQueuePacketsMax: 1000, gameQueueBytesMax: 64 * 1024 * 1024, journalWaitMs: 10_000 },
    })
  }

  #newGame(id: number, frozen?: FrozenGame, definition?: GameDefinition): Game {
    const { bootEntity = 'Account', banned = [], gameClock = (clock) => clock } = this.#options
    return new Game({
      ...this.#common(id),
      clock: gameClock(this.clock),
      frozen,
      definition: definition ?? this.#options.definitions?.[id] ?? this.#options.definition,
      links: this.#transportOf(`game${id}`),
      dispatchers: this.#addresses,
      config: {
        bootEntity,
        saveIntervalMs: 60_000,
        positionSyncIntervalMs: 100,
        banBootEntity: banned.includes(id),
        freezeWaitMs: 1000,
        restoreLimitMs: 60_000,
        journalWaitMs: 10_000,
        saveDeadlineMs: 30_000,
        saves: { writesMax: 64, rate: 0, entitiesMax: 100_000 },
        ...LIMITS,
      },
      storage: this.#newStore(id),
      journals: this.#options.journals ? this.journals.of(id) : undefined,
      kvdb: this.kvdb,
    })
  }

  /** The storage as one process has it: from its death on nothing of it arrives. */
  #newStore(id: number): EntityStorage {
    const { storage } = this
    const store = { dead: false }
    this.#stores.set(id, store)
    return {
      write: (...args) => (store.dead ? new Promise(() => {}) : storage.write(...args)),
      read: (...args) => storage.read(...args),
      exists: (...args) => storage.exists(...args),
      list: (...args) => storage.list(...args),
      types: () => storage.types(),
      delete: (...args) => storage.delete(...args),
      close: async () => {},
    }
  }

  #newGate(id: number): Gate {
    const { gate = {} } = this.#options
    return new Gate({
      ...this.#common(id),
      links: this.#transportOf(`gate${id}`),
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
