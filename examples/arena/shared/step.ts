// One step of a player, the same on both ends: the server runs it for each input that comes, the page at once for its own
// player and again from where the server says that it was. So it may depend on nothing but the state, the input and the map.
import type { ArenaMap } from './maps.ts'
import { type Place, pushOut } from './walls.ts'

/** How long a step is, and how many there are a second. */
export const STEP_MS = 25
export const STEPS_PER_SECOND = 1000 / STEP_MS
export const PLAYER_RADIUS = 0.6

/** What is pressed, as bits. */
export const FIRE = 1
export const DASH = 2

/** In whole numbers, which are short on the wire. */
export interface Controls {
  /** Where to, each from -100 to 100: right, and down the screen. */
  readonly moveX: number
  readonly moveZ: number
  /** Where it looks, in tenths of a degree: 0 is right, 900 down the screen. */
  readonly aim: number
  readonly buttons: number
}

export interface PlayerState extends Place {
  /** Degrees. */
  yaw: number
  /** Steps until it may dash again; while it dashes, more than DASH_PAUSE_STEPS. */
  dash: number
  /** The dead stay where they are. */
  isAlive: boolean
}

const FULL = 100
const UNITS_PER_STEP = 7.6 / STEPS_PER_SECOND
const DASH_UNITS_PER_STEP = 24 / STEPS_PER_SECOND
const DASH_STEPS = 6
export const DASH_PAUSE_STEPS = 44

/** Takes `state` one step on. Places are what an f32 can hold, as that is what the wire can say. */
export function step(state: PlayerState, input: Controls, map: ArenaMap): void {
  if (state.dash > 0) state.dash--
  if (!state.isAlive) return
  const { moveX, moveZ, aim } = input
  state.yaw = Math.fround(aim / 10)
  const length = Math.sqrt(moveX * moveX + moveZ * moveZ)
  if (length === 0) return
  if ((input.buttons & DASH) !== 0 && state.dash === 0) state.dash = DASH_PAUSE_STEPS + DASH_STEPS
  const units = state.dash > DASH_PAUSE_STEPS ? DASH_UNITS_PER_STEP : (UNITS_PER_STEP * Math.min(length, FULL)) / FULL
  state.x += (moveX / length) * units
  state.z += (moveZ / length) * units
  pushOut(map, state, PLAYER_RADIUS)
  state.x = Math.fround(state.x)
  state.z = Math.fround(state.z)
}

/** Whether it dashes now: nothing harms it meanwhile. */
export const isDashing = ({ dash }: { readonly dash: number }): boolean => dash > DASH_PAUSE_STEPS
