// What lies on the ground: its marks, the light round the player, nests, pads, portals.
import { type ArenaMap, PORTAL_RADIUS, type Portal, type Spot } from '../shared/maps.ts'
import type { Camera } from './camera.ts'
import { drawDecor } from './decor.ts'
import { type Theme, themeOf } from './palette.ts'
import { shine } from './sprites.ts'

const MARK_UNITS = 4
const KERB_UNITS = 1.5
const TAU = Math.PI * 2

/** `light` is where the light is: round the player. */
export function drawGround(
  ctx: CanvasRenderingContext2D,
  camera: Camera,
  map: ArenaMap,
  light: Spot,
  timeMs: number,
): void {
  const theme = themeOf(map.kind)
  ctx.setTransform(1, 0, 0, 1, 0, 0)
  ctx.fillStyle = theme.outside
  ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height)
  camera.toWorld(ctx)
  ctx.fillStyle = theme.ground
  ctx.fillRect(-map.halfWidth, -map.halfDepth, 2 * map.halfWidth, 2 * map.halfDepth)
  ctx.save()
  ctx.beginPath()
  ctx.rect(-map.halfWidth, -map.halfDepth, 2 * map.halfWidth, 2 * map.halfDepth)
  ctx.clip()
  shine(ctx, theme.light, light.x, light.z, 26, 0.85)
  ctx.restore()
  drawDecor(ctx, camera, map, theme)
  drawMarks(ctx, camera, map, theme)
  drawName(ctx, camera, map, theme)
  for (const nest of map.nests) if (camera.sees(nest.x, nest.z, 3)) drawNest(ctx, nest.x, nest.z)
  for (const pad of map.pads) if (camera.sees(pad.x, pad.z, 2)) drawPad(ctx, pad.x, pad.z, theme)
  for (const portal of map.portals) if (camera.sees(portal.x, portal.z, 5)) drawPortal(ctx, portal, timeMs)
  drawEdge(ctx, camera, map, theme)
}

/** The line where the arena ends, and the kerb outside of it. */
function drawEdge(ctx: CanvasRenderingContext2D, camera: Camera, { halfWidth, halfDepth }: ArenaMap, theme: Theme) {
  ctx.strokeStyle = theme.accent
  ctx.globalAlpha = 0.5
  ctx.lineWidth = 0.09
  ctx.strokeRect(-halfWidth, -halfDepth, 2 * halfWidth, 2 * halfDepth)
  ctx.globalAlpha = 0.08
  ctx.lineWidth = 0.8
  ctx.strokeRect(-halfWidth, -halfDepth, 2 * halfWidth, 2 * halfDepth)
  ctx.beginPath()
  for (let along = -halfWidth - 0.5; along < halfWidth; along += KERB_UNITS) {
    if (!camera.sees(along, camera.z, 1)) continue
    for (const side of [-1, 1]) {
      const z = side * (halfDepth + 1)
      if (!camera.sees(along, z, 2)) continue
      ctx.moveTo(along, z)
      ctx.lineTo(along + 1, z + side)
    }
  }
  for (let along = -halfDepth - 0.5; along < halfDepth; along += KERB_UNITS) {
    if (!camera.sees(camera.x, along, 1)) continue
    for (const side of [-1, 1]) {
      const x = side * (halfWidth + 1)
      if (!camera.sees(x, along, 2)) continue
      ctx.moveTo(x, along)
      ctx.lineTo(x + side, along + 1)
    }
  }
  ctx.globalAlpha = 0.2
  ctx.lineWidth = 0.12
  ctx.stroke()
  ctx.globalAlpha = 1
}

