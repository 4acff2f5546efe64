// Knows the spaces of each kind on all games and who is in them, and opens another when all are full.
//
//     EnterSpace ─> a place is reserved ─> the space says that the avatar has entered ─> … that it has left
//                          └─ it does not come within RESERVED_MS: the place is free again
//
// All that it knows survives a freeze. After the death of its game another one begins with nothing: the spaces tell it
// what there is (MySpace.TellService), and avatars ask again. A space that has died is noticed by the first who is sent to it.
import { type EntityId, entityId, service, type Timer } from 'goworld'
import type { Avatar } from './avatar.ts'
import { MySpace } from './my_space.ts'

const AVATARS_MAX = 100
/** How long a place is kept for an avatar on its way: it may be gone, or something may have held it back. */
const RESERVED_MS = 10_000
/** When a new space has not said by then that it is there, its game may have died: another one is made. */
const MADE_WITHIN_MS = 3000

/** Whoever begins anew is told by then what spaces there are. */
const LISTENING_MS = 300

interface Known {
  readonly id: string
  /** Who is there, as the space says. */
  readonly present: Set<string>
  /** Who was sent there and has not come yet. */
  readonly expected: Set<string>
}

interface Reservation {
  readonly kind: number
  readonly spaceId: string
  readonly lapse: Timer
}

interface Making {
  /** Who waits for the space. */
  readonly avatars: Set<string>
  readonly overdue: Timer
}

export class SpaceService extends service({ kept: ['spaces', 'reservations', 'making', 'listening'] }) {
  spaces = new Map<number, Known[]>()
  /** By avatar: each has one place at most, where it was sent last. */
  reservations = new Map<string, Reservation>()
  /** By kind: spaces that have yet to say that they are there. */
  making = new Map<number, Making>()
  listening = true

  override onCreated() {
    this.after(LISTENING_MS, this.BeginToMake)
  }

  BeginToMake() {
    this.listening = false
    for (const kind of [...this.making.keys()]) this.SpaceOverdue(kind)
  }

  EnterSpace(avatarId: string, kind: number) {
    const spaces = this.#of(kind)
    // Whoever has a place already takes no other.
    const room = spaces.find((space) => isIn(space, avatarId)) ?? spaces.find(hasRoom)
    if (room) return this.#send(avatarId, kind, room)
    const making = this.making.get(kind)
    if (making) making.avatars.add(avatarId)
    else this.#make(kind, new Set([avatarId]))
  }

  /** A space is there, with these avatars in it: it is new, or this service is. */
  NotifySpaceLoaded(kind: number, spaceId: string, present: readonly string[]) {
    const space = this.#known(kind, spaceId)
    space.present.clear()
    for (const avatarId of present) this.#entered(space, avatarId)
    const making = this.making.get(kind)
    if (!making) return
    this.making.delete(kind)
    this.cancel(making.overdue)
    for (const avatarId of making.avatars) this.EnterSpace(avatarId, kind)
  }

  SpaceOverdue(kind: number) {
    const making = this.making.get(kind)
    if (!making) return
    this.cancel(making.overdue)
    this.#make(kind, making.avatars)
  }

  /** The space may be unknown: it was to go when somebody came after all. */
  NotifyAvatarEntered(kind: number, spaceId: string, avatarId: string) {
    this.#entered(this.#known(kind, spaceId), avatarId)
  }

  NotifyAvatarLeft(kind: number, spaceId: string, avatarId: string) {
    this.#find(kind, spaceId)?.present.delete(avatarId)
  }

  ReservationLapsed(avatarId: string) {
    this.#release(avatarId)
  }

  /** An avatar could not get into a space: nobody else is sent there, unless it says itself that it is still there. */
  NotifySpaceMissed(kind: number, spaceId: string) {
    this.#forget(kind, spaceId)
    this.call(entityId<MySpace>(spaceId)).TellService()
  }

  /** A space has been empty for a while. */
  RequestDestroy(kind: number, spaceId: string) {
    const space = this.#find(kind, spaceId)
    const nobodyComes = !space || space.expected.size === 0
    if (nobodyComes) this.#forget(kind, spaceId)
    this.call(entityId<MySpace>(spaceId)).ConfirmRequestDestroy(nobodyComes)
  }

  NotifySpaceDestroyed(kind: number, spaceId: string) {
    this.#forget(kind, spaceId)
  }

  #make(kind: number, avatars: Set<string>) {
    if (!this.listening) this.game.createSpaceAnywhere(MySpace, kind)
    this.making.set(kind, { avatars, overdue: this.after(MADE_WITHIN_MS, this.SpaceOverdue, kind) })
  }

  #of(kind: number): readonly Known[] {
    return this.spaces.get(kind) ?? []
  }

  #find(kind: number, spaceId: string): Known | undefined {
    return this.#of(kind).find(({ id }) => id === spaceId)
  }

  #known(kind: number, spaceId: string): Known {
    const known = this.#find(kind, spaceId)
    if (known) return known
    const space: Known = { id: spaceId, present: new Set(), expected: new Set() }
    this.spaces.set(kind, [...this.#of(kind), space])
    return space
  }

  #forget(kind: number, spaceId: string) {
    const space = this.#find(kind, spaceId)
    if (!space) return
    for (const avatarId of space.expected) this.#release(avatarId)
    const others = this.#of(kind).filter((other) => other !== space)
    if (others.length > 0) this.spaces.set(kind, others)
    else this.spaces.delete(kind)
  }

  #send(avatarId: string, kind: number, space: Known) {
    this.#release(avatarId)
    if (!space.present.has(avatarId)) {
      space.expected.add(avatarId)
      const lapse = this.after(RESERVED_MS, this.ReservationLapsed, avatarId)
      this.reservations.set(avatarId, { kind, spaceId: space.id, lapse })
    }
    this.call(avatarId as EntityId<Avatar>).DoEnterSpace(kind, space.id)
  }

  #entered(space: Known, avatarId: string) {
    space.present.add(avatarId)
    if (space.expected.has(avatarId)) this.#release(avatarId)
  }

  #release(avatarId: string) {
    const reservation = this.reservations.get(avatarId)
    if (!reservation) return
    this.reservations.delete(avatarId)
    this.#find(reservation.kind, reservation.spaceId)?.expected.delete(avatarId)
    this.cancel(reservation.lapse)
  }
}

const isIn = ({ present, expected }: Known, avatarId: string) => present.has(avatarId) || expected.has(avatarId)
const hasRoom = ({ present, expected }: Known) => present.size + expected.size < AVATARS_MAX
