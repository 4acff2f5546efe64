// The player of this page: its steps, and the shots that it hears and sees before the server has said a word.
import type { Game } from 'goworld/client'
import type * as server from '../arena.ts'
import { predictPlayer } from '../shared/prediction.ts'
import { isDashing } from '../shared/step.ts'
import { pull, type Trigger } from '../shared/trigger.ts'
import { weaponOf } from '../shared/weapons.ts'
import type { Controls } from './controls.ts'
import type { PlayerMirror, ShownPlace } from './views.ts'

const JUMP_UNITS = 4

export class OwnPlayer {
  /** Off, it is drawn where the server says, and shots are when the server says so. */
  isPredicting = true
  onShot: (weapon: number, aim: number) => void = () => {}
  onDash: () => void = () => {}
  /** Of the shots that were shown before the server knew: those that it made, and those that it did not. */
  shotsRight = 0
  shotsWrong = 0
  /** The largest correction of the way that it went; to begin somewhere else is none. */
  correctionMax = 0
  readonly #game: Game<typeof server>
  readonly #predictor: ReturnType<typeof predictPlayer>
  readonly #trigger: Trigger = { pause: 0 }
  readonly #place = { x: 0, z: 0, yaw: 0 }
  #wasDashing = false

  constructor(game: Game<typeof server>) {
    this.#game = game
    this.#predictor = predictPlayer(game)
  }

  get dash(): number {
    return this.#predictor.state?.dash ?? 0
  }

  /** To be called each frame. Answers where to draw it. */
  update(mirror: PlayerMirror, controls: Controls, nowMs: number): ShownPlace {
    const steps = this.#predictor.update(controls, nowMs)
    const { correction } = this.#predictor
    if (correction < JUMP_UNITS) this.correctionMax = Math.max(this.correctionMax, correction)
    if (steps > 0) {
      this.#notice(mirror, controls, steps)
      controls.stepped()
    }
    const { x, z } = this.isPredicting ? this.#predictor.shown : mirror.position
    const place = this.#place
    place.x = x
    place.z = z
    // Where it looks is where the mouse is, between two steps too.
    place.yaw = this.isPredicting ? controls.aim / 10 : mirror.yaw
    return place
  }

  /** What the steps mean that has to be seen at once. */
  #notice({ attrs }: PlayerMirror, controls: Controls, steps: number): void {
    for (let step = 1; step <= steps; step++) {
      if (!pull(this.#trigger, controls) || attrs.hp <= 0) continue
      this.#trigger.pause = weaponOf(attrs.weapon).pauseSteps
      this.onShot(attrs.weapon, controls.aim)
      this.#expectShot(this.#predictor.lastNo - steps + step)
    }
    const isNow = isDashing({ dash: this.dash })
    if (isNow && !this.#wasDashing) this.onDash()
    this.#wasDashing = isNow
  }

  /** The server is to fire with the same input. */
  #expectShot(no: number): void {
    this.#game.expectCall('Player', 'shot', {
      no,
      matches: (mirror) => mirror.isOwn,
      confirmed: () => void this.shotsRight++,
      rejected: () => void this.shotsWrong++,
    })
  }
}
