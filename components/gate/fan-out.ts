// What games say, on its way to the clients: once to the gate, from here to each client that it is for. Bodies are
// passed on unopened; an attribute change, a call or a position begins with the entity's id, which is looked up.
//
//     changeAttr ──> view of the entity ──> own client, watchers: same frame, each with its own id patched in
//     positions  ──> for each record: places of views; who watches will be told
//                      ├─ at the client's own time ──> 32 bytes for each that it watches and that has moved since
//                      └─ positionsFlushed ──────────> few, to those in compact form: see compact-fan-out.ts
import { WireError } from '../../engine/base/errors.ts'
import { ID_BYTES } from '../../engine/base/id.ts'
import { clientMessages, sessionMessages } from '../../engine/wire/client-wire.ts'
import { AUDIENCE_ALL, messages, SYNC_OWN, SYNC_WATCHERS, type Values } from '../../engine/wire/messages.ts'
import { getU16, getU32, PacketReader } from '../../engine/wire/packet.ts'
import { RECORD_BYTES } from '../../engine/wire/sync.ts'
import type { Client } from './client.ts'
import type { Clients } from './clients.ts'
import { CompactFanOut } from './compact-fan-out.ts'
import type { Filters } from './filters.ts'
import { FrameCopy } from './frame-copy.ts'
import type { Held } from './held.ts'
import type { Output, PositionsFrame } from './output.ts'
import type { Phases } from './phases.ts'
import type { Places } from './places.ts'
import { Stillness } from './stillness.ts'
import type { Unasked } from './unasked.ts'
import type { Unshown } from './unshown.ts'
import type { View, Views, Watched } from './views.ts'

/** GoWorld's clients of 2017 know this message by another number. */
const MAP_CLEAR_2017 = 1014
/** A client's id and its player's. */
const CALL_BYTES = 2 * ID_BYTES
/** In front of the records of a game's message. */
const POSITIONS_HEADER_BYTES = 2 + 1 + 1

export interface FanOutOwner {
  readonly gateId: number
  readonly protocol: '2022' | '2017'
  readonly clients: Clients
  readonly views: Views
  readonly filters: Filters
  readonly unshown: Unshown
  readonly ownPlaces: { told(client: Client): void }
  readonly unasked: Unasked
  readonly held: Held
  readonly phases: Phases
  /** Whether clients have budgets, for which it matters where their players are. */
  readonly hasBudgets?: boolean
  /** `turnEnds` is to be called at the end of this turn. */
  awaitsTurnEnd(): void
  /** A game wants a client's connection closed. */
  closeClient(client: Client, reason: string): void
}

export class FanOut {
  /** Records and messages that were written to clients. */
  deliveredRecords = 0
  deliveredMessages = 0
  /** Messages for clients that have gone, and of entities that nobody here sees, or not where the message is from: they crossed each other. */
  missedClients = 0
  missedEntities = 0
  readonly #owner: FanOutOwner
  /** By the client's slot. */
  readonly #outputs: Output[] = []
  readonly #compact: CompactFanOut
  /** What has moved since its game's last flush, of what somebody sees in compact form. By the game. */
  readonly #moved = new Map<number, View[]>()
  readonly #stillness: Stillness
  readonly #frame = new FrameCopy()
  readonly #reader = new PacketReader()
  /** Slots of those who are to hear what is said at the moment. */
  readonly #audience: number[] = []
  #viewed = new Uint8Array(0)
  #view = new DataView(this.#viewed.buffer)

  constructor(owner: FanOutOwner) {
    this.#owner = owner
    this.#compact = new CompactFanOut(this.#outputs, owner.views)
    this.#stillness = new Stillness(() => owner.awaitsTurnEnd())
  }

  addOutput(output: Output): void {
    this.#outputs[output.slot] = output
  }

  /** The turn is over: whoever was told of positions that are no news any more is told so. */
  turnEnds(): void {
    this.#stillness.tell()
    this.#owner.unasked.turnEnds()
  }

  /** The game is gone. */
  gameDown(gameId: number): void {
    this.#stillness.forget(gameId)
    this.#moved.delete(gameId)
    this.#owner.phases.gameDown(gameId)
  }

