// Which game has which entity: soft state, rebuilt from what games report. An id leads to a slot, a slot's facts lie in
// typed arrays; nothing is allocated per entity and no id becomes a string on the way to its game.
//
//     id ─ IdTable ─> slot ─┬ game[slot]    where packets go; 0 unless the entity is placed
//                           ├ state[slot]   awaited ──> placing ──> placed ──> gone ──> (forgotten)
//                           ├ epoch[slot]      └───────────────────────^ │ ^─────┘
//                           │                               moving <───> ┘ └─> ending ─> gone, placing
//                           └ session[slot] which link session of the game said so
//
// The slots of one game form a list, so that a game that dies is cleared without looking at the others. Those that
// are gone form one in the order of their going and are kept a little while, for the epoch of their next placement.
import { ID_BYTES } from '../../engine/base/id.ts'
import { IdTable } from '../../engine/base/id-table.ts'
import { Census } from '../../engine/cluster/census.ts'

export const FREE = 0
/** Not known here, but a game that has yet to report may have it: packets are held. */
export const AWAITED = 1
/** A game was asked to create or load it, or will be as soon as there is one: packets are held. */
export const PLACING = 2
export const PLACED = 3
export const GONE = 4
/** On its way from one game to another: packets are held. */
export const MOVING = 5
/** Gone from its game, which still writes what is to last of it: packets are held, and nobody may load it yet. */
export const ENDING = 6

/** The list of the gone; games count from 1. */
const GONE_LIST = 0

interface List {
  first: number
  last: number
  count: number
}

/** Slots keep their numbers: whatever waits for an entity is kept by its slot. */
export interface SavedDirectory {
  readonly used: number
  readonly free: number
  readonly placed: number
  readonly lists: ReadonlyMap<number, List>
  readonly game: Uint16Array
  readonly state: Uint8Array
  readonly epoch: Uint32Array
  readonly session: Uint32Array
  readonly goneMsAgo: Float64Array
  readonly ids: Uint8Array
  readonly next: Int32Array
  readonly previous: Int32Array
}

export class Directory {
  #table = new IdTable(1024)
  readonly #lists = new Map<number, List>()
  #game = new Uint16Array(1024)
  #state = new Uint8Array(1024)
  #epoch = new Uint32Array(1024)
  #session = new Uint32Array(1024)
  #goneAt = new Float64Array(1024)
  #ids = new Uint8Array(1024 * ID_BYTES)
  // Neighbours in the slot's list; `next` also chains the free slots.
  #next = new Int32Array(1024)
  #previous = new Int32Array(1024)
  #free = -1
  #used = 0
  #placed = 0

  /** How many entities are placed. */
  get size(): number {
    return this.#placed
  }

  /** How many entities a game has. */
  sizeOf(game: number): number {
    return this.#lists.get(game)?.count ?? 0
  }

  /** The game that has the entity whose id is in the 16 bytes from `at`, or 0. */
  gameAt(bytes: Uint8Array, at: number): number {
    const slot = this.#table.get(bytes, at)
    return slot < 0 ? 0 : this.#game[slot]!
  }

  /** The slot of an id, or -1. */
  find(bytes: Uint8Array, at: number): number {
    return this.#table.get(bytes, at)
  }

  findText(id: string): number {
    return this.#table.getText(id)
  }

  game(slot: number): number {
    return this.#game[slot]!
  }

  state(slot: number): number {
    return this.#state[slot]!
  }

  /** The newest placement that is known of the entity; 0 when there was none. */
  epoch(slot: number): number {
    return this.#epoch[slot]!
  }

  session(slot: number): number {
    return this.#session[slot]!
  }

  /** A slot for an id that has none yet; its state is for the caller to set. */
  add(bytes: Uint8Array, at: number): number {
    const slot = this.#take()
    this.#ids.set(bytes.subarray(at, at + ID_BYTES), slot * ID_BYTES)
    this.#table.set(bytes, at, slot)
    return slot
  }

  addText(id: string): number {
    const slot = this.#take()
    for (let byte = 0; byte < ID_BYTES; byte++) this.#ids[slot * ID_BYTES + byte] = id.charCodeAt(byte)
    this.#table.set(this.#ids, slot * ID_BYTES, slot)
    return slot
  }

  /** The entity lives in `game`: from now on packets go there. */
  place(slot: number, game: number, epoch: number, session: number): void {
    if (this.#state[slot] !== PLACED || this.#game[slot] !== game) {
      this.#unlist(slot)
      this.#state[slot] = PLACED
      this.#game[slot] = game
      this.#list(slot, game)
      this.#placed++
    }
    this.#epoch[slot] = epoch
    this.#session[slot] = session
  }

