// All entities of one game: how they come into being, are found, change hands, are saved and go.
import type { Clock } from '../base/clock.ts'
import { EntityGone, OperatorError } from '../base/errors.ts'
import { type IdMaker, isId, nilSpaceId } from '../base/id.ts'
import { IdTable } from '../base/id-table.ts'
import type { Log } from '../base/log.ts'
import { isThenable } from '../base/thenable.ts'
import type { Turn } from '../base/turn.ts'
import type { KeyValueStore } from '../kvdb/kvdb.ts'
import { SaveQueue } from '../storage/save-queue.ts'
import type { EntityStorage } from '../storage/storage.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import { encode } from '../wire/codec.ts'
import { Attrs } from './attrs.ts'
import { AuthorErrors } from './author-errors.ts'
import { localArgs, writeCall } from './calls.ts'
import type { EntityClass } from './contract.ts'
import { type Client, construct, coreOf, EntityCore } from './core.ts'
import { within } from './current.ts'
import type { Vector3 } from './entity.ts'
import { Kind, kindsOf, type Method } from './kind.ts'
import { Movement } from './movement.ts'
import { OpenWork } from './open-work.ts'
import type { Outbound } from './outbound.ts'
import { RunningGame } from './running-game.ts'
import { Saving } from './saving.ts'
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
  readonly cluster: Outbound
  readonly storage: EntityStorage
  readonly kvdb: KeyValueStore
  readonly saveIntervalMs: number
  readonly aoiHysteresis?: number
}

/** What the engine calls on entities. */
export type HookName =
  | 'onInit'
  | 'onAttrsReady'
  | 'onCreated'
  | 'onClientConnected'
  | 'onClientDisconnected'
  | 'onEnteredSpace'
  | 'onLeftSpace'
  | 'onEntityEntered'
  | 'onEntityLeft'
  | 'onEnteredAoi'
  | 'onLeftAoi'
  | 'onDestroyed'
  | 'onGameReady'

/** What is given to a new entity besides its attributes. */
export interface Birth {
  readonly id?: string
  readonly epoch?: number
  readonly spaceKind?: number
  readonly isNilSpace?: boolean
  readonly client?: Client
  /** Whether its attributes come from storage as they are. */
  readonly saved?: boolean
}

export class World {
  readonly gameId: number
  readonly game: RunningGame
  readonly clock: Clock
  readonly log: Log
  readonly cluster: Outbound
  readonly kvdb: KeyValueStore
  readonly views: Views
  readonly movement: Movement
  readonly spaceHooks = new SpaceHooks()
  readonly openWork: OpenWork
  readonly timers: Timers
  readonly kinds: ReadonlyMap<string, Kind>
  readonly aoiHysteresis: number
  readonly saves: SaveQueue
  readonly saving: Saving
  /** The gates that are there. */
  readonly gates = new Set<number>()
  nilSpace!: SpaceCore
  /** How often an author's code threw. */
  authorErrors = 0

  readonly #options: WorldOptions
  readonly #slots = new IdTable(1024)
  readonly #cores: (EntityCore | undefined)[] = []
  readonly #free: number[] = []
  #touched: EntityCore[] = []
  #local: { id: string; method: string; args: unknown[] }[] = []
  #runsLocal = false
  readonly #errors: AuthorErrors

  constructor(options: WorldOptions) {
    this.#options = options
    this.gameId = options.gameId
    this.clock = options.clock
    this.log = options.log
    this.cluster = options.cluster
    this.kvdb = options.kvdb
    this.aoiHysteresis = options.aoiHysteresis ?? 0
    this.kinds = kindsOf(options.types)
    this.timers = new Timers(options.clock)
    this.views = new Views(this)
    this.movement = new Movement(this)
    this.saves = new SaveQueue(options.storage, { clock: options.clock, log: options.log })
    this.saving = new Saving(options.clock, this.saves, options.saveIntervalMs)
    this.#errors = new AuthorErrors(options.clock, options.log)
    this.openWork = new OpenWork(options.clock)
    this.game = new RunningGame(this)
    options.turn.stage(() => this.flushAttrs())
  }

  get size(): number {
    return this.#slots.size
  }

