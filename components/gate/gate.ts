// The gate: holds the connections of clients, checks what they say, and passes on to each what games say once to all.
//
//     client ──> Client: frames ──> Intake: checks, stamp ──> Cluster ──> dispatcher ──> game
//     client <── Output: batch  <── FanOut, ViewChanges: who <── Cluster <── dispatcher <── game
import type { Address } from '../../engine/base/address.ts'
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { WireError } from '../../engine/base/errors.ts'
import { ID_BYTES, IdMaker } from '../../engine/base/id.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Random } from '../../engine/base/random.ts'
import { Turn } from '../../engine/base/turn.ts'
import { Cluster } from '../../engine/cluster/cluster.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { Peers } from '../../engine/cluster/peers.ts'
import type { Connection, Listener, Misspoken, Transport } from '../../engine/net/connection.ts'
import { SESSION_SUBPROTOCOL } from '../../engine/wire/client-wire.ts'
import { messages } from '../../engine/wire/messages.ts'
import { getU16 } from '../../engine/wire/packet.ts'
import { Addresses } from './addresses.ts'
import { BackPressure } from './back-pressure.ts'
import { Budgets } from './budgets.ts'
import { BufferPool } from './buffers.ts'
import { Client, type OtherSpeech } from './client.ts'
import { Clients } from './clients.ts'
import { Doubts } from './doubts.ts'
import { FanOut } from './fan-out.ts'
import { Farewells } from './farewells.ts'
import { grantFeatures } from './features.ts'
import { Filters } from './filters.ts'
import { Heartbeat } from './heartbeat.ts'
import { Held } from './held.ts'
import { Intake } from './intake.ts'
import { MemoryLimit } from './memory-limit.ts'
import { Output } from './output.ts'
import { OwnPlaces } from './own-places.ts'
import { Phases } from './phases.ts'
import { RateLimit } from './rate-limit.ts'
import { REFUSALS, type Refusal, Refusals } from './refusals.ts'
import { type SessionSettings, Sessions } from './sessions.ts'
import { Unasked } from './unasked.ts'
import { Unshown } from './unshown.ts'
import { ViewChanges } from './view-changes.ts'
import { Views } from './views.ts'

export interface GateOptions {
  readonly id: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly links: Transport
  readonly dispatchers: readonly Address[]
  /** Where clients connect. Others, WebSockets say, are handed to `accept`. */
  readonly clients: readonly { readonly transport: Transport; readonly address: Address }[]
  /** A client may be silent for this long; 0: for ever. */
  readonly heartbeatMs: number
  /** A client with more unsent bytes than this is closed. */
  readonly clientQueueBytesMax: number
  /** A client that announces a longer frame is closed. */
  readonly clientPacketBytesMax: number
  /** A client that says more in a second, in frames or in bytes, is read more slowly; 0, or left out: there is no limit. */
  readonly clientRateMax?: number
  readonly clientBytesRateMax?: number
  /** A client is not sent more positions in a second than this leaves room for; 0, or left out: all there are. */
  readonly clientBytesPerSecond?: number
  readonly clientsMax: number
  /** From one address; 0, or left out: there is no limit. */
  readonly clientsPerAddressMax?: number
  /** What all clients together may take of memory. */
  readonly clientsBytesMax: number
  readonly linkGraceMs: number
  readonly linkResendBytesMax: number
  /** Of our own clients; without it there are none. */
  readonly sessions?: SessionSettings | undefined
  /** Which of GoWorld's clients connect. */
  readonly protocol: '2022' | '2017'
}

const DRAIN_LOOK_MS = 50
/** How long a client that is being closed may take to read what was said to it. */
const CLOSE_MS = 3000

