// All entities of one game: how they come into being, are found, change hands, are saved and go.
import type { Clock } from '../base/clock.ts'
import { EntityGone, GameFrozen, messageOf, OperatorError, Undelivered } from '../base/errors.ts'
import { ID_BYTES, type IdMaker, isId, isServiceId, nilSpaceId } from '../base/id.ts'
import { IdTable } from '../base/id-table.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { isThenable } from '../base/thenable.ts'
import type { Turn } from '../base/turn.ts'
import type { KeyValueStore } from '../kvdb/kvdb.ts'
import { noSql } from '../sql/backends.ts'
import type { Sql, SqlDatabase } from '../sql/sql.ts'
import type { Row, SaveVersion } from '../storage/row.ts'
import { SaveQueue, type SaveQueueOptions } from '../storage/save-queue.ts'
import type { EntityStorage } from '../storage/storage.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import { encode } from '../wire/codec.ts'
import type { Values } from '../wire/messages.ts'
import { Attrs } from './attrs.ts'
import { AuthorErrors } from './author-errors.ts'
import { authorSql } from './author-sql.ts'
import { Calling } from './calling.ts'
import type { Outcome } from './calls.ts'
import type { EntityClass } from './contract.ts'
import { type Client, construct, coreOf, EntityCore } from './core.ts'
import { enter, leave, within } from './current.ts'
import type { Vector3 } from './entity.ts'
import { Inputs } from './inputs.ts'
import { Kind, kindsOf, type Method } from './kind.ts'
import { Marks } from './marks.ts'
import { Migration } from './migration.ts'
import { Movement } from './movement.ts'
import { OpenWork } from './open-work.ts'
import { type Operation, Operations } from './operations.ts'
import type { Outbound } from './outbound.ts'
import { restoreParts } from './parts.ts'
import { Players } from './players.ts'
import { Registry } from './registry.ts'
import { Requests } from './requests.ts'
import { Returns } from './returns.ts'
import { RunningGame } from './running-game.ts'
import type { SavedEntity } from './saved-entity.ts'
import { Saving } from './saving.ts'
import { type Dropped, type Leftovers, openRow, openSaved } from './schema.ts'
import { Services } from './services.ts'
import { Space } from './space.ts'
import { SpaceCore } from './space-core.ts'
import { SpaceHooks } from './space-hooks.ts'
import { type Timer, Timers } from './timers.ts'
import { Views } from './views.ts'

export interface WorldOptions {
  readonly gameId: number
  readonly types: readonly EntityClass[]
  /** The class of the nil space; a plain one without. */
  readonly nilSpace?: EntityClass | undefined
  readonly clock: Clock
  readonly turn: Turn
  readonly log: Log
  readonly ids: IdMaker
  readonly random: Random
  readonly cluster: Outbound
  readonly storage: EntityStorage
  readonly kvdb: KeyValueStore
  /** None, unless it is given. */
  readonly sql?: SqlDatabase | undefined
  readonly saveIntervalMs: number
  /** How long a client with a session whose gate is gone may take to come by another; not at all, unless it is given. */
  readonly reconnectGraceMs?: number
  readonly saves?: Omit<SaveQueueOptions, 'clock' | 'log'>
  readonly aoiHysteresis?: number
  /** What an entity may take up on its way to another game. */
  readonly luggageBytesMax?: number
}

/** What the engine calls on entities. */
export type HookName =
  | 'onInit'
  | 'onAttrsReady'
  | 'onCreated'
  | 'onClientConnected'
  | 'onClientDisconnected'
  | 'onClientLost'
  | 'onClientReconnected'
  | 'onEnteredSpace'
  | 'onLeftSpace'
  | 'onEntityEntered'
  | 'onEntityLeft'
  | 'onEnteredAoi'
  | 'onLeftAoi'
  | 'onDestroyed'
  | 'onGameReady'
  | 'onMigratedOut'
  | 'onMigratedIn'
  | 'onFrozen'
  | 'onRestored'
  | 'onServicePlaced'

