// The game process: owns spaces and entities, runs all game logic. Here is how it stands in its cluster: what it says of itself
// to dispatchers, which gates and games there are, how it is frozen and restored, and the world's times (position flush, load
// report). What packets do in the world is in intake.ts.
import type { Address } from '../../engine/base/address.ts'
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { messageOf, OperatorError, WireError } from '../../engine/base/errors.ts'
import { IdMaker } from '../../engine/base/id.ts'
import { bucketOfText } from '../../engine/base/id-table.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Random } from '../../engine/base/random.ts'
import { Turn } from '../../engine/base/turn.ts'
import { Census } from '../../engine/cluster/census.ts'
import { Cluster } from '../../engine/cluster/cluster.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { Peers } from '../../engine/cluster/peers.ts'
import { worldStarted, worldStopped } from '../../engine/entity/current.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import { Copied, copyWorld } from '../../engine/entity/freezing.ts'
import { Restoring } from '../../engine/entity/restoring.ts'
import { type Misplaced, World } from '../../engine/entity/world.ts'
import type { KeyValueStore } from '../../engine/kvdb/kvdb.ts'
import type { Transport } from '../../engine/net/connection.ts'
import type { SqlDatabase } from '../../engine/sql/sql.ts'
import type { Row } from '../../engine/storage/row.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'
import { messages, type Values } from '../../engine/wire/messages.ts'
import { getU16 } from '../../engine/wire/packet.ts'
import { Freezer } from './freezer.ts'
import { describeFrozen, type FrozenGame } from './frozen-file.ts'
import { Intake } from './intake.ts'
import { type Journals, JournalWatch, type OpenJournal } from './journals.ts'
import { OtherGames } from './other-games.ts'
import { PositionFlush } from './position-flush.ts'

export interface GameOptions {
  readonly id: number
  readonly definition: GameDefinition
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly links: Transport
  readonly dispatchers: readonly Address[]
  readonly config: {
    readonly bootEntity: string
    readonly saveIntervalMs: number
    readonly positionSyncIntervalMs: number
    readonly banBootEntity: boolean
    readonly freezeWaitMs: number
    readonly restoreLimitMs: number
    readonly linkGraceMs: number
    readonly linkResendBytesMax: number
    readonly reconnectGraceMs: number
    readonly journalWaitMs: number
    readonly saveDeadlineMs: number
    readonly saves: { readonly writesMax: number; readonly rate: number; readonly entitiesMax: number }
  }
  readonly storage: EntityStorage
  /** What keeps saves that the store has not taken yet; closed by whoever opened it. */
  readonly journals?: Journals | undefined
  /** Whether there is one, or will be. */
  readonly keepsJournal?: boolean
  readonly kvdb: KeyValueStore
  readonly sql?: SqlDatabase | undefined
  /** What a game before this one was when it froze: this one goes on from there. */
  readonly frozen?: FrozenGame | undefined
  /** Instead: what was copied of it ahead. `prepare` is given the rest. */
  readonly ahead?: FrozenGame | undefined
  /** Told when it does. */
  readonly restored?: () => void
  /** How busy the process is; see `load.ts`. */
  readonly load?: () => { readonly cpuPermille: number; readonly lagMs: number }
}

/** A copy that was taken ahead of a freeze. */
export interface CopiedGame {
  readonly game: FrozenGame
  readonly copied: Copied
}

/** How a freeze went; milliseconds since 1970. */
export interface FreezeTimes {
  /** From then on dispatchers kept what was for the game. */
  readonly heldSinceMs: number
  /** From then on nothing ran. */
  readonly stillSinceMs: number
  /** What went wrong in `onFrozen`, if it was forced all the same. */
  readonly failed: readonly string[]
}

