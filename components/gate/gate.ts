// The gate: holds client connections, checks what they send, and fans out what games say.
//
//     client ──frame──> Inbound ──stamped──> dispatcher of the entity
//     client <──one write a turn── GateClient <── Views (who sees whom) <── dispatcher of this gate
import type { Address } from '../../engine/base/address.ts'
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { messageOf, WireError } from '../../engine/base/errors.ts'
import { IdMaker } from '../../engine/base/id.ts'
import { IdTable } from '../../engine/base/id-table.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Random } from '../../engine/base/random.ts'
import { Turn } from '../../engine/base/turn.ts'
import { Cluster } from '../../engine/cluster/cluster.ts'
import type { Connection, Listener, Transport } from '../../engine/net/connection.ts'
import { clientMessages, FILTER_OPERATORS } from '../../engine/wire/client-wire.ts'
import { FrameReader } from '../../engine/wire/frame.ts'
import { AUDIENCE_ALL, messages, SYNC_OWN, SYNC_WATCHERS } from '../../engine/wire/messages.ts'
import { getU16, getU32, PacketReader } from '../../engine/wire/packet.ts'
import { RECORD_BYTES } from '../../engine/wire/sync.ts'
import { GateClient } from './client.ts'
import { Filters } from './filters.ts'
import { type Drop, type Fault, Inbound } from './inbound.ts'
import { type View, Views } from './views.ts'

export interface GateOptions {
  readonly id: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly links: Transport
  readonly dispatchers: readonly Address[]
  /** Where clients connect; more come in through `accept`. */
  readonly clients: readonly { readonly transport: Transport; readonly address: Address }[]
  /** A client silent for longer is closed; 0 = never. */
  readonly heartbeatMs: number
  readonly clientQueueBytesMax: number
  readonly clientPacketBytesMax: number
  readonly clientsMax: number
  readonly linkGraceMs: number
  readonly linkResendBytesMax: number
  readonly protocol: '2022' | '2017'
}

const FAULTS: ReadonlySet<string> = new Set<Fault>(['unknown type', 'malformed'])
const ID_BYTES = 16

export class Gate {
  readonly #options: GateOptions
  readonly #log: Log
  readonly #turn: Turn
  readonly #cluster: Cluster
  readonly #inbound: Inbound
  readonly #ids: IdMaker
  readonly #views = new Views()
  readonly #filters = new Filters()
  readonly #slots = new IdTable(1024)
  readonly #clients: (GateClient | undefined)[] = []
  readonly #free: number[] = []
  /** Connected, but the deployment was not ready yet. */
  readonly #waiting = new Set<GateClient>()
  readonly #readyDispatchers = new Set<number>()
  readonly #listeners: Listener[] = []
  readonly #counts = new Map<string, number>()
  readonly #logged = new WeakMap<GateClient, Set<string>>()
  readonly #reader = new PacketReader()
  readonly #record = new Int32Array(RECORD_BYTES / 4)
  #touched: GateClient[] = []
  #congested = new Set<number>()
  #heartbeat: Scheduled | undefined
  #ready = false
  #stopping = false

  constructor(options: GateOptions) {
    this.#options = options
    this.#log = options.log
    this.#turn = new Turn(options.clock)
    this.#ids = new IdMaker(options.clock, options.random)
    this.#cluster = new Cluster(
      {
        self: { role: 'gate', id: options.id },
        clock: options.clock,
        turn: this.#turn,
        log: options.log,
        random: options.random,
        transport: options.links,
        dispatchers: options.dispatchers,
        graceMs: options.linkGraceMs,
        resendBytesMax: options.linkResendBytesMax,
      },
      {
        up: (_dispatcher, link, fresh) => {
          if (fresh) link.send('gateHello', { gateId: options.id })
          this.#bootWaiting()
        },
        packet: (dispatcher, bytes, start, end) => this.#receive(dispatcher, bytes, start, end),
        down: (dispatcher, reason) => {
          this.#readyDispatchers.delete(dispatcher)
          if (!this.#stopping) this.#log.warn(`dispatcher ${dispatcher + 1} is gone: ${reason}; clients stay`)
        },
        congested: (dispatcher, on) => this.#setCongested(dispatcher, on),
      },
    )
    this.#inbound = new Inbound(this.#cluster, options.protocol)
    this.#turn.stage(() => this.#flushClients())
    this.#turn.stage(() => this.#cluster.flush())
  }

