// Games that were there when the dispatcher went by which all comes that they say: some of it may be lost. From each of them
// the gate takes nothing until it has begun to show everything anew; what it says before is of things that a client may not
// have, or not as they were.
//
//     own dispatcher gone ──> every game that was there ──showAnew, or another process in its place──> heard again
export class Unshown {
  readonly #games = new Set<number>()

  add(gameIds: Iterable<number>): void {
    for (const gameId of gameIds) this.#games.add(gameId)
  }

  /** It begins to show everything, or is another game by now. */
  delete(gameId: number): void {
    this.#games.delete(gameId)
  }

  /** Whether there are any. */
  get some(): boolean {
    return this.#games.size > 0
  }

  has(gameId: number): boolean {
    return this.#games.size > 0 && this.#games.has(gameId)
  }
}
