// Stands for a connection until it logs in, then hands its client to an avatar.
import { type EntityId, entity, entityId, string } from 'goworld'
import { Avatar } from './avatar.ts'

const PASSWORD = '123456'
/** When an avatar that is being loaded has not answered by then (it may just be going), ask again. */
const RETRY_MS = 1000

export class Account extends entity({
  attrs: {},
  ownClient: { Login: [string, string] },
  client: { OnLogin(_ok: boolean) {} },
}) {
  #loggingIn = false

  async Login(username: string, password: string) {
    if (this.#loggingIn) return
    if (password !== PASSWORD) return this.client.OnLogin(false)

    this.#loggingIn = true
    this.client.OnLogin(true)
    try {
      await this.#findAvatar(username)
    } catch (error) {
      // Perhaps the store is back when the client tries again.
      this.#loggingIn = false
      this.client.OnLogin(false)
      throw error
    }
  }

  /** The avatar says where it is. */
  OnGetAvatarSpaceID(avatarId: string) {
    const avatar = this.game.entity(entityId<Avatar>(avatarId))
    if (avatar) this.#avatarFound(avatar)
  }

  RetryLogin(avatarId: string) {
    if (this.hasClient) this.#loadAvatar(entityId<Avatar>(avatarId))
  }

  override onClientDisconnected() {
    this.destroy()
  }

  async #findAvatar(username: string) {
    const { kvdb } = this.game
    const known = await kvdb.get<EntityId<Avatar>>(username)
    if (known) return this.#loadAvatar(known)

    const avatar = this.game.create(Avatar)
    let winner: EntityId<Avatar> | undefined
    try {
      await avatar.save()
      winner = await kvdb.getOrPut<EntityId<Avatar>>(username, avatar.id)
    } catch (error) {
      avatar.destroy()
      throw error
    }
    if (!winner) return this.#avatarFound(avatar)
    avatar.destroy() // Another login of the same name was faster.
    this.#loadAvatar(winner)
  }

  #loadAvatar(avatarId: EntityId<Avatar>) {
    if (this.isGone) return
    this.call(this.game.load(Avatar, avatarId)).GetSpaceID(this.id)
    this.after(RETRY_MS, this.RetryLogin, avatarId)
  }

  #avatarFound(avatar: Avatar) {
    if (this.hasClient) this.giveClientTo(avatar)
    else if (!avatar.hasClient) avatar.destroy() // The client left while its avatar was being fetched.
  }
}
