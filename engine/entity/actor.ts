// What entities and services have in common: an id, attributes, timers, a life, and calls to others.
import { type Asks, askEntity, type Calls, callEntity, timerMethod } from './calls.ts'
import type { Contract, ContractAttrs, EntityClass, EntityId } from './contract.ts'
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
  /** Calls to an entity wherever it lives, or to each of several; one way. They throw TypeError for what is no id. */
  call<T>(id: EntityId<T> | readonly EntityId<T>[]): Calls<T> {
    return callEntity(this[core].world, id)
  }
  /**
   * Calls that are answered: each resolves to what the method returns. Rejects with AskFailed when that throws, with
   * Undelivered when there is nobody to ask, with Unanswered when no answer comes within `limitMs`, and with GameFrozen when
   * this game freezes first.
   */
  ask<T>(id: EntityId<T>, limitMs?: number): Asks<T> {
    return askEntity(this[core].world, id, limitMs)
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
  /** Runs `method` whenever a crontab pattern is due: `'0 4 * * *'` is four in the morning, where the server is. */
  cron<A extends unknown[]>(pattern: string, method: (this: this, ...args: A) => unknown, ...args: A): Timer {
    return this[core].world.addCron(this[core], pattern, timerMethod(this[core], method), args)
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
  /** The object exists. What it writes here over attributes that are given, loaded or restored does not last. */
  onInit(): void {}
  /** Attributes hold what was given, loaded, or their defaults. */
  onAttrsReady(): void {}
  onCreated(): void {}
  /** It leaves for another game: whatever it still does to itself is taken along. */
  onMigratedOut(): void {}
  /** It has come from another game, or back from a way that failed. Its space follows: `onEnteredSpace`. */
  onMigratedIn(): void {}
  /**
   * The game is about to be frozen: the last that happens to the entity in this process. It is waited for; when it fails the
   * game is not frozen.
   */
  onFrozen(): void | Promise<void> {}
  /** All of the game is back, maybe with newer code; or the freeze that `onFrozen` told of has failed. Spaces hear first. */
  onRestored(): void {}
  /** A service (a shard of it) has begun to live somewhere, knowing nothing but what it saved: tell it what it must know. */
  onServicePlaced(_service: EntityClass, _shard: number): void {}
  /** It is being destroyed: out of its space already, its client still there. */
  onDestroyed(): void {}
}
