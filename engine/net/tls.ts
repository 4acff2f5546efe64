// TLS in front of whoever listens: nobody hears of a connection before it has shaken hands, and it has to do that soon.
//
//     a socket ──> Handshakes: so long each, so many at a time ──> a connection like any other
//                      ├── its hello: read as it comes, and answered when its turn is
//                      └── speaks no TLS, too slow, too many: closed, and told by its reason
import { constants } from 'node:crypto'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Clock, Scheduled } from '../base/clock.ts'
import { realClock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { ClientHello } from './client-hello.ts'
import type { Transport } from './connection.ts'
import { remoteOf, SocketConnection } from './socket.ts'
import { listenForSockets } from './tcp.ts'

/** Of players far away it takes three times the way there and back. */
const WITHIN_MS = 5000
/**
 * A handshake costs a descriptor and some 50 KB. When so many are under way, the one that has taken the longest is given up:
 * players take a moment, so whoever only opens connections would have to open more than so many in that moment to lock them out.
 */
const UNDER_WAY_MAX = 2000

/**
 * To answer a hello takes up to a millisecond, and when a server has gone all of its players come at once: no more than so many
 * are answered in one turn of the event loop, so that whoever plays is served in between.
 */
const ANSWERED_A_TURN = 4
/** Whoever says more than this before its hello is answered does not wait for answers. */
const UNANSWERED_BYTES_MAX = 32 * 1024

/**
 * What a peer has around its bytes beyond what TLS needs for them, such as asking for new keys, or in TLS 1.2 for another handshake:
 * each time costs up to 10 µs and an answer, which waits where nobody counts it while the peer does not read. Besides this much, half of what it says will do: for HTTP nobody sees the records.
 */
const AROUND_BYTES_MAX = 256 * 1024
/** TLS 1.3 has so much around each record; 1.2 around those that are sealed at once, and around others at the most. */
const RECORD_BYTES = 22
const SEALED_RECORD_BYTES = 29
const OTHER_RECORD_BYTES = 85
/** That is looked at so often. */
const LOOK_MS = 1000

/** `handshakeAgain`: it had its handshake, and asks for new keys, or for another, again and again. `handshake`: what the peer said is no TLS, or none that is understood here. `handshakes`: others took its place. */
export type HandshakeRefusal = 'handshake' | 'handshakeSlow' | 'handshakes' | 'handshakeAgain'

export interface HandshakeOptions {
  readonly clock: Clock
  /** Key and certificate as they are now: another one counts from the next connection on. */
  readonly context: () => SecureContext
  /** A connection was closed for want of a handshake. One that goes without a word is nobody's business. */
  readonly refused: (reason: HandshakeRefusal, remote: string, detail: string) => void
  readonly withinMs?: number
  readonly underWayMax?: number
  readonly aroundBytesMax?: number
}

interface UnderWay {
  readonly raw: Socket
  readonly remote: string
  readonly patience: Scheduled
  readonly secured: (socket: TLSSocket) => void
  readonly hello: ClientHello
  unlisten: () => void
  /** Once it is answered. */
  socket: TLSSocket | undefined
  /** What OpenSSL has against it. */
  failure: string | undefined
}

/** One whose handshake is done. */
interface Secured {
  readonly socket: TLSSocket
  readonly raw: Socket
  readonly remote: string
  readonly recordBytes: number
  records: number
}

export class Handshakes {
  readonly #options: HandshakeOptions
  readonly #secured = new Set<Secured>()
  #look: Scheduled | undefined
  /** The oldest first. */
  readonly #underWay = new Set<UnderWay>()
  /** Those of them whose hello is here, and whose turn has not come. */
  readonly #toAnswer = new Set<UnderWay>()
  #isAnswering = false

  constructor(options: HandshakeOptions) {
    this.#options = options
  }

  /** How many are under way. */
  get underWay(): number {
    return this.#underWay.size
  }

  /** Takes a socket that was accepted, and hands it on when all that goes over it is encrypted. */
  begin(raw: Socket, secured: (socket: TLSSocket) => void): void {
    const { clock, withinMs = WITHIN_MS, underWayMax = UNDER_WAY_MAX } = this.#options
    // It may be gone before it was looked at.
    raw.on('error', () => {})
    if (raw.destroyed) return
    for (const oldest of this.#underWay) {
      if (this.#underWay.size < underWayMax) break
      this.#refuse(oldest, 'handshakes', `${underWayMax} are under way`)
    }
    const patience = clock.after(withinMs, () => this.#refuse(one, 'handshakeSlow', `not done in ${withinMs} ms`))
    const remote = whois(raw)
    const one: UnderWay = {
      raw,
      remote,
      patience,
      secured,
      hello: new ClientHello(),
      unlisten: () => {},
      socket: undefined,
      failure: undefined,
    }
    this.#underWay.add(one)
    this.#listen(one)
  }

  /** Until its hello is whole it costs no more than its socket, and what it has said. */
  #listen(one: UnderWay): void {
    const { raw, hello } = one
    const take = (chunk: Buffer) => {
      hello.add(chunk)
      const fault = hello.length > UNANSWERED_BYTES_MAX ? `${hello.length} bytes before an answer` : hello.fault
      if (fault !== undefined) this.#refuse(one, 'handshake', fault)
      else if (hello.isWhole) this.#answerLater(one)
    }
    const end = () => void raw.destroy()
    const close = () => this.#gone(one)
    raw.on('data', take).once('end', end).once('close', close)
    one.unlisten = () => void raw.off('data', take).off('end', end).off('close', close)
  }

  #answerLater(one: UnderWay): void {
    this.#toAnswer.add(one)
    if (this.#isAnswering) return
    this.#isAnswering = true
    realClock.defer(this.#answerSome)
  }

  readonly #answerSome = (): void => {
    let left = ANSWERED_A_TURN
    for (const one of this.#toAnswer) {
      if (left-- === 0) return realClock.defer(this.#answerSome)
      this.#toAnswer.delete(one)
      this.#answer(one)
    }
    this.#isAnswering = false
  }

  #answer(one: UnderWay): void {
    const { raw, hello } = one
    // Its close is still to come.
    if (raw.destroyed) return
    one.unlisten()
    raw.pause()
    raw.unshift(hello.take())
    const socket = new TLSSocket(raw, { isServer: true, secureContext: this.#options.context() })
    one.socket = socket
    socket.on('error', (error) => {
      one.failure ??= opensslReason(error)
    })
    // Who has ended its half will not finish; as a stream it could still be answered.
    socket.once('end', () => {
      if (this.#underWay.has(one)) socket.destroy()
    })
    socket.once('secure', () => {
      // Given up a moment ago.
      if (!this.#end(one)) return
      this.#watch({ socket, raw, remote: one.remote, recordBytes: recordBytesOf(socket), records: 0 })
      one.secured(socket)
    })
    socket.once('close', () => this.#gone(one))
  }

  #gone(one: UnderWay): void {
    if (!this.#end(one)) return
    one.raw.destroy()
    if (one.raw.bytesRead > 0) this.#options.refused('handshake', one.remote, one.failure ?? 'it went away')
  }

  /** Gives up all that are under way. */
  drop(): void {
    for (const one of this.#underWay) {
      this.#end(one)
      destroy(one)
    }
  }

  #watch(one: Secured): void {
    const { socket } = one
    // Each record comes by itself. Unlike `on` this does not begin to read.
    socket.prependListener('data', () => one.records++)
    this.#secured.add(one)
    this.#lookLater()
    socket.once('close', () => {
      this.#secured.delete(one)
      if (this.#secured.size > 0) return
      this.#look?.cancel()
      this.#look = undefined
    })
  }

  #lookLater(): void {
    this.#look ??= this.#options.clock.after(LOOK_MS, () => {
      this.#look = undefined
      const { aroundBytesMax = AROUND_BYTES_MAX } = this.#options
      for (const one of this.#secured) {
        const said = one.socket.bytesRead
        const around = one.raw.bytesRead - said - one.records * one.recordBytes - said / 2
        if (around <= aroundBytesMax) continue
        this.#secured.delete(one)
        one.socket.destroy()
        this.#options.refused('handshakeAgain', one.remote, `${Math.floor(around)} bytes around what it said`)
      }
      if (this.#secured.size > 0) this.#lookLater()
    })
  }

  #refuse(one: UnderWay, reason: HandshakeRefusal, detail: string): void {
    this.#end(one)
    destroy(one)
    this.#options.refused(reason, one.remote, detail)
  }

  /** Answers whether it was under way. */
  #end(one: UnderWay): boolean {
    one.patience.cancel()
    this.#toAnswer.delete(one)
    return this.#underWay.delete(one)
  }
}

const destroy = ({ socket, raw }: UnderWay) => void (socket ?? raw).destroy()

const recordBytesOf = (socket: TLSSocket): number => {
  if (socket.getProtocol() === 'TLSv1.3') return RECORD_BYTES
  return /GCM|CCM|CHACHA/.test(socket.getCipher().name) ? SEALED_RECORD_BYTES : OTHER_RECORD_BYTES
}

/** Of one that was reset in the moment in which it was accepted the system knows nothing any more. */
const whois = ({ remoteAddress, remotePort }: Socket): string =>
  remoteAddress === undefined ? 'somebody who is gone' : `${remoteAddress}:${remotePort}`

/** What a server meets connections with, of a key and a certificate in PEM. Throws what OpenSSL has against them. */
export const serverContext = (key: string, cert: string): SecureContext =>
  createSecureContext({
    key,
    cert,
    minVersion: 'TLSv1.2',
    // Another handshake in the middle serves nobody but who wants to cost us time.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: 'goworld',
  })

/** OpenSSL's own words for it, without where in its sources they stand. */
export const opensslReason = (error: Error & { readonly reason?: string; readonly code?: string }): string =>
  error.reason ?? error.code ?? messageOf(error)

/** An HTTP server that does not listen yet speaks HTTPS from now on. */
export function secureHttp(server: Server, handshakes: Handshakes): void {
  const listeners = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (raw: Socket) =>
    handshakes.begin(raw, (socket) => {
      for (const listener of listeners) listener.call(server, socket)
    }),
  )
}

/** TCP with TLS. `trust`: whose certificate will do, for those that connect. */
export const tlsTransport = (handshakes: Handshakes, trust: ConnectionOptions = {}): Transport => ({
  listen: (address, accept) =>
    listenForSockets(address, (raw) =>
      handshakes.begin(raw, (socket) => accept(new SocketConnection(socket, remoteOf(raw, address)))),
    ),

  connect(address) {
    return new Promise((resolve, reject) => {
      if (address.kind === 'unix') return reject(new Error('TLS is for TCP'))
      const { host, port } = address
      const options = { ...trust, host, port, allowHalfOpen: true }
      const socket = connect(options)
      socket.setNoDelay(true)
      const patience = realClock.after(WITHIN_MS, () => socket.destroy(new Error(`no answer in ${WITHIN_MS} ms`)))
      socket.once('error', reject)
      socket.once('close', () => patience.cancel())
      socket.once('secureConnect', () => {
        patience.cancel()
        socket.off('error', reject)
        resolve(new SocketConnection(socket, `${host}:${port}`))
      })
    })
  },
})
