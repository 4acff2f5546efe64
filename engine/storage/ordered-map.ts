// A map from strings whose keys can be walked in byte order, for the stores that live in memory.
import { compareKeys } from './key.ts'

export class OrderedMap<Value> {
  readonly #values = new Map<string, Value>()
  /** Made by the first walk and kept from then on: a store that is never walked pays nothing for it. */
  #sorted: string[] | undefined

  get size(): number {
    return this.#values.size
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  set(key: string, value: Value): void {
    if (this.#sorted && !this.#values.has(key)) this.#sorted.splice(firstFrom(this.#sorted, key), 0, key)
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#sorted?.splice(firstFrom(this.#sorted, key), 1)
  }

  /** At most `limit` keys from `begin` on and, when there is an `end`, before it. */
  keys(begin: string, end: string | undefined, limit: number): string[] {
    this.#sorted ??= [...this.#values.keys()].sort(compareKeys)
    const from = firstFrom(this.#sorted, begin)
    const to = end === undefined ? this.#sorted.length : firstFrom(this.#sorted, end)
    return this.#sorted.slice(from, Math.max(from, Math.min(to, from + limit)))
  }
}

/** Index of the first key that is not before `key`. */
function firstFrom(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(sorted[middle]!, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
