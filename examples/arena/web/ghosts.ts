// Where the server said that everybody was, when it last said so: what prediction and smoothing make of that can be seen beside it.
import { monsterKindOf } from '../shared/monsters.ts'
import { PLAYER_RADIUS } from '../shared/step.ts'
import type { BeastView, PlayerView } from './views.ts'

const TAU = Math.PI * 2

export function drawGhosts(
  ctx: CanvasRenderingContext2D,
  players: Iterable<PlayerView>,
  beasts: Iterable<BeastView>,
): void {
  ctx.lineWidth = 0.06
  ctx.setLineDash([0.22, 0.16])
  ctx.strokeStyle = '#ffffff'
  for (const view of players) drawGhost(ctx, view, PLAYER_RADIUS)
  ctx.strokeStyle = '#ff8fa8'
  for (const view of beasts) drawGhost(ctx, view, monsterKindOf(view.attrs.kind).radius)
  ctx.setLineDash([])
}

function drawGhost(ctx: CanvasRenderingContext2D, view: PlayerView | BeastView, radius: number): void {
  const { x, z } = view.mirror.position
  ctx.beginPath()
  ctx.arc(x, z, radius, 0, TAU)
  ctx.moveTo(x, z)
  ctx.lineTo(view.x, view.z)
  ctx.stroke()
}
