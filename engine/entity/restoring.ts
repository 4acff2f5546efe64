// Brings a frozen game back, in a world that has not started: nobody is told of anything, and no hook runs but onInit. What
// was copied ahead of the freeze can be made ahead of it, too, so that only what has changed since is left to do:
//
//     ahead   decoded ─> made, and seated where its space will be        (not whose class has an onInit: it runs once)
//     whole   what has changed or is gone is unmade ─> spaces ─> all others ─> seated
import { messageOf } from '../base/errors.ts'
import { decodeOwn } from '../wire/own-codec.ts'
import type { EntityCore } from './core.ts'
import type { WorldHeader } from './freezing.ts'
import { restoreClient, type SavedEntity } from './saved-entity.ts'
import { SpaceCore } from './space-core.ts'
import type { World } from './world.ts'

/** Throws for what cannot be. `ahead`: what was copied before the rest was frozen. */
export function restoreWorld(world: World, chunks: readonly Uint8Array[], ahead?: readonly Uint8Array[]): void {
  const restoring = new Restoring(world)
  if (ahead) restoring.read(ahead)
  restoring.finish(chunks)
}

export class Restoring {
  readonly #world: World
  /** By id: what is known of each so far. */
  readonly #saved = new Map<string, SavedEntity>()
  /** Where those sit whose space is yet to be made, by its id. */
  readonly #seats = new Map<string, SpaceCore>()

  constructor(world: World) {
    this.#world = world
  }

  /** Takes in what was copied ahead. */
  read(chunks: readonly Uint8Array[]): void {
    for (const saved of savedIn(chunks)) this.#saved.set(saved.id, saved)
  }

  /** Makes of that what can be made before the rest is known. Throws for what cannot be made at all. */
  makeAhead(): void {
    const world = this.#world
    for (const saved of this.#saved.values())
      if (saved.spaceKind !== undefined)
        this.#seats.set(
          saved.id,
          named(saved, () => world.seatsOf(saved)),
        )
    for (const saved of this.#saved.values()) {
      const kind = named(saved, () => world.kindOfSaved(saved))
      if (kind.hearsInit || kind.isSpace || kind.isService) continue
      const core = this.#make(saved)
      if (saved.spaceId !== undefined) this.#seats.get(saved.spaceId)!.seat(core)
    }
  }

  /** Brings the game back as it was when it stood still. */
  finish(chunks: readonly Uint8Array[]): void {
    const world = this.#world
    const header = decodeOwn(chunks[0]!) as unknown as WorldHeader
    if (header.gameId !== world.gameId) throw new Error(`it is of game ${header.gameId}, not of game ${world.gameId}`)
    world.registry.restore(header.registry)
    world.players.restoreOffers(header.offers)
    for (const gateId of header.told ?? []) world.movement.told.add(gateId)
    for (const id of header.gone ?? []) this.#drop(id)
    for (const saved of savedIn(chunks)) {
      this.#drop(saved.id)
      this.#saved.set(saved.id, saved)
    }
    this.#makeRest(header.frozenMs)
    for (const [spaceId, ids] of Object.entries(header.lingering))
      (world.find(spaceId) as SpaceCore).linger(ids.map((id) => world.find(id)!))
  }

  #makeRest(frozenMs: number): void {
    const world = this.#world
    for (const saved of this.#saved.values()) {
      if (saved.spaceKind === undefined) continue
      const space = this.#make(saved, frozenMs) as SpaceCore
      const seats = this.#seats.get(saved.id)
      if (seats) space.takeSeatsOf(seats)
    }
    // All are there before the first is seated.
    const standing = [...this.#saved.values()].filter(({ id }) => !world.find(id))
    const cores = standing.map((saved) => this.#make(saved, frozenMs))
    for (const [at, core] of cores.entries()) {
      const { spaceId } = standing[at]!
      if (spaceId === undefined) continue
      const space = world.find(spaceId)
      if (!(space instanceof SpaceCore)) throw new Error(`${core} was in the space ${spaceId}, which is not there`)
      space.seat(core)
    }
  }

  /** `frozenMs`: when it was saved, if it does not say so itself. */
  #make(saved: SavedEntity, frozenMs = 0): EntityCore {
    const world = this.#world
    const elapsedMs = Math.max(0, world.clock.wallMs() - (saved.savedMs ?? frozenMs))
    const core = named(saved, () => world.revive(saved, saved.epoch, elapsedMs))
    core.client = saved.client && restoreClient(saved.client)
    return core
  }

  /** It is not as it was copied. */
  #drop(id: string): void {
    this.#saved.delete(id)
    const core = this.#world.find(id)
    if (core) this.#world.unmake(core)
  }
}

function* savedIn(chunks: readonly Uint8Array[]): Iterable<SavedEntity> {
  const ids = new Set<string>()
  for (const chunk of chunks.slice(1)) {
    const saved = decodeOwn(chunk) as unknown as SavedEntity
    if (ids.size === ids.add(saved.id).size) throw new Error(`${saved.type}<${saved.id}> is there already`)
    yield saved
  }
}

/** Throws with the entity that cannot be made again. */
function named<T>(saved: SavedEntity, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Error(`${saved.type}<${saved.id}>: ${messageOf(error)}`, { cause: error })
  }
}
