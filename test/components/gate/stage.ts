// A gate on a virtual clock and an in-memory network, with dispatchers (and the games behind them) and clients that are
// played by the test: they say what the test tells them to and remember what they hear.
import { Gate, type GateOptions } from '../../../components/gate/gate.ts'
import { seededTokens } from '../../../components/gate/tokens.ts'
import type { Address } from '../../../engine/base/address.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { Turn } from '../../../engine/base/turn.ts'
import type { Link } from '../../../engine/cluster/link.ts'
import { LinkAcceptor } from '../../../engine/cluster/link-acceptor.ts'
import type { Connection, ConnectionHandlers, Listener } from '../../../engine/net/connection.ts'
import { MemoryNetwork } from '../../../engine/net/memory.ts'
import { ADDRESSED_HEADER_BYTES, clientMessages } from '../../../engine/wire/client-wire.ts'
import { FrameReader } from '../../../engine/wire/frame.ts'
import { type MessageName, messages, type Values } from '../../../engine/wire/messages.ts'
import { getU16, PacketWriter } from '../../../engine/wire/packet.ts'
import { RECORD_BYTES, recordX, writeRecord } from '../../../engine/wire/sync.ts'
import type { ValuesOf } from '../../../engine/wire/table.ts'

type ClientMessages = typeof clientMessages
export type ClientMessageName = keyof ClientMessages
type ClientValues<N extends ClientMessageName> = ValuesOf<ClientMessages[N]['fields']>

const NAMES = new Map(Object.entries(messages).map(([name, { code }]) => [code, name as MessageName]))
const CLIENT_NAMES = new Map(
  Object.entries(clientMessages).map(([name, { code }]) => [code, name as ClientMessageName]),
)
export const GATE_ID = 3
export const LIMITS = { linkGraceMs: 3000, linkResendBytesMax: 8 * 1024 * 1024 }
export const CLIENTS_AT: Address = { kind: 'unix', path: '/gate' }

/** An id of 16 characters that begins with `name`. */
export const idOf = (name: string): string => name.padEnd(16, '.')

/** The body of a client's message: what follows the client's id. */
export function bodyOf<N extends ClientMessageName>(
  name: N,
  values: Omit<ClientValues<N>, 'gateId' | 'clientId'>,
): Uint8Array {
  const writer = new PacketWriter()
  const { fields } = clientMessages[name]
  clientMessages[name].write(writer, { gateId: 0, clientId: '-'.repeat(16), ...values } as never)
  return writer.bytes.slice('clientId' in fields ? ADDRESSED_HEADER_BYTES : 6, writer.at)
}

export const createBody = (entityId: string, type = 'Avatar', isPlayer = false, attrs: object = {}): Uint8Array =>
  bodyOf('createEntity', { isPlayer, entityId, type, x: 0, y: 0, z: 0, yaw: 0, attrs: attrs as never })
export const destroyBody = (entityId: string, type = 'Avatar'): Uint8Array =>
  bodyOf('destroyEntity', { entityId, type })

export function recordsOf(...positions: [entityId: string, x: number][]): Uint8Array {
  const writer = new PacketWriter()
  for (const [entityId, x] of positions) writeRecord(writer, entityId, x, 0, 0, 0)
  return writer.copy()
}

export function positionsIn(records: Uint8Array): [entityId: string, x: number][] {
  const list: [string, number][] = []
  for (let at = 0; at < records.length; at += RECORD_BYTES)
    list.push([Buffer.from(records.subarray(at, at + 16)).toString('latin1'), recordX(records, at)])
  return list
}

export interface Heard<N extends string> {
  readonly name: N
  readonly values: Record<string, unknown>
}

/** A dispatcher, and all games behind it. */
export class FakeDispatcher {
  heard: Heard<MessageName>[] = []
  link: Link | undefined
  ended: string[] = []
  readonly #stage: Stage
  readonly #address: Address
  #listener: Listener | undefined
  #acceptor: LinkAcceptor | undefined
  readonly #connections = new Set<Connection>()

  constructor(stage: Stage, address: Address) {
    this.#stage = stage
    this.#address = address
  }

