// A whole cluster in one process: dispatchers, games, gates and clients on a virtual clock and an in-memory network. What
// happens to its processes is here; time is moved by whoever runs it.
import type { Address } from '../../engine/base/address.ts'
import { type Clock, VirtualClock } from '../../engine/base/clock.ts'
import { MemoryLog } from '../../engine/base/log.ts'
import { seededRandom } from '../../engine/base/random.ts'
import type { ProtocolError } from '../../engine/client/client.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import { MemoryKvdb } from '../../engine/kvdb/memory.ts'
import type { Connection } from '../../engine/net/connection.ts'
import { MemoryNetwork } from '../../engine/net/memory.ts'
import { MemoryStorage } from '../../engine/storage/memory.ts'
import { Dispatcher } from '../dispatcher/dispatcher.ts'
import type { FrozenGame } from '../game/frozen-file.ts'
import { Game, type GameOptions } from '../game/game.ts'
import { Gate } from '../gate/gate.ts'
import { nextNumber } from '../gate/successor-number.ts'
import { seededTokens } from '../gate/tokens.ts'
import { MemoryJournals } from './memory-journals.ts'
import { Stores } from './stores.ts'
import { type Plug, Wiring } from './wiring.ts'

/** From and to, in milliseconds; whoever holds it may change it. */
export type Latency = [number, number]

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
  /** Of each lane between our processes; a connection takes one of them. */
  readonly lanes?: readonly Latency[]
  /** Hears of each game before it starts. */
  readonly made?: (game: Game) => void
}

/** Stands by to take the place of a game. */
export interface Successor {
  readonly game: Game
  takeOver(): Promise<void>
  /** Whether it goes on as the game, for itself and for all others. */
  readonly isRestored: boolean
}

export type Role = 'dispatcher' | 'game' | 'gate'

const LIMITS = { linkGraceMs: 3000, linkResendBytesMax: 64 * 1024 * 1024 }
const RECONNECT_GRACE_MS = 15_000

export class SimulatedCluster {
  readonly clock = new VirtualClock()
  readonly log = new MemoryLog()
  readonly storage = new MemoryStorage()
  readonly stores = new Stores(this.storage, this.clock)
  readonly kvdb = new MemoryKvdb()
  readonly journals = new MemoryJournals(this.clock)
  readonly random: () => number
  /** Between our processes: the first lane, and all of them. */
  readonly network: MemoryNetwork
  readonly lanes: readonly MemoryNetwork[]
  /** Between clients and gates: never broken unless a test does it. */
  readonly internet: MemoryNetwork
  readonly dispatchers: Dispatcher[] = []
  readonly games: Game[] = []
  readonly gates: Gate[] = []
  readonly errors: ProtocolError[] = []
  /** By the `life` that lines of a game's process are marked with: how many lines there were when it died. */
  readonly ended = new Map<number, number>()

  protected readonly options: ClusterOptions
  protected readonly wiring: Wiring
  protected readonly addresses: readonly Address[]
  readonly #doors: Wiring
  /** What a process that lives has of the network: `game 1`. */
  readonly #plugs = new Map<string, Plug[]>()
  readonly #lives = new WeakMap<Game, number>()
  #lastLife = 0

  constructor(options: ClusterOptions) {
    this.options = options
    this.addresses = Array.from({ length: options.dispatchers ?? 1 }, (_, n) => ({ kind: 'unix', path: `/d${n + 1}` }))
    const random = seededRandom(options.seed ?? 1)
    this.random = random
    const { split = false, lanes = [[0.1, 1]] } = options
    this.lanes = lanes.map((latencyMs) => new MemoryNetwork(this.clock, { random, split, latencyMs }))
    this.network = this.lanes[0]!
    this.internet = new MemoryNetwork(this.clock, { random })
    this.wiring = new Wiring(
      this.lanes.map(({ transport }) => transport),
      random,
    )
    this.#doors = new Wiring([this.internet.transport], random)
  }

