// One client's connection: what it sends is cut into frames, what is for it is gathered and leaves in one write a turn.
//
//     out        calls, attribute changes, creates and destroys, in order      never dropped: too many end the client
//     positions  one 1502 frame of records, copied word by word                while the client lags: the latest of
//                                                                             each entity only
import type { Clock } from '../../engine/base/clock.ts'
import type { Connection } from '../../engine/net/connection.ts'
import { clientMessages } from '../../engine/wire/client-wire.ts'
import { FRAME_HEADER_BYTES, PacketWriter, putU32 } from '../../engine/wire/packet.ts'
import { RECORD_BYTES } from '../../engine/wire/sync.ts'
import type { View } from './views.ts'

const RECORD_WORDS = RECORD_BYTES / 4
/** Two unused bytes, so that the records behind the frame's header lie on whole words. */
const ALIGN_BYTES = 2
const HEADER_WORDS = (ALIGN_BYTES + FRAME_HEADER_BYTES) / 4
/** With more than this unsent, a client lags: it gets only the latest positions. */
const LAG_BYTES = 64 * 1024

export class GateClient {
  readonly id: string
  readonly idBytes: Uint8Array
  readonly connection: Connection
  /** The entity that stands for it, and where that lives. */
  player: View | undefined
  /** Whom to tell when it goes before it has a player. */
  bootEntityId: string | undefined
  syncing = false
  /** What it sees. */
  readonly watching = new Set<View>()
  readonly filters = new Map<string, string>()
  heardMs: number
  closed = false
  /** Whether it is on the list of those to flush. */
  touched = false

  readonly #out = new PacketWriter(512)
  readonly #queueBytesMax: number
  #positions = new ArrayBuffer((HEADER_WORDS + 4 * RECORD_WORDS) * 4)
  #words = new Int32Array(this.#positions)
  #bytes = new Uint8Array(this.#positions)
  #records = 0
  #latest: Map<View, Int32Array> | undefined

  constructor(id: string, connection: Connection, clock: Clock, queueBytesMax: number) {
    this.id = id
    this.idBytes = Uint8Array.from(id, (character) => character.charCodeAt(0))
    this.connection = connection
    this.heardMs = clock.now()
    this.#queueBytesMax = queueBytesMax
  }

  /** Bytes that have not reached its kernel. */
  get queuedBytes(): number {
    return this.connection.bufferedBytes + this.#out.at
  }

  get isOverfull(): boolean {
    return this.queuedBytes > this.#queueBytesMax
  }

  /** A message meant for this client: `body` is what follows the client's id. */
  addressed(type: number, gateId: number, body: Uint8Array, from: number, to: number): void {
    const out = this.#out
    const start = out.beginFrame(type)
    out.u16(gateId)
    out.raw(this.idBytes)
    out.raw(body, from, to)
    out.endFrame(start)
  }

  /** A message that is the same for everybody. */
  common(type: number, body: Uint8Array, from: number, to: number): void {
    const out = this.#out
    const start = out.beginFrame(type)
    out.raw(body, from, to)
    out.endFrame(start)
  }

  /** The position of an entity it sees, as the eight words of a record. */
  position(view: View, words: Int32Array): void {
    if (this.connection.bufferedBytes > LAG_BYTES) {
      this.#latest ??= new Map()
      const held = this.#latest.get(view)
      if (held) held.set(words)
      else this.#latest.set(view, words.slice())
      return
    }
    if ((HEADER_WORDS + (this.#records + 1) * RECORD_WORDS) * 4 > this.#positions.byteLength) this.#growPositions()
    const to = this.#words
    const at = HEADER_WORDS + this.#records * RECORD_WORDS
    // Spelt out: a call of `set` costs more than eight stores.
    to[at] = words[0]!
    to[at + 1] = words[1]!
    to[at + 2] = words[2]!
    to[at + 3] = words[3]!
    to[at + 4] = words[4]!
    to[at + 5] = words[5]!
    to[at + 6] = words[6]!
    to[at + 7] = words[7]!
    this.#records++
  }

  /** It no longer sees this one: positions that wait go out before the destroy, or not at all. */
  forget(view: View): void {
    this.#latest?.delete(view)
    if (this.#records > 0) this.#commitPositions()
  }

  /** Puts positions that were held back while it lagged among those to send. */
  caughtUp(): boolean {
    const latest = this.#latest
    if (!latest || this.connection.bufferedBytes > LAG_BYTES) return false
    this.#latest = undefined
    for (const [view, words] of latest) this.position(view, words)
    return true
  }

  /** Sends what was gathered, in one write. */
  flush(): void {
    this.touched = false
    if (this.#records > 0) this.#commitPositions()
    const length = this.#out.at
    if (length === 0 || this.closed) return
    const chunk = Buffer.allocUnsafe(length)
    chunk.set(this.#out.written())
    this.#out.at = 0
    this.connection.write(chunk)
  }

  #commitPositions(): void {
    const start = ALIGN_BYTES
    const end = (HEADER_WORDS + this.#records * RECORD_WORDS) * 4
    const bytes = this.#bytes
    putU32(bytes, start, end - start - 4)
    bytes[start + 4] = clientMessages.positions.code & 0xff
    bytes[start + 5] = clientMessages.positions.code >>> 8
    this.#out.raw(bytes, start, end)
    this.#records = 0
  }

  #growPositions(): void {
    const grown = new ArrayBuffer(this.#positions.byteLength * 2)
    const words = new Int32Array(grown)
    words.set(this.#words)
    this.#positions = grown
    this.#words = words
    this.#bytes = new Uint8Array(grown)
  }
}
