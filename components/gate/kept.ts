// What was written to a client with a session and is not acknowledged: kept in the very buffers that it was written from,
// so that the next connection can go on where this one was cut.
//
//     offset: begin          acknowledged                 sent            modulo 2^32
//               │ buffer │ buffer │ buffer │ … │ buffer │
//               └ the first that is kept
import type { Connection } from '../../engine/net/connection.ts'
import type { PooledBuffer, Writer } from './buffers.ts'

/** So many places at the front of the lists may be empty before they are moved down. */
const EMPTY_MAX = 32

export class Kept {
  /** Where in the stream the next byte will be. */
  sent = 0
  /** Memory that it takes up: whole buffers, however little is in them. */
  bytes = 0
  readonly #bytesMax: number
  readonly #buffers: (PooledBuffer | undefined)[] = []
  readonly #lengths: number[] = []
  #first = 0
  #begin = 0
  #acknowledged = 0

  /** `begin`: the offset of its first byte. */
  constructor(bytesMax: number, begin = 0) {
    this.#bytesMax = bytesMax
    this.sent = this.#begin = this.#acknowledged = begin
  }

  /** What may still be kept besides. */
  get room(): number {
    return Math.max(0, this.#bytesMax - this.bytes)
  }

  /** The first `length` bytes of the buffer are part of the stream now. Beyond the limit the oldest is let go. */
  add(buffer: PooledBuffer, length: number): void {
    buffer.uses++
    this.#buffers.push(buffer)
    this.#lengths.push(length)
    this.bytes += buffer.bytes.length
    this.sent = (this.sent + length) >>> 0
    while (this.bytes > this.#bytesMax) this.#letGo()
  }

  /** The client has all before `offset`. Answers false when so much was never said. */
  acknowledge(offset: number): boolean {
    // An older one is no news: it was cut off with a connection, and comes again.
    const news = (offset - this.#acknowledged) | 0
    if (news <= 0) return true
    if (news > (this.sent - this.#acknowledged) >>> 0) return false
    this.#acknowledged = offset
    while (this.#first < this.#buffers.length && this.#covers(offset)) this.#letGo()
    return true
  }

  /** Whether the client has all before `offset`. */
  isAcknowledged(offset: number): boolean {
    return ((this.#acknowledged - offset) | 0) >= 0
  }

  /** Whether all from `offset` on is kept. */
  reaches(offset: number): boolean {
    return (offset - this.#begin) >>> 0 <= (this.sent - this.#begin) >>> 0
  }

  /** Writes all from `offset` on, which must be within what is kept. */
  writeFrom(offset: number, connection: Connection, writer: Writer): void {
    let skip = (offset - this.#begin) >>> 0
    for (let at = this.#first; at < this.#buffers.length; at++) {
      const buffer = this.#buffers[at]!
      const length = this.#lengths[at]!
      if (skip < length) {
        buffer.uses++
        buffer.writer = writer
        connection.write(buffer.bytes.subarray(skip, length), buffer.done)
      }
      skip = Math.max(0, skip - length)
    }
  }

  /** Keeps nothing any more. */
  clear(): void {
    while (this.#first < this.#buffers.length) this.#letGo()
  }

  /** Whether the first buffer is wholly before `offset`. */
  #covers(offset: number): boolean {
    // As a signed number: more may have been let go than was acknowledged.
    return ((offset - this.#begin) | 0) >= this.#lengths[this.#first]!
  }

  #letGo(): void {
    const at = this.#first++
    const buffer = this.#buffers[at]!
    this.#buffers[at] = undefined
    this.#begin = (this.#begin + this.#lengths[at]!) >>> 0
    this.bytes -= buffer.bytes.length
    buffer.release()
    if (this.#first < this.#buffers.length && this.#first < EMPTY_MAX) return
    this.#buffers.splice(0, this.#first)
    this.#lengths.splice(0, this.#first)
    this.#first = 0
  }
}
