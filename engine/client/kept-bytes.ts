// What was said on a session's stream and is not acknowledged: where the stream goes on, it is said again.
//
//     base                    written                    end         offsets in the stream, modulo 2^32
//      | frame | frame | frame | frame | frame | frame |
//      └─ on some connection ──┘└─ on none so far ─────┘
import { PacketWriter } from '../wire/packet.ts'

interface Entry {
  readonly bytes: Uint8Array
  /** Whether the server does something because of it that must not be done twice. */
  readonly isCall: boolean
}

/** Entries that are done with stay in the list until there are so many. */
const DONE_MAX = 64

export class KeptBytes {
  #entries: Entry[] = []
  /** Where in the list the first one is that is not acknowledged. */
  #first = 0
  #base = 0
  #bytes = 0
  #written = 0
  #writtenEntries = 0

  /** How much is kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Calls that were on a connection: whether the peer has them is not known. */
  get unsureCalls(): number {
    return this.#callsBefore(this.#first + this.#writtenEntries)
  }

  add(bytes: Uint8Array, isCall: boolean): void {
    this.#entries.push({ bytes, isCall })
    this.#bytes += bytes.length
  }

  /** The next that no connection has had: from now on one has. As one piece, which nobody may change. */
  next(): Uint8Array | undefined {
    const from = this.#first + this.#writtenEntries
    const count = this.#entries.length - from
    if (count === 0) return undefined
    // Only where it was cut can the peer have the beginning of one.
    const skipped = this.#writtenEntries === 0 ? this.#written : 0
    this.#written = this.#bytes
    this.#writtenEntries += count
    const { bytes } = this.#entries[from]!
    if (count === 1) return skipped === 0 ? bytes : bytes.subarray(skipped)
    const joined = new PacketWriter(1024)
    joined.raw(bytes, skipped)
    for (let at = from + 1; at < this.#entries.length; at++) joined.raw(this.#entries[at]!.bytes)
    return joined.written()
  }

  /** The peer has all up to `offset`. Answers false when it cannot: no connection had so much. */
  taken(offset: number): boolean {
    const count = this.#countTo(offset)
    if (count > this.#written) return false
    // Said before a connection was lost, and heard after the welcome of the next, which knew more.
    if (count < 0) return true
    let done = 0
    for (;;) {
      const next = this.#entries[this.#first]
      if (!next || done + next.bytes.length > count) break
      done += next.bytes.length
      this.#first++
      this.#writtenEntries--
    }
    this.#base = (this.#base + done) >>> 0
    this.#bytes -= done
    this.#written -= done
    if (this.#first > DONE_MAX && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
    return true
  }

  /** The peer has all up to `offset`, and is to have what follows. Answers false when it is not there any more, or never was. */
  rewind(offset: number): boolean {
    if (this.#countTo(offset) < 0 || !this.taken(offset)) return false
    this.#written = this.#countTo(offset)
    this.#writtenEntries = 0
    return true
  }

  /** The stream begins anew, with what was on no connection. Answers how many calls there were in the rest. */
  anew(): number {
    const calls = this.unsureCalls
    this.#entries = this.#entries.slice(this.#first + this.#writtenEntries)
    this.#bytes -= this.#written
    this.#first = this.#base = this.#written = this.#writtenEntries = 0
    return calls
  }

  /** Forgets what was on no connection. Answers how many calls there were. */
  dropUnwritten(): number {
    const calls = this.#callsBefore(this.#entries.length) - this.unsureCalls
    this.#entries.length = this.#first + this.#writtenEntries
    this.#bytes = this.#written
    return calls
  }

  /** How far `offset` is behind the first byte that is kept. */
  #countTo(offset: number): number {
    return (offset - this.#base) | 0
  }

  #callsBefore(index: number): number {
    let calls = 0
    for (let at = this.#first; at < index; at++) if (this.#entries[at]!.isCall) calls++
    return calls
  }
}
