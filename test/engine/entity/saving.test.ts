// When entities are saved: many that are due at once, and a queue that is full.
import { afterEach, expect, test } from 'vitest'
import { attr, entity } from '../../../components/game/goworld.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { coreOf, type EntityCore } from '../../../engine/entity/core.ts'
import { Saving } from '../../../engine/entity/saving.ts'
import { StorageError } from '../../../engine/storage/errors.ts'
import { MemoryStorage } from '../../../engine/storage/memory.ts'
import { SaveQueue, type SaveQueueOptions } from '../../../engine/storage/save-queue.ts'
import { Harness } from './harness.ts'

class Hero extends entity({ attrs: { gold: attr(0, 'persistent') } }) {}

const harnesses: Harness[] = []
afterEach(() => {
  for (const harness of harnesses.splice(0)) harness.stop()
})

/** On which each save takes so long. */
class BusyClock extends VirtualClock {
  busyMs = 0
  override now(): number {
    return super.now() + this.busyMs
  }
}

const SAVE_MS = 0.1

class TestQueue extends SaveQueue {
  readonly saved: number[] = []
  readonly #busy: BusyClock
  constructor(clock: BusyClock, storage: MemoryStorage, options: Partial<SaveQueueOptions> = {}) {
    super(storage, { clock, log: new MemoryLog(), ...options })
    this.#busy = clock
  }
  override save(...args: Parameters<SaveQueue['save']>): Promise<void> {
    this.saved.push(this.#busy.now())
    this.#busy.busyMs += SAVE_MS
    return super.save(...args)
  }
}

function setUp(count: number, options: Partial<SaveQueueOptions> = {}) {
  const harness = new Harness([Hero])
  harnesses.push(harness)
  const clock = new BusyClock()
  const storage = new MemoryStorage()
  const queue = new TestQueue(clock, storage, options)
  const saving = new Saving(clock, queue, 1000)
  const cores = Array.from({ length: count }, () => coreOf(harness.game.create(Hero, {})))
  const dirty = (core: EntityCore) => {
    core.unsaved = true
    saving.later(core)
  }
  return { clock, storage, queue, saving, cores, dirty }
}

/** Of all saves that nothing came between, in milliseconds. */
function longestSlice({ saved }: TestQueue): number {
  let slice = 0
  let longest = 0
  for (const [at, ms] of saved.entries()) {
    const pause = ms - (saved[at - 1] ?? ms) - SAVE_MS
    slice = pause > 0.5 ? SAVE_MS : slice + SAVE_MS
    longest = Math.max(longest, slice)
  }
  return longest
}

test('many that are due at once are saved in slices, with room for others between them', async () => {
  const { clock, queue, cores, dirty } = setUp(1000)
  for (const core of cores) dirty(core)
  await clock.until(() => queue.saved.length === 1000, 10_000)
  expect(longestSlice(queue)).toBeLessThan(2)
})

test('when there is a hurry they are due before their time, in slices as well', async () => {
  const { clock, queue, saving, cores, dirty } = setUp(1000)
  for (const core of cores) dirty(core)
  await clock.advance(100)
  saving.hurry()
  expect(saving.isDue).toBe(true)
  await clock.until(() => !saving.isDue, 500)
  expect(queue.saved).toHaveLength(1000)
  expect(longestSlice(queue)).toBeLessThan(2)
  dirty(cores[0]!)
  await clock.advance(500)
  expect(queue.saved).toHaveLength(1000)
})

test('while the queue is full they wait, and are saved with what they are when there is room', async () => {
  const { clock, storage, queue, cores, dirty } = setUp(20, { entitiesMax: 5 })
  const { write } = storage
  storage.write = async () => {
    throw new StorageError('the disk is full')
  }
  for (const core of cores) dirty(core)
  await clock.advance(5000)
  expect(queue.depth).toBe(5)
  expect(queue.saved).toHaveLength(5)
  for (const core of cores) (core.attrs as unknown as { gold: number }).gold = 9
  storage.write = write
  await clock.until(() => queue.saved.length === 20, 30_000)
  await clock.until(() => queue.depth === 0, 30_000)
  const last = cores.at(-1)!
  expect((await storage.read('Hero', last.id))?.data).toEqual({ gold: 9 })
})

test('what changes again is due again, and what does not change is not saved', async () => {
  const { clock, queue, cores, dirty } = setUp(2)
  dirty(cores[0]!)
  await clock.advance(5000)
  expect(queue.saved).toHaveLength(1)
  dirty(cores[0]!)
  await clock.advance(500)
  dirty(cores[0]!)
  await clock.advance(5000)
  expect(queue.saved).toHaveLength(2)
})

test('a save that cannot even be begun is tried again', async () => {
  const { saving, cores } = setUp(1)
  const [core] = cores as [EntityCore]
  core.unsaved = false
  const { attrs } = core
  Object.defineProperty(core, 'attrs', { value: undefined, configurable: true })
  await expect(saving.save(core)).rejects.toThrow(TypeError)
  expect(core.unsaved).toBe(true)
  Object.defineProperty(core, 'attrs', { value: attrs })
})

test('a save that is refused while the game is frozen is not lost: the entity is saved when the game goes on', async () => {
  const harness = new Harness([Hero])
  harnesses.push(harness)
  const { world, storage, clock } = harness
  const core = coreOf(harness.game.create(Hero, {}))
  await clock.advance(100)
  const refused = Promise.withResolvers<void>()
  world.saves.save = () => refused.promise
  const saving = world.saving.save(core).catch(() => {})
  world.standStill()
  world.seal()
  refused.reject(new StorageError('the queue is full'))
  await saving
  expect(world.saving.lost).toBe(0)
  Reflect.deleteProperty(world.saves, 'save')
  world.goOn()
  expect(core.unsaved).toBe(true)
  ;(core.attrs as unknown as { gold: number }).gold = 9
  await clock.advance(61_000)
  expect((await storage.read('Hero', core.id))?.data).toEqual({ gold: 9 })
})

test('one that cannot be made again and cannot be saved either is counted as lost', async () => {
  const { queue, saving, cores } = setUp(1)
  const [{ kind, id }] = cores as [EntityCore]
  queue.save = () => Promise.reject(new StorageError('the queue is full'))
  await saving.saveLost(kind, { type: 'Hero', id, epoch: 1, parts: {} })
  expect(saving.lost).toBe(1)
})
