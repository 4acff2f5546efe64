// Entities of games that died, whose last saves may be in a journal of their machine alone: who wants one of them loaded
// waits until that is in the store, or the time for it is over.
//
//     game lost ─> expected ──journalReplayed, the game is back, or waitMs over──> forgotten: loads go on
import type { Clock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'

interface Expected {
  readonly types: ReadonlySet<string>
  readonly slots: Set<number>
  readonly untilMs: number
}

export class LostSaves {
  readonly #clock: Clock
  readonly #log: Log
  readonly #waitMs: number
  /** By game. */
  readonly #games = new Map<number, Expected>()

  constructor(clock: Clock, log: Log, waitMs: number) {
    this.#clock = clock
    this.#log = log
    this.#waitMs = waitMs
  }

  get size(): number {
    return this.#games.size
  }

  /** A game is lost with these entities, of which it kept those of `types` in a journal. */
  expect(gameId: number, types: ReadonlySet<string>, slots: Set<number>): void {
    if (types.size === 0 || slots.size === 0 || this.#waitMs === 0) return
    for (const slot of this.#games.get(gameId)?.slots ?? []) slots.add(slot)
    this.#games.set(gameId, { types, slots, untilMs: this.#clock.now() + this.#waitMs })
  }

  /** Whether a save of the entity may still be on its way to the store. */
  waits(slot: number, type: string): boolean {
    for (const { types, slots } of this.#games.values()) if (slots.has(slot) && types.has(type)) return true
    return false
  }

  /** It lives: nobody loads it. */
  placed(slot: number): void {
    for (const { slots } of this.#games.values()) slots.delete(slot)
  }

  /** What the game had kept is in the store. Answers whose loads may go on. */
  replayed(gameId: number): Iterable<number> {
    const slots = this.#games.get(gameId)?.slots ?? []
    this.#games.delete(gameId)
    return slots
  }

  /** Those whose time is over, likewise. */
  overdue(): number[] {
    const slots: number[] = []
    for (const [gameId, { untilMs }] of this.#games) {
      if (this.#clock.now() < untilMs) continue
      this.#log.error(
        `the journal of game ${gameId}, which is dead, was not replayed in time: its entities are loaded as the store has them`,
        { waitedMs: this.#waitMs },
      )
      slots.push(...this.replayed(gameId))
    }
    return slots
  }
}
