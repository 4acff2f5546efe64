// What entities have been lately. What an author's timer moves or changes is on its way to clients at any moment, so that they
// have it not as it is, but as it was: not long ago.
//
//     moved or flushed ─> the places and attributes of the last few position intervals; before that is too late
import type { Clock } from '../../engine/base/clock.ts'
import { Attrs } from '../../engine/entity/attrs.ts'
import type { EntityCore } from '../../engine/entity/core.ts'
import type { World } from '../../engine/entity/world.ts'

/** x, y, z and yaw. */
export type Place = readonly [x: number, y: number, z: number, yaw: number]

/** Clients hear of a place within one interval, and some milliseconds. */
const INTERVALS = 3

interface Moment<T> {
  readonly was: T
  readonly sinceMs: number
}

export class Recent {
  readonly #clock: Clock
  readonly #places = new WeakMap<EntityCore, Moment<Place>[]>()
  readonly #attrs = new WeakMap<EntityCore, Moment<Readonly<Record<string, unknown>>>[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** From now on keeps what changes there. */
  watch({ movement, views }: World): void {
    const move = movement.move.bind(movement)
    movement.move = (core, ...place) => {
      if (!this.#places.has(core)) this.#keep(this.#places, core, placeOf(core))
      move(core, ...place)
      this.#keep(this.#places, core, placeOf(core))
    }
    const changeAttr = views.changeAttr.bind(views)
    views.changeAttr = (core, change) => {
      this.#keep(this.#attrs, core, Attrs.plain(core.attrs))
      changeAttr(core, change)
    }
  }

  /** Where it is, and where it has been lately. */
  places(core: EntityCore): readonly Place[] {
    return [placeOf(core), ...this.#lately(this.#places, core)]
  }

  /** What its attributes are, and what they have been lately, of those for which `wanted` holds. */
  attrs(core: EntityCore, wanted: (index: number) => boolean): readonly Readonly<Record<string, unknown>>[] {
    const { names } = core.kind.layout
    const of = (all: Readonly<Record<string, unknown>>) =>
      Object.fromEntries(
        names.flatMap((name, at) => (wanted(at) && Object.hasOwn(all, name) ? [[name, all[name]]] : [])),
      )
    return [Attrs.plain(core.attrs, wanted), ...this.#lately(this.#attrs, core).map(of)]
  }

  #keep<T>(all: WeakMap<EntityCore, Moment<T>[]>, core: EntityCore, was: T): void {
    const moments = all.get(core) ?? []
    const from = this.#fromMs(core)
    // What it was when the time began that counts is still needed.
    while (moments.length > 1 && moments[1]!.sinceMs <= from) moments.shift()
    moments.push({ was, sinceMs: this.#clock.now() })
    all.set(core, moments)
  }

  #lately<T>(all: WeakMap<EntityCore, Moment<T>[]>, core: EntityCore): T[] {
    const moments = all.get(core) ?? []
    const from = this.#fromMs(core)
    return moments
      .filter((_, at) => (moments[at + 1]?.sinceMs ?? Number.POSITIVE_INFINITY) > from)
      .map(({ was }) => was)
  }

  #fromMs(core: EntityCore): number {
    return this.#clock.now() - INTERVALS * core.world.movement.clientsEveryMs
  }
}

const placeOf = ({ x, y, z, yaw }: EntityCore): Place => [x, y, z, yaw]
