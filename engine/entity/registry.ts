// Keys and values that all games know, each game with a copy of all: where services live, and whatever a game's author
// wants everybody to know. It lives as long as any process of the server does.
import type { Outbound, PacketSink } from './outbound.ts'

/** Called with a key and its new value. */
export type RegistryListener = (key: string, value: string) => void

/** The highest version is the newest. */
interface Known {
  readonly value: string
  readonly version: number
}

/** As a frozen game keeps it; versions came later. */
export type SavedKey = readonly [key: string, value: string, version?: number]

export class Registry {
  readonly #cluster: Outbound
  readonly #run: (listener: () => void) => void
  readonly #known = new Map<string, Known>()
  readonly #listeners = new Set<RegistryListener>()
  /** What was asked for, and not heard of yet: its dispatcher may be away. */
  readonly #asked = new Map<string, { readonly value: string; readonly force: boolean }>()

  /** `run`: how listeners are run, which may throw. */
  constructor(cluster: Outbound, run: (listener: () => void) => void) {
    this.#cluster = cluster
    this.#run = run
  }

  get(key: string): string | undefined {
    return this.#known.get(key)?.value
  }

  /** Every pair whose key begins so. */
  *entries(prefix = ''): IterableIterator<[key: string, value: string]> {
    for (const [key, { value }] of this.#known) if (key.startsWith(prefix)) yield [key, value]
  }

  /** Asks for a key: it has its value when the listeners hear of it. Whoever has it already keeps it, unless `force`d. */
  register(key: string, value: string, { force = false }: { readonly force?: boolean } = {}): void {
    this.#asked.set(key, { value, force })
    this.#cluster.toKey(key).send('registerKey', { key, value, force })
  }

  /** Hears of every change from now on. Answers how to end that. */
  listen(listener: RegistryListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  // --- for the engine ----------------------------------------------------------------------------------------------

  /** A dispatcher says so. */
  registered(key: string, known: Known): void {
    const before = this.#known.get(key)
    // It was restarted, and has yet to hear what we know, or has heard it by now.
    if (before && before.version > known.version) return
    const { value } = known
    const asked = this.#asked.get(key)
    if (asked && (!asked.force || asked.value === value)) this.#asked.delete(key)
    this.#known.set(key, known)
    if (before?.value === value) return
    for (const listener of [...this.#listeners]) this.#run(() => listener(key, value))
  }

  /** A dispatcher that may know nothing is told what it knew. */
  tellAgain(link: PacketSink): void {
    for (const [key, known] of this.#known)
      if (this.#cluster.toKey(key) === link) link.send('keyKnown', { key, ...known })
    for (const [key, asked] of this.#asked)
      if (this.#cluster.toKey(key) === link) link.send('registerKey', { key, ...asked })
  }

  save(): SavedKey[] {
    return [...this.#known].map(([key, { value, version }]) => [key, value, version])
  }

  /** What a frozen game knew, without telling anybody. */
  restore(saved: Iterable<SavedKey>): void {
    for (const [key, value, version = 1] of saved) this.#known.set(key, { value, version })
  }
}