export class Gate {
  readonly #options: GateOptions
  readonly #log: Log
  /** At whose end clients hear what there is for them. */
  readonly #turn: Turn
  /** At whose end the games do. */
  readonly #linkTurn: Turn
  readonly #cluster: Cluster
  readonly #ids: IdMaker
  readonly #addresses: Addresses
  readonly #clients = new Clients()
  readonly #held = new Held(this.#clients)
  readonly #views: Views
  readonly #filters = new Filters()
  readonly #unshown = new Unshown()
  readonly #ownPlaces: OwnPlaces
  readonly #viewChanges: ViewChanges
  readonly #unasked: Unasked
  readonly #phases: Phases
  readonly #fanOut: FanOut
  readonly #farewells: Farewells
  readonly #intake: Intake
  readonly #sessions: Sessions
  readonly #heartbeat: Heartbeat
  readonly #memoryLimit: MemoryLimit
  readonly #rateLimit: RateLimit
  readonly #games: Peers
  readonly #refusals: Refusals
  readonly #budgets: Budgets
  readonly #pool = new BufferPool()
  readonly #listeners: Listener[] = []
  /** Clients that wait for a boot entity, in the order in which they came. */
  readonly #waiting = new Set<Client>()
  /** Closed by us and still on their way out. */
  readonly #leaving = new Map<Client, Scheduled>()
  readonly #readyDispatchers = new Set<number>()
  readonly #backPressure: BackPressure
  readonly #doubts: Doubts
  /** Outputs with something to say at the end of this turn, and those that are saying it. */
  #touched: Output[] = []
  #flushing: Output[] = []
  #ready = false
  #stopping = false
  #saidFull = false
  #gone: (() => void) | undefined
  #unreadable = 0