  /** A new link session of a game says what it has: if that is just what we know of it, it is as if it had said each. */
  confirm(game: number, session: number, said: Pick<Census, 'count' | 'low' | 'high'>): boolean {
    if (this.sizeOf(game) !== said.count) return false
    const census = new Census()
    for (let slot = this.firstOf(game); slot >= 0; slot = this.nextOf(slot))
      census.addBytes(this.#ids, slot * ID_BYTES, this.#epoch[slot]!)
    if (!census.equals(said)) return false
    for (let slot = this.firstOf(game); slot >= 0; slot = this.nextOf(slot)) this.#session[slot] = session
    return true
  }

  /** Packets are held from now on. */
  hold(
    slot: number,
    state: typeof AWAITED | typeof PLACING | typeof MOVING | typeof ENDING,
    epoch = this.#epoch[slot]!,
  ): void {
    this.#unlist(slot)
    this.#state[slot] = state
    this.#epoch[slot] = epoch
  }

  /** The entity is nowhere. Its epoch is remembered until it is forgotten. */
  goneAt(slot: number, now: number): void {
    this.#unlist(slot)
    this.#state[slot] = GONE
    this.#goneAt[slot] = now
    this.#list(slot, GONE_LIST)
  }

  /** Forgets those that went before `time`. */
  forget(time: number): void {
    const gone = this.#lists.get(GONE_LIST)
    while (gone && gone.first >= 0 && this.#goneAt[gone.first]! < time) {
      const slot = gone.first
      this.#unlist(slot)
      this.#table.delete(this.#ids, slot * ID_BYTES)
      this.#state[slot] = FREE
      this.#epoch[slot] = 0
      this.#next[slot] = this.#free
      this.#free = slot
    }
  }

  /** The first slot of a game, then the one behind a slot; -1 at the end. Take the next before changing one. */
  firstOf(game: number): number {
    return this.#lists.get(game)?.first ?? -1
  }

  nextOf(slot: number): number {
    return this.#next[slot]!
  }

  save(nowMs: number): SavedDirectory {
    const used = this.#used
    return {
      used,
      free: this.#free,
      placed: this.#placed,
      lists: this.#lists,
      game: this.#game.slice(0, used),
      state: this.#state.slice(0, used),
      epoch: this.#epoch.slice(0, used),
      session: this.#session.slice(0, used),
      goneMsAgo: this.#goneAt.slice(0, used).map((atMs) => nowMs - atMs),
      ids: this.#ids.slice(0, used * ID_BYTES),
      next: this.#next.slice(0, used),
      previous: this.#previous.slice(0, used),
    }
  }

  /** It must be empty. */
  restore(saved: SavedDirectory, nowMs: number): void {
    const { used, lists, ids } = saved
    while (this.#state.length < used) this.#grow()
    this.#used = used
    this.#free = saved.free
    this.#placed = saved.placed
    for (const [game, list] of lists) this.#lists.set(game, list)
    this.#game.set(saved.game)
    this.#state.set(saved.state)
    this.#epoch.set(saved.epoch)
    this.#session.set(saved.session)
    this.#goneAt.set(saved.goneMsAgo.map((ageMs) => nowMs - ageMs))
    this.#ids.set(ids)
    this.#next.set(saved.next)
    this.#previous.set(saved.previous)
    this.#table = new IdTable(Math.max(1024, used))
    for (let slot = 0; slot < used; slot++) if (this.#state[slot] !== FREE) this.#table.set(ids, slot * ID_BYTES, slot)
  }

  #take(): number {
    let slot = this.#free
    if (slot >= 0) {
      this.#free = this.#next[slot]!
    } else {
      if (this.#used === this.#state.length) this.#grow()
      slot = this.#used++
    }
    this.#next[slot] = -1
    this.#previous[slot] = -1
    return slot
  }

  #list(slot: number, key: number): void {
    let list = this.#lists.get(key)
    if (!list) {
      list = { first: -1, last: -1, count: 0 }
      this.#lists.set(key, list)
    }
    this.#previous[slot] = list.last
    this.#next[slot] = -1
    if (list.last >= 0) this.#next[list.last] = slot
    else list.first = slot
    list.last = slot
    list.count++
  }

  /** Takes a slot out of the list that its state puts it in. */
  #unlist(slot: number): void {
    const state = this.#state[slot]
    if (state !== PLACED && state !== GONE) return
    const list = this.#lists.get(state === PLACED ? this.#game[slot]! : GONE_LIST)!
    const next = this.#next[slot]!
    const previous = this.#previous[slot]!
    if (previous >= 0) this.#next[previous] = next
    else list.first = next
    if (next >= 0) this.#previous[next] = previous
    else list.last = previous
    list.count--
    if (state === PLACED) this.#placed--
    this.#game[slot] = 0
  }

  #grow(): void {
    const count = this.#state.length * 2
    this.#game = grown(this.#game, new Uint16Array(count))
    this.#state = grown(this.#state, new Uint8Array(count))
    this.#epoch = grown(this.#epoch, new Uint32Array(count))
    this.#session = grown(this.#session, new Uint32Array(count))
    this.#goneAt = grown(this.#goneAt, new Float64Array(count))
    this.#ids = grown(this.#ids, new Uint8Array(count * ID_BYTES))
    this.#next = grown(this.#next, new Int32Array(count))
    this.#previous = grown(this.#previous, new Int32Array(count))
  }
}

function grown<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from)
  return to
}
