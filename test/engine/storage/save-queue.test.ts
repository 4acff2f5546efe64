// The save queue on a virtual clock, in front of a storage that waits and fails on command.
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { JournalFull, NotStorable, SaveOutdated, StorageError } from '../../../engine/storage/errors.ts'
import type { Journal } from '../../../engine/storage/journal.ts'
import { MemoryStorage } from '../../../engine/storage/memory.ts'
import { Row } from '../../../engine/storage/row.ts'
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
  /** The one entity whose writes fail. */
  failing: string | undefined
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    super()
    this.#clock = clock
  }

  override async write(type: string, id: string, row: Row): Promise<boolean> {
    const { data } = row
    this.attempts.push({ id, data, at: this.#clock.now() })
    if (this.holds) {
      await new Promise<void>((resolve, reject) => {
        this.held.push({ id, data, release: (error) => (error ? reject(error) : resolve()) })
      })
    }
    if (this.failure) throw this.failure
    if (id === this.failing) throw down
    return super.write(type, id, row)
  }

  /** The writes that are held now, let go in their order. */
  releaseAll(error?: Error): void {
    for (const held of this.held.splice(0)) held.release(error)
  }
}

const FIRST = { schema: 1, epoch: 1, no: 1 }
let saves = 0
/** As a later save than all before. */
const save = (queue: SaveQueue, id: string, data: unknown, epoch = 1) =>
  queue.save('Avatar', id, data, { schema: 1, epoch, no: ++saves })

async function drainedNow(queue: SaveQueue, clock: VirtualClock) {
  const drained = queue.drain(0)
  await clock.advance(0)
  return drained
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
    const saved = save(queue, 'A', { level: 1 })
    expect(queue.depth).toBe(1)
    await saved
    expect((await storage.read('Avatar', 'A'))?.data).toEqual({ level: 1 })
    expect(queue.depth).toBe(0)
    expect(queue.written).toBe(1)
  })

  it('takes the value of the call', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 1 })
    storage.holds = true
    void save(queue, 'first', {})
    const data = { bag: [1] }
    const saved = save(queue, 'A', data)
    data.bag.push(2)
    storage.holds = false
    storage.releaseAll()
    await saved
    expect((await storage.read('Avatar', 'A'))?.data).toEqual({ bag: [1] })
    expect(clock.now()).toBe(0)
  })

  it('that has not begun is replaced by a newer one, and both resolve with it', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 1 })
    storage.holds = true
    void save(queue, 'first', { level: 0 })
    const states = watch([1, 2, 3].map((level) => save(queue, 'A', { level })))
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
    const states = watch([1, 2, 3].map((level) => save(queue, 'A', { level })))
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
    const saves = Array.from({ length: 100 }, (_, n) => save(queue, `A${n}`, {}))
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
    await Promise.all([
      queue.save('Ab', 'c', { n: 1 }, FIRST),
      queue.save('A', 'bc', { n: 2 }, FIRST),
      queue.save('1:A', 'c', {}, FIRST),
    ])
    expect((await storage.read('Ab', 'c'))?.data).toEqual({ n: 1 })
    expect((await storage.read('A', 'bc'))?.data).toEqual({ n: 2 })
  })
})

