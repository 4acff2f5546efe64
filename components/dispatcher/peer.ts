// One link session with a game or a gate: what it sends is forwarded, handled, or refused. A peer that sends what it
// may not, or what cannot be read, costs itself that message: it is counted, and logged once per type.
import { WireError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Backlog, Link, LinkEvents } from '../../engine/cluster/link.ts'
import { messages, type ReceivedBy, type Values } from '../../engine/wire/messages.ts'
import { getU16 } from '../../engine/wire/packet.ts'
import { ACTIONS, FORBIDDEN, HANDLED, HANDLED_NAMES, namesReceiver, type Router } from './routes.ts'
import type { Tally } from './tally.ts'

/** What the dispatcher does for its peers beyond forwarding. */
export interface PeerOwner {
  up(peer: Peer, fresh: boolean): void
  down(peer: Peer, reason: string, said: boolean): void
  broken(peer: Peer): void
  /** Its backlog is another. */
  congested(peer: Peer): void
  handle<N extends ReceivedBy<'dispatcher'>>(peer: Peer, name: N, values: Values<N>): void
  /** A packet to forward whose receiver has no open link. */
  unrouted(action: number, bytes: Uint8Array, start: number, end: number): void
}

const HELLO_CODES = { game: messages.gameHello.code, gate: messages.gateHello.code } as const

export class Peer implements LinkEvents {
  readonly link: Link
  readonly role: 'game' | 'gate'
  readonly id: number
  /** Whether it has said hello. Before that it may say nothing else. */
  greeted = false
  /** What waits for it. */
  backlog: Backlog = 'little'
  readonly #owner: PeerOwner
  readonly #router: Router
  readonly #tally: Tally
  readonly #log: Log
  readonly #actions: Uint8Array
  readonly #complained = new Set<number>()

  constructor(
    link: Link,
    { role, id }: { readonly role: 'game' | 'gate'; readonly id: number },
    owner: PeerOwner,
    router: Router,
    tally: Tally,
    log: Log,
  ) {
    this.link = link
    this.role = role
    this.id = id
    this.#owner = owner
    this.#router = router
    this.#tally = tally
    this.#log = log
    this.#actions = ACTIONS[role]
  }

  get name(): string {
    return `${this.role} ${this.id}`
  }

  up(fresh: boolean): void {
    this.#owner.up(this, fresh)
  }

  packet(bytes: Uint8Array, start: number, end: number): void {
    const code = getU16(bytes, start)
    const action = this.#actions[code]!
    if (this.greeted && this.#router.forward(action, bytes, start, end)) return
    this.#router.endRun()
    this.#lookCloser(code, action, bytes, start, end)
  }

  batchEnds(): void {
    this.#router.endRun()
  }

  down(reason: string, said: boolean): void {
    this.#owner.down(this, reason, said)
  }

  broken(): void {
    this.#owner.broken(this)
  }

  congested(backlog: Backlog): void {
    const table = this.role === 'game' ? this.#router.games : this.#router.gates
    table.setSlow(this.id, backlog === 'large')
    this.backlog = backlog
    this.#owner.congested(this)
  }

  save() {
    return { greeted: this.greeted, backlog: this.backlog, complained: this.#complained }
  }

  restore({ greeted, backlog, complained }: ReturnType<Peer['save']>): void {
    this.greeted = greeted
    this.backlog = backlog
    for (const code of complained) this.#complained.add(code)
  }

  /** Ignores a message, for a reason that its sender must answer for. */
  refuse(reason: 'forbidden' | 'malformed', code: number, what: string): void {
    this.#tally.add(reason)
    if (this.#complained.has(code)) return
    this.#complained.add(code)
    this.#log.error(`${this.name} sent ${nameOf(code)}, which is ignored: ${what}`)
  }

  #lookCloser(code: number, action: number, bytes: Uint8Array, start: number, end: number): void {
    if (action === FORBIDDEN) return this.refuse('forbidden', code, `a ${this.role} may not send it`)
    if (!this.greeted && code !== HELLO_CODES[this.role])
      return this.refuse('forbidden', code, 'it did not say hello first')
    if (action === HANDLED) return this.#handle(HANDLED_NAMES.get(code)!, bytes, start, end)
    if (!namesReceiver(action, start, end)) return this.refuse('malformed', code, 'it is cut off')
    this.#owner.unrouted(action, bytes, start, end)
  }

  #handle<N extends ReceivedBy<'dispatcher'>>(name: N, bytes: Uint8Array, start: number, end: number): void {
    let values: Values<N>
    try {
      values = messages[name].read(bytes, start + 2, end) as Values<N>
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      return this.refuse('malformed', messages[name].code, error.message)
    }
    this.#owner.handle(this, name, values)
  }
}

const NAMES = new Map(Object.entries(messages).map(([name, { code }]) => [code, name]))
const nameOf = (code: number) => NAMES.get(code) ?? `a message of the unknown type ${code}`
