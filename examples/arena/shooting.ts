// Shots: rays that end at walls and at whoever stands in them.
import { Monster } from './monster.ts'
import { Player } from './player.ts'
import { mapOf } from './shared/maps.ts'
import { monsterKindOf } from './shared/monsters.ts'
import { PLAYER_RADIUS } from './shared/step.ts'
import { rayLength, throughCircle } from './shared/walls.ts'
import type { Weapon } from './shared/weapons.ts'

/** Nobody aims to the millimetre. */
const KINDNESS = 0.15

/** Fires once; answers how long each ray is, in tenths of a unit. `aim` is in tenths of a degree. */
export function fire(shooter: Player, weapon: Weapon, aim: number): number[] {
  return weapon.rays.map((aside) => Math.round(10 * fireRay(shooter, weapon, (aim / 10 + aside) * (Math.PI / 180))))
}

function fireRay(shooter: Player, weapon: Weapon, angle: number): number {
  const { x, z } = shooter.position
  const dx = Math.cos(angle)
  const dz = Math.sin(angle)
  const length = rayLength(mapOf(shooter.space.kind), x, z, dx, dz, weapon.range)
  const hits: { target: Player | Monster; at: number }[] = []
  for (const target of shooter.seen()) {
    if (!(target instanceof Player || target instanceof Monster) || !target.isAlive) continue
    const radius = target instanceof Player ? PLAYER_RADIUS : monsterKindOf(target.attrs.kind).radius
    const { position } = target
    const at = throughCircle(x - position.x, z - position.z, dx, dz, radius + KINDNESS)
    if (at <= length) hits.push({ target, at })
  }
  hits.sort((a, b) => a.at - b.at)
  for (const { target, at } of hits) {
    if (!target.harm(weapon.damage, shooter)) continue
    const { x, z } = target.position
    shooter.client.hit(weapon.damage, x, z, !target.isAlive)
    if (!weapon.pierces) return at
  }
  return length
}
