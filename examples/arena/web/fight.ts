// What one sees and hears of a fight: every event of the server, and every shot of one's own before the server knows of it.
import type { ArenaMap } from '../shared/maps.ts'
import { monsterKindOf } from '../shared/monsters.ts'
import { PLAYER_RADIUS } from '../shared/step.ts'
import { rayLength } from '../shared/walls.ts'
import { weaponOf } from '../shared/weapons.ts'
import type { Camera } from './camera.ts'
import type { Effects } from './effects.ts'
import { colorOf, MONSTER_COLORS, PICKUP_COLORS } from './palette.ts'
import type { Sound } from './sound.ts'
import type { BeastView, PlayerView } from './views.ts'

const MUZZLE = PLAYER_RADIUS + 0.4
/** By weapon: how wide its beams are, how long they are seen, how much it shakes. */
const LOOKS = [
  { width: 0.1, seconds: 0.13, shake: 0.06 },
  { width: 0.09, seconds: 0.14, shake: 0.2 },
  { width: 0.2, seconds: 0.4, shake: 0.32 },
] as const

export class Fight {
  readonly #camera: Camera
  readonly #effects: Effects
  readonly #sound: Sound

  constructor(camera: Camera, effects: Effects, sound: Sound) {
    this.#camera = camera
    this.#effects = effects
    this.#sound = sound
  }

  /** Shots as the server saw them: `lengths` in tenths of a unit. */
  shot(view: PlayerView, weapon: number, aim: number, lengths: readonly number[]): void {
    weaponOf(weapon).rays.forEach((aside, ray) => {
      this.#beam(view, weapon, aim / 10 + aside, (lengths[ray] ?? 0) / 10)
    })
    this.#recoil(view, weapon)
  }

  /** One's own, at once: as far as walls let it, since whom it hits is for the server to say. */
  ownShot(view: PlayerView, map: ArenaMap, weapon: number, aim: number): void {
    const { rays, range } = weaponOf(weapon)
    for (const aside of rays) {
      const angle = ((aim / 10 + aside) * Math.PI) / 180
      const length = rayLength(map, view.x, view.z, Math.cos(angle), Math.sin(angle), range)
      this.#beam(view, weapon, aim / 10 + aside, length)
    }
    this.#recoil(view, weapon)
    this.#camera.shake((LOOKS[weapon] ?? LOOKS[0]).shake)
  }

  #beam(view: PlayerView, weapon: number, degrees: number, length: number): void {
    const angle = (degrees * Math.PI) / 180
    const dx = Math.cos(angle)
    const dz = Math.sin(angle)
    const color = colorOf(view.attrs.color)
    const { width, seconds } = LOOKS[weapon] ?? LOOKS[0]
    const endX = view.x + dx * length
    const endZ = view.z + dz * length
    if (length > MUZZLE) {
      this.#effects.beam(view.x + dx * MUZZLE, view.z + dz * MUZZLE, endX, endZ, color, width, seconds)
    }
    this.#effects.burst(endX, endZ, color, weapon === 2 ? 14 : 5, 7, 0.06, angle + Math.PI, 2.2)
  }

  #recoil(view: PlayerView, weapon: number): void {
    view.recoil = 1
    this.#sound.shot(weapon, this.#nearness(view.x, view.z))
  }

  /** One's own shot has hit. */
  hit(amount: number, x: number, z: number, isDead: boolean): void {
    this.#effects.number(x, z, String(amount), isDead ? '#ffffff' : '#ffe08a')
    this.#sound.hit(isDead)
  }

  /** Somebody's life has changed. */
  life(view: PlayerView | BeastView, before: number): void {
    const { hp } = view.attrs
    if (hp >= before) return
    const isBeast = view.mirror.type === 'Monster'
    const kind = isBeast ? (view as BeastView).attrs.kind : 0
    const color = isBeast ? (MONSTER_COLORS[kind] ?? MONSTER_COLORS[0]) : colorOf((view as PlayerView).attrs.color)
    view.hurt = 1
    this.#effects.burst(view.x, view.z, color, 7, 6)
    if (hp > 0) return
    const size = isBeast ? monsterKindOf(kind).radius : PLAYER_RADIUS * 1.4
    this.#effects.burst(view.x, view.z, color, 16 + size * 14, 8 + size * 3, 0.2)
    this.#effects.burst(view.x, view.z, '#ffffff', 10, 12)
    this.#effects.ring(view.x, view.z, color, 0.3, size * 4.2, 0.55)
    this.#effects.ring(view.x, view.z, '#ffffff', 0.1, size * 2.4, 0.3)
    const nearness = this.#nearness(view.x, view.z)
    this.#sound.burst(nearness)
    this.#camera.shake((view.isOwn ? 0.7 : 0.22) * nearness)
  }

  hurt(view: PlayerView, amount: number, fromX: number, fromZ: number): void {
    const angle = Math.atan2(view.z - fromZ, view.x - fromX)
    this.#effects.burst(view.x, view.z, '#ff4d5e', 8, 9, 0.08, angle, 1.4)
    this.#camera.shake(0.08 + amount / 120)
    this.#sound.hurt()
  }

  took(view: PlayerView, kind: number): void {
    const color = PICKUP_COLORS[kind] ?? '#ffffff'
    this.#effects.ring(view.x, view.z, color, 0.4, 2.2, 0.45)
    this.#effects.burst(view.x, view.z, color, 18, 6)
    this.#sound.took()
  }

  dashed(view: PlayerView): void {
    this.#effects.ring(view.x, view.z, colorOf(view.attrs.color), 0.5, 1.5, 0.3)
    this.#sound.dash()
  }

  arrived(x: number, z: number, accent: string): void {
    this.#effects.ring(x, z, accent, 0.4, 5, 0.8)
    this.#effects.ring(x, z, '#ffffff', 0.2, 3, 0.5)
    this.#effects.burst(x, z, accent, 40, 10, 0.1)
    this.#sound.portal()
  }

  /** 1 in the middle of the screen, 0 beyond hearing. */
  #nearness(x: number, z: number): number {
    return Math.max(0, 1 - Math.hypot(x - this.#camera.x, z - this.#camera.z) / 30)
  }
}
