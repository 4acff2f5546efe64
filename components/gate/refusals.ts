// What the gate refuses, counted by reason, and logged once per client and reason: whoever sends a million bad packets
// gets one line.
import type { Clock } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Client } from './client.ts'

/** Each costs the client its connection, or that message only. */
export const REFUSALS = {
  // The connection.
  gateFull: 'the gate is full',
  addressFull: 'as many as may be have come from its address',
  stopping: 'the gate stops',
  notSnappy: 'it does not speak snappy, as this gate does: is compress_connection set there?',
  badSnappy: 'a snappy stream that cannot be read',
  snappy: 'it speaks snappy, and this gate does not: is compress_connection set here?',
  tls: 'it speaks TLS, and this gate does not: is encrypt_connection set here?',
  badLength: 'a frame of a length that is not allowed',
  unknownType: 'a message of an unknown type',
  malformed: 'a message that cannot be read',
  silent: 'silent for too long',
  unfinished: 'a frame that never ended',
  overflow: 'it does not read what is sent to it',
  memory: 'the gate needs the memory that it takes',
  notBooted: 'no game took it',
  noHello: 'it did not say hello',
  badHello: 'a hello that cannot be taken',
  lateHello: 'a hello that is not the first that it says',
  tooEarly: 'something said in front of the welcome',
  falseReceived: 'it says that it has what was never said',
  // The connection, before there is a client.
  handshake: 'its TLS handshake has failed',
  handshakeSlow: 'its TLS handshake takes too long',
  handshakes: 'too many TLS handshakes are under way',
  handshakeAgain: 'it asks for new TLS keys or another handshake again and again',
  // The message.
  notOwnPlayer: 'a position for an entity that is not its player',
  notOwnInput: 'an input for an entity that is not its player',
  notSynced: 'a position for a player that it may not move',
  notFinite: 'a position that is no number',
  noDispatcher: 'a message while the dispatcher is away',
} as const

export type Refusal = keyof typeof REFUSALS

/** Beside the bits of the refusals. */
const LIMITED_BIT = 1 << Object.keys(REFUSALS).length
const BITS = Object.fromEntries(Object.keys(REFUSALS).map((reason, bit) => [reason, 1 << bit])) as Record<
  Refusal,
  number
>

/** Whoever is no client costs no more lines than this: anybody may connect as often as he likes. */
const STRANGERS_LINE_MS = 60_000

export class Refusals {
  readonly counts = Object.fromEntries(Object.keys(REFUSALS).map((reason) => [reason, 0])) as Record<Refusal, number>
  readonly #log: Log
  readonly #clock: Clock
  #strangersSaidMs = Number.NEGATIVE_INFINITY
  /** Since then. */
  #strangers = 0

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** Counts a refusal. With a `detail` for the log it costs the connection, without it the message only. */
  add(client: Client, reason: Refusal, detail?: string): void {
    this.counts[reason]++
    if (client.refused & BITS[reason]) return
    client.refused |= BITS[reason]
    const what = `client ${client.id} (${client.remote}): ${REFUSALS[reason]}`
    if (detail === undefined) this.#log.info(`${what} (dropped; more of them are only counted)`)
    else this.#log.warn(`${what}: ${detail}; closed`)
  }

  /** Counts one that has not become a client. */
  addStranger(reason: Refusal, remote: string, detail: string): void {
    this.counts[reason]++
    this.#strangers++
    const nowMs = this.#clock.now()
    if (nowMs - this.#strangersSaidMs < STRANGERS_LINE_MS) return
    const more = this.#strangers > 1 ? ` (and ${this.#strangers - 1} others since the last such line)` : ''
    this.#log.info(`${remote}: ${REFUSALS[reason]}: ${detail}; closed${more}`)
    this.#strangersSaidMs = nowMs
    this.#strangers = 0
  }

  /** It says more than it may. Nothing of it is refused, it is only read later; said once, like what is. */
  sayLimited(client: Client, limit: string): void {
    if (client.refused & LIMITED_BIT) return
    client.refused |= LIMITED_BIT
    this.#log.warn(`client ${client.id} (${client.remote}) says more than ${limit} allows: it is read more slowly`)
  }
}
