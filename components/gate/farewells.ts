// Tells entities that their clients are gone, also when the dispatcher that knows the entity is away, or dies with the
// message in its hands, or has given up the entity's game for a while: it is said again to the next one, and when the game is
// back. To be told twice does no harm.
import type { Clock } from '../../engine/base/clock.ts'
import type { Cluster } from '../../engine/cluster/cluster.ts'
import type { Link } from '../../engine/cluster/link.ts'

interface Farewell {
  readonly entityId: string
  readonly clientId: string
  readonly atMs: number
}

/** Longer ago, and the link is up: it has arrived, or the link would have been noticed to be dead. */
const KEPT_MS = 15_000
/** Of one dispatcher; beyond, the oldest are forgotten: their entities keep a client that is not there. */
const KEPT_MAX = 100_000

export class Farewells {
  readonly #clock: Clock
  readonly #cluster: Cluster
  readonly #kept = new Map<Link, Farewell[]>()
  /** Games that a dispatcher has given up: what it was told of their entities, it has dropped. */
  readonly #away = new Map<Link, Set<number>>()

  constructor(clock: Clock, cluster: Cluster) {
    this.#clock = clock
    this.#cluster = cluster
  }

  tell(entityId: string, clientId: string): void {
    const link = this.#cluster.toEntity(entityId)
    const atMs = this.#clock.now()
    const kept = this.#kept.get(link) ?? []
    this.#kept.set(link, kept)
    kept.push({ entityId, clientId, atMs })
    let old = Math.max(0, kept.length - KEPT_MAX)
    if (link.up && !this.#away.get(link)?.size) while (atMs - kept[old]!.atMs > KEPT_MS) old++
    if (old > 0) kept.splice(0, old)
    if (link.up) link.send('clientGone', { entityId, clientId })
  }

  gameDown(link: Link, gameId: number): void {
    this.#away.set(link, (this.#away.get(link) ?? new Set()).add(gameId))
  }

  /** It may be one that was only out of reach, with all its entities. */
  gameUp(link: Link, gameId: number): void {
    if (this.#away.get(link)?.delete(gameId)) this.again(link)
  }

  /** There is another dispatcher at the end of this link. */
  again(link: Link): void {
    for (const { entityId, clientId } of this.#kept.get(link) ?? []) link.send('clientGone', { entityId, clientId })
  }
}
