// How much later than the quickest the words of the server come, over the last few of them.
//
//     here:   ·    ·     ·  ·        ·    ·
//     there:  |    |    |   |    |    |                offset: here - there; what changes of it is jitter

const KEPT = 64

export class Lateness {
  readonly #offsets = new Float64Array(KEPT)
  readonly #sorted = new Float64Array(KEPT)
  #count = 0
  #isSorted = true

  /** Something said at `thereMs` has come. */
  add(hereMs: number, thereMs: number): void {
    this.#offsets[this.#count++ % KEPT] = hereMs - thereMs
    this.#isSorted = false
  }

  get isKnown(): boolean {
    return this.#count > 0
  }

  /** The offset of the quickest. */
  get lowest(): number {
    return this.quantile(0)
  }

  /** The offset that so large a part does not exceed. */
  quantile(part: number): number {
    const count = Math.min(this.#count, KEPT)
    if (!this.#isSorted) {
      this.#sorted.set(this.#offsets)
      this.#sorted.subarray(0, count).sort()
      this.#isSorted = true
    }
    return this.#sorted[Math.floor((count - 1) * part)]!
  }

  clear(): void {
    this.#count = 0
    this.#isSorted = true
  }
}