  /** Every process that the deployment wants is there: clients get their boot entities. */
  get ready(): boolean {
    return this.#ready
  }

  async start(): Promise<void> {
    for (const { transport, address } of this.#options.clients) {
      this.#listeners.push(await transport.listen(address, (connection) => this.accept(connection)))
    }
    this.#cluster.start()
    if (this.#options.heartbeatMs > 0) this.#checkHeartbeats()
  }

  /** Where clients can connect: the ports are known once it has started. */
  get addresses(): readonly Address[] {
    return this.#listeners.map(({ address }) => address)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#heartbeat?.cancel()
    for (const client of this.#clients) client?.connection.close('the gate stops')
    await this.#cluster.close()
    await Promise.all(this.#listeners.map((listener) => listener.close()))
  }

  status() {
    return {
      ready: this.#ready,
      clients: this.#slots.size,
      views: this.#views.size,
      waiting: this.#waiting.size,
      counts: Object.fromEntries(this.#counts),
    }
  }

  /** Takes a client's connection. */
  accept(connection: Connection): void {
    const { clock, clientQueueBytesMax, clientPacketBytesMax, clientsMax } = this.#options
    if (this.#slots.size >= clientsMax || this.#stopping) {
      this.#count('too many clients')
      connection.handle({ data() {}, close() {} })
      return connection.close('the gate is full')
    }
    const client = new GateClient(this.#ids.next(), connection, clock, clientQueueBytesMax)
    this.#add(client)
    const frames = new FrameReader(
      (bytes, start, end) => {
        client.heardMs = clock.now()
        const trouble = this.#inbound.receive(client, bytes, start, end)
        if (trouble) this.#trouble(client, trouble)
        return !client.closed
      },
      { maxBytes: clientPacketBytesMax },
    )
    connection.handle({
      data: (chunk) => {
        try {
          frames.push(chunk)
        } catch (error) {
          if (!(error instanceof WireError)) throw error
          this.#trouble(client, 'malformed', messageOf(error))
        }
      },
      drain: () => {
        if (client.caughtUp()) this.#touch(client)
      },
      close: (reason) => this.#closed(client, reason),
    })
    if (this.#congested.size > 0) connection.pause()
    this.#waiting.add(client)
    this.#bootWaiting()
  }

  // --- clients come and go -------------------------------------------------------------------------------------------

  #add(client: GateClient): void {
    const slot = this.#free.pop() ?? this.#clients.length
    this.#clients[slot] = client
    this.#slots.setText(client.id, slot)
  }

  #bootWaiting(): void {
    if (!this.#ready) return
    for (const client of this.#waiting) {
      const entityId = this.#ids.next()
      const link = this.#cluster.toEntity(entityId)
      if (!link.up) return
      this.#waiting.delete(client)
      client.bootEntityId = entityId
      link.send('bootEntity', { entityId, gateId: this.#options.id, clientId: client.id })
    }
  }

  #closed(client: GateClient, reason: string): void {
    client.closed = true
    const slot = this.#slots.deleteText(client.id)
    if (slot < 0) return
    this.#clients[slot] = undefined
    this.#free.push(slot)
    this.#waiting.delete(client)
    this.#filters.clear(client)
    for (const view of [...client.watching]) this.#views.unwatch(view, client)
    const { player } = client
    if (player?.own === client) this.#views.own(player, undefined)
    client.player = undefined
    const entityId = player?.id ?? client.bootEntityId
    if (entityId) this.#tellGone(entityId, client.id)
    this.#log.debug(`client ${client.id} (${client.connection.remote}) is gone: ${reason}`)
  }

  #tellGone(entityId: string, clientId: string): void {
    const link = this.#cluster.toEntity(entityId)
    if (link.up) link.send('clientGone', { entityId, clientId })
  }

  /** Counts what a client did wrong, logs it once for each client and reason, and ends it when the fault is its own. */
  #trouble(client: GateClient, reason: Fault | Drop | 'does not read' | 'silent', detail = ''): void {
    this.#count(reason)
    let logged = this.#logged.get(client)
    if (!logged) {
      logged = new Set()
      this.#logged.set(client, logged)
    }
    const ends = FAULTS.has(reason) || reason === 'does not read' || reason === 'silent'
    if (!logged.has(reason)) {
      logged.add(reason)
      const what = `client ${client.id} (${client.connection.remote}): ${reason}${detail && ` (${detail})`}`
      if (ends) this.#log.warn(`${what}; closed`)
      else this.#log.debug(what)
    }
    if (!ends) return
    client.closed = true
    client.connection.destroy(reason)
  }

  #count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  #checkHeartbeats(): void {
    const { clock, heartbeatMs } = this.#options
    const now = clock.now()
    for (const client of this.#clients)
      if (client && now - client.heardMs > heartbeatMs) this.#trouble(client, 'silent')
    this.#heartbeat = clock.after(heartbeatMs / 2, () => this.#checkHeartbeats())
  }

  /** While a dispatcher does not keep up, clients are not read: it is for TCP to slow them down. */
  #setCongested(dispatcher: number, on: boolean): void {
    const before = this.#congested.size > 0
    if (on) this.#congested.add(dispatcher)
    else this.#congested.delete(dispatcher)
    const now = this.#congested.size > 0
    if (before === now) return
    this.#log.warn(now ? 'a dispatcher does not keep up: clients have to wait' : 'the dispatchers keep up again')
    for (const client of this.#clients) {
      if (now) client?.connection.pause()
      else client?.connection.resume()
    }
  }

  // --- what games say ----------------------------------------------------------------------------------------------------

  #receive(dispatcher: number, bytes: Uint8Array, start: number, end: number): void {
    try {
      this.#dispatch(dispatcher, bytes, start, end)
    } catch (error) {
      if (!(error instanceof WireError || error instanceof RangeError)) throw error
      this.#count('unreadable')
      this.#log.error(`dispatcher ${dispatcher + 1} sent what cannot be read: ${messageOf(error)}`)
    }
  }

  #dispatch(dispatcher: number, bytes: Uint8Array, start: number, end: number): void {
    // Behind the type and the gate's number.
    const at = start + 4
    switch (getU16(bytes, start)) {
      case messages.positions.code:
        return this.#positions(bytes, at, end)
      case messages.changeAttr.code:
        return this.#changeAttr(bytes, at, end)
      case messages.callClient.code:
        return this.#addressed(this.#clientAt(bytes, at), clientMessages.callOnClient.code, bytes, at + ID_BYTES, end)
      case messages.callAllClients.code:
        return this.#toAudience(clientMessages.callOnClient.code, true, bytes, at, end)
      case messages.callFilteredClients.code:
        return this.#callFiltered(bytes, at, end)
      case messages.showEntity.code:
        return this.#show(bytes, start + 2, end)
      case messages.hideEntity.code:
        return this.#hide(bytes, start + 2, end)
      case messages.bindPlayer.code:
        return this.#bind(bytes, start + 2, end)
      case messages.unbindPlayer.code:
        return this.#unbind(bytes, start + 2, end)
      case messages.setFilter.code: {
        const { clientId, key, value } = messages.setFilter.read(bytes, start + 2, end)
        const client = this.#client(clientId)
        return client && this.#filters.set(client, key, value)
      }
      case messages.clearFilters.code: {
        const client = this.#client(messages.clearFilters.read(bytes, start + 2, end).clientId)
        return client && this.#filters.clear(client)
      }
      case messages.setSyncing.code: {
        const { clientId, syncing } = messages.setSyncing.read(bytes, start + 2, end)
        const client = this.#client(clientId)
        if (client) client.syncing = syncing
        return
      }
      case messages.closeClient.code: {
        const { clientId, reason } = messages.closeClient.read(bytes, start + 2, end)
        const client = this.#client(clientId)
        if (!client) return
        client.flush()
        return client.connection.close(reason)
      }
      case messages.gameDown.code:
        return this.#gameDown(messages.gameDown.read(bytes, start + 2, end).gameId)
      case messages.gameUp.code:
        return
      case messages.deploymentReady.code:
        return this.#dispatcherReady(dispatcher)
      default:
        this.#count('unknown message')
        this.#log.error(
          `dispatcher ${dispatcher + 1} sent a message of type ${getU16(bytes, start)}, which is not for gates`,
        )
    }
  }