describe('a save that fails', () => {
  it('is tried again, with pauses from 100 ms to 10 s, and said once', async () => {
    const { queue, storage, clock, log } = setUp()
    storage.failure = down
    const states = watch([save(queue, 'A', { level: 1 })])
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
      const saves = Array.from({ length: 200 }, (_, n) => save(queue, `A${n}`, {}))
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
    void save(queue, 'A', {})
    await clock.advance(30_000)
    storage.failure = undefined
    await clock.until(() => queue.depth === 0)
    storage.failure = down
    void save(queue, 'A', {})
    await clock.advance(0)
    const { length } = storage.attempts
    await clock.advance(100)
    expect(storage.attempts.length - length).toBe(1)
  })

  it('gives way to a newer value, and both resolve with it', async () => {
    const { queue, storage, clock } = setUp()
    storage.holds = true
    const states = watch([save(queue, 'A', { level: 1 }), save(queue, 'A', { level: 2 })])
    storage.releaseAll(down)
    await clock.advance(0)
    const third = watch([save(queue, 'A', { level: 3 })])
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
    void save(queue, 'bad', {})
    const states = watch([save(queue, 'A', {}), save(queue, 'B', {})])
    storage.releaseAll(down)
    storage.holds = false
    storage.failing = 'bad'
    await clock.advance(0)
    expect(states).toEqual(['written', 'written'])
    expect(queue.depth).toBe(1)
  })

  it('is tried at once when another succeeds after an outage, however long its pause', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    for (let n = 0; n < 100; n++) {
      void save(queue, `A${n}`, {})
      await clock.advance(37)
    }
    await clock.advance(30_000)
    storage.failure = undefined
    const since = clock.now()
    await clock.until(() => queue.depth < 100)
    await clock.until(() => queue.depth === 0)
    // The first of a hundred comes soon, and takes the others with it.
    expect(clock.now() - since).toBeLessThan(500)
  })

  it('for reasons of its own is not tried all the time because others are written', async () => {
    const { queue, storage, clock } = setUp()
    storage.failing = 'bad'
    void save(queue, 'bad', {})
    for (let n = 0; n < 1000; n++) {
      void save(queue, `A${n}`, {})
      await clock.advance(10)
    }
    const attempts = storage.attempts.filter(({ id }) => id === 'bad')
    expect(attempts.length).toBeLessThanOrEqual(20)
    storage.failing = undefined
    void save(queue, 'A', {})
    await clock.advance(1000)
    expect(queue.depth).toBe(0)
  })
})

describe('a save that can never be stored', () => {
  it('rejects at once, is logged with its place, and leaves the value before it', async () => {
    const { queue, storage, clock, log } = setUp({ writesMax: 1 })
    storage.holds = true
    void save(queue, 'first', {})
    const good = watch([save(queue, 'A', { level: 1 })])
    const bad = save(queue, 'A', { mails: [{ when: new Date(0) }] } as unknown as Document)
    await expect(bad).rejects.toThrow(NotStorable)
    await expect(save(queue, '', {})).rejects.toThrow(NotStorable)
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
    const states = watch([save(queue, 'A', { level: 1 }), save(queue, 'A', { level: 2 })])
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
    void save(queue, 'A', null as unknown as Document)
    await clock.advance(0)
    expect(queue.depth).toBe(0)
  })
})

describe('a full queue', () => {
  it('refuses new entities by name, takes newer values of those it has, and says so once', async () => {
    const { queue, storage, clock, log } = setUp({ entitiesMax: 2 })
    storage.holds = true
    void save(queue, 'A', { level: 1 })
    void save(queue, 'B', { level: 1 })
    await expect(save(queue, 'C', {})).rejects.toThrow(StorageError)
    await expect(save(queue, 'D', {})).rejects.toThrow('the save queue is full')
    expect(log.matching('error', 'the save queue is full')).toHaveLength(1)
    const newer = save(queue, 'A', { level: 2 })
    storage.holds = false
    storage.releaseAll()
    await newer
    await clock.advance(0)
    await save(queue, 'C', {})
    expect(queue.depth).toBe(0)
  })
})

describe('a read', () => {
  it('sees the newest value, whether it is ready, under way, waiting or paused', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 1 })
    storage.holds = true
    void save(queue, 'first', {})
    void save(queue, 'A', { level: 1 })
    expect((await queue.read('Avatar', 'A'))?.data).toEqual({ level: 1 })
    storage.releaseAll()
    await clock.advance(0)
    expect((await queue.read('Avatar', 'A'))?.data).toEqual({ level: 1 })
    void save(queue, 'A', { level: 2 })
    expect((await queue.read('Avatar', 'A'))?.data).toEqual({ level: 2 })
    storage.releaseAll(down)
    await clock.advance(0)
    expect((await queue.read('Avatar', 'A'))?.data).toEqual({ level: 2 })
    storage.holds = false
    await clock.advance(100)
    expect(queue.depth).toBe(0)
    expect((await queue.read('Avatar', 'A'))?.data).toEqual({ level: 2 })
    expect(await queue.read('Avatar', 'B')).toBeUndefined()
  })

  it('gives a copy', async () => {
    const { queue, storage, clock } = setUp()
    storage.holds = true
    const saved = save(queue, 'A', { bag: [1] })
    const read = (await queue.read('Avatar', 'A'))!.data
    ;(read!['bag'] as number[]).push(2)
    expect((await queue.read('Avatar', 'A'))?.data).toEqual({ bag: [1] })
    storage.releaseAll()
    await clock.advance(0)
    await saved
  })
})