/** More than any entity should be; what takes longer to move than players wait. */
const LUGGAGE_BYTES_MAX = 16 * 1024 * 1024

/** What was saved, and has no place in the code of now. */
export interface Misplaced {
  readonly what: string
  /** What an author can do about it, if anything. */
  readonly remedy: string
}

/** What is given to a new entity besides its attributes. */
export interface Birth {
  readonly id?: string
  readonly epoch?: number
  readonly spaceKind?: number
  readonly isNilSpace?: boolean
  readonly client?: Client
  /** The row in storage that its attributes come from, as they are. */
  readonly saved?: SaveVersion | undefined
  readonly leftovers?: Leftovers | undefined
  /** Whether an older version of its class has saved it. */
  readonly isUpgraded?: boolean
}

export class World {
  readonly gameId: number
  readonly game: RunningGame
  readonly clock: Clock
  readonly log: Log
  readonly cluster: Outbound
  readonly kvdb: KeyValueStore
  readonly sql: Sql
  readonly views: Views
  readonly movement: Movement
  readonly inputs: Inputs
  readonly spaceHooks = new SpaceHooks()
  readonly random: Random
  readonly requests: Requests
  readonly registry: Registry
  readonly services: Services
  readonly marks: Marks
  readonly migration: Migration
  readonly calling: Calling
  readonly players: Players
  readonly returns: Returns
  readonly operations: Operations
  readonly openWork: OpenWork
  readonly timers: Timers
  readonly kinds: ReadonlyMap<string, Kind>
  readonly aoiHysteresis: number
  readonly luggageBytesMax: number
  readonly saves: SaveQueue
  readonly saving: Saving
  /** The gates that are there. */
  readonly gates = new Set<number>()
  /** The games that are there, this one among them. */
  readonly games = new Set<number>()
  /** Entities that are gone and still being written: their last placements, by id. */
  readonly endings = new Map<string, number>()
  nilSpace!: SpaceCore
  /** Time stands still. */
  isStill = false
  /** It is frozen: see `seal`. */
  isSealed = false
  /** How often an author's code threw. */
  authorErrors = 0
  /** How many `onInit` and `onRestored` were among them, and the first. */
  failedHooks: { readonly count: number; readonly first: string } = { count: 0, first: '' }

  readonly #options: WorldOptions
  readonly #nilSpaceId: string
  readonly #slots = new IdTable(1024)
  readonly #cores: (EntityCore | undefined)[] = []
  readonly #free: number[] = []
  #touched: EntityCore[] = []
  readonly #errors: AuthorErrors
  /** With what can be done about each. */
  readonly #dropped = new Map<string, string>()
  /** Those under way, by id: the last of each. */
  readonly #loads = new Map<string, object>()
  /** Loads that have to wait until time goes on. */
  readonly #late: (() => void)[] = []

  constructor(options: WorldOptions) {
    this.#options = options
    this.gameId = options.gameId
    this.#nilSpaceId = nilSpaceId(options.gameId)
    this.clock = options.clock
    this.log = options.log
    this.cluster = options.cluster
    this.kvdb = options.kvdb
    this.aoiHysteresis = options.aoiHysteresis ?? 0
    this.luggageBytesMax = options.luggageBytesMax ?? LUGGAGE_BYTES_MAX
    this.random = options.random
    this.games.add(options.gameId)
    this.operations = new Operations(options.clock, options.log)
    this.kinds = kindsOf(options.types, this.operations)
    this.requests = new Requests(options.clock, options.random)
    this.registry = new Registry(options.cluster, (listener) => this.runFree('a listener of the registry', listener))
    this.marks = new Marks(options.cluster)
    this.migration = new Migration(this)
    this.calling = new Calling(this)
    this.players = new Players(this)
    this.returns = new Returns(this, options.reconnectGraceMs ?? 0)
    this.services = new Services(this)
    this.timers = new Timers(options.clock)
    this.views = new Views(this)
    this.movement = new Movement(this)
    this.inputs = new Inputs(this)
    this.saves = new SaveQueue(options.storage, {
      ...options.saves,
      clock: options.clock,
      log: options.log,
      // Its journal had it, so that whoever saved it was told that all is well.
      refused: (type, id) => {
        const core = this.find(id)
        if (core?.kind.name === type) this.saving.refused(core)
      },
      outdated: (type, id, { epoch }) => {
        const core = this.find(id)
        if (core?.kind.name === type && core.epoch <= epoch && !this.isSealed) this.#overtaken(core)
      },
    })
    this.saving = new Saving(options.clock, this.saves, options.saveIntervalMs)
    this.#errors = new AuthorErrors(options.clock, options.log)
    this.openWork = new OpenWork(options.clock)
    this.sql = authorSql(this, options.sql ?? noSql)
    this.game = new RunningGame(this)
    options.turn.stage(() => this.flushAttrs())
    options.turn.stage(() => this.inputs.flush())
  }

