// Whom the gate does not read at the moment: then what they say waits with themselves, and nothing piles up in between.
//
//     it says too much itself ───────────────────────────> that client
//     its player's game is behind ───────────────────────> all players of the game
//     a link, or what waits for a game, is nearly full ──> everybody
import type { Clock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Values } from '../../engine/wire/messages.ts'
import type { Client } from './client.ts'

/** That nobody is read is not logged again for so long. */
const SAID_AGAIN_MS = 10_000

export interface BackPressureOptions {
  readonly clock: Clock
  readonly log: Log
  readonly clients: Iterable<Client>
}

export class BackPressure {
  readonly #options: BackPressureOptions
  /** For what no client is read: dispatchers, and games in the words of one, `1/2`. */
  readonly #congested = new Set<string>()
  /** Games that are behind, and which dispatchers say so. */
  readonly #slowGames = new Map<number, Set<number>>()
  #saidMs = Number.NEGATIVE_INFINITY

  constructor(options: BackPressureOptions) {
    this.#options = options
  }

  /** Whether no client is read. */
  get paused(): boolean {
    return this.#congested.size > 0
  }

  get slowGames(): readonly number[] {
    return [...this.#slowGames.keys()]
  }

  /** When links or games do not keep up with what clients say, clients are not read. */
  congestion(who: string, on: boolean): void {
    const before = this.paused
    if (on) this.#congested.add(who)
    else this.#congested.delete(who)
    if (this.paused === before) return
    const { clock, log, clients } = this.#options
    const nowMs = clock.now()
    if (this.paused && nowMs - this.#saidMs >= SAID_AGAIN_MS) {
      this.#saidMs = nowMs
      log.warn('the servers do not keep up: clients are not read now and then')
    }
    for (const client of clients) this.readOrPause(client)
  }

  /** The players of a game that is behind are not read; when its link could end for what waits there, nobody is. */
  gameSlow(dispatcher: number, { gameId, slow, full }: Values<'gameSlow'>): void {
    const by = this.#slowGames.get(gameId) ?? new Set()
    if (slow) by.add(dispatcher)
    else by.delete(dispatcher)
    if (by.size > 0) this.#slowGames.set(gameId, by)
    else this.#slowGames.delete(gameId)
    this.congestion(`${dispatcher}/${gameId}`, full)
    for (const client of this.#options.clients) if (client.player?.gameId === gameId) this.readOrPause(client)
  }

  /** What it has said of games counts no more. */
  dispatcherDown(dispatcher: number): void {
    for (const gameId of this.slowGames) this.gameSlow(dispatcher, { gameId, slow: false, full: false })
  }

  /** To be called when something has changed of that for which the client is not read. */
  readOrPause(client: Client): void {
    const { limited, player, connection } = client
    const pause = limited || this.paused || (player !== undefined && this.#slowGames.has(player.gameId))
    if (pause === client.paused) return
    client.paused = pause
    // That nothing came of it meanwhile was our doing.
    client.heard = true
    if (pause) connection.pause()
    else connection.resume()
  }
}
