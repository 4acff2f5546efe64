// The own player of a page or a bot: the step function at work ahead of the server.
import type { Game } from 'goworld/client'
import type * as server from '../arena.ts'
import { mapOf } from './maps.ts'
import { type Controls, type PlayerState, STEP_MS, step } from './step.ts'

/** What a step needs: the server has it from the space that the player is in. */
interface PredictedState extends PlayerState {
  readonly kind: number
}

/** Each input is run here at once, and by `Player.steer` when it comes there. */
export const predictPlayer = (game: Game<typeof server>) =>
  game.predict('Player', {
    method: 'steer',
    stepMs: STEP_MS,
    state: ({ position, yaw, attrs, space }): PredictedState => ({
      x: position.x,
      z: position.z,
      yaw,
      dash: attrs.dash,
      isAlive: attrs.hp > 0,
      kind: space?.kind ?? 0,
    }),
    step: (state, controls: Controls) => step(state, controls, mapOf(state.kind)),
    args: ({ moveX, moveZ, aim, buttons }) => [moveX, moveZ, aim, buttons],
  })
