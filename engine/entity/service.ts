// A service: one actor for the whole deployment, or one for each of its shards, found by its class. It has no place and
// no client.
import { Actor } from './actor.ts'
import type { Contract, EntityClass, Exactly, ServiceContract } from './contract.ts'
import { core } from './core.ts'

export class Service<C extends Contract = Contract> extends Actor<C> {
  /** Which of its shards this is, from 0 on. */
  get shard(): number {
    return this[core].world.services.shardOf(this[core].id)
  }
}

/** The base class of a service with this contract. */
export function service<const C extends ServiceContract>(
  contract: Exactly<C, ServiceContract>,
): EntityClass<Service<C>, C> {
  return class extends Service<C> {
    static override readonly contract: C = contract
  }
}
