// Somebody who is logged in: talks to the room it is in, and goes to others. All of the chatting is here; who gets an avatar,
// and which, is for the account.
import { attr, type EntityClass, entity, string } from 'goworld'
import { type Room, RoomService } from './room_service.ts'

/** Of people and of rooms. */
export const NAME = /^[\p{L}\p{N}_.-]{1,20}$/u
const TEXT_LENGTH_MAX = 500

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

  #enterRoom(room: string) {
    this.attrs.chatroom = room
    this.setClientFilter('chatroom', room)
    this.game.service(RoomService).Enter(this.id, this.attrs.name, room, this.game.id)
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
}
