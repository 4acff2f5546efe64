// Chooses the game for a new entity: boot entities take turns, so that a rush of logins spreads evenly at once;
// all others go where the least is going on.
import type { Game } from './game.ts'

// What a game's load costs, in thousandths of a core. Lag counts heavily: a game that runs late hurts all its players.
const COST_OF_LAG_MS = 10
const COST_OF_ENTITY = 0.05
// More than one that is there: what it will do is not yet in the CPU reported, and a burst must not go to one game.
const COST_OF_PLACED = 1

export class Placement {
  /** By their ids. */
  readonly #games: Game[] = []
  #lastBoot = 0
  #lastAnywhere = 0

  add(game: Game): void {
    this.#games.push(game)
    this.#games.sort((a, b) => a.id - b.id)
  }

  remove(game: Game): void {
    const at = this.#games.indexOf(game)
    if (at >= 0) this.#games.splice(at, 1)
  }

  /** Whose turn it was; games are added by whoever has them. */
  save() {
    return { lastBoot: this.#lastBoot, lastAnywhere: this.#lastAnywhere }
  }

  restore({ lastBoot, lastAnywhere }: ReturnType<Placement['save']>): void {
    this.#lastBoot = lastBoot
    this.#lastAnywhere = lastAnywhere
  }

  /** The next in turn that takes boot entities, if there is one. */
  forBoot(): Game | undefined {
    const game = this.#nextForBoot(true) ?? this.#nextForBoot(false)
    if (game) this.#lastBoot = game.id
    return game
  }

  /** The least busy of those that have the class, if there is one; among equals they take turns. */
  anywhere(type: string): Game | undefined {
    const game = this.#leastBusy(type, true) ?? this.#leastBusy(type, false)
    if (game) this.#lastAnywhere = game.id
    return game
  }

  /** `steady`: only those that can begin at once. Else one that is held or reconnecting has to do. */
  #nextForBoot(steady: boolean): Game | undefined {
    let first: Game | undefined
    for (const game of this.#games) {
      if (game.banBootEntity || !(steady ? game.steady : game.reported)) continue
      if (game.id > this.#lastBoot) return game
      first ??= game
    }
    return first
  }

  #leastBusy(type: string, steady: boolean): Game | undefined {
    let best: Game | undefined
    let bestCost = Number.POSITIVE_INFINITY
    for (const game of this.#games) {
      if (!game.types.has(type) || !(steady ? game.steady : game.reported)) continue
      const cost = costOf(game)
      const nextInTurn = best !== undefined && best.id <= this.#lastAnywhere && game.id > this.#lastAnywhere
      if (cost > bestCost || (cost === bestCost && !nextInTurn)) continue
      best = game
      bestCost = cost
    }
    return best
  }
}

const costOf = (game: Game): number =>
  game.cpuPermille + game.lagMs * COST_OF_LAG_MS + game.entities * COST_OF_ENTITY + game.placedSince * COST_OF_PLACED