const LOAD_INTERVAL_MS = 1000
/** Services whose game died are asked for at once; this is for what may go wrong with that. */
const SERVICES_INTERVAL_MS = 5000
/** A restored game waits so long for its dispatchers before it goes on with those that are there. */
const RESTORED_WITHIN_MS = 5000
/** A freeze takes no longer, besides what it waits for authors. */
const FREEZE_MAX_MS = 30_000
/** What the engine has promised authors may take so long when the game ends. */
const OPEN_DEADLINE_MS = 5_000
/** What is unsaved when a freeze is ahead may take so long: what is not saved by then changes later. */
const SAVED_WITHIN_MS = 2_000
/** What is done while the game goes on takes so long at a time. */
const SLICE_MS = 1.5
const NIL_SPACE_AGAIN_MS = 500

export class Game {
  readonly world: World
  readonly #options: Omit<GameOptions, 'frozen' | 'ahead'>
  readonly #log: Log
  readonly #turn: Turn
  readonly #cluster: Cluster
  readonly #ids: IdMaker
  readonly #readyDispatchers = new Set<number>()
  /** The dispatchers that have heard our hello. */
  readonly #greeted = new Set<Link>()
  readonly #games: OtherGames
  /** Gates, by the dispatcher that answers for them. */
  readonly #gates: readonly Peers[]
  readonly #timers = new Set<Scheduled>()
  readonly #positionFlush: PositionFlush
  readonly #intake: Intake
  #ready = false
  #stopping = false
  #left = false
  #freezer: Freezer | undefined
  /** What it was, unless it begins anew; until it goes on. */
  #frozen: FrozenGame | undefined
  /** What was copied of it ahead, until that is made. */
  #ahead: FrozenGame | undefined
  #isMadeAhead = false
  readonly #restoring: Restoring
  #journals: Journals | undefined
  #journalWatch: JournalWatch | undefined
  #started = false
  /** While the game is being restored: the dispatchers that know it again, and whether they kept what was for it. */
  #restored: Map<number, boolean> | undefined
  /** What waits until it is, or goes on after a freeze in vain: before, nobody could hear what the game would say. */
  #postponed: (() => void)[] = []