describe('a drain', () => {
  it('of an empty queue is done at once', async () => {
    expect(await setUp().queue.drain(1000)).toEqual({ written: 0, left: 0, kept: 0 })
  })

  it('waits until all is written', async () => {
    const { queue, storage, clock } = setUp({ writesMax: 2 })
    storage.holds = true
    for (let n = 0; n < 5; n++) void save(queue, `A${n}`, {})
    const drained = queue.drain(1000)
    const states = watch([drained])
    storage.releaseAll()
    await clock.advance(0)
    expect(states).toEqual(['waiting'])
    storage.holds = false
    storage.releaseAll()
    expect(await drained).toEqual({ written: 5, left: 0, kept: 0 })
    expect(clock.now()).toBe(0)
  })

  it('ends at its deadline and tells what is left, which is still tried', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    void save(queue, 'A', {})
    void save(queue, 'B', {})
    await clock.advance(30_000)
    const drained = queue.drain(1000)
    const { length } = storage.attempts
    await clock.advance(1000)
    expect(await drained).toEqual({ written: 0, left: 2, kept: 0 })
    expect(storage.attempts.length).toBe(length)
    storage.failure = undefined
    await clock.until(() => queue.depth === 0)
    expect(await storage.list('Avatar')).toEqual(['A', 'B'])
  })

  it('does not wait for pauses', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    void save(queue, 'A', {})
    await clock.advance(30_000)
    storage.failure = undefined
    expect(await queue.drain(1000)).toEqual({ written: 1, left: 0, kept: 0 })
    const { length } = storage.attempts
    await clock.advance(30_000)
    expect(storage.attempts.length).toBe(length)
  })
})

/** Keeps what it is given when it is told to, or not. */
class TestJournal implements Journal {
  readonly appended: { id: string; data: Document; keep(error?: Error): void }[] = []
  readonly confirmed: string[] = []
  readonly putAside: string[] = []

  append(_type: string, id: string, row: Row): Promise<void> {
    return new Promise((resolve, reject) => {
      this.appended.push({ id, data: row.data, keep: (error) => (error ? reject(error) : resolve()) })
    })
  }

  confirm(_type: string, id: string, row: Row): void {
    this.confirmed.push(`${id} ${row.data['level']}`)
  }

  refused(_type: string, id: string, row: Row, error: Error): void {
    this.putAside.push(`${id} ${row.data['level']}: ${error.message}`)
  }
}

