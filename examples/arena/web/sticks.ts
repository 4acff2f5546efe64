// Two sticks under two thumbs: the left one walks, the right one aims and shoots. A quick tap on the left half dashes.

const REACH_PIXELS = 54
const DEAD_PART = 0.16
const TAP_MS = 180
const TAU = Math.PI * 2

interface Stick {
  pointer: number
  fromX: number
  fromY: number
  x: number
  y: number
  sinceMs: number
}

const idle = (): Stick => ({ pointer: -1, fromX: 0, fromY: 0, x: 0, y: 0, sinceMs: 0 })

export class Sticks {
  /** Whether the last to be used was a finger. */
  isUsed = matchMedia('(pointer: coarse)').matches
  onTap: () => void = () => {}
  readonly #left = idle()
  readonly #right = idle()

  constructor(field: HTMLElement) {
    field.addEventListener('pointerdown', (event) => this.#begin(event))
    field.addEventListener('pointermove', (event) => this.#move(event))
    for (const end of ['pointerup', 'pointercancel'] as const) {
      window.addEventListener(end, (event) => this.#end(event))
    }
  }

  get moveX(): number {
    return part(this.#left, this.#left.x)
  }
  get moveZ(): number {
    return part(this.#left, this.#left.y)
  }
  get aimX(): number {
    return this.#right.x
  }
  get aimZ(): number {
    return this.#right.y
  }
  get isAiming(): boolean {
    return this.#right.pointer >= 0 && lengthOf(this.#right) > DEAD_PART
  }
  get isFiring(): boolean {
    return this.isAiming && lengthOf(this.#right) > 0.45
  }

  #begin(event: PointerEvent): void {
    if (event.pointerType !== 'touch') return
    event.preventDefault()
    this.isUsed = true
    const stick = event.clientX < window.innerWidth / 2 ? this.#left : this.#right
    if (stick.pointer >= 0) return
    stick.pointer = event.pointerId
    stick.fromX = event.clientX
    stick.fromY = event.clientY
    stick.x = stick.y = 0
    stick.sinceMs = event.timeStamp
  }

  #move(event: PointerEvent): void {
    const stick = this.#stickOf(event)
    if (!stick) return
    const x = (event.clientX - stick.fromX) / REACH_PIXELS
    const y = (event.clientY - stick.fromY) / REACH_PIXELS
    const over = Math.max(1, Math.hypot(x, y))
    stick.x = x / over
    stick.y = y / over
    if (over <= 1.25) return
    // The stick comes along with a thumb that goes too far.
    stick.fromX = event.clientX - stick.x * REACH_PIXELS * 1.25
    stick.fromY = event.clientY - stick.y * REACH_PIXELS * 1.25
  }

  #end(event: PointerEvent): void {
    const stick = this.#stickOf(event)
    if (!stick) return
    if (stick === this.#left && event.timeStamp - stick.sinceMs < TAP_MS && lengthOf(stick) < 0.3) this.onTap()
    stick.pointer = -1
    stick.x = stick.y = 0
  }

  #stickOf({ pointerId }: PointerEvent): Stick | undefined {
    return [this.#left, this.#right].find(({ pointer }) => pointer === pointerId)
  }

  /** On the glass, in CSS pixels. */
  draw(ctx: CanvasRenderingContext2D, width: number, height: number): void {
    if (!this.isUsed) return
    drawStick(ctx, this.#left, width * 0.2, height - 120)
    drawStick(ctx, this.#right, width * 0.8, height - 120)
  }
}

const lengthOf = ({ x, y }: Stick): number => Math.hypot(x, y)

/** What lies within the dead middle counts as nothing. */
function part(stick: Stick, along: number): number {
  const length = lengthOf(stick)
  return length < DEAD_PART ? 0 : (along / length) * Math.min(1, (length - DEAD_PART) / (1 - DEAD_PART))
}

function drawStick(ctx: CanvasRenderingContext2D, stick: Stick, restX: number, restY: number): void {
  const isHeld = stick.pointer >= 0
  const x = isHeld ? stick.fromX : restX
  const y = isHeld ? stick.fromY : restY
  ctx.strokeStyle = '#dfe7f5'
  ctx.fillStyle = '#dfe7f5'
  ctx.lineWidth = 1.5
  ctx.globalAlpha = isHeld ? 0.4 : 0.16
  ctx.beginPath()
  ctx.arc(x, y, REACH_PIXELS, 0, TAU)
  ctx.stroke()
  ctx.globalAlpha = isHeld ? 0.3 : 0.1
  ctx.beginPath()
  ctx.arc(x + stick.x * REACH_PIXELS, y + stick.y * REACH_PIXELS, 22, 0, TAU)
  ctx.fill()
  ctx.globalAlpha = 1
}
