// What the player wants, from keyboard, mouse and fingers alike: where to go, where to look, whether to shoot or dash.
import { DASH, FIRE } from '../shared/step.ts'
import type { Sticks } from './sticks.ts'

const FULL = 100

const WAYS: Readonly<Record<string, readonly [x: number, z: number]>> = {
  KeyW: [0, -1],
  ArrowUp: [0, -1],
  KeyS: [0, 1],
  ArrowDown: [0, 1],
  KeyA: [-1, 0],
  ArrowLeft: [-1, 0],
  KeyD: [1, 0],
  ArrowRight: [1, 0],
}

export class Controls {
  moveX = 0
  moveZ = 0
  /** Tenths of a degree. */
  aim = 0
  buttons = 0
  /** While somebody writes, keys are letters. */
  isPaused = false
  /** Where the mouse is, in CSS pixels; NaN before it was seen. */
  pointerX = Number.NaN
  pointerY = Number.NaN
  readonly #sticks: Sticks
  readonly #held = new Set<string>()
  #isPressed = false
  /** A dash lasts as an order until a step has seen it, however short the key was held. */
  #wantsDash = false

  constructor(field: HTMLElement, sticks: Sticks) {
    this.#sticks = sticks
    window.addEventListener('keydown', (event) => this.#key(event, true))
    window.addEventListener('keyup', (event) => this.#key(event, false))
    window.addEventListener('blur', () => this.release())
    field.addEventListener('pointermove', (event) => this.#point(event))
    field.addEventListener('pointerdown', (event) => {
      if (event.pointerType === 'touch') return
      this.#point(event)
      if (event.button === 0) this.#isPressed = true
      if (event.button === 2) this.#wantsDash = true
    })
    window.addEventListener('pointerup', (event) => {
      if (event.pointerType !== 'touch' && event.button === 0) this.#isPressed = false
    })
    field.addEventListener('contextmenu', (event) => event.preventDefault())
  }

  /** Lets go of everything: the page does not see what happens meanwhile. */
  release(): void {
    this.#held.clear()
    this.#isPressed = false
  }

  dash(): void {
    this.#wantsDash = true
  }

  /** Reads all of it, once a frame. (x, y) is where the player stands on the screen. */
  read(x: number, y: number): void {
    const sticks = this.#sticks
    let moveX = sticks.moveX
    let moveZ = sticks.moveZ
    if (!this.isPaused) {
      for (const code of this.#held) {
        moveX += WAYS[code]?.[0] ?? 0
        moveZ += WAYS[code]?.[1] ?? 0
      }
    }
    const length = Math.hypot(moveX, moveZ)
    const over = Math.max(1, length)
    this.moveX = Math.round((moveX / over) * FULL)
    this.moveZ = Math.round((moveZ / over) * FULL)
    if (sticks.isUsed) {
      if (sticks.isAiming) this.#look(sticks.aimX, sticks.aimZ)
      else if (length > 0.2) this.#look(moveX, moveZ)
    } else if (!Number.isNaN(this.pointerX)) this.#look(this.pointerX - x, this.pointerY - y)
    else if (length > 0) this.#look(moveX, moveZ)
    const isFiring = !this.isPaused && (this.#isPressed || this.#held.has('Space') || sticks.isFiring)
    this.buttons = (isFiring ? FIRE : 0) | (this.#wantsDash ? DASH : 0)
  }

  /** A step has been made of it. */
  stepped(): void {
    this.#wantsDash = false
  }

  #look(x: number, z: number): void {
    if (x === 0 && z === 0) return
    const tenths = Math.round((Math.atan2(z, x) * 1800) / Math.PI)
    this.aim = (tenths + 3600) % 3600
  }

  #key(event: KeyboardEvent, isDown: boolean): void {
    const { code } = event
    // A key that was held is let go of whatever else is pressed by now.
    if (!isDown) this.#held.delete(code)
    if (this.isPaused || event.ctrlKey || event.metaKey || event.altKey) return
    // In the title keys are letters too.
    if (event.target instanceof HTMLInputElement && event.target.type === 'text') return
    if (code === 'ShiftLeft' || code === 'ShiftRight' || code === 'KeyE') {
      if (isDown && !event.repeat) this.#wantsDash = true
    } else if (WAYS[code] || code === 'Space') {
      if (isDown) this.#held.add(code)
    } else return
    // Space and arrows would scroll the page or press a button.
    if (document.activeElement === document.body) event.preventDefault()
  }

  #point(event: PointerEvent): void {
    if (event.pointerType === 'touch') return
    this.#sticks.isUsed = false
    this.pointerX = event.clientX
    this.pointerY = event.clientY
  }
}
