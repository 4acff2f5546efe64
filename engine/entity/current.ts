// The game whose code is running. One process may hold several games, so module-level functions (`create`, `call`, …)
// ask here which is meant: the one that the engine has entered, or after an `await` the only one there is.
import type { World } from './world.ts'

const worlds = new Set<World>()
let entered: World | undefined

/** Author code of `world` runs from now on. Answers what ran before, for `leave`, which must be called whatever happens. */
export function enter(world: World): World | undefined {
  const before = entered
  entered = world
  return before
}

export function leave(before: World | undefined): void {
  entered = before
}

/** Runs author code of `world`. */
export function within<T>(world: World, code: () => T): T {
  const before = enter(world)
  try {
    return code()
  } finally {
    leave(before)
  }
}

export function currentWorld(): World {
  if (entered) return entered
  if (worlds.size === 1) for (const world of worlds) return world
  throw new Error(
    worlds.size === 0
      ? 'no game is running: call this from a method of an entity'
      : 'several games run in this process: after an await, use this.game',
  )
}

export const worldStarted = (world: World): void => void worlds.add(world)
export const worldStopped = (world: World): void => void worlds.delete(world)
