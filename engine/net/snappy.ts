// A connection that speaks snappy over another: what is written is compressed, what comes is taken apart (`base/snappy-stream.ts`).
// Each write leaves at once, and whole: one chunk for each 64 KiB of it.
//
//     write(bytes) ──> chunk, in a buffer of the pool ──> inner      `bytes` are done with, `bufferedBytes` is what inner has not taken
//     data(bytes) <── chunks that are whole <── reader <── inner     the rest of a chunk waits in the reader: `unfinishedBytes`
//                                                                    what has come and is not read waits here: `waitingBytes`
//
// A peer that pauses in the middle of what has come, or one that has too much to say in few bytes, is held back between two chunks.
import { messageOf, WireError } from '../base/errors.ts'
import { BLOCK_BYTES_MAX } from '../base/snappy.ts'
import { chunkOf, SnappyReader } from '../base/snappy-stream.ts'
import type { Connection, ConnectionHandlers, Transport } from './connection.ts'

/** Buffers are of this size, of twice as much, and so on. */
const SMALLEST_BYTES = 256
const SIZES = 10
/** Of those that nobody uses. */
const FREE_BYTES_MAX = 8 * 1024 * 1024

class ChunkBuffer {
  readonly bytes: Uint8Array
  /** To be called when the connection has done with the bytes. Made once, so that a write makes no closure. */
  readonly done: () => void

  constructor(size: number) {
    this.bytes = new Uint8Array(SMALLEST_BYTES << size)
    this.done = () => {
      if (freeBytes + this.bytes.length > FREE_BYTES_MAX) return
      freeBytes += this.bytes.length
      free[size]!.push(this)
    }
  }
}

const free: ChunkBuffer[][] = Array.from({ length: SIZES }, () => [])
let freeBytes = 0

function bufferFor(count: number): ChunkBuffer {
  const size = count <= SMALLEST_BYTES ? 0 : 32 - Math.clz32((count - 1) >>> 8)
  const buffer = free[size]!.pop()
  if (!buffer) return new ChunkBuffer(size)
  freeBytes -= buffer.bytes.length
  return buffer
}

export class SnappyConnection implements Connection {
  readonly copies = true
  readonly #inner: Connection
  readonly #reader: SnappyReader
  #handlers: ConnectionHandlers | undefined
  #hasBegun = false
  #paused = false
  /** What has come and was not read yet, since it was paused in the middle. */
  #rest: Uint8Array | undefined
  /** Nothing is written any more. */
  #over = false
  /** Nothing is read any more. */
  #deaf = false

  constructor(inner: Connection) {
    this.#inner = inner
    this.#reader = new SnappyReader((bytes) => {
      this.#handlers!.data(bytes)
      return !this.#paused && !this.#deaf
    })
  }

  get remote(): string {
    return this.#inner.remote
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes
  }

  get unfinishedBytes(): number {
    return this.#reader.waitingBytes + (this.#inner.unfinishedBytes ?? 0)
  }

  get waitingBytes(): number {
    return (this.#rest?.length ?? 0) + (this.#inner.waitingBytes ?? 0)
  }

  get protocol(): string | undefined {
    return this.#inner.protocol
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    this.#inner.handle({
      data: (chunk) => this.#receive(chunk),
      drain: () => handlers.drain?.(),
      dropped: (bytes) => handlers.dropped?.(bytes),
      close: (reason) => {
        this.#end()
        handlers.close(reason)
      },
    })
  }

  write(bytes: Uint8Array, done?: () => void): void {
    for (let from = 0; from < bytes.length && !this.#over; from += BLOCK_BYTES_MAX) {
      const chunk = chunkOf(bytes, from, Math.min(from + BLOCK_BYTES_MAX, bytes.length), !this.#hasBegun)
      this.#hasBegun = true
      const buffer = bufferFor(chunk.length)
      buffer.bytes.set(chunk)
      this.#inner.write(buffer.bytes.subarray(0, chunk.length), buffer.done)
    }
    // Not before all of it is on its way: who hears of it may write more.
    done?.()
  }

  pause(): void {
    this.#paused = true
    this.#inner.pause()
  }

  resume(): void {
    this.#paused = false
    // As by a socket, nothing comes before whoever resumes has returned.
    if (this.#rest) queueMicrotask(() => this.#readOn())
    else this.#inner.resume()
  }

  close(reason?: string, isForNow?: boolean): void {
    this.#end()
    this.#inner.close(reason, isForNow)
  }

  destroy(reason?: string): void {
    this.#end()
    this.#inner.destroy(reason)
  }

  #end(): void {
    this.#over = true
    this.#deaf = true
    this.#rest = undefined
  }

  #receive(chunk: Uint8Array): void {
    if (this.#deaf) return
    if (this.#rest) this.#rest = Buffer.concat([this.#rest, chunk])
    else if (this.#paused) this.#rest = chunk.slice()
    else this.#read(chunk)
  }

  #readOn(): void {
    const rest = this.#rest
    if (!rest || this.#paused) return
    this.#rest = undefined
    this.#read(rest)
    if (!this.#paused && !this.#deaf) this.#inner.resume()
  }

  #read(chunk: Uint8Array): void {
    const reader = this.#reader
    const skippedBefore = reader.skippedBytes
    try {
      const taken = reader.push(chunk)
      if (taken < chunk.length && !this.#deaf) this.#rest = new Uint8Array(chunk.subarray(taken))
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#refuse(messageOf(error))
    }
    const skipped = reader.skippedBytes - skippedBefore
    if (skipped > 0) this.#handlers!.dropped?.(skipped)
  }

  #refuse(detail: string): void {
    if (this.#deaf) return
    this.#deaf = true
    const what = this.#reader.hasBegun ? 'badSnappy' : 'notSnappy'
    if (this.#handlers!.refused) this.#handlers!.refused(what, detail)
    else this.destroy(detail)
  }
}

/** The same, and whatever goes over its connections is compressed. */
export const snappyTransport = (transport: Transport): Transport => ({
  listen: (address, accept) => transport.listen(address, (connection) => accept(new SnappyConnection(connection))),
  connect: async (address) => new SnappyConnection(await transport.connect(address)),
})
