// Where the entities are that clients of this gate see: the newest that games said of each, as the record that clients in
// full form get, and how many places it has had. By the view's slot.
import { ID_BYTES } from '../../engine/base/id.ts'
import { larger } from '../../engine/base/larger.ts'
import { RECORD_BYTES } from '../../engine/wire/sync.ts'

export class Places {
  records = new Uint8Array(64 * RECORD_BYTES)
  /** Over the same bytes. */
  words = new DataView(this.records.buffer)
  /** Modulo 2^32. */
  versions = new Uint32Array(64)

  /** An entity has come into the slot. */
  add(slot: number, bytes: Uint8Array, idAt: number): void {
    if (slot >= this.versions.length) this.#grow(slot)
    this.records.set(bytes.subarray(idAt, idAt + ID_BYTES), slot * RECORD_BYTES)
  }

  /** It is where the four floats at `at` say: x, y, z, yaw. Nobody is to be told of that. */
  set(slot: number, bytes: Uint8Array, at: number): void {
    this.records.set(bytes.subarray(at, at + RECORD_BYTES - ID_BYTES), slot * RECORD_BYTES + ID_BYTES)
  }

  /** It has moved to where the record at `record` says. */
  move(slot: number, source: DataView, record: number): void {
    const { words } = this
    const at = slot * RECORD_BYTES + ID_BYTES
    words.setBigInt64(at, source.getBigInt64(record + ID_BYTES))
    words.setBigInt64(at + 8, source.getBigInt64(record + ID_BYTES + 8))
    this.versions[slot]!++
  }

  #grow(slot: number): void {
    const count = Math.max(slot + 1, this.versions.length * 2)
    this.records = larger(this.records, count * RECORD_BYTES)
    this.words = new DataView(this.records.buffer)
    this.versions = larger(this.versions, count)
  }
}
