// A game as a value: its classes and what is fixed about it. A game's module exports one; nothing runs on import.
import type { EntityClass, Sound } from './contract.ts'
import type { Space } from './space.ts'

export interface GameOptions {
  /** The class of the nil space, the space of those that are in none: a place for `onGameReady`. */
  readonly nilSpace?: EntityClass<Space>
  /** How much farther an entity is seen than it is noticed (leave radius = enter radius + this), in units. */
  readonly aoiHysteresis?: number
}

export interface GameDefinition extends GameOptions {
  readonly types: readonly EntityClass[]
}

/** Puts a game together from its classes. What is wrong with one is a compile error that names the method. */
export function game<const T extends readonly EntityClass[]>(
  types: { [I in keyof T]: Sound<T[I]> },
  options: GameOptions = {},
): GameDefinition {
  return { types: types as unknown as readonly EntityClass[], ...options }
}

export function isGameDefinition(candidate: unknown): candidate is GameDefinition {
  return typeof candidate === 'object' && candidate !== null && Array.isArray((candidate as GameDefinition).types)
}
