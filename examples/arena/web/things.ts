// How pickups look: they float over their pads, each with a sign of what it is.
import { HEART, SCATTER_GUN } from '../shared/pickups.ts'
import { PICKUP_COLORS } from './palette.ts'
import { shine } from './sprites.ts'
import type { ThingView } from './views.ts'

const TAU = Math.PI * 2

export function drawThing(ctx: CanvasRenderingContext2D, { x, z, attrs, fade }: ThingView, timeMs: number): void {
  if (!attrs.isThere) return
  const color = PICKUP_COLORS[attrs.kind] ?? PICKUP_COLORS[0]
  const beat = timeMs / 520 + x
  shine(ctx, color, x, z, 2.1 + 0.2 * Math.sin(beat), 0.42 * fade)
  ctx.save()
  ctx.translate(x, z + Math.sin(beat) * 0.1)
  ctx.globalAlpha = fade
  ctx.strokeStyle = color
  ctx.fillStyle = '#0a0e17'
  ctx.lineWidth = 0.09
  ctx.beginPath()
  for (let corner = 0; corner < 4; corner++) {
    const angle = (corner / 4) * TAU
    ctx.lineTo(Math.cos(angle) * 0.72, Math.sin(angle) * 0.72)
  }
  ctx.closePath()
  ctx.fill()
  ctx.stroke()
  ctx.lineWidth = 0.13
  ctx.lineCap = 'round'
  ctx.beginPath()
  if (attrs.kind === HEART) {
    ctx.moveTo(-0.26, 0)
    ctx.lineTo(0.26, 0)
    ctx.moveTo(0, -0.26)
    ctx.lineTo(0, 0.26)
  } else if (attrs.kind === SCATTER_GUN) {
    for (const aside of [-0.24, 0, 0.24]) {
      ctx.moveTo(-0.2, aside * 0.3)
      ctx.lineTo(0.24, aside)
    }
  } else {
    ctx.moveTo(-0.32, 0)
    ctx.lineTo(0.32, 0)
  }
  ctx.stroke()
  ctx.restore()
  ctx.globalAlpha = 1
}
