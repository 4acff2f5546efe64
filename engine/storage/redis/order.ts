// Keeps the calls of one process in order where order can be seen: those that share a key go to the server one after
// the other, all else goes at once.
//
//     put a ──> put a ──> range [a, c) ──> put b        each waits for the answer of the one before
//     put x ─────────────────────────────────────>      shares no key with any: waits for none
//
// A connection keeps order by itself, but not across its own death, and a cluster has many: a command that is sent
// again (the script is not known there, the slot has moved) arrives behind those that were sent after it.
import { compareKeys } from '../key.ts'

/** What a call touches: a key, or those with begin <= key < end. */
export type Place = string | { readonly begin: string; readonly end: string }

export interface Turn {
  /** Undefined when it is this call's turn already, else resolves when it is: to whether all it waited for went well. */
  readonly come: Promise<boolean> | undefined
  /** To be called once, when the turn has come and the call is over. */
  leave(wentWell: boolean): void
}

interface Range {
  readonly begin: string
  readonly end: string
  readonly over: Promise<boolean>
}

export class CallOrder {
  /** Of each key the last call, while it is not over. */
  readonly #last = new Map<string, Promise<boolean>>()
  readonly #ranges = new Set<Range>()

  enter(place: Place): Turn {
    const { promise: over, resolve } = Promise.withResolvers<boolean>()
    const before = typeof place === 'string' ? this.#beforeKey(place) : this.#beforeRange(place.begin, place.end)
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
    for (const { begin, end, over } of this.#ranges) if (isWithin(key, begin, end)) before.push(over)
    return before
  }

  #beforeRange(begin: string, end: string): Promise<boolean>[] {
    const before: Promise<boolean>[] = []
    for (const [key, over] of this.#last) if (isWithin(key, begin, end)) before.push(over)
    return before
  }

  #addKey(key: string, over: Promise<boolean>): () => void {
    this.#last.set(key, over)
    return () => {
      if (this.#last.get(key) === over) this.#last.delete(key)
    }
  }

  #addRange(range: Range): () => void {
    this.#ranges.add(range)
    return () => this.#ranges.delete(range)
  }
}

const isWithin = (key: string, begin: string, end: string) => compareKeys(begin, key) <= 0 && compareKeys(key, end) < 0
