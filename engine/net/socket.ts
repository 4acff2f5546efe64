// A connection over a socket of Node's: read, written and ended as any of its streams is. TCP and Unix sockets have shorter
// ways to read and write (`tcp.ts`); with TLS there are none.
import type { Socket } from 'node:net'
import type { Address } from '../base/address.ts'
import { realClock } from '../base/clock.ts'
import type { Connection, ConnectionHandlers } from './connection.ts'

/** What was written may go out for this long when the peer has ended its half. */
const LINGER_MS = 2000

export class SocketConnection implements Connection {
  readonly remote: string
  protected readonly socket: Socket
  protected handlers: ConnectionHandlers | undefined
  /** Nothing is written any more. */
  protected isOver = false
  /** How many writes went by the stream and are not taken. */
  protected streamed = 0
  #reason: string | undefined

  constructor(socket: Socket, remote: string) {
    this.socket = socket
    this.remote = remote
  }

  get bufferedBytes(): number {
    return this.socket.writableLength
  }

  handle(handlers: ConnectionHandlers): void {
    const { socket } = this
    this.handlers = handlers
    this.read((chunk) => handlers.data(chunk))
    socket.on('error', (error) => {
      this.#reason ??= error.message
    })
    // Both directions go together: a peer that has ended its half gets no more answers.
    socket.on('end', () => {
      this.#reason ??= 'closed by the peer'
      this.isOver = true
      socket.end()
      const linger = realClock.after(LINGER_MS, () => socket.destroy())
      socket.once('close', () => linger.cancel())
    })
    socket.on('close', () => {
      this.isOver = true
      handlers.close(this.#reason ?? 'closed')
    })
  }

  protected read(take: (chunk: Uint8Array) => void): void {
    this.socket.on('data', take)
  }

  write(bytes: Uint8Array, done?: () => void): void {
    if (this.isOver) return done?.()
    this.stream(bytes, done)
  }

  /** Writes by the stream, which keeps books of it. */
  protected stream(bytes: Uint8Array, done: (() => void) | undefined): void {
    this.streamed++
    this.socket.write(bytes, () => {
      this.streamed--
      done?.()
      this.drained()
    })
  }

  /** Something was taken: when it was the last, it is said. */
  protected drained(): void {
    if (this.streamed === 0 && !this.socket.destroyed) this.handlers?.drain?.()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  close(reason = 'closed by us'): void {
    this.#reason ??= reason
    this.isOver = true
    this.socket.end()
    // Who does not read never hears that the peer has ended, too.
    this.socket.resume()
  }

  destroy(reason = 'closed by us'): void {
    this.#reason ??= reason
    this.isOver = true
    this.socket.destroy()
  }
}

/** Who is at the other end of one that was accepted at `address`. */
export const remoteOf = (socket: Socket, address: Address): string =>
  address.kind === 'unix' ? `unix:${address.path}` : `${socket.remoteAddress}:${socket.remotePort}`
