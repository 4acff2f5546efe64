// What dispatchers pass on of clients, entities and other games, on its way to the world: packets become calls.
//
//     packet ─┬─ calls, inputs, positions ──> the entity by its id, where it stands in the packet
//             └─ all else ──> read whole ──> players, migration, requests, …
import { WireError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Turn } from '../../engine/base/turn.ts'
import { type Caller, type Refusal, receiveCall } from '../../engine/entity/calls.ts'
import type { EntityCore } from '../../engine/entity/core.ts'
import { refusedCall } from '../../engine/entity/refused-call.ts'
import type { World } from '../../engine/entity/world.ts'
import { decode } from '../../engine/wire/codec.ts'
import { messages, NOT_DELIVERED } from '../../engine/wire/messages.ts'
import { getU16, getU32, readLatin1 } from '../../engine/wire/packet.ts'

/** Methods that there are not, of which the log says so: whoever makes names up does not fill it. */
const UNKNOWN_LOGGED_MAX = 100
/** For each method and reason: what was wrong, in so many ways. */
const WHYS_LOGGED_MAX = 10

export interface IntakeOptions {
  readonly world: World
  readonly log: Log
  readonly turn: Turn
  /** The class of the entity with which a client begins. */
  readonly bootEntity: string
}

export class Intake {
  /** Calls that were run or refused. */
  calls = 0
  /** Packets for entities that are not here. */
  lost = 0
  /** How often a call or a packet was refused, by the reason. */
  readonly refused = new Map<string, number>()
  readonly #world: World
  readonly #log: Log
  readonly #turn: Turn
  readonly #bootEntity: string
  /** By method and reason: what was said of it. */
  readonly #refusalsLogged = new Map<string, Set<string>>()
  #unknownLogged = 0

  constructor({ world, log, turn, bootEntity }: IntakeOptions) {
    this.#world = world
    this.#log = log
    this.#turn = turn
    this.#bootEntity = bootEntity
  }

  /** Takes a packet, type and fields; answers false for what is not for the world. Throws WireError for what cannot be read. */
  packet(bytes: Uint8Array, start: number, end: number): boolean {
    switch (getU16(bytes, start)) {
      case messages.callFromClient.code:
        this.#callFromClient(bytes, start + 2, end)
        return true
      case messages.callEntity.code:
        this.#callEntity(bytes, start + 2, end)
        return true
      case messages.askEntity.code:
        this.#askEntity(bytes, start + 2, end)
        return true
      case messages.inputFromClient.code:
        this.#inputFromClient(bytes, start + 2, end)
        return true
      case messages.positionsFromClients.code:
        this.#world.movement.fromClients(bytes, start + 4, end)
        return true
      default:
        return this.#few(bytes, start, end)
    }
  }

