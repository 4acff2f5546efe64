// Services: actors of which there is one (or one for each shard) in the whole deployment. Every game asks for all of them,
// again and again; their dispatchers see to it that each is made once, and anew elsewhere when its game dies.
//
//     ready, a game is down, now and then ─> loadEntity ─> loadHere ─> placed ─> registry: service/Mail#2 = 3/1041
//                                                                          └ on all games: onServicePlaced(Mail, 2)
import { OperatorError } from '../base/errors.ts'
import { serviceId } from '../base/id.ts'
import { bucketOfText } from '../base/id-table.ts'
import { Actor } from './actor.ts'
import type { EntityClass } from './contract.ts'
import type { EntityCore } from './core.ts'
import type { Kind } from './kind.ts'
import type { World } from './world.ts'

const PREFIX = 'service/'

export class Services {
  readonly #world: World
  readonly #kinds: readonly Kind[]
  /** By id: which shard of which service. */
  readonly #byId = new Map<string, { readonly kind: Kind; readonly shard: number }>()

  constructor(world: World) {
    this.#world = world
    this.#kinds = [...world.kinds.values()].filter(({ isService }) => isService)
    for (const kind of this.#kinds) for (const [shard, id] of idsOf(kind).entries()) this.#byId.set(id, { kind, shard })
    if (this.#byId.size < this.#kinds.reduce((count, { shards }) => count + shards, 0))
      throw new OperatorError('two services have the same id: give one of them another name')
    world.registry.listen((key, value) => this.#registered(key, value))
  }

  /** Asks for those that are not here. */
  place(): void {
    for (const [id, { kind }] of this.#byId) this.#world.load(kind, id)
  }

  /** A service has begun to live here. */
  placed({ id, epoch }: EntityCore): void {
    const service = this.#byId.get(id)
    if (!service) return
    const key = `${PREFIX}${service.kind.name}#${service.shard}`
    this.#world.registry.register(key, `${this.#world.gameId}/${epoch}`, { force: true })
  }

  isOne(kind: Kind, id: string): boolean {
    return this.#byId.get(id)?.kind === kind
  }

  shardOf(id: string): number {
    return this.#byId.get(id)?.shard ?? 0
  }

  /** The id of the only shard. */
  only(type: EntityClass): string {
    const kind = this.#kindOf(type)
    if (kind.shards > 1) throw new TypeError(`${kind.name} has ${kind.shards} shards: say which by a key or number`)
    return serviceId(kind.name)
  }

  byIndex(type: EntityClass, shard: number): string {
    const kind = this.#kindOf(type)
    if (!Number.isInteger(shard) || shard < 0 || shard >= kind.shards)
      throw new RangeError(`${kind.name} has the shards 0 to ${kind.shards - 1}, not ${shard}`)
    return serviceId(kind.name, shard)
  }

  byKey(type: EntityClass, key: string): string {
    const kind = this.#kindOf(type)
    return serviceId(kind.name, bucketOfText(key, kind.shards))
  }

  /** One of this game if there is any, else one by chance. */
  any(type: EntityClass): string {
    const ids = this.all(type)
    const here = ids.filter((id) => this.#world.find(id))
    const choice = here.length > 0 ? here : ids
    return choice[Math.floor(this.#world.random() * choice.length)]!
  }

  all(type: EntityClass): string[] {
    return idsOf(this.#kindOf(type))
  }

  #kindOf(type: EntityClass): Kind {
    const kind = this.#world.kindOf(type)
    if (!kind.isService) throw new TypeError(`${kind.name} is no service`)
    return kind
  }

  /** Where each lives, and in which placement, as the registry says. */
  known(): IterableIterator<[key: string, value: string]> {
    return this.#world.registry.entries(PREFIX)
  }

  /** An entity has come that was on its way while others were told. */
  tellMissed(id: string, told: Readonly<Record<string, string>>): void {
    const core = this.#world.find(id)
    if (!core?.kind.hearsServices) return
    for (const [key, value] of this.known()) if (told[key] !== value) this.#tell(core, key)
  }

  #registered(key: string, _value: string): void {
    if (!key.startsWith(PREFIX)) return
    for (const core of this.#world.all()) if (core.kind.hearsServices) this.#tell(core, key)
  }

  #tell(core: EntityCore, key: string): void {
    const [name, shard] = key.slice(PREFIX.length).split('#') as [string, string]
    const kind = this.#world.kinds.get(name)
    if (kind?.isService) this.#world.hook(core, 'onServicePlaced', kind.type, Number(shard))
  }
}

const idsOf = ({ name, shards }: Kind): string[] => Array.from({ length: shards }, (_, shard) => serviceId(name, shard))

/** Whether a class wants to hear of services. */
export const hearsServices = (prototype: unknown): boolean =>
  prototype instanceof Actor && prototype.onServicePlaced !== Actor.prototype.onServicePlaced
