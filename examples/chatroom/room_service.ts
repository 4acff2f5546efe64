// Who is in which room: there is one in the whole deployment, and it tells everybody in a room who else is there. GoWorld's
// chat room has no such thing; its clients do not mind.
import { type EntityId, service } from 'goworld'
import type { Avatar } from './avatar.ts'

/** What happens within so long is told at once. */
const TELL_MS = 250
/** More names nobody reads. */
const NAMES_MAX = 100

export interface Room {
  readonly name: string
  readonly people: number
}

interface Person {
  readonly name: string
  readonly room: string
  /** Where its avatar lives. */
  readonly gameId: number
}

export class RoomService extends service({ kept: ['people', 'changed'] }) {
  people = new Map<EntityId<Avatar>, Person>()
  changed = false

  override onCreated() {
    this.every(TELL_MS, this.Tell)
  }

  Enter(avatarId: EntityId<Avatar>, name: string, room: string, gameId: number) {
    this.people.set(avatarId, { name, room, gameId })
    this.changed = true
  }

  Leave(avatarId: EntityId<Avatar>) {
    if (this.people.delete(avatarId)) this.changed = true
  }

  Tell() {
    this.#strikeOff()
    if (!this.changed) return
    this.changed = false
    const rooms = new Map<string, string[]>()
    for (const { name, room } of this.people.values()) {
      const names = rooms.get(room)
      if (names) names.push(name)
      else rooms.set(room, [name])
    }
    const largest = [...rooms].map(([name, { length: people }]): Room => ({ name, people }))
    largest.sort((a, b) => b.people - a.people || a.name.localeCompare(b.name)).splice(NAMES_MAX)
    for (const names of rooms.values()) names.sort((a, b) => a.localeCompare(b)).splice(NAMES_MAX)
    for (const [avatarId, { room }] of this.people) this.call(avatarId).RoomsChanged(rooms.get(room)!, largest)
  }

  /** Whoever was on a game that is not there any more died with it. */
  #strikeOff() {
    const { games } = this.game
    for (const [avatarId, { gameId }] of this.people) if (!games.includes(gameId)) this.Leave(avatarId)
  }
}
