// The save queue on a virtual clock, in front of a storage that waits and fails on command.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { NotStorable, StorageError } from '../../../engine/storage/errors.ts'
import { MemoryStorage } from '../../../engine/storage/memory.ts'
import type { SaveQueueOptions } from '../../../engine/storage/save-queue.ts'
import { SaveQueue } from '../../../engine/storage/save-queue.ts'
import type { Document } from '../../../engine/storage/storage.ts'

interface Held {
  readonly id: string
  readonly data: Document
  release(error?: Error): void
}

/** Holds each write until it is released, when `holds`; fails each, when `failure` is there. */
class TestStorage extends MemoryStorage {
  readonly attempts: { id: string; data: Document; at: number }[] = []
  readonly held: Held[] = []
  holds = false
  failure: Error | undefined
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    super()
    this.#clock = clock
  }

  override async write(type: string, id: string, data: Document): Promise<void> {
    this.attempts.push({ id, data, at: this.#clock.now() })
    if (this.holds) {
      await new Promise<void>((resolve, reject) => {
        this.held.push({ id, data, release: (error) => (error ? reject(error) : resolve()) })
      })
    }
    if (this.failure) throw this.failure
    await super.write(type, id, data)
  }

  /** The writes that are held now, let go in their order. */
  releaseAll(error?: Error): void {
    for (const held of this.held.splice(0)) held.release(error)
  }
}

function setUp(options: Partial<SaveQueueOptions> = {}) {
  const clock = new VirtualClock()
  const log = new MemoryLog()
  const storage = new TestStorage(clock)
  const queue = new SaveQueue(storage, { clock, log, ...options })
  return { clock, log, storage, queue }
}

/** Marks what has settled, and how. */
function watch(promises: Promise<unknown>[]): string[] {
  const states = promises.map(() => 'waiting')
  for (const [at, promise] of promises.entries()) {
    promise.then(
      () => {
        states[at] = 'written'
      },
      (error: Error) => {
        states[at] = error.name
      },
    )
  }
  return states
}

const levels = (storage: TestStorage) => storage.attempts.map(({ data }) => data['level'])
const down = new StorageError('the disk is full')

describe('a save', () => {
  it('resolves when it is written', async () => {
    const { queue, storage } = setUp()
    const saved = queue.save('Avatar', 'A', { level: 1 })
    expect(queue.depth).toBe(1)
    await saved
    expect(await storage.read('Avatar', 'A')).toEqual({ level: 1 })
    expect(queue.depth).toBe(0)
    expect(queue.written).toBe(1)
  })

  it('takes the value of the call', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 1 })
    storage.holds = true
    void queue.save('Avatar', 'first', {})
    const data = { bag: [1] }
    const saved = queue.save('Avatar', 'A', data)
    data.bag.push(2)
    storage.holds = false
    storage.releaseAll()
    await saved
    expect(await storage.read('Avatar', 'A')).toEqual({ bag: [1] })
    expect(clock.now()).toBe(0)
  })

  it('that has not begun is replaced by a newer one, and both resolve with it', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 1 })
    storage.holds = true
    void queue.save('Avatar', 'first', { level: 0 })
    const states = watch([1, 2, 3].map((level) => queue.save('Avatar', 'A', { level })))
    storage.releaseAll()
    await clock.advance(0)
    expect(levels(storage)).toEqual([0, 3])
    expect(states).toEqual(['waiting', 'waiting', 'waiting'])
    storage.releaseAll()
    await clock.advance(0)
    expect(states).toEqual(['written', 'written', 'written'])
  })

  it('waits for the one of the same entity that is under way, so that the newest is last', async () => {
    const { queue, storage, clock } = setUp()
    storage.holds = true
    const states = watch([1, 2, 3].map((level) => queue.save('Avatar', 'A', { level })))
    await clock.advance(0)
    expect(levels(storage)).toEqual([1])
    storage.releaseAll()
    await clock.advance(0)
    expect(states).toEqual(['written', 'waiting', 'waiting'])
    expect(levels(storage)).toEqual([1, 3])
    expect(queue.depth).toBe(1)
    storage.releaseAll()
    await clock.advance(0)
    expect(states).toEqual(['written', 'written', 'written'])
    expect(queue.depth).toBe(0)
  })

  it('does not wait for other entities, up to the limit', async () => {
    const { queue, storage, clock } = setUp()
    storage.holds = true
    const saves = Array.from({ length: 100 }, (_, n) => queue.save('Avatar', `A${n}`, {}))
    await clock.advance(0)
    expect(storage.held).toHaveLength(64)
    expect(queue.depth).toBe(100)
    storage.held.shift()!.release()
    await clock.advance(0)
    expect(storage.attempts).toHaveLength(65)
    storage.holds = false
    storage.releaseAll()
    await Promise.all(saves)
    expect(storage.attempts.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, n) => `A${n}`))
  })

  it('is not mixed up with one whose type and id have the same letters', async () => {
    const { queue, storage } = setUp()
    await Promise.all([queue.save('Ab', 'c', { n: 1 }), queue.save('A', 'bc', { n: 2 }), queue.save('1:A', 'c', {})])
    expect(await storage.read('Ab', 'c')).toEqual({ n: 1 })
    expect(await storage.read('A', 'bc')).toEqual({ n: 2 })
  })
})

