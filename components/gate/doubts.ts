// Which clients still have a player, when it is not sure: a game went, or shows everything anew, or a player has left for another
// game and has not been bound there. What is in doubt is bound anew, or its client is closed, and may come again.
//
//     game down ───────────> clients whose player lived there: closed      on its way from or to there: doubtful
//     dispatcher gone ─────> everybody: doubtful
//     doubtful, or without a player and on offer to nobody, ──link_grace_ms──> closed, unless bound by then
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Client } from './client.ts'
import type { Clients } from './clients.ts'
import type { Unshown } from './unshown.ts'
import type { ViewChanges } from './view-changes.ts'
import type { View, Views } from './views.ts'

export interface DoubtsOptions {
  readonly clock: Clock
  readonly log: Log
  readonly linkGraceMs: number
  readonly clients: Clients
  readonly views: Views
  readonly viewChanges: ViewChanges
  readonly unshown: Unshown
  /** Closes a client, which may come again. */
  readonly close: (client: Client, reason: string) => void
}

export class Doubts {
  readonly #options: DoubtsOptions
  #check: Scheduled | undefined
  /** Who is lost, and since when: the first is that for the longest time. */
  readonly #lost = new Map<Client, number>()

  constructor(options: DoubtsOptions) {
    this.#options = options
  }

  stop(): void {
    this.#check?.cancel()
  }

  /** It has to be bound anew, or its client plays nobody. */
  add(view: View): void {
    view.doubtful = true
    this.checkLater()
  }

  /** What all games say was lost for a while. */
  addAll(): void {
    for (const { player } of this.#options.clients) {
      if (!player) continue
      player.doubtful = true
      player.missed = true
    }
  }

  /** What a game showed is withdrawn, and follows once more. */
  showAnew(gameId: number): void {
    const { clients, views, viewChanges } = this.#options
    for (const client of clients) if (client.givenBy === gameId) client.givenBy = 0
    for (const slot of views.gameDown(gameId)) {
      const client = clients.at(slot)
      const view = client.player!
      viewChanges.takePlayer(client)
      views.release(view)
    }
  }

  /** What the game showed is withdrawn, and its players' clients are closed. */
  gameDown(gameId: number): void {
    const { clients, views, viewChanges, log, close } = this.#options
    for (const client of clients) {
      const { player, givenBy } = client
      if (givenBy === gameId) client.givenBy = 0
      if (player && player.leavingTo !== 0 && (player.gameId === gameId || player.leavingTo === gameId))
        player.doubtful = true
    }
    const orphans = views.gameDown(gameId).map((slot) => clients.at(slot))
    // Who was on the way from there may be well elsewhere, and who was on the way to there may come back.
    const closed = orphans.filter(({ player }) => player!.leavingTo === 0)
    if (closed.length > 0) log.warn(`game ${gameId} is down: ${closed.length} clients had their player there`)
    for (const client of closed) {
      viewChanges.withdraw(client.slot, client.player!)
      close(client, `game ${gameId}, where its player lived, is down`)
    }
    this.checkLater()
  }

  /** Closes, after a while, who plays nobody and is on offer to nobody, or plays somebody whom no game has shown anew. */
  checkLater(): void {
    for (const client of this.#options.clients) this.#note(client)
    this.#lookLater()
  }

  /** Its player was taken from it, as far as is known for nobody else. */
  taken(client: Client): void {
    this.#note(client)
    this.#lookLater()
  }

  playerChanged(client: Client): void {
    if (!isLost(client)) this.#lost.delete(client)
  }

  #note(client: Client): void {
    if (!isLost(client)) this.#lost.delete(client)
    else if (!this.#lost.has(client)) this.#lost.set(client, this.#options.clock.now())
  }

  /** When the first of them has been lost for too long: others who are lost later do not give it more time. */
  #lookLater(): void {
    const { clock, linkGraceMs } = this.#options
    const [first] = this.#lost.values()
    if (first !== undefined)
      this.#check ??= clock.after(Math.max(1, first + linkGraceMs - clock.now()), () => this.#look())
  }

  #look(): void {
    const { clock, linkGraceMs, unshown, close } = this.#options
    this.#check = undefined
    // Whoever has yet to be shown anew may be well.
    if (unshown.some) this.#lost.clear()
    for (const [client, sinceMs] of this.#lost) {
      if (clock.now() - sinceMs < linkGraceMs) break
      this.#lost.delete(client)
      if (isLost(client)) close(client, 'its player is gone')
    }
    this.checkLater()
  }
}

const isLost = ({ state, player, givenBy }: Client) => state === 'bound' && (player ? player.doubtful : givenBy === 0)
