// The inner loop of the dispatcher: what is done with a packet by its type, read off the protocol's table once, and
// the forwarding itself, which looks an id up, copies bytes from one link to another and opens nothing.
//
//     packet: | u16 type | entity id (16) or game / gate number (u16) | … unopened … |
//                 │              └ which link
//                 └ action[type]: one byte, by who sent it
//
// Packets that came one behind the other for the same link are a run, and are copied together when it ends: when one is
// for another link or is not forwarded at all, and with the batch.
import { type Link, RUN_BYTES_MAX } from '../../engine/cluster/link.ts'
import { type MessageName, messages, type ReceivedBy } from '../../engine/wire/messages.ts'
import { FRAME_LENGTH_BYTES, getU16 } from '../../engine/wire/packet.ts'
import type { Directory } from './directory.ts'

/** What is done with a packet. */
export const FORBIDDEN = 0
export const BY_ENTITY = 1
export const BY_GAME = 2
export const BY_GATE = 3
export const HANDLED = 4
/** As BY_GAME and BY_GATE, but left out while the receiver cannot keep up: a later one says all that it says. */
export const BY_GAME_OR_SHED = 5
export const BY_GATE_OR_SHED = 6

const SHEDDABLE: readonly MessageName[] = ['positions', 'positionsFromClients']

/** From the packet's start: the type, then what it is routed by. */
export const ROUTE_AT = 2
const ENTITY_BYTES_MIN = ROUTE_AT + 16
const NUMBER_BYTES_MIN = ROUTE_AT + 2

/** One action for each of the 65536 types that the wire can say. */
export type Actions = Uint8Array

function actionsFor(sender: 'game' | 'gate'): Actions {
  const actions = new Uint8Array(65536)
  for (const [name, message] of Object.entries(messages)) {
    if (!(message.from as readonly string[]).includes(sender)) continue
    const shed = SHEDDABLE.includes(name as MessageName)
    if ((message.to as readonly string[]).includes('dispatcher')) actions[message.code] = HANDLED
    else if (message.by === 'entity') actions[message.code] = BY_ENTITY
    else if (message.by === 'game') actions[message.code] = shed ? BY_GAME_OR_SHED : BY_GAME
    else if (message.by === 'gate') actions[message.code] = shed ? BY_GATE_OR_SHED : BY_GATE
  }
  return actions
}

export const ACTIONS = { game: actionsFor('game'), gate: actionsFor('gate') } as const

/** The messages that the dispatcher itself handles, by their codes. */
export const HANDLED_NAMES: ReadonlyMap<number, ReceivedBy<'dispatcher'>> = new Map(
  Object.entries(messages)
    .filter(([, message]) => (message.to as readonly string[]).includes('dispatcher'))
    .map(([name, message]) => [message.code, name as ReceivedBy<'dispatcher'>]),
)

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Links by number; there is none at 0, nor where packets must be held. */
class LinkTable {
  readonly #links: (Link | undefined)[] = [undefined]
  readonly #slow: boolean[] = [false]

  get(number: number): Link | undefined {
    return number < this.#links.length ? this.#links[number] : undefined
  }

  /** Whether the receiver has more unacknowledged bytes than it should. */
  slow(number: number): boolean {
    return this.#slow[number]!
  }

  set(number: number, link: Link | undefined): void {
    while (this.#links.length <= number) {
      this.#links.push(undefined)
      this.#slow.push(false)
    }
    this.#links[number] = link
    if (!link) this.#slow[number] = false
  }

  setSlow(number: number, slow: boolean): void {
    if (number < this.#slow.length) this.#slow[number] = slow
  }
}

export class Router {
  readonly games = new LinkTable()
  readonly gates = new LinkTable()
  readonly #directory: Directory
  forwarded = 0
  shed = 0
  /** Whom the run is for, if there is one, and where its frames lie. */
  #runLink: Link | undefined
  #runBytes = NO_BYTES
  #runFrom = 0
  #runTo = 0

  constructor(directory: Directory) {
    this.#directory = directory
  }

  /** What it has counted; links are set by whoever has them. */
  save() {
    return { forwarded: this.forwarded, shed: this.shed }
  }

  restore({ forwarded, shed }: ReturnType<Router['save']>): void {
    this.forwarded = forwarded
    this.shed = shed
  }

  /**
   * Forwards a packet of a batch, its length in front of it, if it is one to forward and its receiver is there; answers
   * false when it needs a closer look. It is copied when `endRun` is called, at the latest.
   */
  forward(action: number, bytes: Uint8Array, start: number, end: number): boolean {
    switch (action) {
      case BY_ENTITY: {
        if (end - start < ENTITY_BYTES_MIN) return false
        return this.#pass(this.games.get(this.#directory.gameAt(bytes, start + ROUTE_AT)), bytes, start, end)
      }
      case BY_GAME:
        if (end - start < NUMBER_BYTES_MIN) return false
        return this.#pass(this.games.get(getU16(bytes, start + ROUTE_AT)), bytes, start, end)
      case BY_GATE:
        if (end - start < NUMBER_BYTES_MIN) return false
        return this.#pass(this.gates.get(getU16(bytes, start + ROUTE_AT)), bytes, start, end)
      case BY_GAME_OR_SHED:
        return this.#passOrShed(this.games, bytes, start, end)
      case BY_GATE_OR_SHED:
        return this.#passOrShed(this.gates, bytes, start, end)
      default:
        return false
    }
  }

  #pass(link: Link | undefined, bytes: Uint8Array, start: number, end: number): boolean {
    if (link === undefined) return false
    const from = start - FRAME_LENGTH_BYTES
    const goesOn = link === this.#runLink && from === this.#runTo && bytes === this.#runBytes
    if (!goesOn || end - this.#runFrom > RUN_BYTES_MAX) {
      this.endRun()
      // What has left may have been what was too much for it.
      if (!link.up) return false
      this.#runLink = link
      this.#runBytes = bytes
      this.#runFrom = from
    }
    this.#runTo = end
    this.forwarded++
    return true
  }

  /** Passes on what was put off. */
  endRun(): void {
    const link = this.#runLink
    if (link === undefined) return
    this.#runLink = undefined
    link.forwardRun(this.#runBytes, this.#runFrom, this.#runTo)
    this.#runBytes = NO_BYTES
  }

  #passOrShed(table: LinkTable, bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < NUMBER_BYTES_MIN) return false
    const number = getU16(bytes, start + ROUTE_AT)
    const link = table.get(number)
    if (link !== undefined && table.slow(number)) {
      this.shed++
      return true
    }
    return this.#pass(link, bytes, start, end)
  }
}

/** Whether a forwarded packet is long enough to say whom it is for. */
export function namesReceiver(action: number, start: number, end: number): boolean {
  return end - start >= (action === BY_ENTITY ? ENTITY_BYTES_MIN : NUMBER_BYTES_MIN)
}
