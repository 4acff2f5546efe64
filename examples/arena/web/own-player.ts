// The player of this page: each step is run at once with what is pressed, and said to the server.
import type { Game } from 'goworld/client'
import type * as server from '../arena.ts'
import { mapOf } from '../shared/maps.ts'
import { FIRE, type PlayerState, STEP_MS, step } from '../shared/step.ts'
import { weaponOf } from '../shared/weapons.ts'
import type { Controls } from './controls.ts'
import type { PlayerMirror } from './views.ts'

const STEPS_AT_ONCE_MAX = 10

export class OwnPlayer {
  readonly place = { x: 0, z: 0, yaw: 0 }
  onShot: (weapon: number, aim: number) => void = () => {}
  onDash: () => void = () => {}
  isPredicting = true
  readonly #game: Game<typeof server>
  readonly #state: PlayerState = { x: 0, z: 0, dash: 0, isAlive: true }
  readonly #before = { x: 0, z: 0 }
  #pause = 0
  #steppedMs = 0

  constructor(game: Game<typeof server>) {
    this.#game = game
  }

  get dash(): number {
    return this.#state.dash
  }

  begin(mirror: PlayerMirror, nowMs: number): void {
    this.#state.x = this.#before.x = mirror.position.x
    this.#state.z = this.#before.z = mirror.position.z
    this.#steppedMs = nowMs
  }

  update(mirror: PlayerMirror, controls: Controls, nowMs: number): void {
    const kind = this.#game.space?.kind
    if (kind === undefined) return
    const state = this.#state
    state.isAlive = mirror.attrs.hp > 0
    const error = Math.hypot(state.x - mirror.position.x, state.z - mirror.position.z)
    if (error > 4) this.begin(mirror, nowMs)
    if (nowMs - this.#steppedMs > STEPS_AT_ONCE_MAX * STEP_MS) this.#steppedMs = nowMs - STEP_MS
    while (this.#steppedMs + STEP_MS <= nowMs) {
      this.#steppedMs += STEP_MS
      this.#before.x = state.x
      this.#before.z = state.z
      const { moveX, moveZ, aim, buttons } = controls
      mirror.server.steer(moveX, moveZ, aim, buttons)
      const dash = state.dash
      step(state, controls, mapOf(kind))
      if (state.dash > dash) this.onDash()
      if (this.#pause > 0) this.#pause--
      if (state.isAlive && (buttons & FIRE) !== 0 && this.#pause === 0) {
        this.#pause = weaponOf(mirror.attrs.weapon).pauseSteps
        this.onShot(mirror.attrs.weapon, aim)
      }
      controls.stepped()
    }
    const part = (nowMs - this.#steppedMs) / STEP_MS
    this.place.x = this.#before.x + (state.x - this.#before.x) * part
    this.place.z = this.#before.z + (state.z - this.#before.z) * part
    this.place.yaw = controls.aim / 10
    if (!this.isPredicting) {
      this.place.x = mirror.position.x
      this.place.z = mirror.position.z
    }
  }
}
