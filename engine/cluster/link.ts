// A link: a session between two of our processes that outlives its connection. What is written in one turn leaves as
// one batch; batches are numbered, kept until the other end has them, and sent again on the next connection.
//
//     send, forward ─> out ──flush──> kept: 7 8 9 ──> connection          acked up to 7: dropped from kept
//     packet events <── batch 4 <─────────────────── connection          a batch we have already: skipped
//
//     idle ──attach, fresh or not──> up ──connection lost──> broken ──attach, known session──> up (resumed, nothing lost)
//                                    │                          ├──attach, unknown session──> down, up (fresh)
//                                    └──bye, kept too full──────┴──grace over──> down
import type { Clock, Scheduled } from '../base/clock.ts'
import { messageOf, WireError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Turn } from '../base/turn.ts'
import type { Connection } from '../net/connection.ts'
import { type MessageName, messages, type Values } from '../wire/messages.ts'
import { FRAME_HEADER_BYTES, FRAME_LENGTH_BYTES, getU32, PacketWriter, putU32 } from '../wire/packet.ts'
import {
  ackFrame,
  BATCH_HEADER_BYTES,
  KIND_ACK,
  KIND_BATCH,
  KIND_BYE,
  type Peer,
  readReason,
  reasonFrame,
} from './session-frame.ts'

/** What waits for the other end: little, something old (it has as much to do as it can), or so much that more may not be said. */
export type Backlog = 'little' | 'old' | 'large'

export interface LinkEvents {
  /**
   * The session stands. Fresh: it is a new one. Forgotten: the other end is the process of the session before, which it
   * has given up; else it knows nothing of us.
   */
  up(fresh: boolean, forgotten: boolean): void
  /** Type and fields from `start` to `end`, valid until it returns. */
  packet(bytes: Uint8Array, start: number, end: number): void
  /** The packets so far are no longer valid: whoever has put off copying one does it now. */
  batchEnds?(): void
  /** The session is over; what was not acknowledged is lost. `said` when the other end has said goodbye. */
  down(reason: string, said: boolean): void
  /** The connection broke; the session waits for another. */
  broken?(): void
  /** What the other end has not acknowledged has grown old or large, or is neither again. */
  congested?(backlog: Backlog): void
}

export interface LinkOptions {
  readonly self: Peer
  readonly clock: Clock
  readonly turn: Turn
  readonly log: Log
  readonly random: Random
  /** How long a broken session waits for its peer. */
  readonly graceMs: number
  /** The session ends when more than this waits for an acknowledgement. */
  readonly resendBytesMax: number
}

/** Of frames that are passed on together. */
export const RUN_BYTES_MAX = 16 * 1024
/** A longer packet is dropped where it is written. */
const PACKET_BYTES_MAX = 64 * 1024 * 1024
/** A connection that cuts batches in two puts them together in one buffer, again and again. */
export const REUSED_BYTES = 1024 * 1024
/** A batch that grows past this leaves before the turn ends. */
const BATCH_BYTES = 256 * 1024
/** Room for a batch that is full and the packet that filled it; larger ones grow their buffer, which is not kept. */
const BUFFER_BYTES = BATCH_BYTES + 64 * 1024
/** A batch that fills less of its buffer is copied out; one that fills more takes the buffer with it until it is acknowledged. */
const COPIED_SHARE_MAX = 1 / 4
const POOL_BUFFERS_MAX = 16
/** A batch leaves as soon as it is too long: the longest is one that was not, and the longest packet. */
export const FRAME_BYTES_MAX = BUFFER_BYTES + PACKET_BYTES_MAX
/** Numbers begin shortly before they wrap, so that every session that lasts has been through it. */
const FIRST_BATCH = 2 ** 32 - 256
const ACK_AFTER_BATCHES = 64
const ACK_AFTER_BYTES = 256 * 1024
const ACK_AFTER_MS = 20
/** A silent connection is asked for a sign of life, and given up when none comes. */
const PING_AFTER_MS = 2000
const SILENCE_MAX_MS = 8000

/** Small batches are copied into one piece of memory after the other: an allocation each would cost more than the copy. */
const SLAB_BYTES = 64 * 1024
/** What has waited for so long is old. */
const AGE_MAX_MS = 500

const NO_BYTES = new Uint8Array(0)
const NO_VIEW = new DataView(NO_BYTES.buffer)

