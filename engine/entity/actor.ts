// What entities and services have in common: an id, attributes, timers, a life, and calls to others.
import { type Calls, callEntity, timerMethod } from './calls.ts'
import type { Contract, ContractAttrs, EntityId } from './contract.ts'
import { core, type EntityCore, takeBorn } from './core.ts'
import type { Entity } from './entity.ts'
import type { RunningGame } from './running-game.ts'
import type { Timer } from './timers.ts'

export class Actor<C extends Contract = Contract> {
  static readonly contract: Contract = {}
  declare readonly __contract?: C
  readonly [core]: EntityCore

  constructor() {
    const mine = takeBorn()
    this[core] = mine
    mine.entity = this as unknown as Entity
  }

  get id(): EntityId<this> {
    return this[core].id as EntityId<this>
  }
  /** The game that this entity lives in. */
  get game(): RunningGame {
    return this[core].world.game
  }
  get attrs(): ContractAttrs<C> {
    return this[core].attrs as unknown as ContractAttrs<C>
  }
  /** Whether it is being destroyed, was, or has left for another game: then this object is of no more use. */
  get isGone(): boolean {
    return this[core].isLeaving
  }

  // --- others ----------------------------------------------------------------------------------------------------------
  /** Calls to an entity wherever it lives; one way. */
  call<T>(id: EntityId<T>): Calls<T> {
    return callEntity(this[core].world, id)
  }

  // --- time ------------------------------------------------------------------------------------------------------------
  /** Runs `method` once, `ms` from now. A method, never a closure: a timer is saved by name when the game freezes. */
  after<A extends unknown[]>(ms: number, method: (this: this, ...args: A) => unknown, ...args: A): Timer {
    return this[core].world.addTimer(this[core], ms, 0, timerMethod(this[core], method), args)
  }
  /** Runs `method` every `ms` (10 at the least), until cancelled. */
  every<A extends unknown[]>(ms: number, method: (this: this, ...args: A) => unknown, ...args: A): Timer {
    return this[core].world.addTimer(this[core], ms, ms, timerMethod(this[core], method), args)
  }
  /** Whether the timer was still to run. */
  cancel(timer: Timer): boolean {
    return this[core].world.timers.cancel(this[core], timer)
  }

  // --- its life ----------------------------------------------------------------------------------------------------------
  /** Leaves its space, is saved if persistent, and is gone. */
  destroy(): void {
    this[core].world.destroy(this[core])
  }
  /** Writes its persistent attributes to storage; resolves when they are there. */
  save(): Promise<void> {
    const { openWork, saving } = this[core].world
    return openWork.track(saving.save(this[core]))
  }
  toString(): string {
    return this[core].toString()
  }

  // --- hooks, in the order of a life ---------------------------------------------------------------------------------
  /** The object exists; attributes are not filled in yet. */
  onInit(): void {}
  /** Attributes hold what was given, loaded, or their defaults. */
  onAttrsReady(): void {}
  onCreated(): void {}
  onMigratedOut(): void {}
  onMigratedIn(): void {}
  onFrozen(): void {}
  onRestored(): void {}
  /** It is being destroyed: out of its space already, its client still there. */
  onDestroyed(): void {}
}
