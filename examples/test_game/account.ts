// Stands for a connection until it logs in, then hands its client to an avatar, wherever that lives.
//
//     Login ─> its id (kvdb) ─> load, GetSpaceID ─> OnGetAvatarSpaceID ─> its client is given away
//                                     ^   └ no answer in RETRY_MS: it is just going, moving, or its game has died
//                                     └───────────┘
import { type EntityId, entity, entityId, string } from 'goworld'
import { Avatar } from './avatar.ts'

const PASSWORD = '123456'
/** When an avatar has not answered by then, ask again. */
const RETRY_MS = 1000

export class Account extends entity({
  attrs: {},
  kept: ['username'],
  ownClient: { Login: [string, string] },
  client: { OnLogin(_ok: boolean) {} },
}) {
  /** Who is logging in. */
  username: string | undefined

  async Login(username: string, password: string) {
    if (this.username !== undefined) return
    if (password !== PASSWORD) return this.client.OnLogin(false)

    this.username = username
    this.client.OnLogin(true)
    await this.#findAvatar(username)
  }

  /** The avatar says that it is there, on this game or another, and waits for a client. */
  OnGetAvatarSpaceID(avatarId: string) {
    this.giveClientTo(entityId<Avatar>(avatarId))
  }

  RetryLogin(avatarId: string) {
    if (this.hasClient) this.#loadAvatar(entityId<Avatar>(avatarId))
  }

  override onClientDisconnected() {
    this.destroy()
  }

  /** What it waited for when the game froze may never come. Asking twice does no harm. */
  override async onRestored() {
    if (this.username !== undefined && this.hasClient) await this.#findAvatar(this.username)
  }

  async #findAvatar(username: string) {
    try {
      this.#loadAvatar(await this.#avatarOf(username))
    } catch (error) {
      // Perhaps the store is back when the client tries again.
      this.username = undefined
      this.client.OnLogin(false)
      throw error
    }
  }

  /** The id of the player's avatar; a new one is made for who has none. */
  async #avatarOf(username: string): Promise<EntityId<Avatar>> {
    const { kvdb } = this.game
    const known = await kvdb.get<EntityId<Avatar>>(username)
    if (known) return known

    const avatar = this.game.create(Avatar)
    avatar.WaitForClient()
    try {
      await avatar.save()
      const winner = await kvdb.getOrPut<EntityId<Avatar>>(username, avatar.id)
      if (!winner) return avatar.id
      avatar.destroy() // Another login of the same name was faster.
      return winner
    } catch (error) {
      avatar.destroy()
      throw error
    }
  }

  #loadAvatar(avatarId: EntityId<Avatar>) {
    if (this.isGone) return
    this.call(this.game.load(Avatar, avatarId)).GetSpaceID(this.id)
    this.after(RETRY_MS, this.RetryLogin, avatarId)
  }
}
