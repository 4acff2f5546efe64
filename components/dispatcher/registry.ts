// Keys and values that all games know: a part of them at each dispatcher, by the hash of the key. Soft state, told to
// every game and told back by them to a dispatcher that was restarted.
import type { Values } from '../../engine/wire/messages.ts'
import type { Game } from './game.ts'

/** A registry is for what everybody must know, not for data. */
const KEYS_MAX = 65_536

export class Registry {
  readonly #values = new Map<string, string>()

  /** Undefined when there is no room; else what the key has now, and whether that is new. */
  register({
    key,
    value,
    force,
  }: Values<'registerKey'>): { readonly value: string; readonly changed: boolean } | undefined {
    const before = this.#values.get(key)
    if (before === value || (before !== undefined && !force)) return { value: before, changed: false }
    if (before === undefined && this.#values.size >= KEYS_MAX) return undefined
    this.#values.set(key, value)
    return { value, changed: true }
  }

  save(): ReadonlyMap<string, string> {
    return this.#values
  }

  restore(saved: ReadonlyMap<string, string>): void {
    for (const [key, value] of saved) this.#values.set(key, value)
  }

  tellAll(game: Game): void {
    for (const [key, value] of this.#values) game.send('keyRegistered', { key, value })
  }
}
