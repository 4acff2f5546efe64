// Keeps the calls that one process makes to a server in order where order can be seen: those that share a key are
// sent one after the other, all else at once.
//
//     put a ──> put a ──> range [a, c) ──> put b        each waits for the answer of the one before
//     put x ─────────────────────────────────────>      shares no key with any: waits for none
//
// A connection keeps order by itself, but not across its own death, and a pool or a cluster has many: what is sent
// again (a script is not known there, a slot has moved) arrives behind what was sent after it.
import { compareKeys } from './key.ts'

/** Keys with begin <= key < end. */
export interface KeyRange {
  readonly begin: string
  readonly end: string
}

/** What a call touches. */
export type Place = string | KeyRange

export interface Turn {
  /** Undefined when it is this call's turn already, else resolves when it is: to whether all it waited for went well. */
  readonly come: Promise<boolean> | undefined
  /** To be called once, when the turn has come and the call is over. */
  leave(wentWell: boolean): void
}

interface RangeCall extends KeyRange {
  readonly over: Promise<boolean>
}

export class CallOrder {
  /** Of each key the last call, while it is not over. */
  readonly #last = new Map<string, Promise<boolean>>()
  readonly #ranges = new Set<RangeCall>()

  enter(place: Place): Turn {
    const { promise: over, resolve } = Promise.withResolvers<boolean>()
    const before = typeof place === 'string' ? this.#beforeKey(place) : this.#beforeRange(place)
    const forget = typeof place === 'string' ? this.#addKey(place, over) : this.#addRange({ ...place, over })
    const come = before.length > 0 ? Promise.all(before).then((all) => !all.includes(false)) : undefined
    const leave = (wentWell: boolean) => {
      forget()
      resolve(wentWell)
    }
    return { come, leave }
  }

  #beforeKey(key: string): Promise<boolean>[] {
    const last = this.#last.get(key)
    const before = last ? [last] : []
    for (const range of this.#ranges) if (isWithin(key, range)) before.push(range.over)
    return before
  }

  #beforeRange(range: KeyRange): Promise<boolean>[] {
    const before: Promise<boolean>[] = []
    for (const [key, over] of this.#last) if (isWithin(key, range)) before.push(over)
    return before
  }

  #addKey(key: string, over: Promise<boolean>): () => void {
    this.#last.set(key, over)
    return () => {
      if (this.#last.get(key) === over) this.#last.delete(key)
    }
  }

  #addRange(range: RangeCall): () => void {
    this.#ranges.add(range)
    return () => this.#ranges.delete(range)
  }
}

export const isWithin = (key: string, { begin, end }: KeyRange): boolean =>
  compareKeys(begin, key) <= 0 && compareKeys(key, end) < 0
