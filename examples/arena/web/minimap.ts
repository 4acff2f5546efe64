// The small map in the corner: all of the arena, and of who is in it those that the player is shown.
import { type ArenaMap, SIGHT } from '../shared/maps.ts'
import { colorOf, MONSTER_COLORS, PICKUP_COLORS, themeOf } from './palette.ts'
import type { BeastView, PlayerView, ThingView } from './views.ts'

const TAU = Math.PI * 2
const EVERY_MS = 50

export class Minimap {
  readonly #canvas: HTMLCanvasElement
  readonly #ctx: CanvasRenderingContext2D
  /** The walls, drawn once for each arena. */
  readonly #walls = document.createElement('canvas')
  #kind = 0
  #drawnMs = 0

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas
    this.#ctx = canvas.getContext('2d')!
  }

  draw(
    map: ArenaMap,
    own: { readonly x: number; readonly z: number; readonly angle: number } | undefined,
    players: Iterable<PlayerView>,
    beasts: Iterable<BeastView>,
    things: Iterable<ThingView>,
    nowMs: number,
  ): void {
    if (nowMs - this.#drawnMs < EVERY_MS) return
    this.#drawnMs = nowMs
    const size = this.#canvas.width
    const scale = (size - 8) / (2 * Math.max(map.halfWidth, map.halfDepth))
    if (this.#kind !== map.kind) this.#drawWalls(map, size, scale)
    const ctx = this.#ctx
    ctx.clearRect(0, 0, size, size)
    ctx.drawImage(this.#walls, 0, 0)
    const at = (along: number) => size / 2 + along * scale
    for (const { x, z, attrs } of things) {
      if (attrs.isThere) dot(ctx, at(x), at(z), 1.8, PICKUP_COLORS[attrs.kind] ?? '#ffffff')
    }
    for (const { x, z, attrs } of beasts) {
      if (attrs.hp > 0) dot(ctx, at(x), at(z), attrs.kind === 2 ? 3 : 2, MONSTER_COLORS[attrs.kind] ?? '#ff3f6c')
    }
    for (const { x, z, attrs, isOwn } of players) {
      if (!isOwn && attrs.hp > 0) dot(ctx, at(x), at(z), 3, colorOf(attrs.color))
    }
    if (!own) return
    ctx.strokeStyle = 'rgba(255, 255, 255, 0.22)'
    ctx.lineWidth = 1
    ctx.beginPath()
    ctx.arc(at(own.x), at(own.z), SIGHT * scale, 0, TAU)
    ctx.stroke()
    ctx.save()
    ctx.translate(at(own.x), at(own.z))
    ctx.rotate(own.angle)
    ctx.fillStyle = '#ffffff'
    ctx.beginPath()
    ctx.moveTo(6, 0)
    ctx.lineTo(-4, 4)
    ctx.lineTo(-2, 0)
    ctx.lineTo(-4, -4)
    ctx.fill()
    ctx.restore()
  }

  #drawWalls(map: ArenaMap, size: number, scale: number): void {
    this.#kind = map.kind
    this.#walls.width = this.#walls.height = size
    const ctx = this.#walls.getContext('2d')!
    drawPlan(ctx, map, size, scale)
  }
}

/** The plan of an arena, in the middle of a square. */
export function drawPlan(ctx: CanvasRenderingContext2D, map: ArenaMap, size: number, scale: number): void {
  const theme = themeOf(map.kind)
  const at = (along: number) => size / 2 + along * scale
  ctx.fillStyle = theme.ground
  ctx.globalAlpha = 0.75
  ctx.fillRect(at(-map.halfWidth), at(-map.halfDepth), 2 * map.halfWidth * scale, 2 * map.halfDepth * scale)
  ctx.globalAlpha = 0.5
  ctx.strokeStyle = theme.accent
  ctx.strokeRect(at(-map.halfWidth), at(-map.halfDepth), 2 * map.halfWidth * scale, 2 * map.halfDepth * scale)
  ctx.fillStyle = theme.accent
  ctx.globalAlpha = 0.42
  for (const { x, z, halfWidth, halfDepth } of map.boxes) {
    ctx.fillRect(
      at(x - halfWidth),
      at(z - halfDepth),
      Math.max(1, 2 * halfWidth * scale),
      Math.max(1, 2 * halfDepth * scale),
    )
  }
  ctx.beginPath()
  for (const { x, z, radius } of map.pillars) {
    ctx.moveTo(at(x), at(z))
    ctx.arc(at(x), at(z), Math.max(0.7, radius * scale), 0, TAU)
  }
  ctx.fill()
  ctx.globalAlpha = 1
  for (const { x, z, to } of map.portals) {
    ctx.strokeStyle = themeOf(to).accent
    ctx.lineWidth = 1.6
    ctx.beginPath()
    ctx.arc(at(x), at(z), 3.4, 0, TAU)
    ctx.stroke()
  }
}

function dot(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string): void {
  ctx.fillStyle = color
  ctx.beginPath()
  ctx.arc(x, y, radius, 0, TAU)
  ctx.fill()
}
