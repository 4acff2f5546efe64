// A whole game as data, to be brought back by a process with newer code (restoring.ts): every entity with all of its parts,
// and what the game knows of the others. Taking it changes nothing, so a freeze that fails has cost nothing.
//
//     header │ entity │ entity │ …       spaces first, so that whoever was in one finds it
//
// A large game is long at that. So most of it can be copied ahead, while it goes on; then only what has changed since is
// taken when it stands still:
//
//     copied ahead   header │ a │ b │ c │ d │ …       each with its stamp, which this game keeps
//     frozen         header: d is gone │ b │ e        those whose stamp is another by now, and those that are new
import { writeValue } from '../wire/codec.ts'
import { PacketWriter } from '../wire/packet.ts'
import type { EntityCore } from './core.ts'
import type { Offer } from './players.ts'
import type { SavedKey } from './registry.ts'
import { type AllShown, allShown } from './retelling.ts'
import { hasStamp, type SavedEntity, type Stamp, saveEntity, stampOf } from './saved-entity.ts'
import { SpaceCore } from './space-core.ts'
import type { World } from './world.ts'

/** What is known of the gates: their numbers, and the names of their processes. */
export type FrozenGates = readonly (readonly [gateId: number, process: string])[]

export interface WorldHeader {
  readonly gameId: number
  readonly frozenMs: number
  readonly registry: readonly SavedKey[]
  readonly spaces: number
  /** Clients that are on their way to players elsewhere. */
  readonly offers: readonly Offer[]
  /** Gates that are to hear when nothing moves any more. */
  readonly told?: readonly number[]
  /** Pairs that see each other although they are farther apart than their radius, by space. */
  readonly lingering: Readonly<Record<string, readonly string[]>>
  /** What clients were told of each class. */
  readonly shown?: AllShown
  /** Those that were copied ahead, and are not there any more. */
  readonly gone?: readonly string[]
}

/** What was copied of a game ahead, as long as it has not changed. */
export class Copied {
  readonly #stamps = new Map<EntityCore, Stamp>()

  /** It was copied as it is now. */
  add(core: EntityCore, { parts }: SavedEntity): void {
    const stamp = stampOf(core)
    // Who has bytes from an attribute can change them, and nobody counts that.
    const mayChange = hasBytes(parts['attrs']) || hasBytes(parts['transient'])
    // What may have changed within is never like itself: it need not be looked at again.
    this.#stamps.set(core, !mayChange && hasStamp(core, stamp) ? stamp : NO_STAMP)
  }

  /** It is in the copy otherwise than it was. */
  addOther(core: EntityCore): void {
    this.#stamps.set(core, NO_STAMP)
  }

  /** Looks at each once: what lies in memory that was read a moment ago is compared many times faster. `pause`: see copyWorld. */
  async lookThrough(pause: () => Promise<void>): Promise<void> {
    let looked = 0
    for (const core of this.#stamps.keys()) {
      if (looked++ % LOOKED_AT_ONCE === 0) await pause()
      this.isSame(core)
    }
  }

  isSame(core: EntityCore): boolean {
    const stamp = this.#stamps.get(core)
    return stamp !== undefined && stamp !== NO_STAMP && hasStamp(core, stamp)
  }

  gone(world: World): string[] {
    const gone: string[] = []
    // One that is not gone is there; of one that is, another may be.
    for (const core of this.#stamps.keys()) if (core.gone && !world.find(core.id)) gone.push(core.id)
    return gone
  }
}

/** Between two looks at the clock. */
const LOOKED_AT_ONCE = 64
/** Nobody has that. */
const NO_STAMP: Stamp = []

function hasBytes(saved: unknown): boolean {
  if (typeof saved !== 'object' || saved === null) return false
  if (saved instanceof Uint8Array) return true
  if (Array.isArray(saved)) return saved.some(hasBytes)
  for (const key in saved) if (hasBytes((saved as Record<string, unknown>)[key])) return true
  return false
}

/**
 * One chunk for the game, and one for each entity, or for each that is not as it was `copied` ahead. Throws for what cannot be
 * saved, and names it.
 */
export function freezeWorld(world: World, copied?: Copied): Uint8Array[] {
  const [spaces, others] = spacesAndOthers(world)
  const lingering = spaces.flatMap((space) => {
    const pairs = space.lingering()
    return pairs.length > 0 ? [[space.id, pairs.map(({ id }) => id)] as const] : []
  })
  const chunks = new Chunks()
  const header = headerOf(world, spaces, Object.fromEntries(lingering))
  chunks.write(copied ? { ...header, gone: copied.gone(world) } : header)
  for (const cores of [spaces, others])
    for (const core of cores) {
      if (copied?.isSame(core)) continue
      // Of timers is saved for how long they wait from now on: the first entities of many are saved long before the last.
      chunks.write(saveEntity(core, core.timers !== undefined))
    }
  return chunks.all()
}

/**
 * Much the same while the world goes on: each entity is as it is when its turn comes. Good for a rehearsal, or with `copied` as
 * what is copied ahead of a freeze. `pause` is called again and again, and may let others run.
 */
export async function copyWorld(world: World, pause: () => Promise<void>, copied?: Copied): Promise<Uint8Array[]> {
  const [spaces, others] = spacesAndOthers(world)
  const known = new Set(spaces.map(({ id }) => id))
  const chunks = new Chunks()
  chunks.write(headerOf(world, spaces, {}))
  for (const core of [...spaces, ...others]) {
    await pause()
    // A space that has gone is still written: others that are in the copy were in it.
    if (core.gone && !(core instanceof SpaceCore)) continue
    const saved = saveEntity(core, true)
    const { spaceId, ...placeless } = saved
    const isWhole = spaceId === undefined || known.has(spaceId)
    chunks.write(isWhole ? saved : placeless)
    if (isWhole) copied?.add(core, saved)
    else copied?.addOther(core)
  }
  return chunks.all()
}

function spacesAndOthers(world: World): [SpaceCore[], EntityCore[]] {
  const cores = [...world.all()]
  return [cores.filter((core) => core instanceof SpaceCore), cores.filter((core) => !(core instanceof SpaceCore))]
}

function headerOf(world: World, spaces: readonly SpaceCore[], lingering: WorldHeader['lingering']): WorldHeader {
  return {
    gameId: world.gameId,
    frozenMs: world.clock.wallMs(),
    registry: world.registry.save(),
    spaces: spaces.length,
    offers: world.players.offers,
    told: [...world.movement.told],
    lingering,
    shown: allShown(world),
  }
}

/** Values one behind the other in one buffer. */
class Chunks {
  readonly #writer = new PacketWriter(1024 * 1024)
  readonly #ends: number[] = []

  write(data: unknown): void {
    writeValue(this.#writer, data)
    this.#ends.push(this.#writer.at)
  }

  all(): Uint8Array[] {
    return this.#ends.map((end, at) => this.#writer.bytes.subarray(at === 0 ? 0 : this.#ends[at - 1]!, end))
  }
}
