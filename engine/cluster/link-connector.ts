// The game's and the gate's side of a link: connects to a dispatcher, and again whenever the connection is lost.
import type { Address } from '../base/address.ts'
import { formatAddress } from '../base/address.ts'
import type { Scheduled } from '../base/clock.ts'
import { messageOf, WireError } from '../base/errors.ts'
import { IdMaker } from '../base/id.ts'
import type { Connection, Transport } from '../net/connection.ts'
import { FrameReader } from '../wire/frame.ts'
import { FRAME_BYTES_MAX, Link, type LinkEvents, type LinkOptions, REUSED_BYTES } from './link.ts'
import { greetingFrame, KIND_HELLO, KIND_REFUSE, KIND_WELCOME, readGreeting, readReason } from './session-frame.ts'

const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 1000
const WELCOME_WITHIN_MS = 5000
/** Whoever has stood for so long is looked for again at once: another process may have taken its place. */
const STOOD_MS = 1000

export interface LinkConnectorOptions extends LinkOptions {
  /** Names this process, on all its links alike. */
  readonly process: string
  readonly transport: Transport
  readonly address: Address
}

export class LinkConnector {
  readonly link: Link
  readonly #options: LinkConnectorOptions
  readonly #sessionIds: IdMaker
  #session: string
  #retryMs = RETRY_FIRST_MS
  #retry: Scheduled | undefined
  #connection: Connection | undefined
  #closed = false
  #saidUnreachable = false

  constructor(options: LinkConnectorOptions, events: LinkEvents) {
    this.#options = options
    this.#sessionIds = new IdMaker(options.clock, options.random)
    this.#session = this.#sessionIds.next()
    this.link = new Link(options, {
      ...events,
      up: (fresh, forgotten) => events.up(fresh, forgotten),
      packet: (bytes, start, end) => events.packet(bytes, start, end),
      down: (reason, said) => {
        // The other end may still hold what is left of this session: the next one has another name.
        this.#session = this.#sessionIds.next()
        events.down(reason, said)
      },
    })
  }

  start(): void {
    void this.#connect()
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    if (this.link.isConnected) this.link.close()
    else this.#connection?.destroy('closed by us')
  }

  async #connect(): Promise<void> {
    const { transport, address, log } = this.#options
    try {
      const connection = await transport.connect(address)
      if (this.#closed) {
        connection.handle({ data() {}, close() {} })
        return connection.destroy()
      }
      this.#saidUnreachable = false
      this.#converse(connection)
    } catch (error) {
      if (this.#closed) return
      if (!this.#saidUnreachable) log.warn(`no dispatcher at ${formatAddress(address)} yet: ${messageOf(error)}`)
      this.#saidUnreachable = true
      this.#connectLater()
    }
  }

  #connectLater(): void {
    if (this.#closed) return
    const { clock, random } = this.#options
    this.#retry?.cancel()
    this.#retry = clock.after(this.#retryMs * (0.5 + random() / 2), () => void this.#connect())
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
  }

  #converse(connection: Connection): void {
    const { clock } = this.#options
    this.#connection = connection
    const session = this.#session
    let welcomed = false
    let welcomedMs = 0
    const patience = clock.after(WELCOME_WITHIN_MS, () => connection.destroy('it never answered our hello'))
    const frames = new FrameReader(
      (bytes, start, end) => {
        if (welcomed) this.link.receive(bytes, start, end)
        else {
          patience.cancel()
          welcomed = true
          welcomedMs = clock.now()
          this.#welcomed(connection, session, bytes, start, end)
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
          this.link.refuse(connection, error)
        }
      },
      close: () => {
        patience.cancel()
        if (this.#connection === connection) this.#connection = undefined
        this.link.detach(connection)
        if (this.#closed) return
        if (welcomed && clock.now() - welcomedMs >= STOOD_MS) void this.#connect()
        else this.#connectLater()
      },
    })
    const { self, process } = this.#options
    const { received, up } = this.link
    connection.write(greetingFrame(KIND_HELLO, { peer: self, process, session, received, fresh: !up }))
  }

  #welcomed(connection: Connection, session: string, bytes: Uint8Array, start: number, end: number): void {
    if (bytes[start] === KIND_REFUSE)
      throw new WireError(`the dispatcher refuses us: ${readReason(bytes, start + 1, end)}`)
    if (bytes[start] !== KIND_WELCOME) throw new WireError('it did not answer our hello')
    const welcome = readGreeting(bytes, start + 1, end)
    // The session ended while the answer was on its way.
    if (session !== this.#session || welcome.session !== session) return connection.destroy('the session has ended')
    this.#retryMs = RETRY_FIRST_MS
    this.link.peer = welcome.peer
    const isSame = welcome.process === this.link.peerProcess
    // Another process may have our session as well, and nothing else of it: its first welcome was lost.
    if ((welcome.fresh || !isSame) && this.link.up) {
      this.link.fail(isSame ? 'it has given up our session' : 'it was restarted')
      // `fail` gave the next session another name, which the dispatcher must hear first.
      return connection.destroy('the session begins anew')
    }
    this.link.peerProcess = welcome.process
    this.link.attach(connection, welcome.received, welcome.fresh, isSame)
  }
}
