// The dispatcher: a byte router between games and gates. It knows which game has which entity, gives new entities to a
// game, keeps what must wait, and tells each process who else is there. It opens no call and no attribute.
//
//     game ──link──┐   ┌─ Router: id ─> link      (routes.ts; nearly every packet)
//     game ──link──┼─ Peer ─ Dispatcher: who is there (here)
//     gate ──link──┘   └─ Entities: where they live, which are on their way (entities.ts)
import type { Address } from '../../engine/base/address.ts'
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Random } from '../../engine/base/random.ts'
import { Turn } from '../../engine/base/turn.ts'
import type { Backlog, Link, LinkEvents } from '../../engine/cluster/link.ts'
import { LinkAcceptor } from '../../engine/cluster/link-acceptor.ts'
import type { Listener, Transport } from '../../engine/net/connection.ts'
import { type Handlers, type MessageName, messages, type ReceivedBy, type Values } from '../../engine/wire/messages.ts'
import { getU16 } from '../../engine/wire/packet.ts'
import { Directory } from './directory.ts'
import { Drops } from './drops.ts'
import { Entities, GATHER_MS } from './entities.ts'
import { Game } from './game.ts'
import {
  type Carried,
  type CarriedParts,
  carriedGames,
  carriedGates,
  carriedPeers,
  restoreParts,
  saveParts,
} from './handover.ts'
import { Peer, type PeerOwner } from './peer.ts'
import { Placement } from './placement.ts'
import { Registry } from './registry.ts'
import { BY_ENTITY, BY_GAME, BY_GAME_OR_SHED, ROUTE_AT, Router } from './routes.ts'
import { Tally } from './tally.ts'

export interface DispatcherOptions {
  readonly id: number
  readonly clock: Clock
  readonly transport: Transport
  readonly listen: Address
  readonly log: Log
  readonly random: Random
  /** How many games and gates make the deployment complete. */
  readonly deployment: { readonly games: number; readonly gates: number }
  readonly cluster: {
    readonly linkGraceMs: number
    readonly linkResendBytesMax: number
    readonly entityQueuePacketsMax: number
    readonly gameQueueBytesMax: number
    readonly journalWaitMs: number
  }
}

export type DispatcherStatus = ReturnType<Dispatcher['status']>

/** What it keeps itself, as plain data. */
interface Standing {
  readonly sessions: number
  readonly ready: boolean
  readonly startingUp: boolean
  readonly gatherLeftMs: number
  readonly tidyLeftMs: number
  readonly reportedMsAgo: number
  readonly slowGames: ReadonlyMap<number, Backlog>
  readonly saidSlowMsAgo: ReadonlyMap<string, number>
}

