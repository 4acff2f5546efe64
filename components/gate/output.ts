// What one client has to hear: gathered over a turn, or until it is its time (phases.ts), and written in one piece. A client
// that does not read costs no other anything, and a bounded amount of memory.
//
//     frames ───────────────> batch ──end of turn──> connection          the client keeps up
//     positions ────────────────┘
//
//     frames ───────────────> batch, which grows      connection: full   the client lags
//     positions ──> latest of each entity (late)
//                                 └── both go out once the connection is nearly empty
//     batch + late + what the connection holds > queueBytesMax: the client is closed
//
// Of a client with a session, what was written is kept until it is acknowledged (kept.ts). While it has no connection it
// is one that does not read.
//
// Positions may also wait because the client has cost enough for now (budget.ts); then they take turns (turns.ts).
import type { Connection } from '../../engine/net/connection.ts'
import { clientMessages, sessionMessages } from '../../engine/wire/client-wire.ts'
import { COMPACT_HEADER_BYTES, CompactEncoder, ToldPlace } from '../../engine/wire/compact.ts'
import { FRAME_HEADER_BYTES, putU32 } from '../../engine/wire/packet.ts'
import { RECORD_BYTES, recordX, recordY, recordYaw, recordZ } from '../../engine/wire/sync.ts'
import type { Budget } from './budget.ts'
import { type BufferPool, POOLED_BYTES_MAX, type PooledBuffer, type Writer } from './buffers.ts'
import { CLIENT_ID_AT, ENTITY_ID_AT, type FrameCopy } from './frame-copy.ts'
import type { Held, Taker } from './held.ts'
import type { Kept } from './kept.ts'
import { LatePositions } from './late-positions.ts'
import { Turns, type TurnTaker } from './turns.ts'

/** A client whose connection holds more than this has not read for longer than the network explains. */
const LAG_BYTES_MAX = 16 * 1024
/** A batch that has grown to this is written before the turn is over. */
const BATCH_BYTES = POOLED_BYTES_MAX

export interface OutputOwner {
  /** What clients take when it is their time. */
  readonly held: Held
  /** The output has something to say: call `flush` at the end of the turn. */
  touched(output: Output): void
  /** More is queued than the client may cost. Called from `flush` only. */
  overflowed(output: Output): void
}

/** Three words of 64 bits behind the number: what is behind the record is written over by the next one. */
const COMPACT_ROOM_BYTES = 3 + 24
/** What one of those may be expected to take. */
const COMPACT_BYTES = 12
/** What the records of a frame of positions have in common. Two are alike only when they are the same object. */
export interface PositionsFrame {
  /** Modulo 2^32. */
  readonly timeMs: number
  readonly step: number
  /** Who is told of any of the same flush; see `stillness.ts`. */
  readonly told: Output[] | undefined
}
/** Of records in full form. */
const FULL: PositionsFrame = { timeMs: 0, step: 0, told: undefined }

const nobody = new Uint8Array(0)
const nowhere = new DataView(nobody.buffer)
const encoder = new CompactEncoder()
const told = new ToldPlace()
const turns = new Turns()

export class Output implements Writer, TurnTaker, Taker {
  /** Which client this is; see `clients.ts`. */
  readonly slot: number
  #connection: Connection
  /** The client's id as four words, here and not in a list: a list would be another place of memory to go to. */
  #id0: number
  #id1: number
  #id2: number
  #id3: number
  readonly #pool: BufferPool
  readonly #owner: OutputOwner
  readonly #queueBytesMax: number
  readonly #lagBytes: number
  #buffer: PooledBuffer | undefined
  #bytes: Uint8Array = nobody
  /** Where to write records to; see `roomForRecord`. It and what follows is read for each record, and so lies together. */
  view: DataView = nowhere
  #at = 0
  #room = 0
  /** Of the frame of positions that is the newest in the batch, where nobody has to be asked before it goes on. */
  #goesOn: PositionsFrame | undefined
  /** The same, whoever has to be asked. */
  #positions: PositionsFrame | undefined
  /** What the client may cost, if there is a limit. */
  budget: Budget | undefined
  /** The list of those who were told in the flush that it was told of last, in compact form. */
  toldIn: Output[] | undefined
  /** How much of the frame of positions the budget has paid. */
  #paidAt = 0
  /** Where the frame of positions begins that is the newest in the batch, or -1. */
  #positionsAt = -1
  /** How much the last batch was: the next is likely to be as much, and need not grow to it. */
  #usualBytes = 0
  #late: LatePositions | undefined
  #lagging = false
  #touched = false
  /** All that is held in front of this number it has taken. */
  #heldAt: number
  #full = false
  #closed = false
  #kept: Kept | undefined
  /** There is no connection at the moment. */
  #parted = false

