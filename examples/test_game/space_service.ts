// Knows the spaces of each kind, and opens another when all are full.
import { type EntityId, entityId, service } from 'goworld'
import type { Avatar } from './avatar.ts'
import { MySpace } from './my_space.ts'

const AVATARS_MAX = 100

interface Known {
  readonly id: string
  avatars: number
}

export class SpaceService extends service({}) {
  readonly #spaces = new Map<number, Known[]>()
  /** Who waits for a space of a kind that is being made. */
  readonly #waiting = new Map<number, string[]>()

  EnterSpace(avatarId: string, kind: number) {
    const room = this.#of(kind).find(({ avatars }) => avatars < AVATARS_MAX)
    if (room) return this.#send(avatarId, kind, room)
    const waiting = this.#waiting.get(kind)
    if (waiting) return void waiting.push(avatarId)
    this.#waiting.set(kind, [avatarId])
    this.game.createSpaceAnywhere(MySpace, kind)
  }

  NotifySpaceLoaded(kind: number, spaceId: string) {
    const space: Known = { id: spaceId, avatars: 0 }
    this.#of(kind).push(space)
    const waiting = this.#waiting.get(kind) ?? []
    this.#waiting.delete(kind)
    for (const avatarId of waiting.splice(0, AVATARS_MAX)) this.#send(avatarId, kind, space)
    for (const avatarId of waiting) this.EnterSpace(avatarId, kind)
  }

  NotifyAvatarLeft(kind: number, spaceId: string) {
    const space = this.#of(kind).find(({ id }) => id === spaceId)
    if (space && space.avatars > 0) space.avatars--
  }

  RequestDestroy(kind: number, spaceId: string) {
    const spaces = this.#of(kind)
    const at = spaces.findIndex(({ id }) => id === spaceId)
    const empty = at >= 0 && spaces[at]!.avatars === 0
    if (empty) spaces.splice(at, 1)
    this.call(entityId<MySpace>(spaceId)).ConfirmRequestDestroy(empty)
  }

  #of(kind: number): Known[] {
    let spaces = this.#spaces.get(kind)
    if (!spaces) {
      spaces = []
      this.#spaces.set(kind, spaces)
    }
    return spaces
  }

  #send(avatarId: string, kind: number, space: Known) {
    space.avatars++
    this.call(avatarId as EntityId<Avatar>).DoEnterSpace(kind, space.id)
  }
}
