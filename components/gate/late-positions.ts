// The latest position of each entity that a client has yet to hear of: it lags behind, or its bandwidth is used up. However
// long that takes, there is one record an entity, and of those only entities that it sees.
//
//     records   | id, x y z yaw: 32 bytes | … |        and by their place among them: number, time, step of each
import { IdTable } from '../../engine/base/id-table.ts'
import { RECORD_BYTES } from '../../engine/wire/sync.ts'

const FIRST_COUNT = 16

export class LatePositions {
  readonly #at = new IdTable(FIRST_COUNT)
  #records = new Uint8Array(FIRST_COUNT * RECORD_BYTES)
  #end = 0
  /** What the client knows the entity as, or 0: then it gets the full form. */
  numbers = new Uint16Array(FIRST_COUNT)
  /** When the entity was there, as its game says. */
  times = new Uint32Array(FIRST_COUNT)
  steps = new Int8Array(FIRST_COUNT)
  /** Since when it waits, by the gate's clock. */
  since = new Float64Array(FIRST_COUNT)

  get byteCount(): number {
    return this.#end
  }

  get count(): number {
    return this.#end / RECORD_BYTES
  }

  /** The records, one behind the other, up to `byteCount`. */
  get records(): Uint8Array {
    return this.#records
  }

  /** Keeps the record in `bytes` from `from`, in place of an older one of the same entity: then it waits since that came. */
  put(bytes: Uint8Array, from: number, number = 0, timeMs = 0, step = 0, sinceMs = 0): void {
    let at = this.#at.get(bytes, from)
    if (at < 0) {
      at = this.#end
      if (at === this.#records.length) this.#grow()
      this.#at.set(bytes, from, at)
      this.#end += RECORD_BYTES
      this.since[at / RECORD_BYTES] = sinceMs
    }
    const records = this.#records
    for (let byte = 0; byte < RECORD_BYTES; byte++) records[at + byte] = bytes[from + byte]!
    const one = at / RECORD_BYTES
    this.numbers[one] = number
    this.times[one] = timeMs
    this.steps[one] = step
  }

  /** The entity whose id is at `from` is no longer seen. */
  remove(bytes: Uint8Array, from: number): void {
    const hole = this.#at.delete(bytes, from)
    if (hole >= 0) this.#fill(hole)
  }

  /** The record has been told. The last one takes its place. */
  removeAt(one: number): void {
    this.remove(this.#records, one * RECORD_BYTES)
  }

  clear(): void {
    this.#at.clear()
    this.#end = 0
  }

  #fill(hole: number): void {
    this.#end -= RECORD_BYTES
    if (hole === this.#end) return
    this.#records.copyWithin(hole, this.#end, this.#end + RECORD_BYTES)
    this.#at.set(this.#records, hole, hole)
    this.#move(this.#end / RECORD_BYTES, hole / RECORD_BYTES)
  }

  /** What is kept beside the record goes along with it. */
  #move(from: number, to: number): void {
    this.numbers[to] = this.numbers[from]!
    this.times[to] = this.times[from]!
    this.steps[to] = this.steps[from]!
    this.since[to] = this.since[from]!
  }

  #grow(): void {
    const grown = new Uint8Array(this.#records.length * 2)
    grown.set(this.#records)
    this.#records = grown
    const { numbers, times, steps, since } = this
    const count = numbers.length * 2
    this.numbers = new Uint16Array(count)
    this.numbers.set(numbers)
    this.times = new Uint32Array(count)
    this.times.set(times)
    this.steps = new Int8Array(count)
    this.steps.set(steps)
    this.since = new Float64Array(count)
    this.since.set(since)
  }
}
