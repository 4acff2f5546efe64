// How players look: a ring that is their life, a dart in their colour, and the weapon that they hold.
import { HP_MAX } from '../shared/pickups.ts'
import { PLAYER_RADIUS } from '../shared/step.ts'
import type { Camera } from './camera.ts'
import type { Effects } from './effects.ts'
import { colorOf } from './palette.ts'
import { shine } from './sprites.ts'
import type { PlayerView } from './views.ts'

const TAU = Math.PI * 2
const TRAIL = 0.5

export function drawPlayer(ctx: CanvasRenderingContext2D, view: PlayerView, effects: Effects, timeMs: number): void {
  const { x, z, attrs, isOwn, fade } = view
  const color = colorOf(attrs.color)
  if (attrs.hp <= 0) return drawWreck(ctx, view, color)
  const angle = view.angle
  const speed = Math.hypot(view.speedX, view.speedZ)
  if (speed > 11) drawDash(ctx, view, color)
  shine(ctx, color, x, z, isOwn ? 3.4 : 2.6, (isOwn ? 0.34 : 0.24) * fade)
  ctx.globalAlpha = fade
  ctx.save()
  ctx.translate(x, z)

  // The body: dark, so that the ring shows.
  ctx.fillStyle = view.hurt > 0 ? '#ffffff' : '#0a0e17'
  ctx.globalAlpha = fade * (view.hurt > 0 ? 0.4 + 0.6 * view.hurt : 1)
  ctx.beginPath()
  ctx.arc(0, 0, PLAYER_RADIUS, 0, TAU)
  ctx.fill()
  ctx.globalAlpha = fade * 0.22
  ctx.strokeStyle = color
  ctx.lineWidth = 0.13
  ctx.stroke()

  const life = Math.max(0, view.hp / HP_MAX)
  ctx.globalAlpha = fade
  ctx.strokeStyle = life < 0.3 && Math.sin(timeMs / 80) > 0 ? '#ff4d5e' : color
  ctx.lineWidth = 0.14
  ctx.lineCap = 'butt'
  ctx.beginPath()
  ctx.arc(0, 0, PLAYER_RADIUS, angle + Math.PI - life * Math.PI, angle + Math.PI + life * Math.PI)
  ctx.stroke()

  ctx.rotate(angle)
  ctx.translate(-0.16 * view.recoil, 0)
  drawWeapon(ctx, attrs.weapon, color)
  ctx.fillStyle = color
  ctx.beginPath()
  ctx.moveTo(0.44, 0)
  ctx.lineTo(-0.26, 0.3)
  ctx.lineTo(-0.12, 0)
  ctx.lineTo(-0.26, -0.3)
  ctx.closePath()
  ctx.fill()
  if (isOwn) {
    ctx.fillStyle = '#ffffff'
    ctx.beginPath()
    ctx.arc(0.06, 0, 0.09, 0, TAU)
    ctx.fill()
  }
  ctx.restore()
  ctx.globalAlpha = 1
  if (attrs.isSafe) drawShield(ctx, x, z, color, timeMs)
  if (view.recoil > 0.3) {
    const tip = PLAYER_RADIUS + 0.55
    effects.flash(ctx, x + Math.cos(angle) * tip, z + Math.sin(angle) * tip, color, view.recoil)
  }
}

function drawWeapon(ctx: CanvasRenderingContext2D, weapon: number, color: string): void {
  ctx.strokeStyle = color
  ctx.lineCap = 'round'
  ctx.lineWidth = 0.15
  ctx.beginPath()
  if (weapon === 1) {
    for (const aside of [-0.3, 0, 0.3]) {
      ctx.moveTo(0.6, aside * 0.5)
      ctx.lineTo(0.95, aside)
    }
  } else if (weapon === 2) {
    ctx.moveTo(0.5, 0)
    ctx.lineTo(1.4, 0)
  } else {
    ctx.moveTo(0.5, 0)
    ctx.lineTo(0.95, 0)
  }
  ctx.stroke()
}

function drawShield(ctx: CanvasRenderingContext2D, x: number, z: number, color: string, timeMs: number): void {
  const turn = timeMs / 500
  ctx.strokeStyle = color
  ctx.lineWidth = 0.07
  ctx.globalAlpha = 0.7
  ctx.beginPath()
  for (let part = 0; part < 6; part++) {
    const start = turn + (part / 6) * TAU
    ctx.moveTo(x + Math.cos(start) * 1, z + Math.sin(start) * 1)
    ctx.arc(x, z, 1, start, start + TAU / 9)
  }
  ctx.stroke()
  ctx.globalAlpha = 1
}

function drawDash(ctx: CanvasRenderingContext2D, { x, z, speedX, speedZ, fade }: PlayerView, color: string): void {
  ctx.fillStyle = color
  for (let ghost = 1; ghost <= 5; ghost++) {
    const back = ghost * 0.016 * TRAIL * 2
    ctx.globalAlpha = fade * 0.32 * (1 - ghost / 6)
    ctx.beginPath()
    ctx.arc(x - speedX * back, z - speedZ * back, PLAYER_RADIUS * (1 - ghost * 0.09), 0, TAU)
    ctx.fill()
  }
  ctx.globalAlpha = 1
}

/** Who is dead lies there until it is back. */
function drawWreck(ctx: CanvasRenderingContext2D, { x, z, deadMs }: PlayerView, color: string): void {
  const left = Math.max(0.25, 1 - deadMs / 2500)
  ctx.globalAlpha = left * 0.7
  ctx.strokeStyle = color
  ctx.lineWidth = 0.12
  ctx.beginPath()
  for (let part = 0; part < 5; part++) {
    const start = (part / 5) * TAU + x * 3
    const radius = PLAYER_RADIUS * (1 + Math.min(1, deadMs / 600) * (0.25 + (part % 3) * 0.2))
    ctx.moveTo(x + Math.cos(start) * radius, z + Math.sin(start) * radius)
    ctx.arc(x, z, radius, start, start + 0.7)
  }
  ctx.stroke()
  ctx.globalAlpha = 1
}

/** Names, on the glass. */
export function drawNames(ctx: CanvasRenderingContext2D, camera: Camera, views: Iterable<PlayerView>): void {
  ctx.textAlign = 'center'
  ctx.font = '600 12px system-ui, sans-serif'
  for (const { x, z, attrs, isOwn, fade } of views) {
    if (isOwn || attrs.hp <= 0 || !camera.sees(x, z, 1)) continue
    const left = camera.screenX(x)
    const top = camera.screenZ(z) - camera.scale * 0.95 - 6
    ctx.globalAlpha = 0.55 * fade
    ctx.fillStyle = '#04060a'
    ctx.fillText(attrs.name, left + 1, top + 1)
    ctx.globalAlpha = (attrs.isSafe ? 0.5 : 0.92) * fade
    ctx.fillStyle = '#e8eefb'
    ctx.fillText(attrs.name, left, top)
  }
  ctx.globalAlpha = 1
}
