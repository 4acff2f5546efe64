// A dispatcher on a virtual clock and an in-memory network, with games and gates that are played by the test: they say
// what the test tells them to and remember what they hear.

import { Dispatcher, type DispatcherOptions } from '../../../components/dispatcher/dispatcher.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { IdMaker } from '../../../engine/base/id.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { Turn } from '../../../engine/base/turn.ts'
import type { Link } from '../../../engine/cluster/link.ts'
import { LinkConnector } from '../../../engine/cluster/link-connector.ts'
import type { Connection, Transport } from '../../../engine/net/connection.ts'
import { MemoryNetwork } from '../../../engine/net/memory.ts'
import { type MessageName, messages, type Values } from '../../../engine/wire/messages.ts'

const ADDRESS = { kind: 'unix', path: '/dispatcher1' } as const
export const LIMITS = {
  linkGraceMs: 3000,
  linkResendBytesMax: 4 * 1024 * 1024,
  entityQueuePacketsMax: 100,
  gameQueueBytesMax: 1024 * 1024,
  journalWaitMs: 10_000,
}

const NAMES = new Map(Object.entries(messages).map(([name, { code }]) => [code, name as MessageName]))

interface Heard {
  readonly name: MessageName
  readonly values: Record<string, unknown>
}

/** A game or a gate. */
export class Actor {
  readonly role: 'game' | 'gate'
  readonly id: number
  /** Names its process. */
  readonly process: string
  readonly link: Link
  heard: Heard[] = []
  /** Said on every fresh session. */
  onUp: (() => void) | undefined
  onDown: ((reason: string) => void) | undefined
  readonly #stage: Stage
  readonly #connector: LinkConnector
  readonly #connections = new Set<Connection>()
  #dead = false
  #frozen = false

  constructor(
    stage: Stage,
    role: 'game' | 'gate',
    id: number,
    process = new IdMaker(stage.clock, stage.random).next(),
  ) {
    this.#stage = stage
    this.role = role
    this.id = id
    this.process = process
    const { clock, network, log, random } = stage
    const turn = new Turn(clock)
    const transport: Transport = {
      listen: network.transport.listen,
      connect: async (address) => {
        if (this.#dead) return new Promise(() => {})
        if (this.#frozen) throw new Error('the network is down')
        const connection = await network.transport.connect(address)
        this.#connections.add(connection)
        return connection
      },
    }
    this.#connector = new LinkConnector(
      {
        self: { role, id },
        process,
        clock,
        turn,
        log: log.child({ from: `${role} ${id}` }),
        random,
        graceMs: LIMITS.linkGraceMs,
        resendBytesMax: 64 * 1024 * 1024,
        transport,
        address: ADDRESS,
      },
      {
        up: (fresh) => {
          if (fresh) this.onUp?.()
        },
        packet: (bytes, start, end) => {
          const packet = bytes.slice(start, end)
          const name = NAMES.get(packet[0]! | (packet[1]! << 8))!
          this.heard.push({ name, values: messages[name].read(packet, 2, packet.length) })
        },
        down: (reason) => this.onDown?.(reason),
      },
    )
    this.link = this.#connector.link
    turn.stage(() => this.link.flush())
    this.#connector.start()
  }

  say<N extends MessageName>(name: N, values: Values<N>): void {
    this.link.send(name, values)
  }

  /** Whole frames, sensible or not. */
  sayBytes(type: number, fields: Uint8Array): void {
    this.link.begin(type)
    this.link.out.raw(fields)
    this.link.end()
  }

  of<N extends MessageName>(name: N): Values<N>[] {
    return this.heard.filter((one) => one.name === name).map(({ values }) => values as unknown as Values<N>)
  }

  count(name: MessageName): number {
    return this.of(name).length
  }

  hears(name: MessageName, count = 1): Promise<void> {
    return this.#stage.clock.until(
      () => this.count(name) >= count,
      20_000,
      `${this.role} ${this.id} hears ${name} (${count})`,
    )
  }

  /** The methods of the calls that it heard, in order. */
  calls(): string[] {
    return this.of('callEntity').map(({ method }) => method)
  }

  place(entityId: string, epoch = 1): void {
    this.say('entityPlaced', { entityId, epoch })
  }

  call(entityId: string, method: string): void {
    this.say('callEntity', { entityId, method, args: new Uint8Array(2) })
  }

  /** Ends like a process that stops in order. */
  leave(): void {
    this.#dead = true
    this.#connector.close()
  }