  constructor({ frozen, ahead, ...options }: GameOptions) {
    this.#options = options
    this.#frozen = frozen
    this.#ahead = ahead
    this.#log = options.log
    this.#turn = new Turn(options.clock, { gathers: true })
    this.#ids = new IdMaker(options.clock, options.random)
    const { linkGraceMs, linkResendBytesMax } = options.config
    this.#cluster = new Cluster(
      {
        self: { role: 'game', id: options.id },
        clock: options.clock,
        turn: this.#turn,
        log: options.log,
        random: options.random,
        transport: options.links,
        dispatchers: options.dispatchers,
        graceMs: linkGraceMs,
        resendBytesMax: linkResendBytesMax,
        process: (frozen ?? ahead)?.process.process,
      },
      {
        up: (dispatcher, link, fresh, forgotten) =>
          fresh ? this.#introduce(dispatcher, link, forgotten) : this.#gates[dispatcher]!.dispatcherBack(),
        broken: (dispatcher) => this.#gates[dispatcher]!.dispatcherBroken(),
        packet: (dispatcher, bytes, start, end) => {
          if (!this.#stopping || (!this.#left && isAwaitedAtTheEnd(getU16(bytes, start))))
            this.#receive(dispatcher, bytes, start, end)
        },
        down: (dispatcher, reason) => {
          this.#readyDispatchers.delete(dispatcher)
          this.#greeted.delete(this.#cluster.links[dispatcher]!)
          this.#gates[dispatcher]!.dispatcherDown()
          this.world.players.dispatcherDown((gateId) => this.#isOf(gateId, dispatcher))
          this.world.marks.linkDown(this.#cluster.links[dispatcher]!)
          this.world.requests.linkDown(this.#cluster.links[dispatcher]!)
          this.#freezer?.fail(`dispatcher ${dispatcher + 1} is gone`)
          this.#games.dispatcherDown(dispatcher)
          if (!this.#stopping) this.#log.warn(`dispatcher ${dispatcher + 1} is gone: ${reason}`)
        },
      },
    )
    this.#gates = options.dispatchers.map(
      (_, dispatcher) =>
        new Peers(options.clock, linkGraceMs, {
          gone: (gateId, process) => this.#whenItGoesOn(() => this.world.players.gateDown(gateId, process)),
          up: (gateId, process) => this.#whenItGoesOn(() => this.world.players.gateUp(gateId, process)),
          named: () =>
            this.#whenItGoesOn(() => this.world.players.gatesNamed((gateId) => this.#isOf(gateId, dispatcher))),
        }),
    )
    this.world = new World({
      gameId: options.id,
      types: options.definition.types,
      nilSpace: options.definition.nilSpace,
      // A link ends that has to keep more for its peer than it may.
      luggageBytesMax: Math.min(16 * 1024 * 1024, linkResendBytesMax / 4),
      aoiHysteresis: options.definition.aoiHysteresis ?? 0,
      clock: options.clock,
      turn: this.#turn,
      log: options.log,
      ids: this.#ids,
      random: options.random,
      cluster: this.#cluster,
      storage: options.storage,
      kvdb: options.kvdb,
      sql: options.sql,
      saveIntervalMs: options.config.saveIntervalMs,
      reconnectGraceMs: options.config.reconnectGraceMs,
      saves: options.config.saves,
    })
    this.#games = new OtherGames(options.dispatchers.length, {
      up: (gameId) => {
        this.world.gameUp(gameId)
        this.#journalWatch?.came(gameId)
      },
      down: (gameId) => {
        this.world.gameDown(gameId)
        this.#journalWatch?.doubt(gameId, true)
      },
      lost: () => this.#placeServices(),
      doubted: (gameId) => this.#journalWatch?.doubt(gameId, false),
    })
    const { bootEntity } = options.config
    this.#intake = new Intake({ world: this.world, log: options.log, turn: this.#turn, bootEntity })
    this.#positionFlush = new PositionFlush({
      clock: options.clock,
      log: options.log,
      intervalMs: options.config.positionSyncIntervalMs,
      flush: () => this.world.movement.flush(),
      tellGates: () => this.world.movement.tellGates(),
    })
    this.world.movement.clientsEveryMs = options.config.positionSyncIntervalMs
    this.world.movement.listed = (isGathered) => this.#positionFlush.listed(isGathered)
    this.#restoring = new Restoring(this.world)
    this.#turn.stage(() => this.#cluster.flush())
    this.keepIn(options.journals)
    this.#checkBoot()
  }

  /** Every process that the deployment wants is there. */
  get ready(): boolean {
    return this.#ready && !this.#restored && this.#readyDispatchers.size === this.#options.dispatchers.length
  }

  /**
   * Makes what was frozen again, in memory alone: nobody is told, nothing runs yet. Throws OperatorError for what cannot be
   * restored. Answers what was frozen and has no place in the code of now.
   */
  prepare(frozen = this.#frozen): readonly Misplaced[] {
    this.#frozen = frozen
    if (frozen && !this.#restored) this.#restore(frozen)
    return this.world.droppedParts
  }

  /** The same for what was copied ahead, as far as that goes; `prepare` makes the rest. */
  prepareAhead(): readonly Misplaced[] {
    const { chunks } = this.#ahead!
    this.world.standStill()
    this.#restores(() => {
      this.#restoring.read(chunks)
      this.#restoring.makeAhead()
    })
    this.#isMadeAhead = true
    this.#ahead = undefined
    // So that it is counted fast when all others wait for that.
    for (const dispatcher of this.#options.dispatchers.keys()) this.#census(dispatcher)
    return this.world.droppedParts
  }

  /** From now on saves are kept there. */
  keepIn(journals: Journals | undefined): void {
    const { id: gameId, clock, storage, config } = this.#options
    const sayToAll = (say: (link: Link) => void) => {
      for (const link of this.#greeted) if (link.up) say(link)
    }
    this.#journals = journals
    this.world.saves.keepIn(journals?.own)
    this.#journalWatch =
      journals &&
      new JournalWatch({
        clock,
        log: this.#log,
        storage,
        journals,
        gameId,
        writesMax: config.saves.writesMax,
        limitMs: config.journalWaitMs,
        isHere: (other) => this.#games.isHere(other),
        replayed: (of) => sayToAll((link) => link.send('journalReplayed', { gameId: of })),
        changed: (clear) => sayToAll((link) => link.send('journalsClear', { clear })),
      })
    if (this.#started) void this.#lookAtJournals()
  }

  async start(): Promise<void> {
    worldStarted(this.world)
    this.#started = true
    await this.#lookAtJournals()
    const row = this.#frozen ? undefined : await this.#savedNilSpace()
    // Somebody may have given it up meanwhile.
    if (this.#stopping) return
    if (this.#frozen) {
      this.prepare()
      this.#timers.add(this.#options.clock.after(RESTORED_WITHIN_MS, () => this.#goOn()))
    } else {
      this.#startWorld(row)
    }
    this.#cluster.start()
    this.#every(SERVICES_INTERVAL_MS, () => this.#ready && this.#placeServices())
    this.#every(this.#options.config.positionSyncIntervalMs, () => this.#positionFlush.beat())
    this.#every(LOAD_INTERVAL_MS, () => this.#reportLoad())
  }

  /** What dead processes had saved, and the store does not have: as much as can be, before anybody asks for it. */
  async #lookAtJournals(): Promise<void> {
    const others = this.#journalWatch?.start()
    await this.#replayJournal()
    // Those who wait for a restored game know that there may be more.
    if (!this.#frozen) await others
  }

  /** What the process before this one had saved. */
  async #replayJournal(): Promise<void> {
    const { saves } = this.world
    const watch = this.#journalWatch
    const rows = this.#journals?.own.left ?? []
    if (rows.length > 0) saves.adopt(rows)
    const { left } = rows.length > 0 ? await saves.drain(this.#options.config.journalWaitMs) : { left: 0 }
    if (left > 0) {
      const before = `${left} of ${rows.length} saves of the process before this one`
      this.#log.error(`${before} wait for the store: it does not take them`)
      const written = Promise.all(rows.map(({ type, id }) => saves.settled(type, id)))
      return void written.then(() => watch?.ownCleared())
    }
    if (rows.length > 0) this.#log.info(`${rows.length} saves of the process before this one are in the store`)
    watch?.ownCleared()
  }

  /** As long as it cannot be read nothing can be here: what is saved of it would be written over. */
  async #savedNilSpace(): Promise<Row | undefined> {
    const { clock } = this.#options
    for (let saidWhy = false; !this.#stopping; ) {
      try {
        return await this.world.savedNilSpace()
      } catch (error) {
        if (!saidWhy) this.#log.error(`the game waits for its nil space, which cannot be read: ${messageOf(error)}`)
        saidWhy = true
        await new Promise<void>((resolve) => void clock.after(NIL_SPACE_AGAIN_MS, resolve))
      }
    }
    return undefined
  }

  #startWorld(row: Row | undefined): void {
    try {
      this.world.start(row)
    } catch (error) {
      if (error instanceof OperatorError) throw error
      throw new OperatorError(`the nil space cannot be made: ${messageOf(error)}`, { cause: error })
    }
  }

  /** Saves everything, then leaves the cluster. Resolves to how many saves did not make it. */
  async stop(): Promise<number> {
    // What it was goes on elsewhere.
    if (this.#left) return 0
    this.thaw()
    this.#stopping = true
    for (const timer of this.#timers) timer.cancel()
    this.#positionFlush.stop()
    for (const gates of this.#gates) gates.stop()
    const { world } = this
    await this.#journalWatch?.stop()
    world.stopTime()
    // Who has left is somewhere soon; the others stay, and end here.
    world.migration.close('its end')
    const open = await world.openWork.idle(OPEN_DEADLINE_MS)
    if (open > 0) this.#log.warn(`${open} promises are still open: nobody waits for them any more`)
    await world.migration.idle(OPEN_DEADLINE_MS)
    world.migration.takeBack()
    const { destroyed, left } = await this.#endAll()
    if (destroyed > 0) this.#log.info(`${destroyed} entities are gone and saved, ${left} could not be saved`)
    await this.#cluster.close()
    worldStopped(world)
    return left
  }

  // --- freeze and restore ----------------------------------------------------------------------------------------------

  /**
   * Stands still, and answers what it is and since when: then `leave`, or `thaw` when that could not be kept. Rejects when it
   * cannot be frozen; then it goes on. Without `saves` what is unsaved stays so, in what is answered. `since`: what was copied
   * ahead; then the rest of it is what has changed. `forced`: whatever becomes of `onFrozen`.
   */
  async freeze({
    saves = true,
    since,
    forced = false,
  }: {
    readonly saves?: boolean
    readonly since?: CopiedGame
    readonly forced?: boolean
  } = {}): Promise<FrozenGame & FreezeTimes> {
    if (this.#freezer) throw new Error('it is being frozen already')
    if (this.#restored) throw new Error('it is still being restored')
    if (this.#gates.some(({ settled }) => !settled)) throw new Error('a gate has yet to come back to its dispatcher')
    const { clock, config } = this.#options
    const freezer = new Freezer({
      world: this.world,
      clock,
      links: this.#cluster.links,
      waitMs: config.freezeWaitMs,
      limitMs: this.#holdLimitMs,
      flush: () => this.#turn.end(),
      saves,
      forced,
      copied: since?.copied,
      pause: this.#slices(),
    })
    this.#freezer = freezer
    try {
      const chunks = await freezer.run()
      const { heldSinceMs, stillSinceMs, failed } = freezer
      return { ...this.#described(chunks, since?.game.chunks), heldSinceMs, stillSinceMs, failed }
    } catch (error) {
      this.thaw()
      throw error
    }
  }

  /** How long dispatchers keep what is for the game, from the moment on that it has left. */
  get #holdLimitMs(): number {
    const { restoreLimitMs, freezeWaitMs } = this.#options.config
    return restoreLimitMs + freezeWaitMs + FREEZE_MAX_MS
  }

  /** Much the same while it goes on, for a rehearsal; others run meanwhile. */
  copy(): Promise<FrozenGame> {
    return this.#copy()
  }

  /** The same ahead of a freeze. Rejects when that is under way. */
  async copyAhead(): Promise<CopiedGame> {
    const { clock } = this.#options
    const { saving, saves } = this.world
    // What is saved now is not what has changed by then.
    saving.hurry()
    const end = clock.now() + SAVED_WITHIN_MS
    while (saving.isDue && clock.now() < end) await new Promise<void>((resolve) => void clock.after(2, resolve))
    await saves.drain(Math.max(0, end - clock.now()))
    const copied = new Copied()
    const game = await this.#copy(copied)
    if (this.#freezer) throw new Error('it is being frozen already')
    return { game, copied }
  }

  async #copy(copied?: Copied): Promise<FrozenGame> {
    return this.#described(await copyWorld(this.world, this.#slices(), copied))
  }

  /** Lets others run, whenever what calls it has taken its time. */
  #slices(): () => Promise<void> {
    const { clock } = this.#options
    let sinceMs = clock.now()
    return async () => {
      if (clock.now() - sinceMs < SLICE_MS) return
      await new Promise<void>((resolve) => void clock.after(1, resolve))
      sinceMs = clock.now()
    }
  }

  #described(chunks: readonly Uint8Array[], ahead?: readonly Uint8Array[]): FrozenGame {
    const { clock, id: gameId, definition } = this.#options
    const gates = this.#gates.flatMap((peers) => peers.all)
    const { process } = this.#cluster
    const known = {
      process,
      ready: this.#ready,
      gates,
      gameId,
      gameVersion: definition.version,
      frozenMs: clock.wallMs(),
      // All others are in the chunks.
      ...(ahead && { entities: this.world.size }),
    }
    return describeFrozen(known, chunks, ahead)
  }

  /** Goes on as if it had not been frozen. */
  thaw(): void {
    this.#freezer?.thaw()
    this.#freezer = undefined
    if (!this.#restored) for (const action of this.#postponed.splice(0)) action()
    this.#readyOnce()
  }

  /** Leaves the cluster, which waits for its restore. Nothing is ended: all of it is in what `freeze` has answered. */
  async leave(): Promise<void> {
    this.#left = true
    this.#stopping = true
    for (const timer of this.#timers) timer.cancel()
    this.#positionFlush.stop()
    for (const gates of this.#gates) gates.stop()
    this.world.stopTime()
    await Promise.all([this.#journalWatch?.stop(), this.#cluster.close()])
    worldStopped(this.world)
  }

  #restore({ process, chunks, ahead }: FrozenGame): void {
    const { world } = this
    world.standStill()
    this.#restores(() => {
      if (ahead && !this.#isMadeAhead) this.#restoring.read(ahead)
      this.#restoring.finish(chunks)
    })
    this.#restored = new Map()
    this.#ready = process.ready
    for (const [gateId, name] of process.gates) {
      world.gates.add(gateId)
      this.#gates[this.#cluster.links.indexOf(this.#cluster.toGate(gateId))]!.expect(gateId, name)
    }
  }

  #restores(restore: () => void): void {
    try {
      restore()
    } catch (error) {
      throw new OperatorError(`the frozen game cannot be restored: ${messageOf(error)}`, { cause: error })
    }
  }

  #gameHeld(dispatcher: number, held: boolean): void {
    this.#freezer?.held(dispatcher)
    // The first answers our hello.
    if (this.#restored && !this.#restored.has(dispatcher)) this.#restored.set(dispatcher, held)
    if (this.#restored?.size === this.#cluster.links.length) this.#goOn()
  }

  #whenItGoesOn(action: () => void): void {
    if (this.#restored || this.world.isSealed) this.#postponed.push(action)
    else action()
  }

  /** All is as it was: time goes on, and what was kept comes. */
  #goOn(): void {
    const { world } = this
    const restored = this.#restored
    if (!restored) return
    this.#restored = undefined
    this.#frozen = undefined
    world.goOn()
    this.#restoring.tellClients()
    world.tellRestored()
    for (const [dispatcher, held] of restored) {
      if (held) continue
      world.migration.nothingKept(this.#cluster.links[dispatcher]!)
      // It has told the gates of our end: what they know of us, they are told anew.
      for (const gateId of world.gates) if (this.#isOf(gateId, dispatcher)) world.players.showAnew(gateId)
    }
    for (const [dispatcher, gates] of this.#gates.entries()) if (!restored.get(dispatcher)) gates.missed()
    for (const action of this.#postponed.splice(0)) action()
    world.players.offerAgain()
    for (const link of this.#cluster.links) link.send('releaseGame', {})
    // What has waited is on its way while the rest of the turn runs.
    this.#turn.end()
    this.#log.info(`game ${this.#options.id} is restored`, { entities: world.size })
    this.#options.restored?.()
  }

  /** Ends every entity, and waits until what is to last is written. */
  async #endAll(): Promise<{ readonly destroyed: number; readonly left: number }> {
    const { world } = this
    const before = world.size
    const lostBefore = world.saving.lost
    const { saves } = world
    saves.liftLimits()
    world.destroyAll()
    const { left, kept } = await saves.drain(this.#options.config.saveDeadlineMs)
    saves.stop()
    if (kept > 0)
      this.#log.warn(`${kept} saves are in the journal: the next start of this game takes them to the store`)
    return { destroyed: before - world.size, left: left - kept + world.saving.lost - lostBefore }
  }

  status() {
    const { world } = this
    return {
      ready: this.#ready,
      entities: world.size,
      gates: [...world.gates],
      games: [...world.games],
      calls: this.#intake.calls,
      lostPackets: this.#intake.lost,
      refusedCalls: Object.fromEntries(this.#intake.refused),
      inputs: world.inputs.status(),
      refusedPositions: world.movement.refused,
      crossedPositions: world.movement.crossed,
      positionFlushesShed: this.#positionFlush.shed,
      droppedClientCalls: world.views.droppedCalls,
      sessions: {
        awaited: world.returns.awaited,
        resumed: world.returns.resumed,
        refused: world.returns.refused,
        wrongTokens: world.returns.wrongTokens,
      },
      authorErrors: world.authorErrors,
      saves: world.saves.status(),
      unsaved: world.saving.status(),
      ...(this.#journals && { journal: journalStatus(this.#journals.own) }),
      openRequests: world.requests.size,
      migrating: world.migration.size,
      arrived: world.migration.arrived,
      departed: world.migration.departed,
      returned: world.migration.returned,
      operations: world.operations.status(),
    }
  }

  #checkBoot(): void {
    const { bootEntity } = this.#options.config
    if (this.#options.config.banBootEntity || this.world.kinds.size === 0) return
    const kind = this.world.kinds.get(bootEntity)
    if (kind && !kind.isSpace && !kind.isService) return
    const names = [...this.world.kinds.values()].filter((one) => !one.isSpace && !one.isService).map((one) => one.name)
    throw new OperatorError(
      `boot_entity = ${bootEntity}: this game has no such entity class, only ${names.join(', ') || 'none'}`,
    )
  }

  /** Tells a dispatcher that knows nothing of us who we are and what we have. */
  #introduce(dispatcher: number, link: Link, forgotten: boolean): void {
    this.#journalWatch?.tell()
    const keepsJournal = this.#options.keepsJournal ?? this.#journals !== undefined
    link.send('gameHello', {
      gameId: this.#options.id,
      banBootEntity: this.#options.config.banBootEntity || this.world.kinds.size === 0,
      // Who stands still takes in nothing, either: what has been kept is kept on.
      restoring: this.#restored !== undefined || this.#freezer !== undefined,
      types: [...this.world.kinds.keys()],
      journaled: keepsJournal ? persistentTypes(this.world) : [],
      journalsClear: this.#journalWatch?.clear ?? !keepsJournal,
      made: this.#ids.next(),
    })
    this.#greeted.add(link)
    // So does who has yet to be the game: a dispatcher that is another by now has kept nothing so far.
    if (this.#freezer || this.#restored) link.send('holdGame', { limitMs: this.#holdLimitMs })
    this.#freezer?.fail(`dispatcher ${dispatcher + 1} was restarted`)
    // When it has told its gates of our end, they have closed our players' clients.
    this.#gates[dispatcher]!.dispatcherUp(forgotten)
    // What is kept for a restored game is for those that it has: mostly they need not be said again.
    if (!this.#restored) this.#sayEntities(dispatcher, link)
    for (const [entityId, epoch] of this.world.endings)
      if (this.#isKnownTo(dispatcher, entityId)) link.send('entityEnding', { entityId, epoch })
    // Whether a restored game was held, the dispatcher says itself.
    if (!this.#restored) this.world.migration.nothingKept(link)
    this.world.migration.tellAgain(link)
    this.world.registry.tellAgain(link)
    if (this.#restored) link.send('gameRestored', this.#census(dispatcher))
    else link.send('gameReported', {})
    this.world.players.tellAgain(link)
  }

  /** Whether it is the dispatcher of the entity. */
  #isKnownTo(dispatcher: number, id: string): boolean {
    return bucketOfText(id, this.#options.dispatchers.length) === dispatcher
  }

  #sayEntities(dispatcher: number, link: Link): void {
    for (const { id, epoch } of this.world.all())
      if (this.#isKnownTo(dispatcher, id)) link.send('entityPlaced', { entityId: id, epoch })
  }

  #census(dispatcher: number): Census {
    const census = new Census()
    for (const { id, epoch } of this.world.all()) if (this.#isKnownTo(dispatcher, id)) census.addText(id, epoch)
    return census
  }

  /** It has not kept what we were restored to. */
  #reportAll(dispatcher: number): void {
    const link = this.#cluster.links[dispatcher]!
    this.#sayEntities(dispatcher, link)
    link.send('gameReported', {})
  }

  #receive(dispatcher: number, bytes: Uint8Array, start: number, end: number): void {
    try {
      if (this.#intake.packet(bytes, start, end) || this.#ofCluster(dispatcher, bytes, start, end)) return
      this.#intake.count('unknown message')
      this.#log.error(
        `dispatcher ${dispatcher + 1} sent a message of type ${getU16(bytes, start)}, which is not for games`,
      )
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#intake.count('unreadable')
      this.#log.error(`dispatcher ${dispatcher + 1} sent what cannot be read: ${error.message}`)
    }
  }

  /** Takes what is said of the cluster; answers false for anything else. */
  #ofCluster(dispatcher: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = start + 2
    switch (getU16(bytes, start)) {
      case messages.gateUp.code:
        this.#gateUp(dispatcher, messages.gateUp.read(bytes, at, end))
        return true
      case messages.gateDown.code:
        this.#gateDown(dispatcher, messages.gateDown.read(bytes, at, end))
        return true
      case messages.gameUp.code:
        this.#games.up(dispatcher, messages.gameUp.read(bytes, at, end).gameId)
        return true
      case messages.gameDown.code:
        this.#games.down(dispatcher, messages.gameDown.read(bytes, at, end).gameId)
        return true
      case messages.gathered.code:
        this.#games.gathered(dispatcher)
        return true
      case messages.reportAll.code:
        this.#reportAll(dispatcher)
        return true
      case messages.gameHeld.code:
        this.#gameHeld(dispatcher, messages.gameHeld.read(bytes, at, end).held)
        return true
      case messages.deploymentReady.code:
        this.#dispatcherReady(dispatcher)
        return true
      default:
        return false
    }
  }

  // A gate is believed to be there, or gone, when the dispatcher says so by which all goes that is said to it: any
  // other may have lost it while it and its clients are well.
  #isOf(gateId: number, dispatcher: number): boolean {
    return this.#cluster.toGate(gateId) === this.#cluster.links[dispatcher]
  }

  #gateUp(dispatcher: number, { gateId, process }: Values<'gateUp'>): void {
    if (this.#isOf(gateId, dispatcher)) this.#gates[dispatcher]!.up(gateId, process)
  }

  #gateDown(dispatcher: number, { gateId, process }: Values<'gateDown'>): void {
    if (this.#isOf(gateId, dispatcher)) this.#gates[dispatcher]!.down(gateId, process)
  }

  #dispatcherReady(dispatcher: number): void {
    this.#readyDispatchers.add(dispatcher)
    this.#readyOnce()
  }

  #readyOnce(): void {
    if (this.#ready || this.#readyDispatchers.size < this.#options.dispatchers.length) return
    // Once it is frozen, the restored one hears it anew.
    if (this.world.isSealed) return
    this.#ready = true
    this.#log.info(`game ${this.#options.id} is ready: the whole deployment is there`)
    // Each game asks; the dispatchers see to it that there is one of each.
    this.world.services.place()
    this.world.hook(this.world.nilSpace, 'onGameReady')
  }

  #reportLoad(): void {
    const load = this.#options.load?.() ?? { cpuPermille: 0, lagMs: 0 }
    for (const link of this.#cluster.links) if (link.up) link.send('gameLoad', { ...load, entities: this.world.size })
  }

  /** Once it is frozen, the restored one asks. */
  #placeServices(): void {
    if (!this.world.isSealed) this.world.services.place()
  }

  /** Runs `action` at a steady beat until the game stops. */
  #every(ms: number, action: () => void): void {
    let scheduled: Scheduled
    const beat = () => {
      this.#timers.delete(scheduled)
      scheduled = this.#options.clock.after(ms, beat)
      this.#timers.add(scheduled)
      try {
        action()
      } catch (error) {
        this.#log.error(`game ${this.#options.id}: ${messageOf(error)}`)
        throw error
      }
    }
    scheduled = this.#options.clock.after(ms, beat)
    this.#timers.add(scheduled)
  }
}

/** A game that ends takes in nothing but what it has been waiting for: answers, and how it has ended for those who have left. */
const isAwaitedAtTheEnd = (type: number): boolean =>
  type === messages.answer.code ||
  type === messages.undelivered.code ||
  type === messages.marked.code ||
  type === messages.entityMoved.code

const persistentTypes = (world: World) =>
  [...world.kinds.values()].flatMap((kind) => (kind.persistent ? kind.name : []))

const journalStatus = ({ rows, bytes, failures }: OpenJournal) => ({ rows, bytes, failures })
