// A game as its authors see it at run time: `this.game` of every entity, and behind the functions of the door.
import { isId, nilSpaceId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import type { KeyValueStore } from '../kvdb/kvdb.ts'
import type { FilterOperator } from '../wire/client-wire.ts'
import { SPACE_KIND } from '../wire/client-wire.ts'
import { type Calls, callEntity, callService } from './calls.ts'
import type { ClientCalls, EntityClass, EntityId, InitialAttrs } from './contract.ts'
import type { Entity } from './entity.ts'
import type { OpenWork } from './open-work.ts'
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
  /** Every pair from `begin` to before `end`, in the order of keys. */
  getRange(begin: string, end: string): Promise<{ key: string; value: string }[]>
}

export class RunningGame {
  readonly #world: World
  readonly #kvdb: Kvdb
  readonly #timers = new Set<{ cancel(): void }>()

  constructor(world: World) {
    this.#world = world
    this.#kvdb = tracked(world.kvdb, world.openWork)
  }

  /** This game's number in the deployment. */
  get id(): number {
    return this.#world.gameId
  }
  get log(): Log {
    return this.#world.log
  }
  get kvdb(): Kvdb {
    return this.#kvdb
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
    return this.#world.create(kind, attrs ?? {}).entity as InstanceType<T>
  }
  /** Makes a space on this game. `kind` is a number of the author's, not 0. */
  createSpace<T extends EntityClass<Space>>(type: T, kind: number, attrs?: Initial<T>): InstanceType<T> {
    return this.#world.create(this.#spaceKind(type, kind), attrs ?? {}, { spaceKind: kind }).entity as InstanceType<T>
  }
  /** Makes an entity on the game with the most room; answers its id at once. */
  createAnywhere<T extends EntityClass>(type: T, attrs?: Initial<T>): EntityId<InstanceType<T>> {
    return this.#world.createAnywhere(this.#world.kindOf(type), attrs ?? {}) as EntityId<InstanceType<T>>
  }
  createSpaceAnywhere<T extends EntityClass<Space>>(
    type: T,
    kind: number,
    attrs?: Initial<T>,
  ): EntityId<InstanceType<T>> {
    const given = { ...attrs, [SPACE_KIND]: kind }
    return this.#world.createAnywhere(this.#spaceKind(type, kind), given) as EntityId<InstanceType<T>>
  }
  /** Brings a saved entity back, unless it is there. Calls to it wait until it is. */
  load<T extends EntityClass>(type: T, id: EntityId<InstanceType<T>>): EntityId<InstanceType<T>> {
    this.#world.load(this.#world.kindOf(type), id)
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
  /** Calls to an entity wherever it lives; one way. */
  call<T>(id: EntityId<T>): Calls<T> {
    if (!isId(id)) throw new TypeError(`'${id}' is no entity id`)
    return callEntity(this.#world, id)
  }
  /** Calls to a service. */
  service<T extends EntityClass>(type: T): Calls<InstanceType<T>> {
    return callService(this.#world, type)
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

/** The store as authors see it: a game that ends waits for what they have asked of it. */
function tracked(kvdb: KeyValueStore, work: OpenWork): Kvdb {
  return {
    get: <T extends string>(key: string) => work.track(kvdb.get(key)) as Promise<T | undefined>,
    put: (key, value) => work.track(kvdb.put(key, value)),
    delete: (key) => work.track(kvdb.delete(key)),
    getOrPut: <T extends string>(key: string, value: T) =>
      work.track(kvdb.getOrPut(key, value)) as Promise<T | undefined>,
    getRange: (begin, end) => work.track(kvdb.getRange(begin, end)),
  }
}