  get size(): number {
    return this.#slots.size
  }

  /** Makes the nil space, of what is saved of it; everything else needs it. */
  start(row?: Row): void {
    const kind = this.#nilKind()
    const id = this.#nilSpaceId
    const epoch = row ? row.epoch + 1 : 1
    const { attrs, ...opened } = row ? openRow(kind, id, row, this.dropped) : { attrs: {} }
    const birth = { ...opened, id, epoch, saved: row, spaceKind: 0, isNilSpace: true }
    this.nilSpace = this.#bear(kind, attrs, birth) as SpaceCore
  }

  /** What is saved of the nil space, if anything of it is to last. */
  async savedNilSpace(): Promise<Row | undefined> {
    const kind = this.#nilKind()
    return kind.persistent ? this.saves.read(kind.name, this.#nilSpaceId) : undefined
  }

  #nilKind(): Kind {
    const type = this.#options.nilSpace ?? (class NilSpace extends Space {} as unknown as EntityClass)
    const kind = this.kinds.get(type.name) ?? new Kind(type, this.operations)
    if (!kind.isSpace) throw new OperatorError(`${kind.name} cannot be the nil space: it is no space`)
    return kind
  }

  // --- finding ---------------------------------------------------------------------------------------------------------

  find(id: string): EntityCore | undefined {
    if (typeof id !== 'string' || id.length !== ID_BYTES) return undefined
    const slot = this.#slots.getText(id)
    const core = slot < 0 ? undefined : this.#cores[slot]
    // To the table, text beyond ASCII may look like an id.
    return core?.id === id ? core : undefined
  }

  /** The entity whose id stands at `at`. */
  coreAt(bytes: Uint8Array, at: number): EntityCore | undefined {
    const slot = this.#slots.get(bytes, at)
    return slot < 0 ? undefined : this.#cores[slot]
  }

