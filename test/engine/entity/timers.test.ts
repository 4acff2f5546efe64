// Timers by themselves: when they run, and what is kept of those that were cancelled.
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { CronPattern } from '../../../engine/entity/cron.ts'
import { type PendingTimer, type Timer, Timers } from '../../../engine/entity/timers.ts'

const HOUR_MS = 3_600_000

class Owner {
  lastTimer = 0
  timers: PendingTimer[] | undefined
  readonly ran: [method: string, ...args: unknown[]][] = []
  onRun: () => void = () => {}
  runTimer(method: string, args: readonly unknown[]) {
    this.ran.push([method, ...args])
    this.onRun()
  }
}

function start() {
  const clock = new VirtualClock()
  return { clock, timers: new Timers(clock), owner: new Owner() }
}

test('timers that are cancelled long before they are due are not kept', () => {
  const { timers, owner } = start()
  const kept = timers.add(owner, HOUR_MS, 0, 'kept', [])
  for (let n = 0; n < 10_000; n++) timers.cancel(owner, timers.add(owner, HOUR_MS, 0, 'gone', []))
  expect(timers.size).toBe(1)
  expect(timers.held).toBeLessThan(600)
  expect(timers.cancel(owner, kept)).toBe(true)
})

test('an owner whose timers are all cancelled at once leaves none behind', () => {
  const { timers, owner } = start()
  for (let n = 0; n < 10_000; n++) timers.add(owner, HOUR_MS, 0, 'gone', [])
  timers.cancelAll(owner)
  expect(timers).toMatchObject({ size: 0, held: 0 })
})

test('a few cancelled timers among many do not cost a rebuild each, and what is left runs in order', async () => {
  const { clock, timers, owner } = start()
  const made: Timer[] = []
  for (let n = 0; n < 3000; n++) made.push(timers.add(owner, ((n * 7919) % 3000) + 1, 0, 'run', [n]))
  for (let n = 0; n < 1000; n++) timers.cancel(owner, made[n]!)
  expect(timers).toMatchObject({ size: 2000, held: 3000 })
  for (let n = 1000; n < 2900; n++) timers.cancel(owner, made[n]!)
  expect(timers.size).toBe(100)
  expect(timers.held).toBeLessThanOrEqual(456)
  await clock.advance(3001)
  const left = Array.from({ length: 100 }, (_, at) => 2900 + at)
  const due = (n: number) => (n * 7919) % 3000
  expect(owner.ran).toEqual(left.sort((a, b) => due(a) - due(b)).map((n) => ['run', n]))
  expect(timers).toMatchObject({ size: 0, held: 0 })
})

test('a timer that cancels thousands of others while it runs disturbs neither itself nor those that are left', async () => {
  const { clock, timers, owner } = start()
  const other = new Owner()
  const beat = timers.add(owner, 10, 10, 'beat', [])
  const last = timers.add(owner, 25, 0, 'last', [])
  for (let n = 0; n < 5000; n++) timers.add(other, 15, 0, 'gone', [])
  owner.onRun = () => timers.cancelAll(other)
  await clock.advance(30)
  expect(owner.ran).toEqual([['beat'], ['beat'], ['last'], ['beat']])
  expect(other.ran).toEqual([])
  expect(timers.cancel(owner, beat)).toBe(true)
  expect(timers.cancel(owner, last)).toBe(false)
  await clock.advance(100)
  expect(owner.ran).toHaveLength(4)
})

test('nobody cancels the timer of somebody else', () => {
  const { timers, owner } = start()
  const timer = timers.add(owner, 10, 0, 'run', [])
  expect(timers.cancel(new Owner(), timer)).toBe(false)
  expect(timers.size).toBe(1)
})

