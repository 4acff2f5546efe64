// A client's stream over TCP, with TLS or without, or a Unix socket, for Node: bots, tools, tests.
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Address } from '../base/address.ts'
import { realClock } from '../base/clock.ts'
import { OperatorError } from '../base/errors.ts'
import { pieceOf } from '../base/slab.ts'
import type { ByteStream } from './stream.ts'
import { checksOf, failureOf, type TlsOptions } from './trust.ts'

export { compressed } from './compressed.ts'
export type { TlsOptions } from './trust.ts'

/** How long a server may take to shake hands by TLS. */
const HANDSHAKE_MS = 10_000
/** How long a server may take to answer our goodbye before the socket is dropped. */
const GOODBYE_MS = 2_000

/** As much as Node reads at once. */
const RECEIVE_BYTES = 64 * 1024
/** V8 has so small an array in its heap; before a socket can write it, it gets memory outside: a slab's costs less. */
const HEAP_BYTES_MAX = 64
/** What all sockets are read into: whoever hears of a chunk has done with it when it returns. */
const received = new Uint8Array(RECEIVE_BYTES)

/** Where a server listens; at `tls` it speaks TLS. */
export type ServerAddress = Address | { readonly kind: 'tls'; readonly host: string; readonly port: number }

/** Connects to an address, or to one written down: `host:port`, `tcp://host:port`, `tls://host:port`, `unix:/path`. */
export function tcpStream(target: ServerAddress | string, options: TlsOptions = {}): ByteStream {
  const address = typeof target === 'string' ? parseTarget(target) : target
  const early: Uint8Array[] = []
  let take = (chunk: Uint8Array): void => void early.push(chunk.slice())
  const hear = (handler: typeof take) => {
    take = handler
    // Not before whoever listens has said to what.
    queueMicrotask(() => early.splice(0).forEach(handler))
  }
  if (address.kind === 'tls') {
    const socket = tlsSocket(address, options)
    socket.on('data', (chunk) => take(chunk))
    return socketStream(socket, hear)
  }
  const onread = {
    buffer: received,
    callback(count: number): boolean {
      take(received.subarray(0, count))
      return true
    },
  }
  return socketStream(connect({ ...address, noDelay: true, onread }), hear)
}

function tlsSocket({ host, port }: { readonly host: string; readonly port: number }, options: TlsOptions): TLSSocket {
  const socket = connectTls({ host, port, ...checksOf(options) })
  socket.setNoDelay(true)
  const patience = realClock.after(HANDSHAKE_MS, () => socket.destroy(new Error('the server does not shake hands')))
  for (const event of ['secureConnect', 'close']) socket.once(event, () => patience.cancel())
  return socket
}

/** Throws an OperatorError for what is no address. */
export function parseTarget(text: string): ServerAddress {
  const unix = /^unix:(?:\/\/)?(\/.+)$/.exec(text)
  if (unix) return { kind: 'unix', path: unix[1]! }
  const found = /^(?:(tcp|tls):\/\/)?(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})\/?$/.exec(text)
  const port = Number(found?.[4])
  if (!found || port < 1 || port > 65_535) {
    const wanted = 'host:port, tcp://host:port, tls://host:port or unix:/path is wanted'
    throw new OperatorError(`'${text}' is no server address: ${wanted}`)
  }
  return { kind: found[1] === 'tls' ? 'tls' : 'tcp', host: found[2] ?? found[3]!, port }
}

function socketStream(socket: Socket | TLSSocket, onData: ByteStream['onData']): ByteStream {
  let failure = ''
  let weClosed = false
  let onClose: (reason: string) => void = () => {}
  socket.on('error', (error) => {
    failure ||= failureOf(error)
  })
  socket.on('close', () => onClose(failure || (weClosed ? 'closed' : 'closed by the server')))

  return {
    get bufferedBytes() {
      return socket.writableLength
    },
    write(bytes) {
      if (socket.writable) socket.write(bytes.length <= HEAP_BYTES_MAX ? pieceOf(bytes) : bytes)
    },
    onData,
    onClose(handler) {
      onClose = handler
    },
    close() {
      if (weClosed) return
      weClosed = true
      if (socket.connecting || ('secureConnecting' in socket && socket.secureConnecting)) return void socket.destroy()
      socket.end()
      const dropped = realClock.after(GOODBYE_MS, () => socket.destroy())
      socket.once('close', () => dropped.cancel())
    },
  }
}
