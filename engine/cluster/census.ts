// Which entities are where, in twelve bytes: whoever knows the same ones in the same placements has the same census, and two
// that know anything else have another (but for one case in 2⁶⁴, and nobody who could steer it has a say in both).
//
//     sum over all of hash(id, epoch), twice      in any order, since neither end has an order that the other knows
const SEED = 0x9747b28c
const OTHER_SEED = 0x3c6ef372

export class Census {
  count = 0
  low = 0
  high = 0

  /** An entity by the 16 characters of its id. */
  addText(id: string, epoch: number): void {
    this.#add(textWord(id, 0), textWord(id, 4), textWord(id, 8), textWord(id, 12), epoch)
  }

  /** The same by the 16 bytes from `at`. */
  addBytes(bytes: Uint8Array, at: number, epoch: number): void {
    this.#add(byteWord(bytes, at), byteWord(bytes, at + 4), byteWord(bytes, at + 8), byteWord(bytes, at + 12), epoch)
  }

  equals({ count, low, high }: Pick<Census, 'count' | 'low' | 'high'>): boolean {
    return this.count === count && this.low === low && this.high === high
  }

  #add(a: number, b: number, c: number, d: number, epoch: number): void {
    this.count++
    this.low = (this.low + hash(SEED, a, b, c, d, epoch)) >>> 0
    this.high = (this.high + hash(OTHER_SEED, a, b, c, d, epoch)) >>> 0
  }
}

const textWord = (id: string, at: number) =>
  id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24)

const byteWord = (bytes: Uint8Array, at: number) =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)

function hash(seed: number, a: number, b: number, c: number, d: number, epoch: number): number {
  const whole = mixed(mixed(mixed(mixed(mixed(seed, a), b), c), d), epoch)
  const half = Math.imul(whole ^ (whole >>> 16), 0x85ebca6b)
  const last = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return last ^ (last >>> 16)
}

function mixed(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51)
  const next = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593)
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0
}
