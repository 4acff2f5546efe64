// Knows the spaces of each kind and who is in them, and opens another when all are full.
//
//     EnterSpace ─> a place is reserved ─> the space says that the avatar has entered ─> … that it has left
//                          └─ it does not come within RESERVED_MS: the place is free again
import { type EntityId, entityId, service, type Timer } from 'goworld'
import type { Avatar } from './avatar.ts'
import { MySpace } from './my_space.ts'

const AVATARS_MAX = 100
/** How long a place is kept for an avatar on its way: it may be gone, or something may have held it back. */
const RESERVED_MS = 10_000

interface Known {
  readonly id: string
  /** Who is there, as the space says. */
  readonly present: Set<string>
  /** Who was sent there and has not come yet. */
  readonly expected: Set<string>
}

interface Reservation {
  readonly space: Known
  readonly lapse: Timer
}

export class SpaceService extends service({}) {
  readonly #spaces = new Map<number, Known[]>()
  /** By avatar: each has one place at most, where it was sent last. */
  readonly #reservations = new Map<string, Reservation>()
  /** Who waits for a space of a kind that is being made. */
  readonly #waiting = new Map<number, Set<string>>()

  EnterSpace(avatarId: string, kind: number) {
    const room = this.#of(kind).find((space) => hasRoom(space, avatarId))
    if (room) return this.#send(avatarId, kind, room)
    const waiting = this.#waiting.get(kind)
    if (waiting) return void waiting.add(avatarId)
    this.#waiting.set(kind, new Set([avatarId]))
    this.game.createSpaceAnywhere(MySpace, kind)
  }

  NotifySpaceLoaded(kind: number, spaceId: string) {
    this.#known(kind, spaceId)
    const waiting = this.#waiting.get(kind) ?? []
    this.#waiting.delete(kind)
    for (const avatarId of waiting) this.EnterSpace(avatarId, kind)
  }

  /** The space may be unknown: it was to go when somebody came after all, or another service knew it before this one. */
  NotifyAvatarEntered(kind: number, spaceId: string, avatarId: string) {
    const space = this.#known(kind, spaceId)
    space.present.add(avatarId)
    if (space.expected.has(avatarId)) this.#release(avatarId)
  }

  NotifyAvatarLeft(kind: number, spaceId: string, avatarId: string) {
    this.#find(kind, spaceId)?.present.delete(avatarId)
  }

  ReservationLapsed(avatarId: string) {
    this.#release(avatarId)
  }

  RequestDestroy(kind: number, spaceId: string) {
    const space = this.#find(kind, spaceId)
    const empty = !space || (space.present.size === 0 && space.expected.size === 0)
    if (empty) this.#forget(kind, spaceId)
    this.call(entityId<MySpace>(spaceId)).ConfirmRequestDestroy(empty)
  }

  NotifySpaceDestroyed(kind: number, spaceId: string) {
    this.#forget(kind, spaceId)
  }

  #of(kind: number): Known[] {
    let spaces = this.#spaces.get(kind)
    if (!spaces) {
      spaces = []
      this.#spaces.set(kind, spaces)
    }
    return spaces
  }

  #find(kind: number, spaceId: string): Known | undefined {
    return this.#spaces.get(kind)?.find(({ id }) => id === spaceId)
  }

  #known(kind: number, spaceId: string): Known {
    const known = this.#find(kind, spaceId)
    if (known) return known
    const space: Known = { id: spaceId, present: new Set(), expected: new Set() }
    this.#of(kind).push(space)
    return space
  }

  #forget(kind: number, spaceId: string) {
    const space = this.#find(kind, spaceId)
    if (!space) return
    for (const avatarId of space.expected) this.#release(avatarId)
    const others = this.#of(kind).filter((other) => other !== space)
    if (others.length > 0) this.#spaces.set(kind, others)
    else this.#spaces.delete(kind)
  }

  #send(avatarId: string, kind: number, space: Known) {
    this.#release(avatarId)
    if (!space.present.has(avatarId)) {
      space.expected.add(avatarId)
      const lapse = this.after(RESERVED_MS, this.ReservationLapsed, avatarId)
      this.#reservations.set(avatarId, { space, lapse })
    }
    this.call(avatarId as EntityId<Avatar>).DoEnterSpace(kind, space.id)
  }

  #release(avatarId: string) {
    const reservation = this.#reservations.get(avatarId)
    if (!reservation) return
    this.#reservations.delete(avatarId)
    reservation.space.expected.delete(avatarId)
    this.cancel(reservation.lapse)
  }
}

/** Whoever has a place already takes no other. */
const hasRoom = ({ present, expected }: Known, avatarId: string) =>
  present.has(avatarId) || expected.has(avatarId) || present.size + expected.size < AVATARS_MAX
