// A game as a value: its classes and what is fixed about it. A game's module exports one; nothing runs on import.
import { OperatorError } from '../base/errors.ts'
import type { EntityClass, Sound } from './contract.ts'
import type { Space } from './space.ts'

export interface GameOptions {
  /** The class of the nil space, the space of those that are in none: a place for `onGameReady`. */
  readonly nilSpace?: EntityClass<Space>
  /** How much farther an entity is seen than it is noticed (leave radius = enter radius + this), in units. */
  readonly aoiHysteresis?: number
  /** The game's own version, as its author counts: text that says of a frozen game which code it came from. */
  readonly version?: string
}

export interface GameDefinition extends GameOptions {
  readonly types: readonly EntityClass[]
}

const VERSION_CHARACTERS_MAX = 100

/** Puts a game together from its classes. What is wrong with one is a compile error that names the method. */
export function game<const T extends readonly EntityClass[]>(
  types: { [I in keyof T]: Sound<T[I]> },
  options: GameOptions = {},
): GameDefinition {
  checkVersion(options.version)
  return { types: types as unknown as readonly EntityClass[], ...options }
}

/** It stands in files and in lines that operators read. */
function checkVersion(version: unknown): void {
  if (version === undefined) return
  if (typeof version === 'string' && version.length <= VERSION_CHARACTERS_MAX && !/\p{C}/u.test(version)) return
  throw new OperatorError(
    `game: version = ${JSON.stringify(version)}; text of at most ${VERSION_CHARACTERS_MAX} readable characters is wanted`,
  )
}

export function isGameDefinition(candidate: unknown): candidate is GameDefinition {
  return typeof candidate === 'object' && candidate !== null && Array.isArray((candidate as GameDefinition).types)
}