  /** Ends like a process that is killed: nothing more is said, its connection closes. */
  kill(): void {
    this.#dead = true
    for (const connection of this.#connections) connection.destroy('killed')
  }

  /** Reads no more, and goes on. */
  pause(): void {
    for (const connection of this.#connections) connection.pause()
  }

  resume(): void {
    for (const connection of this.#connections) connection.resume()
  }

  /** Loses its connection and makes none until it thaws. */
  freezeConnection(): void {
    this.#frozen = true
    this.drop()
  }

  thawConnection(): void {
    this.#frozen = false
  }

  /** Loses its connection, and will make another. */
  drop(): void {
    for (const connection of this.#connections) connection.destroy('dropped')
    this.#connections.clear()
  }
}

export class Stage {
  /** The names of the processes that were games, by number: a restored one has that of the frozen one. */
  readonly #processes = new Map<number, string>()
  readonly clock = new VirtualClock()
  readonly log = new MemoryLog()
  readonly random = seededRandom(7)
  readonly network: MemoryNetwork
  readonly options: DispatcherOptions
  dispatcher: Dispatcher

  constructor({
    games = 2,
    gates = 1,
    isSlow = true,
    ...limits
  }: Partial<typeof LIMITS> & { games?: number; gates?: number; isSlow?: boolean } = {}) {
    const latencyMs = isSlow ? ([0.1, 1] as const) : ([0, 0] as const)
    this.network = new MemoryNetwork(this.clock, { random: this.random, split: true, latencyMs })
    this.options = {
      id: 1,
      clock: this.clock,
      transport: this.network.transport,
      listen: ADDRESS,
      log: this.log,
      random: this.random,
      deployment: { games, gates },
      cluster: { ...LIMITS, ...limits },
    }
    this.dispatcher = new Dispatcher(this.options)
  }

  get status() {
    return this.dispatcher.status()
  }

  get counters() {
    return this.status.counters
  }

  /** As a process that was killed and started again: nothing of the first is left. */
  async restartDispatcher(): Promise<void> {
    const { dispatcher } = this
    this.network.dropAll()
    // Its end says goodbye to nobody: all connections are gone.
    await dispatcher.stop()
    this.dispatcher = new Dispatcher(this.options)
    await this.dispatcher.start()
  }

  /** Another process goes on as the dispatcher; with `fails` it ends before that, and the first takes all back. */
  async swapDispatcher({ fails = false } = {}): Promise<void> {
    const before = this.dispatcher
    const successor = new Dispatcher(this.options)
    before.stopListening()
    await successor.standBy()
    const document = before.handOver()
    if (fails) {
      await successor.stop()
      return before.takeBack()
    }
    successor.restore(document)
    successor.goOn()
    this.dispatcher = successor
    await before.stop()
  }

  /** A game that has said hello and, unless told otherwise, reported what it has. */
  async game(
    id: number,
    {
      has = {},
      report = true,
      restoring = false,
      ban = false,
      types = ['Avatar', 'Monster', 'M'],
      journaled = [],
      journalsClear = true,
      made = idOf(`made-0000${id}`),
    }: {
      has?: Record<string, number>
      report?: boolean
      restoring?: boolean
      ban?: boolean
      types?: string[]
      journaled?: string[]
      journalsClear?: boolean
      made?: string
    } = {},
  ): Promise<Actor> {
    const process = (restoring && this.#processes.get(id)) || new IdMaker(this.clock, this.random).next()
    this.#processes.set(id, process)
    const game = new Actor(this, 'game', id, process)
    game.onUp = () => {
      game.say('gameHello', { gameId: id, banBootEntity: ban, restoring, types, journaled, journalsClear, made })
      for (const [entityId, epoch] of Object.entries(has)) game.place(entityId, epoch)
      if (report) game.say('gameReported', {})
    }
    await this.until(
      () => this.status.games.some((one) => one.id === id && one.connected && (one.reported || !report)),
      `game ${id} is there`,
    )
    return game
  }

  async gate(id: number): Promise<Actor> {
    const gate = new Actor(this, 'gate', id)
    gate.onUp = () => gate.say('gateHello', { gateId: id })
    await this.until(() => this.status.gates.some((one) => one.id === id), `gate ${id} is there`)
    return gate
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return this.clock.until(condition, 20_000, what)
  }

  /** Long enough for all that is on its way to arrive, short for every limit of time. */
  settle(): Promise<void> {
    return this.clock.advance(30)
  }
}

export async function stage(options?: ConstructorParameters<typeof Stage>[0]): Promise<Stage> {
  const made = new Stage(options)
  await made.dispatcher.start()
  return made
}

/** An id of 16 characters that a reader can tell from others. */
export const idOf = (name: string): string => name.padEnd(16, '.')