  constructor(options: GateOptions) {
    const { id, clock, random, log } = options
    this.#options = options
    this.#log = log
    this.#turn = new Turn(clock)
    this.#linkTurn = new Turn(clock, { gathers: true })
    this.#ids = new IdMaker(clock, random)
    this.#refusals = new Refusals(log, clock)
    this.#addresses = new Addresses(options.clientsPerAddressMax ?? 0)
    this.#cluster = new Cluster(
      {
        self: { role: 'gate', id },
        clock,
        turn: this.#linkTurn,
        log,
        random,
        transport: options.links,
        dispatchers: options.dispatchers,
        // Of the same maker as the ids of its clients: so games know whose they are.
        process: this.#ids.next(),
        graceMs: options.linkGraceMs,
        resendBytesMax: options.linkResendBytesMax,
      },
      {
        up: (dispatcher, link, fresh, forgotten) => this.#dispatcherUp(dispatcher, link, fresh, forgotten),
        broken: (dispatcher) => this.#isOwn(dispatcher) && this.#games.dispatcherBroken(),
        packet: (dispatcher, bytes, start, end) => this.#receive(dispatcher, bytes, start, end),
        down: (dispatcher, reason) => this.#dispatcherDown(dispatcher, reason),
        congested: (dispatcher, backlog) => this.#backPressure.congestion(String(dispatcher), backlog !== 'little'),
      },
    )
    this.#backPressure = new BackPressure({ clock, log, clients: this.#clients })
    this.#farewells = new Farewells(clock, this.#cluster)
    this.#ownPlaces = new OwnPlaces(this.#cluster)
    this.#views = new Views((client, view) => this.#viewChanges.withdraw(client, view))
    this.#phases = new Phases(clock, (slot) => this.#fanOut.tellMoved(slot))
    const known = {
      gateId: id,
      clients: this.#clients,
      views: this.#views,
      filters: this.#filters,
      unshown: this.#unshown,
      phases: this.#phases,
    }
    this.#viewChanges = new ViewChanges({
      ...known,
      close: (client, reason) => this.#close(client, `closed by its game: ${reason}`, true),
      leaving: (view) => {
        if (!this.#games.known.includes(view.leavingTo)) this.#doubts.add(view)
      },
      taken: (client) => this.#doubts.taken(client),
      left: (view) => this.#doubts.add(view),
      refuse: (refused) => this.#ownLink.send('clientRefused', refused),
      playerChanged: (client) => {
        this.#doubts.playerChanged(client)
        this.#backPressure.readOrPause(client)
      },
      bound: (client) => this.#sessions.bound(client),
    })
    this.#doubts = new Doubts({
      ...known,
      clock,
      log,
      linkGraceMs: options.linkGraceMs,
      viewChanges: this.#viewChanges,
      close: (client, reason) => this.#close(client, reason, true),
    })
    this.#budgets = new Budgets(clock, options.clientBytesPerSecond ?? 0)
    this.#unasked = new Unasked(clock, this.#phases)
    this.#fanOut = new FanOut({
      ...known,
      ownPlaces: this.#ownPlaces,
      unasked: this.#unasked,
      held: this.#held,
      hasBudgets: this.#budgets.bytesPerSecond > 0,
      protocol: options.protocol,
      awaitsTurnEnd: () => this.#turn.request(),
      closeClient: (client, reason) => this.#close(client, `closed by its game: ${reason}`),
    })
    this.#intake = new Intake(this.#cluster, options.protocol, {
      asked: (client) => this.#unasked.asked(client.slot),
      moved: (client) => this.#phases.heard(client.slot),
      drop: (client, reason) => this.#refusals.add(client, reason),
      refuse: (client, reason, detail) => this.#refuse(client, reason, detail),
      session: (client, bytes, start, end) => this.#sessions.frame(client, bytes, start, end),
    })
    this.#sessions = new Sessions({
      gateId: id,
      clock,
      log,
      cluster: this.#cluster,
      settings: options.sessions,
      queueBytesMax: options.clientQueueBytesMax,
      owner: {
        admits: (client) => this.#admits(client),
        boot: (client) => this.#boot(client),
        giveUpBoot: (client) => this.#giveUpBoot(client),
        forget: (client) => this.#forget(client),
        refuse: (client, reason, detail) => this.#refuse(client, reason, detail),
        leave: (client, reason) => this.#leave(client, reason),
        grant: (client, features) => grantFeatures(features, client.slot, this.#views, this.#phases),
        readOrPause: (client) => this.#backPressure.readOrPause(client),
        acknowledged: (client) => this.#ownPlaces.acknowledged(client),
      },
    })
    this.#games = new Peers(clock, options.linkGraceMs, {
      gone: (gameId) => this.#gameDown(gameId),
      settled: () => this.#bootWaiting(),
    })
    this.#heartbeat = new Heartbeat({
      clock,
      clients: this.#clients,
      heartbeatMs: options.heartbeatMs,
      refuse: (client, reason, detail) => this.#refuseOrCut(client, reason, detail),
    })
    this.#memoryLimit = new MemoryLimit({
      clock,
      log,
      clients: { [Symbol.iterator]: () => this.#withLeaving() },
      bytesMax: options.clientsBytesMax,
      letGo: (client, detail) => this.#letGo(client, 'memory', detail),
    })
    this.#rateLimit = new RateLimit({
      clock,
      framesMax: options.clientRateMax ?? 0,
      bytesMax: options.clientBytesRateMax ?? 0,
      changed: (client, limit) => this.#rateChanged(client, limit),
    })
    this.#turn.stage(() => this.#flushOutputs())
    this.#linkTurn.stage(() => this.#cluster.flush())
  }

  /** The whole deployment was there, and some game still is: clients that come get an entity. */
  get ready(): boolean {
    return this.#ready && this.#games.known.length > 0
  }

  /** Where it really listens for clients. */
  get addresses(): readonly Address[] {
    return this.#listeners.map(({ address }) => address)
  }

  async start(): Promise<void> {
    await this.listen()
    this.join()
  }

  /** Takes clients from now on: where it did before, if it did. */
  async listen(): Promise<void> {
    for (const [at, { transport, address }] of this.#options.clients.entries()) {
      const accept = (connection: Connection) => this.accept(connection)
      this.#listeners[at] = await transport.listen(this.#listeners[at]?.address ?? address, accept)
    }
  }

  /** Its addresses are free for a successor. Clients that are there stay. */
  stopListening(): void {
    for (const listener of this.#listeners) listener.stop()
  }

  /** Is a gate of the cluster from now on. */
  join(): void {
    this.#cluster.start()
    this.#heartbeat.start()
    this.#memoryLimit.start()
  }

  /** A successor has its place: resolves when all clients are gone to it, or `limitMs` later. Then it has to stop. */
  async drain(limitMs: number): Promise<void> {
    const { clock } = this.#options
    this.moveOn('a new gate takes its place')
    // Who has lost its connection comes back to the successor.
    const isEmpty = () => this.#clients.size <= this.#sessions.lost
    for (const end = clock.now() + limitMs; !isEmpty() && clock.now() < end; )
      await new Promise<void>((resolve) => void clock.after(DRAIN_LOOK_MS, resolve, true))
  }

  /** Closes all clients, then leaves the cluster; that tells the games that they are gone. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#heartbeat.stop()
    this.#memoryLimit.stop()
    this.#budgets.stop()
    this.#phases.stop()
    this.#doubts.stop()
    this.#games.stop()
    const gone = new Promise<void>((resolve) => {
      this.#gone = resolve
    })
    // Those with a session go on at another gate, if there is one.
    this.moveOn('the gate stops')
    for (const client of this.#clients) this.#close(client, 'the gate stops', true)
    this.#sessions.talk.stop()
    // Each goes within CLOSE_MS, whether it reads what was said to it or not.
    if (this.#leaving.size > 0) await gone
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    await this.#cluster.close()
  }

  /** Takes a client. */
  accept(connection: Connection): void {
    if (this.#stopping) return this.#turnAway(connection, 'stopping')
    const { clientsMax, clientQueueBytesMax, clientPacketBytesMax, clock } = this.#options
    const greets = this.#options.sessions !== undefined && connection.protocol === SESSION_SUBPROTOCOL
    // It may be one of those that have lost their connection: then it takes that one's place.
    const taken = this.#clients.size - (greets ? this.#sessions.lost : 0)
    if (taken >= clientsMax) {
      if (!this.#saidFull) this.#log.warn(`clients_max = ${clientsMax} is reached: more are turned away`)
      this.#saidFull = true
      return this.#turnAway(connection, 'gateFull')
    }
    if (!this.#addresses.enter(connection.remote)) {
      const detail = `clients_per_address_max = ${this.#options.clientsPerAddressMax}`
      return this.#turnAway(connection, 'addressFull', detail)
    }
    const identity = { slot: this.#clients.nextSlot, id: this.#ids.next(), bootId: this.#ids.next() }
    const output = new Output(
      identity.slot,
      identity.id,
      connection,
      this.#pool,
      this.#outputOwner,
      clientQueueBytesMax,
    )
    const limits = { packetBytesMax: clientPacketBytesMax, nowMs: clock.now() }
    const client = new Client(identity, connection, output, this.#clientOwner, limits)
    this.#clients.add(client)
    this.#fanOut.addOutput(output)
    this.#phases.add(output.slot)
    this.#unasked.add(output.slot)
    this.#budgets.add(output)
    this.#log.debug(`client ${client.id} has come from ${client.remote}`)
    if (greets) client.state = 'greeting'
    else this.#boot(client)
    client.open()
    this.#backPressure.readOrPause(client)
  }

  /** Somebody was closed before there was a connection to `accept`. */
  refuseStranger(reason: Refusal, remote: string, detail: string): void {
    this.#refusals.addStranger(reason, remote, detail)
  }

  /** Tells every client with a session that it goes on elsewhere; until it does, it is served here. */
  moveOn(reason: string): void {
    this.#sessions.moveOn(reason)
  }

  status() {
    let lagging = 0
    let queuedBytes = 0
    for (const { output } of this.#clients) {
      if (output.lagging) lagging++
      queuedBytes += output.queuedBytes
    }
    return {
      id: this.#options.id,
      ready: this.ready,
      clients: this.#clients.size,
      waiting: this.#waiting.size,
      leaving: this.#leaving.size,
      sessions: this.#sessions.status(),
      lagging,
      queuedBytes,
      clientBytes: this.#memoryLimit.bytes,
      paused: this.#backPressure.paused,
      slowGames: this.#backPressure.slowGames,
      limited: this.#rateLimit.limited,
      timesLimited: this.#rateLimit.timesLimited,
      overBudget: this.#budgets.over,
      waitedRecords: this.#budgets.waited,
      games: this.#games.known,
      entities: this.#views.size,
      watchings: this.#views.watchings,
      calls: this.#intake.calls,
      inputs: this.#intake.inputs,
      positions: this.#intake.positions,
      deliveredRecords: this.#fanOut.deliveredRecords,
      deliveredMessages: this.#fanOut.deliveredMessages + this.#viewChanges.delivered,
      missedClients: this.#fanOut.missedClients + this.#viewChanges.missedClients,
      missedEntities: this.#fanOut.missedEntities,
      stale: this.#viewChanges.stale,
      unreadable: this.#unreadable,
      refused: { ...this.#refusals.counts },
      links: this.#cluster.links.map(({ up, unackedBytes, droppedBatches }) => ({ up, unackedBytes, droppedBatches })),
    }
  }

  // --- clients -------------------------------------------------------------------------------------------------------

  readonly #clientOwner = {
    frame: (client: Client, bytes: Uint8Array, start: number, end: number) => {
      const { state } = client
      if (state === 'gone') return false
      if (state === 'greeting' || state === 'resuming') return this.#sessions.early(client, bytes, start, end)
      return this.#intake.frame(client, bytes, start, end)
    },
    badLength: (client: Client, message: string) => this.#refuse(client, 'badLength', message),
    misspoken: (client: Client, what: Misspoken | OtherSpeech, detail: string) => this.#refuse(client, what, detail),
    said: (client: Client, frames: number, bytes: number) => {
      if (client.state === 'gone') return
      if (client.session) this.#sessions.talk.came(client, frames)
      this.#rateLimit.spend(client, frames, bytes)
    },
    closed: (client: Client, reason: string) => this.#closed(client, reason),
    lineOver: (remote: string) => this.#addresses.leave(remote),
  }

  readonly #outputOwner = {
    held: this.#held,
    touched: (output: Output) => {
      this.#touched.push(output)
      this.#turn.request()
    },
    overflowed: (output: Output) =>
      this.#letGo(this.#clients.at(output.slot), 'overflow', `${output.queuedBytes} bytes wait for it`),
  }

  /** Closes a client that costs too much, and keeps nothing for it: when it comes again it is told everything anew. */
  #letGo(client: Client, reason: Refusal, detail: string): void {
    if (client.state === 'gone') return client.connection.destroy(reason)
    if (!client.session?.isLost) this.#refuseOrCut(client, reason, detail)
    if (client.session?.isLost) this.#sessions.void(client)
  }

  /** Clients, and those who still read what was said to them in the end. */
  *#withLeaving(): IterableIterator<Client> {
    yield* this.#clients
    yield* this.#leaving.keys()
  }

  /** Asks for the client's first entity, as soon as there is somebody to ask. */
  #boot(client: Client): void {
    const link = this.#cluster.toEntity(client.entityId)
    if (!this.#ready || !this.#games.settled || !link.up || !this.#ownLink.up) {
      this.#waiting.add(client)
      return
    }
    this.#waiting.delete(client)
    client.state = 'booting'
    client.bootedMs = this.#options.clock.now()
    const { entityId, id: clientId } = client
    link.send('bootEntity', { entityId, gateId: this.#options.id, clientId, session: this.#sessions.nameOf(client) })
  }

  /** A client has said that it is a new one. What it hears is no farewell: another gate may have room. */
  #admits(client: Client): boolean {
    if (this.#clients.size <= this.#options.clientsMax) return true
    this.#refuse(client, 'gateFull', 'it has no place of its own')
    return false
  }

  #bootWaiting(): void {
    for (const client of this.#waiting) this.#boot(client)
  }

  /** Closes a client for what it did. It is not waited for. */
  #refuse(client: Client, reason: Refusal, detail: string): void {
    if (client.state === 'gone') return
    this.#refusals.add(client, reason, detail)
    const isToldWhy = client.session?.isAgreed || reason === 'badHello'
    if (isToldWhy) this.#sessions.talk.say(client, 'farewell', { reason: REFUSALS[reason] })
    this.#forget(client)
    if (isToldWhy) this.#end(client, reason)
    else client.output.destroy(reason)
  }

  /** The same for what a client with a session may come back from: to its player, or for another where it has none. */
  #refuseOrCut(client: Client, reason: Refusal, detail: string): void {
    if (!client.session?.isAgreed) return this.#refuse(client, reason, detail)
    this.#refusals.add(client, reason, detail)
    if (reason === 'notBooted') this.#close(client, REFUSALS[reason], true)
    else this.#sessions.cut(client, reason)
  }

  /** Closes a client that did nothing wrong: it still gets what was said to it. `isForNow`: it is welcome to come again. */
  #close(client: Client, reason: string, isForNow = false): void {
    if (client.state === 'gone') return
    this.#log.info(`client ${client.id} (${client.remote}) is closed: ${reason}`)
    if (client.session && !isForNow) this.#sessions.talk.say(client, 'farewell', { reason })
    this.#forget(client)
    this.#end(client, reason, isForNow && client.session !== undefined)
  }

  /** Closes a client that has said that it goes. */
  #leave(client: Client, reason: string): void {
    if (client.state === 'gone') return
    this.#log.debug(`client ${client.id} leaves: ${reason}`)
    this.#forget(client)
    this.#end(client, reason)
  }

  /** Closes a client whose session goes on by another connection: its player stays. */
  #moved(client: Client, reason: string): void {
    if (client.state === 'gone') return
    this.#log.debug(`client ${client.id} goes on by another connection: ${reason}`)
    this.#forget(client, false)
    this.#end(client, reason, true)
  }

  /** Ends the connection of a client that is forgotten, if it has one, when that has taken all. */
  #end(client: Client, reason: string, isForNow = false): void {
    client.output.close(reason, isForNow)
    if (client.session?.isLost) return
    const patience = this.#options.clock.after(CLOSE_MS, () => client.connection.destroy(reason))
    this.#leaving.set(client, patience)
  }

  /** The connection is over, whoever ended it. */
  #closed(client: Client, reason: string): void {
    if (client.state !== 'gone') {
      if (!this.#stopping && this.#sessions.lose(client, reason)) return
      this.#log.debug(`client ${client.id} has left: ${reason}`)
      this.#forget(client)
      client.output.gone()
    }
    this.#leaving.get(client)?.cancel()
    this.#leaving.delete(client)
    if (this.#leaving.size === 0) this.#gone?.()
  }

  /** Nobody sees the client any more, and its entity is told. */
  #forget(client: Client, isToldToGame = true): void {
    const { state } = client
    // The leaving of the gate itself tells the games of all its clients.
    if (state !== 'waiting' && state !== 'greeting' && !this.#stopping && isToldToGame)
      this.#farewells.tell(client.entityId, client.id)
    client.state = 'gone'
    client.forgetUnfinished()
    this.#sessions.forget(client)
    this.#waiting.delete(client)
    this.#filters.clear(client.slot)
    this.#views.forget(client.slot, client.player)
    this.#views.unnumber(client.slot)
    this.#phases.remove(client.slot)
    this.#clients.setPlayer(client, undefined)
    this.#clients.remove(client)
    this.#rateLimit.forget(client)
    this.#budgets.forget(client.output)
    if (this.#clients.size < this.#options.clientsMax * 0.9) this.#saidFull = false
  }

  #turnAway(connection: Connection, reason: 'gateFull' | 'addressFull' | 'stopping', detail?: string): void {
    if (detail === undefined) this.#refusals.counts[reason]++
    else this.#refusals.addStranger(reason, connection.remote, detail)
    connection.handle({ data() {}, close() {} })
    connection.destroy(reason)
  }

  #flushOutputs(): void {
    this.#fanOut.turnEnds()
    const touched = this.#touched
    this.#touched = this.#flushing
    this.#flushing = touched
    for (const output of touched) output.flush()
    touched.length = 0
  }

  // --- dispatchers ---------------------------------------------------------------------------------------------------

  /** All that games say to this gate comes by this link. */
  get #ownLink(): Link {
    return this.#cluster.toGate(this.#options.id)
  }

  #isOwn(dispatcher: number): boolean {
    return this.#cluster.links[dispatcher] === this.#ownLink
  }

  #dispatcherUp(dispatcher: number, link: Link, fresh: boolean, forgotten: boolean): void {
    if (fresh) this.#introduce(dispatcher, link, forgotten)
    else if (this.#isOwn(dispatcher)) this.#games.dispatcherBack()
  }

  #introduce(dispatcher: number, link: Link, forgotten: boolean): void {
    link.send('gateHello', { gateId: this.#options.id })
    if (forgotten && this.#isOwn(dispatcher)) this.#givenUp()
    this.#farewells.again(link)
    this.#sessions.again(link)
    if (this.#isOwn(dispatcher)) this.#games.dispatcherUp(false)
    this.#bootWaiting()
  }

  #dispatcherDown(dispatcher: number, reason: string): void {
    this.#readyDispatchers.delete(dispatcher)
    this.#backPressure.dispatcherDown(dispatcher)
    if (this.#stopping) return
    this.#log.warn(`dispatcher ${dispatcher + 1} is gone: ${reason}`)
    const own = this.#isOwn(dispatcher)
    if (own) {
      this.#unshown.add(this.#games.known)
      this.#games.dispatcherDown()
      this.#doubts.addAll()
    }
    // What was asked of it, or was to come by it, is lost. Clients that have their player stay.
    for (const client of this.#clients) {
      if (client.state !== 'booting') continue
      if (own || this.#cluster.toEntity(client.entityId) === this.#cluster.links[dispatcher]) this.#bootAgain(client)
    }
  }

  /**
   * We were away for so long that the games were told of our end, and have taken our clients' players from them. They keep
   * those with a session until these come again.
   */
  #givenUp(): void {
    const reason = 'its gate was cut off from the games for too long'
    for (const client of [...this.#clients]) {
      const { state } = client
      if (state !== 'booting' && state !== 'bound') continue
      if (this.#sessions.nameOf(client) === '') {
        this.#close(client, reason, true)
        continue
      }
      this.#moved(client, reason)
    }
  }

  /** With another entity: the first may be on its way, and is told that nobody waits for it. */
  #bootAgain(client: Client): void {
    this.#giveUpBoot(client)
    client.state = 'waiting'
    this.#boot(client)
  }

  /** What the client was to begin with is not wanted. */
  #giveUpBoot(client: Client): void {
    if (client.state !== 'waiting') {
      this.#farewells.tell(client.entityId, client.id)
      client.givenUp.add(client.entityId)
      client.entityId = this.#ids.next()
      // That may see things until it hears of it: they are not for the client.
      this.#clients.rename(client, this.#ids.next())
    }
    this.#waiting.delete(client)
    this.#views.forget(client.slot, client.player)
    this.#filters.clear(client.slot)
    this.#clients.setPlayer(client, undefined)
    client.syncing = false
    client.state = 'greeting'
  }

  #rateChanged(client: Client, limit: string | undefined): void {
    if (limit !== undefined) this.#refusals.sayLimited(client, limit)
    this.#backPressure.readOrPause(client)
  }

  #receive(dispatcher: number, bytes: Uint8Array, start: number, end: number): void {
    try {
      if (this.#fanOut.packet(bytes, start, end) || this.#viewChanges.packet(bytes, start, end)) return
      this.#receiveRare(dispatcher, bytes, start, end)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#unreadable++
      this.#log.error(`dispatcher ${dispatcher + 1} sent what cannot be read: ${error.message}`)
    }
  }

  #receiveRare(dispatcher: number, bytes: Uint8Array, start: number, end: number): void {
    const at = start + 2
    switch (getU16(bytes, start)) {
      case messages.deploymentReady.code:
        return this.#dispatcherReady(dispatcher)
      // Only the dispatcher by which all that games say comes says it in order with that.
      case messages.gameUp.code: {
        const { gameId, process } = messages.gameUp.read(bytes, at, end)
        this.#farewells.gameUp(this.#cluster.links[dispatcher]!, gameId)
        return this.#isOwn(dispatcher) ? this.#games.up(gameId, process) : undefined
      }
      case messages.gameDown.code: {
        const { gameId } = messages.gameDown.read(bytes, at, end)
        this.#farewells.gameDown(this.#cluster.links[dispatcher]!, gameId)
        return this.#isOwn(dispatcher) ? this.#games.down(gameId) : undefined
      }
      case messages.gameSlow.code: {
        return this.#backPressure.gameSlow(dispatcher, messages.gameSlow.read(bytes, at, end))
      }
      case messages.showAnew.code:
        return this.#showAnew(messages.showAnew.read(bytes, at, end).gameId)
      case messages.shownAnew.code:
        return this.#shownAnew(messages.shownAnew.read(bytes, at, end).gameId)
      case messages.sessionMoved.code: {
        const client = this.#clientAt(bytes, start, end)
        return client && this.#moved(client, 'its game says so')
      }
      case messages.resumeRefused.code: {
        const client = this.#clientAt(bytes, start, end)
        return client && this.#sessions.refused(client, messages.resumeRefused.read(bytes, at, end).reason)
      }
      case messages.playerRestated.code: {
        const client = this.#clientAt(bytes, start, end)
        return client && this.#sessions.restated(client, messages.playerRestated.read(bytes, at, end).missed)
      }
      default:
        throw new WireError(`a message of type ${getU16(bytes, start)}, which is not for gates`)
    }
  }

  /** Of a message to one client: u16 type | u16 gate | client id | … */
  #clientAt(bytes: Uint8Array, start: number, end: number): Client | undefined {
    if (end - start < 4 + ID_BYTES) throw new WireError('a message to a client that is cut off')
    return this.#clients.find(bytes, start + 4)
  }

  #dispatcherReady(dispatcher: number): void {
    this.#readyDispatchers.add(dispatcher)
    if (this.#ready || this.#readyDispatchers.size < this.#options.dispatchers.length) return
    this.#ready = true
    this.#log.info(`gate ${this.#options.id} is ready: the whole deployment is there`)
    this.#bootWaiting()
  }

  #showAnew(gameId: number): void {
    this.#unshown.delete(gameId)
    this.#doubts.showAnew(gameId)
  }

  /** Whose player did not come again is without one; it may be on another game by now, which has yet to say so. */
  #shownAnew(gameId: number): void {
    this.#sessions.shownAnew(gameId)
    this.#doubts.checkLater()
  }

  #gameDown(gameId: number): void {
    this.#unshown.delete(gameId)
    this.#fanOut.gameDown(gameId)
    this.#doubts.gameDown(gameId)
    // Those whose first entity it may have been making.
    for (const client of this.#clients) if (client.state === 'booting') this.#bootAgain(client)
  }
}