/** How often limits of time are looked at, and how often what was dropped is summed up in the log. */
const TIDY_MS = 1000
const REPORT_MS = 10_000

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #log: Log
  readonly #tally: Tally
  readonly #directory = new Directory()
  readonly #router = new Router(this.#directory)
  readonly #placement = new Placement()
  readonly #games = new Map<number, Game>()
  readonly #gates = new Map<number, Link>()
  /** By their names. */
  readonly #peers = new Map<string, Peer>()
  readonly #drops: Drops
  readonly #entities: Entities
  readonly #registry = new Registry()
  readonly #acceptor: LinkAcceptor
  readonly #parts: CarriedParts
  #listener: Listener | undefined
  #tidying: Scheduled | undefined
  #gathering: Scheduled | undefined
  #gathersUntilMs = 0
  #tidiesAtMs = 0
  #reportedAt = 0
  /** Games that are slower than what is said to them, and what waits for them. */
  readonly #slowGames = new Map<number, Backlog>()
  readonly #saidSlowMs = new Map<string, number>()
  #sessions = 0
  #ready = false
  /** Over when all games that the deployment wants have reported, or have had the time for it. */
  #startingUp = true

  constructor(options: DispatcherOptions) {
    const { id, clock, log, random, cluster } = options
    this.#options = options
    this.#log = log
    this.#tally = new Tally(log)
    this.#drops = new Drops(this.#games, this.#gates, this.#tally)
    this.#entities = new Entities(
      clock,
      this.#directory,
      this.#games,
      this.#placement,
      this.#tally,
      this.#drops,
      log,
      cluster,
    )
    const turn = new Turn(clock)
    this.#acceptor = new LinkAcceptor(
      {
        self: { role: 'dispatcher', id },
        clock,
        turn,
        log,
        random,
        graceMs: cluster.linkGraceMs,
        resendBytesMax: cluster.linkResendBytesMax,
      },
      (link) => this.#accept(link),
    )
    turn.stage(() => this.#acceptor.flush())
    // Links and games come before what speaks of them.
    this.#parts = {
      tally: this.#tally,
      router: this.#router,
      registry: this.#registry,
      placement: this.#placement,
      directory: this.#directory,
      sessions: this.#acceptor,
      peers: carriedPeers(this.#peers),
      games: carriedGames(this.#games, this.#peers, this.#router, {
        add: (gameId) => this.#newGame(gameId),
        overdue: (game) => this.#holdOver(game),
      }),
      gates: carriedGates(this.#gates, this.#peers, this.#router),
      entities: this.#entities,
      standing: this.#standing,
    }
  }

  /** Where it really listens. */
  get address(): Address {
    return this.#listener?.address ?? this.#options.listen
  }

  async start(): Promise<void> {
    const { clock } = this.#options
    this.#reportedAt = clock.now()
    this.#gather()
    this.#entities.awaitGames()
    this.#tidyLater()
    await this.#listen()
  }

  async #listen(): Promise<void> {
    const { transport, listen } = this.#options
    this.#listener = await transport.listen(listen, (connection) => this.#acceptor.accept(connection))
  }

  async stop(): Promise<void> {
    this.#tidying?.cancel()
    this.#gathering?.cancel()
    for (const game of this.#games.values()) game.stop()
    this.#acceptor.close()
    await this.#listener?.close()
  }

  status() {
    return {
      id: this.#options.id,
      // Nobody can play where no game is, whatever was there once.
      ready: this.#ready && this.#games.size > 0,
      gathering: this.#entities.gathering,
      entities: this.#directory.size,
      placings: this.#entities.placings,
      moving: this.#entities.moving,
      held: this.#entities.held,
      forwarded: this.#router.forwarded,
      shed: this.#router.shed,
      counters: { ...this.#tally.counts },
      games: [...this.#games.values()].map((game) => ({
        id: game.id,
        connected: game.connected,
        reported: game.reported,
        held: game.held,
        queuedPackets: game.queuedPackets,
        queuedBytes: game.queuedBytes,
        unackedBytes: game.link?.unackedBytes ?? 0,
        placed: this.#directory.sizeOf(game.id),
        entities: game.entities,
        cpuPermille: game.cpuPermille,
        lagMs: game.lagMs,
      })),
      gates: [...this.#gates].map(([id, { unackedBytes }]) => ({ id, unackedBytes })),
    }
  }

  // --- hand-over: docs/order.md, Swap of a dispatcher ----------------------------------------------------------------

  /** How many of its peers are connected, of how many. */
  get connections(): { readonly connected: number; readonly all: number } {
    const { links } = this.#acceptor
    return { connected: links.filter(({ isConnected }) => isConnected).length, all: links.length }
  }

  /** All that it knows, while it goes on. */
  copy(): Uint8Array {
    this.#acceptor.flush()
    return saveParts(this.#parts, this.#whose)
  }

  /** Its address is free for a successor. Who is connected stays so. */
  stopListening(): void {
    this.#listener?.stop()
  }

  /** Answers all that it knows, and hears and says nothing from then on: its peers look for whoever listens now. */
  handOver(): Uint8Array {
    const document = this.copy()
    this.#acceptor.letGo()
    return document
  }

  /** There is no successor: its peers come back to it. */
  takeBack(): Promise<void> {
    return this.#listen()
  }

  /** Listens in the place of another that has stopped to; who comes waits until `goOn`. */
  standBy(): Promise<void> {
    this.#acceptor.standBy()
    return this.#listen()
  }

  /**
   * Knows what another dispatcher knew, and waits for its peers. Throws OperatorError for what it cannot go on from. Answers
   * since when the other was silent, in milliseconds since 1970.
   */
  restore(document: Uint8Array): number {
    return restoreParts(this.#parts, document, this.#whose)
  }

  /** From here on it is the dispatcher. */
  goOn(): void {
    this.#acceptor.goOn()
  }

  get #whose() {
    const { id, clock } = this.#options
    return { id, clock, address: this.address }
  }

  readonly #standing: Carried<Standing> = {
    save: (nowMs) => ({
      sessions: this.#sessions,
      ready: this.#ready,
      startingUp: this.#startingUp,
      gatherLeftMs: this.#entities.gathering ? this.#gathersUntilMs - nowMs : 0,
      tidyLeftMs: this.#tidiesAtMs - nowMs,
      reportedMsAgo: nowMs - this.#reportedAt,
      slowGames: this.#slowGames,
      saidSlowMsAgo: new Map([...this.#saidSlowMs].map(([name, atMs]) => [name, nowMs - atMs])),
    }),
    restore: (saved, nowMs) => {
      this.#sessions = saved.sessions
      this.#ready = saved.ready
      this.#startingUp = saved.startingUp
      this.#reportedAt = nowMs - saved.reportedMsAgo
      for (const [id, backlog] of saved.slowGames) this.#slowGames.set(id, backlog)
      for (const [name, msAgo] of saved.saidSlowMsAgo) this.#saidSlowMs.set(name, nowMs - msAgo)
      this.#tidyLater(nowMs + saved.tidyLeftMs - this.#options.clock.now())
      if (this.#entities.gathering) this.#gatherUntil(nowMs + saved.gatherLeftMs)
    },
  }

  // --- sessions ------------------------------------------------------------------------------------------------------

  #accept(link: Link): LinkEvents {
    const { peer } = link
    if (peer && (peer.role === 'game' || peer.role === 'gate') && peer.id > 0) {
      const made = new Peer(link, { role: peer.role, id: peer.id }, this.#owner, this.#router, this.#tally, this.#log)
      this.#peers.set(made.name, made)
      return made
    }
    this.#log.error(`a ${peer?.role} ${peer?.id} has connected; a dispatcher talks to games and gates, from 1 on`)
    return { up: () => link.fail('a dispatcher does not talk to it'), packet() {}, down() {} }
  }

  readonly #owner: PeerOwner = {
    up: (peer, fresh) => {
      if (!fresh) this.#connectedAgain(peer)
    },
    broken: (peer) => {
      const game = this.#gameOf(peer)
      if (game) game.connected = false
    },
    down: (peer, reason, said) => {
      if (this.#peers.get(peer.name) === peer) this.#peers.delete(peer.name)
      if (!peer.greeted) return
      peer.greeted = false
      // Who says goodbye was stopped by its operator.
      if (!said) this.#log.warn(`the session of ${peer.role} ${peer.id} is over: ${reason}`)
      if (peer.role === 'gate') this.#gateDown(peer, reason)
      else this.#gameSessionOver(peer, reason)
    },
    congested: (peer) => {
      this.#saySlow(peer)
      const { role, id, backlog } = peer
      if (role !== 'game') return
      if (backlog === 'little') this.#slowGames.delete(id)
      else this.#slowGames.set(id, backlog)
      this.#tellGates('gameSlow', gameSlow(id, backlog))
    },
    handle: (peer, name, values) => this.#handlers[name](values as never, peer),
    unrouted: (action, bytes, start, end) => {
      if (action === BY_ENTITY) return this.#entities.packet(bytes, start, end)
      if (action !== BY_GAME && action !== BY_GAME_OR_SHED) return this.#tally.add('unknownGate')
      const game = this.#games.get(getU16(bytes, start + ROUTE_AT))
      if (game) game.deliver(bytes, start, end)
      else this.#tally.add('unknownGame')
    },
  }

  readonly #handlers: Handlers<'dispatcher', Peer> = {
    gameHello: (values, peer) => this.#gameHello(peer, values),
    gateHello: (values, peer) => this.#gateHello(peer, values),
    gameReported: (_, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#gameReported(game)
    },
    gameRestored: (census, peer) => {
      const game = this.#gameOf(peer)
      if (!game) return
      if (this.#directory.confirm(game.id, game.session, census)) this.#gameReported(game)
      else game.sendNow('reportAll', {})
    },
    gameLoad: ({ cpuPermille, lagMs, entities }, peer) => {
      const game = this.#gameOf(peer)
      if (!game) return
      game.cpuPermille = cpuPermille
      game.lagMs = lagMs >= 0 && Number.isFinite(lagMs) ? lagMs : 0
      game.entities = entities
      game.placedSince = this.#entities.placingsOf(game)
    },
    holdGame: ({ limitMs }, peer) => {
      const game = this.#gameOf(peer)
      if (!game) return
      if (!game.held) this.#log.info(`game ${game.id} is held`, { limitMs })
      game.hold(limitMs, () => this.#holdOver(game))
      game.sendNow('gameHeld', { held: true })
    },
    journalReplayed: ({ gameId }) => this.#entities.journalReplayed(gameId),
    journalsClear: ({ clear }, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.journalsClear(game.id, game.journaled, clear)
    },
    releaseGame: (_, peer) => this.#gameOf(peer)?.goOn(),
    mark: ({ no }, peer) => this.#gameOf(peer)?.sendNow('marked', { no }),
    registerKey: (values, peer) => this.#registerKey(peer.id, values),
    keyKnown: (values, peer) => this.#sayRegistered(peer.id, values.key, this.#registry.recall(values)),
    holdEntity: (values, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.hold(game, values)
    },
    moveEntity: (values, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.move(game, values)
    },
    refuseEntity: (values, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.refuse(game, values)
    },
    entityLeaving: (values, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.leaving(game, values)
    },
    entityPlaced: (values, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.placed(game, values)
    },
    entityEnding: (values, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.ending(game, values)
    },
    entityGone: (values, peer) => {
      const game = this.#gameOf(peer)
      if (game) this.#entities.gone(game, values)
    },
    // The bytes lie in the link's buffer, and a placing may outlive it.
    createEntity: (values) =>
      this.#entities.place({ name: 'createEntity', values: { ...values, attrs: new Uint8Array(values.attrs) } }),
    loadEntity: (values, peer) => this.#entities.place({ name: 'loadEntity', values }, this.#gameOf(peer)),
    bootEntity: (values, peer) => {
      if (values.gateId !== peer.id)
        return peer.refuse('forbidden', messages.bootEntity.code, `it speaks for gate ${values.gateId}`)
      this.#entities.place({ name: 'bootEntity', values })
    },
  }

  #gameOf(peer: Peer): Game | undefined {
    const game = this.#games.get(peer.id)
    return game && game.link === peer.link ? game : undefined
  }

  /** Once in a while: a peer at its limit is slow and not slow many times a second. */
  #saySlow({ name, backlog, link }: Peer): void {
    const nowMs = this.#options.clock.now()
    if (backlog === 'little' || nowMs - (this.#saidSlowMs.get(name) ?? Number.NEGATIVE_INFINITY) < REPORT_MS) return
    this.#saidSlowMs.set(name, nowMs)
    this.#log.warn(`${name} does not keep up now and then`, { unackedBytes: link.unackedBytes })
  }

  #connectedAgain(peer: Peer): void {
    const game = this.#gameOf(peer)
    if (game) game.connected = true
  }

  // --- games ---------------------------------------------------------------------------------------------------------

  #registerKey(gameId: number, values: Values<'registerKey'>): void {
    const { key, value } = values
    if (!this.#entities.gathering || !this.#registry.isOpen(values))
      this.#sayRegistered(gameId, key, this.#registry.register(values, this.#options.clock.wallMs()))
    else if (!this.#registry.wait({ gameId, key, value })) this.#tally.add('registryFull')
  }

  /** Of what a game has said of a key: to all when that is new, else to the game how it is. */
  #sayRegistered(gameId: number, key: string, registered: ReturnType<Registry['recall']>): void {
    if (!registered) return this.#tally.add('registryFull')
    const said = { key, ...registered.known }
    if (registered.changed) this.#tellGames('keyRegistered', said)
    else this.#games.get(gameId)?.send('keyRegistered', said)
  }

  #gameHello(peer: Peer, hello: Values<'gameHello'>): void {
    const { gameId, banBootEntity, restoring, types, journaled, journalsClear, made } = hello
    const { code } = messages.gameHello
    if (gameId !== peer.id) return peer.refuse('forbidden', code, `it says it is game ${gameId}`)
    if (peer.greeted) return peer.refuse('forbidden', code, 'it has said hello')
    const before = this.#games.get(gameId)
    // It was held, and a process that does not restore what it froze comes in its place. A restored one has its name.
    if (before && before.process !== peer.link.peerProcess) this.#gameLost(before, 'it came back with nothing restored')
    const known = this.#games.get(gameId)
    const game = known ?? this.#newGame(gameId)
    peer.greeted = true
    game.banBootEntity = banBootEntity
    game.types = new Set(types)
    game.made = made
    game.journaled = new Set(journaled)
    this.#entities.journalsClear(gameId, game.journaled, journalsClear)
    game.attach(peer.link, ++this.#sessions)
    this.#log.info(`game ${gameId} is here`, { restoring, banBootEntity })
    if (!known) this.#tellGames('gameUp', gameUp(game), game)
    // A restored one too: gates are to know the name of the process that has its entities now.
    this.#tellGates('gameUp', gameUp(game))
    for (const other of this.#games.values()) if (other !== game) peer.link.send('gameUp', gameUp(other))
    for (const [gateId, { peerProcess: process }] of this.#gates) peer.link.send('gateUp', { gateId, process })
    this.#registry.tellAll(game)
    if (this.#ready) peer.link.send('deploymentReady', {})
    // A process that is back, and restores nothing, was cut off in the middle of a freeze: that has failed.
    if (restoring) game.sendNow('gameHeld', { held: known !== undefined })
    else game.release()
    this.#gather()
  }

  /** All that it has is in the directory. */
  #gameReported(game: Game): void {
    if (game.reported) return
    game.reported = true
    this.#log.info(`game ${game.id} is ready`, { entities: this.#directory.sizeOf(game.id) })
    this.#entities.reported(game)
    // It has replayed its own journal before it came, or says that it could not. Or it is the process that was lost, which has its
    // entities still: by now they are known to be there.
    this.#entities.journalReplayed(game.id)
    if (game.isOver) game.release()
    this.#endGatheringWhenAllIsIn()
    this.#readyWhenAllAreThere()
  }

  #newGame(id: number): Game {
    const { clock, cluster } = this.#options
    const game = new Game(id, clock, this.#router, this.#drops, cluster)
    this.#games.set(id, game)
    this.#placement.add(game)
    return game
  }

  #gameSessionOver(peer: Peer, reason: string): void {
    const game = this.#gameOf(peer)
    if (!game) return
    game.detach()
    if (game.held) this.#log.info(`game ${game.id} has left while it is held: waiting for its restore`, { reason })
    else this.#gameLost(game, reason)
  }

  /** The time that a game may be held is over: what was held goes out, if there is anybody to take it. */
  #holdOver(game: Game): void {
    const held = { packets: game.queuedPackets, bytes: game.queuedBytes }
    if (game.link) {
      this.#log.warn(`game ${game.id} was held for longer than it asked for: released`, held)
      game.release()
    } else {
      this.#log.error(`game ${game.id} was not restored in time`, held)
      this.#gameLost(game, 'it was not restored in time')
    }
  }

  #gameLost(game: Game, reason: string): void {
    const { id } = game
    this.#log.info(`game ${id} is down: ${reason}`, { entities: this.#directory.sizeOf(id) })
    this.#games.delete(id)
    this.#placement.remove(game)
    game.lose()
    this.#tellGames('gameDown', { gameId: id })
    this.#tellGates('gameDown', { gameId: id })
    this.#entities.gameLost(game)
    this.#registry.gameLost(id)
    this.#endGatheringWhenAllIsIn()
  }

  // --- gates ---------------------------------------------------------------------------------------------------------

  #gateHello(peer: Peer, { gateId }: Values<'gateHello'>): void {
    const { code } = messages.gateHello
    if (gateId !== peer.id) return peer.refuse('forbidden', code, `it says it is gate ${gateId}`)
    if (peer.greeted) return peer.refuse('forbidden', code, 'it has said hello')
    peer.greeted = true
    this.#gates.set(gateId, peer.link)
    this.#router.gates.set(gateId, peer.link)
    this.#log.info(`gate ${gateId} is here`)
    this.#tellGames('gateUp', { gateId, process: peer.link.peerProcess })
    for (const game of this.#games.values()) peer.link.send('gameUp', gameUp(game))
    for (const [gameId, backlog] of this.#slowGames) peer.link.send('gameSlow', gameSlow(gameId, backlog))
    if (this.#ready) peer.link.send('deploymentReady', {})
    else this.#readyWhenAllAreThere()
  }

  #gateDown(peer: Peer, reason: string): void {
    this.#gates.delete(peer.id)
    this.#router.gates.set(peer.id, undefined)
    this.#log.info(`gate ${peer.id} is down: ${reason}`)
    this.#entities.gateLost(peer.id)
    this.#tellGames('gateDown', { gateId: peer.id, process: peer.link.peerProcess })
  }

  // --- all of them ---------------------------------------------------------------------------------------------------

  #tellGames<N extends MessageName & ReceivedBy<'game'>>(name: N, values: Values<N>, except?: Game): void {
    for (const game of this.#games.values()) if (game !== except) game.send(name, values)
  }

  #tellGates<N extends MessageName & ReceivedBy<'gate'>>(name: N, values: Values<N>): void {
    for (const link of this.#gates.values()) link.send(name, values)
  }

  #readyWhenAllAreThere(): void {
    const { games, gates } = this.#options.deployment
    let reported = 0
    for (const game of this.#games.values()) if (game.reported) reported++
    if (this.#ready || reported < games || this.#gates.size < gates) return
    this.#ready = true
    this.#log.info('the deployment is ready', { games: reported, gates: this.#gates.size })
    this.#tellGames('deploymentReady', {})
    this.#tellGates('deploymentReady', {})
  }

  /** Games have a while for their reports; until then unknown entities may be theirs. */
  #gather(): void {
    this.#gatherUntil(this.#options.clock.now() + GATHER_MS)
    this.#entities.gather()
  }

  #gatherUntil(untilMs: number): void {
    const { clock } = this.#options
    this.#gathering?.cancel()
    this.#gathersUntilMs = untilMs
    this.#gathering = clock.after(untilMs - clock.now(), () => {
      this.#startingUp = false
      this.#endGathering()
    })
  }

  #endGatheringWhenAllIsIn(): void {
    const games = [...this.#games.values()]
    if (games.some((game) => !game.reported)) return
    const areAll = games.length >= this.#options.deployment.games
    if (areAll) this.#entities.gamesAreIn()
    if (this.#startingUp && !areAll) return
    this.#startingUp = false
    this.#gathering?.cancel()
    if (this.#entities.gathering) this.#endGathering()
  }

  #endGathering(): void {
    this.#entities.endGathering()
    this.#tellGames('gathered', {})
    for (const { gameId, ...wish } of this.#registry.takeWaiting()) this.#registerKey(gameId, { ...wish, force: false })
  }

  #tidyLater(delayMs = TIDY_MS): void {
    const { clock } = this.#options
    this.#tidiesAtMs = clock.now() + delayMs
    this.#tidying = clock.after(delayMs, () => {
      const now = clock.now()
      this.#entities.tidy()
      if (now - this.#reportedAt >= REPORT_MS) {
        this.#reportedAt = now
        this.#tally.report()
      }
      this.#tidyLater()
    })
  }
}

const gameSlow = (gameId: number, backlog: Backlog): Values<'gameSlow'> => ({
  gameId,
  slow: backlog !== 'little',
  full: backlog === 'large',
})
const gameUp = ({ id, process }: Game): Values<'gameUp'> => ({ gameId: id, process })