describe('a save with a journal', () => {
  function journaled(options: Partial<SaveQueueOptions> = {}) {
    const journal = new TestJournal()
    return { journal, ...setUp({ journal, ...options }) }
  }
  const full = new JournalFull('the disk is full')

  it('resolves when the journal has it, though the store does not; the store still gets it', async () => {
    const { queue, storage, clock, journal } = journaled()
    storage.failure = down
    const states = watch([save(queue, 'A', { level: 1 })])
    await clock.advance(500)
    expect(states).toEqual(['waiting'])
    journal.appended[0]!.keep()
    await clock.advance(0)
    expect(states).toEqual(['written'])
    expect(journal.confirmed).toEqual([])
    expect(await drainedNow(queue, clock)).toEqual({ written: 0, left: 1, kept: 1 })
    storage.failure = undefined
    await clock.until(() => queue.depth === 0)
    expect(journal.confirmed).toEqual(['A 1'])
  })

  it('resolves when the store has it, though the journal does not', async () => {
    const { queue, journal } = journaled()
    await save(queue, 'A', { level: 1 })
    expect(journal.confirmed).toEqual(['A 1'])
  })

  it('that the journal refuses resolves with the store all the same', async () => {
    const { queue, storage, clock, journal } = journaled()
    storage.holds = true
    const states = watch([save(queue, 'A', { level: 1 })])
    journal.appended[0]!.keep(full)
    await clock.advance(1000)
    expect(states).toEqual(['waiting'])
    storage.releaseAll()
    await clock.advance(0)
    expect(states).toEqual(['written'])
  })

  it('that neither of them takes rejects by name, whichever refuses first, and is tried on', async () => {
    const { queue, storage, clock, journal } = journaled()
    storage.holds = true
    const saves = [save(queue, 'A', { level: 1 }), save(queue, 'B', { level: 1 })]
    const states = watch(saves)
    journal.appended[0]!.keep(full)
    await clock.advance(0)
    storage.holds = false
    storage.failure = down
    storage.releaseAll()
    await clock.advance(0)
    journal.appended[1]!.keep(full)
    // What comes while the store is away.
    const later = watch([save(queue, 'A', { level: 2 })])
    journal.appended.at(-1)!.keep(full)
    await clock.advance(0)
    expect([...states, ...later]).toEqual(['JournalFull', 'JournalFull', 'JournalFull'])
    expect(await drainedNow(queue, clock)).toEqual({ written: 0, left: 2, kept: 0 })
    storage.failure = undefined
    await clock.until(() => queue.depth === 0)
    expect((await storage.read('Avatar', 'A'))?.data).toEqual({ level: 2 })
  })

  it('that the journal refuses waits no longer than 2 s for a store that is slow, and not at all while it fails', async () => {
    const { queue, storage, clock, journal } = journaled({ writesMax: 4 })
    storage.holds = true
    const states = watch(Array.from({ length: 20 }, (_, n) => save(queue, `A${n}`, { level: 1 })))
    for (const { keep } of journal.appended) keep(full)
    await clock.advance(1900)
    storage.held.shift()!.release()
    await clock.advance(0)
    expect(states.filter((state) => state === 'waiting')).toHaveLength(19)
    await clock.advance(100)
    expect(states.filter((state) => state === 'JournalFull')).toHaveLength(19)
    expect(queue.status()).toMatchObject({ unkept: 19, depth: 19 })
    storage.held.shift()!.release(down)
    await clock.advance(0)
    const later = watch([save(queue, 'B', { level: 1 })])
    journal.appended.at(-1)!.keep(full)
    await clock.advance(0)
    expect(later).toEqual(['JournalFull'])
    storage.holds = false
    storage.releaseAll()
    await clock.until(() => queue.depth === 0)
  })

  it('that the store will never take is kept, and whoever saved it hears of it', async () => {
    const told: string[] = []
    const { queue, storage, clock, journal, log } = journaled({
      refused: (type, id, error) => told.push(`${type} ${id} ${(error as Error).name}`),
    })
    storage.holds = true
    const states = watch([save(queue, 'A', { level: 1 })])
    journal.appended[0]!.keep()
    await clock.advance(0)
    storage.releaseAll(new NotStorable('too big'))
    await clock.advance(0)
    expect(states).toEqual(['written'])
    expect(journal.confirmed).toEqual([])
    expect(journal.putAside).toEqual(['A 1: too big'])
    expect(told).toEqual(['Avatar A NotStorable'])
    expect(queue.status()).toMatchObject({ refused: 1, depth: 0 })
    expect(log.matching('error', 'was not saved')).toHaveLength(1)
    // One that has been saved again since is not unsaved.
    void save(queue, 'A', { level: 2 })
    void save(queue, 'A', { level: 3 })
    await clock.advance(0)
    storage.releaseAll(new NotStorable('too big'))
    await clock.advance(0)
    expect(journal.putAside).toHaveLength(2)
    expect(told).toHaveLength(1)
    storage.releaseAll()
    await clock.advance(0)
    expect(journal.confirmed).toEqual(['A 3'])
  })

  it('that the journal refused is offered to it again when the store fails, until it has it', async () => {
    const { queue, storage, clock, journal } = journaled()
    storage.failure = down
    const states = watch([save(queue, 'A', { level: 1 })])
    for (let n = 0; n < 3; n++) {
      journal.appended[n]!.keep(full)
      await clock.until(() => journal.appended.length === n + 2)
      expect(await drainedNow(queue, clock)).toMatchObject({ kept: 0 })
    }
    expect(states).toEqual(['JournalFull'])
    journal.appended[3]!.keep()
    await clock.advance(30_000)
    expect(journal.appended.map(({ data }) => data['level'])).toEqual([1, 1, 1, 1])
    expect(await drainedNow(queue, clock)).toEqual({ written: 0, left: 1, kept: 1 })
  })

  it('counts as kept when the journal has it only after the one before it has failed', async () => {
    const { queue, storage, clock, journal } = journaled()
    storage.holds = true
    const states = watch([save(queue, 'A', { level: 1 }), save(queue, 'A', { level: 2 })])
    journal.appended[0]!.keep()
    await clock.advance(0)
    storage.releaseAll(down)
    await clock.advance(0)
    journal.appended[1]!.keep()
    await clock.advance(0)
    expect(states).toEqual(['written', 'written'])
    expect(await drainedNow(queue, clock)).toEqual({ written: 0, left: 1, kept: 1 })
  })

  it('that has a newer one behind it hears of its own journal', async () => {
    const { queue, storage, clock, journal } = journaled()
    storage.holds = true
    const states = watch([save(queue, 'A', { level: 1 }), save(queue, 'A', { level: 2 })])
    await clock.advance(0)
    journal.appended[1]!.keep(full)
    journal.appended[0]!.keep()
    await clock.advance(0)
    expect(states).toEqual(['written', 'waiting'])
    storage.releaseAll(down)
    await clock.advance(0)
    expect(states).toEqual(['written', 'JournalFull'])
  })
})