  async start(): Promise<void> {
    const { clock, log, random } = this.#stage
    const turn = new Turn(clock)
    const acceptor = new LinkAcceptor(
      {
        self: { role: 'dispatcher', id: 1 },
        clock,
        turn,
        log,
        random,
        graceMs: LIMITS.linkGraceMs,
        resendBytesMax: 256 * 1024 * 1024,
      },
      (link) => {
        this.link = link
        return {
          up: () => {},
          packet: (bytes, start, end) => {
            const packet = bytes.slice(start, end)
            const name = NAMES.get(getU16(packet, 0))!
            this.heard.push({ name, values: messages[name].read(packet, 2, packet.length) })
          },
          down: (reason) => void this.ended.push(reason),
        }
      },
    )
    turn.stage(() => acceptor.flush())
    this.#acceptor = acceptor
    await this.plugIn()
  }

  /** The process can be reached. */
  async plugIn(): Promise<void> {
    const acceptor = this.#acceptor!
    this.#listener = await this.#stage.network.transport.listen(this.#address, (connection) => {
      this.#connections.add(connection)
      acceptor.accept(connection)
    })
  }

  /** The process lives on and cannot be reached. */
  async unplug(): Promise<void> {
    await this.#listener?.close()
    for (const connection of this.#connections) connection.destroy('unplugged')
    this.#connections.clear()
  }

  /** The process is gone without a word. */
  async die(): Promise<void> {
    this.link = undefined
    await this.unplug()
  }

  /** Dies, and the next process in its place is greeted. */
  async restart(): Promise<void> {
    await this.die()
    await this.start()
    await this.hears('gateHello', 2)
  }

  /** Says that games are there, each the process that it has always been. */
  nameGames(...gameIds: number[]): void {
    for (const gameId of gameIds) this.say('gameUp', { gameId, process: idOf(`process${gameId}`) })
  }

  say<N extends MessageName>(name: N, values: Values<N>): void {
    this.link!.send(name, values)
  }

  /** Says something to the gate. */
  tell<N extends MessageName>(name: N, values: Omit<Values<N>, 'gateId'>): void {
    this.say(name, { gateId: GATE_ID, ...values } as never)
  }

  /** A packet, sensible or not. */
  sayBytes(type: number, fields: Uint8Array): void {
    this.link!.begin(type)
    this.link!.out.raw(fields)
    this.link!.end()
  }

  of<N extends MessageName>(name: N): Values<N>[] {
    return this.heard.filter((one) => one.name === name).map(({ values }) => values as unknown as Values<N>)
  }

  /** Takes what it heard, as names. */
  get names(): MessageName[] {
    return this.heard.map(({ name }) => name)
  }

  hears(name: MessageName, count = 1): Promise<void> {
    return this.#stage.clock.until(
      () => this.of(name).length >= count,
      20_000,
      `the dispatcher hears ${name} (${count})`,
    )
  }
}

export class FakeClient {
  readonly connection: Connection
  heard: Heard<ClientMessageName>[] = []
  /** Whole frames as they came. */
  frames: Uint8Array[] = []
  closed: string | undefined
  /** How many chunks came: writes of the gate, when the network does not cut. */
  chunks = 0
  /** Known once it has been asked for a boot entity. */
  id = ''
  bootId = ''
  readonly #stage: Stage

  constructor(stage: Stage, connection: Connection) {
    this.#stage = stage
    this.connection = connection
    const reader = new FrameReader(
      (bytes, start, end) => {
        const frame = bytes.slice(start - 4, end)
        this.frames.push(frame)
        const name = CLIENT_NAMES.get(getU16(frame, 4))
        if (name) this.heard.push({ name, values: clientMessages[name].read(frame, 6, frame.length) })
        return undefined
      },
      { maxBytes: 64 * 1024 * 1024 },
    )
    connection.handle({
      data: (chunk) => {
        this.chunks++
        reader.push(chunk)
      },
      close: (reason) => {
        this.closed = reason
      },
    })
  }

  send<N extends ClientMessageName>(name: N, values: ClientValues<N>): void {
    const writer = new PacketWriter()
    clientMessages[name].write(writer, values as never)
    this.connection.write(writer.copy())
  }

  call(entityId: string, method: string, ...args: unknown[]): void {
    this.send('callFromClient', { entityId, method, args: args as never })
  }

  move(entityId: string, x: number, yaw = 0): void {
    this.send('positionFromClient', { entityId, x, y: 0, z: 0, yaw })
  }

