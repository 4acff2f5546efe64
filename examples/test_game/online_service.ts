// Knows who is online. Avatars check in when they come to a game, and whenever this service begins anew; who does not
// check out because its game has died is struck off some seconds later.
import { service } from 'goworld'

const LOOK_MS = 5000

interface Online {
  readonly name: string
  readonly level: number
  /** Where it was when it checked in. */
  readonly gameId: number
}

export class OnlineService extends service({ kept: ['avatars'] }) {
  avatars = new Map<string, Online>()

  override onCreated() {
    this.every(LOOK_MS, this.StrikeOff)
  }

  CheckIn(avatarId: string, name: string, level: number, gameId: number) {
    this.avatars.set(avatarId, { name, level, gameId })
    this.game.log.debug(`check in: ${avatarId} ${name} ${level}, ${this.avatars.size} online`)
  }

  CheckOut(avatarId: string) {
    this.avatars.delete(avatarId)
  }

  /** Whoever was on a game that is not there any more died with it. */
  StrikeOff() {
    const games = new Set(this.game.games)
    for (const [avatarId, { gameId }] of this.avatars) if (!games.has(gameId)) this.avatars.delete(avatarId)
  }
}