  constructor(
    slot: number,
    clientId: string,
    connection: Connection,
    pool: BufferPool,
    owner: OutputOwner,
    queueBytesMax: number,
  ) {
    this.slot = slot
    this.#connection = connection
    this.#id0 = wordOf(clientId, 0)
    this.#id1 = wordOf(clientId, 4)
    this.#id2 = wordOf(clientId, 8)
    this.#id3 = wordOf(clientId, 12)
    this.#pool = pool
    this.#owner = owner
    this.#heldAt = owner.held.next
    this.#queueBytesMax = queueBytesMax
    this.#lagBytes = Math.min(LAG_BYTES_MAX, queueBytesMax / 4)
  }

  /** The client has another id, and has been told nothing by the one that it had. */
  rename(clientId: string): void {
    this.#id0 = wordOf(clientId, 0)
    this.#id1 = wordOf(clientId, 4)
    this.#id2 = wordOf(clientId, 8)
    this.#id3 = wordOf(clientId, 12)
  }

  get lagging(): boolean {
    return this.#lagging && !this.#parted
  }

  /** Bytes that the client has yet to take. */
  get queuedBytes(): number {
    const written = this.#parted ? 0 : this.#connection.bufferedBytes
    return written + this.#at + (this.#late?.byteCount ?? 0)
  }

