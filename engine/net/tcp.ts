// TCP and Unix sockets.
import { existsSync, lstatSync, unlinkSync } from 'node:fs'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { Address } from '../base/address.ts'
import { realClock } from '../base/clock.ts'
import type { Listener, Transport } from './connection.ts'
import { remoteOf, SocketConnection } from './socket.ts'

/** A machine that is not there does not say so. */
const CONNECT_WITHIN_MS = 1000
/** Asks a silent peer whether it is still there: a pulled cable says nothing. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 30_000 }

/** As much as Node reads at once. */
const RECEIVE_BYTES = 64 * 1024
/** One for all connections: whoever hears of a chunk has done with it when it returns. */
const RECEIVE_BUFFER = new Uint8Array(RECEIVE_BYTES)
/** What streams say instead of an encoding; their types do not know it. */
const BYTES = 'buffer' as BufferEncoding

class TcpConnection extends SocketConnection {
  readonly #received: Received | undefined
  /** The write that was handed to the kernel past the stream, until it is taken. Meanwhile all others go by the stream. */
  #isHanded = false
  #handedBytes = 0
  #handedDone: (() => void) | undefined
  /** Something was not taken at once. */
  #owesDrain = false

  constructor(socket: Socket, remote: string, received?: Received) {
    super(socket, remote)
    this.#received = received
  }

  override get bufferedBytes(): number {
    return this.streamed === 0 ? this.#handedBytes : this.#handedBytes + this.socket.writableLength
  }

  protected override read(take: (chunk: Uint8Array) => void): void {
    if (this.#received) this.#received.handle(take)
    else super.read(take)
  }

  /**
   * Nearly always the kernel takes it at once, and to keep books of it, as a stream does, would be a fiftieth of all that a gate
   * does: so it goes past them, by what the stream itself calls, as long as nothing waits. Node hands on in order what it is given
   * by either way, and ends the connection behind it.
   */
  override write(bytes: Uint8Array, done?: () => void): void {
    if (this.isOver) return done?.()
    if (this.#isHanded || this.streamed > 0) return this.stream(bytes, done)
    this.#isHanded = true
    this.#handedBytes = bytes.length
    this.#handedDone = done
    this.socket._write(bytes, BYTES, this.#taken)
    if (this.#isHanded) this.#owesDrain = true
  }

  readonly #taken = (error?: Error | null) => {
    const done = this.#handedDone
    this.#isHanded = false
    this.#handedBytes = 0
    this.#handedDone = undefined
    if (error) {
      this.isOver = true
      this.socket.destroy(error)
    }
    done?.()
    this.drained()
  }

  protected override drained(): void {
    if (!this.#owesDrain || this.#isHanded || this.streamed > 0 || this.socket.destroyed) return
    this.#owesDrain = false
    this.handlers?.drain?.()
  }
}

/** What comes of a connection, in one buffer again and again: Node makes none and passes it on at once. */
class Received {
  readonly onread = {
    buffer: RECEIVE_BUFFER,
    callback: (count: number, bytes: Uint8Array): boolean => {
      const chunk = bytes.subarray(0, count)
      if (this.#take) this.#take(chunk)
      else this.#early.push(chunk.slice())
      return true
    },
  }
  #early: Uint8Array[] = []
  #take: ((chunk: Uint8Array) => void) | undefined

  handle(take: (chunk: Uint8Array) => void): void {
    this.#take = take
    for (const chunk of this.#early) take(chunk)
    this.#early = []
  }
}

/**
 * The same for a connection that was accepted. Node has no option for it: what its own `onread` sets is set here. Where a
 * release has nothing of that name any more the connection is read as any stream is, into a buffer made for each read.
 */
function receivedBy(socket: Socket): Received | undefined {
  const symbols = Object.getOwnPropertySymbols(socket)
  const buffer = symbols.find(({ description }) => description === 'kBuffer')
  const callback = symbols.find(({ description }) => description === 'kBufferCb')
  const inside = socket as unknown as Record<symbol, unknown> & {
    _handle?: { useUserBuffer?(bytes: Uint8Array): void }
  }
  const handle = inside._handle
  if (!buffer || !callback || typeof handle?.useUserBuffer !== 'function') return undefined
  const received = new Received()
  inside[buffer] = received.onread.buffer
  inside[callback] = received.onread.callback
  handle.useUserBuffer(received.onread.buffer)
  return received
}

const transportOf = (accepted: (socket: Socket) => Received | undefined): Transport => ({
  listen: (address, accept) =>
    listenForSockets(address, (socket) =>
      accept(new TcpConnection(socket, remoteOf(socket, address), accepted(socket))),
    ),

  connect(address) {
    return new Promise((resolve, reject) => {
      const target = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }
      const received = new Received()
      const { onread } = received
      const socket = createConnection({ ...target, noDelay: true, allowHalfOpen: true, ...KEEP_ALIVE, onread })
      const patience = realClock.after(CONNECT_WITHIN_MS, () =>
        socket.destroy(new Error(`no answer in ${CONNECT_WITHIN_MS} ms`)),
      )
      socket.once('error', reject)
      socket.once('close', () => patience.cancel())
      socket.once('connect', () => {
        patience.cancel()
        socket.off('error', reject)
        const remote = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
        resolve(new TcpConnection(socket, remote, received))
      })
    })
  },
})

export const tcpTransport = transportOf(receivedBy)
/** The same where Node lets nobody choose where it reads to. */
export const plainTcpTransport = transportOf(() => undefined)

/** Hears of each socket that comes; those that are left are ended when the listener is closed. */
export async function listenForSockets(address: Address, arrived: (socket: Socket) => void): Promise<Listener> {
  if (address.kind === 'unix') await removeStale(address.path)
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true, ...KEEP_ALIVE }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    arrived(socket)
  })
  await listening(server, address)
  server.on('error', () => {})
  return listenerOf(server, address, sockets)
}

function listening(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    if (address.kind === 'unix') server.listen(address.path)
    else server.listen(address.port, address.host)
  })
}

function listenerOf(server: Server, address: Address, sockets: Set<Socket>): Listener {
  const bound = server.address()
  const port = typeof bound === 'object' && bound ? bound.port : 0
  let ended: Promise<void> | undefined
  const stop = () => {
    ended ??= new Promise((resolve) => void server.close(() => resolve()))
    return ended
  }
  return {
    address: address.kind === 'unix' ? address : { ...address, port },
    stop: () => void stop(),
    close: () => {
      for (const socket of sockets) socket.destroy()
      return stop()
    },
  }
}

/** A socket that nobody listens on is left over from a process that was killed. */
async function removeStale(path: string): Promise<void> {
  // The system would say that it lacks rights.
  if (!existsSync(dirname(path)))
    throw Object.assign(new Error(`no folder for ${path}`), { code: 'ENOENT', syscall: 'listen' })
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return
  const answered = await new Promise<boolean>((resolve) => {
    const probe = createConnection({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (!answered) unlinkSync(path)
}
