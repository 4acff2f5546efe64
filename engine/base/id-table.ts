// A hash table from 16-byte ids to numbers that never makes a string of an id.
//
//     rows: | id: 4 × i32 | value + 1 | id: 4 × i32 | 0 = empty | …    open addressing, linear probing
//
// Id and value lie side by side, so that a look-up in a large table waits for memory once.
// Deleting shifts the rows behind back, so there are no tombstones and look-ups never slow down with age.
import { ID_BYTES } from './id.ts'
import { machineRandom } from './random.ts'

/** Words a place: the id's four, and the value + 1. */
const ROW = 5
const VALUE = 4

export class IdTable {
  #rows: Int32Array
  #mask: number
  #size = 0
  // The id of the operation under way, as words: fields cost no allocation.
  #a = 0
  #b = 0
  #c = 0
  #d = 0

  constructor(capacity = 64) {
    let places = 16
    while (places < capacity * 2) places *= 2
    this.#rows = new Int32Array(places * ROW)
    this.#mask = places - 1
  }

  get size(): number {
    return this.#size
  }

  /** The value at the 16 bytes from `at`, or -1. */
  get(bytes: Uint8Array, at: number): number {
    this.#loadBytes(bytes, at)
    return this.#rows[this.#find() + VALUE]! - 1
  }

  /** The value of an id given as text, or -1. */
  getText(id: string): number {
    this.#loadText(id)
    return this.#rows[this.#find() + VALUE]! - 1
  }

  /** Sets the value (0 or more) of the id in the 16 bytes from `at`. */
  set(bytes: Uint8Array, at: number, value: number): void {
    this.#loadBytes(bytes, at)
    this.#put(value)
  }

  setText(id: string, value: number): void {
    this.#loadText(id)
    this.#put(value)
  }

  /** Forgets the id; answers the value it had, or -1. */
  delete(bytes: Uint8Array, at: number): number {
    this.#loadBytes(bytes, at)
    return this.#remove()
  }

  deleteText(id: string): number {
    this.#loadText(id)
    return this.#remove()
  }

  clear(): void {
    this.#rows.fill(0)
    this.#size = 0
  }

  #loadBytes(bytes: Uint8Array, at: number): void {
    if (at + ID_BYTES > bytes.length) throw new RangeError('an id needs 16 bytes')
    this.#a = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    this.#b = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)
    this.#c = bytes[at + 8]! | (bytes[at + 9]! << 8) | (bytes[at + 10]! << 16) | (bytes[at + 11]! << 24)
    this.#d = bytes[at + 12]! | (bytes[at + 13]! << 8) | (bytes[at + 14]! << 16) | (bytes[at + 15]! << 24)
  }

  #loadText(id: string): void {
    if (id.length !== ID_BYTES) throw new RangeError(`an id has 16 characters, '${id}' has ${id.length}`)
    this.#a = word(id, 0)
    this.#b = word(id, 4)
    this.#c = word(id, 8)
    this.#d = word(id, 12)
  }

  /** Where the row of the loaded id begins, or the empty row where it belongs. */
  #find(): number {
    const rows = this.#rows
    const a = this.#a
    const b = this.#b
    const c = this.#c
    const d = this.#d
    const mask = this.#mask
    let place = mix(a, b, c, d) & mask
    for (;;) {
      const row = place * ROW
      if (rows[row + VALUE] === 0) return row
      if (rows[row + 3] === d && rows[row + 2] === c && rows[row + 1] === b && rows[row] === a) return row
      place = (place + 1) & mask
    }
  }

  #put(value: number): void {
    let row = this.#find()
    if (this.#rows[row + VALUE] === 0) {
      if ((this.#size + 1) * 2 > this.#mask + 1) {
        this.#grow()
        row = this.#find()
      }
      this.#size++
      this.#rows[row] = this.#a
      this.#rows[row + 1] = this.#b
      this.#rows[row + 2] = this.#c
      this.#rows[row + 3] = this.#d
    }
    this.#rows[row + VALUE] = value + 1
  }

  #remove(): number {
    const rows = this.#rows
    const mask = this.#mask
    const found = this.#find()
    const value = rows[found + VALUE]! - 1
    if (value < 0) return -1
    this.#size--
    let hole = found / ROW
    for (let place = (hole + 1) & mask; rows[place * ROW + VALUE] !== 0; place = (place + 1) & mask) {
      const row = place * ROW
      const home = mix(rows[row]!, rows[row + 1]!, rows[row + 2]!, rows[row + 3]!) & mask
      // A row may fill the hole unless its home lies behind the hole, between hole and row.
      if (((place - home) & mask) < ((place - hole) & mask)) continue
      rows.copyWithin(hole * ROW, row, row + ROW)
      hole = place
    }
    rows[hole * ROW + VALUE] = 0
    return value
  }

  #grow(): void {
    const old = this.#rows
    this.#rows = new Int32Array(old.length * 2)
    this.#mask = this.#mask * 2 + 1
    for (let from = 0; from < old.length; from += ROW) {
      if (old[from + VALUE] === 0) continue
      let to = mix(old[from]!, old[from + 1]!, old[from + 2]!, old[from + 3]!) & this.#mask
      while (this.#rows[to * ROW + VALUE] !== 0) to = (to + 1) & this.#mask
      this.#rows.set(old.subarray(from, from + ROW), to * ROW)
    }
  }
}

/** Which of `buckets` an id belongs to: the same for every process, by nothing but the id. */
export function bucketOfBytes(bytes: Uint8Array, at: number, buckets: number): number {
  if (buckets === 1) return 0
  let hash = 0x811c9dc5
  for (let end = at + ID_BYTES; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return (hash >>> 0) % buckets
}

/** The same for an id given as text; any other text has a bucket too. */
export function bucketOfText(id: string, buckets: number): number {
  if (buckets === 1) return 0
  let hash = 0x811c9dc5
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % buckets
}

const word = (id: string, at: number) =>
  id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24)

// Ids come from clients too: nobody outside may know, or steer by the shape of the mixing, which of them meet in one place.
const SEED_A = secretWord()
const SEED_C = secretWord()

function secretWord(): number {
  return Math.floor(machineRandom() * 2 ** 32) | 0
}

function mix(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a ^ SEED_A, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 13) ^ c ^ SEED_C, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 16) ^ d, 0x27d4eb2f)
  return (hash ^ (hash >>> 15)) >>> 0
}
