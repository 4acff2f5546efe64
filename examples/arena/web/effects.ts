// What is gone in a moment: sparks, shards, rings, beams and numbers. All live in arrays made once, so that a fight leaves
// nothing for the garbage collector.
import type { Camera } from './camera.ts'
import { shine } from './sprites.ts'

const SPARKS = 700
const RINGS = 48
const BEAMS = 64
const NUMBERS = 24
const TAU = Math.PI * 2

interface Ring {
  x: number
  z: number
  from: number
  to: number
  age: number
  life: number
  color: string
}
interface Beam {
  fromX: number
  fromZ: number
  toX: number
  toZ: number
  age: number
  life: number
  width: number
  color: string
}
interface Floating {
  x: number
  z: number
  age: number
  text: string
  color: string
}

/** Fields of a spark, one after the other. */
const X = 0
const Z = 1
const SPEED_X = 2
const SPEED_Z = 3
const AGE = 4
const LIFE = 5
const SIZE = 6
const TURN = 7
const FIELDS = 8

export class Effects {
  /** Fewer sparks, for whoever wants less to move. */
  isCalm = false
  readonly #sparks = new Float32Array(SPARKS * FIELDS)
  readonly #sparkColors: string[] = new Array(SPARKS).fill('#fff')
  #nextSpark = 0
  readonly #rings: Ring[] = fill(RINGS, () => ({ x: 0, z: 0, from: 0, to: 0, age: 1, life: 0, color: '#fff' }))
  #nextRing = 0
  readonly #beams: Beam[] = fill(BEAMS, () => ({
    fromX: 0,
    fromZ: 0,
    toX: 0,
    toZ: 0,
    age: 1,
    life: 0,
    width: 0,
    color: '#fff',
  }))
  #nextBeam = 0
  readonly #numbers: Floating[] = fill(NUMBERS, () => ({ x: 0, z: 0, age: 9, text: '', color: '#fff' }))
  #nextNumber = 0

  /** Sparks that fly from a place, round a direction or all about. `size` > 0.12 makes shards of them. */
  burst(x: number, z: number, color: string, count: number, speed: number, size = 0.07, angle = 0, spread = TAU): void {
    const wanted = this.isCalm ? Math.ceil(count / 3) : count
    for (let n = 0; n < wanted; n++) {
      const at = this.#nextSpark * FIELDS
      const way = angle + (Math.random() - 0.5) * spread
      const fast = speed * (0.25 + Math.random() * 0.9)
      const sparks = this.#sparks
      sparks[at + X] = x
      sparks[at + Z] = z
      sparks[at + SPEED_X] = Math.cos(way) * fast
      sparks[at + SPEED_Z] = Math.sin(way) * fast
      sparks[at + AGE] = 0
      sparks[at + LIFE] = 0.2 + Math.random() * 0.4 + size
      sparks[at + SIZE] = size * (0.6 + Math.random() * 0.8)
      sparks[at + TURN] = Math.random() * TAU
      this.#sparkColors[this.#nextSpark] = color
      this.#nextSpark = (this.#nextSpark + 1) % SPARKS
    }
  }

  ring(x: number, z: number, color: string, from: number, to: number, life: number): void {
    Object.assign(this.#rings[this.#nextRing]!, { x, z, color, from, to, life, age: 0 })
    this.#nextRing = (this.#nextRing + 1) % RINGS
  }

  beam(fromX: number, fromZ: number, toX: number, toZ: number, color: string, width: number, life: number): void {
    Object.assign(this.#beams[this.#nextBeam]!, { fromX, fromZ, toX, toZ, color, width, life, age: 0 })
    this.#nextBeam = (this.#nextBeam + 1) % BEAMS
  }

  number(x: number, z: number, text: string, color: string): void {
    Object.assign(this.#numbers[this.#nextNumber]!, {
      x: x + (Math.random() - 0.5) * 0.8,
      z: z - 0.6,
      text,
      color,
      age: 0,
    })
    this.#nextNumber = (this.#nextNumber + 1) % NUMBERS
  }

  update(seconds: number): void {
    const sparks = this.#sparks
    const drag = Math.exp(-seconds * 4.5)
    for (let at = 0; at < sparks.length; at += FIELDS) {
      if (sparks[at + AGE]! >= sparks[at + LIFE]!) continue
      sparks[at + AGE]! += seconds
      sparks[at + X]! += sparks[at + SPEED_X]! * seconds
      sparks[at + Z]! += sparks[at + SPEED_Z]! * seconds
      sparks[at + SPEED_X]! *= drag
      sparks[at + SPEED_Z]! *= drag
    }
    for (const ring of this.#rings) ring.age += seconds
    for (const beam of this.#beams) beam.age += seconds
    for (const floating of this.#numbers) floating.age += seconds
  }

  /** On the ground, in units of the arena. */
  draw(ctx: CanvasRenderingContext2D, camera: Camera): void {
    ctx.globalCompositeOperation = 'lighter'
    this.#drawBeams(ctx)
    this.#drawRings(ctx)
    this.#drawSparks(ctx, camera)
    ctx.globalCompositeOperation = 'source-over'
    ctx.globalAlpha = 1
  }

  #drawBeams(ctx: CanvasRenderingContext2D): void {
    ctx.lineCap = 'round'
    for (const { fromX, fromZ, toX, toZ, age, life, width, color } of this.#beams) {
      if (age >= life) continue
      const part = age / life
      // Its tail follows its head, so that one sees where it came from.
      const tail = part * part
      ctx.beginPath()
      ctx.moveTo(fromX + (toX - fromX) * tail, fromZ + (toZ - fromZ) * tail)
      ctx.lineTo(toX, toZ)
      ctx.strokeStyle = color
      ctx.globalAlpha = 0.22 * (1 - part)
      ctx.lineWidth = width * 4
      ctx.stroke()
      ctx.globalAlpha = 0.95 * (1 - part)
      ctx.lineWidth = width
      ctx.stroke()
      ctx.strokeStyle = '#ffffff'
      ctx.globalAlpha = 0.8 * (1 - part) ** 2
      ctx.lineWidth = width * 0.45
      ctx.stroke()
    }
  }

  #drawRings(ctx: CanvasRenderingContext2D): void {
    for (const { x, z, from, to, age, life, color } of this.#rings) {
      if (age >= life) continue
      const part = age / life
      const eased = 1 - (1 - part) ** 3
      ctx.strokeStyle = color
      ctx.globalAlpha = 0.8 * (1 - part)
      ctx.lineWidth = 0.04 + 0.22 * (1 - part)
      ctx.beginPath()
      ctx.arc(x, z, from + (to - from) * eased, 0, TAU)
      ctx.stroke()
    }
  }

  #drawSparks(ctx: CanvasRenderingContext2D, camera: Camera): void {
    const sparks = this.#sparks
    for (let n = 0; n < SPARKS; n++) {
      const at = n * FIELDS
      const left = 1 - sparks[at + AGE]! / sparks[at + LIFE]!
      if (!(left > 0)) continue
      const x = sparks[at + X]!
      const z = sparks[at + Z]!
      const size = sparks[at + SIZE]!
      if (!camera.sees(x, z, 1)) continue
      ctx.globalAlpha = left
      ctx.strokeStyle = this.#sparkColors[n]!
      ctx.lineWidth = size * (0.4 + 0.6 * left)
      ctx.beginPath()
      if (size > 0.12) {
        // A shard: it turns as it flies.
        const turn = sparks[at + TURN]! + (1 - left) * 7
        ctx.moveTo(x - Math.cos(turn) * size, z - Math.sin(turn) * size)
        ctx.lineTo(x + Math.cos(turn) * size, z + Math.sin(turn) * size)
      } else {
        ctx.moveTo(x, z)
        ctx.lineTo(x - sparks[at + SPEED_X]! * 0.035, z - sparks[at + SPEED_Z]! * 0.035)
      }
      ctx.stroke()
    }
  }

  /** On the glass, in CSS pixels. */
  drawNumbers(ctx: CanvasRenderingContext2D, camera: Camera): void {
    ctx.textAlign = 'center'
    for (const { x, z, age, text, color } of this.#numbers) {
      if (age > 0.8) continue
      const rise = 1 - (1 - age / 0.8) ** 2
      const size = 13 + 5 * Math.max(0, 1 - age * 6)
      ctx.font = `700 ${size}px ui-monospace, monospace`
      ctx.globalAlpha = Math.min(1, (0.8 - age) * 4)
      ctx.fillStyle = color
      ctx.fillText(text, camera.screenX(x), camera.screenZ(z) - rise * 26)
    }
    ctx.globalAlpha = 1
  }

  /** The flash at the end of a barrel, and what it does to the ground. */
  flash(ctx: CanvasRenderingContext2D, x: number, z: number, color: string, part: number): void {
    shine(ctx, color, x, z, 1.7 * part, 0.9 * part)
    shine(ctx, '#ffffff', x, z, 0.6 * part, part)
  }
}

const fill = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)
