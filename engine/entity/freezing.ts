// A whole game as data, to be brought back by a process with newer code: every entity with all of its parts, and what the
// game knows of the others. Taking it changes nothing, so a freeze that fails has cost nothing.
//
//     header │ entity │ entity │ …       spaces first, so that whoever was in one finds it
import { messageOf } from '../base/errors.ts'
import { writeValue } from '../wire/codec.ts'
import { decodeOwn } from '../wire/own-codec.ts'
import { PacketWriter } from '../wire/packet.ts'
import type { EntityCore } from './core.ts'
import type { Offer } from './players.ts'
import { restoreClient, type SavedEntity, saveEntity } from './saved-entity.ts'
import { SpaceCore } from './space-core.ts'
import type { World } from './world.ts'

/** What is known of the gates: their numbers, and the names of their processes. */
export type FrozenGates = readonly (readonly [gateId: number, process: string])[]

interface WorldHeader {
  readonly gameId: number
  readonly frozenMs: number
  readonly registry: readonly (readonly [key: string, value: string])[]
  readonly spaces: number
  /** Clients that are on their way to players elsewhere. */
  readonly offers: readonly Offer[]
  /** Gates that are to hear when nothing moves any more. */
  readonly told?: readonly number[]
  /** Pairs that see each other although they are farther apart than their radius, by space. */
  readonly lingering: Readonly<Record<string, readonly string[]>>
}

/** One chunk for the game, and one for each entity. Throws for what cannot be saved, and names it. */
export function freezeWorld(world: World): Uint8Array[] {
  const [spaces, others] = spacesAndOthers(world)
  const lingering = spaces.flatMap((space) => {
    const pairs = space.lingering()
    return pairs.length > 0 ? [[space.id, pairs.map(({ id }) => id)] as const] : []
  })
  const chunks = new Chunks()
  chunks.write(headerOf(world, spaces, Object.fromEntries(lingering)))
  for (const core of spaces) chunks.write(saveEntity(core))
  for (const core of others) chunks.write(saveEntity(core))
  return chunks.all()
}

/**
 * Much the same while the world goes on: each entity is as it is when its turn comes. Good for a rehearsal, and for nothing
 * else. `pause` is called again and again, and may let others run.
 */
export async function copyWorld(world: World, pause: () => Promise<void>): Promise<Uint8Array[]> {
  const [spaces, others] = spacesAndOthers(world)
  const known = new Set(spaces.map(({ id }) => id))
  const chunks = new Chunks()
  chunks.write(headerOf(world, spaces, {}))
  for (const core of [...spaces, ...others]) {
    await pause()
    // A space that has gone is still written: others that are in the copy were in it.
    if (core.gone && !(core instanceof SpaceCore)) continue
    const { spaceId, ...saved } = saveEntity(core)
    chunks.write(spaceId !== undefined && known.has(spaceId) ? { ...saved, spaceId } : saved)
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
    registry: [...world.registry.entries()],
    spaces: spaces.length,
    offers: world.players.offers,
    told: [...world.movement.told],
    lingering,
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

/** Brings a frozen game back, in a world that has not started: nobody is told of anything. Throws for what cannot be. */
export function restoreWorld(world: World, chunks: readonly Uint8Array[]): void {
  const header = decodeOwn(chunks[0]!) as unknown as WorldHeader
  if (header.gameId !== world.gameId) throw new Error(`it is of game ${header.gameId}, not of game ${world.gameId}`)
  const elapsedMs = Math.max(0, world.clock.wallMs() - header.frozenMs)
  world.registry.restore(header.registry)
  world.players.restoreOffers(header.offers)
  for (const gateId of header.told ?? []) world.movement.told.add(gateId)
  const members: [EntityCore, string][] = []
  for (const chunk of chunks.slice(1)) {
    const saved = decodeOwn(chunk) as unknown as SavedEntity
    const core = revived(world, saved, elapsedMs)
    core.client = saved.client && restoreClient(saved.client)
    if (saved.spaceId !== undefined) members.push([core, saved.spaceId])
  }
  for (const [core, spaceId] of members) {
    const space = world.find(spaceId)
    if (!(space instanceof SpaceCore)) throw new Error(`${core} was in the space ${spaceId}, which is not there`)
    space.seat(core)
  }
  for (const [spaceId, ids] of Object.entries(header.lingering))
    (world.find(spaceId) as SpaceCore).linger(ids.map((id) => world.find(id)!))
}

/** Throws with the entity that cannot be made again. */
function revived(world: World, saved: SavedEntity, elapsedMs: number): EntityCore {
  try {
    return world.revive(saved, saved.epoch, elapsedMs)
  } catch (error) {
    throw new Error(`${saved.type}<${saved.id}>: ${messageOf(error)}`, { cause: error })
  }
}
