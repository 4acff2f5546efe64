// The dispatcher's side of links: takes connections, and finds or makes the session that each belongs to.
import type { Scheduled } from '../base/clock.ts'
import { messageOf, WireError } from '../base/errors.ts'
import { IdMaker } from '../base/id.ts'
import type { Connection } from '../net/connection.ts'
import { FrameReader } from '../wire/frame.ts'
import { FRAME_BYTES_MAX, Link, type LinkEvents, type LinkOptions, REUSED_BYTES, type SavedLink } from './link.ts'
import {
  type Greeting,
  greetingFrame,
  KIND_HELLO,
  KIND_REFUSE,
  KIND_WELCOME,
  type Peer,
  readGreeting,
  reasonFrame,
} from './session-frame.ts'

const HELLO_WITHIN_MS = 5000

interface Session {
  readonly id: string
  readonly link: Link
}

/** All sessions as data, and the name of the process that has them: whoever goes on with them is the same to their peers. */
export interface SavedSessions {
  readonly process: string
  readonly sessions: readonly { readonly id: string; readonly link: SavedLink }[]
}

export class LinkAcceptor {
  readonly #options: LinkOptions
  readonly #accepted: (link: Link) => LinkEvents
  /** By role and number: one process, one session. */
  readonly #sessions = new Map<string, Session>()
  readonly #strangers = new Set<Connection>()
  /** While it stands by: who has come already. */
  #early: Connection[] | undefined
  #process: string

  /** `accepted` is told of each new session's link, whose `peer` is known, and answers what is to happen on it. */
  constructor(options: LinkOptions, accepted: (link: Link) => LinkEvents) {
    this.#options = options
    this.#accepted = accepted
    this.#process = new IdMaker(options.clock, options.random).next()
  }

  get links(): readonly Link[] {
    return [...this.#sessions.values()].map(({ link }) => link)
  }

  flush(): void {
    for (const { link } of this.#sessions.values()) link.flush()
  }

  /** Whoever comes waits until `goOn`. */
  standBy(): void {
    this.#early = []
  }

  goOn(): void {
    for (const connection of this.#early ?? []) connection.resume()
    this.#early = undefined
  }

  accept(connection: Connection): void {
    const { log, clock } = this.#options
    if (this.#early) {
      connection.pause()
      this.#early.push(connection)
    }
    let link: Link | undefined
    this.#strangers.add(connection)
    const patience: Scheduled = clock.after(HELLO_WITHIN_MS, () => connection.destroy('it never said hello'))
    const frames = new FrameReader(
      (bytes, start, end) => {
        if (link) link.receive(bytes, start, end)
        else {
          patience.cancel()
          this.#strangers.delete(connection)
          link = this.#greet(connection, bytes, start, end)
          if (!link) return false
        }
        return undefined
      },
      { minBytes: 1, maxBytes: FRAME_BYTES_MAX, reusedBytes: REUSED_BYTES },
    )
    connection.handle({
      data: (chunk) => {
        try {
          frames.push(chunk)
        } catch (error) {
          if (!(error instanceof WireError)) throw error
          log.error(`link with ${connection.remote}: ${messageOf(error)}`)
          connection.destroy('it does not follow the protocol')
        }
      },
      close: () => {
        patience.cancel()
        this.#strangers.delete(connection)
        link?.detach(connection)
      },
    })
  }

  /** What was written must have been flushed. */
  save(): SavedSessions {
    const sessions = [...this.#sessions.values()].map(({ id, link }) => ({ id, link: link.save() }))
    return { process: this.#process, sessions }
  }

  /** Goes on with sessions that stood elsewhere: their peers come back to them. */
  restore({ process, sessions }: SavedSessions): void {
    this.#process = process
    for (const { id, link } of sessions) this.#begin(id, link.peer!, link.peerProcess).restore(link)
  }

  /** Ends all connections; the sessions wait. */
  letGo(): void {
    for (const connection of this.#strangers) connection.destroy('the sessions are handed over')
    for (const { link } of this.#sessions.values()) link.letGo()
  }

  close(): void {
    for (const connection of this.#strangers) connection.destroy('the dispatcher stops')
    for (const { link } of this.#sessions.values()) link.close()
    this.#sessions.clear()
  }

  #greet(connection: Connection, bytes: Uint8Array, start: number, end: number): Link | undefined {
    if (bytes[start] !== KIND_HELLO) throw new WireError('it did not say hello')
    let hello: Greeting
    try {
      hello = readGreeting(bytes, start + 1, end)
    } catch (error) {
      connection.write(reasonFrame(KIND_REFUSE, messageOf(error)))
      throw error
    }
    const { peer, session } = hello
    const key = keyOf(peer)
    const known = this.#sessions.get(key)
    if (known?.id === session && known.link.up) {
      connection.write(this.#welcome(session, known.link.received, false))
      known.link.attach(connection, hello.received, false)
      return known.link
    }
    if (known?.link.isConnected) {
      const reason = `there is a ${key} already`
      this.#options.log.error(`link with ${connection.remote} refused: ${reason}`)
      connection.write(reasonFrame(KIND_REFUSE, reason))
      connection.close(reason)
      return undefined
    }
    known?.link.fail('it came back as a new process')
    const link = this.#begin(session, peer, hello.process)
    connection.write(this.#welcome(session, 0, true))
    link.attach(connection, 0, true)
    return link
  }

  #begin(session: string, peer: Peer, process: string): Link {
    const key = keyOf(peer)
    let events: LinkEvents | undefined
    const link = new Link(this.#options, {
      up: (fresh, forgotten) => events?.up(fresh, forgotten),
      packet: (bytes, start, end) => events?.packet(bytes, start, end),
      batchEnds: () => events?.batchEnds?.(),
      down: (reason, said) => {
        if (this.#sessions.get(key)?.link === link) this.#sessions.delete(key)
        events?.down(reason, said)
      },
      broken: () => events?.broken?.(),
      congested: (backlog) => events?.congested?.(backlog),
    })
    link.peer = peer
    link.peerProcess = process
    this.#sessions.set(key, { id: session, link })
    events = this.#accepted(link)
    return link
  }

  #welcome(session: string, received: number, fresh: boolean): Uint8Array {
    const { self } = this.#options
    return greetingFrame(KIND_WELCOME, { peer: self, process: this.#process, session, received, fresh })
  }
}

const keyOf = ({ role, id }: Peer): string => `${role} ${id}`
