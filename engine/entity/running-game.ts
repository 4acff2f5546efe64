// A game as its authors see it at run time: `this.game` of every entity, and behind the functions of the door.
import { nilSpaceId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import { type KeyUpdate, KeyUpdates } from '../kvdb/key-updates.ts'
import type { Sql } from '../sql/sql.ts'
import type { FilterOperator } from '../wire/client-wire.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import { type Asks, askEntity, type Calls, callEntities, callEntity } from './calls.ts'
import type { ClientCalls, EntityClass, EntityId, InitialAttrs } from './contract.ts'
import { CronPattern } from './cron.ts'
import type { Entity } from './entity.ts'
import type { Kind } from './kind.ts'
import type { RegistryListener } from './registry.ts'
import type { Space } from './space.ts'
import type { World } from './world.ts'

type Initial<T extends EntityClass> = InitialAttrs<T['contract']>

/** The key-value store that all games share. Keys and values are strings. */
export interface Kvdb {
  get<T extends string = string>(key: string): Promise<T | undefined>
  put(key: string, value: string): Promise<void>
  delete(key: string): Promise<void>
  /** Puts `value` unless the key has one; resolves to what was there before, or undefined. Atomic over all games. */
  getOrPut<T extends string = string>(key: string, value: T): Promise<T | undefined>
  /** Pairs from `begin` to before `end`, in the order of keys; all unless told how many. See `nextLargerKey`. */
  getRange(begin: string, end: string, limit?: number): Promise<{ key: string; value: string }[]>
  /** Puts `value` if the key's is `expected` (undefined: if it has none). Resolves to whether it did. Atomic over all games. */
  compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean>
  /**
   * Puts what `next` makes of the key's value (undefined: leaves it), as one step over all games; resolves to the value
   * that is there then. `next` may run several times. One read and one write, and two more for each game that was faster.
   */
  update(key: string, next: KeyUpdate): Promise<string | undefined>
}

/** What every game knows, in the same words: small, and there as long as the server runs. */
export interface SharedRegistry {
  get(key: string): string | undefined
  /** Every pair whose key begins so. */
  entries(prefix?: string): IterableIterator<[key: string, value: string]>
  /** Asks for a key; whoever has it first keeps it, unless `force`d. Listeners hear when it is so. */
  register(key: string, value: string, options?: { readonly force?: boolean }): void
  /** Hears of every change from now on; answers how to end that. It is not saved: listen again in `onRestored`. */
  listen(listener: RegistryListener): () => void
}

/** While the game is being frozen, its timers wait. */
const STILL_MS = 10
/** How late a cron action of the game may be. */
const CRON_BEAT_MS = 500

export class RunningGame {
  readonly #world: World
  readonly #kvdb: Kvdb
  readonly #timers = new Set<{ cancel(): void }>()

  constructor(world: World) {
    this.#world = world
    this.#kvdb = tracked(world)
  }

  /** This game's number in the deployment. */
  get id(): number {
    return this.#world.gameId
  }
  get log(): Log {
    return this.#world.log
  }
  /** The numbers of the games that are there, this one among them. */
  get games(): number[] {
    return [...this.#world.games].sort((a, b) => a - b)
  }
  get registry(): SharedRegistry {
    return this.#world.registry
  }
  get kvdb(): Kvdb {
    return this.#kvdb
  }
  get sql(): Sql {
    return this.#world.sql
  }
  /** Where entities are that are in no space. */
  get nilSpace(): Space {
    return this.#world.nilSpace.entity as Space
  }
  nilSpaceId(gameId: number): EntityId<Space> {
    return nilSpaceId(gameId) as EntityId<Space>
  }

  // --- making and finding --------------------------------------------------------------------------------------------
  /** Makes an entity on this game, in no space. */
  create<T extends EntityClass>(type: T, attrs?: Initial<T>): InstanceType<T> {
    const kind = this.#world.kindOf(type)
    if (kind.isSpace) throw new TypeError(`${kind.name} is a space: use createSpace()`)
    refuseService(kind)
    return this.#world.create(kind, attrs ?? {}).entity as InstanceType<T>
  }
  /** Makes a space on this game. `kind` is a number of the author's, not 0. */
  createSpace<T extends EntityClass<Space>>(type: T, kind: number, attrs?: Initial<T>): InstanceType<T> {
    return this.#world.create(this.#spaceKind(type, kind), attrs ?? {}, { spaceKind: kind }).entity as InstanceType<T>
  }
  /** Makes an entity on the game with the most room; answers its id at once. */
  createAnywhere<T extends EntityClass>(type: T, attrs?: Initial<T>): EntityId<InstanceType<T>> {
    return this.createOn(0, type, attrs)
  }
  /** Makes an entity on a game by its number; elsewhere when that is not there for some seconds. */
  createOn<T extends EntityClass>(gameId: number, type: T, attrs?: Initial<T>): EntityId<InstanceType<T>> {
    const kind = this.#world.kindOf(type)
    if (kind.isSpace) throw new TypeError(`${kind.name} is a space: use createSpaceOn() or createSpaceAnywhere()`)
    refuseService(kind)
    return this.#world.createAnywhere(kind, attrs ?? {}, checkGame(gameId)) as EntityId<InstanceType<T>>
  }
  createSpaceAnywhere<T extends EntityClass<Space>>(
    type: T,
    kind: number,
    attrs?: Initial<T>,
  ): EntityId<InstanceType<T>> {
    return this.createSpaceOn(0, type, kind, attrs)
  }
  createSpaceOn<T extends EntityClass<Space>>(
    gameId: number,
    type: T,
    kind: number,
    attrs?: Initial<T>,
  ): EntityId<InstanceType<T>> {
    const given = { ...attrs, [SPACE_KIND]: kind }
    const found = this.#spaceKind(type, kind)
    return this.#world.createAnywhere(found, given, checkGame(gameId)) as EntityId<InstanceType<T>>
  }
  /** Brings a saved entity back, unless it is there, where there is room. Calls to it wait until it is. */
  load<T extends EntityClass>(type: T, id: EntityId<InstanceType<T>>): EntityId<InstanceType<T>> {
    return this.loadOn(0, type, id)
  }
  /** The same, on a game by its number, unless it is there or anywhere else. */
  loadOn<T extends EntityClass>(gameId: number, type: T, id: EntityId<InstanceType<T>>): EntityId<InstanceType<T>> {
    this.#world.load(this.#world.kindOf(type), id, checkGame(gameId))
    return id
  }
  /** Whether there is an entity of this type and id that `load` would bring: in storage, or on its way there. */
  exists<T extends EntityClass>(type: T, id: EntityId<InstanceType<T>>): Promise<boolean> {
    return this.#world.openWork.track(this.#world.saves.exists(this.#world.kindOf(type).name, id))
  }
  /** An entity of this game. */
  entity<T extends Entity = Entity>(id: EntityId<T>): T | undefined {
    return this.#world.find(id)?.entity as T | undefined
  }
  /** A space of this game. */
  space<T extends Space = Space>(id: EntityId<T>): T | undefined {
    const found = this.#world.find(id)
    return found?.kind.isSpace ? (found.entity as T) : undefined
  }
  /** Every entity of a type on this game. */
  entitiesOf<T extends EntityClass>(type: T): InstanceType<T>[] {
    const kind = this.#world.kindOf(type)
    const found: InstanceType<T>[] = []
    for (const core of this.#world.all()) if (core.kind === kind) found.push(core.entity as InstanceType<T>)
    return found
  }

  // --- calls ---------------------------------------------------------------------------------------------------------
  /** Calls to an entity wherever it lives, or to each of several; one way. They throw TypeError for what is no id. */
  call<T>(id: EntityId<T> | readonly EntityId<T>[]): Calls<T> {
    return callEntity(this.#world, id)
  }
  /** Calls that are answered: see `Actor.ask`. */
  ask<T>(id: EntityId<T>, limitMs?: number): Asks<T> {
    return askEntity(this.#world, id, limitMs)
  }
  /** Calls to the method of the nil space of every game that is there, this one's too. `type`: the class of nil spaces. */
  callNilSpaces<T extends EntityClass<Space>>(_type: T): Calls<InstanceType<T>> {
    return callEntities(this.#world, this.games.map(nilSpaceId))
  }
  /** Calls to a service; with a key to the shard that the key belongs to. */
  service<T extends EntityClass>(type: T, key?: string): Calls<InstanceType<T>> {
    return this.call(this.serviceId(type, key))
  }
  /** The id of a service, to ask it or to tell others; with a key that of the shard that the key belongs to. */
  serviceId<T extends EntityClass>(type: T, key?: string): EntityId<InstanceType<T>> {
    const { services } = this.#world
    return (key === undefined ? services.only(type) : services.byKey(type, key)) as EntityId<InstanceType<T>>
  }
  /** Calls to one shard of a service, whichever: one of this game if there is any. */
  serviceAny<T extends EntityClass>(type: T): Calls<InstanceType<T>> {
    return this.call(this.#world.services.any(type) as EntityId<InstanceType<T>>)
  }
  /** Calls to every shard of a service. */
  serviceAll<T extends EntityClass>(type: T): Calls<InstanceType<T>> {
    return callEntities(this.#world, this.#world.services.all(type))
  }
  /** Calls to one shard of a service by its number, from 0 on. */
  serviceShard<T extends EntityClass>(type: T, shard: number): Calls<InstanceType<T>> {
    return this.call(this.#world.services.byIndex(type, shard) as EntityId<InstanceType<T>>)
  }
  /** Calls to the player of every client whose filter property compares so; an empty key means every client. */
  clientsWhere<T extends EntityClass>(
    type: T,
    key: string,
    operator: FilterOperator = '=',
    value = '',
  ): ClientCalls<T['contract']> {
    const target = { world: this.#world, from: undefined, key, operator, value }
    return new (this.#world.kindOf(type).callers.filtered)(target) as ClientCalls<T['contract']>
  }

  // --- time ----------------------------------------------------------------------------------------------------------
  /** Runs `action` once, `ms` from now. It is not saved: what must survive a freeze is an entity's timer. */
  after(ms: number, action: () => unknown): { cancel(): void } {
    return this.#timer(ms, action, false)
  }
  /** Runs `action` every `ms`, until cancelled. */
  every(ms: number, action: () => unknown): { cancel(): void } {
    return this.#timer(ms, action, true)
  }
  /** Runs `action` whenever a crontab pattern is due (see `Actor.cron`), until cancelled. It is not saved either. */
  cron(pattern: string, action: () => unknown): { cancel(): void } {
    const cron = new CronPattern(pattern)
    const { clock } = this.#world
    let dueMs = cron.nextMs(clock.wallMs())
    return this.every(CRON_BEAT_MS, () => {
      if (clock.wallMs() < dueMs) return undefined
      dueMs = cron.nextMs(clock.wallMs())
      return action()
    })
  }
  /** Ends all of them: the game stops. */
  stopTimers(): void {
    for (const timer of this.#timers) timer.cancel()
  }
  /** Runs `action` when the code that is running has returned, in the same turn. */
  defer(action: () => unknown): void {
    queueMicrotask(() => this.#world.runFree('deferred code', action))
  }

  #timer(ms: number, action: () => unknown, again: boolean): { cancel(): void } {
    const { clock } = this.#world
    const beat = () => {
      if (this.#world.isStill) {
        scheduled = clock.after(STILL_MS, beat)
        return
      }
      if (again) scheduled = clock.after(ms, beat)
      else this.#timers.delete(timer)
      this.#world.runFree('a timer of the game', action)
    }
    let scheduled = clock.after(ms, beat)
    const timer = {
      cancel: () => {
        scheduled.cancel()
        this.#timers.delete(timer)
      },
    }
    this.#timers.add(timer)
    return timer
  }

  #spaceKind(type: EntityClass, kind: number) {
    if (!Number.isInteger(kind) || kind <= 0) throw new RangeError(`${kind} is no kind of space: 1 or more is wanted`)
    const found = this.#world.kindOf(type)
    if (!found.isSpace) throw new TypeError(`${found.name} is no space`)
    return found
  }
}

function refuseService({ name, isService }: Kind): void {
  if (isService) throw new TypeError(`${name} is a service: the engine makes it, and service() finds it`)
}

/** 0 for any. */
function checkGame(gameId: number): number {
  if (Number.isInteger(gameId) && gameId >= 0 && gameId <= 0xffff) return gameId
  throw new RangeError(`${gameId} is no number of a game`)
}

/** The store as authors see it: a game that ends waits for what they have asked of it. */
function tracked(world: World): Kvdb {
  const { kvdb, openWork, clock, random } = world
  const updates = new KeyUpdates(kvdb, clock, random)
  const work = async <T>(begin: () => Promise<T>): Promise<T> => {
    world.checkSeal()
    return openWork.track(begin())
  }
  return {
    get: <T extends string>(key: string) => work(() => kvdb.get(key)) as Promise<T | undefined>,
    put: (key, value) => work(() => kvdb.put(key, value)),
    delete: (key) => work(() => kvdb.delete(key)),
    getOrPut: <T extends string>(key: string, value: T) =>
      work(() => kvdb.getOrPut(key, value)) as Promise<T | undefined>,
    getRange: (begin, end, limit) => work(() => kvdb.getRange(begin, end, limit)),
    compareAndSet: (key, expected, value) => work(() => kvdb.compareAndSet(key, expected, value)),
    update: (key, next) => work(() => updates.update(key, next)),
  }
}