describe('what an earlier process has kept', () => {
  const kept = (id: string, level: number, epoch: number) => {
    return { type: 'Avatar', id, row: Row.of({ level }, { schema: 1, epoch, no: 1 }) }
  }

  it('is written where the store has nothing later', async () => {
    const { queue, storage, clock, log } = setUp()
    await storage.write('Avatar', 'B', kept('B', 9, 5).row)
    queue.adopt([kept('A', 1, 4), kept('B', 1, 4)])
    await clock.until(() => queue.depth === 0)
    expect((await storage.read('Avatar', 'A'))?.data).toEqual({ level: 1 })
    expect((await storage.read('Avatar', 'B'))?.data).toEqual({ level: 9 })
    expect(log.lines).toEqual([])
  })

  it('is waited for by who reads it, for the store may have something later', async () => {
    const { queue, storage, clock } = setUp()
    await storage.write('Avatar', 'A', kept('A', 9, 5).row)
    storage.holds = true
    queue.adopt([kept('A', 1, 4)])
    let read: Row | undefined
    void queue.read('Avatar', 'A').then((row) => {
      read = row
    })
    await clock.advance(1000)
    expect(read).toBeUndefined()
    storage.releaseAll()
    await clock.advance(0)
    expect(read?.data).toEqual({ level: 9 })
  })

  it('has its place some at a time, and is waited for', async () => {
    const { queue, storage, clock } = setUp()
    const rows = Array.from({ length: 2500 }, (_, n) => kept(`A${n}`, 1, 4))
    storage.holds = true
    const turns = vi.spyOn(clock, 'defer')
    const adopted = watch([queue.adopt(rows)])
    expect(adopted).toEqual(['waiting'])
    expect([...storage.attempts]).toHaveLength(64)
    expect(queue.depth).toBe(2500)
    // Saved before it had its place.
    const saved = save(queue, 'A2400', { level: 2 }, 5)
    let read: Row | undefined
    void queue.read('Avatar', 'A2300').then((row) => {
      read = row
    })
    storage.holds = false
    storage.releaseAll()
    const drained = queue.drain(1000)
    await clock.advance(0)
    expect(await drained).toEqual({ written: 2500, left: 0, kept: 0 })
    expect(adopted).toEqual(['written'])
    expect(turns).toHaveBeenCalledTimes(2)
    expect(read?.data).toEqual({ level: 1 })
    await saved
    expect((await storage.read('Avatar', 'A2400'))?.data).toEqual({ level: 2 })
    expect(await storage.list('Avatar', { limit: 5000 })).toHaveLength(2500)
  })

  it('counts as left and kept when the queue is stopped before it has its place', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    void queue.adopt(Array.from({ length: 2500 }, (_, n) => kept(`A${n}`, 1, 4)))
    queue.stop()
    expect(await drainedNow(queue, clock)).toEqual({ written: 0, left: 2500, kept: 2500 })
  })

  it('counts as kept when the store takes it not', async () => {
    const { queue, storage, clock } = setUp()
    storage.failure = down
    queue.adopt([kept('A', 1, 4)])
    await clock.advance(0)
    expect(await drainedNow(queue, clock)).toEqual({ written: 0, left: 1, kept: 1 })
  })
})

