// The own player of a page or a bot: the step function at work ahead of the server.
import type { Game } from 'goworld/client'
import type * as server from '../arena.ts'
import { mapOf } from './maps.ts'
import { type Controls, type PlayerState, STEP_MS, step } from './step.ts'

export interface Own {
  readonly state: PlayerState | undefined
  readonly shown: { readonly x: number; readonly z: number; readonly yaw: number }
  update(controls: Controls, nowMs: number): number
}

export function predictPlayer(game: Game<typeof server>): Own {
  const state: PlayerState = { x: 0, z: 0, dash: 0, isAlive: true }
  const before = { x: 0, z: 0 }
  const shown = { x: 0, z: 0, yaw: 0 }
  let steppedMs = 0
  return {
    get state() {
      return game.player?.type === 'Player' ? state : undefined
    },
    shown,
    update(controls, nowMs) {
      const mirror = game.player
      const kind = game.space?.kind
      if (mirror?.type !== 'Player' || kind === undefined) return 0
      state.isAlive = mirror.attrs.hp > 0
      if (Math.hypot(state.x - mirror.position.x, state.z - mirror.position.z) > 4) {
        state.x = before.x = mirror.position.x
        state.z = before.z = mirror.position.z
      }
      if (nowMs - steppedMs > 250) steppedMs = nowMs - STEP_MS
      let steps = 0
      while (steppedMs + STEP_MS <= nowMs) {
        steppedMs += STEP_MS
        before.x = state.x
        before.z = state.z
        mirror.server.steer(controls.moveX, controls.moveZ, controls.aim, controls.buttons)
        step(state, controls, mapOf(kind))
        steps++
      }
      const part = (nowMs - steppedMs) / STEP_MS
      shown.x = before.x + (state.x - before.x) * part
      shown.z = before.z + (state.z - before.z) * part
      shown.yaw = controls.aim / 10
      return steps
    },
  }
}