describe('a save that fails', () => {
  it('is tried again, with pauses from 100 ms to 10 s, and said once', async () => {
    const { queue, storage, clock, log } = setUp()
    storage.failure = down
    const states = watch([queue.save('Avatar', 'A', { level: 1 })])
    await clock.advance(60_000)
    const pauses = storage.attempts.slice(1).map(({ at }, n) => at - storage.attempts[n]!.at)
    expect(pauses.slice(0, 9)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    expect(states).toEqual(['waiting'])
    expect(queue.depth).toBe(1)
    expect(log.lines.map(({ level, fields }) => [level, fields['error']])).toEqual([['error', 'the disk is full']])
    storage.failure = undefined
    await clock.until(() => queue.depth === 0)
    expect(states).toEqual(['written'])
    expect(log.matching('info', 'saved again')).toHaveLength(1)
  })

  it('of many entities is said once an outage', async () => {
    const { queue, storage, clock, log } = setUp()
    for (let outage = 1; outage <= 2; outage++) {
      storage.failure = down
      const saves = Array.from({ length: 200 }, (_, n) => queue.save('Avatar', `A${n}`, {}))
      await clock.advance(30_000)
      storage.failure = undefined
      await clock.until(() => queue.depth === 0)
      await Promise.all(saves)
      expect(log.matching('error', '')).toHaveLength(outage)
      expect(log.matching('info', '')).toHaveLength(outage)
    }
  })

  it('begins with short pauses again after it was written', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    void queue.save('Avatar', 'A', {})
    await clock.advance(30_000)
    storage.failure = undefined
    await clock.until(() => queue.depth === 0)
    storage.failure = down
    void queue.save('Avatar', 'A', {})
    await clock.advance(0)
    const { length } = storage.attempts
    await clock.advance(100)
    expect(storage.attempts.length - length).toBe(1)
  })

  it('gives way to a newer value, and both resolve with it', async () => {
    const { queue, storage, clock } = setUp()
    storage.holds = true
    const states = watch([queue.save('Avatar', 'A', { level: 1 }), queue.save('Avatar', 'A', { level: 2 })])
    storage.releaseAll(down)
    await clock.advance(0)
    const third = watch([queue.save('Avatar', 'A', { level: 3 })])
    await clock.advance(100)
    expect(levels(storage)).toEqual([1, 3])
    expect([...states, ...third]).toEqual(['waiting', 'waiting', 'waiting'])
    storage.releaseAll()
    await clock.advance(0)
    expect([...states, ...third]).toEqual(['written', 'written', 'written'])
    expect(queue.depth).toBe(0)
  })

  it('does not hold up other entities, even with one write at a time', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 1 })
    storage.holds = true
    void queue.save('Avatar', 'bad', {})
    const states = watch([queue.save('Avatar', 'A', {}), queue.save('Avatar', 'B', {})])
    storage.releaseAll(down)
    storage.holds = false
    await clock.advance(0)
    expect(states).toEqual(['written', 'written'])
    expect(queue.depth).toBe(1)
  })
})

