// The authors' hooks of spaces: told when the operation that caused them is whole, one after the other. An operation in a
// hook first tells what waits, then its own, and is then done; what it undoes before its turn is not told at all. So
// each hook is true when it runs, and for each pair entering and leaving alternate.
//
//     move ─> changed ─> clients told ─> queue: left a, entered b, entered c ─> hooks, from the front
//                                                          └ its hook moves back: c is taken off, `left b` joins the end
import type { EntityCore } from './core.ts'

interface Waiting {
  readonly heard: EntityCore
  readonly of: EntityCore
  readonly run: () => void
  undone: boolean
}

export class SpaceHooks {
  readonly #queue: Waiting[] = []
  #at = 0
  /** What waits, by who is to hear it and of whom. */
  readonly #pairs = new Map<EntityCore, Map<EntityCore, Waiting>>()

  /** `heard` is to hear that `of` has entered or left. What still waits for the pair is the opposite: both are taken off. */
  add(heard: EntityCore, of: EntityCore, run: () => void): void {
    const ofHeard = this.#pairs.get(heard)
    const opposite = ofHeard?.get(of)
    if (opposite) {
      opposite.undone = true
      this.#forget(opposite)
      return
    }
    const waiting: Waiting = { heard, of, run, undone: false }
    this.#queue.push(waiting)
    if (ofHeard) ofHeard.set(of, waiting)
    else this.#pairs.set(heard, new Map([[of, waiting]]))
  }

  /** Tells all that waits. Hooks do not throw. */
  tell(): void {
    while (this.#at < this.#queue.length) {
      const waiting = this.#queue[this.#at++]!
      if (waiting.undone) continue
      this.#forget(waiting)
      waiting.run()
    }
    this.#queue.length = 0
    this.#at = 0
  }

  #forget({ heard, of }: Waiting): void {
    const ofHeard = this.#pairs.get(heard)
    ofHeard?.delete(of)
    if (ofHeard?.size === 0) this.#pairs.delete(heard)
  }
}
