// Who sees whom, as the gate knows it from the creates and destroys that pass through: so the game says a change once, and
// the gate says it to everyone who may hear of it.
import { IdTable } from '../../engine/base/id-table.ts'
import type { GateClient } from './client.ts'

/** What the gate knows of one entity. */
export interface View {
  readonly slot: number
  readonly id: string
  readonly idBytes: Uint8Array
  /** Which placement of the entity spoke last; what an older one says is ignored. */
  epoch: number
  gameId: number
  /** Its type as the client's messages have it: u32 length, text. */
  type: Uint8Array
  /** The client whose player it is. */
  own: GateClient | undefined
  /** The clients that see it, its own not among them. */
  readonly watchers: GateClient[]
}

export class Views {
  readonly #slots = new IdTable(1024)
  readonly #views: (View | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#slots.size
  }

  at(bytes: Uint8Array, at: number): View | undefined {
    return this.#views[this.#slots.get(bytes, at)]
  }

  *all(): IterableIterator<View> {
    for (const view of this.#views) if (view) yield view
  }

  /** The view of an entity as its placement `epoch` sees it, made when new; undefined when a newer placement has spoken. */
  open(id: string, epoch: number, gameId: number): View | undefined {
    const known = this.#views[this.#slots.getText(id)]
    if (known) {
      if (epoch < known.epoch) return undefined
      known.epoch = epoch
      known.gameId = gameId
      return known
    }
    const slot = this.#free.pop() ?? this.#views.length
    const idBytes = Uint8Array.from(id, (character) => character.charCodeAt(0))
    const view: View = { slot, id, idBytes, epoch, gameId, type: new Uint8Array(4), own: undefined, watchers: [] }
    this.#views[slot] = view
    this.#slots.setText(id, slot)
    return view
  }

  /** The view of an entity that `epoch` may speak for. */
  known(id: string, epoch: number): View | undefined {
    const view = this.#views[this.#slots.getText(id)]
    return view && epoch >= view.epoch ? view : undefined
  }

  watch(view: View, client: GateClient): void {
    if (client.watching.has(view)) return
    client.watching.add(view)
    view.watchers.push(client)
  }

  /** Whether it was watching. */
  unwatch(view: View, client: GateClient): boolean {
    if (!client.watching.delete(view)) return false
    const { watchers } = view
    const at = watchers.indexOf(client)
    watchers[at] = watchers[watchers.length - 1]!
    watchers.pop()
    this.#release(view)
    return true
  }

  own(view: View, client: GateClient | undefined): void {
    view.own = client
    this.#release(view)
  }

  /** Forgets a view that nobody has. */
  #release(view: View): void {
    if (view.own || view.watchers.length > 0) return
    this.#slots.deleteText(view.id)
    this.#views[view.slot] = undefined
    this.#free.push(view.slot)
  }
}
