// Walls, drawn as towers: their tops lean away from the middle of the screen, so that one looks down at the arena.
import type { ArenaMap, Box, Pillar } from '../shared/maps.ts'
import { type Camera, LEAN } from './camera.ts'
import { type Theme, themeOf } from './palette.ts'

const TAU = Math.PI * 2

/** Corners of a box, base and top, in turn: x, z, x, z … */
const base = new Float64Array(8)
const top = new Float64Array(8)

export function drawTowers(ctx: CanvasRenderingContext2D, camera: Camera, map: ArenaMap): void {
  const theme = themeOf(map.kind)
  for (const wall of map.boxes) {
    if (camera.sees(wall.x, wall.z, Math.max(wall.halfWidth, wall.halfDepth) + 2)) drawBox(ctx, camera, wall, theme)
  }
  for (const wall of map.pillars) if (camera.sees(wall.x, wall.z, wall.radius + 2)) drawPillar(ctx, camera, wall, theme)
}

/** What the walls keep from the light, on the ground: drawn before whoever stands there. */
export function drawShadows(ctx: CanvasRenderingContext2D, camera: Camera, map: ArenaMap): void {
  ctx.fillStyle = 'rgba(0, 0, 0, 0.38)'
  ctx.beginPath()
  for (const { x, z, halfWidth, halfDepth } of map.boxes) {
    if (!camera.sees(x, z, Math.max(halfWidth, halfDepth) + 2)) continue
    ctx.roundRect(x - halfWidth - 0.35, z - halfDepth - 0.25, 2 * halfWidth + 0.7, 2 * halfDepth + 0.7, 0.5)
  }
  for (const { x, z, radius } of map.pillars) {
    if (!camera.sees(x, z, radius + 2)) continue
    ctx.moveTo(x + radius + 0.4, z + 0.1)
    ctx.arc(x, z + 0.1, radius + 0.4, 0, TAU)
  }
  ctx.fill()
}

function drawBox(ctx: CanvasRenderingContext2D, camera: Camera, { x, z, halfWidth, halfDepth }: Box, theme: Theme) {
  for (let corner = 0; corner < 4; corner++) {
    const cornerX = x + (corner === 0 || corner === 3 ? -halfWidth : halfWidth)
    const cornerZ = z + (corner < 2 ? -halfDepth : halfDepth)
    base[corner * 2] = cornerX
    base[corner * 2 + 1] = cornerZ
    top[corner * 2] = cornerX + (cornerX - camera.x) * LEAN
    top[corner * 2 + 1] = cornerZ + (cornerZ - camera.z) * LEAN
  }
  for (let side = 0; side < 4; side++) {
    const isSeen =
      side === 0
        ? camera.z < z - halfDepth
        : side === 1
          ? camera.x > x + halfWidth
          : side === 2
            ? camera.z > z + halfDepth
            : camera.x < x - halfWidth
    if (!isSeen) continue
    const from = side * 2
    const to = ((side + 1) % 4) * 2
    ctx.fillStyle = side % 2 === 0 ? theme.wallNear : theme.wallFar
    ctx.beginPath()
    ctx.moveTo(base[from]!, base[from + 1]!)
    ctx.lineTo(base[to]!, base[to + 1]!)
    ctx.lineTo(top[to]!, top[to + 1]!)
    ctx.lineTo(top[from]!, top[from + 1]!)
    ctx.fill()
    ctx.strokeStyle = theme.accent
    ctx.globalAlpha = 0.22
    ctx.lineWidth = 0.06
    ctx.beginPath()
    ctx.moveTo(base[from]!, base[from + 1]!)
    ctx.lineTo(base[to]!, base[to + 1]!)
    ctx.stroke()
    ctx.globalAlpha = 1
  }
  ctx.beginPath()
  for (let corner = 0; corner < 4; corner++) ctx.lineTo(top[corner * 2]!, top[corner * 2 + 1]!)
  ctx.closePath()
  finishTop(ctx, theme)
  // A line a little inside, as if the top had a rim.
  const rim = 0.28
  ctx.globalAlpha = 0.16
  ctx.strokeRect(
    top[0]! + rim,
    top[1]! + rim,
    Math.max(0, top[2]! - top[0]! - 2 * rim),
    Math.max(0, top[5]! - top[3]! - 2 * rim),
  )
  ctx.globalAlpha = 1
}

function drawPillar(ctx: CanvasRenderingContext2D, camera: Camera, { x, z, radius }: Pillar, theme: Theme): void {
  const topX = x + (x - camera.x) * LEAN
  const topZ = z + (z - camera.z) * LEAN
  const topRadius = radius * (1 + LEAN)
  const lean = Math.atan2(topZ - z, topX - x)
  // The outline of base and top together: an arc of each, and what joins them.
  ctx.fillStyle = theme.wallFar
  ctx.beginPath()
  ctx.arc(x, z, radius, lean + TAU / 4, lean - TAU / 4)
  ctx.arc(topX, topZ, topRadius, lean - TAU / 4, lean + TAU / 4)
  ctx.closePath()
  ctx.fill()
  ctx.strokeStyle = theme.accent
  ctx.globalAlpha = 0.22
  ctx.lineWidth = 0.06
  ctx.beginPath()
  ctx.arc(x, z, radius, lean + TAU / 4, lean - TAU / 4)
  ctx.stroke()
  ctx.globalAlpha = 1
  ctx.beginPath()
  ctx.arc(topX, topZ, topRadius, 0, TAU)
  finishTop(ctx, theme)
  if (radius < 1.2) return
  ctx.globalAlpha = 0.16
  ctx.beginPath()
  ctx.arc(topX, topZ, topRadius - 0.3, 0, TAU)
  ctx.stroke()
  ctx.globalAlpha = 1
}

function finishTop(ctx: CanvasRenderingContext2D, theme: Theme): void {
  ctx.fillStyle = theme.wallTop
  ctx.fill()
  ctx.strokeStyle = theme.accent
  ctx.lineWidth = 0.07
  ctx.globalAlpha = 0.6
  ctx.stroke()
}
