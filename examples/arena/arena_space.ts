// An arena: a space of the kind that its map has. It sees to its monsters and pickups, and tells all in it what happens.
import { type EntityId, type RunningGame, space } from 'goworld'
import { Monster } from './monster.ts'
import { Pickup } from './pickup.ts'
import { Player } from './player.ts'
import { type ArenaMap, mapOf, type Spot } from './shared/maps.ts'
import { BRUTE, MITE, STALKER } from './shared/monsters.ts'
import { PICKUP_KINDS } from './shared/pickups.ts'

const BROOD_MS = 1500
/** Nobody begins as near as that to somebody else, where it can be helped. */
const START_ROOM = 14

const keyOf = (kind: number) => `arena/${kind}`

/** Where the arena of a kind is, as all games know it. */
export const arenaId = (game: RunningGame, kind: number) =>
  game.registry.get(keyOf(kind)) as EntityId<ArenaSpace> | undefined

export class ArenaSpace extends space({
  history: 1000,
  client: {
    killed(_killer: string, _killerColor: number, _victim: string, _victimColor: number, _how: string) {},
    came(_name: string, _color: number) {},
    went(_name: string, _color: number) {},
  },
}) {
  /** Found once, as they stay. */
  #pickups: Pickup[] | undefined

  get map(): ArenaMap {
    return mapOf(this.kind)
  }

  override onCreated() {
    if (this.isNil) return
    this.game.registry.register(keyOf(this.kind), this.id, { force: true })
    for (const [at, pad] of this.map.pads.entries()) {
      const pickup = this.game.create(Pickup, { kind: PICKUP_KINDS[at % PICKUP_KINDS.length]! })
      void pickup.enterSpace(this, { x: pad.x, y: 0, z: pad.z })
    }
    this.every(BROOD_MS, this.brood)
    this.brood()
  }

  /** The lobby asks whether it is still there. */
  isOpen(): boolean {
    return true
  }

  get pickups(): Pickup[] {
    this.#pickups ??= [...this.entities].filter((entity) => entity instanceof Pickup)
    return this.#pickups
  }

  get players(): Player[] {
    return [...this.entities].filter((entity) => entity instanceof Player)
  }

  /** Lets what is missing come out of the nests: one of each kind at a time, so that waves are calm. */
  brood() {
    const monsters = [...this.entities].filter((entity) => entity instanceof Monster)
    const { brood, nests } = this.map
    const wanted = [
      [MITE, brood.mites],
      [STALKER, brood.stalkers],
      [BRUTE, brood.brutes],
    ] as const
    for (const [kind, count] of wanted) {
      if (monsters.filter(({ attrs }) => attrs.kind === kind).length >= count) continue
      const nest = nests[Math.floor(Math.random() * nests.length)]!
      void this.game.create(Monster, { kind }).enterSpace(this, { x: nest.x, y: 0, z: nest.z })
    }
  }

  /** A place to begin: far from those who might shoot at once. */
  start(): Spot {
    const others = this.players.filter(({ isAlive }) => isAlive)
    const starts = this.map.starts
    const first = Math.floor(Math.random() * starts.length)
    let best = starts[first]!
    let bestRoom = -1
    for (let n = 0; n < starts.length && bestRoom < START_ROOM; n++) {
      const one = starts[(first + n) % starts.length]!
      const room = Math.min(...others.map(({ position: { x, z } }) => Math.hypot(x - one.x, z - one.z)))
      if (room > bestRoom) {
        best = one
        bestRoom = room
      }
    }
    return best
  }
}
