// Shots: rays that end at walls and at whoever stands in them, or rather stood in them when the shooter saw it: the space
// remembers where everybody was, so that who aims at what the page shows hits it, however far away the server is.
import { ArenaSpace } from './arena_space.ts'
import { Monster } from './monster.ts'
import { Player } from './player.ts'
import { monsterKindOf } from './shared/monsters.ts'
import { PLAYER_RADIUS } from './shared/step.ts'
import { rayLength } from './shared/walls.ts'
import type { Weapon } from './shared/weapons.ts'

/** Nobody aims to the millimetre. */
const KINDNESS = 0.15

/** Fires once; answers how long each ray is, in tenths of a unit. `aim` is in tenths of a degree. */
export function fire(shooter: Player, weapon: Weapon, aim: number): number[] {
  const { space } = shooter
  if (!(space instanceof ArenaSpace)) return []
  return weapon.rays.map((aside) =>
    Math.round(10 * fireRay(shooter, space, weapon, (aim / 10 + aside) * (Math.PI / 180))),
  )
}

function fireRay(shooter: Player, space: ArenaSpace, weapon: Weapon, angle: number): number {
  const from = shooter.position
  const dx = Math.cos(angle)
  const dz = Math.sin(angle)
  const length = rayLength(space.map, from.x, from.z, dx, dz, weapon.range)
  const to = { x: from.x + dx * length, z: from.z + dz * length }
  for (const { entity, position, distance } of space.seenBy(shooter).ray(from, to, radiusOf)) {
    if (!(entity instanceof Player || entity instanceof Monster) || !entity.harm(weapon.damage, shooter)) continue
    shooter.client.hit(weapon.damage, position.x, position.z, !entity.isAlive)
    if (!weapon.pierces) return distance
  }
  return length
}

function radiusOf(entity: object): number {
  if (entity instanceof Player) return PLAYER_RADIUS + KINDNESS
  return entity instanceof Monster ? monsterKindOf(entity.attrs.kind).radius + KINDNESS : 0
}