  /** Makes the nil space; everything else needs it. */
  start(): void {
    const type = this.#options.nilSpace ?? (class NilSpace extends Space {} as unknown as EntityClass)
    const kind = this.kinds.get(type.name) ?? new Kind(type)
    if (!kind.isSpace) throw new OperatorError(`${kind.name} cannot be the nil space: it is no space`)
    const id = nilSpaceId(this.gameId)
    this.nilSpace = this.#bear(kind, {}, { id, spaceKind: 0, isNilSpace: true }) as SpaceCore
  }

  // --- finding ---------------------------------------------------------------------------------------------------------

  find(id: string): EntityCore | undefined {
    return isId(id) ? this.#cores[this.#slots.getText(id)] : undefined
  }

  /** The entity whose id stands at `at`. */
  coreAt(bytes: Uint8Array, at: number): EntityCore | undefined {
    return this.#cores[this.#slots.get(bytes, at)]
  }

  *all(): IterableIterator<EntityCore> {
    for (const core of this.#cores) if (core) yield core
  }

  kindOf(type: EntityClass): Kind {
    const kind = this.kinds.get(type.name)
    if (kind?.type === type) return kind
    throw new TypeError(`${type.name} is not among the classes of this game: add it to game([…])`)
  }

  /** Where the service of a class lives: everybody can compute its id. */
  serviceId(type: EntityClass): string {
    const kind = this.kindOf(type)
    if (!kind.isService) throw new TypeError(`${kind.name} is no service`)
    return serviceId(kind.name)
  }

  // --- coming into being -------------------------------------------------------------------------------------------------

  /** Makes an entity of a new id here, and says so to its dispatcher. */
  create(kind: Kind, attrs: Readonly<Record<string, unknown>>, birth: Birth = {}): EntityCore {
    return this.#bear(kind, attrs, birth)
  }

  /** Asks for an entity to be made where there is room; answers its id at once. */
  createAnywhere(kind: Kind, attrs: Readonly<Record<string, unknown>>, gameId = 0): string {
    const id = this.#options.ids.next()
    this.cluster.toEntity(id).send('createEntity', { entityId: id, gameId, type: kind.name, attrs: encode(attrs) })
    return id
  }

  /** Asks for a saved entity to be loaded, unless it is there. */
  load(kind: Kind, id: string, gameId = 0): void {
    if (this.find(id)) return
    this.cluster.toEntity(id).send('loadEntity', { entityId: id, gameId, type: kind.name })
  }

  /** The dispatcher wants the entity here. Its packets wait there until it is. */
  async loadHere(type: string, id: string, epoch: number): Promise<void> {
    try {
      const kind = this.kinds.get(type)
      if (!kind) throw new Error(`this game has no class ${type}`)
      const saved = await this.#read(kind, id)
      if (!saved && !kind.isService) throw new Error('it is not in storage')
      if (this.find(id)) return
      this.create(kind, saved ?? {}, { id, epoch, saved: saved !== undefined, ...spaceKindOf(saved) })
    } catch (error) {
      this.#errors.add(`load ${type}`, `${type}<${id}> cannot be loaded`, error)
      this.cluster.toEntity(id).send('entityGone', { entityId: id, epoch })
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
    const core = kind.isSpace
      ? new SpaceCore(this, kind, id, epoch, birth.spaceKind ?? 0, birth.isNilSpace ?? false)
      : new EntityCore(this, kind, id, epoch)
    try {
      Attrs.fill(core.attrs, {})
      within(this, () => construct(kind.type, core))
      this.hook(core, 'onInit')
      Attrs.fill(core.attrs, attrs, true)
    } catch (error) {
      this.saving.forget(core)
      this.timers.cancelAll(core)
      core.isLeaving = true
      core.gone = true
      throw error
    }
    this.#register(core)
    if (!birth.isNilSpace) this.cluster.toEntity(id).send('entityPlaced', { entityId: id, epoch })
    this.hook(core, 'onAttrsReady')
    if (!birth.saved) core.attrsUnsaved()
    this.hook(core, 'onCreated')
    if (birth.client && !core.isLeaving) this.#connect(core, birth.client)
    // From its first turn on it is there for `load`, whatever happens to this process.
    if (!birth.saved && !core.gone) this.saving.saveUnsaved(core)
    return core
  }

  #register(core: EntityCore): void {
    core.slot = this.#free.pop() ?? this.#cores.length
    this.#cores[core.slot] = core
    this.#slots.setText(core.id, core.slot)
  }

  async #read(kind: Kind, id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    return (await this.saves.read(kind.name, id)) as Record<string, unknown> | undefined
  }