  *all(): IterableIterator<EntityCore> {
    for (const core of this.#cores) if (core) yield core
  }

  kindOf(type: EntityClass): Kind {
    const kind = this.kinds.get(type.name)
    if (kind?.type === type) return kind
    throw new TypeError(`${type.name} is not among the classes of this game: add it to game([…])`)
  }

  // --- coming into being -------------------------------------------------------------------------------------------------

  /** Makes an entity of a new id here, and says so to its dispatcher. */
  create(kind: Kind, attrs: Readonly<Record<string, unknown>>, birth: Birth = {}): EntityCore {
    this.checkSeal()
    return this.#bear(kind, attrs, birth)
  }

  /** Asks for an entity to be made where there is room; answers its id at once. */
  createAnywhere(kind: Kind, attrs: Readonly<Record<string, unknown>>, gameId = 0): string {
    this.checkSeal()
    const id = this.#options.ids.next()
    this.cluster.toEntity(id).send('createEntity', { entityId: id, gameId, type: kind.name, attrs: encode(attrs) })
    return id
  }

  /** Asks for a saved entity to be loaded, unless it is there. */
  load(kind: Kind, id: string, gameId = 0): void {
    this.checkSeal()
    if (this.find(id)) return
    this.cluster.toEntity(id).send('loadEntity', { entityId: id, gameId, type: kind.name })
  }

  /** The dispatcher wants the entity here. Its packets wait there until it is. */
  loadHere(type: string, id: string, epoch: number): Promise<void> {
    if (this.migration.loadHere(id, epoch)) return Promise.resolve()
    const loaded = this.#load(type, id, epoch)
    // A freeze waits for it.
    this.openWork.track(loaded).catch(() => {})
    return loaded
  }

  async #load(type: string, id: string, epoch: number): Promise<void> {
    // Asked once more, by a dispatcher that knows nothing of the one that asked before: the last one is to hear of it.
    const loading = {}
    this.#loads.set(id, loading)
    try {
      const kind = this.kinds.get(type)
      if (!kind) throw new Error(`this game has no class ${type}`)
      const row = await this.saves.read(kind.name, id)
      // Time stands still: if it goes on in another process, the dispatcher asks that one.
      if (this.isStill) await new Promise<void>((resolve) => void this.#late.push(resolve))
      if (!row && !this.services.isOne(kind, id)) throw new Error('it is not in storage')
      if (this.find(id) || this.#loads.get(id) !== loading) return
      const { attrs, ...opened } = row ? openRow(kind, id, row, this.dropped) : { attrs: {} }
      // Whoever has saved the row may live yet, and a dispatcher that was restarted may not know how far placements are.
      const later = row ? Math.max(epoch, row.epoch + 1) : epoch
      this.create(kind, attrs, { id, epoch: later, saved: row, ...opened })
    } catch (error) {
      this.#errors.add(`load ${type}`, `${type}<${id}> cannot be loaded`, error)
      if (this.#loads.get(id) === loading) this.cluster.toEntity(id).send('entityGone', { entityId: id, epoch })
    } finally {
      if (this.#loads.get(id) === loading) this.#loads.delete(id)
    }
  }

  /** Makes an entity that another process asked for. */
  createHere(type: string, id: string, epoch: number, attrs: Readonly<Record<string, unknown>>, client?: Client): void {
    try {
      const kind = this.kinds.get(type)
      if (!kind) throw new Error(`this game has no class ${type}`)
      if (this.find(id)) throw new Error('it is there already')
      this.create(kind, attrs, { id, epoch, ...(client ? { client } : {}), ...spaceKindOf(attrs) })
    } catch (error) {
      this.authorErrors++
      this.#errors.add(`create ${type}`, `${type}<${id}> cannot be created`, error)
      this.cluster.toEntity(id).send('entityGone', { entityId: id, epoch })
      if (client) this.views.closeClient(client, 'its first entity could not be made')
    }
  }

  #bear(kind: Kind, attrs: Readonly<Record<string, unknown>>, birth: Birth): EntityCore {
    const id = birth.id ?? this.#options.ids.next()
    const epoch = birth.epoch ?? 1
    const core = this.#make(kind, id, epoch, birth, attrs, () => {})
    this.cluster.toEntity(id).send('entityPlaced', { entityId: id, epoch })
    if (kind.isService) this.services.placed(core)
    // Others may have called it since it was asked for.
    if (birth.epoch !== undefined && !birth.isNilSpace) this.migration.catchUp(core)
    if (birth.saved) core.saved = { epoch: birth.saved.epoch, no: birth.saved.no }
    this.hook(core, 'onAttrsReady')
    if (!birth.saved) core.attrsUnsaved()
    this.hook(core, 'onCreated')
    if (birth.client && !core.isLeaving) this.players.connect(core, birth.client)
    // From its first turn on it is there for `load`, whatever happens to this process.
    if (!birth.saved && !core.gone) this.saving.saveUnsaved(core)
    return core
  }

  /** Makes an entity again that was saved whole: in no space, without a client, and nobody is told. */
  revive(saved: SavedEntity, epoch: number, elapsedMs: number): EntityCore {
    const { type, id, spaceKind = 0, parts } = saved
    const isNilSpace = id === this.#nilSpaceId
    const kind = this.kindOfSaved(saved)
    if (this.find(id)) throw new Error(`${type}<${id}> is there already`)
    const { attrs, ...opened } = openSaved(kind, saved, this.dropped)
    const core = this.#make(kind, id, epoch, { spaceKind, isNilSpace, ...opened }, attrs, (made) =>
      restoreParts(made, parts, { elapsedMs }),
    )
    if (isNilSpace) this.nilSpace = core as SpaceCore
    return core
  }

  /** The class that it has here. Throws when there is none. */
  kindOfSaved({ type, id }: SavedEntity): Kind {
    const kind = id === this.#nilSpaceId ? this.#nilKind() : this.kinds.get(type)
    if (kind) return kind
    // A service is placed again as long as any game has its class.
    const last = isServiceId(id) ? 'until the server is restarted' : 'until the last of its entities is gone'
    throw new Error(`this game has no class ${type}, which has to stay ${last}`)
  }

  /** A place for those who were in a space that is yet to be revived. */
  seatsOf(saved: SavedEntity): SpaceCore {
    const { id, epoch, spaceKind = 0 } = saved
    return new SpaceCore(this, this.kindOfSaved(saved), id, epoch, spaceKind, id === this.#nilSpaceId)
  }

  /** Undoes `revive`, in a world that has not started. If it has a seat, it keeps it. */
  unmake(core: EntityCore): void {
    core.isLeaving = true
    this.#forget(core)
  }

  /** The object of an entity with its attributes, in the game's table once `finish` has given it what else it has. */
  #make(
    kind: Kind,
    id: string,
    epoch: number,
    { spaceKind = 0, isNilSpace = false, leftovers, isUpgraded }: Birth,
    attrs: Readonly<Record<string, unknown>>,
    finish: (core: EntityCore) => void,
  ): EntityCore {
    const core = kind.isSpace
      ? new SpaceCore(this, kind, id, epoch, spaceKind, isNilSpace)
      : new EntityCore(this, kind, id, epoch)
    core.leftovers = leftovers
    try {
      Attrs.fill(core.attrs, attrs)
      within(this, () => construct(kind.type, core))
      kind.checkInstance(core.entity)
      this.hook(core, 'onInit')
      Attrs.settle(core.attrs, attrs)
      finish(core)
      if (isUpgraded) core.attrsUnsaved()
    } catch (error) {
      this.saving.forget(core)
      this.timers.cancelAll(core)
      core.isLeaving = true
      core.gone = true
      throw error
    }
    this.#register(core)
    return core
  }

  /** What has found no place so far, each once, with what can be done about it. */
  get droppedParts(): readonly Misplaced[] {
    return [...this.#dropped].map(([what, remedy]) => ({ what, remedy }))
  }

  /** What was saved of entities and has no place in their class any more is left out, or stays in storage: said once for each. */
  readonly dropped: Dropped = (what, remedy, stays = false) => {
    if (this.#dropped.has(what)) return
    this.#dropped.set(what, remedy)
    this.log.warn(`${what}: ${stays ? 'it stays in storage, and nowhere else' : 'it is left out'}`)
  }

  /** An entity that nobody can make again: what of it lasts is saved. */
  loseEntity(saved: SavedEntity, error: unknown): void {
    this.authorErrors++
    this.#errors.add(`lost ${saved.type}`, `${saved.type}<${saved.id}> is lost: it cannot be made again`, error)
    void this.saving.saveLost(this.kinds.get(saved.type), saved)
  }

  #register(core: EntityCore): void {
    core.slot = this.#free.pop() ?? this.#cores.length
    this.#cores[core.slot] = core
    this.#slots.setText(core.id, core.slot)
  }

  // --- other games ---------------------------------------------------------------------------------------------------------

  gameUp(gameId: number): void {
    this.games.add(gameId)
  }

  /** What lived there and must live somewhere is asked for. */
  gameDown(gameId: number): void {
    if (gameId !== this.gameId && this.games.delete(gameId) && !this.isSealed) this.services.place()
  }

  /** A later placement of the entity is elsewhere: this one has been thought dead. */
  voidEntity({ entityId, epoch }: Values<'entityVoid'>): void {
    const core = this.find(entityId)
    if (!core || core.epoch > epoch || core === this.nilSpace) return
    this.log.warn(`${core} lives elsewhere by now: what is here of it is dropped`)
    if (core.client) {
      this.views.closePlayer(core, core.client, 'its player lives elsewhere by now')
      this.views.unbind(core, true)
      this.hook(core, 'onClientDisconnected')
    }
    this.returns.end(core)
    this.discard(core)
  }

  /**
   * The store has a save of a later placement, which its dispatcher may have forgotten, or never have known: this one was thought
   * dead, and what it has is of the past.
   */
  #overtaken(core: EntityCore): void {
    const { id: entityId, epoch } = core
    this.migration.cancel(core, 'a later placement of it has saved')
    this.voidEntity({ entityId, epoch })
    if (core.gone) this.cluster.toEntity(entityId).send('entityGone', { entityId, epoch })
  }

  // --- spaces --------------------------------------------------------------------------------------------------------------

  enterSpace(core: EntityCore, spaceId: string, { x, y, z }: Vector3): Promise<void> {
    this.checkSeal()
    // Hooks may run: what they leave is what counts.
    this.movement.settle()
    if (core.isLeaving) return Promise.reject(new EntityGone(`${core} is gone: it cannot enter a space`))
    if (!Number.isFinite(x + y + z)) return Promise.reject(new RangeError(`${core} cannot be at (${x}, ${y}, ${z})`))
    if (core instanceof SpaceCore || core.kind.isService)
      return Promise.reject(new Error(`${core} is no entity that could be in a space`))
    if (!isId(spaceId)) return Promise.reject(new TypeError(`there is no space '${spaceId}'`))
    this.migration.cancel(core, 'it was told to enter another')
    const target = this.find(spaceId)
    if (!target) return this.migration.depart(core, spaceId, { x, y, z })
    if (!(target instanceof SpaceCore) || target.isLeaving)
      return Promise.reject(new Error(`there is no space ${spaceId}`))
    if (core.space === target) {
      this.movement.move(core, x, y, z, core.yaw)
      return Promise.resolve()
    }
    core.space?.leave(core)
    // A hook may have done anything.
    if (core.isLeaving) return Promise.reject(new EntityGone(`${core} was destroyed on its way to ${target}`))
    if (target.isLeaving) return Promise.reject(new Error(`${target} was destroyed while ${core} was on its way`))
    if (core.space) return Promise.reject(new Error(`${core} was taken to ${core.space} on its way to ${target}`))
    if (!target.isNil) target.enter(core, x, y, z)
    return Promise.resolve()
  }

  setAoi(core: EntityCore, radius: number): void {
    if (!Number.isFinite(radius) || radius < 0) throw new RangeError(`${core} cannot see ${radius} far`)
    if (core.aoiRadius < 0) throw new TypeError(`${core.kind.name} has no part in AOI: give its contract an \`aoi\``)
    this.movement.settle()
    core.aoiRadius = radius
    core.space?.setRadius(core)
  }

  // --- author code -----------------------------------------------------------------------------------------------------------

  /** Calls a method by name for the engine itself or another entity. */
  run(core: EntityCore, name: string, args: readonly unknown[]): void {
    const method = core.kind.method(name)
    if (method) this.runMethod(core, method, args)
    else this.#errors.add(`no method ${core.kind.name}.${name}`, `${core}`, new Error(`it has no method ${name}()`))
  }

  /**
   * Runs author code; whatever it throws or rejects with is logged with entity and method, and the game goes on. With an
   * `outcome` it is told that instead: whoever asked will know what to do.
   */
  runMethod(core: EntityCore, method: Method, args: readonly unknown[], outcome?: Outcome): void {
    if (core.gone) return outcome?.(false, new Undelivered(`${core} is gone`))
    this.#runAuthor(core, method.name, method.run, args, method.operation, outcome)
  }

  /** Runs a hook as a method is run; resolves when it has ended, to what it threw, if it did. */
  async hooked(core: EntityCore, name: HookName): Promise<string | undefined> {
    const hook = hookOf(core.entity, name)
    return new Promise((resolve) =>
      this.#runAuthor(core, name, hook, [], core.kind.hook(name), (ok, error) => {
        if (!ok) this.#authorError(core, name, error)
        resolve(ok ? undefined : messageOf(error))
      }),
    )
  }

