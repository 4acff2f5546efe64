// A client's side of one connection: bytes become messages to its world; calls and moves become frames. Nothing that
// arrives is thrown past it: what the server gets wrong is counted and told by kind, what a hook throws is logged.
//
//     open ── close(), a frame too long, a server that does not read ──> closing ── the stream has closed ──> closed
//       └────────────────────────── the stream has closed ──────────────────────────────────────────────────────^
import type { Clock, Scheduled } from '../base/clock.ts'
import { messageOf, WireError } from '../base/errors.ts'
import { isId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import { isThenable } from '../base/thenable.ts'
import { clientMessages as messages } from '../wire/client-wire.ts'
import { writeArgs } from '../wire/codec.ts'
import { FrameReader } from '../wire/frame.ts'
import { getU16, PacketReader, PacketWriter } from '../wire/packet.ts'
import { writeRecord } from '../wire/sync.ts'
import { ProtocolError } from './errors.ts'
import type { HookTable } from './hooks.ts'
import type { MirrorEntity, SpaceMirror } from './mirror.ts'
import { newCounters, type Observer } from './observer.ts'
import type { ByteStream } from './stream.ts'
import { World, type WorldOwner } from './world.ts'

export interface SessionOptions {
  readonly observer: Observer
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  /** A longer frame ends the session. */
  readonly frameBytesMax: number
  /** How much may wait for a server that does not read before the session ends. */
  readonly outBytesMax: number
  /** A heartbeat is sent after this long without another frame; 0 = never. */
  readonly heartbeatMs: number
}

/** While this much waits to be sent, moves are not: the next one will tell more. */
const MOVE_WAITING_BYTES_MAX = 64 * 1024

// Frames are made here and copied out: sessions are many, and what each sends is little.
const writer = new PacketWriter(1024)
const reader = new PacketReader()

export class Session implements WorldOwner {
  readonly counters = newCounters()
  readonly #stream: ByteStream
  readonly #options: SessionOptions
  readonly #frames: FrameReader
  readonly #world: World
  #state: 'open' | 'closing' | 'closed' = 'open'
  #reason = ''
  readonly #onClose: ((reason: string) => void)[] = []
  #heartbeat: Scheduled | undefined

  constructor(stream: ByteStream, options: SessionOptions) {
    this.#stream = stream
    this.#options = options
    this.#world = new World(this, options.observer)
    this.#frames = new FrameReader((bytes, start, end) => this.#frame(bytes, start, end), {
      maxBytes: options.frameBytesMax,
    })
    stream.onData((chunk) => this.#data(chunk))
    stream.onClose((reason) => this.#ended(reason))
    if (options.heartbeatMs > 0) this.#beatLater(0)
  }

  get entities(): ReadonlyMap<string, MirrorEntity> {
    return this.#world.entities
  }

  get player(): MirrorEntity | undefined {
    return this.#world.player
  }

  get space(): SpaceMirror | undefined {
    return this.#world.space
  }

  /** Why the session is over, or undefined. */
  get closed(): string | undefined {
    return this.#state === 'closed' ? this.#reason : undefined
  }

  on(type: string, hooks: HookTable): void {
    this.#world.hooks.add(type, hooks)
  }

  onClose(handler: (reason: string) => void): void {
    if (this.#state === 'closed') this.#tell('client.onClose', handler, this.#reason)
    else this.#onClose.push(handler)
  }

  /** Calls a method of any entity on the server. Throws TypeError for what cannot be said. */
  call(entityId: string, method: string, ...args: unknown[]): void {
    if (!isId(entityId)) throw new TypeError(`'${entityId}' is no entity id`)
    if (this.#state !== 'open') return
    writer.at = 0
    const start = writer.beginFrame(messages.callFromClient.code)
    writer.id(entityId)
    writer.varstr(method)
    writeArgs(writer, args)
    writer.endFrame(start)
    this.#send()
  }

  /** Moves the client's own player. Answers whether that was sent. */
  move(x: number, y: number, z: number, yaw: number): boolean {
    const player = this.#world.player
    if (!player || this.#state !== 'open') return false
    player.place(x, y, z, yaw)
    if (this.#stream.bufferedBytes > MOVE_WAITING_BYTES_MAX) {
      this.counters.droppedMoves++
      return false
    }
    writer.at = 0
    const start = writer.beginFrame(messages.positionFromClient.code)
    writeRecord(writer, player.id, x, y, z, yaw)
    writer.endFrame(start)
    this.#send()
    return true
  }

  /** Says all that was said, then ends the connection. */
  close(): void {
    this.#stop('closed')
  }

  report(error: ProtocolError): void {
    this.counters.protocolErrors++
    if (error.kind === 'unknown entity') this.counters.unknownEntities++
    const { observer } = this.#options
    if (observer.onProtocolError) this.#tell('observer.onProtocolError', (e) => observer.onProtocolError?.(e), error)
  }

  hookFailed(where: string, error: unknown): void {
    this.counters.hookErrors++
    const stack = error instanceof Error ? error.stack : String(error)
    this.#options.log.error(`${where}: ${stack}`)
  }

  #data(chunk: Uint8Array): void {
    if (this.#state !== 'open') return
    this.counters.bytesIn += chunk.length
    try {
      this.#frames.push(chunk)
    } catch (error) {
      // Only a length that cannot be gets here: where the next frame begins is not known any more.
      this.report(new ProtocolError('wire', messageOf(error)))
      this.#stop(messageOf(error))
    }
  }

  #frame(bytes: Uint8Array, start: number, end: number): boolean {
    this.counters.framesIn++
    const type = getU16(bytes, start)
    try {
      this.#world.take(type, reader.reset(bytes, start + 2, end))
    } catch (error) {
      if (error instanceof ProtocolError) this.report(error)
      else if (error instanceof WireError) this.report(new ProtocolError('wire', `message ${type}: ${error.message}`))
      else this.hookFailed(this.#world.hooks.running, error)
    }
    return this.#state === 'open'
  }

  #send(): void {
    this.counters.framesOut++
    this.counters.bytesOut += writer.at
    this.#stream.write(writer.copy())
    if (this.#stream.bufferedBytes > this.#options.outBytesMax) this.#stop('the server does not read')
  }

  #beatLater(framesBefore: number): void {
    this.#heartbeat = this.#options.clock.after(this.#options.heartbeatMs, () => {
      if (this.counters.framesOut === framesBefore) {
        writer.at = 0
        messages.heartbeat.write(writer, {})
        this.#send()
      }
      if (this.#state === 'open') this.#beatLater(this.counters.framesOut)
    })
  }

  #stop(reason: string): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#reason = reason
    this.#heartbeat?.cancel()
    this.#stream.close()
  }

  #ended(reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#reason ||= reason
    this.#heartbeat?.cancel()
    for (const handler of this.#onClose) this.#tell('client.onClose', handler, this.#reason)
  }

  /** Runs what the author gave; should it fail, now or later, that is logged and all else goes on. */
  #tell<T>(where: string, handler: (value: T) => unknown, value: T): void {
    try {
      const result = handler(value)
      if (isThenable(result)) result.then(undefined, (error) => this.hookFailed(where, error))
    } catch (error) {
      this.hookFailed(where, error)
    }
  }
}