describe('the number of a timer', () => {
  test('is its owner’s: each counts for itself, from 1 on', () => {
    const { timers, owner } = start()
    const other = new Owner()
    const numbers = [owner, owner, other, owner, other].map((one) => timers.add(one, 10, 0, 'run', []))
    expect(numbers).toEqual([1, 2, 1, 3, 2])
    expect([owner.lastTimer, other.lastTimer]).toEqual([3, 2])
  })

  test('ends one timer: that of nobody else with the same number', async () => {
    const { clock, timers, owner } = start()
    const other = new Owner()
    const mine = timers.add(owner, 10, 0, 'mine', [])
    timers.add(other, 10, 0, 'theirs', [])
    expect(timers.cancel(owner, mine)).toBe(true)
    await clock.advance(10)
    expect([owner.ran, other.ran]).toEqual([[], [['theirs']]])
  })

  test('is not given again, so that an old handle ends nothing newer', async () => {
    const { clock, timers, owner } = start()
    const first = timers.add(owner, 10, 0, 'first', [])
    await clock.advance(10)
    const second = timers.add(owner, 10, 0, 'second', [])
    expect(second).not.toBe(first)
    expect(timers.cancel(owner, first)).toBe(false)
    timers.cancelAll(owner)
    const third = timers.add(owner, 10, 0, 'third', [])
    expect([timers.cancel(owner, second), timers.cancel(owner, third)]).toEqual([false, true])
  })

  test('that nobody ever had ends nothing', () => {
    const { timers, owner } = start()
    timers.add(owner, 10, 0, 'run', [])
    for (const none of [0, -1, 2, 1.5, Number.NaN, undefined as never]) expect(timers.cancel(owner, none)).toBe(false)
    expect(timers.size).toBe(1)
  })
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('a timer cannot wait %d ms', (ms) => {
  const { timers, owner } = start()
  expect(() => timers.add(owner, ms, 0, 'run', [])).toThrow(new RangeError(`a timer cannot wait ${ms} ms`))
  expect([timers.size, owner.lastTimer]).toEqual([0, 0])
})

test('no timer repeats faster than is good for the game', async () => {
  const { clock, timers, owner } = start()
  timers.add(owner, 1, 1, 'beat', [])
  await clock.advance(31)
  expect(owner.ran).toHaveLength(4)
})

describe('timers that are paused', () => {
  test('run when they go on, what is overdue at once and each once', async () => {
    const { clock, timers, owner } = start()
    timers.add(owner, 10, 0, 'once', [])
    timers.add(owner, 10, 10, 'beat', [])
    timers.add(owner, 80, 0, 'later', [])
    timers.pause()
    await clock.advance(55)
    expect(owner.ran).toEqual([])
    timers.resume()
    await clock.advance(0)
    expect(owner.ran).toEqual([['once'], ['beat']])
    await clock.advance(25)
    expect(owner.ran).toEqual([['once'], ['beat'], ['beat'], ['beat'], ['later']])
  })

  test('by one of them run no further in that turn', async () => {
    const { clock, timers, owner } = start()
    for (let n = 0; n < 3; n++) timers.add(owner, 10, 0, 'run', [n])
    owner.onRun = () => timers.pause()
    await clock.advance(50)
    expect(owner.ran).toEqual([['run', 0]])
    owner.onRun = () => {}
    timers.resume()
    await clock.advance(0)
    expect(owner.ran).toEqual([
      ['run', 0],
      ['run', 1],
      ['run', 2],
    ])
  })

  test('may be set and cancelled meanwhile', async () => {
    const { clock, timers, owner } = start()
    const early = timers.add(owner, 10, 0, 'early', [])
    timers.pause()
    timers.add(owner, 5, 0, 'set', [])
    expect(timers.cancel(owner, early)).toBe(true)
    await clock.advance(20)
    timers.resume()
    await clock.advance(1)
    expect(owner.ran).toEqual([['set']])
  })

  test('for good are gone', async () => {
    const { clock, timers, owner } = start()
    timers.add(owner, 10, 10, 'beat', [])
    timers.stop()
    expect(timers).toMatchObject({ size: 0, held: 0 })
    timers.resume()
    await clock.advance(100)
    expect(owner.ran).toEqual([])
  })
})

describe('timers that are saved', () => {
  /** Saves all of an owner, and brings them back with another, `elapsedMs` later, in another process. */
  function moved(timers: Timers, owner: Owner, elapsedMs: number) {
    const after = start()
    after.owner.lastTimer = owner.lastTimer
    for (const one of timers.saved(owner)) after.timers.restore(after.owner, one, one.args, elapsedMs)
    return after
  }

  test('say what is left, and changing nothing of those that run', async () => {
    const { clock, timers, owner } = start()
    timers.add(owner, 100, 0, 'once', ['a'])
    timers.add(owner, 50, 200, 'beat', [1, 2])
    timers.addCron(owner, '* * * * *', 'minute', [])
    timers.addCron(owner, '0 0 1 1 *', 'yearly', [])
    const yearMs = new CronPattern('0 0 1 1 *').nextMs(clock.wallMs()) - clock.wallMs()
    await clock.advance(60)
    const saved = timers.saved(owner)
    expect(saved).toEqual([
      { timer: 1, method: 'once', args: ['a'], leftMs: 40, intervalMs: 0, cron: '' },
      { timer: 2, method: 'beat', args: [1, 2], leftMs: 190, intervalMs: 200, cron: '' },
      { timer: 3, method: 'minute', args: [], leftMs: 59_940, intervalMs: 0, cron: '* * * * *' },
      { timer: 4, method: 'yearly', args: [], leftMs: yearMs - 60, intervalMs: 0, cron: '0 0 1 1 *' },
    ])
    expect(timers.saved(owner)).toEqual(saved)
    expect(timers.saved(new Owner())).toEqual([])
    await clock.advance(40)
    expect(owner.ran).toEqual([
      ['beat', 1, 2],
      ['once', 'a'],
    ])
  })

  test('come back with what is left of their time', async () => {
    const { clock, timers, owner } = start()
    timers.add(owner, 100, 0, 'once', ['a'])
    timers.add(owner, 30, 50, 'beat', [])
    await clock.advance(40)
    // 60 ms and 40 ms are left, of which 35 pass on the way.
    const after = moved(timers, owner, 35)
    await after.clock.advance(4)
    expect(after.owner.ran).toEqual([])
    await after.clock.advance(1)
    expect(after.owner.ran).toEqual([['beat']])
    await after.clock.advance(20)
    expect(after.owner.ran).toEqual([['beat'], ['once', 'a']])
    await after.clock.advance(30)
    expect(after.owner.ran).toEqual([['beat'], ['once', 'a'], ['beat']])
    await after.clock.advance(1000)
    expect(after.owner.ran.filter(([method]) => method === 'once')).toHaveLength(1)
  })

  test('run once for all that they missed, in the order in which they were due', async () => {
    const { timers, owner } = start()
    timers.add(owner, 300, 0, 'third', [])
    timers.add(owner, 100, 0, 'first', [])
    timers.add(owner, 200, 20, 'second', [])
    timers.add(owner, 300, 0, 'fourth', [])
    const after = moved(timers, owner, 10_000)
    await after.clock.advance(0)
    expect(after.owner.ran).toEqual([['first'], ['second'], ['third'], ['fourth']])
    await after.clock.advance(19)
    expect(after.owner.ran).toHaveLength(4)
    await after.clock.advance(1)
    expect(after.owner.ran.slice(4)).toEqual([['second']])
  })

  test('keep their beat when less than one was missed', async () => {
    const { timers, owner } = start()
    timers.add(owner, 100, 100, 'beat', [])
    const after = moved(timers, owner, 130)
    await after.clock.advance(69)
    expect(after.owner.ran).toHaveLength(1)
    await after.clock.advance(1)
    expect(after.owner.ran).toHaveLength(2)
  })

  test('by the clock on the wall come back to it, and run once for what they missed', async () => {
    const { clock, timers, owner } = start()
    timers.addCron(owner, '* * * * *', 'minute', [])
    await clock.advance(20_000)
    const [saved] = timers.saved(owner)
    const after = start()
    await after.clock.advance(50_000)
    after.timers.restore(after.owner, saved!, saved!.args, 30_000)
    await after.clock.advance(9_999)
    expect(after.owner.ran).toEqual([])
    await after.clock.advance(1)
    expect(after.owner.ran).toEqual([['minute']])
    const late = start()
    await late.clock.advance(200_000)
    late.timers.restore(late.owner, saved!, saved!.args, 180_000)
    await late.clock.advance(0)
    expect(late.owner.ran).toHaveLength(1)
    await late.clock.advance(40_000)
    expect(late.owner.ran).toHaveLength(2)
  })

  test('run in the order in which they were set, when they are due at the same time', async () => {
    const { clock, timers, owner } = start()
    for (let n = 0; n < 10; n++) {
      timers.add(owner, 100 - n, 0, 'run', [n])
      await clock.advance(1)
    }
    const after = moved(timers, owner, 0)
    await after.clock.advance(100)
    expect(after.owner.ran.map(([, n]) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('are not those that have run or were cancelled', async () => {
    const { clock, timers, owner } = start()
    timers.add(owner, 10, 0, 'over', [])
    const gone = timers.add(owner, 100, 0, 'gone', [])
    timers.add(owner, 100, 0, 'stays', [])
    timers.cancel(owner, gone)
    await clock.advance(20)
    expect(timers.saved(owner).map(({ method }) => method)).toEqual(['stays'])
  })

  test('while they are paused may be overdue', async () => {
    const { clock, timers, owner } = start()
    timers.add(owner, 10, 0, 'once', [])
    timers.pause()
    await clock.advance(30)
    expect(timers.saved(owner)[0]!.leftMs).toBe(-20)
    const after = moved(timers, owner, 0)
    await after.clock.advance(0)
    expect(after.owner.ran).toEqual([['once']])
  })

  test('keep their numbers, and new ones go on behind the last that ever was', async () => {
    const { clock, timers, owner } = start()
    const over = timers.add(owner, 1, 0, 'over', [])
    const kept = timers.add(owner, 100, 0, 'kept', [])
    const cancelled = timers.add(owner, 100, 0, 'cancelled', [])
    timers.cancel(owner, cancelled)
    await clock.advance(5)
    const after = moved(timers, owner, 0)
    const fresh = after.timers.add(after.owner, 100, 0, 'fresh', [])
    expect(fresh).toBe(4)
    for (const stale of [over, cancelled]) expect(after.timers.cancel(after.owner, stale)).toBe(false)
    expect(after.timers.cancel(after.owner, kept)).toBe(true)
    await after.clock.advance(200)
    expect(after.owner.ran).toEqual([['fresh']])
  })

  test('may be restored while time stands still', async () => {
    const { timers, owner } = start()
    timers.add(owner, 10, 0, 'once', [])
    const after = start()
    after.timers.pause()
    for (const one of timers.saved(owner)) after.timers.restore(after.owner, one, one.args, 50)
    await after.clock.advance(100)
    expect(after.owner.ran).toEqual([])
    after.timers.resume()
    await after.clock.advance(0)
    expect(after.owner.ran).toEqual([['once']])
  })
})
