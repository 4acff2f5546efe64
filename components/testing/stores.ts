// The storage as each process has it: slow or down for a while, and of no use to a process that is dead.
import type { Clock } from '../../engine/base/clock.ts'
import { StorageError } from '../../engine/storage/errors.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'

export class Stores {
  /** How long everything takes. */
  slowMs = 0
  /** While true, everything fails. */
  isDown = false
  readonly #inner: EntityStorage
  readonly #clock: Clock
  readonly #lives = new Map<number, { dead: boolean }[]>()

  constructor(inner: EntityStorage, clock: Clock) {
    this.#inner = inner
    this.#clock = clock
  }

  /** For a new process of a game. */
  of(gameId: number): EntityStorage {
    const inner = this.#inner
    const life = { dead: false }
    this.#lives.set(gameId, [...(this.#lives.get(gameId) ?? []), life])
    let lastMs = 0
    const begin = async <T>(work: () => Promise<T>): Promise<T> => {
      if (life.dead) return new Promise(() => {})
      if (this.isDown) throw new StorageError('the store is down')
      const nowMs = this.#clock.now()
      // What is asked for later is not done before.
      lastMs = Math.max(lastMs, nowMs + this.slowMs)
      if (lastMs > nowMs) await new Promise<void>((resolve) => void this.#clock.after(lastMs - nowMs, resolve))
      const done = await work()
      // What was on its way has arrived, but nobody hears of it.
      return life.dead ? new Promise(() => {}) : done
    }
    return {
      write: (...args) => begin(() => inner.write(...args)),
      read: (...args) => begin(() => inner.read(...args)),
      exists: (...args) => begin(() => inner.exists(...args)),
      list: (...args) => begin(() => inner.list(...args)),
      types: () => begin(() => inner.types()),
      delete: (...args) => begin(() => inner.delete(...args)),
      close: async () => {},
    }
  }

  /** The process of a game is dead, and any that stood by for it. */
  end(gameId: number): void {
    for (const life of this.#lives.get(gameId) ?? []) life.dead = true
    this.#lives.delete(gameId)
  }
}