  /** Memory that it takes up: what is gathered, what is being written, what is kept. */
  get memoryBytes(): number {
    // What is being written to a client with a session is kept for it, too, but for what is more than may be kept.
    const written = this.#parted ? 0 : this.#connection.bufferedBytes
    const kept = this.#kept?.bytes ?? 0
    const given = this.#connection.copies ? written + kept : Math.max(written, kept)
    return given + (this.#buffer?.bytes.length ?? 0) + (this.#late?.byteCount ?? 0)
  }

  /** Whether positions wait until the client has caught up, or until their turn has come. */
  get isLate(): boolean {
    return this.#late !== undefined && this.#late.count > 0
  }

  /** Where in the stream of a client with a session ends what has been gathered, modulo 2^32; undefined before its welcome. */
  get streamEnd(): number | undefined {
    return this.#kept && (this.#kept.sent + this.#at) >>> 0
  }

  /** Adds a message. */
  append(frame: FrameCopy): void {
    this.#touch()
    this.#add(frame)
  }

  /** Adds a message that may wait until `leave` is called. */
  appendCalm(frame: FrameCopy): void {
    this.#add(frame)
  }

  /** Takes what is held for the client: it was said before whatever it hears now. */
  takeHeld(): void {
    const { held } = this.#owner
    const from = this.#heldAt
    if (from === held.next) return
    this.#heldAt = held.next
    held.give(this, from)
  }

  addHeld(frame: FrameCopy): void {
    const at = this.#put(frame)
    if (at >= 0 && frame.nameless) this.#owner.held.nameEntity(this.slot, this.view, at + ENTITY_ID_AT)
  }

  /** What has been gathered leaves with this turn. */
  leave(): void {
    if (this.#buffer !== undefined) this.#touch()
  }

  #add(frame: FrameCopy): void {
    this.takeHeld()
    this.#put(frame)
  }

  /** Answers where in the batch the frame begins, or -1 when it may not be there any more. */
  #put(frame: FrameCopy): number {
    if (this.#positionsAt >= 0) this.#sealPositions()
    const { length } = frame
    this.budget?.pay(length)
    if (this.#lagging && !this.#mayQueue(length)) return -1
    if (this.#at + length > this.#room && !this.#makeRoom(length)) return -1
    const at = this.#at
    this.#at = at + length
    frame.copyTo(this.#bytes, at)
    if (!frame.addressed) return at
    const { view } = this
    view.setInt32(at + CLIENT_ID_AT, this.#id0, true)
    view.setInt32(at + CLIENT_ID_AT + 4, this.#id1, true)
    view.setInt32(at + CLIENT_ID_AT + 8, this.#id2, true)
    view.setInt32(at + CLIENT_ID_AT + 12, this.#id3, true)
    return at
  }

  /**
   * Makes room for one position record (`sync.ts`) and answers where in `view` it must be written at once; or -1 when
   * it has to wait: then give it to `keepLate`. One that `mustGo` waits for no budget.
   */
  roomForRecord(mustGo = false): number {
    if (this.#goesOn !== FULL && !this.#open(FULL, mustGo, RECORD_BYTES)) return -1
    let at = this.#at
    if (at + RECORD_BYTES > this.#room) {
      if (!this.#makeRoom(RECORD_BYTES)) return -1
      // What was there may have been written to make room.
      if (this.#positions === undefined && !this.#beginPositions(FULL)) return -1
      at = this.#at
    }
    this.#at = at + RECORD_BYTES
    return at
  }

  /**
   * The same for a record in compact form (`compact.ts`), of whatever length that turns out to be: behind its number, 24
   * bytes may be written at once. `recordEnds` says where it ended.
   */
  roomForCompact(positions: PositionsFrame, mustGo = false): number {
    if (this.#goesOn !== positions && !this.#open(positions, mustGo, COMPACT_BYTES)) return -1
    if (this.#at + COMPACT_ROOM_BYTES > this.#room) {
      if (!this.#makeRoom(COMPACT_ROOM_BYTES)) return -1
      if (this.#positions === undefined && !this.#beginPositions(positions)) return -1
    }
    return this.#at
  }

  /** Adds the record in `bytes` from `from` on, in full form: at once, or when there is room for it. Its own player's waits for no budget. */
  appendRecord(bytes: Uint8Array, from: number, isOwn: boolean): void {
    const at = this.roomForRecord(isOwn)
    if (at < 0) this.keepLate(bytes, from, 0, undefined, isOwn)
    else this.#bytes.set(bytes.subarray(from, from + RECORD_BYTES), at)
  }

  recordEnds(at: number): void {
    this.#at = at
  }

  /**
   * The record has to wait: the client hears of the latest position of each entity when it has caught up, or when their turn
   * has come; its own player's first. `number` 0: in full form.
   */
  keepLate(bytes: Uint8Array, from: number, number = 0, { timeMs, step } = FULL, isOwn = false): void {
    if (this.#closed || this.#full) return
    this.#late ??= new LatePositions()
    const sinceMs = isOwn ? Number.NEGATIVE_INFINITY : (this.budget?.nowMs ?? 0)
    this.#late.put(bytes, from, number, timeMs, step, sinceMs)
    this.#touch()
  }

  /** Nothing that the client sees has moved until then: what waits for it may have. */
  tellStill(positions: PositionsFrame): void {
    this.toldIn = undefined
    if (!this.isLate) this.#open(positions, true, 0)
  }

  /** The client no longer sees the entity whose id is at `at`: it must not hear of its position after that. */
  forget(bytes: Uint8Array, at: number): void {
    this.#late?.remove(bytes, at)
  }

  /** Sends what the turn has gathered, unless the client lags. */
  flush(): void {
    this.#touched = false
    if (this.#closed) return
    if (this.#lagging && this.#reads) this.#catchUp()
    if (this.budget !== undefined && !this.#lagging) this.#giveTurns(this.budget)
    if (!this.#lagging) this.#write()
    if (this.#full || this.queuedBytes > this.#waitingBytesMax) {
      this.#full = true
      this.#owner.overflowed(this)
    }
  }

  /** The connection has taken a write, or all of them. */
  written(): void {
    if (this.#lagging && this.#reads) this.#touch()
  }

  /** There may be budget for what waits. */
  wake(): void {
    this.#touch()
  }

  // --- sessions ------------------------------------------------------------------------------------------------------

  /** A session begins: `welcome` goes out before its stream, which from now on is kept. */
  begin(welcome: Uint8Array, kept: Kept): void {
    this.#connection.write(welcome)
    this.#kept = kept
  }

  /** Nothing of what has been gathered is meant for the client any more. */
  discard(): void {
    const { held } = this.#owner
    held.skip(this.slot, this.#heldAt)
    this.#heldAt = held.next
    this.#late = undefined
    if (this.#buffer) this.#pool.give(this.#buffer)
    this.#letGo()
  }

  /** The connection is gone, and another may come: until then it is a client that does not read. */
  part(): void {
    if (this.#positionsAt >= 0) this.#sealPositions()
    this.#parted = true
    this.#lagging = true
    // It may be too much already.
    this.#touch()
  }

  /** Here it is: `welcome`, then the stream from `received` on, which must be kept. */
  goOn(connection: Connection, welcome: Uint8Array, received: number): void {
    const kept = this.#kept!
    this.#connection = connection
    this.#parted = false
    connection.write(welcome)
    kept.acknowledge(received)
    kept.writeFrom(received, connection, this)
    this.#touch()
  }

  /** Too much was said to it without a connection: nothing is kept any more, and what follows is dropped. */
  giveUp(): void {
    this.#end()
  }

  /** Ends the connection; what was said is still sent. `isForNow`: the client is to come again. */
  close(reason: string, isForNow = false): void {
    if (this.#closed) return
    this.takeHeld()
    if (!this.#full && !this.#parted) this.#write()
    this.#end()
    this.#connection.close(reason, isForNow)
  }

  /** Ends the connection at once. */
  destroy(reason: string): void {
    if (this.#closed) return
    this.#end()
    this.#connection.destroy(reason)
  }

  /** The connection is gone. */
  gone(): void {
    this.#end()
  }

  #end(): void {
    this.#closed = true
    this.#lagging = false
    this.discard()
    this.#kept?.clear()
  }

  /** Whether the client has nearly taken what it was given. */
  get #reads(): boolean {
    return !this.#parted && this.#connection.bufferedBytes <= this.#lagBytes / 2
  }

  /** What may wait for it. */
  get #waitingBytesMax(): number {
    return this.#parted ? this.#kept!.room : this.#queueBytesMax
  }

  #touch(): void {
    if (this.#touched || this.#closed) return
    this.#touched = true
    this.#owner.touched(this)
  }

  /** A position of so many bytes is to be written: has the frame for it begin, or answers false. */
  #open(positions: PositionsFrame, mustGo: boolean, bytes: number): boolean {
    const { budget } = this
    if (budget !== undefined) {
      if (this.#positions !== undefined) this.#payPositions(budget)
      if (!mustGo && this.#mustWait(budget, bytes)) return false
    }
    return this.#positions === positions || this.#beginPositions(positions)
  }

  #payPositions(budget: Budget): void {
    budget.payPosition(this.#at - this.#paidAt)
    this.#paidAt = this.#at
  }

  #beginPositions(positions: PositionsFrame): boolean {
    // One that is over may be asked still; by then its slot is another's.
    if (this.#closed) return false
    this.takeHeld()
    if (this.#lagging) return false
    this.#touch()
    if (this.#positionsAt >= 0) this.#sealPositions()
    const needed = FRAME_HEADER_BYTES + Math.max(RECORD_BYTES, COMPACT_HEADER_BYTES + COMPACT_ROOM_BYTES)
    if (this.#at + needed > this.#room && !this.#makeRoom(needed)) return false
    // To make room may have been what made it lag.
    if (this.#lagging) return false
    const at = this.#at
    const { code } = positions === FULL ? clientMessages.positions : sessionMessages.compactPositions
    this.#bytes[at + 4] = code
    this.#bytes[at + 5] = code >>> 8
    this.#positionsAt = at
    this.#positions = positions
    if (this.budget === undefined) this.#goesOn = positions
    else this.#paidAt = at
    this.#at = at + FRAME_HEADER_BYTES
    if (positions === FULL) return true
    if (positions.told !== undefined && positions.told !== this.toldIn) {
      this.toldIn = positions.told
      positions.told.push(this)
    }
    putU32(this.#bytes, this.#at, positions.timeMs)
    this.#bytes[this.#at + 4] = positions.step
    this.#at += COMPACT_HEADER_BYTES
    return true
  }

  #sealPositions(): void {
    if (this.budget !== undefined) this.#payPositions(this.budget)
    putU32(this.#bytes, this.#positionsAt, this.#at - this.#positionsAt - 4)
    this.#positionsAt = -1
    this.#positions = undefined
    this.#goesOn = undefined
  }

  /** Gets a buffer with room for `count` bytes behind what is in the batch; answers false when there may be none. */
  #makeRoom(count: number): boolean {
    if (this.#closed || this.#full) return false
    if (!this.#buffer) {
      this.#hold(this.#pool.take(Math.max(count, this.#usualBytes)), 0)
      return true
    }
    if (!this.#lagging && this.#at + count > BATCH_BYTES) {
      this.#write()
      return this.#makeRoom(count)
    }
    const smaller = this.#buffer
    const at = this.#at
    const larger = this.#pool.take(Math.max(at + count, smaller.bytes.length * 2))
    larger.bytes.set(smaller.bytes.subarray(0, at))
    this.#hold(larger, at)
    this.#pool.give(smaller)
    return true
  }

  /** The client lags: whether it may still cost `count` more bytes. */
  #mayQueue(count: number): boolean {
    this.#touch()
    // It cannot be closed here, where others are in the middle of their work: the end of the turn does it.
    if (this.queuedBytes + count > this.#waitingBytesMax) this.#full = true
    return !this.#full
  }

  #catchUp(): void {
    this.#lagging = false
    const late = this.#late
    if (!late) return
    if (this.budget) return this.budget.endRound()
    // To write them may make it lag again: then the others wait on.
    while (late.count > 0 && this.writeLate(late, late.count - 1)) late.removeAt(late.count - 1)
    if (late.count === 0) this.#late = undefined
  }

  /** Whether a position has to wait, since others do or nothing is left for it. */
  #mustWait(budget: Budget, bytes: number): boolean {
    const others = this.#late !== undefined && this.#late.count > 0
    if (!others && budget.allows(bytes)) return false
    if (!this.#lagging) budget.waited()
    return true
  }

  #giveTurns(budget: Budget): void {
    const late = this.#late
    if (!late || late.count === 0) return
    const sinceMs = budget.beginRound()
    if (sinceMs >= 0) turns.give(late, budget, sinceMs, this)
    if (late.count > 0) budget.waits(this)
    else this.#late = undefined
  }

  /** Writes one of the positions that waited; answers false when it cannot be written now either. */
  writeLate(late: LatePositions, one: number): boolean {
    const { records } = late
    const record = one * RECORD_BYTES
    const number = late.numbers[one]!
    if (number === 0) {
      const at = this.roomForRecord(true)
      if (at < 0) return false
      this.#bytes.set(records.subarray(record, record + RECORD_BYTES), at)
      return true
    }
    const timeMs = late.times[one]!
    const step = late.steps[one]!
    const open = this.#positions
    const isOpen = open !== undefined && open !== FULL && open.timeMs === timeMs && open.step === step
    const at = this.roomForCompact(isOpen ? open : { timeMs, step, told: undefined }, true)
    if (at < 0) return false
    const x = recordX(records, record)
    const y = recordY(records, record)
    const z = recordZ(records, record)
    encoder.encode(told, x, y, z, recordYaw(records, record), step)
    this.recordEnds(encoder.putWhole(this.view, at, number))
    return true
  }

  #write(): void {
    const buffer = this.#buffer
    if (!buffer) return
    if (this.#positionsAt >= 0) this.#sealPositions()
    const end = this.#at
    this.#usualBytes = Math.min(end, BATCH_BYTES)
    this.#letGo()
    buffer.writer = this
    buffer.uses++
    this.#kept?.add(buffer, end)
    this.#connection.write(buffer.bytes.subarray(0, end), buffer.done)
    if (this.#connection.bufferedBytes > this.#lagBytes) this.#lagging = true
  }

  #hold(buffer: PooledBuffer, at: number): void {
    this.#buffer = buffer
    this.#bytes = buffer.bytes
    this.view = buffer.view
    this.#room = buffer.bytes.length
    this.#at = at
  }

  #letGo(): void {
    this.#buffer = undefined
    this.#bytes = nobody
    this.view = nowhere
    this.#room = 0
    this.#at = 0
    this.#positionsAt = -1
    this.#positions = undefined
    this.#goesOn = undefined
  }
}

/** Four characters as `setInt32` writes them. */
const wordOf = (id: string, at: number) =>
  id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24)
