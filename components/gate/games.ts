// Which games there are, in the words of the dispatcher by which all that games say to this gate comes.
//
//     that dispatcher is gone: games that were there are awaited ──gameUp──> there, or gone if it is another process now
//                              up again, and graceMs later     ──────────> gone: they died while nobody could say so
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Values } from '../../engine/wire/messages.ts'

export interface GamesOwner {
  gone(gameId: number): void
  /** No game is awaited any more. */
  settled(): void
}

export class Games {
  readonly #clock: Clock
  readonly #graceMs: number
  readonly #owner: GamesOwner
  /** By number, the names of their processes. */
  readonly #there = new Map<number, string>()
  readonly #awaited = new Map<number, string>()
  #patience: Scheduled | undefined

  constructor(clock: Clock, graceMs: number, owner: GamesOwner) {
    this.#clock = clock
    this.#graceMs = graceMs
    this.#owner = owner
  }

  get known(): number[] {
    return [...this.#there.keys()]
  }

  /** Whether every game that was there has been heard of since its dispatcher was last away. */
  get settled(): boolean {
    return this.#awaited.size === 0
  }

  up({ gameId, process }: Values<'gameUp'>): void {
    const awaited = this.#awaited.get(gameId)
    this.#awaited.delete(gameId)
    this.#there.set(gameId, process)
    if (awaited === undefined) return
    if (awaited !== process) this.#owner.gone(gameId)
    if (this.settled) this.#settle()
  }

  down(gameId: number): void {
    this.#there.delete(gameId)
    const wasLast = this.#awaited.delete(gameId) && this.settled
    this.#owner.gone(gameId)
    if (wasLast) this.#settle()
  }

  dispatcherDown(): void {
    this.#patience?.cancel()
    for (const [gameId, process] of this.#there) this.#awaited.set(gameId, process)
    this.#there.clear()
  }

  dispatcherUp(): void {
    if (this.settled) return
    this.#patience?.cancel()
    this.#patience = this.#clock.after(this.#graceMs, () => {
      const lost = [...this.#awaited.keys()]
      this.#awaited.clear()
      for (const gameId of lost) this.#owner.gone(gameId)
      this.#settle()
    })
  }

  stop(): void {
    this.#patience?.cancel()
  }

  #settle(): void {
    this.#patience?.cancel()
    this.#owner.settled()
  }
}