  bytes(...bytes: number[]): void {
    this.connection.write(Uint8Array.from(bytes))
  }

  get names(): ClientMessageName[] {
    return this.heard.map(({ name }) => name)
  }

  of<N extends ClientMessageName>(name: N): ClientValues<N>[] {
    return this.heard.filter((one) => one.name === name).map(({ values }) => values as unknown as ClientValues<N>)
  }

  /** Every position record that came, in order. */
  positions(): [entityId: string, x: number][] {
    return this.of('positions').flatMap(({ records }) => positionsIn(records))
  }

  forget(): void {
    this.heard = []
    this.frames = []
    this.chunks = 0
  }

  hears(name: ClientMessageName, count = 1): Promise<void> {
    return this.#stage.clock.until(() => this.of(name).length >= count, 20_000, `a client hears ${name} (${count})`)
  }

  isClosed(): Promise<void> {
    return this.#stage.clock.until(() => this.closed !== undefined, 120_000, 'a client is closed')
  }
}

/** A connection that takes nothing until it is told to, and ends only when it is destroyed. */
export class Pipe implements Connection {
  readonly remote: string
  readonly writes: { bytes: Uint8Array; done: (() => void) | undefined }[] = []
  bufferedBytes = 0
  ended: string | undefined
  #handlers: ConnectionHandlers | undefined

  constructor(remote = 'pipe') {
    this.remote = remote
  }
  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }
  pause(): void {}
  resume(): void {}
  write(bytes: Uint8Array, done?: () => void): void {
    this.writes.push({ bytes, done })
    this.bufferedBytes += bytes.length
  }
  close(reason = ''): void {
    this.ended = reason
  }
  destroy(reason = ''): void {
    this.ended = reason
    this.#handlers?.close(reason)
  }
  /** The other end says something, at once. */
  receive(bytes: Uint8Array): void {
    this.#handlers?.data(bytes)
  }
  /** Takes the oldest write; answers a copy of it. */
  take(): Uint8Array {
    const { bytes, done } = this.writes.shift()!
    const copy = bytes.slice()
    this.bufferedBytes -= bytes.length
    done?.()
    return copy
  }
}

export interface StageOptions extends Partial<GateOptions> {
  readonly dispatcherCount?: number
  /** Whether the deployment is ready at once. */
  readonly deployed?: boolean
  readonly seed?: number
  readonly split?: boolean
}

export class Stage {
  readonly clock = new VirtualClock()
  readonly log = new MemoryLog()
  readonly random: () => number
  /** Between the gate and its dispatchers. */
  readonly network: MemoryNetwork
  /** Between clients and the gate. */
  readonly internet: MemoryNetwork
  readonly dispatchers: FakeDispatcher[]
  readonly gate: Gate

  private constructor({ dispatcherCount = 1, deployed: _, seed = 1, split = false, ...options }: StageOptions) {
    this.random = seededRandom(seed)
    this.network = new MemoryNetwork(this.clock, { random: this.random, split })
    this.internet = new MemoryNetwork(this.clock, { random: this.random, split })
    const addresses = Array.from({ length: dispatcherCount }, (_, n): Address => ({ kind: 'unix', path: `/d${n}` }))
    this.dispatchers = addresses.map((address) => new FakeDispatcher(this, address))
    this.gate = new Gate({
      id: GATE_ID,
      clock: this.clock,
      random: this.random,
      log: this.log,
      links: this.network.transport,
      dispatchers: addresses,
      clients: [{ transport: this.internet.transport, address: CLIENTS_AT }],
      heartbeatMs: 0,
      clientQueueBytesMax: 256 * 1024,
      clientPacketBytesMax: 64 * 1024,
      clientsMax: 1000,
      clientsBytesMax: 1024 * 1024 * 1024,
      sessions: { graceMs: 15_000, bytesMax: 64 * 1024, tokens: seededTokens(this.random) },
      protocol: '2022',
      ...LIMITS,
      ...options,
    })
  }

  static async start(options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(options)
    for (const dispatcher of stage.dispatchers) await dispatcher.start()
    void stage.gate.start()
    for (const dispatcher of stage.dispatchers) await dispatcher.hears('gateHello')
    if (options.deployed !== false) await stage.deploy()
    return stage
  }

