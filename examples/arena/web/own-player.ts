// The player of this page: its steps, and the shots that it hears and sees before the server has said a word.
import type { Game } from 'goworld/client'
import type * as server from '../arena.ts'
import { predictPlayer } from '../shared/prediction.ts'
import { isDashing } from '../shared/step.ts'
import { pull, type Trigger } from '../shared/trigger.ts'
import { weaponOf } from '../shared/weapons.ts'
import type { Controls } from './controls.ts'
import type { PlayerMirror, ShownPlace } from './views.ts'

export class OwnPlayer {
  /** Off, everything waits for the server. */
  isPredicting = true
  onShot: (weapon: number, aim: number) => void = () => {}
  onDash: () => void = () => {}
  readonly #predicted: ReturnType<typeof predictPlayer>
  readonly #trigger: Trigger = { pause: 0 }
  readonly #late = { x: 0, z: 0, yaw: 0 }
  #wasDashing = false

  constructor(game: Game<typeof server>) {
    this.#predicted = predictPlayer(game)
  }

  get dash(): number {
    return this.#predicted.state?.dash ?? 0
  }

  /** To be called each frame. Answers where to draw it. */
  update(mirror: PlayerMirror, controls: Controls, nowMs: number): ShownPlace {
    const predicted = this.#predicted
    const steps = predicted.update(controls, nowMs)
    if (steps > 0) {
      this.#notice(mirror, controls, steps)
      controls.stepped()
    }
    if (this.isPredicting) return predicted.shown
    const late = this.#late
    late.x = mirror.position.x
    late.z = mirror.position.z
    late.yaw = mirror.yaw
    return late
  }

  /** What the steps mean that has to be seen at once. */
  #notice(mirror: PlayerMirror, controls: Controls, steps: number): void {
    const { hp, weapon } = mirror.attrs
    for (let n = 0; n < steps; n++) {
      if (!pull(this.#trigger, controls) || hp <= 0) continue
      this.#trigger.pause = weaponOf(weapon).pauseSteps
      this.onShot(weapon, controls.aim)
    }
    const isNow = isDashing({ dash: this.dash })
    if (isNow && !this.#wasDashing) this.onDash()
    this.#wasDashing = isNow
  }
}