describe('a save of an entity that lives elsewhere by now', () => {
  it('rejects by name, and leaves what was saved there', async () => {
    const { queue, storage, log } = setUp()
    await storage.write('Avatar', 'A', Row.of({ level: 9 }, { schema: 1, epoch: 2, no: 1 }))
    const error = await save(queue, 'A', { level: 1 }, 1).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(SaveOutdated)
    expect((error as Error).message).toBe('Avatar<A>: a later placement of it has saved')
    expect((await storage.read('Avatar', 'A'))?.data).toEqual({ level: 9 })
    expect(queue.status()).toMatchObject({ depth: 0, outdated: 1, written: 0 })
    expect(log.lines.map(({ message }) => message)).toEqual(['an entity was not saved'])
    await save(queue, 'A', { level: 10 }, 3)
  })
})

describe('a rate', () => {
  it('is how many writes a second the store is asked for', async () => {
    const { queue, storage, clock } = setUp({ rate: 100 })
    const saves = Array.from({ length: 500 }, (_, n) => save(queue, `A${n}`, {}))
    await clock.advance(1000)
    expect(storage.attempts.length).toBeGreaterThanOrEqual(95)
    expect(storage.attempts.length).toBeLessThanOrEqual(112)
    await clock.advance(1000)
    expect(storage.attempts.length).toBeGreaterThanOrEqual(195)
    expect(storage.attempts.length).toBeLessThanOrEqual(212)
    expect(queue.status()).toMatchObject({ depth: 500 - storage.attempts.length, oldestMs: 2000 })
    expect(queue.status().perSecond).toBeGreaterThanOrEqual(95)
    expect(queue.status().perSecond).toBeLessThanOrEqual(112)
    // A game that ends cannot wait.
    queue.liftLimits()
    await queue.drain(1000)
    await Promise.all(saves)
    expect(storage.attempts).toHaveLength(500)
  })

  it('may be less than one a second', async () => {
    const { queue, storage, clock } = setUp({ rate: 1 })
    for (let n = 0; n < 3; n++) void save(queue, `A${n}`, {})
    await clock.advance(2500)
    expect(storage.attempts).toHaveLength(2)
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
            saves.push(save(queue, now.id, { level }))
            expect((await queue.read('Avatar', now.id))?.data).toEqual({ level })
          } else if (now.do === 'wait') await clock.advance(now.ms)
          else storage.held.splice(now.at, 1)[0]?.release(now.do === 'fail' ? down : undefined)
          expect(storage.held.length).toBeLessThanOrEqual(max)
          expect(new Set(storage.held.map(({ id }) => id)).size).toBe(storage.held.length)
        }
        storage.holds = false
        storage.releaseAll()
        await clock.until(() => queue.depth === 0)
        await Promise.all(saves)
        for (const [id, level] of newest) expect((await storage.read('Avatar', id))?.data).toEqual({ level })
      },
    )
    await fc.assert(property, { numRuns: 100 })
  })
})
