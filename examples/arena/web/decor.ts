// What grows or lies on the ground of each arena and means nothing: tiles, plates, tufts, the same for everybody.
import { type ArenaMap, COURT, FOUNDRY } from '../shared/maps.ts'
import { randomFrom } from '../shared/random.ts'
import type { Camera } from './camera.ts'
import type { Theme } from './palette.ts'

const UNITS_OF_ONE = 34
const TAU = Math.PI * 2

interface Decal {
  readonly x: number
  readonly z: number
  readonly size: number
  readonly turn: number
}

const known = new Map<number, readonly Decal[]>()

function decalsOf(map: ArenaMap): readonly Decal[] {
  const found = known.get(map.kind)
  if (found) return found
  const random = randomFrom(map.kind * 77)
  const count = Math.round((4 * map.halfWidth * map.halfDepth) / UNITS_OF_ONE)
  const made = Array.from({ length: count }, () => ({
    x: (random() * 2 - 1) * (map.halfWidth - 1),
    z: (random() * 2 - 1) * (map.halfDepth - 1),
    size: 0.25 + random() ** 3 * 1.5,
    turn: random() * TAU,
  }))
  known.set(map.kind, made)
  return made
}

export function drawDecor(ctx: CanvasRenderingContext2D, camera: Camera, map: ArenaMap, theme: Theme): void {
  const shape = map.kind === COURT ? tile : map.kind === FOUNDRY ? plate : tuft
  ctx.beginPath()
  for (const decal of decalsOf(map)) if (camera.sees(decal.x, decal.z, 2)) shape(ctx, decal)
  ctx.strokeStyle = theme.marks
  ctx.lineWidth = 0.055
  ctx.stroke()
}

/** A square of the pavement. */
function tile(ctx: CanvasRenderingContext2D, { x, z, size }: Decal): void {
  const left = Math.round(x * 2) / 2
  const top = Math.round(z * 2) / 2
  const side = Math.max(0.5, Math.round(size * 2) / 2)
  ctx.rect(left, top, side, side)
}

/** A hexagon of steel. */
function plate(ctx: CanvasRenderingContext2D, { x, z, size }: Decal): void {
  for (let corner = 0; corner <= 6; corner++) {
    const angle = (corner / 6) * TAU
    if (corner === 0) ctx.moveTo(x + Math.cos(angle) * size, z + Math.sin(angle) * size)
    else ctx.lineTo(x + Math.cos(angle) * size, z + Math.sin(angle) * size)
  }
}

/** Blades of grass; where it is high, a ring of it. */
function tuft(ctx: CanvasRenderingContext2D, { x, z, size, turn }: Decal): void {
  const blades = size > 0.7 ? 9 : 3
  const from = size > 0.7 ? size * 0.6 : 0
  for (let blade = 0; blade < blades; blade++) {
    const angle = turn + (blade / blades) * (size > 0.7 ? TAU : 1.8)
    ctx.moveTo(x + Math.cos(angle) * from, z + Math.sin(angle) * from)
    ctx.lineTo(x + Math.cos(angle + 0.12) * (from + 0.35), z + Math.sin(angle + 0.12) * (from + 0.35))
  }
}
