// The latest position of each entity that a client which lags behind has yet to hear of. However long it does not read,
// there is one record an entity, and of those only entities that it sees.
import { IdTable } from '../../engine/base/id-table.ts'
import { RECORD_BYTES } from '../../engine/wire/sync.ts'

export class LatePositions {
  readonly #at = new IdTable(16)
  #records = new Uint8Array(16 * RECORD_BYTES)
  #end = 0

  get byteCount(): number {
    return this.#end
  }

  /** The records, one behind the other, up to `byteCount`. */
  get records(): Uint8Array {
    return this.#records
  }

  /** Keeps the record in `bytes` from `from`, in place of an older one of the same entity. */
  put(bytes: Uint8Array, from: number): void {
    let at = this.#at.get(bytes, from)
    if (at < 0) {
      at = this.#end
      if (at === this.#records.length) this.#grow()
      this.#at.set(bytes, from, at)
      this.#end += RECORD_BYTES
    }
    const records = this.#records
    for (let byte = 0; byte < RECORD_BYTES; byte++) records[at + byte] = bytes[from + byte]!
  }

  /** The entity whose id is at `from` is no longer seen. */
  remove(bytes: Uint8Array, from: number): void {
    const hole = this.#at.delete(bytes, from)
    if (hole < 0) return
    this.#end -= RECORD_BYTES
    if (hole === this.#end) return
    this.#records.copyWithin(hole, this.#end, this.#end + RECORD_BYTES)
    this.#at.set(this.#records, hole, hole)
  }

  clear(): void {
    this.#at.clear()
    this.#end = 0
  }

  #grow(): void {
    const grown = new Uint8Array(this.#records.length * 2)
    grown.set(this.#records)
    this.#records = grown
  }
}
