// What clients say, on its way to the games: checked, stamped with who said it, and passed on unopened.
//
//     client:  | u16 11 | entity id | method, arguments |
//     game:    | u16 41 | entity id | client id | method, arguments |          the stamp stands before what the client wrote
//
//     client:  | u16 3004 | entity id | u32 number, u32 seen | method, arguments |              its own player's only
//     game:    | u16 87 | entity id | client id | u32 number, u32 seen | method, arguments |
//
//     client:  | u16 12 | entity id, x y z yaw |
//     game:    | u16 43 | u16 game | entity id, x y z yaw | …next player's… |   one frame a game while nothing comes between
import type { Cluster } from '../../engine/cluster/cluster.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { clientMessages, sessionMessages } from '../../engine/wire/client-wire.ts'
import { messages } from '../../engine/wire/messages.ts'
import { getF32, getU16, getU32, sameId } from '../../engine/wire/packet.ts'
import { RECORD_BYTES } from '../../engine/wire/sync.ts'
import type { Client } from './client.ts'
import type { Refusal } from './refusals.ts'

/** GoWorld's clients of 2017 number their two calls one higher than those of 2022. */
const NUMBERS = {
  '2022': { call: clientMessages.callFromClient.code, position: clientMessages.positionFromClient.code },
  '2017': { call: 12, position: 13 },
} as const

const TYPE_BYTES = 2
const ID_BYTES = 16
const METHOD_AT = TYPE_BYTES + ID_BYTES
/** Type, entity id, an empty method name. */
const CALL_BYTES_MIN = METHOD_AT + 4
/** In an input there are its number and what was seen in front of that. */
const INPUT_HEAD_BYTES = 8
const INPUT_BYTES_MIN = CALL_BYTES_MIN + INPUT_HEAD_BYTES
const POSITION_BYTES = TYPE_BYTES + RECORD_BYTES
/** The first of those that only clients with a session send. */
const SESSION_TYPE_MIN = sessionMessages.hello.code

export interface IntakeOwner {
  /** The client has made a call. */
  asked(client: Client): void
  /** The client has moved its player. */
  moved(client: Client): void
  /** Counts a message that is dropped. */
  drop(client: Client, reason: Refusal): void
  /** Closes a client for what it said. */
  refuse(client: Client, reason: Refusal, detail: string): void
  /** A frame that only clients with a session send; answers as `frame`. */
  session(client: Client, bytes: Uint8Array, start: number, end: number): boolean
}

export class Intake {
  calls = 0
  inputs = 0
  positions = 0
  readonly #cluster: Cluster
  readonly #owner: IntakeOwner
  readonly #callType: number
  readonly #positionType: number

  constructor(cluster: Cluster, protocol: keyof typeof NUMBERS, owner: IntakeOwner) {
    this.#cluster = cluster
    this.#owner = owner
    this.#callType = NUMBERS[protocol].call
    this.#positionType = NUMBERS[protocol].position
  }

  /** Takes one frame. Answers false when the client has lost its connection for it. */
  frame(client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    client.heard = true
    const type = getU16(bytes, start)
    if (type === this.#positionType) return this.#position(client, bytes, start, end)
    if (type === this.#callType) return this.#call(client, bytes, start, end)
    if (type === sessionMessages.input.code) return this.#input(client, bytes, start, end)
    if (type >= SESSION_TYPE_MIN) return this.#owner.session(client, bytes, start, end)
    if (type !== clientMessages.heartbeat.code) return this.#refuse(client, 'unknownType', `type ${type}`)
    return end - start === TYPE_BYTES || this.#refuse(client, 'malformed', `a heartbeat of ${end - start} bytes`)
  }

  #call(client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    const left = end - start - CALL_BYTES_MIN
    if (left < 0 || getU32(bytes, start + METHOD_AT) > left)
      return this.#refuse(client, 'malformed', 'a call that is cut off')
    if (!this.#stamp(messages.callFromClient.code, client, bytes, start, end)) return this.#drop(client, 'noDispatcher')
    this.calls++
    this.#owner.asked(client)
    return true
  }

  #input(client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    const left = end - start - INPUT_BYTES_MIN
    if (left < 0 || getU32(bytes, start + METHOD_AT + INPUT_HEAD_BYTES) > left)
      return this.#refuse(client, 'malformed', 'an input that is cut off')
    const { player } = client
    if (!player || !sameId(bytes, start + TYPE_BYTES, player.destroyBody, player.idAt))
      return this.#drop(client, 'notOwnInput')
    if (!this.#stamp(messages.inputFromClient.code, client, bytes, start, end))
      return this.#drop(client, 'noDispatcher')
    this.inputs++
    return true
  }

  /** Passes it on with the client's id behind the entity's, as a message `code`. Answers false when there is no way. */
  #stamp(code: number, client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    const link = this.#cluster.toEntityBytes(bytes, start + TYPE_BYTES)
    if (!link.up) return false
    link.begin(code)
    link.out.raw(bytes, start + TYPE_BYTES, start + METHOD_AT)
    link.out.raw(client.idBytes)
    link.out.raw(bytes, start + METHOD_AT, end)
    link.end()
    return true
  }

  #position(client: Client, bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== POSITION_BYTES) return this.#refuse(client, 'malformed', `a position of ${end - start} bytes`)
    const { player } = client
    const record = start + TYPE_BYTES
    if (!player || !sameId(bytes, record, player.destroyBody, player.idAt)) return this.#drop(client, 'notOwnPlayer')
    if (!client.syncing) return this.#drop(client, 'notSynced')
    // The sum of doubles is finite exactly when all four are.
    const sum =
      getF32(bytes, record + 16) + getF32(bytes, record + 20) + getF32(bytes, record + 24) + getF32(bytes, record + 28)
    if (!Number.isFinite(sum)) return this.#drop(client, 'notFinite')
    // By the entity's dispatcher, like its calls: the two keep their order.
    const link = this.#cluster.toEntityBytes(bytes, record)
    if (!link.up) return this.#drop(client, 'noDispatcher')
    this.positions++
    client.output.budget?.playerAt(bytes, record + ID_BYTES)
    this.#beginRecords(link, player.gameId)
    link.out.raw(bytes, record, end)
    // Its game tells others of it once in its interval: what waits here for company is not later for that.
    link.endLater()
    this.#owner.moved(client)
    return true
  }

  /** Goes on with the newest frame of the batch when it holds positions for that game, else begins one. */
  #beginRecords(link: Link, gameId: number): void {
    const { out, lastFrame } = link
    const { code } = messages.positionsFromClients
    const at = out.fieldsOf(lastFrame, code)
    if (at >= 0 && getU16(out.bytes, at) === gameId) return
    link.begin(code)
    link.out.u16(gameId)
  }

  #drop(client: Client, reason: Refusal): boolean {
    this.#owner.drop(client, reason)
    return true
  }

  #refuse(client: Client, reason: Refusal, detail: string): boolean {
    this.#owner.refuse(client, reason, detail)
    return false
  }
}
