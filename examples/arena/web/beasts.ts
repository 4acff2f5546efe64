// How monsters look: mites crawl on six legs, stalkers are all blade, brutes are plates. Their eyes say what they are at.
import { BRUTE, MOOD, monsterKindOf, STALKER } from '../shared/monsters.ts'
import { MONSTER_COLORS } from './palette.ts'
import { shine } from './sprites.ts'
import type { BeastView } from './views.ts'

const TAU = Math.PI * 2

export function drawBeast(ctx: CanvasRenderingContext2D, view: BeastView, timeMs: number): void {
  const { x, z, attrs, fade } = view
  if (attrs.hp <= 0) return
  const kind = monsterKindOf(attrs.kind)
  const color = MONSTER_COLORS[attrs.kind] ?? MONSTER_COLORS[0]
  const isUpset = attrs.mood === MOOD.windsUp || attrs.mood === MOOD.strikes
  const wound = isUpset ? Math.min(1, view.moodMs / kind.windUpMs) : 0
  drawWarning(ctx, view, color, wound)
  shine(ctx, color, x, z, kind.radius * (2.6 + wound * 1.4), (0.2 + 0.35 * wound) * fade)
  ctx.save()
  ctx.translate(x, z)
  // Who is about to strike trembles.
  if (attrs.mood === MOOD.windsUp) ctx.translate(Math.sin(timeMs / 18) * 0.05, Math.cos(timeMs / 14) * 0.05)
  ctx.rotate(view.angle)
  const grown = 0.6 + 0.4 * fade
  ctx.scale(grown, grown)
  ctx.globalAlpha = fade
  ctx.lineJoin = 'round'
  ctx.fillStyle = view.hurt > 0 ? '#ffffff' : '#140a12'
  ctx.strokeStyle = color
  if (attrs.kind === BRUTE) drawBrute(ctx, kind.radius, timeMs)
  else if (attrs.kind === STALKER) drawStalker(ctx, kind.radius, wound)
  else drawMite(ctx, kind.radius, view)
  drawEyes(ctx, kind.radius, attrs.mood, color)
  ctx.restore()
  ctx.globalAlpha = 1
  if (attrs.hp < kind.hp) drawLife(ctx, x, z, kind.radius, attrs.hp / kind.hp, color)
}

function drawMite(ctx: CanvasRenderingContext2D, radius: number, view: BeastView): void {
  const gait = view.walked * 3
  ctx.lineWidth = 0.08
  ctx.beginPath()
  for (let leg = 0; leg < 6; leg++) {
    const side = leg % 2 ? 1 : -1
    const along = (Math.floor(leg / 2) - 1) * 0.34
    const swing = Math.sin(gait + leg * 2.1) * 0.16
    ctx.moveTo(along * radius, side * radius * 0.4)
    ctx.lineTo(along * radius * 1.9 + swing, side * radius * 1.25)
  }
  ctx.stroke()
  ctx.lineWidth = 0.09
  ctx.beginPath()
  ctx.ellipse(0, 0, radius * 0.85, radius * 0.62, 0, 0, TAU)
  ctx.fill()
  ctx.stroke()
}

function drawStalker(ctx: CanvasRenderingContext2D, radius: number, wound: number): void {
  const back = 0.2 * wound
  ctx.lineWidth = 0.1
  ctx.beginPath()
  ctx.moveTo(radius * 1.25 - back, 0)
  ctx.lineTo(-radius * 0.7 - back, radius * 1.05)
  ctx.quadraticCurveTo(-radius * 0.1, 0, -radius * 0.7 - back, -radius * 1.05)
  ctx.closePath()
  ctx.fill()
  ctx.stroke()
}

function drawBrute(ctx: CanvasRenderingContext2D, radius: number, timeMs: number): void {
  ctx.lineWidth = 0.14
  ctx.beginPath()
  for (let corner = 0; corner < 6; corner++) {
    const angle = (corner / 6) * TAU + TAU / 12
    ctx.lineTo(Math.cos(angle) * radius, Math.sin(angle) * radius)
  }
  ctx.closePath()
  ctx.fill()
  ctx.stroke()
  ctx.lineWidth = 0.07
  ctx.globalAlpha *= 0.6
  ctx.beginPath()
  const breath = 0.62 + 0.04 * Math.sin(timeMs / 300)
  for (let corner = 0; corner < 6; corner++) {
    const angle = (corner / 6) * TAU + TAU / 12
    ctx.moveTo(Math.cos(angle) * radius, Math.sin(angle) * radius)
    ctx.lineTo(Math.cos(angle) * radius * breath, Math.sin(angle) * radius * breath)
  }
  ctx.stroke()
  ctx.beginPath()
  ctx.arc(0, 0, radius * breath, 0, TAU)
  ctx.stroke()
  ctx.globalAlpha /= 0.6
}

function drawEyes(ctx: CanvasRenderingContext2D, radius: number, mood: number, color: string): void {
  ctx.fillStyle = mood === MOOD.windsUp || mood === MOOD.strikes ? '#ffffff' : color
  ctx.globalAlpha *= mood === MOOD.roams || mood === MOOD.rests ? 0.5 : 1
  const size = 0.06 + radius * 0.09
  ctx.beginPath()
  ctx.arc(radius * 0.42, radius * 0.2, size, 0, TAU)
  ctx.arc(radius * 0.42, -radius * 0.2, size, 0, TAU)
  ctx.fill()
}

/** Where the strike will go: on to where it looks for who leaps, round about for who slams. */
function drawWarning(ctx: CanvasRenderingContext2D, view: BeastView, color: string, wound: number): void {
  if (wound === 0 || view.attrs.kind === 0) return
  const kind = monsterKindOf(view.attrs.kind)
  const { x, z, angle } = view
  ctx.globalAlpha = 0.12 + 0.22 * wound
  ctx.fillStyle = color
  ctx.strokeStyle = color
  ctx.beginPath()
  if (kind.leap > 0) {
    const length = (kind.leap * kind.strikeMs) / 1000
    const dx = Math.cos(angle)
    const dz = Math.sin(angle)
    const half = kind.radius * 0.8
    ctx.moveTo(x - dz * half, z + dx * half)
    ctx.lineTo(x + dx * length * wound, z + dz * length * wound)
    ctx.lineTo(x + dz * half, z - dx * half)
    ctx.fill()
  } else {
    const reach = kind.radius + kind.reach
    ctx.arc(x, z, reach * wound, 0, TAU)
    ctx.fill()
    ctx.lineWidth = 0.08
    ctx.globalAlpha = 0.6
    ctx.beginPath()
    ctx.arc(x, z, reach, 0, TAU)
    ctx.stroke()
  }
  ctx.globalAlpha = 1
}

function drawLife(ctx: CanvasRenderingContext2D, x: number, z: number, radius: number, part: number, color: string) {
  const width = Math.max(0.9, radius * 1.4)
  const top = z - radius - 0.45
  ctx.fillStyle = 'rgba(4, 6, 10, 0.7)'
  ctx.fillRect(x - width / 2, top, width, 0.12)
  ctx.fillStyle = color
  ctx.fillRect(x - width / 2, top, width * Math.max(0, part), 0.12)
}
