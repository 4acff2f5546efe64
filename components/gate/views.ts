// Who sees whom, as this gate knows it from what games said: for each entity its own client and the clients that watch
// it. Clients are small numbers (slots), entities are found by the bytes of their id.
//
//     view of an entity: epoch, game, own client │ watchers: 4 9 17 …  ┐ each knows its place
//     client 9 watches:  … this view …                                 ┘ in the other's list
//
// A client in compact form (`engine/wire/compact.ts`) knows each entity by a number. Number and the last of the entity's places
// that it was told of are its mark, beside it in the list of watchers:
//
//     mark   | number: 16 bits | which place: 16 bits |        0: it hears in full form
//
// A client in full form is told of a place when it is another than that of which it was told last, beside the view in its list.
//
// An entity has a view as long as it has a client of either kind here. A placement with a newer epoch replaces all that
// was said of the older one; what comes late from the older one is ignored.
import { ID_BYTES } from '../../engine/base/id.ts'
import { IdTable } from '../../engine/base/id-table.ts'
import { SPACE_TYPE } from '../../engine/wire/client-wire.ts'
import { ToldPlace } from '../../engine/wire/compact.ts'
import { putU32 } from '../../engine/wire/packet.ts'
import { Numbers } from './numbers.ts'
import { Places } from './places.ts'

/** A list of small numbers, each with the place that it has in the other's list. */
class Pairs {
  items = new Int32Array(4)
  places = new Int32Array(4)
  count = 0

  push(item: number, place: number): void {
    const at = this.count++
    if (at === this.items.length) {
      this.items = grown(this.items)
      this.places = grown(this.places)
    }
    this.items[at] = item
    this.places[at] = place
  }

  find(item: number): number {
    const { items, count } = this
    for (let at = 0; at < count; at++) if (items[at] === item) return at
    return -1
  }
}

/** The clients that see an entity, each with its mark. */
class Watchers extends Pairs {
  marks = new Int32Array(4)

  override push(item: number, place: number): void {
    super.push(item, place)
    if (this.marks.length < this.items.length) this.marks = grown(this.marks)
    this.marks[this.count - 1] = 0
  }
}

/** The views that a client watches, each with which of its places the client has been told of, if in full form. */
export class Watched extends Pairs {
  told = new Uint32Array(4)

  override push(item: number, place: number): void {
    super.push(item, place)
    if (this.told.length >= this.items.length) return
    const told = new Uint32Array(this.items.length)
    told.set(this.told)
    this.told = told
  }
}

/** Bits of a mark below the number. */
const PLACE_BITS = 16
const PLACE_MAX = (1 << PLACE_BITS) - 1
/** What a client knows the entity as, or 0. */
export const numberIn = (mark: number): number => mark >>> PLACE_BITS
/** Which of the entity's places it was told of last, or 0. */
export const placeIn = (mark: number): number => mark & PLACE_MAX
export const markOf = (number: number, place: number): number => (number << PLACE_BITS) | place

export class View {
  readonly slot: number
  /** What tells a client that the entity is gone: the body of a message 1003, at its end the entity's id. */
  readonly destroyBody: Uint8Array
  /** Where in `destroyBody` the id begins. */
  readonly idAt: number
  readonly isSpace: boolean
  epoch: number
  gameId: number
  /** The game that it is on its way to, or 0. */
  leavingTo = 0
  /** What was said of it, or of its way to another game, may be lost: it has to be bound anew. */
  doubtful = false
  /** What was said of it to its own client may be lost with a dispatcher. */
  missed = false
  /** The client whose player the entity is, or -1. */
  own = -1
  /** What its own client knows it as, or 0. */
  ownNumber = 0
  /** How many of those that see it hear in compact form, its own client among them. */
  compactCount = 0
  /** Where its own client has to be told that it is, as a record: only that client may have moved it since. */
  ownRecord: Uint8Array | undefined
  ownMoved = false
  /** For whom it has moved since the last flush of its game, while somebody hears in compact form; see `SYNC_OWN`. */
  moved = 0
  /** How exact its newest place is for those; see `compact.ts`. */
  step = 0
  /** What they know of its place. */
  readonly told = new ToldPlace()
  /** Which of its places that is: the how manieth. */
  place = 0
  readonly #watchers: Watchers

