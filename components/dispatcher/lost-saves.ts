// Who has to wait before it is loaded, since its last saves may be in a journal and not in the store yet: entities of a game
// that died, and all while a game says that there are such journals on its machine.
//
//     game lost ─> expected ──journalReplayed, the game is back, or waitMs over──> forgotten: loads go on
//     journals of its machine not clear ─> doubted ──clear, or the game is lost and waitMs over──> forgotten
import type { Clock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'

interface Expected {
  readonly types: ReadonlySet<string>
  readonly slots: Set<number>
  readonly untilMs: number
}

/** Times are how long they are ahead. */
export interface SavedLostSaves {
  readonly games: ReadonlyMap<
    number,
    { readonly types: Set<string>; readonly slots: Set<number>; readonly leftMs: number }
  >
  readonly doubted: ReadonlyMap<number, number>
  readonly types: ReadonlySet<string>
}

/** In place of a game: those that have yet to come. */
const ALL = 0

export class LostSaves {
  readonly #clock: Clock
  readonly #log: Log
  readonly #waitMs: number
  /** By game. */
  readonly #games = new Map<number, Expected>()
  /** Games whose machines have journals that are not clear: until when nobody is loaded. */
  readonly #doubted = new Map<number, number>()
  /** What is kept in journals at all. */
  readonly #types = new Set<string>()

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
    if (this.#doubted.size > 0 && this.#types.has(type)) return true
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
    const now = this.#clock.now()
    for (const [gameId, { untilMs }] of this.#games) {
      if (now < untilMs) continue
      this.#log.error(
        `the journal of game ${gameId}, which is dead, was not replayed in time: its entities are loaded as the store has them`,
        { waitedMs: this.#waitMs },
      )
      slots.push(...this.replayed(gameId))
    }
    for (const [gameId, untilMs] of this.#doubted) {
      if (now < untilMs) continue
      this.#doubted.delete(gameId)
      if (this.#types.size > 0) this.#log.warn('nobody has said what became of journals', { waitedMs: this.#waitMs })
    }
    return slots
  }

  /** What a game says of the journals of its machine. Answers whether nobody has a doubt any more. */
  journals(gameId: number, types: ReadonlySet<string>, clear: boolean): boolean {
    for (const type of types) this.#types.add(type)
    if (clear) return this.#trust(gameId)
    if (this.#waitMs > 0) this.#doubted.set(gameId, Number.POSITIVE_INFINITY)
    return false
  }

  /** A game is lost: whoever else is there may say the same of its machine, in a while. */
  doubt(gameId: number): void {
    if (this.#doubted.has(gameId)) this.#doubted.set(gameId, this.#clock.now() + this.#waitMs)
  }

  /** Games have yet to come that may know of journals. */
  doubtAll(): void {
    if (this.#waitMs > 0) this.#doubted.set(ALL, this.#clock.now() + this.#waitMs)
  }

  trustAll(): boolean {
    return this.#trust(ALL)
  }

  save(nowMs: number): SavedLostSaves {
    const games = [...this.#games].map(([id, { types, slots, untilMs }]) => {
      return [id, { types: new Set(types), slots, leftMs: untilMs - nowMs }] as const
    })
    const doubted = [...this.#doubted].map(([id, untilMs]) => [id, untilMs - nowMs] as const)
    return { games: new Map(games), doubted: new Map(doubted), types: this.#types }
  }

  restore({ games, doubted, types }: SavedLostSaves, nowMs: number): void {
    for (const [id, { leftMs, ...one }] of games) this.#games.set(id, { ...one, untilMs: nowMs + leftMs })
    for (const [id, leftMs] of doubted) this.#doubted.set(id, nowMs + leftMs)
    for (const type of types) this.#types.add(type)
  }

  #trust(gameId: number): boolean {
    return this.#doubted.delete(gameId) && this.#doubted.size === 0
  }
}
