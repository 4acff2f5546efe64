// Keys and values that all games know: a part of them at each dispatcher, by the hash of the key. Soft state, told to
// every game and told back by them to a dispatcher that was restarted.
//
// Each value has a version, and the highest is the newest: whoever missed the last change sets nobody back. It is the time
// at which the key got the value, in milliseconds since 1970, or more if need be; so a dispatcher that has not heard yet of
// what there was before does not begin below it. Should its clock be behind, it goes above that when it hears of it.
//
//     wish ──key is free, or it is taken by force──> value, version ──> all games
//       └── games have yet to say what they know ──> waits until they have: the key may be somebody's
import type { Values } from '../../engine/wire/messages.ts'
import type { Game } from './game.ts'

/** A registry is for what everybody must know, not for data. */
const KEYS_MAX = 65_536

export interface Known {
  readonly value: string
  readonly version: number
}

export interface Wish {
  readonly gameId: number
  readonly key: string
  readonly value: string
}

interface Saved {
  readonly known: ReadonlyMap<string, Known>
  readonly made: ReadonlySet<string>
  readonly wishes: readonly Wish[]
}

export class Registry {
  readonly #known = new Map<string, Known>()
  /** Keys that got their value here: it is newer than what any game knows of before. */
  readonly #made = new Set<string>()
  #wishes: Wish[] = []

  /** Undefined when there is no room; else what the key has now, and whether that is new. */
  register(
    { key, value, force }: Values<'registerKey'>,
    wallMs: number,
  ): { readonly known: Known; readonly changed: boolean } | undefined {
    const before = this.#known.get(key)
    if (before && (before.value === value || !force)) return { known: before, changed: false }
    const known = this.#set(key, value, Math.max(Math.floor(wallMs), (before?.version ?? 0) + 1))
    if (known) this.#made.add(key)
    return known && { known, changed: true }
  }

  /** A game tells what it knew before this dispatcher was there. Answers as `register` does. */
  recall({
    key,
    value,
    version,
  }: Values<'keyKnown'>): { readonly known: Known; readonly changed: boolean } | undefined {
    const before = this.#known.get(key)
    if (before && before.version >= version) return { known: before, changed: false }
    const known =
      before && this.#made.has(key) ? this.#set(key, before.value, version + 1) : this.#set(key, value, version)
    return known && { known, changed: true }
  }

  /** Whether it is to be seen who has the key before it may be somebody else's. */
  isOpen({ key, force }: Values<'registerKey'>): boolean {
    return !force && !this.#known.has(key)
  }

  /** Keeps a wish until it is known who is there. Answers false when there is no room. */
  wait(wish: Wish): boolean {
    if (this.#wishes.length >= KEYS_MAX) return false
    this.#wishes.push(wish)
    return true
  }

  /** The game is gone: what it wished for is for others. If it is there all the same it wishes again when it is back. */
  gameLost(gameId: number): void {
    this.#wishes = this.#wishes.filter((wish) => wish.gameId !== gameId)
  }

  /** All that wait, in the order in which they came: they wait no more. */
  takeWaiting(): readonly Wish[] {
    const wishes = this.#wishes
    this.#wishes = []
    return wishes
  }

  save(): Saved {
    return { known: this.#known, made: this.#made, wishes: this.#wishes }
  }

  restore({ known, made, wishes }: Saved): void {
    for (const [key, one] of known) this.#known.set(key, one)
    for (const key of made) this.#made.add(key)
    this.#wishes.push(...wishes)
  }

  tellAll(game: Game): void {
    for (const [key, known] of this.#known) game.send('keyRegistered', { key, ...known })
  }

  #set(key: string, value: string, version: number): Known | undefined {
    if (!this.#known.has(key) && this.#known.size >= KEYS_MAX) return undefined
    const known = { value, version }
    this.#known.set(key, known)
    return known
  }
}