  constructor(slot: number, destroyBody: Uint8Array, epoch: number, gameId: number, watchers: Watchers) {
    this.slot = slot
    this.destroyBody = destroyBody
    this.idAt = destroyBody.length - ID_BYTES
    this.isSpace = isSpaceType(destroyBody, 4, this.idAt)
    this.epoch = epoch
    this.gameId = gameId
    this.#watchers = watchers
  }

  /** It is where it was said to be, and who is to see it there is told. */
  arrived(): void {
    this.leavingTo = 0
    this.doubtful = false
  }

  /** The clients that see it, its own not among them, up to `watcherCount`. Not to be kept. */
  get watchers(): Int32Array {
    return this.#watchers.items
  }
  get watcherCount(): number {
    return this.#watchers.count
  }
  /** By their place among the watchers. */
  get marks(): Int32Array {
    return this.#watchers.marks
  }

  /** Counts one more place of which clients are told. */
  nextPlace(): number {
    if (this.place === PLACE_MAX) {
      // From here on it is counted anew: nobody may be thought to know a place by what it knew then.
      this.place = 0
      const { marks, watcherCount } = this
      for (let one = 0; one < watcherCount; one++) marks[one] = markOf(numberIn(marks[one]!), 0)
    }
    return ++this.place
  }
}

/** Told when a client ceases to see an entity for another reason than a message that says so. */
export type Withdraw = (client: number, view: View) => void

export class Views {
  readonly #ids = new IdTable(1024)
  readonly #views: (View | undefined)[] = []
  readonly places = new Places()
  readonly #free: number[] = []
  /** By the view's slot: its watchers. */
  readonly #watchers: Watchers[] = []
  /** By the client's slot: the views it watches. */
  readonly #watched: Watched[] = []
  /** By the client's slot, of those that hear in compact form. */
  readonly #numbers: (Numbers | undefined)[] = []
  readonly #withdraw: Withdraw
  #watchings = 0

  constructor(withdraw: Withdraw) {
    this.#withdraw = withdraw
  }

  /** Entities that are seen by a client here. */
  get size(): number {
    return this.#ids.size
  }
  /** How many times one of them is watched by a client that is not its own. */
  get watchings(): number {
    return this.#watchings
  }

  /** The view of the entity whose id is at `at`. */
  find(bytes: Uint8Array, at: number): View | undefined {
    const slot = this.#ids.get(bytes, at)
    return slot < 0 ? undefined : this.#views[slot]
  }

  /**
   * The view for what `gameId` says of the entity whose id is at `idAt` in its placement `epoch`; made if need be, so
   * call `release` when done. Undefined when there is a newer placement. `typeAt` to `typeEnd`: its type, as on the
   * wire, with the length in front.
   */
  placed(
    bytes: Uint8Array,
    idAt: number,
    epoch: number,
    gameId: number,
    typeAt: number,
    typeEnd: number,
  ): View | undefined {
    const known = this.find(bytes, idAt)
    if (!known) return this.#add(bytes, idAt, epoch, gameId, typeAt, typeEnd)
    if (epoch < known.epoch) return undefined
    if (epoch > known.epoch) {
      // Its own client goes with it; the others were those that saw it where it was.
      this.#withdrawWatchers(known)
      known.epoch = epoch
      known.gameId = gameId
      known.moved = 0
      known.ownMoved = false
      // Whether its client has come with it, only the game that has both says: see `#bindPlayer`.
      if (known.own < 0) known.arrived()
    }
    return known
  }

