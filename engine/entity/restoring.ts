// Brings a frozen game back, in a world that has not started: nobody is told of anything, and no hook runs but onInit. What
// was copied ahead of the freeze can be made ahead of it, too, so that only what has changed since is left to do:
//
//     ahead   decoded ─> made, and seated where its space will be        (not whose class has an onInit: it runs once)
//     whole   what has changed or is gone is unmade ─> spaces, with all who sit there ─> the others ─> seated
import { messageOf } from '../base/errors.ts'
import { decodeOwn } from '../wire/own-codec.ts'
import type { EntityCore } from './core.ts'
import type { WorldHeader } from './freezing.ts'
import { Retelling } from './retelling.ts'
import { restoreClient, type SavedEntity } from './saved-entity.ts'
import { SpaceCore } from './space-core.ts'
import type { World } from './world.ts'

/** Throws for what cannot be. `ahead`: what was copied before the rest was frozen. */
export function restoreWorld(world: World, chunks: readonly Uint8Array[], ahead?: readonly Uint8Array[]): Restoring {
  const restoring = new Restoring(world)
  if (ahead) restoring.read(ahead)
  restoring.finish(chunks)
  return restoring
}

/** Made, and not in its space yet. */
interface Standing {
  readonly core: EntityCore
  readonly spaceId: string | undefined
}

export class Restoring {
  readonly #world: World
  /** Whether anything was copied ahead. */
  #isAhead = false
  /** By id: what is yet to be made. */
  readonly #saved = new Map<string, SavedEntity>()
  /** Where those sit whose space is yet to be made, by its id. */
  readonly #seats = new Map<string, SpaceCore>()
  /** Those that are to be made again: each keeps its seat until then. */
  readonly #outdated = new Map<string, EntityCore>()
  readonly #retelling: Retelling

  constructor(world: World) {
    this.#world = world
    this.#retelling = new Retelling(world)
  }

