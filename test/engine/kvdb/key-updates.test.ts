// Updates of a key as one step, in front of a store that others write to as well.
import { describe, expect, it } from 'vitest'
import { realClock } from '../../../engine/base/clock.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { KeyUpdates } from '../../../engine/kvdb/key-updates.ts'
import { MemoryKvdb } from '../../../engine/kvdb/memory.ts'
import { StorageError } from '../../../engine/storage/errors.ts'

const on = (store: MemoryKvdb) => new KeyUpdates(store, realClock, seededRandom(1))
const add = (by: number) => (value: string | undefined) => String(Number(value ?? 0) + by)

/** Counts what is asked of it; before each compareAndSet somebody else may write. */
class WatchedKvdb extends MemoryKvdb {
  calls = 0
  meanwhile: (() => void) | undefined

  override async get(key: string): Promise<string | undefined> {
    this.calls++
    return super.get(key)
  }

  override async compareAndSet(key: string, expected: string | undefined, value: string): Promise<boolean> {
    this.calls++
    this.meanwhile?.()
    return super.compareAndSet(key, expected, value)
  }
}

describe('an update', () => {
  it('puts what is made of the value, or of none', async () => {
    const store = new MemoryKvdb()
    const updates = on(store)
    expect(await updates.update('a', add(1))).toBe('1')
    expect(await updates.update('a', add(5))).toBe('6')
    expect(await store.get('a')).toBe('6')
  })

  it('that leaves the value writes nothing', async () => {
    const store = new WatchedKvdb()
    await store.put('a', '1')
    const updates = on(store)
    expect(await updates.update('a', () => undefined)).toBe('1')
    expect(await updates.update('a', (value) => value)).toBe('1')
    expect(await updates.update('b', () => undefined)).toBeUndefined()
    expect(store.calls).toBe(3)
  })

  it('loses none of many, from several processes', async () => {
    const store = new MemoryKvdb()
    const games = [on(store), on(store), on(store)]
    await Promise.all(games.flatMap((game) => Array.from({ length: 100 }, () => game.update('a', add(1)))))
    expect(await store.get('a')).toBe('300')
  })

  it('of one process is never in the way of another of it', async () => {
    const store = new WatchedKvdb()
    const updates = on(store)
    await Promise.all(Array.from({ length: 50 }, () => updates.update('a', add(1))))
    expect(store.calls).toBe(100)
  })

  it('is done again when somebody else was faster, on the value that is there then', async () => {
    const store = new WatchedKvdb()
    let left = 3
    store.meanwhile = () => {
      if (left-- > 0) void store.put('a', String(10 * left))
    }
    expect(await on(store).update('a', add(1))).toBe('1')
    expect(store.calls).toBe(8)
  })

  it('is given up when others are always faster', async () => {
    const store = new WatchedKvdb()
    let n = 0
    store.meanwhile = () => void store.put('a', String(++n))
    const error = await on(store)
      .update('a', add(0.5))
      .catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(StorageError)
    expect((error as Error).message).toBe('the key "a" was changed by others 100 times in a row')
  })

  it('that throws changes nothing, and holds up none behind it', async () => {
    const store = new MemoryKvdb()
    const updates = on(store)
    const failed = updates.update('a', () => {
      throw new RangeError('no')
    })
    const next = updates.update('a', add(1))
    await expect(failed).rejects.toThrow(RangeError)
    expect(await next).toBe('1')
  })
})