describe('a save that can never be stored', () => {
  it('rejects at once, is logged with its place, and leaves the value before it', async () => {
    const { queue, storage, clock, log } = setUp({ writesMax: 1 })
    storage.holds = true
    void queue.save('Avatar', 'first', {})
    const good = watch([queue.save('Avatar', 'A', { level: 1 })])
    const bad = queue.save('Avatar', 'A', { mails: [{ when: new Date(0) }] } as unknown as Document)
    await expect(bad).rejects.toThrow(NotStorable)
    await expect(queue.save('Avatar', '', {})).rejects.toThrow(NotStorable)
    expect(log.lines.map(({ fields }) => fields['error'])).toEqual([
      'mails.0.when: a Date cannot be stored',
      'entity id: must not be empty',
    ])
    storage.holds = false
    storage.releaseAll()
    await clock.advance(0)
    expect(good).toEqual(['written'])
  })

  it('as the storage finds is not tried again, and the value after it is written', async () => {
    const { queue, storage, clock, log } = setUp()
    storage.holds = true
    const states = watch([queue.save('Avatar', 'A', { level: 1 }), queue.save('Avatar', 'A', { level: 2 })])
    storage.releaseAll(new NotStorable('too big'))
    storage.holds = false
    await clock.advance(0)
    expect(states).toEqual(['NotStorable', 'written'])
    expect(levels(storage)).toEqual([1, 2])
    expect(log.lines).toMatchObject([{ level: 'error', fields: { id: 'A', error: 'too big' } }])
  })

  it('rejects nobody who does not listen', async () => {
    const { queue, clock } = setUp()
    // An unhandled rejection would fail the run.
    void queue.save('Avatar', 'A', null as unknown as Document)
    await clock.advance(0)
    expect(queue.depth).toBe(0)
  })
})

describe('a full queue', () => {
  it('refuses new entities by name, takes newer values of those it has, and says so once', async () => {
    const { queue, storage, clock, log } = setUp({ entitiesMax: 2 })
    storage.holds = true
    void queue.save('Avatar', 'A', { level: 1 })
    void queue.save('Avatar', 'B', { level: 1 })
    await expect(queue.save('Avatar', 'C', {})).rejects.toThrow(StorageError)
    await expect(queue.save('Avatar', 'D', {})).rejects.toThrow('the save queue is full')
    expect(log.matching('error', 'the save queue is full')).toHaveLength(1)
    const newer = queue.save('Avatar', 'A', { level: 2 })
    storage.holds = false
    storage.releaseAll()
    await newer
    await clock.advance(0)
    await queue.save('Avatar', 'C', {})
    expect(queue.depth).toBe(0)
  })
})