  // --- clients -------------------------------------------------------------------------------------------------------------

  /** `from`'s client gets `to` as its player. */
  giveClient(from: EntityCore, to: EntityCore): void {
    const { client } = from
    if (from === to || !client) return
    if (to.isLeaving) throw new EntityGone(`${to} is gone: it cannot get a client`)
    this.views.unbind(from, true)
    this.hook(from, 'onClientDisconnected')
    // That hook may have done anything.
    if (to.isLeaving) return this.views.closeClient(client, 'its player was destroyed')
    if (to.client) {
      // The newer connection wins; the older one is told so by its end.
      this.views.closeClient(to.client, 'another client took over its player')
      this.views.unbind(to, false)
    }
    this.#connect(to, client)
  }

  /** The gate says that a client is gone. */
  clientGone(core: EntityCore, clientId: string): void {
    if (core.client?.clientId !== clientId) return
    this.views.unbind(core, false)
    this.hook(core, 'onClientDisconnected')
  }

  gateUp(gateId: number): void {
    this.gates.add(gateId)
  }

  /** What was on its way to a gate may be lost: it is told everything once more. */
  showAnew(gateId: number): void {
    const link = this.cluster.toGate(gateId)
    const players = this.#leaveGate(gateId)
    link.send('showAnew', { gateId, gameId: this.gameId })
    for (const { core, client } of players) this.views.bind(core, client)
    link.send('shownAnew', { gateId, gameId: this.gameId })
  }

  /** A gate is gone with all its clients. */
  gateDown(gateId: number): void {
    if (!this.gates.delete(gateId)) return
    for (const { core } of this.#leaveGate(gateId)) this.hook(core, 'onClientDisconnected')
  }

  /** Nobody plays or watches by this gate. Answers who did play, with its client. */
  #leaveGate(gateId: number): { readonly core: EntityCore; readonly client: Client }[] {
    const players: { core: EntityCore; client: Client }[] = []
    for (const core of this.all()) if (core.client?.gateId === gateId) players.push({ core, client: core.client })
    for (const { core } of players) this.views.unbind(core, false)
    for (const core of this.all()) if (core.watchers[gateId]) core.watchers[gateId] = 0
    return players
  }