  /** From now on the client knows by a number what it begins to see. */
  number(client: number): void {
    while (this.#numbers.length <= client) this.#numbers.push(undefined)
    this.#numbers[client] ??= new Numbers()
  }

  /** The client in the slot is gone; the next one there may hear in full form. */
  unnumber(client: number): void {
    if (client < this.#numbers.length) this.#numbers[client] = undefined
  }

  /** The client is told of places by number, whatever it sees. */
  isNumbered(client: number): boolean {
    return this.#numbers[client] !== undefined
  }

  /** What the client, which sees the entity, knows it as, or 0. */
  numberOf(view: View, client: number): number {
    if (this.#numbers[client] === undefined) return 0
    if (view.own === client) return view.ownNumber
    const place = this.#placeOf(view, client)
    return place < 0 ? 0 : numberIn(view.marks[place]!)
  }

  /** The entity is the client's player from now on. */
  play(view: View, client: number): void {
    if (view.own === client) return
    this.unplay(view)
    view.own = client
    view.ownNumber = this.#takeNumber(view, client)
  }

  /** The entity is nobody's player. */
  unplay(view: View): void {
    if (view.own < 0) return
    this.#giveNumber(view, view.own, view.ownNumber)
    view.own = -1
    view.ownNumber = 0
    view.ownMoved = false
  }

  /** The client watches the entity from now on; false when it did already. */
  watch(view: View, client: number): boolean {
    const watchers = this.#watchers[view.slot]!
    const watched = this.watchedBy(client)
    if (this.#placeOf(view, client) >= 0) return false
    watchers.push(client, watched.count)
    watched.push(view.slot, watchers.count - 1)
    // It is created where it is.
    watched.told[watched.count - 1] = this.places.versions[view.slot]!
    watchers.marks[watchers.count - 1] = markOf(this.#takeNumber(view, client), 0)
    this.#watchings++
    return true
  }

  /** The client no longer watches the entity; false when it did not. */
  unwatch(view: View, client: number): boolean {
    const place = this.#placeOf(view, client)
    if (place < 0) return false
    this.#part(view.slot, place)
    return true
  }

  /** What the client watches. Not to be changed, but for what it was told. */
  watchedBy(client: number): Watched {
    while (this.#watched.length <= client) this.#watched.push(new Watched())
    return this.#watched[client]!
  }

  watches(view: View, client: number): boolean {
    return this.#placeOf(view, client) >= 0
  }

  /** Whether the entity is still seen by somebody, as far as `view` goes. */
  has(view: View): boolean {
    return this.#views[view.slot] === view
  }

  /** Forgets the entity unless somebody sees it. */
  release(view: View): void {
    if (view.own >= 0 || this.#watchers[view.slot]!.count > 0 || !this.has(view)) return
    this.#ids.delete(view.destroyBody, view.idAt)
    this.#views[view.slot] = undefined
    this.#free.push(view.slot)
  }

  /** A client is gone. Its player, if any, is `player`. */
  forget(client: number, player: View | undefined): void {
    const watched = this.watchedBy(client)
    while (watched.count > 0) {
      const at = watched.count - 1
      const view = this.#views[watched.items[at]!]!
      this.#part(view.slot, watched.places[at]!)
      this.release(view)
    }
    if (player?.own === client) {
      this.unplay(player)
      this.release(player)
    }
  }

  /**
   * The client's player lives in `gameId` now: what it watched elsewhere is withdrawn, its space last. As a rule the game
   * that the player left has said so already; that may be lost with a dispatcher.
   */
  moved(client: number, gameId: number): void {
    const watched = this.watchedBy(client)
    for (const spaces of [false, true]) {
      for (let at = watched.count - 1; at >= 0; at--) {
        const view = this.#views[watched.items[at]!]!
        if (view.gameId === gameId || view.isSpace !== spaces) continue
        this.#part(view.slot, watched.places[at]!)
        this.#withdraw(client, view)
        this.release(view)
      }
    }
  }

  /** Withdraws all that `gameId` said. Answers the clients whose players lived there. */
  gameDown(gameId: number): number[] {
    const orphans: number[] = []
    for (const view of this.#views) {
      if (view?.gameId !== gameId) continue
      this.#withdrawWatchers(view)
      if (view.own >= 0) orphans.push(view.own)
      this.release(view)
    }
    return orphans
  }

  #withdrawWatchers(view: View): void {
    const watchers = this.#watchers[view.slot]!
    while (watchers.count > 0) {
      const client = watchers.items[watchers.count - 1]!
      this.#part(view.slot, watchers.count - 1)
      this.#withdraw(client, view)
    }
  }

  #add(bytes: Uint8Array, idAt: number, epoch: number, gameId: number, typeAt: number, typeEnd: number): View {
    const slot = this.#free.pop() ?? this.#views.length
    const destroyBody = new Uint8Array(typeEnd - typeAt + ID_BYTES)
    destroyBody.set(bytes.subarray(typeAt, typeEnd))
    putU32(destroyBody, 0, typeEnd - typeAt - 4)
    destroyBody.set(bytes.subarray(idAt, idAt + ID_BYTES), typeEnd - typeAt)
    this.#watchers[slot] ??= new Watchers()
    const view = new View(slot, destroyBody, epoch, gameId, this.#watchers[slot])
    this.#views[slot] = view
    this.#ids.set(bytes, idAt, slot)
    this.places.add(slot, bytes, idAt)
    return view
  }

  /** The client's place among the entity's watchers, or -1. Looks through the shorter of the two lists. */
  #placeOf(view: View, client: number): number {
    const watchers = this.#watchers[view.slot]!
    const watched = this.watchedBy(client)
    if (watchers.count <= watched.count) return watchers.find(client)
    const at = watched.find(view.slot)
    return at < 0 ? -1 : watched.places[at]!
  }

  #takeNumber(view: View, client: number): number {
    const numbers = this.#numbers[client]
    if (numbers === undefined) return 0
    view.compactCount++
    return numbers.take()
  }

  #giveNumber(view: View, client: number, number: number): void {
    const numbers = this.#numbers[client]
    if (numbers === undefined) return
    view.compactCount--
    numbers.give(number)
  }

  /** Undoes the watching at `place` of the view: the last of each list moves into the gap. */
  #part(viewSlot: number, place: number): void {
    const watchers = this.#watchers[viewSlot]!
    this.#giveNumber(this.#views[viewSlot]!, watchers.items[place]!, numberIn(watchers.marks[place]!))
    const watched = this.#watched[watchers.items[place]!]!
    const gap = watchers.places[place]!
    const lastWatcher = --watchers.count
    if (place !== lastWatcher) {
      watchers.items[place] = watchers.items[lastWatcher]!
      watchers.places[place] = watchers.places[lastWatcher]!
      watchers.marks[place] = watchers.marks[lastWatcher]!
      this.#watched[watchers.items[place]!]!.places[watchers.places[place]!] = place
    }
    const lastWatched = --watched.count
    if (gap !== lastWatched) {
      watched.items[gap] = watched.items[lastWatched]!
      watched.places[gap] = watched.places[lastWatched]!
      watched.told[gap] = watched.told[lastWatched]!
      this.#watchers[watched.items[gap]!]!.places[watched.places[gap]!] = gap
    }
    this.#watchings--
  }
}

const SPACE = Uint8Array.from(SPACE_TYPE, (character) => character.charCodeAt(0))

function isSpaceType(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== SPACE.length) return false
  for (let at = 0; at < SPACE.length; at++) if (bytes[start + at] !== SPACE[at]) return false
  return true
}

function grown(list: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(list.length * 2)
  larger.set(list)
  return larger
}