/** Small crosses, so that one sees oneself move. */
function drawMarks(ctx: CanvasRenderingContext2D, camera: Camera, map: ArenaMap, theme: Theme): void {
  const halfWidth = camera.width / camera.scale / 2
  const halfDepth = camera.height / camera.scale / 2
  const left = Math.max(Math.ceil((camera.x - halfWidth) / MARK_UNITS) * MARK_UNITS, MARK_UNITS - map.halfWidth)
  const right = Math.min(camera.x + halfWidth, map.halfWidth - 1)
  const top = Math.max(Math.ceil((camera.z - halfDepth) / MARK_UNITS) * MARK_UNITS, MARK_UNITS - map.halfDepth)
  const bottom = Math.min(camera.z + halfDepth, map.halfDepth - 1)
  ctx.beginPath()
  for (let x = left; x <= right; x += MARK_UNITS) {
    for (let z = top; z <= bottom; z += MARK_UNITS) {
      const size = x % 16 === 0 && z % 16 === 0 ? 0.5 : 0.16
      ctx.moveTo(x - size, z)
      ctx.lineTo(x + size, z)
      ctx.moveTo(x, z - size)
      ctx.lineTo(x, z + size)
    }
  }
  ctx.strokeStyle = theme.marks
  ctx.lineWidth = 0.06
  ctx.stroke()
}

function drawName(ctx: CanvasRenderingContext2D, camera: Camera, map: ArenaMap, theme: Theme): void {
  const z = map.halfDepth * 0.52
  if (!camera.sees(0, z, 14)) return
  ctx.save()
  ctx.translate(0, z)
  ctx.scale(0.05, 0.05)
  ctx.font = '800 92px system-ui, sans-serif'
  ctx.textAlign = 'center'
  ctx.fillStyle = theme.marks
  ctx.globalAlpha = 0.55
  ctx.letterSpacing = '24px'
  ctx.fillText(map.name.replace('The ', '').toUpperCase(), 0, 0)
  ctx.restore()
  ctx.globalAlpha = 1
}

function drawNest(ctx: CanvasRenderingContext2D, x: number, z: number): void {
  ctx.strokeStyle = 'rgba(255, 63, 108, 0.20)'
  ctx.lineWidth = 0.07
  ctx.beginPath()
  for (let spoke = 0; spoke < 9; spoke++) {
    const angle = (spoke / 9) * TAU + x
    const near = 0.5 + (spoke % 2) * 0.2
    const far = 1.1 + ((spoke * 7) % 4) * 0.25
    ctx.moveTo(x + Math.cos(angle) * near, z + Math.sin(angle) * near)
    ctx.lineTo(x + Math.cos(angle + 0.25) * far, z + Math.sin(angle + 0.25) * far)
  }
  ctx.stroke()
  ctx.fillStyle = 'rgba(0, 0, 0, 0.35)'
  ctx.beginPath()
  ctx.arc(x, z, 0.5, 0, TAU)
  ctx.fill()
}

function drawPad(ctx: CanvasRenderingContext2D, x: number, z: number, theme: Theme): void {
  ctx.strokeStyle = theme.marks
  ctx.lineWidth = 0.1
  ctx.beginPath()
  ctx.arc(x, z, 1.05, 0, TAU)
  for (let corner = 0; corner < 4; corner++) {
    const angle = (corner / 4) * TAU + TAU / 8
    ctx.moveTo(x + Math.cos(angle) * 1.3, z + Math.sin(angle) * 1.3)
    ctx.lineTo(x + Math.cos(angle) * 1.6, z + Math.sin(angle) * 1.6)
  }
  ctx.stroke()
}

function drawPortal(ctx: CanvasRenderingContext2D, { x, z, to }: Portal, timeMs: number): void {
  const { accent } = themeOf(to)
  const turn = timeMs / 1600
  shine(ctx, accent, x, z, 4.6, 0.32 + 0.08 * Math.sin(timeMs / 400))
  ctx.fillStyle = 'rgba(0, 0, 0, 0.55)'
  ctx.beginPath()
  ctx.arc(x, z, PORTAL_RADIUS, 0, TAU)
  ctx.fill()
  ctx.strokeStyle = accent
  for (let ring = 0; ring < 3; ring++) {
    const radius = PORTAL_RADIUS * (1 - ring * 0.27)
    const start = turn * (ring % 2 ? -1.4 : 1) + ring
    ctx.lineWidth = 0.15 - ring * 0.03
    ctx.globalAlpha = 0.95 - ring * 0.25
    ctx.beginPath()
    ctx.arc(x, z, radius, start, start + TAU * 0.36)
    ctx.moveTo(x + Math.cos(start + Math.PI) * radius, z + Math.sin(start + Math.PI) * radius)
    ctx.arc(x, z, radius, start + Math.PI, start + Math.PI + TAU * 0.36)
    ctx.stroke()
  }
  ctx.globalAlpha = 1
}