  #dispatcherReady(dispatcher: number): void {
    this.#readyDispatchers.add(dispatcher)
    if (!this.#ready && this.#readyDispatchers.size === this.#options.dispatchers.length) {
      this.#ready = true
      this.#log.info(`gate ${this.#options.id} is ready: the whole deployment is there`)
    }
    this.#bootWaiting()
  }

  #bind(bytes: Uint8Array, start: number, end: number): void {
    const { clientId, entityId, epoch, gameId, syncing, body } = messages.bindPlayer.read(bytes, start, end)
    const client = this.#client(clientId)
    if (!client) return this.#tellGone(entityId, clientId)
    const view = this.#views.open(entityId, epoch, gameId)
    if (!view) return
    if (client.player && client.player !== view && client.player.own === client)
      this.#views.own(client.player, undefined)
    view.type = typeOf(body)
    this.#views.own(view, client)
    client.player = view
    client.syncing = syncing
    this.#filters.clear(client)
    this.#addressed(client, clientMessages.createEntity.code, body, 0, body.length)
  }

  #unbind(bytes: Uint8Array, start: number, end: number): void {
    const { clientId, entityId, epoch, body } = messages.unbindPlayer.read(bytes, start, end)
    const client = this.#client(clientId)
    const view = this.#views.known(entityId, epoch)
    if (!client || !view || client.player !== view) return
    client.player = undefined
    client.syncing = false
    client.forget(view)
    this.#views.own(view, undefined)
    this.#addressed(client, clientMessages.destroyEntity.code, body, 0, body.length)
  }

  #show(bytes: Uint8Array, start: number, end: number): void {
    const { entityId, epoch, gameId, clientIds, body } = messages.showEntity.read(bytes, start, end)
    const view = this.#views.open(entityId, epoch, gameId)
    if (!view) return
    view.type = typeOf(body)
    for (const clientId of clientIds) {
      const client = this.#client(clientId)
      if (!client || client.watching.has(view)) continue
      this.#views.watch(view, client)
      this.#addressed(client, clientMessages.createEntity.code, body, 0, body.length)
    }
    // Nobody of those is here any more.
    if (view.watchers.length === 0) this.#views.own(view, view.own)
  }

  #hide(bytes: Uint8Array, start: number, end: number): void {
    const { entityId, epoch, clientIds, body } = messages.hideEntity.read(bytes, start, end)
    const view = this.#views.known(entityId, epoch)
    if (!view) return
    for (const clientId of clientIds) {
      const client = this.#client(clientId)
      if (!client || !this.#views.unwatch(view, client)) continue
      client.forget(view)
      this.#addressed(client, clientMessages.destroyEntity.code, body, 0, body.length)
    }
  }

  /** A game has died: what lived there is gone for its watchers, and its players have nothing left to play. */
  #gameDown(gameId: number): void {
    for (const view of [...this.#views.all()]) {
      if (view.gameId !== gameId) continue
      const body = new Uint8Array(view.type.length + ID_BYTES)
      body.set(view.type)
      body.set(view.idBytes, view.type.length)
      for (const client of [...view.watchers]) {
        this.#views.unwatch(view, client)
        client.forget(view)
        this.#addressed(client, clientMessages.destroyEntity.code, body, 0, body.length)
      }
      view.own?.connection.close(`game ${gameId}, where its player lived, is gone`)
    }
  }

  /** u8 audience | u16 type | entity id, … */
  #changeAttr(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 3 + ID_BYTES) throw new WireError('an attribute change is cut off')
    this.#toAudience(getU16(bytes, at + 1), bytes[at] === AUDIENCE_ALL, bytes, at + 3, end)
  }

  /** A message whose body begins with the entity's id: to its own client, and (`all`) to all that see it. */
  #toAudience(type: number, all: boolean, bytes: Uint8Array, at: number, end: number): void {
    const view = this.#views.at(bytes, at)
    if (!view) return
    if (view.own) this.#addressed(view.own, type, bytes, at, end)
    if (all) for (const client of view.watchers) this.#addressed(client, type, bytes, at, end)
  }

  /** u8 operator | varstr key | varstr value | … : the same bytes for every client. */
  #callFiltered(bytes: Uint8Array, at: number, end: number): void {
    const reader = this.#reader.reset(bytes, at, end)
    const operator = FILTER_OPERATORS[reader.u8()]
    if (!operator) throw new WireError('an unknown filter operator')
    const key = reader.varstr()
    const value = reader.varstr()
    const send = (client: GateClient) => {
      client.common(clientMessages.callFiltered.code, bytes, at, end)
      this.#touch(client)
    }
    if (key !== '') return this.#filters.forEachMatch(key, operator, value, send)
    for (const client of this.#clients) if (client?.player) send(client)
  }

  /** u8 audience | records. Each is read once and copied to everyone who may hear of it. */
  #positions(bytes: Uint8Array, start: number, end: number): void {
    const audience = bytes[start]!
    const words = this.#record
    for (let at = start + 1; at + RECORD_BYTES <= end; at += RECORD_BYTES) {
      const view = this.#views.at(bytes, at)
      if (!view) continue
      for (let word = 0; word < words.length; word++) words[word] = getU32(bytes, at + word * 4)
      if (audience & SYNC_OWN && view.own) this.#position(view.own, view, words)
      if ((audience & SYNC_WATCHERS) === 0) continue
      const { watchers } = view
      for (let watcher = 0; watcher < watchers.length; watcher++) this.#position(watchers[watcher]!, view, words)
    }
  }

  #position(client: GateClient, view: View, words: Int32Array): void {
    client.position(view, words)
    if (!client.touched) this.#touch(client)
  }

  #addressed(client: GateClient | undefined, type: number, body: Uint8Array, from: number, to: number): void {
    if (!client || client.closed) return
    client.addressed(type, this.#options.id, body, from, to)
    if (!client.touched) this.#touch(client)
  }

  #client(clientId: string): GateClient | undefined {
    return this.#clients[this.#slots.getText(clientId)]
  }

  #clientAt(bytes: Uint8Array, at: number): GateClient | undefined {
    return this.#clients[this.#slots.get(bytes, at)]
  }

  #touch(client: GateClient): void {
    if (client.touched) return
    client.touched = true
    this.#touched.push(client)
    this.#turn.request()
  }

  #flushClients(): void {
    const touched = this.#touched
    if (touched.length === 0) return
    this.#touched = []
    for (const client of touched) {
      // A slow client costs this much and no more; what it missed cannot be made up, so it has to come again.
      if (client.isOverfull && !client.closed)
        this.#trouble(client, 'does not read', `${client.queuedBytes} bytes wait for it`)
      client.flush()
    }
  }
}

/** The type in the body of a create: bool isPlayer | entity id | u32 length, type | … */
function typeOf(body: Uint8Array): Uint8Array {
  const at = 1 + ID_BYTES
  return body.slice(at, at + 4 + getU32(body, at))
}
