// The order of calls. The driver sends calls side by side over several connections, so those that would see each
// other's work wait for each other here, and all others do not.
import { compareKeys } from '../key.ts'

interface Range {
  readonly begin: string
  readonly end: string
  readonly done: Promise<unknown>
}

export class CallOrder {
  /** By key: the call that was made last. */
  readonly #last = new Map<string, Promise<unknown>>()
  readonly #ranges = new Set<Range>()

  /** Calls when all calls before it for `key` are done. */
  run<Result>(key: string, call: () => Promise<Result>): Promise<Result> {
    const before: Promise<unknown>[] = []
    for (const range of this.#ranges) if (isIn(key, range)) before.push(range.done)
    const last = this.#last.get(key)
    if (last) before.push(last)
    const done = callAfter(before, call)
    this.#last.set(key, done)
    const forget = () => {
      if (this.#last.get(key) === done) this.#last.delete(key)
    }
    done.then(forget, forget)
    return done
  }

  /** Calls when all calls before it for keys from `begin` to before `end` are done; later ones for them wait for it. */
  runRange<Result>(begin: string, end: string, call: () => Promise<Result>): Promise<Result> {
    const before: Promise<unknown>[] = []
    for (const [key, done] of this.#last) if (isIn(key, { begin, end })) before.push(done)
    const done = callAfter(before, call)
    const range = { begin, end, done }
    this.#ranges.add(range)
    const forget = () => this.#ranges.delete(range)
    done.then(forget, forget)
    return done
  }
}

const isIn = (key: string, { begin, end }: Pick<Range, 'begin' | 'end'>) =>
  compareKeys(begin, key) <= 0 && compareKeys(key, end) < 0

const callAfter = <Result>(before: Promise<unknown>[], call: () => Promise<Result>): Promise<Result> =>
  before.length === 0 ? call() : Promise.allSettled(before).then(call)