describe('a read', () => {
  it('sees the newest value, whether it is ready, under way, waiting or paused', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 1 })
    storage.holds = true
    void queue.save('Avatar', 'first', {})
    void queue.save('Avatar', 'A', { level: 1 })
    expect(await queue.read('Avatar', 'A')).toEqual({ level: 1 })
    storage.releaseAll()
    await clock.advance(0)
    expect(await queue.read('Avatar', 'A')).toEqual({ level: 1 })
    void queue.save('Avatar', 'A', { level: 2 })
    expect(await queue.read('Avatar', 'A')).toEqual({ level: 2 })
    storage.releaseAll(down)
    await clock.advance(0)
    expect(await queue.read('Avatar', 'A')).toEqual({ level: 2 })
    storage.holds = false
    await clock.advance(100)
    expect(queue.depth).toBe(0)
    expect(await queue.read('Avatar', 'A')).toEqual({ level: 2 })
    expect(await queue.read('Avatar', 'B')).toBeUndefined()
  })

  it('gives a copy', async () => {
    const { queue, storage, clock } = setUp()
    storage.holds = true
    const saved = queue.save('Avatar', 'A', { bag: [1] })
    const read = await queue.read('Avatar', 'A')
    ;(read!['bag'] as number[]).push(2)
    expect(await queue.read('Avatar', 'A')).toEqual({ bag: [1] })
    storage.releaseAll()
    await clock.advance(0)
    await saved
  })
})

describe('a drain', () => {
  it('of an empty queue is done at once', async () => {
    expect(await setUp().queue.drain(1000)).toEqual({ written: 0, left: 0 })
  })

  it('waits until all is written', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 2 })
    storage.holds = true
    for (let n = 0; n < 5; n++) void queue.save('Avatar', `A${n}`, {})
    const drained = queue.drain(1000)
    const states = watch([drained])
    storage.releaseAll()
    await clock.advance(0)
    expect(states).toEqual(['waiting'])
    storage.holds = false
    storage.releaseAll()
    expect(await drained).toEqual({ written: 5, left: 0 })
    expect(clock.now()).toBe(0)
  })

  it('ends at its deadline and tells what is left, which is still tried', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    void queue.save('Avatar', 'A', {})
    void queue.save('Avatar', 'B', {})
    await clock.advance(30_000)
    const drained = queue.drain(1000)
    const { length } = storage.attempts
    await clock.advance(1000)
    expect(await drained).toEqual({ written: 0, left: 2 })
    expect(storage.attempts.length).toBe(length)
    storage.failure = undefined
    await clock.until(() => queue.depth === 0)
    expect(await storage.list('Avatar')).toEqual(['A', 'B'])
  })

  it('does not wait for pauses', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    void queue.save('Avatar', 'A', {})
    await clock.advance(30_000)
    storage.failure = undefined
    expect(await queue.drain(1000)).toEqual({ written: 1, left: 0 })
    const { length } = storage.attempts
    await clock.advance(30_000)
    expect(storage.attempts.length).toBe(length)
  })
})

describe('whatever happens', () => {
  it('the newest value is written last, one write at a time an entity, and every promise settles', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('save' as const), id: fc.constantFrom('A', 'B', 'C', 'D') }),
      fc.record({ do: fc.constantFrom('release' as const, 'fail' as const), at: fc.nat(3) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 50, 100, 1000) }),
    )
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, max) => {
        const { queue, storage, clock } = setUp({ writesMax: max })
        const newest = new Map<string, number>()
        const saves: Promise<void>[] = []
        storage.holds = true
        for (const [level, now] of steps.entries()) {
          if (now.do === 'save') {
            newest.set(now.id, level)
            saves.push(queue.save('Avatar', now.id, { level }))
            expect(await queue.read('Avatar', now.id)).toEqual({ level })
          } else if (now.do === 'wait') await clock.advance(now.ms)
          else storage.held.splice(now.at, 1)[0]?.release(now.do === 'fail' ? down : undefined)
          expect(storage.held.length).toBeLessThanOrEqual(max)
          expect(new Set(storage.held.map(({ id }) => id)).size).toBe(storage.held.length)
        }
        storage.holds = false
        storage.releaseAll()
        await clock.until(() => queue.depth === 0)
        await Promise.all(saves)
        for (const [id, level] of newest) expect(await storage.read('Avatar', id)).toEqual({ level })
      },
    )
    await fc.assert(property, { numRuns: 100 })
  })
})
