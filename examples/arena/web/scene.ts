// A frame: everything in its order, from the ground to the glass.
import { type ArenaMap, mapOf } from '../shared/maps.ts'
import { drawNames, drawPlayer } from './actors.ts'
import { drawBeast } from './beasts.ts'
import type { Camera } from './camera.ts'
import type { Controls } from './controls.ts'
import type { Effects } from './effects.ts'
import { drawGhosts } from './ghosts.ts'
import { drawGround } from './ground.ts'
import type { Net } from './net.ts'
import { colorOf } from './palette.ts'
import type { Sticks } from './sticks.ts'
import { drawThing } from './things.ts'
import { drawShadows, drawTowers } from './towers.ts'

const TAU = Math.PI * 2

export class Scene {
  /** From 1, just hurt, to 0. */
  pain = 0
  /** Whether what the server said is drawn too. */
  showsGhosts = false
  readonly #ctx: CanvasRenderingContext2D
  readonly #camera: Camera
  readonly #effects: Effects
  readonly #net: Net

  constructor(canvas: HTMLCanvasElement, camera: Camera, effects: Effects, net: Net) {
    this.#ctx = canvas.getContext('2d', { alpha: false })!
    this.#camera = camera
    this.#effects = effects
    this.#net = net
  }

  get map(): ArenaMap {
    return mapOf(this.#net.game.space?.kind ?? 0)
  }

  draw(timeMs: number, controls: Controls, sticks: Sticks, isPlaying: boolean): void {
    const ctx = this.#ctx
    const camera = this.#camera
    const { players, beasts, things, own } = this.#net
    const { map } = this
    drawGround(ctx, camera, map, own ?? camera, timeMs)
    drawShadows(ctx, camera, map)
    for (const view of things.values()) if (camera.sees(view.x, view.z, 2)) drawThing(ctx, view, timeMs)
    for (const view of beasts.values()) if (camera.sees(view.x, view.z, 4)) drawBeast(ctx, view, timeMs)
    for (const view of players.values()) {
      if (!view.isOwn && camera.sees(view.x, view.z, 3)) drawPlayer(ctx, view, this.#effects, timeMs)
    }
    if (own) drawPlayer(ctx, own, this.#effects, timeMs)
    if (this.showsGhosts) drawGhosts(ctx, players.values(), beasts.values())
    this.#effects.draw(ctx, camera)
    drawTowers(ctx, camera, map)

    camera.toScreen(ctx)
    drawNames(ctx, camera, players.values())
    this.#effects.drawNumbers(ctx, camera)
    this.#drawEdges(ctx)
    if (!isPlaying) return
    if (own && own.attrs.hp > 0 && !sticks.isUsed) this.#drawAim(ctx, controls, colorOf(own.attrs.color))
    sticks.draw(ctx, camera.width, camera.height)
  }

  /** Darker towards the edges; red when it hurts. */
  #drawEdges(ctx: CanvasRenderingContext2D): void {
    const { width, height } = this.#camera
    const shade = this.#shadeOf(width, height)
    ctx.fillStyle = shade.dark
    ctx.fillRect(0, 0, width, height)
    if (this.pain <= 0.01) return
    ctx.globalAlpha = Math.min(1, this.pain)
    ctx.fillStyle = shade.red
    ctx.fillRect(0, 0, width, height)
    ctx.globalAlpha = 1
  }

  #shades: { readonly size: string; readonly dark: CanvasGradient; readonly red: CanvasGradient } | undefined

  #shadeOf(width: number, height: number) {
    const size = `${width} ${height}`
    if (this.#shades?.size === size) return this.#shades
    const made = (color: string, from: number, alpha: number) => {
      const radius = Math.hypot(width, height) / 2
      const fade = this.#ctx.createRadialGradient(width / 2, height / 2, radius * from, width / 2, height / 2, radius)
      fade.addColorStop(0, `rgba(${color}, 0)`)
      fade.addColorStop(1, `rgba(${color}, ${alpha})`)
      return fade
    }
    this.#shades = { size, dark: made('2, 3, 6', 0.5, 0.62), red: made('255, 20, 60', 0.5, 0.4) }
    return this.#shades
  }

  #drawAim(ctx: CanvasRenderingContext2D, { pointerX: x, pointerY: y }: Controls, color: string): void {
    if (Number.isNaN(x)) return
    ctx.strokeStyle = color
    ctx.lineWidth = 1.6
    ctx.beginPath()
    for (let part = 0; part < 4; part++) {
      const start = (part / 4) * TAU + 0.35
      ctx.moveTo(x + Math.cos(start) * 11, y + Math.sin(start) * 11)
      ctx.arc(x, y, 11, start, start + TAU / 4 - 0.7)
    }
    ctx.stroke()
    ctx.fillStyle = '#ffffff'
    ctx.beginPath()
    ctx.arc(x, y, 1.6, 0, TAU)
    ctx.fill()
  }
}
