// What the built-in game says of itself, out of the cluster's sight: what was said, done and acknowledged, by running number.
import type { RunningGame } from '../../engine/entity/running-game.ts'

/** One call, ask or timer. */
export interface Deed {
  readonly no: number
  readonly what: 'ask' | 'call' | 'request' | 'timer'
  /** Who said it, in which placement, and to whom; of a timer, whose it is. */
  readonly from: string
  readonly to: string
  done: number
  acknowledged: boolean
}

const ledgers = new WeakMap<RunningGame, Ledger>()

export class Ledger {
  readonly deeds = new Map<number, Deed>()
  /** In the order in which each came to `to`, by who said it. */
  readonly order = new Map<string, number[]>()
  /** What was found out at once. */
  readonly failures: string[] = []
  #last = 0

  /** The ledger of the run that a game belongs to. */
  static of(game: RunningGame): Ledger {
    return ledgers.get(game)!
  }

  keepFor(game: RunningGame): void {
    ledgers.set(game, this)
  }

  say(what: Deed['what'], from: string, to: string): number {
    const no = ++this.#last
    this.deeds.set(no, { no, what, from, to, done: 0, acknowledged: false })
    return no
  }

  do(no: number): void {
    const deed = this.deeds.get(no)!
    deed.done++
    if (deed.what !== 'call') return
    const way = `${deed.from} to ${deed.to}`
    const heard = this.order.get(way)
    if (heard) heard.push(no)
    else this.order.set(way, [no])
  }

  acknowledge(no: number): void {
    this.deeds.get(no)!.acknowledged = true
  }

  /** How many of a kind were acknowledged. */
  count(what: Deed['what']): number {
    let count = 0
    for (const deed of this.deeds.values()) if (deed.what === what && (deed.acknowledged || deed.done > 0)) count++
    return count
  }
}
