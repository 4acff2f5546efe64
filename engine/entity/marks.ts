// Order between two dispatchers: what is said through one after a mark has come back from the other cannot overtake what
// was said through that before.
//
//     game ── hide, change, … ─ mark ──> dispatcher of the gate        marked: all that is on its way to the gate
//          <────────── marked ─────────
//          ── moveEntity ──────────────> dispatcher of the entity ──> its new game ── show ──> … behind it
import type { Outbound, PacketSink } from './outbound.ts'

export class Marks {
  readonly #cluster: Outbound
  readonly #waiting = new Map<number, { readonly link: PacketSink; readonly then: () => void }>()
  #last = 0

  constructor(cluster: Outbound) {
    this.#cluster = cluster
  }

  /** Runs `then` when what was said to the gate is on its way, so that `link` cannot overtake it: at once by the same link. */
  behindGate(gateId: number, link: PacketSink, then: () => void): void {
    const toGate = this.#cluster.toGate(gateId)
    if (toGate === link || !toGate.up) return then()
    this.#last = (this.#last + 1) >>> 0
    this.#waiting.set(this.#last, { link: toGate, then })
    toGate.send('mark', { no: this.#last })
  }

  /** The same of several gates. */
  behindGates(gateIds: Iterable<number>, link: PacketSink, then: () => void): void {
    const [gateId, ...others] = new Set(gateIds)
    if (gateId === undefined) return then()
    this.behindGate(gateId, link, () => this.behindGates(others, link, then))
  }

  marked(no: number): void {
    const waiting = this.#waiting.get(no)
    this.#waiting.delete(no)
    waiting?.then()
  }

  /** The session is over: what was said by it is lost, and cannot be overtaken any more. */
  linkDown(link: PacketSink): void {
    for (const [no, waiting] of [...this.#waiting]) if (waiting.link === link) this.marked(no)
  }
}
