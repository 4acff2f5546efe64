// Reads a key, works out its next value and puts that, as one step: again when somebody else was faster.
//
//     update ─> behind those of this process for the same key ─> get ─> fn ─> compareAndSet ─ yes ─> done
//                                                                 ^                 │
//                                                                 └──── a pause ────no
//
// It costs one `get` and one `compareAndSet`, two more for each time that another process was faster. Updates of one
// process for one key wait for each other, so only processes compete.
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { StorageError } from '../storage/errors.ts'
import type { KeyValueStore } from './kvdb.ts'

/** Answers the next value, or undefined to leave it as it is. May run several times, so it does nothing else. */
export type KeyUpdate = (value: string | undefined) => string | undefined

const TRIES_MAX = 100
const PAUSE_MAX_MS = 50

export class KeyUpdates {
  readonly #store: KeyValueStore
  readonly #clock: Clock
  readonly #random: Random
  /** The last one of each key. */
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(store: KeyValueStore, clock: Clock, random: Random) {
    this.#store = store
    this.#clock = clock
    this.#random = random
  }

  /**
   * Resolves to the value that is there afterwards. Rejects with what `next` throws, with nothing changed; with
   * StorageError when the store fails, after which it may have been changed or not, or when others were faster a
   * hundred times.
   */
  update(key: string, next: KeyUpdate): Promise<string | undefined> {
    const run = () => this.#run(key, next)
    const before = this.#last.get(key)
    const updated = before ? before.then(run, run) : run()
    this.#last.set(key, updated)
    const over = () => {
      if (this.#last.get(key) === updated) this.#last.delete(key)
    }
    updated.then(over, over)
    return updated
  }

  async #run(key: string, next: KeyUpdate): Promise<string | undefined> {
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      const before = await this.#store.get(key)
      const after = next(before)
      if (after === undefined || after === before) return before
      if (await this.#store.compareAndSet(key, before, after)) return after
      const pauseMs = this.#random() * Math.min(PAUSE_MAX_MS, 2 ** tries)
      await new Promise<void>((resolve) => void this.#clock.after(pauseMs, resolve))
    }
    throw new StorageError(`the key ${JSON.stringify(key)} was changed by others ${TRIES_MAX} times in a row`)
  }
}
