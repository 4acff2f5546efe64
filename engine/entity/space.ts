// The space as its author sees it: an entity that holds others, who see each other within their AOI.
import type { Contract, EntityClass, Exactly, SpaceContract } from './contract.ts'
import { core } from './core.ts'
import { Entity } from './entity.ts'
import { Hindsight } from './hindsight.ts'
import type { SpaceCore } from './space-core.ts'

export class Space<C extends Contract = Contract> extends Entity<C> {
  /** Which sort of space it is, a number of the author's; 0 is the nil space. */
  get kind(): number {
    return this.#inner.spaceKind
  }
  get isNil(): boolean {
    return this.#inner.isNil
  }
  get entities(): ReadonlySet<Entity> {
    return this.#inner.members
  }
  /** How many entities of a type are in it. */
  count(type: EntityClass): number {
    return this.#inner.members.count(type.name)
  }

  /**
   * The space as the client of one of its players showed it at that player's last input (without inputs: an interval ago), for
   * as long as the space remembers: give its contract a `history`.
   */
  seenBy(avatar: Entity): Hindsight {
    const inner = this.#inner
    if (inner.kind.historyMs === 0)
      throw new TypeError(`${inner.kind.name} remembers nothing: give its contract a \`history\``)
    inner.world.movement.settle()
    return new Hindsight(inner, avatar[core])
  }

  get #inner(): SpaceCore {
    return this[core] as SpaceCore
  }

  onEntityEntered(_entity: Entity): void {}
  onEntityLeft(_entity: Entity): void {}
  /** On the nil space only: every process that the deployment wants is there. */
  onGameReady(): void {}
}

/** The base class of a space with this contract. */
export function space<const C extends SpaceContract>(contract: Exactly<C, SpaceContract>): EntityClass<Space<C>, C> {
  return class extends Space<C> {
    static override readonly contract: C = contract
  }
}
