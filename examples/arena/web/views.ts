// What the page knows of each entity beside what the server says: where it is drawn, how fast it goes, how long ago it was hurt.
import type { Mirror } from 'goworld/client'
import type * as server from '../arena.ts'

export type PlayerMirror = Mirror<typeof server.Player, 'Player'>
export type BeastMirror = Mirror<typeof server.Monster, 'Monster'>
export type ThingMirror = Mirror<typeof server.Pickup, 'Pickup'>

export interface ShownPlace {
  readonly x: number
  readonly z: number
  readonly yaw: number
}

const FADE_MS = 250
/** A step wider than that between two frames is a jump, no speed. */
const JUMP = 3

export class View<M extends PlayerMirror | BeastMirror | ThingMirror> {
  readonly mirror: M
  x = 0
  z = 0
  /** Radians. */
  angle = 0
  /** Units a second, smoothed. */
  speedX = 0
  speedZ = 0
  /** The way that it has come. */
  walked = 0
  /** 1 = just hurt, 0 = long ago; the same for a shot. */
  hurt = 0
  recoil = 0
  /** From 0, when it came into view, to 1. */
  fade = 0
  /** Its life as it is shown, which follows, and as it was told last. */
  hp = 0
  lastHp = 0
  deadMs = 0
  /** How long a monster has been in its mood. */
  moodMs = 0
  #shownMs = 0
  #isNew = true

  constructor(mirror: M) {
    this.mirror = mirror
  }

  get attrs(): M['attrs'] {
    return this.mirror.attrs
  }

  get isOwn(): boolean {
    return this.mirror.isOwn
  }

  /** Moves it to where it is to be drawn now. */
  update(place: ShownPlace, seconds: number): void {
    const dx = place.x - this.x
    const dz = place.z - this.z
    if (this.#isNew || Math.abs(dx) + Math.abs(dz) > JUMP) {
      this.speedX = 0
      this.speedZ = 0
      this.#isNew = false
    } else if (seconds > 0) {
      const part = 1 - Math.exp(-seconds * 14)
      this.speedX += (dx / seconds - this.speedX) * part
      this.speedZ += (dz / seconds - this.speedZ) * part
      this.walked += Math.hypot(dx, dz)
    }
    this.x = place.x
    this.z = place.z
    this.angle = (place.yaw * Math.PI) / 180
    this.#shownMs += seconds * 1000
    this.fade = Math.min(1, this.#shownMs / FADE_MS)
    this.hurt = Math.max(0, this.hurt - seconds * 6)
    this.recoil = Math.max(0, this.recoil - seconds * 9)
    this.moodMs += seconds * 1000
    const attrs = this.mirror.attrs as { readonly hp?: number }
    const hp = attrs.hp ?? 0
    this.hp += (hp - this.hp) * (1 - Math.exp(-seconds * 12))
    this.deadMs = hp > 0 ? 0 : this.deadMs + seconds * 1000
  }
}

export type PlayerView = View<PlayerMirror>
export type BeastView = View<BeastMirror>
export type ThingView = View<ThingMirror>