  /** Whether its class does anything in a hook: most hooks of most classes are those of the engine, which do nothing. */
  hears(core: EntityCore, name: HookName): boolean {
    return hookOf(core.entity, name) !== hookOf(Space.prototype, name)
  }

  /** Runs a hook as a method is run. Who is gone hears of nothing more but of the loss of its client. */
  hook(core: EntityCore, name: HookName, ...args: unknown[]): void {
    if (core.gone && name !== 'onClientDisconnected') return
    if (this.hears(core, name)) this.#runAuthor(core, name, hookOf(core.entity, name), args, core.kind.hook(name))
  }

  #runAuthor(
    core: EntityCore,
    name: string,
    code: (...args: unknown[]) => unknown,
    args: readonly unknown[],
    operation: Operation,
    outcome?: Outcome,
  ): void {
    const startMs = this.operations.start()
    const before = enter(this)
    try {
      const result = code.apply(core.entity, args as unknown[])
      if (isThenable(result))
        result.then(outcome && ((value) => outcome(true, value)), (error) => this.#failed(core, name, error, outcome))
      else outcome?.(true, result)
    } catch (error) {
      this.#failed(core, name, error, outcome)
    } finally {
      leave(before)
    }
    this.operations.end(operation, startMs)
  }

  #failed(core: EntityCore, name: string, error: unknown, outcome: Outcome | undefined): void {
    if (outcome) outcome(false, error)
    else this.#authorError(core, name, error)
  }

  /** Runs a closure of the author's (a timer of the game). */
  runFree(what: string, code: () => unknown): void {
    if (this.isSealed) return
    try {
      const result = within(this, code)
      if (isThenable(result)) result.then(undefined, (error) => this.#authorError(undefined, what, error))
    } catch (error) {
      this.#authorError(undefined, what, error)
    }
  }

  /** An error of `what` an author's code left to Node.js: whose it was, its stack must tell. */
  stray(what: string, error: unknown): void {
    this.#authorError(undefined, what, error)
  }

  #authorError(core: EntityCore | undefined, method: string, error: unknown): void {
    this.authorErrors++
    if (method === 'onInit' || method === 'onRestored') {
      const { count, first } = this.failedHooks
      this.failedHooks = { count: count + 1, first: first || `${core}.${method}: ${messageOf(error)}` }
    }
    if (core) this.#errors.add(`${core.kind.name}.${method}`, `${core}.${method} threw`, error)
    else this.#errors.add(method, `${method} threw`, error)
  }

  // --- time ----------------------------------------------------------------------------------------------------------------

  addTimer(core: EntityCore, delayMs: number, intervalMs: number, method: string, args: readonly unknown[]): Timer {
    if (core.gone) this.throwGone(core)
    return this.timers.add(core, delayMs, intervalMs, method, args)
  }

  addCron(core: EntityCore, pattern: string, method: string, args: readonly unknown[]): Timer {
    if (core.gone) this.throwGone(core)
    return this.timers.addCron(core, pattern, method, args)
  }

  flushLater(core: EntityCore): void {
    this.#touched.push(core)
    this.#options.turn.request()
  }

  flushAttrs(): void {
    // What is touched during the flush (it should not be) waits for the next turn.
    const touched = this.#touched
    if (touched.length === 0) return
    this.#touched = []
    for (const core of touched) {
      core.flushAsked = false
      if (core.gone) continue
      try {
        core.flushMarked()
      } catch (error) {
        this.#authorError(core, 'attrs', error)
      }
    }
  }

  // --- going ---------------------------------------------------------------------------------------------------------------

  destroy(core: EntityCore): void {
    if (core.isLeaving || core === this.nilSpace) return
    this.checkSeal()
    this.migration.cancel(core, 'it was destroyed')
    core.isLeaving = true
    // Whoever is in a space that is destroyed is in the nil space then. Nobody enters it any more.
    if (core instanceof SpaceCore) for (const member of core.members) core.leave(coreOf(member))
    core.space?.leave(core)
    // It may be one of their hooks that destroys it: the others come first.
    this.spaceHooks.tell()
    this.hook(core, 'onDestroyed')
    const { client } = core
    if (client) {
      this.views.closeClient(client, 'its player was destroyed')
      this.views.unbind(core, true)
      this.hook(core, 'onClientDisconnected')
    }
    this.returns.end(core)
    this.saving.saveUnsaved(core)
    this.#forget(core)
    const { id: entityId, epoch } = core
    const link = this.cluster.toEntity(entityId)
    const written = core.kind.persistent ? this.saves.settled(core.kind.name, entityId) : undefined
    if (!written) return link.send('entityGone', { entityId, epoch })
    // Whoever loads it must find what is written now.
    link.send('entityEnding', { entityId, epoch })
    this.endings.set(entityId, epoch)
    void written.then(() => {
      if (this.endings.get(entityId) === epoch) this.endings.delete(entityId)
      link.send('entityGone', { entityId, epoch })
    })
  }

  /** The entity lives elsewhere: this object is of no more use. Nobody is told, but those who are in a space with it. */
  discard(core: EntityCore): void {
    if (core.gone) return
    core.isLeaving = true
    if (core instanceof SpaceCore) for (const member of [...core.members]) core.leave(coreOf(member))
    core.space?.leave(core)
    core.client = undefined
    this.#forget(core)
  }

  #forget(core: EntityCore): void {
    this.returns.forget(core)
    this.migration.gone(core)
    this.saving.forget(core)
    this.timers.cancelAll(core)
    core.gone = true
    this.#cores[core.slot] = undefined
    this.#slots.deleteText(core.id)
    this.#free.push(core.slot)
    this.views.forgetSlot(core.slot)
  }

  throwGone(core: EntityCore): never {
    this.checkSeal()
    throw new EntityGone(`${core} is gone`)
  }

  /** Throws GameFrozen when it is too late to do anything. */
  checkSeal(): void {
    if (this.isSealed) throw new GameFrozen('the game is frozen: this comes too late')
  }

  /** Nothing happens by itself any more: the game is being frozen. */
  standStill(): void {
    this.isStill = true
    this.timers.pause()
    this.returns.pause()
    this.saving.stop()
  }

  /** What it is has been taken down: from here on nothing may happen to anybody, and nothing may leave. */
  seal(): void {
    this.isSealed = true
    for (const core of this.all()) core.gone = true
  }

  goOn(): void {
    if (this.isSealed) for (const core of this.all()) core.gone = false
    this.isSealed = false
    this.isStill = false
    this.requests.reopen()
    for (const resolve of this.#late.splice(0)) resolve()
    this.timers.resume()
    this.returns.goOn()
    this.saving.resume()
  }

  /** All of it is back, and hears so: spaces first, so that whoever is in one finds it in order. */
  tellRestored(): void {
    const who: EntityCore[] = []
    for (const core of this.all()) if (core.kind.hearsRestored) who.push(core)
    for (const spaces of [true, false])
      for (const core of who) if (core instanceof SpaceCore === spaces) this.hook(core, 'onRestored')
  }

  /** The game ends: no timer fires any more. */
  stopTime(): void {
    this.saving.stop()
    this.timers.stop()
    this.returns.pause()
    this.game.stopTimers()
  }

  /** The game ends: so does every entity, spaces and services after those that may still talk to them. */
  destroyAll(): void {
    const order = (core: EntityCore) => (core.kind.isService ? 2 : core instanceof SpaceCore ? 1 : 0)
    for (const turn of [0, 1, 2]) for (const core of this.all()) if (order(core) === turn) this.destroy(core)
  }
}

const hookOf = (entity: object, name: HookName) => (entity as Record<HookName, (...args: unknown[]) => unknown>)[name]

const spaceKindOf = (attrs: Readonly<Record<string, unknown>>) => {
  const kind = attrs[SPACE_KIND]
  return typeof kind === 'number' ? { spaceKind: kind } : {}
}