/** A session as data, for another process that goes on with it. */
export interface SavedLink {
  readonly peer: Peer | undefined
  readonly peerProcess: string
  readonly sent: number
  readonly received: number
  readonly droppedBatches: number
  readonly backlog: Backlog
  /** How long it would still have waited for a connection. */
  readonly graceMs: number
  /** What the other end has not acknowledged. */
  readonly kept: readonly { readonly number: number; readonly ageMs: number; readonly bytes: Uint8Array }[]
}

interface Kept {
  readonly number: number
  /** When it was first to be written. */
  readonly atMs: number
  readonly bytes: Uint8Array
  /** The buffer that `bytes` lies in, when it is not the batch's own. */
  readonly pooled: Uint8Array | undefined
  /** Written to more than one connection: the first may still have it in its hands when it is acknowledged. */
  resent: boolean
  written: boolean
  acked: boolean
}

export class Link {
  readonly out = new PacketWriter(64 * 1024)
  /** Where the newest frame of the batch begins, or the newest run of them; -1 when there is none. */
  lastFrame = -1
  peer: Peer | undefined
  /** Names the process at the other end. */
  peerProcess = ''
  up = false
  /** Batches that were written while there was no session, or not acknowledged when one ended. */
  droppedBatches = 0

  readonly #options: LinkOptions
  readonly #events: LinkEvents
  #connection: Connection | undefined
  #sent = FIRST_BATCH
  #received = FIRST_BATCH
  #kept: Kept[] = []
  #unackedBytes = 0
  #backlog: Backlog = 'little'
  #pool: Uint8Array[] = []
  #slab = NO_BYTES
  #slabAt = 0
  #unackedBatches = 0
  #unackedReceivedBytes = 0
  #ackTimer: Scheduled | undefined
  #graceTimer: Scheduled | undefined
  #graceUntilMs = 0
  #aliveTimer: Scheduled | undefined
  #heardMs = 0
  // The views through which `#copy` copies, and what they look at.
  #fromBytes: Uint8Array = NO_BYTES
  #from: DataView = NO_VIEW
  #toBytes: Uint8Array = NO_BYTES
  #to: DataView = NO_VIEW

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options
    this.#events = events
    this.#beginBatch()
  }

  get unackedBytes(): number {
    return this.#unackedBytes
  }
  /** The number of the last batch that was received. */
  get received(): number {
    return this.#received
  }
  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  // --- writing -------------------------------------------------------------------------------------------------------

  begin(type: number): number {
    this.lastFrame = this.out.beginFrame(type)
    return this.lastFrame
  }

  end(): void {
    this.out.endFrame(this.lastFrame)
    this.touched()
  }

  /** As `end`, for what may wait some milliseconds for others to leave with it. It keeps its place among them. */
  endLater(): void {
    this.out.endFrame(this.lastFrame)
    if (this.out.at > BATCH_BYTES) this.flush()
    else this.#options.turn.requestLater()
  }

  send<N extends MessageName>(name: N, values: Values<N>): void {
    this.lastFrame = this.out.at
    messages[name].write(this.out, values as never)
    this.touched()
  }

  /** Passes a packet on as it came. */
  forward(bytes: Uint8Array, start: number, end: number): void {
    const { out } = this
    out.reserve(FRAME_LENGTH_BYTES)
    putU32(out.bytes, out.at, end - start)
    this.lastFrame = out.at
    out.at += FRAME_LENGTH_BYTES
    this.#copy(bytes, start, end)
    this.touched()
  }

  /** Passes frames on, one behind the other as they came: at most `RUN_BYTES_MAX`, or a single one. */
  forwardRun(bytes: Uint8Array, start: number, end: number): void {
    this.lastFrame = this.out.at
    this.#copy(bytes, start, end)
    this.touched()
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    const { out } = this
    const length = end - start
    out.reserve(length)
    const target = out.bytes
    let { at } = out
    // Words of eight bytes, several in flight, beat both single bytes and the call of `set` up to about this size.
    if (length <= 288) {
      if (bytes !== this.#fromBytes) {
        this.#fromBytes = bytes
        this.#from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      }
      if (target !== this.#toBytes) {
        this.#toBytes = target
        this.#to = new DataView(target.buffer, target.byteOffset, target.byteLength)
      }
      const from = this.#from
      const to = this.#to
      if (length > 96)
        for (const last = end - 32; start <= last; start += 32, at += 32) {
          const word0 = from.getBigInt64(start, true)
          const word1 = from.getBigInt64(start + 8, true)
          const word2 = from.getBigInt64(start + 16, true)
          const word3 = from.getBigInt64(start + 24, true)
          to.setBigInt64(at, word0, true)
          to.setBigInt64(at + 8, word1, true)
          to.setBigInt64(at + 16, word2, true)
          to.setBigInt64(at + 24, word3, true)
        }
      for (const last = end - 8; start <= last; start += 8, at += 8)
        to.setBigInt64(at, from.getBigInt64(start, true), true)
      while (start < end) target[at++] = bytes[start++]!
    } else {
      target.set(bytes.subarray(start, end), at)
      at += length
    }
    out.at = at
  }

  touched(): void {
    if (this.out.at - this.lastFrame > PACKET_BYTES_MAX) this.#dropPacket()
    if (this.out.at > BATCH_BYTES) this.flush()
    else this.#options.turn.request()
  }

  /** Sends what the turn has gathered. */
  flush(): void {
    const { out } = this
    if (out.at === BATCH_HEADER_BYTES) return
    if (!this.up) return this.#dropBatch()
    const length = out.at
    const number = next(this.#sent)
    this.#sent = number
    putU32(out.bytes, 0, length - 4)
    out.bytes[4] = KIND_BATCH
    putU32(out.bytes, 5, number)
    const atMs = this.#options.clock.now()
    let kept: Kept
    if (length <= out.bytes.length * COPIED_SHARE_MAX)
      kept = {
        number,
        atMs,
        bytes: this.#copyOf(out.bytes, length),
        pooled: undefined,
        resent: false,
        written: false,
        acked: false,
      }
    else {
      kept = { number, atMs, bytes: out.written(), pooled: out.bytes, resent: false, written: false, acked: false }
      out.bytes = this.#pool.pop() ?? new Uint8Array(BUFFER_BYTES)
    }
    this.#beginBatch()
    this.#kept.push(kept)
    this.#unackedBytes += heldBytes(kept)
    if (this.#connection) this.#write(kept)
    this.#watchBacklog()
  }

  #copyOf(bytes: Uint8Array, length: number): Uint8Array {
    if (length > SLAB_BYTES / 4) return bytes.slice(0, length)
    if (this.#slabAt + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES)
      this.#slabAt = 0
    }
    const copy = this.#slab.subarray(this.#slabAt, this.#slabAt + length)
    this.#slabAt += length
    copy.set(bytes.subarray(0, length))
    return copy
  }

  #dropBatch(): void {
    if (this.out.at > BATCH_HEADER_BYTES) this.droppedBatches++
    this.#beginBatch()
  }

  /** The newest packet is longer than the other end would take. */
  #dropPacket(): void {
    const { out, lastFrame } = this
    const type = out.bytes[lastFrame + 4]! | (out.bytes[lastFrame + 5]! << 8)
    const text = `a packet of type ${type} with ${out.at - lastFrame} bytes is dropped: the limit is ${PACKET_BYTES_MAX}`
    this.#options.log.error(text)
    const before = out.bytes.subarray(0, lastFrame)
    out.bytes = new Uint8Array(BUFFER_BYTES)
    out.bytes.set(before)
    out.at = lastFrame
    this.lastFrame = -1
  }

  // --- the session -----------------------------------------------------------------------------------------------------

  /** Goes on over this connection. `peerReceived`: the last batch that the other end has; the rest as for `up`. */
  attach(connection: Connection, peerReceived: number, fresh: boolean, forgotten = false): void {
    // Throws for what cannot be, before anything is changed.
    if (!fresh) this.acknowledge(peerReceived)
    this.#connection?.destroy('replaced by a newer connection')
    this.#connection = connection
    this.#graceTimer?.cancel()
    this.#heardMs = this.#options.clock.now()
    this.#watchLife()
    // Our end may never have heard that the session stood: its first welcome was lost.
    const first = !this.up
    if (first) this.#dropBatch()
    this.up = true
    for (const kept of this.#kept) {
      kept.resent = true
      this.#write(kept)
    }
    this.#events.up(first, first && forgotten)
  }

  /** The connection is gone. The session waits. */
  detach(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#aliveTimer?.cancel()
    this.#ackTimer?.cancel()
    this.#ackTimer = undefined
    if (!this.up) return
    this.#waitForAnother(this.#options.graceMs)
    this.#events.broken?.()
  }

  /** Ends the connection without a word: the session goes on in another process, or by the next connection. */
  letGo(): void {
    const connection = this.#connection
    if (!connection) return
    this.detach(connection)
    connection.destroy('the session is handed over')
  }

  /** The session as it is when all that was written is flushed. */
  save(): SavedLink {
    const { peer, peerProcess, droppedBatches } = this
    const nowMs = this.#options.clock.now()
    return {
      peer,
      peerProcess,
      sent: this.#sent,
      received: this.#received,
      droppedBatches,
      backlog: this.#backlog,
      graceMs: this.isConnected ? this.#options.graceMs : this.#graceUntilMs - nowMs,
      kept: this.#kept.map(({ number, atMs, bytes }) => ({ number, ageMs: nowMs - atMs, bytes })),
    }
  }

  /** Goes on with a session that stood elsewhere. It waits for its connection. */
  restore({ peer, peerProcess, sent, received, droppedBatches, backlog, graceMs, kept }: SavedLink): void {
    const nowMs = this.#options.clock.now()
    this.peer = peer
    this.peerProcess = peerProcess
    this.droppedBatches = droppedBatches
    this.up = true
    this.#sent = sent
    this.#received = received
    this.#backlog = backlog
    for (const { number, ageMs, bytes } of kept) {
      const again = { number, atMs: nowMs - ageMs, bytes, pooled: undefined, resent: true, written: true, acked: false }
      this.#kept.push(again)
      this.#unackedBytes += heldBytes(again)
    }
    this.#waitForAnother(graceMs)
  }

  #waitForAnother(leftMs: number): void {
    const { clock, graceMs } = this.#options
    this.#graceTimer?.cancel()
    this.#graceUntilMs = clock.now() + leftMs
    this.#graceTimer = clock.after(leftMs, () =>
      this.fail(`its connection was lost and did not come back in ${graceMs} ms`),
    )
  }

  /** The session is over. */
  fail(reason: string, said = false): void {
    this.#graceTimer?.cancel()
    this.#aliveTimer?.cancel()
    this.#ackTimer?.cancel()
    this.#ackTimer = undefined
    const connection = this.#connection
    this.#connection = undefined
    connection?.destroy(reason)
    const wasUp = this.up
    this.up = false
    this.#sent = FIRST_BATCH
    this.#received = FIRST_BATCH
    this.droppedBatches += this.#kept.length
    this.#kept = []
    this.#unackedBytes = 0
    this.#unackedBatches = 0
    this.#unackedReceivedBytes = 0
    this.#dropBatch()
    this.#watchBacklog()
    if (wasUp) this.#events.down(reason, said)
  }

  /** Says goodbye: the other end need not wait for us. */
  close(reason = 'it has left'): void {
    this.flush()
    const connection = this.#connection
    this.#connection = undefined
    connection?.write(reasonFrame(KIND_BYE, reason))
    connection?.close(reason)
    this.up = false
    this.#graceTimer?.cancel()
    this.#aliveTimer?.cancel()
    this.#ackTimer?.cancel()
    this.#kept = []
    this.#unackedBytes = 0
  }

  /** Takes one frame of the connection: kind and what follows. Throws WireError for what makes no sense. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    // What came in one piece with the end of the session belongs to it.
    if (!this.up) return
    this.#heardMs = this.#options.clock.now()
    switch (bytes[start]) {
      case KIND_BATCH:
        return this.#receiveBatch(bytes, start + 1, end)
      case KIND_ACK:
        if (end - start !== 5) throw new WireError('an ack of the wrong length')
        return this.acknowledge(getU32(bytes, start + 1))
      case KIND_BYE:
        return this.fail(readReason(bytes, start + 1, end), true)
      default:
        throw new WireError(`a frame of kind ${bytes[start]}`)
    }
  }

  /** The other end has every batch up to `number`. */
  acknowledge(number: number): void {
    const kept = this.#kept
    if (isAfter(number, this.#sent))
      throw new WireError(`an acknowledgement of batch ${number}, of which we sent ${this.#sent}`)
    let count = 0
    while (count < kept.length && !isAfter(kept[count]!.number, number)) {
      const batch = kept[count++]!
      this.#unackedBytes -= heldBytes(batch)
      batch.acked = true
      if (batch.written) this.#recycle(batch)
    }
    if (count === 0) return
    if (count === kept.length) kept.length = 0
    else kept.splice(0, count)
    this.#watchBacklog()
  }

  #receiveBatch(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < 8) throw new WireError('a batch is cut off')
    const number = getU32(bytes, start)
    this.acknowledge(getU32(bytes, start + 4))
    if (!isAfter(number, this.#received)) return
    if (number !== next(this.#received)) throw new WireError(`batch ${number} came after batch ${this.#received}`)
    this.#received = number
    this.#oweAck(end - start)
    try {
      for (let at = start + 8; at < end && this.up; ) {
        if (end - at < FRAME_HEADER_BYTES) throw new WireError('a packet is cut off')
        const next = at + FRAME_LENGTH_BYTES + getU32(bytes, at)
        if (next > end || next - at < FRAME_HEADER_BYTES) throw new WireError('a packet reaches beyond its batch')
        this.#events.packet(bytes, at + FRAME_LENGTH_BYTES, next)
        at = next
      }
    } finally {
      this.#events.batchEnds?.()
    }
  }

  #oweAck(byteCount: number): void {
    this.#unackedBatches++
    this.#unackedReceivedBytes += byteCount
    if (this.#unackedBatches >= ACK_AFTER_BATCHES || this.#unackedReceivedBytes >= ACK_AFTER_BYTES) this.#sendAck()
    else this.#ackTimer ??= this.#options.clock.after(ACK_AFTER_MS, () => this.#ackDue())
  }

  /** Mostly a batch of ours has said it meanwhile: the timer is not set anew for each. */
  #ackDue(): void {
    this.#ackTimer = undefined
    if (this.#unackedBatches > 0) this.#sendAck()
  }

  #sendAck(): void {
    this.#connection?.write(ackFrame(this.#received))
    this.#paidAck()
  }

  #paidAck(): void {
    this.#unackedBatches = 0
    this.#unackedReceivedBytes = 0
  }

  #write(kept: Kept): void {
    putU32(kept.bytes, 9, this.#received)
    if (this.#unackedBatches > 0) this.#paidAck()
    if (!kept.pooled) return this.#connection?.write(kept.bytes)
    this.#connection?.write(kept.bytes, () => {
      kept.written = true
      if (kept.acked) this.#recycle(kept)
    })
  }

  #recycle({ pooled, resent }: Kept): void {
    if (pooled?.length === BUFFER_BYTES && !resent && this.#pool.length < POOL_BUFFERS_MAX) this.#pool.push(pooled)
  }

  #beginBatch(): void {
    if (this.out.bytes.length > BUFFER_BYTES) this.out.bytes = new Uint8Array(BUFFER_BYTES)
    this.out.at = 0
    this.out.reserve(BATCH_HEADER_BYTES)
    this.out.at = BATCH_HEADER_BYTES
    this.lastFrame = -1
  }

  #watchBacklog(): void {
    const { resendBytesMax, log, clock } = this.#options
    const [oldest] = this.#kept
    const ageMs = oldest ? clock.now() - oldest.atMs : 0
    const before = this.#backlog
    // What is over has to be well over, lest it begin again at once.
    const isLarge = this.#unackedBytes > resendBytesMax / (before === 'large' ? 8 : 4)
    const isOld = ageMs > (before === 'little' ? AGE_MAX_MS : AGE_MAX_MS / 2)
    this.#backlog = isLarge ? 'large' : isOld ? 'old' : 'little'
    if (this.#backlog !== before) this.#events.congested?.(this.#backlog)
    if (this.#unackedBytes <= resendBytesMax || !this.up) return
    const who = this.peer ? `${this.peer.role} ${this.peer.id}` : 'the other end'
    log.error(`${who} does not keep up: ${this.#unackedBytes} bytes wait for it, more than link_resend_bytes_max`)
    this.fail('it did not keep up')
  }

  /** Notices a peer that has gone without a word (a pulled cable says nothing). */
  #watchLife(): void {
    const { clock } = this.#options
    this.#aliveTimer?.cancel()
    const look = () => {
      const silentMs = clock.now() - this.#heardMs
      if (silentMs >= SILENCE_MAX_MS) return this.#connection?.destroy(`silent for ${Math.round(silentMs)} ms`)
      this.#connection?.write(ackFrame(this.#received))
      this.#aliveTimer = clock.after(PING_AFTER_MS, look)
    }
    this.#aliveTimer = clock.after(PING_AFTER_MS, look)
  }

  /** Logs and ends a connection that does not follow the protocol. */
  refuse(connection: Connection, error: unknown): void {
    if (!(error instanceof WireError)) throw error
    this.#options.log.error(`link with ${connection.remote}: ${messageOf(error)}`)
    connection.destroy('it does not follow the protocol')
  }
}

const next = (number: number) => (number + 1) >>> 0
/** Whether batch `a` is a later one than `b`; they are never half of all numbers apart. */
const isAfter = (a: number, b: number) => ((a - b) | 0) > 0
/** What it takes while it is kept. */
const heldBytes = ({ bytes, pooled }: Kept) => (pooled ?? bytes).length
