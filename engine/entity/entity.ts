// The entity as its author sees it: extend `entity({ … })`, the contract, and write methods. What it has in common with
// services is in `actor.ts`; here is what has a place and may have a client.

import { EntityGone } from '../base/errors.ts'
import type { FilterOperator } from '../wire/client-wire.ts'
import { Actor } from './actor.ts'
import type { ClientCalls, Contract, EntityClass, EntityContract, EntityId, Exactly } from './contract.ts'
import { core } from './core.ts'
import { HISTORY_MAX_MS, seenAt } from './hindsight.ts'
import type { Space } from './space.ts'

export interface Vector3 {
  readonly x: number
  readonly y: number
  readonly z: number
}

export class Entity<C extends Contract = Contract> extends Actor<C> {
  // --- its client --------------------------------------------------------------------------------------------------
  /** Calls to its own client. Without one they are dropped and counted. */
  get client(): ClientCalls<C> {
    return new this[core].kind.callers.own(this[core]) as unknown as ClientCalls<C>
  }
  /** Calls to this entity on all clients that see it, its own among them. */
  get allClients(): ClientCalls<C> {
    return new this[core].kind.callers.all(this[core]) as unknown as ClientCalls<C>
  }
  /**
   * Calls to the player of every client whose filter property compares so with `value` (as numbers when both are). An
   * empty `key` means every client.
   */
  clientsWhere(key: string, operator: FilterOperator = '=', value = ''): ClientCalls<C> {
    const target = { world: this[core].world, from: this[core], key, operator, value: String(value) }
    return new this[core].kind.callers.filtered(target) as unknown as ClientCalls<C>
  }
  /** Whether a client plays it: one that has lost its connection, and may come again, does. */
  get hasClient(): boolean {
    return this[core].client !== undefined || this[core].awaited !== undefined
  }
  /** Whether its client has lost its connection and is waited for: what is said to it, it hears when it is back. */
  get isClientLost(): boolean {
    return this[core].world.returns.isLost(this[core])
  }
  /** Sets a property that `clientsWhere` looks for. It belongs to the entity: whichever client plays it has it. */
  setClientFilter(key: string, value: string | number): void {
    this[core].world.views.setFilter(this[core], key, String(value))
  }
  clearClientFilters(): void {
    this[core].world.views.clearFilters(this[core])
  }
  /**
   * Hands the client to another entity, which becomes its player. By its id it may live on any game; when it cannot take
   * the client, the connection is closed with the reason.
   */
  giveClientTo(target: Entity<Contract> | EntityId): void {
    const { world } = this[core]
    if (typeof target === 'object') world.players.give(this[core], target[core])
    else world.players.giveAway(this[core], target)
  }
  /** The number of the last input of its client that was run (goworld/client, `predict`); 0 before the first. */
  get inputNo(): number {
    const { inputs, client } = this[core]
    return inputs && inputs.clientId === client?.clientId ? inputs.no : 0
  }
  /**
   * Which time of the game its client says that it was showing when it sent that input, in milliseconds since 1970; an interval
   * ago when it has not said. Never later than now, nor more than ten seconds ago.
   */
  get seenAtMs(): number {
    const { clock, movement } = this[core].world
    const nowMs = clock.wallMs()
    const seenMs = seenAt(this[core]) || nowMs - movement.intervalMs
    return Math.min(nowMs, Math.max(seenMs, nowMs - HISTORY_MAX_MS))
  }
  /**
   * Whether this entity's position is what its client says. You may still put it elsewhere (`position`, `enterSpace`): then what its client says
   * counts again when it has heard so.
   */
  setClientSyncing(on: boolean): void {
    this[core].world.views.setSyncing(this[core], on)
  }
  /** Ends its client's connection. */
  closeClient(reason: string): void {
    this[core].world.players.close(this[core], reason)
  }

  // --- where it is ---------------------------------------------------------------------------------------------------
  /** The space it is in; the nil space of its game when it is in none. */
  get space(): Space {
    return (this[core].space ?? this[core].world.nilSpace).entity as Space
  }
  get position(): Vector3 {
    const { x, y, z } = this[core]
    return { x, y, z }
  }
  set position({ x, y, z }: Vector3) {
    this[core].world.movement.move(this[core], x, y, z, this[core].yaw)
  }
  get yaw(): number {
    return this[core].yaw
  }
  set yaw(yaw: number) {
    const { x, y, z } = this[core]
    this[core].world.movement.move(this[core], x, y, z, yaw)
  }
  /** How far it sees: its own radius, over that of its class. */
  get aoi(): number {
    return Math.max(0, this[core].aoiRadius)
  }
  set aoi(radius: number) {
    this[core].world.setAoi(this[core], radius)
  }
  /**
   * Leaves the space it is in and enters another. Rejects when that is not there; then it stays. A space or the id of
   * one: `game.nilSpace.id` leads out of all spaces. When the space is on another game the entity goes there: this object
   * is dead then, the promise never resolves, and the new one hears `onMigratedIn` and `onEnteredSpace`.
   */
  enterSpace(space: Space | EntityId<Space>, position: Vector3 = { x: 0, y: 0, z: 0 }): Promise<void> {
    if (typeof space !== 'object') return this[core].world.enterSpace(this[core], space, position)
    if (space.isGone) return Promise.reject(new EntityGone(`there is no space ${space} any more`))
    return this[core].world.enterSpace(this[core], space.id, position)
  }
  /** Whether it sees `other` now. */
  sees(other: Entity<Contract>): boolean {
    this[core].world.movement.settle()
    return this[core].space?.sees(this[core], other[core]) ?? false
  }
  /** The entities that it sees now. */
  seen(): Entity[] {
    this[core].world.movement.settle()
    return this[core].space?.seenBy(this[core]) ?? []
  }
  /** On the XZ plane. */
  distanceTo(other: Entity<Contract>): number {
    return Math.hypot(this[core].x - other[core].x, this[core].z - other[core].z)
  }

  // --- hooks ---------------------------------------------------------------------------------------------------------
  /** A client's player is this entity from now on. */
  onClientConnected(): void {}
  /** The client is gone for good, or was given away. */
  onClientDisconnected(): void {}
  /** The client (one of the SDK's) has lost its connection: it comes again, or `onClientDisconnected` follows. */
  onClientLost(): void {}
  /**
   * It is back. Its state is up to date, and calls to it have come or come now, in their order. `missed`: its gate was lost, or
   * too much was said meanwhile, so that some of those calls may never come.
   */
  onClientReconnected(_kept: { readonly missed: boolean }): void {}
  onEnteredSpace(): void {}
  onLeftSpace(_space: Space): void {}
  /** It begins to see another entity. */
  onEnteredAoi(_other: Entity): void {}
  onLeftAoi(_other: Entity): void {}
}

/** The base class of an entity with this contract. */
export function entity<const C extends EntityContract>(
  contract: Exactly<C, EntityContract>,
): EntityClass<Entity<C>, C> {
  return class extends Entity<C> {
    static override readonly contract: C = contract
  }
}