  /** Takes in what was copied ahead. */
  read(chunks: readonly Uint8Array[]): void {
    this.#isAhead = true
    this.#retelling.read(headerIn(chunks).shown)
    for (let at = 1; at < chunks.length; at++) {
      const saved = decodeOwn(chunks[at]!) as unknown as SavedEntity
      if (this.#saved.has(saved.id)) throw twice(saved)
      this.#saved.set(saved.id, saved)
    }
  }

  /** Makes of that what can be made before the rest is known. Throws for what cannot be made at all. */
  makeAhead(): void {
    const world = this.#world
    const kindOf = (saved: SavedEntity) => named(saved, () => world.kindOfSaved(saved))
    for (const saved of this.#saved.values())
      if (saved.spaceKind !== undefined && kindOf(saved).isSpace) this.#seats.set(saved.id, world.seatsOf(saved))
    for (const saved of this.#saved.values()) {
      const { spaceId } = saved
      const kind = kindOf(saved)
      if (kind.hearsInit || kind.isSpace || kind.isService) continue
      const space = spaceId === undefined ? undefined : this.#seats.get(spaceId)
      // What was a space is none any more: said when it is whole, unless they have left it by then.
      if (spaceId !== undefined && !space) continue
      const core = this.#make(saved)
      this.#saved.delete(saved.id)
      space?.seat(core)
    }
  }

  /** Brings the game back as it was when it stood still. */
  finish(chunks: readonly Uint8Array[]): void {
    const world = this.#world
    const header = headerIn(chunks)
    this.#retelling.read(header.shown)
    if (header.gameId !== world.gameId) throw new Error(`it is of game ${header.gameId}, not of game ${world.gameId}`)
    world.registry.restore(header.registry)
    world.players.restoreOffers(header.offers)
    for (const gateId of header.told ?? []) world.movement.told.add(gateId)
    for (const id of header.gone ?? []) this.#outdate(id)
    const standing: Standing[] = []
    const make = (saved: SavedEntity) =>
      standing.push({ core: this.#make(saved, header.frozenMs), spaceId: saved.spaceId })
    let areSpacesMade = false
    // One by one, so that what was read of each need not be kept. Spaces are in front; then those that have not changed.
    const changed = new Set<string>()
    for (let at = 1; at < chunks.length; at++) {
      const saved = decodeOwn(chunks[at]!) as unknown as SavedEntity
      if (this.#isAhead) {
        if (changed.size === changed.add(saved.id).size) throw twice(saved)
        this.#outdate(saved.id)
      }
      if (saved.spaceKind !== undefined) {
        this.#makeSpace(saved, header.frozenMs)
        continue
      }
      if (!areSpacesMade) this.#makeSpaces()
      areSpacesMade = true
      make(saved)
    }
    if (!areSpacesMade) this.#makeSpaces()
    for (const saved of this.#saved.values()) make(saved)
    this.#seat(standing)
    for (const [spaceId, ids] of Object.entries(header.lingering))
      (world.find(spaceId) as SpaceCore).linger(ids.map((id) => world.find(id)!))
    // It is all in the world.
    for (const done of [this.#saved, this.#seats, this.#outdated]) done.clear()
  }

  /** Time goes on: clients are told of what newer code has made otherwise, before anybody changes it. */
  tellClients(): void {
    this.#retelling.tell()
  }

  /** It is not as it was copied. */
  #outdate(id: string): void {
    this.#saved.delete(id)
    const core = this.#world.find(id)
    if (!core) return
    this.#world.unmake(core)
    this.#outdated.set(id, core)
  }

  /** Those that are as they were copied. */
  #makeSpaces(): void {
    for (const saved of this.#saved.values()) {
      if (saved.spaceKind === undefined) continue
      this.#saved.delete(saved.id)
      this.#makeSpace(saved)
    }
  }

  #makeSpace(saved: SavedEntity, frozenMs?: number): void {
    const space = this.#make(saved, frozenMs) as SpaceCore
    const seats = this.#seats.get(saved.id)
    if (seats) space.takeSeatsOf(seats)
  }

  /** All are there before the first is seated. */
  #seat(standing: readonly Standing[]): void {
    const seated: [EntityCore, SpaceCore][] = []
    for (const { core, spaceId } of standing) {
      const space = this.#spaceOf(core, spaceId)
      const before = this.#outdated.get(core.id)
      if (before && before.space === space && space?.reseat(before, core)) this.#outdated.delete(core.id)
      else if (space) seated.push([core, space])
    }
    for (const core of this.#outdated.values()) core.space?.unseat(core)
    for (const [core, space] of seated) space.seat(core)
  }

  #spaceOf(core: EntityCore, spaceId: string | undefined): SpaceCore | undefined {
    if (spaceId === undefined) return undefined
    const space = this.#world.find(spaceId)
    if (space instanceof SpaceCore) return space
    throw new Error(`${core} was in the space ${spaceId}, which is not there`)
  }

  /** `frozenMs`: when it was saved, if it does not say so itself. */
  #make(saved: SavedEntity, frozenMs = 0): EntityCore {
    const world = this.#world
    const elapsedMs = Math.max(0, world.clock.wallMs() - (saved.savedMs ?? frozenMs))
    const core = named(saved, () => world.revive(saved, saved.epoch, elapsedMs))
    core.client = saved.client && restoreClient(saved.client)
    this.#retelling.add(core, saved)
    return core
  }
}

const headerIn = (chunks: readonly Uint8Array[]) => decodeOwn(chunks[0]!) as unknown as WorldHeader

const twice = ({ type, id }: SavedEntity) => new Error(`${type}<${id}> is there already`)

/** Throws with the entity that cannot be made again. */
function named<T>(saved: SavedEntity, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Error(`${saved.type}<${saved.id}>: ${messageOf(error)}`, { cause: error })
  }
}
