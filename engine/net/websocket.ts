// WebSocket clients: binary messages that carry the same byte stream as TCP, cut wherever the client likes; or text,
// where a message is a message.
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Connection, ConnectionHandlers } from './connection.ts'

/** RFC 6455, 7.4.1. */
const UNSUPPORTED_DATA = 1003
const NORMAL = 1000
const GOING_AWAY = 1001
/** Of a client's ping or pong: two bytes and its mask. */
const CONTROL_HEADER_BYTES = 6
/** Of the 123 that there are: a character that is cut in two becomes one of three bytes. */
const REASON_BYTES_MAX = 120
/** A client that is gone without a word is found out, as by TCP. */
const KEEP_ALIVE_MS = 30_000
/** How long a client may take to answer our close. */
const CLOSE_WITHIN_MS = 5000

class WebSocketConnection implements Connection {
  readonly remote: string
  readonly #socket: WebSocket
  readonly #raw: Socket
  readonly #text: boolean
  readonly #refused: WebSocketOptions['refused']
  /** What of the raw stream whole frames have accounted for. */
  #finishedBytes = 0
  #reason: string | undefined
  #drain: (() => void) | undefined

  constructor(socket: WebSocket, raw: Socket, { text = false, refused }: WebSocketOptions) {
    this.#socket = socket
    this.#raw = raw
    this.#text = text
    this.#refused = refused
    this.#finishedBytes = raw.bytesRead
    this.remote = `${raw.remoteAddress}:${raw.remotePort}`
    // What comes before `handle` must not end the process.
    socket.on('error', (error) => {
      // What breaks a connection that we end already is no news.
      if (this.#reason === undefined) this.#refused?.(this, error.message)
      this.#reason ??= error.message
    })
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  get protocol(): string {
    return this.#socket.protocol
  }

  get unfinishedBytes(): number {
    return Math.max(0, this.#raw.bytesRead - this.#finishedBytes)
  }

  handle(handlers: ConnectionHandlers): void {
    const socket = this.#socket
    const control = (data: Buffer) => {
      this.#finishedBytes += CONTROL_HEADER_BYTES + data.length
      // Each ping costs an answer.
      handlers.dropped?.(CONTROL_HEADER_BYTES + data.length)
    }
    socket.on('ping', control)
    socket.on('pong', control)
    this.#drain = handlers.drain?.bind(handlers)
    socket.on('message', (data: RawData, isBinary: boolean) => {
      // What follows it in the same read is taken for whole: that is little, and seen when more of it comes.
      this.#finishedBytes = this.#raw.bytesRead
      // What comes after our close is not heard.
      if (socket.readyState !== socket.OPEN) return
      if (isBinary !== this.#text) return handlers.data(asBytes(data))
      const [wrong, right] = this.#text ? ['binary messages are', 'text'] : ['text is', 'binary messages']
      const reason = `${wrong} not understood here, only ${right}`
      this.#refused?.(this, reason)
      this.#end(UNSUPPORTED_DATA, reason)
    })
    socket.on('close', (_code, reason) => handlers.close(this.#reason ?? (reason.toString() || 'closed by the peer')))
  }

  write(bytes: Uint8Array, done?: () => void): void {
    const socket = this.#socket
    if (socket.readyState !== socket.OPEN) return done?.()
    socket.send(bytes, { binary: !this.#text, compress: false }, () => {
      done?.()
      if (socket.bufferedAmount === 0) this.#drain?.()
    })
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(reason = 'closed by us', isForNow = false): void {
    this.#end(isForNow ? GOING_AWAY : NORMAL, reason)
  }

  destroy(reason = 'closed by us'): void {
    this.#reason ??= reason
    this.#socket.terminate()
  }

  #end(code: number, reason: string): void {
    this.#reason ??= reason
    this.#socket.close(code, Buffer.from(reason).subarray(0, REASON_BYTES_MAX).toString())
    // Who does not read never hears the client's answer.
    this.#socket.resume()
  }
}

export interface WebSocketOptions {
  /** A longer message ends its connection. */
  readonly messageBytesMax: number
  /** Messages are text: each that comes is one chunk in UTF-8, and each write is one. Without it they are binary. */
  readonly text?: boolean
  /** Those that the server speaks: of a client that offers one of them, it is chosen. */
  readonly protocols?: readonly string[]
  /** Hears why a client is closed for what it sent: too long, of the other kind, or no WebSocket message at all. */
  readonly refused?: (connection: Connection, reason: string) => void
}

export interface WebSocketDoor {
  /** Ends every connection; no more come in. */
  close(): void
}

/** Takes WebSocket clients on `path` of an HTTP server; other paths are refused. */
export function serveWebSocket(
  server: Server,
  path: string,
  accept: (connection: Connection) => void,
  options: WebSocketOptions,
): WebSocketDoor {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.messageBytesMax,
    perMessageDeflate: false,
    // A browser ends a connection on which none of those that it has offered is chosen.
    handleProtocols: (offered: Set<string>) =>
      options.protocols?.find((protocol) => offered.has(protocol)) ?? offered.values().next().value ?? false,
    // Behind a proxy, or a client with a bad clock, a half-closed socket would linger for half a minute.
    closeTimeout: CLOSE_WITHIN_MS,
  } as ConstructorParameters<typeof WebSocketServer>[0])
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.split('?', 1)[0] !== path) return refuse(socket)
    request.socket.setKeepAlive(true, KEEP_ALIVE_MS)
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      accept(new WebSocketConnection(webSocket, request.socket, options)),
    )
  }
  server.on('upgrade', upgrade)
  return {
    close() {
      server.off('upgrade', upgrade)
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
    },
  }
}

function refuse(socket: Duplex): void {
  socket.on('error', () => {})
  // HTTP does not look after it any more: who does not end it himself would have it for ever.
  socket.once('finish', () => socket.destroy())
  socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
}

function asBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}
