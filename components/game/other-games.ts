// Which other games there are, as dispatchers say. Down is who no dispatcher has: one alone may have lost a game that is well.
//
//     dispatcher 1:  up ────────────── gone (doubted) ── back, names all ── not named: down there
//     dispatcher 2:  up ──────────────────────────────────────────────────────────────── down: it is down

export interface OtherGamesOwner {
  /** A dispatcher says that it is there. */
  up(gameId: number): void
  /** No dispatcher has it any more. */
  down(gameId: number): void
  /** A dispatcher has lost it, and what it had of it. Others have it still, or none ever had. */
  lost(): void
  /** None of those that can know says that it is there. */
  doubted(gameId: number): void
}

export class OtherGames {
  readonly #owner: OtherGamesOwner
  /** Games, by those dispatchers that say that they are there. */
  readonly #games = new Map<number, Set<number>>()
  /** By dispatcher: those of them that it named before it was gone, and has yet to name again. */
  readonly #doubted: readonly Set<number>[]

  constructor(dispatchers: number, owner: OtherGamesOwner) {
    this.#owner = owner
    this.#doubted = Array.from({ length: dispatchers }, () => new Set())
  }

  up(dispatcher: number, gameId: number): void {
    const known = this.#games.get(gameId) ?? new Set()
    this.#games.set(gameId, known.add(dispatcher))
    this.#doubted[dispatcher]!.delete(gameId)
    this.#owner.up(gameId)
  }

  down(dispatcher: number, gameId: number): void {
    const known = this.#games.get(gameId)
    this.#doubted[dispatcher]!.delete(gameId)
    if (!known?.delete(dispatcher) || known.size > 0) {
      if (known && !this.isHere(gameId)) this.#owner.doubted(gameId)
      return this.#owner.lost()
    }
    this.#games.delete(gameId)
    this.#owner.down(gameId)
  }

  /** The dispatcher is gone: whom it has named may die before it is back, and it would never know. */
  dispatcherDown(dispatcher: number): void {
    for (const [gameId, known] of this.#games) {
      if (!known.has(dispatcher)) continue
      this.#doubted[dispatcher]!.add(gameId)
      if (!this.isHere(gameId)) this.#owner.doubted(gameId)
    }
  }

  /** It is back, and has named all that are there. */
  gathered(dispatcher: number): void {
    for (const gameId of [...this.#doubted[dispatcher]!]) this.down(dispatcher, gameId)
  }

  /** Whether a dispatcher that can know says so. */
  isHere(gameId: number): boolean {
    for (const dispatcher of this.#games.get(gameId) ?? []) if (!this.#doubted[dispatcher]!.has(gameId)) return true
    return false
  }
}