  async deploy(): Promise<void> {
    for (const dispatcher of this.dispatchers) {
      dispatcher.nameGames(1, 2)
      dispatcher.say('deploymentReady', {})
    }
    await this.clock.until(() => this.gate.ready, 5000, 'the gate is ready')
  }

  /** The dispatcher by which games speak to the gate. */
  get games(): FakeDispatcher {
    return this.dispatchers[GATE_ID % this.dispatchers.length]!
  }

  /** What the gate asked of whichever dispatcher. */
  asked<N extends MessageName>(name: N): Values<N>[] {
    return this.dispatchers.flatMap((dispatcher) => dispatcher.of(name))
  }

  /** Everything that is on its way arrives. */
  async settle(): Promise<void> {
    await this.clock.advance(20)
  }

  /** Each client has had its time to hear of positions. */
  async interval(): Promise<void> {
    await this.clock.advance(110)
  }

  /** A client whose connection stands. */
  async connect(): Promise<FakeClient> {
    const connecting = this.internet.transport.connect(CLIENTS_AT)
    await this.clock.advance(2)
    return new FakeClient(this, await connecting)
  }

  /** A client for which the gate has asked for a boot entity. */
  async client(): Promise<FakeClient> {
    const before = this.asked('bootEntity').length
    const client = await this.connect()
    await this.clock.until(() => this.asked('bootEntity').length > before, 5000, 'a boot entity is asked for')
    const { clientId, entityId } = this.asked('bootEntity').at(-1)!
    client.id = clientId
    client.bootId = entityId
    return client
  }

  /** A client with a player: its boot entity, or the entity given. */
  async player(entityId?: string, { gameId = 1, syncing = true } = {}): Promise<FakeClient> {
    const client = await this.client()
    this.bind(client, client.bootId, { type: 'Account', gameId, syncing })
    if (entityId) {
      this.unbind(client, client.bootId, { type: 'Account' })
      this.bind(client, entityId, { gameId, syncing })
    }
    await client.hears('createEntity', entityId ? 2 : 1)
    client.forget()
    return client
  }

  bind(
    client: FakeClient,
    entityId: string,
    { epoch = 1, gameId = 1, type = 'Avatar', syncing = false, attrs = {} as object, handed = 0 } = {},
  ): void {
    const body = createBody(entityId, type, true, attrs)
    this.games.tell('bindPlayer', { clientId: client.id, handed, entityId, epoch, gameId, syncing, body })
  }

  /** A game says everything anew: what `show` says. */
  showAnew(gameId: number, show: () => void = () => {}): void {
    this.games.tell('showAnew', { gameId })
    show()
    this.games.tell('shownAnew', { gameId })
  }

  unbind(client: FakeClient, entityId: string, { epoch = 1, type = 'Avatar' } = {}): void {
    const body = destroyBody(entityId, type)
    this.games.tell('unbindPlayer', { clientId: client.id, entityId, epoch, body })
  }

  show(
    entityId: string,
    clients: readonly FakeClient[],
    { epoch = 1, gameId = 1, type = 'Avatar', attrs = {} as object, calm = false } = {},
  ) {
    const clientIds = clients.map(({ id }) => id)
    this.games.tell('showEntity', {
      entityId,
      epoch,
      gameId,
      calm,
      clientIds,
      body: createBody(entityId, type, false, attrs),
    })
  }

  hide(entityId: string, clients: readonly FakeClient[], { epoch = 1, type = 'Avatar', calm = false } = {}): void {
    const clientIds = clients.map(({ id }) => id)
    this.games.tell('hideEntity', { entityId, epoch, calm, clientIds, body: destroyBody(entityId, type) })
  }

  positions(audience: number, ...positions: [entityId: string, x: number][]): void {
    this.games.tell('positions', { gameId: 1, audience, step: 6, records: recordsOf(...positions) })
  }

  set(entityId: string, key: string, value: unknown, audience = 1, gameId = 1): void {
    const body = bodyOf('mapSet', { entityId, path: null, key, value: value as never })
    this.games.tell('changeAttr', { gameId, audience, type: clientMessages.mapSet.code, body })
  }

  callClient(client: FakeClient, entityId: string, method: string, ...args: unknown[]): void {
    const body = bodyOf('callOnClient', { entityId, method, args: args as never })
    this.games.tell('callClient', { clientId: client.id, body })
  }
}
