// The door: who connects has an account, until it is known who it is. Names, hashes of passwords and who has which avatar are
// in the kvdb.
import { type EntityId, entity, GameFrozen, type Kvdb, string } from 'goworld'
import { Avatar, NAME } from './avatar.ts'
import { hashed, isPassword } from './password.ts'

const PASSWORD = /^.{6,100}$/su

export class Account extends entity({
  kept: ['busy'],
  ownClient: { Register: [string, string], Login: [string, string] },
  client: { ShowError(_message: string) {}, ShowInfo(_message: string) {} },
}) {
  busy = false

  async Register(username: string, password: string) {
    if (!NAME.test(username)) return this.client.ShowError('A name has 1 to 20 letters, digits, or _ . -')
    if (!PASSWORD.test(password)) return this.client.ShowError('A password has 6 to 100 characters')
    await this.#alone(async (kvdb) => {
      const known = await kvdb.getOrPut(`password$${username}`, await hashed(password))
      if (known !== undefined) this.client.ShowError('This name is taken')
      else this.client.ShowInfo('You are registered: log in now')
    })
  }

  async Login(username: string, password: string) {
    await this.#alone(async (kvdb) => {
      const known = NAME.test(username) ? await kvdb.get(`password$${username}`) : undefined
      if (!(await isPassword(password, known))) return this.client.ShowError('Nobody has this name and this password')
      const avatarId = await this.#avatarOf(username, kvdb)
      if (this.hasClient) this.giveClientTo(this.game.load(Avatar, avatarId))
    })
  }

  async #avatarOf(username: string, kvdb: Kvdb): Promise<EntityId<Avatar>> {
    const known = await kvdb.get<EntityId<Avatar>>(`avatarID$${username}`)
    if (known !== undefined) return known
    const avatar = this.game.create(Avatar, { name: username })
    await avatar.save()
    avatar.destroy() // Saved once, it can be loaded wherever there is room.
    return (await kvdb.getOrPut(`avatarID$${username}`, avatar.id)) ?? avatar.id
  }

  /** One thing at a time: to make a hash costs far more than to ask for one. */
  async #alone(work: (kvdb: Kvdb) => Promise<void>) {
    if (this.busy) return
    this.busy = true
    try {
      await work(this.game.kvdb)
    } catch (error) {
      if (error instanceof GameFrozen) return // `onRestored` answers.
      this.busy = false
      this.client.ShowError('That did not work: try again')
      throw error
    }
    this.busy = false
  }

  override onRestored() {
    if (this.busy) this.client.ShowError('The server was renewed meanwhile: try again')
    this.busy = false
  }

  override onClientDisconnected() {
    this.destroy()
  }
}
