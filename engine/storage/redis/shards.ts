// How what is in Redis is spread over the nodes of a cluster, and read in order all the same.
//
// A script may touch the keys of one slot only, so what must change together is in one slot: a shard. Its keys begin
// with the same tag in braces, and Redis takes the slot from the tag alone. The tags of n shards have slots in each
// n-th part of all, so nodes that share the slots evenly have as many shards each. A single Redis has the same keys:
// its data can be moved into a cluster as it is.
import { crc32 } from 'node:zlib'
import { compareKeys } from '../key.ts'

const SLOTS = 16384
const PAGE_KEYS_MAX = 1000
/** Shards have not all the same: with some keys more than its part, the first page of each is mostly enough. */
const PAGE_KEYS_MORE = 8

export class Shards {
  readonly count: number
  readonly #tags: readonly string[]

  /** The count is part of how data is stored: with another one nothing is found again. */
  constructor(count: number) {
    this.count = count
    this.#tags = evenTags(count)
  }

  /** The shard that `key` is in. */
  of(key: string): number {
    return crc32(key) % this.count
  }

  /** What the keys of a shard begin with. */
  prefix(shard: number): string {
    return `goworld:{${this.#tags[shard]}}:`
  }

  /**
   * The keys of all shards in byte order, of which `page` reads those of one: at most `size`, behind `after` unless
   * that is undefined. `limit` is how many are wanted, as far as is known.
   */
  async *inOrder(
    limit: number,
    page: (shard: number, size: number, after: string | undefined) => Promise<string[]>,
  ): AsyncGenerator<string, void> {
    const size = Math.min(PAGE_KEYS_MAX, Math.ceil(limit / this.count) + PAGE_KEYS_MORE)
    const pages = await Promise.all(Array.from(this.#tags, (_, shard) => page(shard, size, undefined)))
    const next = pages.map(() => 0)
    for (;;) {
      let least = -1
      let key: string | undefined
      for (let shard = 0; shard < pages.length; shard++) {
        const head = pages[shard]![next[shard]!]
        if (head === undefined || (key !== undefined && compareKeys(key, head) < 0)) continue
        least = shard
        key = head
      }
      if (key === undefined) return
      yield key
      if (++next[least]! < size) continue
      pages[least] = await page(least, size, key)
      next[least] = 0
    }
  }
}

/** The first number of each part of the slots. */
function evenTags(count: number): string[] {
  const tags: string[] = []
  for (let number = 0, found = 0; found < count; number++) {
    const part = Math.floor((slotOf(String(number)) * count) / SLOTS)
    if (tags[part] !== undefined) continue
    tags[part] = String(number)
    found++
  }
  return tags
}

/** CRC16 (XMODEM) of the tag, as in the cluster specification of Redis. */
function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  return crc % SLOTS
}
