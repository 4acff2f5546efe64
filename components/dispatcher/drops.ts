// What the dispatcher has to drop: counted by reason, and where somebody waits for an answer to it, answered.
import { ID_BYTES } from '../../engine/base/id.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { messages } from '../../engine/wire/messages.ts'
import { getU16, getU32, readLatin1 } from '../../engine/wire/packet.ts'
import type { Game } from './game.ts'
import type { PacketQueue } from './held.ts'
import { ROUTE_AT } from './routes.ts'
import type { Reason, Tally } from './tally.ts'

/** Requests have the number of the game that waits, and its own number for them, behind the entity's id. */
const REQUESTS: readonly number[] = [messages.askEntity.code, messages.askSpace.code, messages.takeClient.code]
const ASKER_AT = ROUTE_AT + 16
const NUMBER_AT = ASKER_AT + 2
const REQUEST_BYTES_MIN = NUMBER_AT + 4
/** Of `resumePlayer`, behind the number of the gate. */
const CLIENT_AT = ASKER_AT + 2

/** What is told to those who wait. */
const TOLD = {
  unknownEntity: 'there is no such entity',
  entityQueueFull: 'too much waits for the entity',
  neverPlaced: 'the entity could not be placed',
  gameQueueFull: 'too much waits for its game',
  gameLost: 'its game went down',
} as const satisfies Partial<Record<Reason, string>>

export type DropReason = keyof typeof TOLD

export class Drops {
  readonly #games: ReadonlyMap<number, Game>
  readonly #gates: ReadonlyMap<number, Link>
  readonly #tally: Tally

  constructor(games: ReadonlyMap<number, Game>, gates: ReadonlyMap<number, Link>, tally: Tally) {
    this.#games = games
    this.#gates = gates
    this.#tally = tally
  }

  packet(reason: DropReason, bytes: Uint8Array, start: number, end: number): void {
    this.#tally.add(reason)
    this.#answer(reason, bytes, start, end)
  }

  queue(reason: DropReason, queue: PacketQueue): void {
    this.#tally.add(reason, queue.packets)
    queue.moveTo({ forward: (bytes, start, end) => this.#answer(reason, bytes, start, end) })
  }

  #answer(reason: DropReason, bytes: Uint8Array, start: number, end: number): void {
    if (getU16(bytes, start) === messages.resumePlayer.code) return this.#refuseToResume(reason, bytes, start, end)
    if (end - start < REQUEST_BYTES_MIN || !REQUESTS.includes(getU16(bytes, start))) return
    const no = getU32(bytes, start + NUMBER_AT)
    this.#games.get(getU16(bytes, start + ASKER_AT))?.sendNow('undelivered', { no, reason: TOLD[reason] })
  }

  /** A gate waits for this one. */
  #refuseToResume(reason: DropReason, bytes: Uint8Array, start: number, end: number): void {
    if (end - start < CLIENT_AT + ID_BYTES) return
    const gateId = getU16(bytes, start + ASKER_AT)
    const clientId = readLatin1(bytes, start + CLIENT_AT, ID_BYTES)
    this.#gates.get(gateId)?.send('resumeRefused', { gateId, clientId, reason: TOLD[reason] })
  }
}
