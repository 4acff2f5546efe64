// Knows who is online.
import { service } from 'goworld'

export class OnlineService extends service({}) {
  readonly #avatars = new Map<string, { readonly name: string; readonly level: number }>()

  CheckIn(avatarId: string, name: string, level: number) {
    this.#avatars.set(avatarId, { name, level })
    this.game.log.debug(`check in: ${avatarId} ${name} ${level}, ${this.#avatars.size} online`)
  }

  CheckOut(avatarId: string) {
    this.#avatars.delete(avatarId)
  }
}
