// What part of the arena is on the screen, and how the two are turned into each other.
import type { ArenaMap } from '../shared/maps.ts'
import type { Place } from '../shared/walls.ts'

/** About so many square units are seen, whatever the form of the screen. */
const AREA_WIDE = 920
const AREA_SMALL = 620
const SMALL_PIXELS = 700
const PIXEL_RATIO_MAX = 2
/** So much of what is outside an arena is shown at most: in units, or as a part of half of the screen. */
const OUTSIDE_UNITS = 5
const OUTSIDE_PART = 0.36
/** How much higher things look than they are wide: tops lean away from the middle by this much. */
export const LEAN = 0.085

export class Camera {
  x = 0
  z = 0
  /** CSS pixels of the screen. */
  width = 1
  height = 1
  ratio = 1
  /** CSS pixels of a unit. */
  scale = 30
  isCalm = false
  #shake = 0
  #shakeX = 0
  #shakeZ = 0

  resize(canvas: HTMLCanvasElement): void {
    this.width = window.innerWidth
    this.height = window.innerHeight
    this.ratio = Math.min(window.devicePixelRatio || 1, PIXEL_RATIO_MAX)
    canvas.width = Math.round(this.width * this.ratio)
    canvas.height = Math.round(this.height * this.ratio)
    const area = Math.min(this.width, this.height) < SMALL_PIXELS ? AREA_SMALL : AREA_WIDE
    this.scale = Math.sqrt((this.width * this.height) / area)
  }

  /** Comes nearer to a place, the faster the farther, and stays within the arena. */
  follow(map: ArenaMap, x: number, z: number, seconds: number, eagerness: number): void {
    const halfX = this.width / this.scale / 2
    const halfZ = this.height / this.scale / 2
    const roomX = Math.max(0, map.halfWidth + Math.max(OUTSIDE_UNITS, halfX * OUTSIDE_PART) - halfX)
    const roomZ = Math.max(0, map.halfDepth + Math.max(OUTSIDE_UNITS, halfZ * OUTSIDE_PART) - halfZ)
    x = Math.min(roomX, Math.max(-roomX, x))
    z = Math.min(roomZ, Math.max(-roomZ, z))
    const part = 1 - Math.exp(-seconds * eagerness)
    this.x += (x - this.x) * part
    this.z += (z - this.z) * part
    this.#shake *= Math.exp(-seconds * 7)
    this.#shakeX = (Math.random() - 0.5) * this.#shake
    this.#shakeZ = (Math.random() - 0.5) * this.#shake
  }

  jump(x: number, z: number): void {
    this.x = x
    this.z = z
  }

  /** In units. */
  shake(size: number): void {
    if (!this.isCalm) this.#shake = Math.min(0.9, this.#shake + size)
  }

  /** From here on is drawn in units of the arena. */
  toWorld(ctx: CanvasRenderingContext2D): void {
    const size = this.scale * this.ratio
    const left = (this.width * this.ratio) / 2 - (this.x + this.#shakeX) * size
    const top = (this.height * this.ratio) / 2 - (this.z + this.#shakeZ) * size
    ctx.setTransform(size, 0, 0, size, left, top)
  }

  /** From here on is drawn in CSS pixels. */
  toScreen(ctx: CanvasRenderingContext2D): void {
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0)
  }

  screenX(x: number): number {
    return this.width / 2 + (x - this.x - this.#shakeX) * this.scale
  }

  screenZ(z: number): number {
    return this.height / 2 + (z - this.z - this.#shakeZ) * this.scale
  }

  /** What is under a point of the screen. */
  worldAt(screenX: number, screenY: number, into: Place): Place {
    into.x = this.x + (screenX - this.width / 2) / this.scale
    into.z = this.z + (screenY - this.height / 2) / this.scale
    return into
  }

  sees(x: number, z: number, radius: number): boolean {
    const halfWidth = this.width / this.scale / 2 + radius + 1
    const halfHeight = this.height / this.scale / 2 + radius + 1
    return Math.abs(x - this.x) < halfWidth && Math.abs(z - this.z) < halfHeight
  }
}
