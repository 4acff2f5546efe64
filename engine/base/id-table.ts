// A hash table from 16-byte ids to numbers that never makes a string of an id.
//
//     words:  | id: 4 × u32 | id: 4 × u32 | …      one row a place, open addressing, linear probing
//     values: | i32 + 1     | 0 = empty   | …
//
// Deleting shifts the rows behind back, so there are no tombstones and look-ups never slow down with age.
import { ID_BYTES } from './id.ts'

export class IdTable {
  #words: Uint32Array
  #values: Int32Array
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
    this.#words = new Uint32Array(places * 4)
    this.#values = new Int32Array(places)
    this.#mask = places - 1
  }

  get size(): number {
    return this.#size
  }

  /** The value at the 16 bytes from `at`, or -1. */
  get(bytes: Uint8Array, at: number): number {
    this.#loadBytes(bytes, at)
    return this.#values[this.#find()]! - 1
  }

  /** The value of an id given as text, or -1. */
  getText(id: string): number {
    this.#loadText(id)
    return this.#values[this.#find()]! - 1
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
    this.#values.fill(0)
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

  /** The place of the loaded id, or the empty place where it belongs. */
  #find(): number {
    const words = this.#words
    const values = this.#values
    const a = this.#a >>> 0
    const b = this.#b >>> 0
    const c = this.#c >>> 0
    const d = this.#d >>> 0
    let place = mix(a, b, c, d) & this.#mask
    while (values[place] !== 0) {
      const row = place * 4
      if (words[row + 3] === d && words[row + 2] === c && words[row + 1] === b && words[row] === a) return place
      place = (place + 1) & this.#mask
    }
    return place
  }

  #put(value: number): void {
    let place = this.#find()
    if (this.#values[place] === 0) {
      if ((this.#size + 1) * 2 > this.#values.length) {
        this.#grow()
        place = this.#find()
      }
      this.#size++
      const row = place * 4
      this.#words[row] = this.#a
      this.#words[row + 1] = this.#b
      this.#words[row + 2] = this.#c
      this.#words[row + 3] = this.#d
    }
    this.#values[place] = value + 1
  }

  #remove(): number {
    const words = this.#words
    const values = this.#values
    const mask = this.#mask
    let hole = this.#find()
    const value = values[hole]! - 1
    if (value < 0) return -1
    this.#size--
    for (let place = (hole + 1) & mask; values[place] !== 0; place = (place + 1) & mask) {
      const row = place * 4
      const home = mix(words[row]!, words[row + 1]!, words[row + 2]!, words[row + 3]!) & mask
      // A row may fill the hole unless its home lies behind the hole, between hole and row.
      if (((place - home) & mask) < ((place - hole) & mask)) continue
      words.copyWithin(hole * 4, row, row + 4)
      values[hole] = values[place]!
      hole = place
    }
    values[hole] = 0
    return value
  }

  #grow(): void {
    const words = this.#words
    const values = this.#values
    this.#words = new Uint32Array(words.length * 2)
    this.#values = new Int32Array(values.length * 2)
    this.#mask = values.length * 2 - 1
    for (let from = 0; from < values.length; from++) {
      if (values[from] === 0) continue
      const row = from * 4
      let to = mix(words[row]!, words[row + 1]!, words[row + 2]!, words[row + 3]!) & this.#mask
      while (this.#values[to] !== 0) to = (to + 1) & this.#mask
      this.#words.set(words.subarray(row, row + 4), to * 4)
      this.#values[to] = values[from]!
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

/** The same for an id given as text. */
export function bucketOfText(id: string, buckets: number): number {
  if (buckets === 1) return 0
  let hash = 0x811c9dc5
  for (let at = 0; at < ID_BYTES; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193)
  return (hash >>> 0) % buckets
}

const word = (id: string, at: number) =>
  id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24)

function mix(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ Math.imul(d, 0x27d4eb2f)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
