// The dispatcher's side of links: takes connections, and finds or makes the session that each belongs to.
import type { Scheduled } from '../base/clock.ts'
import { messageOf, WireError } from '../base/errors.ts'
import { IdMaker } from '../base/id.ts'
import type { Connection } from '../net/connection.ts'
import { FrameReader } from '../wire/frame.ts'
import { FRAME_BYTES_MAX, Link, type LinkEvents, type LinkOptions, REUSED_BYTES } from './link.ts'
import {
  type Greeting,
  greetingFrame,
  KIND_HELLO,
  KIND_REFUSE,
  KIND_WELCOME,
  readGreeting,
  reasonFrame,
} from './session-frame.ts'

const HELLO_WITHIN_MS = 5000

interface Session {
  readonly id: string
  readonly link: Link
}

export class LinkAcceptor {
  readonly #options: LinkOptions
  readonly #accepted: (link: Link) => LinkEvents
  /** By role and number: one process, one session. */
  readonly #sessions = new Map<string, Session>()
  readonly #strangers = new Set<Connection>()
  readonly #process: string

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

  accept(connection: Connection): void {
    const { log, clock } = this.#options
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
    const key = `${peer.role} ${peer.id}`
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
    return this.#begin(key, hello, connection)
  }

  #begin(key: string, { peer, process, session }: Greeting, connection: Connection): Link {
    let events: LinkEvents | undefined
    const link = new Link(this.#options, {
      up: (fresh, forgotten) => events?.up(fresh, forgotten),
      packet: (bytes, start, end) => events?.packet(bytes, start, end),
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
    connection.write(this.#welcome(session, 0, true))
    link.attach(connection, 0, true)
    return link
  }

  #welcome(session: string, received: number, fresh: boolean): Uint8Array {
    const { self } = this.#options
    return greetingFrame(KIND_WELCOME, { peer: self, process: this.#process, session, received, fresh })
  }
}
