// A service: one actor for the whole deployment, found by its class. It has no place and no client.
import { Actor } from './actor.ts'
import type { Contract, EntityClass } from './contract.ts'

export class Service<C extends Contract = Contract> extends Actor<C> {}

/** What a service may have: no client ever sees it. */
export type ServiceContract = Pick<Contract, 'attrs' | 'persistent' | 'kept'>

/** The base class of a service with this contract. */
export function service<const C extends ServiceContract>(contract: C): EntityClass<Service<C>, C> {
  return class extends Service<C> {
    static override readonly contract: C = contract
  }
}
