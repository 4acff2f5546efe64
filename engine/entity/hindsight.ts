// A space as one of its players saw it when it acted: that was some time ago, by the way that the picture took to it and the
// time that it draws behind. The space remembers where everybody was (`history` in its contract), and goes between two
// places just as the client does (engine/base/track.ts): so a shot hits what was under the cross-hair.
//
//     game:     A at t0 ───> t1 ───> t2 ───> t3 (now)          the shot comes: "I saw t1"
//     client:           A drawn at t1: fires ──┘
import type { Place } from '../base/place.ts'
import { coreOf, type EntityCore } from './core.ts'
import type { Entity, Vector3 } from './entity.ts'
import type { SpaceCore } from './space-core.ts'

/** Someone who was hit: where it was then, and how far that is. */
export interface Hit {
  readonly entity: Entity
  readonly position: Vector3
  /** From where the search began: the middle, or along the ray to where it enters the circle. */
  readonly distance: number
}

/** What is longer ago than this, nobody saw when it acted; so no space remembers it. */
export const HISTORY_MAX_MS = 10_000
/** Yaw does not matter here. */
const TURN = 360
/** Serve all. */
const then: Place = { x: 0, y: 0, z: 0, yaw: 0 }
const here: Place = { x: 0, y: 0, z: 0, yaw: 0 }

export class Hindsight {
  /** What was seen, in milliseconds since 1970: never later than now, nor longer ago than the space remembers. */
  readonly timeMs: number
  readonly #space: SpaceCore
  readonly #watcher: EntityCore

  constructor(space: SpaceCore, watcher: EntityCore) {
    const { clock, inputs, movement } = space.world
    const nowMs = clock.wallMs()
    const seenMs = seenAt(watcher) || nowMs - movement.intervalMs
    this.timeMs = Math.min(nowMs, Math.max(seenMs, nowMs - space.kind.historyMs))
    if (this.timeMs !== seenMs) inputs.clamped++
    this.#space = space
    this.#watcher = watcher
  }

  /** Where `other` was then; where it is now for the player itself, which is ahead of the rest. Undefined for who is not in the space. */
  position(other: Entity): Vector3 | undefined {
    const core = coreOf(other)
    if (core.space !== this.#space) return undefined
    this.#place(core)
    return { x: then.x, y: then.y, z: then.z }
  }

  /** Those who were no farther than `radius` from a place on the XZ plane, of those that the player saw; nearest first. */
  within(x: number, z: number, radius: number): Hit[] {
    return this.#hits(() => {
      const distance = Math.hypot(then.x - x, then.z - z)
      return distance <= radius ? distance : -1
    })
  }

  /**
   * Those whose circle on the XZ plane a straight line from `from` to `to` touched, of those that the player saw; nearest
   * first. `radius`: of all, or of each.
   */
  ray(
    from: Pick<Vector3, 'x' | 'z'>,
    to: Pick<Vector3, 'x' | 'z'>,
    radius: number | ((entity: Entity) => number),
  ): Hit[] {
    const length = Math.hypot(to.x - from.x, to.z - from.z)
    const alongX = length > 0 ? (to.x - from.x) / length : 0
    const alongZ = length > 0 ? (to.z - from.z) / length : 0
    return this.#hits(({ entity }) => {
      const own = typeof radius === 'number' ? radius : radius(entity)
      const x = then.x - from.x
      const z = then.z - from.z
      const along = x * alongX + z * alongZ
      const aside2 = own * own - Math.max(0, x * x + z * z - along * along)
      if (!(aside2 >= 0)) return -1
      const reach = Math.sqrt(aside2)
      if (along + reach < 0 || along - reach > length) return -1
      return Math.max(0, along - reach)
    })
  }

  /** `distanceOf` looks at `then`, where the entity was; less than 0: not hit. */
  #hits(distanceOf: (core: EntityCore) => number): Hit[] {
    const hits: Hit[] = []
    for (const entity of this.#space.members) {
      const core = coreOf(entity)
      if (core === this.#watcher || core.aoiSlot < 0) continue
      this.#place(core)
      const distance = distanceOf(core)
      if (distance >= 0 && this.#saw(core))
        hits.push({ entity, position: { x: then.x, y: then.y, z: then.z }, distance })
    }
    return hits.sort((one, other) => one.distance - other.distance)
  }

  /** Whether the player sees it now, or it was in its sight then. */
  #saw(core: EntityCore): boolean {
    const watcher = this.#watcher
    if (watcher.space !== this.#space) return false
    if (this.#space.sees(watcher, core)) return true
    if (!watcher.track) return false
    watcher.track.at(this.timeMs, TURN, here)
    return watcher.aoiRadius > 0 && Math.hypot(then.x - here.x, then.z - here.z) <= watcher.aoiRadius
  }

  /** Where it was, into `then`. */
  #place(core: EntityCore): void {
    if (core.track && core !== this.#watcher) return core.track.at(this.timeMs, TURN, then)
    then.x = core.x
    then.y = core.y
    then.z = core.z
  }
}

/** Which of the game's times its client was showing at its last input, in milliseconds since 1970; 0 when that is not known. */
export const seenAt = ({ inputs, client }: EntityCore): number =>
  inputs && client?.clientId === inputs.clientId ? inputs.seenMs : 0