  #connect(core: EntityCore, client: Client): void {
    this.views.bind(core, client)
    this.hook(core, 'onClientConnected')
  }

  // --- spaces --------------------------------------------------------------------------------------------------------------

  enterSpace(core: EntityCore, spaceId: string, { x, y, z }: Vector3): Promise<void> {
    if (core.isLeaving) return Promise.reject(new EntityGone(`${core} is gone: it cannot enter a space`))
    if (!Number.isFinite(x + y + z)) return Promise.reject(new RangeError(`${core} cannot be at (${x}, ${y}, ${z})`))
    const target = this.find(spaceId)
    if (!(target instanceof SpaceCore) || target.isLeaving)
      return Promise.reject(new Error(`there is no space ${spaceId} on this game`))
    if (core instanceof SpaceCore || core.kind.isService)
      return Promise.reject(new Error(`${core} is no entity that could be in a space`))
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
    core.aoiRadius = radius
    core.space?.setRadius(core)
  }

  // --- calls ---------------------------------------------------------------------------------------------------------------

  callEntity(id: string, method: string, args: unknown[]): void {
    if (!isId(id)) throw new TypeError(`'${id}' is no entity id`)
    if (!this.find(id)) return writeCall(this, id, method, args)
    // Calls that calls make run in a later turn: entities that call each other for ever do not hold up the rest.
    if (this.#local.length === 0) {
      const run = () => this.#runLocal()
      if (this.#runsLocal) this.clock.defer(run)
      else queueMicrotask(run)
    }
    this.#local.push({ id, method, args: localArgs(args) })
  }

  /** Calls between entities of this game run when the caller has returned, in the order they were made. */
  #runLocal(): void {
    const calls = this.#local
    this.#local = []
    this.#runsLocal = true
    for (const { id, method, args } of calls) {
      const core = this.find(id)
      if (core) this.run(core, method, args)
      else this.runFree(`call of ${method}()`, () => writeCall(this, id, method, args))
    }
    this.#runsLocal = false
  }

  /** Calls a method by name for the engine itself or another entity. */
  run(core: EntityCore, name: string, args: readonly unknown[]): void {
    const method = core.kind.methods.get(name)
    if (method) this.runMethod(core, method, args)
    else this.log.warn(`${core} has no method ${name}()`)
  }

  /** Runs author code; whatever it throws or rejects with is logged with entity and method, and the game goes on. */
  runMethod(core: EntityCore, method: Method, args: readonly unknown[]): void {
    if (core.gone) return
    try {
      const result = within(this, () => method.run.apply(core.entity, args as unknown[]))
      if (isThenable(result)) result.then(undefined, (error) => this.#authorError(core, method.name, error))
    } catch (error) {
      this.#authorError(core, method.name, error)
    }
  }

  /** Runs a hook as a method is run. Who is gone hears of nothing more but of the loss of its client. */
  hook(core: EntityCore, name: HookName, ...args: unknown[]): void {
    if (core.gone && name !== 'onClientDisconnected') return
    const hook = (core.entity as unknown as Record<HookName, (...args: unknown[]) => unknown>)[name]
    try {
      const result = within(this, () => hook.apply(core.entity, args))
      if (isThenable(result)) result.then(undefined, (error) => this.#authorError(core, name, error))
    } catch (error) {
      this.#authorError(core, name, error)
    }
  }

  /** Runs a closure of the author's (a timer of the game). */
  runFree(what: string, code: () => unknown): void {
    try {
      const result = within(this, code)
      if (isThenable(result)) result.then(undefined, (error) => this.#authorError(undefined, what, error))
    } catch (error) {
      this.#authorError(undefined, what, error)
    }
  }

  /** An error of a promise that the author did not await: whose it was, its stack must tell. */
  strayRejection(error: unknown): void {
    this.#authorError(undefined, 'a promise that nobody awaits', error)
  }

  #authorError(core: EntityCore | undefined, method: string, error: unknown): void {
    this.authorErrors++
    if (core) this.#errors.add(`${core.kind.name}.${method}`, `${core}.${method} threw`, error)
    else this.#errors.add(method, `${method} threw`, error)
  }

  // --- time ----------------------------------------------------------------------------------------------------------------

  addTimer(core: EntityCore, delayMs: number, intervalMs: number, method: string, args: readonly unknown[]): Timer {
    if (core.gone) this.throwGone(core)
    return this.timers.add(core, delayMs, intervalMs, method, args)
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
        core.flushAttrs()
      } catch (error) {
        this.#authorError(core, 'attrs', error)
      }
    }
  }

  // --- going ---------------------------------------------------------------------------------------------------------------

  destroy(core: EntityCore): void {
    if (core.isLeaving || core === this.nilSpace) return
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
    this.saving.saveUnsaved(core)
    this.saving.forget(core)
    this.timers.cancelAll(core)
    core.gone = true
    this.#cores[core.slot] = undefined
    this.#slots.deleteText(core.id)
    this.#free.push(core.slot)
    this.cluster.toEntity(core.id).send('entityGone', { entityId: core.id, epoch: core.epoch })
  }

  throwGone(core: EntityCore): never {
    throw new EntityGone(`${core} is gone`)
  }

  /** Time stands still: no timer fires any more. */
  stopTime(): void {
    this.saving.stop()
    this.timers.stop()
    this.game.stopTimers()
  }

  /** The game ends: so does every entity, spaces and services after those that may still talk to them. */
  destroyAll(): void {
    const order = (core: EntityCore) => (core.kind.isService ? 2 : core instanceof SpaceCore ? 1 : 0)
    for (const turn of [0, 1, 2]) for (const core of this.all()) if (order(core) === turn) this.destroy(core)
  }
}

/** Services have ids that follow from their names, so that no registry need be asked. */
export function serviceId(name: string): string {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let at = 0; at < name.length; at++) {
    high = Math.imul(high ^ name.charCodeAt(at), 0x9e3779b1)
    low = Math.imul(low ^ name.charCodeAt(at), 0x5f356495)
  }
  const digits = (value: number) => (value >>> 0).toString(36).padStart(7, '0').slice(0, 7)
  return `S.${digits(high)}${digits(low)}`
}

const spaceKindOf = (attrs: Readonly<Record<string, unknown>> | undefined) => {
  const kind = attrs?.[SPACE_KIND]
  return typeof kind === 'number' ? { spaceKind: kind } : {}
}
