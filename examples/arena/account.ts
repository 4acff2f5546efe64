// Stands for a connection until its visitor has a name: watches the fight in the first arena meanwhile. Clients there are
// told of it as of everybody in a space, and draw nothing of it.
import { boolean, entity, integer, string } from 'goworld'
import { arenaId } from './arena_space.ts'
import { type HallEntry, Lobby, type ScoreEntry } from './lobby.ts'
import { Player } from './player.ts'
import { COURT, MAPS, SIGHT } from './shared/maps.ts'
import { cleanName } from './words.ts'

const LOOK_AGAIN_MS = 500
const COLORS = 10

export class Account extends entity({
  aoi: SIGHT,
  kept: ['hasJoined'],
  ownClient: { join: [string, integer, integer, boolean] },
  client: {
    /** The best of all times. */
    hall(_entries: readonly HallEntry[]) {},
    scores(_best: readonly ScoreEntry[], _players: number) {},
  },
}) {
  hasJoined = false

  override onClientConnected() {
    void this.showHall()
    this.watch()
  }

  /** The arenas may not be there yet. */
  async watch() {
    if (this.isGone || this.hasJoined) return
    const arena = arenaId(this.game, COURT)
    try {
      if (arena) return await this.enterSpace(arena)
    } catch {
      // It has gone with its game: there will be another.
    }
    if (!this.isGone) this.after(LOOK_AGAIN_MS, this.watch)
  }

  async showHall() {
    try {
      this.client.hall(await this.ask(this.game.serviceId(Lobby)).hall())
    } catch {
      // The lobby is on its way to another game: who plays does not miss it.
    }
  }

  /** `color` is a number of the page's palette, `arena` the kind of a space. */
  join(name: string, color: number, arena: number, isBot: boolean) {
    if (this.hasJoined) return
    this.hasJoined = true
    const kind = MAPS.some((map) => map.kind === arena) ? arena : COURT
    const player = this.game.create(Player, {
      name: cleanName(name) || `Guest ${1 + Math.floor(Math.random() * 999)}`,
      color: Math.abs(color) % COLORS,
      isBot,
    })
    this.giveClientTo(player)
    player.goTo(kind)
  }

  override onClientDisconnected() {
    this.destroy()
  }
}
