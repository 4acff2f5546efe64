// Who writes to a SQLite file next, among those of this process: the stores and the authors' SQL.
import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { realClock } from '../../base/clock.ts'

/** Who held the lock for so long lets others have a look at it: they look every millisecond. */
const LONG_MS = 20
const REST_MS = 3

export interface WriteTurn {
  /** More than once does no harm. */
  end(): void
}

/** First come, first served. SQLite keeps no queue, so that one who writes again and again would hardly ever let another in. */
export class WriteTurns {
  static readonly #files = new Map<string, WriteTurns>()
  readonly #waiting: (() => void)[] = []
  #busy = false

  static of(path: string): WriteTurns {
    const real = realPath(path)
    const turns = WriteTurns.#files.get(real) ?? new WriteTurns()
    WriteTurns.#files.set(real, turns)
    return turns
  }

  /** Undefined when it did not come in time. */
  async take(limitMs: number): Promise<WriteTurn | undefined> {
    if (this.#busy && !(await this.#wait(limitMs))) return undefined
    this.#busy = true
    const sinceMs = realClock.now()
    let ended = false
    return {
      end: () => {
        if (ended) return
        ended = true
        if (realClock.now() - sinceMs < LONG_MS) this.#next()
        else realClock.after(REST_MS, () => this.#next())
      },
    }
  }

  #wait(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const come = () => {
        limit.cancel()
        resolve(true)
      }
      const limit = realClock.after(limitMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(come), 1)
        resolve(false)
      })
      this.#waiting.push(come)
    })
  }

  #next(): void {
    const next = this.#waiting.shift()
    // It stays taken: nobody else may come in between.
    if (next) next()
    else this.#busy = false
  }
}

function realPath(path: string): string {
  const full = resolve(path)
  try {
    return realpathSync(full)
  } catch {
    // Not there yet; its folder may be.
  }
  try {
    return join(realpathSync(dirname(full)), basename(full))
  } catch {
    return full
  }
}