  /** Counts a packet that was not taken, by the reason. */
  count(reason: string): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1)
  }

  /** Messages that are few, read whole. Answers false for any other. */
  #few(bytes: Uint8Array, start: number, end: number): boolean {
    const world = this.#world
    const at = start + 2
    switch (getU16(bytes, start)) {
      case messages.bootHere.code: {
        const { entityId, epoch, ...client } = messages.bootHere.read(bytes, at, end)
        world.createHere(this.#bootEntity, entityId, epoch, {}, { ...client, handed: 0 })
        return true
      }
      case messages.createHere.code: {
        const { entityId, epoch, type, attrs } = messages.createHere.read(bytes, at, end)
        world.createHere(type, entityId, epoch, decode(attrs) as Record<string, unknown>)
        return true
      }
      case messages.loadHere.code: {
        const { entityId, epoch, type } = messages.loadHere.read(bytes, at, end)
        void world.loadHere(type, entityId, epoch)
        return true
      }
      case messages.clientGone.code: {
        const { entityId, clientId } = messages.clientGone.read(bytes, at, end)
        const core = world.find(entityId)
        if (core) world.players.clientGone(core, clientId)
        return true
      }
      case messages.placeHeard.code:
        world.movement.heard(messages.placeHeard.read(bytes, at, end))
        return true
      case messages.clientRefused.code: {
        const { entityId, clientId, handed } = messages.clientRefused.read(bytes, at, end)
        const core = world.find(entityId)
        if (core) world.players.clientGone(core, clientId, handed)
        return true
      }
      case messages.clientLost.code: {
        const { entityId, clientId } = messages.clientLost.read(bytes, at, end)
        const core = world.find(entityId)
        if (core) world.returns.lost(core, clientId)
        return true
      }
      case messages.clientBack.code: {
        const { entityId, clientId } = messages.clientBack.read(bytes, at, end)
        const core = world.find(entityId)
        if (core) world.returns.back(core, clientId)
        return true
      }
      case messages.sessionBegun.code: {
        const begun = messages.sessionBegun.read(bytes, at, end)
        const core = world.find(begun.entityId)
        if (core) world.returns.sessionBegun(core, begun)
        return true
      }
      case messages.resumePlayer.code:
        world.returns.resume(messages.resumePlayer.read(bytes, at, end))
        return true
      case messages.marked.code:
        world.marks.marked(messages.marked.read(bytes, at, end).no)
        return true
      case messages.keyRegistered.code: {
        const { key, ...known } = messages.keyRegistered.read(bytes, at, end)
        world.registry.registered(key, known)
        return true
      }
      case messages.entityHeld.code:
        world.migration.held(messages.entityHeld.read(bytes, at, end))
        return true
      case messages.arriveHere.code:
        world.migration.arrive(messages.arriveHere.read(bytes, at, end))
        return true
      case messages.entityMoved.code:
        world.migration.moved(messages.entityMoved.read(bytes, at, end))
        return true
      case messages.entityVoid.code:
        world.voidEntity(messages.entityVoid.read(bytes, at, end))
        return true
      case messages.askSpace.code:
        world.migration.spaceAsked(messages.askSpace.read(bytes, at, end))
        return true
      case messages.caughtUp.code:
        world.migration.caughtUp(messages.caughtUp.read(bytes, at, end))
        return true
      case messages.takeClient.code:
        world.players.take(messages.takeClient.read(bytes, at, end))
        return true
      case messages.answer.code: {
        const { no, outcome, value } = messages.answer.read(bytes, at, end)
        world.requests.settle(no, outcome, decode(value))
        return true
      }
      case messages.undelivered.code: {
        const { no, reason } = messages.undelivered.read(bytes, at, end)
        world.requests.settle(no, NOT_DELIVERED, reason)
        return true
      }
      default:
        return false
    }
  }

  /** u16 type | entity id | client id | method, arguments. */
  #callFromClient(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 32) throw new WireError('a call from a client is cut off')
    const core = this.#world.coreAt(bytes, at)
    if (!core) return this.#lose()
    this.calls++
    const clientId = readLatin1(bytes, at + 16, 16)
    const caller = core.client?.clientId === clientId ? 'ownClient' : 'anyClient'
    const refusal = receiveCall(core, bytes, at + 32, end, caller)
    if (refusal) this.#refuse(refusal, `client ${clientId}`, core, bytes, at + 32, end, caller)
  }

  /** u16 type | entity id | client id | u32 number | u32 seen | method, arguments. */
  #inputFromClient(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 40) throw new WireError('an input is cut off')
    const core = this.#world.coreAt(bytes, at)
    const clientId = readLatin1(bytes, at + 16, 16)
    if (core?.client?.clientId !== clientId) return this.#lose()
    const refusal = this.#world.inputs.take(core, getU32(bytes, at + 32), getU32(bytes, at + 36), bytes, at + 40, end)
    if (refusal) this.#refuse(refusal, `client ${clientId}`, core, bytes, at + 40, end, 'input')
    this.#turn.request()
  }

  /** u16 type | entity id | method, arguments. */
  #callEntity(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 16) throw new WireError('a call is cut off')
    const core = this.#world.coreAt(bytes, at)
    if (!core) return this.#lose()
    this.calls++
    const refusal = receiveCall(core, bytes, at + 16, end, 'server')
    if (refusal) this.#refuse(refusal, 'an entity', core, bytes, at + 16, end, 'server')
  }

  /** u16 type | entity id | u16 game | u32 number | method, arguments. */
  #askEntity(bytes: Uint8Array, at: number, end: number): void {
    if (end - at < 22) throw new WireError('an ask is cut off')
    const world = this.#world
    const asker = getU16(bytes, at + 16)
    const no = getU32(bytes, at + 18)
    const core = world.coreAt(bytes, at)
    if (!core) {
      this.#lose()
      return world.calling.answerUndelivered(asker, no, 'there is no such entity')
    }
    this.calls++
    const refusal = receiveCall(core, bytes, at + 22, end, 'server', world.calling.outcomeFor(asker, no))
    if (!refusal) return
    this.#refuse(refusal, 'an entity', core, bytes, at + 22, end, 'server')
    world.calling.answerUndelivered(asker, no, `${core}: ${refusal}`)
  }

  /** For an entity that was destroyed while the packet was on its way. */
  #lose(): void {
    this.lost++
  }

  /** The call is in `bytes`, from its method on. */
  #refuse(
    reason: Refusal,
    who: string,
    core: EntityCore,
    bytes: Uint8Array,
    start: number,
    end: number,
    caller: Caller,
  ): void {
    this.count(reason)
    const isUnknown = reason === 'unknown method'
    if (isUnknown && this.#unknownLogged >= UNKNOWN_LOGGED_MAX) return
    const call = refusedCall(core, reason, bytes, start, end, caller)
    const key = `${call.method} ${reason}`
    const said = this.#refusalsLogged.get(key) ?? new Set()
    if (said.size >= WHYS_LOGGED_MAX) return
    const why = call.why()
    if (said.has(why)) return
    this.#refusalsLogged.set(key, said.add(why))
    if (isUnknown) this.#unknownLogged++
    this.#log.warn(`refused a call of ${who} to ${core.id}: ${call.method}: ${why} (further ones are only counted)`)
  }
}