  /** Takes a packet, type and fields; answers false when it is none of those that are for clients. */
  packet(bytes: Uint8Array, start: number, end: number): boolean {
    switch (getU16(bytes, start)) {
      case messages.positions.code:
        this.#positions(bytes, start + 4, end)
        return true
      case messages.positionsFlushed.code:
        this.#positionsFlushed(messages.positionsFlushed.read(bytes, start + 2, end))
        return true
      case messages.changeAttr.code:
        this.#changeAttr(bytes, start + 4, end)
        return true
      case messages.callClient.code:
        this.#callClient(bytes, start + 4, end)
        return true
      case messages.callClients.code:
        this.#callClients(bytes, start + 4, end)
        return true
      case messages.inputDone.code:
        this.#inputDone(bytes, start + 4, end)
        return true
      case messages.callAllClients.code:
        this.#callAllClients(bytes, start + 4, end)
        return true
      case messages.callFilteredClients.code:
        this.#callFilteredClients(bytes, start + 4, end)
        return true
      default:
        return this.#client(bytes, start, end)
    }
  }

  // --- the hot path --------------------------------------------------------------------------------------------------

  /** u16 game | u8 audience | u8 step | records. */
  #positions(bytes: Uint8Array, at: number, end: number): void {
    const first = at + POSITIONS_HEADER_BYTES
    if (end < first || (end - first) % RECORD_BYTES !== 0) throw new WireError('positions that are cut off')
    const gameId = getU16(bytes, at)
    const audience = bytes[at + 2]!
    const { views, unshown, hasBudgets, phases } = this.#owner
    if (unshown.has(gameId)) {
      this.missedEntities += (end - first) / RECORD_BYTES
      return
    }
    const { places } = views
    const intervalMs = phases.intervalOf(gameId)
    const source = this.#viewOf(bytes)
    for (let record = first; record < end; record += RECORD_BYTES) {
      const view = views.find(bytes, record)
      if (view === undefined || view.gameId !== gameId) {
        this.missedEntities++
        continue
      }
      if (hasBudgets && view.own >= 0) this.#outputs[view.own]!.budget?.playerAt(bytes, record + ID_BYTES)
      if (audience & SYNC_WATCHERS) {
        places.move(view.slot, source, record)
        const { watchers, watcherCount } = view
        for (let one = 0; one < watcherCount; one++) phases.moved(watchers[one]!, intervalMs)
      } else {
        places.set(view.slot, bytes, record + ID_BYTES)
      }
      if (audience & SYNC_OWN && view.own >= 0) {
        this.#moveOwn(view, bytes, record)
        phases.moved(view.own, intervalMs)
      }
      if (view.compactCount > 0) this.#listCompact(view, audience, (bytes[at + 3]! << 24) >> 24)
    }
  }

  #moveOwn(view: View, bytes: Uint8Array, record: number): void {
    view.ownRecord ??= new Uint8Array(RECORD_BYTES)
    view.ownRecord.set(bytes.subarray(record, record + RECORD_BYTES))
    view.ownMoved = true
  }

  #listCompact(view: View, audience: number, step: number): void {
    if (view.moved === 0) {
      const moved = this.#moved.get(view.gameId)
      if (moved) moved.push(view)
      else this.#moved.set(view.gameId, [view])
    }
    view.moved |= audience
    view.step = step
  }

  /** The interval is over: who hears in compact form is told of all that has moved in it. */
  #positionsFlushed({ gameId, timeMs, intervalMs }: Values<'positionsFlushed'>): void {
    const { clients, ownPlaces, views, unshown, phases } = this.#owner
    phases.learnInterval(gameId, intervalMs)
    const moved = this.#moved.get(gameId)
    this.#moved.delete(gameId)
    if (unshown.has(gameId)) return
    const told = this.#stillness.toldIn(gameId, timeMs)
    phases.flushed(gameId)
    if (!moved) return
    const frames = new Map<number, PositionsFrame>()
    for (const view of moved) {
      // What came back in the same interval is there twice, and told once.
      if (view.gameId !== gameId || view.moved === 0 || !views.has(view)) continue
      let frame = frames.get(view.step)
      if (!frame) {
        frame = { timeMs, step: view.step, told }
        frames.set(view.step, frame)
      }
      if (view.moved & SYNC_WATCHERS) this.deliveredRecords += this.#compact.tellWatchers(view, frame)
      if (view.ownMoved && views.isNumbered(view.own)) {
        view.ownMoved = false
        this.#compact.tellOwn(view, frame)
        ownPlaces.told(clients.at(view.own))
        this.deliveredRecords++
      }
      view.moved = 0
    }
  }

  /** It is the client's time: tells it of all that has moved since the last. */
  tellMoved(slot: number): void {
    const output = this.#outputs[slot]!
    const { clients, ownPlaces, views } = this.#owner
    output.takeHeld()
    if (!views.isNumbered(slot)) {
      const client = clients.at(slot)
      const { player } = client
      if (player?.ownMoved) {
        player.ownMoved = false
        output.appendRecord(player.ownRecord!, 0, true)
        ownPlaces.told(client)
        this.deliveredRecords++
      }
      this.deliveredRecords += this.#copyMoved(output, views.watchedBy(slot), views.places)
    }
    output.leave()
  }

  /**
   * A record is read as four words of 64 bits and written from registers: of all ways to copy 32 bytes to odd places that we
   * measured (a loop, `set`, Buffer.copy, words of 32 bits) the fastest by far. Answers how many were copied.
   */
  #copyMoved(output: Output, { items, told, count }: Watched, { records, words, versions }: Places): number {
    let copied = 0
    for (let one = 0; one < count; one++) {
      const slot = items[one]!
      const version = versions[slot]!
      if (told[one] === version) continue
      told[one] = version
      copied++
      const record = slot * RECORD_BYTES
      const at = output.roomForRecord()
      if (at < 0) {
        output.keepLate(records, record)
        continue
      }
      const target = output.view
      target.setBigInt64(at, words.getBigInt64(record, true), true)
      target.setBigInt64(at + 8, words.getBigInt64(record + 8, true), true)
      target.setBigInt64(at + 16, words.getBigInt64(record + 16, true), true)
      target.setBigInt64(at + 24, words.getBigInt64(record + 24, true), true)
    }
    return copied
  }

  /** u16 game | u8 audience | u16 type | body, which begins with the entity's id. */
  #changeAttr(bytes: Uint8Array, at: number, end: number): void {
    const body = at + 5
    if (end - body < ID_BYTES) throw new WireError('an attribute change that is cut off')
    const type = this.#numberOf(getU16(bytes, at + 3))
    this.#toViewers(type, getU16(bytes, at), bytes, body, end, bytes[at + 2] === AUDIENCE_ALL)
  }

  /** u16 game | body, which begins with the entity's id. */
  #callAllClients(bytes: Uint8Array, at: number, end: number): void {
    const body = at + 2
    if (end - body < ID_BYTES) throw new WireError('a call that is cut off')
    this.#toViewers(clientMessages.callOnClient.code, getU16(bytes, at), bytes, body, end, true)
  }

  #toViewers(type: number, gameId: number, bytes: Uint8Array, body: number, end: number, all: boolean): void {
    const { views, unshown } = this.#owner
    const view = views.find(bytes, body)
    if (view === undefined || view.gameId !== gameId || unshown.has(gameId)) {
      this.missedEntities++
      return
    }
    const frame = this.#frame
    frame.setAddressed(type, this.#owner.gateId, bytes, body, end)
    const outputs = this.#outputs
    if (view.own >= 0) {
      outputs[view.own]!.append(frame)
      this.deliveredMessages++
    }
    if (!all) return
    const { watchers, watcherCount } = view
    for (let one = 0; one < watcherCount; one++) outputs[watchers[one]!]!.append(frame)
    this.deliveredMessages += watcherCount
  }

  /** Client id | body, which begins with the entity's id: the client's player, or it would not know whom it is called on. */
  #callClient(bytes: Uint8Array, at: number, end: number): void {
    const body = at + ID_BYTES
    if (end - body < ID_BYTES) throw new WireError('a call that is cut off')
    const slot = this.#callee(bytes, at)
    if (slot < 0) return
    this.#frame.setAddressed(clientMessages.callOnClient.code, this.#owner.gateId, bytes, body, end)
    const { unasked } = this.#owner
    unasked.begin()
    this.#say(slot, this.#frame, unasked.waits(slot))
  }

  #hold(slot: number, frame: FrameCopy): void {
    this.#owner.held.add(slot, frame)
    this.deliveredMessages++
  }

  #say(slot: number, frame: FrameCopy, waits: boolean): void {
    if (waits) this.#outputs[slot]!.appendCalm(frame)
    else this.#outputs[slot]!.append(frame)
    this.deliveredMessages++
  }

  /** u32 run | u32 length, what is said | client id, entity id | client id, entity id | … */
  #callClients(bytes: Uint8Array, at: number, end: number): void {
    const said = at + 8
    const calls = said + (end < said ? 0 : getU32(bytes, at + 4))
    if (end < calls || (end - calls) % CALL_BYTES !== 0) throw new WireError('calls that are cut off')
    const frame = this.#frame
    frame.setNameless(clientMessages.callOnClient.code, this.#owner.gateId, bytes, said, calls)
    const { unasked, held } = this.#owner
    unasked.begin()
    const isHeld = held.pays((end - calls) / CALL_BYTES)
    for (let one = calls; one < end; one += CALL_BYTES) {
      const slot = this.#callee(bytes, one)
      if (slot < 0) continue
      const waits = unasked.waits(slot)
      if (waits && isHeld) {
        this.#hold(slot, frame)
      } else {
        frame.nameEntity(bytes, one + ID_BYTES)
        this.#say(slot, frame, waits)
      }
    }
    held.end()
  }

  /** The slot of the client whose id is at `at` when its player's is behind it, or -1. */
  #callee(bytes: Uint8Array, at: number): number {
    const { clients, unshown } = this.#owner
    const slot = clients.slotOf(bytes, at)
    if (slot < 0) {
      this.missedClients++
      return -1
    }
    const isPlayers = clients.plays(slot, this.#viewOf(bytes), at + ID_BYTES)
    if (isPlayers && (!unshown.some || this.#isHeard(clients.at(slot).player))) return slot
    this.missedEntities++
    return -1
  }

  /** Client id | body, which names nobody. */
  #inputDone(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < ID_BYTES) throw new WireError('an answer to an input that is cut off')
    const client = this.#owner.clients.find(bytes, at)
    if (!client) {
      this.missedClients++
      return
    }
    this.#frame.set(sessionMessages.inputDone.code, bytes, at + ID_BYTES, end)
    client.output.append(this.#frame)
    this.deliveredMessages++
  }

  // --- filters and the rest ----------------------------------------------------------------------------------------------

  /** Body of 1501: u8 operator | key | value | … */
  #callFilteredClients(bytes: Uint8Array, at: number, end: number): void {
    const reader = this.#reader.reset(bytes, at, end)
    const operator = reader.u8()
    const key = reader.varstr()
    const value = reader.varstr()
    const frame = this.#frame
    // Those of 2017 have never heard of the operator.
    frame.set(clientMessages.callFiltered.code, bytes, this.#owner.protocol === '2017' ? at + 1 : at, end)
    const { filters, clients, unasked, held } = this.#owner
    const audience = this.#audience
    audience.length = 0
    // It is a call on the client's player: who has none yet is not called.
    if (key === '') clients.forEachPlaying((slot) => audience.push(slot))
    else filters.forEach(operator, key, value, (slot) => audience.push(slot))
    unasked.begin()
    const isHeld = held.pays(audience.length)
    for (const slot of audience) {
      const waits = unasked.waits(slot)
      if (waits && isHeld) this.#hold(slot, frame)
      else this.#say(slot, frame, waits)
    }
    held.end()
  }

  /** Rare messages to one client: read whole. Answers false for what is none of them. */
  #client(bytes: Uint8Array, start: number, end: number): boolean {
    const { clients, filters } = this.#owner
    const type = getU16(bytes, start)
    const isOne =
      type === messages.setFilter.code ||
      type === messages.clearFilters.code ||
      type === messages.setSyncing.code ||
      type === messages.closeClient.code
    if (!isOne) return false
    if (end - start < 4 + ID_BYTES) throw new WireError('a message to a client that is cut off')
    const client = clients.find(bytes, start + 4)
    if (!client) {
      this.missedClients++
    } else if (type !== messages.closeClient.code && !this.#isHeard(client.player)) {
      this.missedEntities++
    } else if (type === messages.setFilter.code) {
      const { key, value } = messages.setFilter.read(bytes, start + 2, end)
      filters.set(client.slot, key, value)
    } else if (type === messages.clearFilters.code) {
      filters.clear(client.slot)
    } else if (type === messages.setSyncing.code) {
      client.syncing = messages.setSyncing.read(bytes, start + 2, end).syncing
    } else {
      const { handed, reason } = messages.closeClient.read(bytes, start + 2, end)
      if (handed >= client.handed) this.#owner.closeClient(client, reason)
    }
    return true
  }

  /** Whether what is said of a player is passed on. */
  #isHeard(player: View | undefined): player is View {
    return player !== undefined && !this.#owner.unshown.has(player.gameId)
  }

  #numberOf(type: number): number {
    return type === clientMessages.mapClear.code && this.#owner.protocol === '2017' ? MAP_CLEAR_2017 : type
  }

  /** A view of words over the chunk that packets lie in: made once a chunk. */
  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#viewed) {
      this.#viewed = bytes as Uint8Array<ArrayBuffer>
      this.#view = new DataView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)
    }
    return this.#view
  }
}