  /** Starts every process, and lets time pass until all are there. */
  async begin(): Promise<void> {
    const { games = 1, gates = 1 } = this.options
    this.dispatchers.push(...this.addresses.map((_, n) => this.#newDispatcher(n + 1)))
    for (let id = 1; id <= games; id++) this.games.push(this.#newGame(id))
    for (let id = 1; id <= gates; id++) this.gates.push(this.#newGate(id))
    for (const process of [...this.dispatchers, ...this.games, ...this.gates]) void process.start()
    await this.clock.until(() => this.games.every((game) => game.ready), 10_000, 'the deployment to be ready')
    await this.clock.advance(10)
  }

  async stop(): Promise<void> {
    const stopped = Promise.all([...this.gates, ...this.games, ...this.dispatchers].map((process) => process.stop()))
    await this.clock.advance(5000)
    await stopped
  }

  /** The process of a role and number lives. */
  lives(role: Role, id: number): boolean {
    return this.#plugs.has(`${role} ${id}`)
  }

  /** The games that live. */
  get livingGames(): Game[] {
    return this.games.filter((_, n) => this.lives('game', n + 1))
  }

  // --- death and birth -------------------------------------------------------------------------------------------------

  /** A process is gone without a word. Resolves when nothing of it runs any more, which may take time. */
  async kill(role: Role, id: number): Promise<void> {
    for (const plug of this.#plugs.get(`${role} ${id}`) ?? []) plug.pull()
    this.#plugs.delete(`${role} ${id}`)
    if (role === 'dispatcher') return this.dispatchers[id - 1]!.stop()
    if (role === 'gate') return this.gates[id - 1]!.stop()
    this.stores.end(id)
    this.journals.crash(id)
    const game = this.games[id - 1]!
    this.ended.set(this.#lives.get(game)!, this.log.lines.length)
    return game.leave()
  }

  /** Another process in its place, which knows nothing but what a game before it was when it froze. */
  async replace(role: Role, id: number, frozen?: FrozenGame, definition?: GameDefinition): Promise<void> {
    switch (role) {
      case 'dispatcher':
        this.dispatchers[id - 1] = this.#newDispatcher(id)
        return this.dispatchers[id - 1]!.start()
      case 'gate':
        this.gates[id - 1] = this.#newGate(id)
        return this.gates[id - 1]!.start()
      case 'game':
        this.wiring.mend(`game${id}`)
        this.games[id - 1] = this.#newGame(id, { frozen, ...(definition && { definition }) })
        return this.games[id - 1]!.start()
    }
  }

  /** The process of a frozen game has left: it says goodbye, and is gone. */
  async retire(id: number): Promise<void> {
    this.#plugs.delete(`game ${id}`)
    await this.games[id - 1]!.leave()
    this.journals.crash(id)
  }

  /**
   * A process with what was copied of a game ahead, maybe of other code: nobody knows of it until it takes the place of the one
   * that has left.
   */
  standBy(id: number, ahead: FrozenGame, definition?: GameDefinition): Successor {
    const plug = this.wiring.plug(`game${id}`)
    let isRestored = false
    const restored = () => {
      isRestored = true
      game.keepIn(this.options.journals ? this.journals.of(id) : undefined)
    }
    const other = definition && { definition }
    const game = this.#newGame(id, { ahead, restored, links: plug, journals: undefined, ...other })
    return {
      game,
      takeOver: () => {
        this.wiring.mend(`game${id}`)
        this.#plugs.set(`game ${id}`, [plug])
        this.games[id - 1] = game
        return game.start()
      },
      get isRestored() {
        return isRestored
      },
    }
  }

  /** Makes a game of a copy of another, in memory alone. Throws when that cannot be. */
  rehearse(id: number, copy: FrozenGame): void {
    const nowhere = { links: this.wiring.plug(`game${id}`), storage: new MemoryStorage(), kvdb: new MemoryKvdb() }
    this.#newGame(id, { frozen: copy, journals: undefined, ...nowhere }).prepare()
  }

  /**
   * Another process goes on as the dispatcher; with `fails` it ends before that, and the first takes all back. Time passes
   * between the steps.
   */
  async swapDispatcher(id: number, pauseMs = 0, { fails = false } = {}): Promise<void> {
    const before = this.dispatchers[id - 1]!
    const plugs = this.#plugs.get(`dispatcher ${id}`)!
    const successor = this.#newDispatcher(id)
    const successors = this.#plugs.get(`dispatcher ${id}`)!
    const pause = () => new Promise<void>((resolve) => void this.clock.after(pauseMs, resolve))
    before.stopListening()
    await successor.standBy()
    await pause()
    const document = before.handOver()
    await pause()
    if (fails) {
      for (const plug of successors) plug.pull()
      await successor.stop()
      this.#plugs.set(`dispatcher ${id}`, plugs)
      return before.takeBack()
    }
    successor.restore(document)
    successor.goOn()
    this.dispatchers[id - 1] = successor
    for (const plug of plugs) plug.pull()
    await before.stop()
  }

  /** Another gate takes the doors of this one, whose clients go over to it, or are closed when they have had their time. */
  async swapGate(id: number, drainMs: number): Promise<void> {
    const before = this.gates[id - 1]!
    const number = nextNumber(before.status().id)
    const successor = this.#newGate(id, number)
    successor.join()
    while (!successor.ready) await new Promise<void>((resolve) => void this.clock.after(5, resolve))
    before.stopListening()
    await successor.listen()
    this.gates[id - 1] = successor
    await before.drain(drainMs)
    await before.stop()
  }

  // --- what is cut -------------------------------------------------------------------------------------------------------

  /** Gates cannot reach a dispatcher; games can. Answers how to mend it. */
  cutGatesFrom(dispatcher: number): () => void {
    return this.wiring.cut('gate', this.addresses[dispatcher - 1]!)
  }

  /** A game reaches no dispatcher, and knows nothing of it. Answers how to mend it. */
  cutGame(id: number): () => void {
    return this.wiring.cut(`game${id}`)
  }

  /** A game does not reach one dispatcher. */
  cutGameFrom(id: number, dispatcher: number): () => void {
    return this.wiring.cut(`game${id}`, this.addresses[dispatcher - 1]!)
  }

  /** A game takes nothing of what is said to it. Answers how to let it go on. */
  stallGame(id: number): () => void {
    const stalled = this.wiring.connectionsOf(`game${id}`)
    for (const connection of stalled) connection.pause()
    return () => {
      for (const connection of stalled) connection.resume()
    }
  }

  // --- processes -----------------------------------------------------------------------------------------------------------

  #newDispatcher(id: number): Dispatcher {
    const { games = 1, gates = 1 } = this.options
    return new Dispatcher({
      ...this.#common(id),
      transport: this.#plug('dispatcher', id),
      listen: this.addresses[id - 1]!,
      deployment: { games, gates },
      cluster: { ...LIMITS, entityQueuePacketsMax: 1000, gameQueueBytesMax: 64 * 1024 * 1024, journalWaitMs: 10_000 },
    })
  }

  #newGame(id: number, given: Partial<GameOptions> = {}): Game {
    const { bootEntity = 'Account', banned = [], gameClock = (clock) => clock } = this.options
    const life = ++this.#lastLife
    const game = new Game({
      ...this.#common(id),
      log: this.log.child({ life }),
      clock: gameClock(this.clock),
      definition: this.options.definitions?.[id] ?? this.options.definition,
      links: given.links ?? this.#plug('game', id),
      dispatchers: this.addresses,
      config: {
        bootEntity,
        saveIntervalMs: 60_000,
        positionSyncIntervalMs: 100,
        banBootEntity: banned.includes(id),
        freezeWaitMs: 1000,
        restoreLimitMs: 60_000,
        journalWaitMs: 10_000,
        saveDeadlineMs: 30_000,
        reconnectGraceMs: RECONNECT_GRACE_MS,
        saves: { writesMax: 64, rate: 0, entitiesMax: 100_000 },
        ...LIMITS,
      },
      storage: given.storage ?? this.stores.of(id),
      journals: this.options.journals && !('journals' in given) ? this.journals.of(id) : undefined,
      keepsJournal: this.options.journals === true,
      kvdb: this.kvdb,
      ...given,
    })
    this.#lives.set(game, life)
    this.options.made?.(game)
    return game
  }

  #newGate(id: number, number = id): Gate {
    const { gate = {} } = this.options
    const links = this.#plug('gate', id)
    const door = this.#doors.plug(`gate${id}`)
    this.#plugs.get(`gate ${id}`)!.push(door)
    return new Gate({
      ...this.#common(number),
      links,
      dispatchers: this.addresses,
      clients: [{ transport: door, address: doorOf(id) }],
      heartbeatMs: 0,
      clientQueueBytesMax: 4 * 1024 * 1024,
      clientPacketBytesMax: 1024 * 1024,
      clientsMax: 10_000,
      clientsBytesMax: 1024 * 1024 * 1024,
      sessions: { graceMs: RECONNECT_GRACE_MS, bytesMax: 256 * 1024, tokens: seededTokens(this.random) },
      protocol: '2022',
      ...LIMITS,
      ...gate,
    } as ConstructorParameters<typeof Gate>[0])
  }

  #plug(role: Role, id: number): Plug {
    const plug = this.wiring.plug(`${role}${id}`)
    this.#plugs.set(`${role} ${id}`, [plug])
    return plug
  }

  #common(id: number) {
    return { id, clock: this.clock, log: this.log, random: this.random }
  }

  /** A connection of a client to a gate. */
  dial(gateId: number): Promise<Connection> {
    return this.internet.transport.connect(doorOf(gateId))
  }
}

const doorOf = (gateId: number): Address => ({ kind: 'unix', path: `/g${gateId}` })
