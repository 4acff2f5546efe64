// A chat room, with the entity types, methods and attributes of GoWorld's, so that its clients are at home here: register,
// log in, talk, `/join` another room. Who is where is told by attributes, to clients that look at them: web/ is one.
import { attr, type EntityClass, type EntityId, entity, GameFrozen, game, type Kvdb, string } from 'goworld'
import { hashed, isPassword } from './password.ts'
import { type Room, RoomService } from './room_service.ts'

const NAME = /^[\p{L}\p{N}_.-]{1,20}$/u
const PASSWORD = /^.{6,100}$/su
const TEXT_LENGTH_MAX = 500

/** Who connects has one, until it is known who it is. */
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
    const failure = await work(this.game.kvdb).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (failure instanceof GameFrozen) return // `onRestored` answers.
    this.busy = false
    if (failure === undefined) return
    this.client.ShowError('That did not work: try again')
    throw failure
  }

  override onRestored() {
    if (this.busy) this.client.ShowError('The server was renewed meanwhile: try again')
    this.busy = false
  }

  override onClientDisconnected() {
    this.destroy()
  }
}

/** Somebody who is logged in. */
export class Avatar extends entity({
  attrs: {
    name: attr('noname', 'client', 'persistent'),
    chatroom: attr('1', 'client'),
    people: attr<readonly string[], ['client']>([], 'client'),
    rooms: attr<readonly Room[], ['client']>([], 'client'),
  },
  ownClient: { SendChat: [string] },
  client: { ShowError(_message: string) {}, OnRecvChat(_name: string, _text: string) {} },
}) {
  override onClientConnected() {
    this.#enterRoom(this.attrs.chatroom)
  }

  SendChat(said: string) {
    const text = said.trim()
    if (text === '') return
    if (text.length > TEXT_LENGTH_MAX) return this.client.ShowError(`${TEXT_LENGTH_MAX} characters are the most`)
    const { name, chatroom } = this.attrs
    if (!text.startsWith('/')) return this.clientsWhere('chatroom', '=', chatroom).OnRecvChat(name, text)
    const [command, room = ''] = text.slice(1).split(/\s+/)
    if (command !== 'join') return this.client.ShowError(`There is no command /${command}, only /join <room>`)
    if (!NAME.test(room)) return this.client.ShowError('The name of a room has 1 to 20 letters, digits, or _ . -')
    this.#enterRoom(room)
  }

  /** Who is in its room, and how many are in each. */
  RoomsChanged(people: readonly string[], rooms: readonly Room[]) {
    this.attrs.people = people
    this.attrs.rooms = rooms
  }

  override onServicePlaced(placed: EntityClass) {
    // Another one has died with its game; this one knows nobody.
    if (placed === RoomService && this.hasClient) this.#enterRoom(this.attrs.chatroom)
  }

  override onClientDisconnected() {
    this.game.service(RoomService).Leave(this.id)
    this.destroy()
  }

  #enterRoom(room: string) {
    this.attrs.chatroom = room
    this.setClientFilter('chatroom', room)
    this.game.service(RoomService).Enter(this.id, this.attrs.name, room, this.game.id)
  }
}

export default game([Account, Avatar, RoomService])
