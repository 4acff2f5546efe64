// What walls do: they push out whoever stands in them, and stop whatever flies. Only + - * / and square roots are used,
// which give the same everywhere, so that server and page agree to the last bit.
import type { ArenaMap } from './maps.ts'

export interface Place {
  x: number
  z: number
}

/** In a corner one wall pushes into the other: twice round is enough for two. */
const ROUNDS = 3

/** Moves a circle out of all walls and back into the arena. Changes `place`. */
export function pushOut(map: ArenaMap, place: Place, radius: number): void {
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false
    for (const wall of map.boxes) {
      const dx = place.x - wall.x
      const dz = place.z - wall.z
      const overX = wall.halfWidth + radius - Math.abs(dx)
      if (overX <= 0) continue
      const overZ = wall.halfDepth + radius - Math.abs(dz)
      if (overZ <= 0) continue
      moved = pushOutOfBox(place, dx, dz, wall.halfWidth, wall.halfDepth, radius) || moved
    }
    for (const wall of map.pillars) {
      const dx = place.x - wall.x
      const dz = place.z - wall.z
      const reach = wall.radius + radius
      const squared = dx * dx + dz * dz
      if (squared >= reach * reach) continue
      const distance = Math.sqrt(squared)
      place.x = wall.x + (distance > 0 ? (dx / distance) * reach : reach)
      place.z = wall.z + (distance > 0 ? (dz / distance) * reach : 0)
      moved = true
    }
    moved = pushIn(map, place, radius) || moved
    if (!moved) return
  }
}

function pushOutOfBox(place: Place, dx: number, dz: number, halfWidth: number, halfDepth: number, radius: number) {
  // The nearest point of the box, seen from its middle.
  const nearX = Math.min(Math.max(dx, -halfWidth), halfWidth)
  const nearZ = Math.min(Math.max(dz, -halfDepth), halfDepth)
  const awayX = dx - nearX
  const awayZ = dz - nearZ
  const squared = awayX * awayX + awayZ * awayZ
  if (squared >= radius * radius) return false
  if (squared > 0) {
    const distance = Math.sqrt(squared)
    place.x += (awayX / distance) * (radius - distance)
    place.z += (awayZ / distance) * (radius - distance)
  } else if (halfWidth - Math.abs(dx) < halfDepth - Math.abs(dz)) {
    place.x += (dx < 0 ? -1 : 1) * (halfWidth - Math.abs(dx) + radius)
  } else {
    place.z += (dz < 0 ? -1 : 1) * (halfDepth - Math.abs(dz) + radius)
  }
  return true
}

function pushIn({ halfWidth, halfDepth }: ArenaMap, place: Place, radius: number): boolean {
  const x = Math.min(Math.max(place.x, radius - halfWidth), halfWidth - radius)
  const z = Math.min(Math.max(place.z, radius - halfDepth), halfDepth - radius)
  if (x === place.x && z === place.z) return false
  place.x = x
  place.z = z
  return true
}

/** How far a ray comes before a wall stops it, `range` at most. (dx, dz) has length 1. */
export function rayLength(map: ArenaMap, x: number, z: number, dx: number, dz: number, range: number): number {
  let length = Math.min(range, edge(x, dx, map.halfWidth), edge(z, dz, map.halfDepth))
  for (const wall of map.boxes) {
    const found = throughBox(x - wall.x, z - wall.z, dx, dz, wall.halfWidth, wall.halfDepth)
    if (found < length) length = found
  }
  for (const wall of map.pillars) {
    const found = throughCircle(x - wall.x, z - wall.z, dx, dz, wall.radius)
    if (found < length) length = found
  }
  return length
}

/** Whether nothing stands between two places, for something that wide. */
export function isClear(map: ArenaMap, fromX: number, fromZ: number, toX: number, toZ: number, radius = 0): boolean {
  const x = toX - fromX
  const z = toZ - fromZ
  const distance = Math.sqrt(x * x + z * z)
  if (distance === 0) return true
  const dx = x / distance
  const dz = z / distance
  const sideX = -dz * radius
  const sideZ = dx * radius
  return (
    rayLength(map, fromX + sideX, fromZ + sideZ, dx, dz, distance) >= distance &&
    (radius === 0 || rayLength(map, fromX - sideX, fromZ - sideZ, dx, dz, distance) >= distance)
  )
}

const edge = (at: number, direction: number, half: number): number =>
  direction === 0 ? Number.POSITIVE_INFINITY : Math.max(0, ((direction < 0 ? -half : half) - at) / direction)

/** The distance at which a ray enters a box around (0, 0); none when it begins inside, so that nobody shoots a wall from within. */
function throughBox(x: number, z: number, dx: number, dz: number, halfWidth: number, halfDepth: number): number {
  let near = Number.NEGATIVE_INFINITY
  let far = Number.POSITIVE_INFINITY
  if (dx !== 0) {
    const one = (-halfWidth - x) / dx
    const other = (halfWidth - x) / dx
    near = Math.min(one, other)
    far = Math.max(one, other)
  } else if (Math.abs(x) > halfWidth) return Number.POSITIVE_INFINITY
  if (dz !== 0) {
    const one = (-halfDepth - z) / dz
    const other = (halfDepth - z) / dz
    near = Math.max(near, Math.min(one, other))
    far = Math.min(far, Math.max(one, other))
  } else if (Math.abs(z) > halfDepth) return Number.POSITIVE_INFINITY
  return near <= far && near >= 0 ? near : Number.POSITIVE_INFINITY
}

/** The distance at which a ray enters a circle around (0, 0). */
export function throughCircle(x: number, z: number, dx: number, dz: number, radius: number): number {
  const along = -(x * dx + z * dz)
  const inside = radius * radius - (x * x + z * z) + along * along
  if (inside < 0) return Number.POSITIVE_INFINITY
  const found = along - Math.sqrt(inside)
  return found >= 0 ? found : Number.POSITIVE_INFINITY
}
