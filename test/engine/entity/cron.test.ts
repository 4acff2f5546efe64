// Crontab patterns by themselves, and the timers that go by them, of an entity and of the game.
import { afterEach, describe, expect, test } from 'vitest'
import { entity } from '../../../components/game/goworld.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { CronPattern } from '../../../engine/entity/cron.ts'
import { type PendingTimer, Timers } from '../../../engine/entity/timers.ts'
import { Harness } from './harness.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A clock whose hands on the wall an operator can set. */
class SetClock extends VirtualClock {
  setMs = 0
  override wallMs(): number {
    return super.wallMs() + this.setMs
  }
}

class Owner {
  lastTimer = 0
  timers: PendingTimer[] | undefined
  /** When each ran, from the start of the test. */
  readonly ranMs: number[] = []
  readonly #clock: VirtualClock
  constructor(clock: VirtualClock) {
    this.#clock = clock
  }
  runTimer() {
    this.ranMs.push(this.#clock.now())
  }
}

function start() {
  const clock = new SetClock()
  return { clock, timers: new Timers(clock), owner: new Owner(clock) }
}

/** The local time of the machine, as patterns mean it. */
const local = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0) =>
  new Date(year, month - 1, day, hour, minute, second).getTime()

describe('a pattern', () => {
  test('of five fields is due at full minutes, in the local time of the machine', () => {
    const noon = local(2027, 3, 10, 12)
    expect(new CronPattern('* * * * *').nextMs(noon)).toBe(noon + MINUTE_MS)
    expect(new CronPattern('*/15 * * * *').nextMs(noon + 1)).toBe(noon + 15 * MINUTE_MS)
    expect(new CronPattern('30 4 * * *').nextMs(noon)).toBe(local(2027, 3, 11, 4, 30))
    expect(new CronPattern('0 0 1 * *').nextMs(noon)).toBe(local(2027, 4, 1))
    expect(new CronPattern('0 12 * * MON').nextMs(noon)).toBe(local(2027, 3, 15, 12))
    expect(new CronPattern('0 12 * 12 1-5').nextMs(noon)).toBe(local(2027, 12, 1, 12))
  })

  test('of six fields has seconds in front', () => {
    const noon = local(2027, 3, 10, 12)
    expect(new CronPattern('*/5 * * * * *').nextMs(noon)).toBe(noon + 5 * SECOND_MS)
    expect(new CronPattern('30 0 12 * * *').nextMs(noon)).toBe(noon + 30 * SECOND_MS)
    expect(new CronPattern('59 59 23 31 12 *').nextMs(noon)).toBe(local(2027, 12, 31, 23, 59, 59))
  })

  test('is due after a moment, never at it', () => {
    const noon = local(2027, 3, 10, 12)
    const pattern = new CronPattern('0 12 * * *')
    expect(pattern.nextMs(noon - 1)).toBe(noon)
    expect(pattern.nextMs(noon)).toBe(local(2027, 3, 11, 12))
    expect(pattern.text).toBe('0 12 * * *')
  })

  test('of a rare day is waited for, however long', () => {
    expect(new CronPattern('0 0 29 2 *').nextMs(local(2027, 3, 1))).toBe(local(2028, 2, 29))
  })

  test.each([
    '',
    'soon',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * * 8',
    '60 * * * * *',
    '-1 * * * *',
    '1-0 * * * *',
    '*/0 * * * *',
    'MON * * * *',
  ])('that is none is refused by its name: %j', (text) => {
    expect(() => new CronPattern(text)).toThrow(TypeError)
    expect(() => new CronPattern(text)).toThrow(`'${text}' is no crontab pattern: `)
  })

  test.each(['0 0 30 2 *', '0 0 31 4,6,9,11 *'])('that is never due is refused: %s', (text) => {
    expect(() => new CronPattern(text)).toThrow(new TypeError(`'${text}' is never due`))
  })
})

describe('a timer by the clock on the wall', () => {
  test('runs whenever its pattern is due, once each time', async () => {
    const { clock, timers, owner } = start()
    // The virtual clock begins at a full minute.
    timers.addCron(owner, '*/20 * * * * *', 'beat', [])
    await clock.advance(MINUTE_MS + 1)
    expect(owner.ranMs).toEqual([20_000, 40_000, 60_000])
  })

  test('runs at its time however far that is, and keeps one place only while it waits', async () => {
    const { clock, timers, owner } = start()
    timers.addCron(owner, '0 * * * *', 'hourly', [])
    const firstMs = new CronPattern('0 * * * *').nextMs(clock.wallMs()) - clock.wallMs()
    await clock.advance(firstMs - 1)
    expect([owner.ranMs, timers.size, timers.held]).toEqual([[], 1, 1])
    await clock.advance(2 * HOUR_MS + 1)
    expect(owner.ranMs).toEqual([firstMs, firstMs + HOUR_MS, firstMs + 2 * HOUR_MS])
    expect([timers.size, timers.held]).toEqual([1, 1])
  })

  test('is refused before it is set, and uses up no number', () => {
    const { timers, owner } = start()
    expect(() => timers.addCron(owner, 'soon', 'run', [])).toThrow("'soon' is no crontab pattern")
    expect(() => timers.addCron(owner, '0 0 30 2 *', 'run', [])).toThrow('never due')
    expect([timers.size, owner.lastTimer]).toEqual([0, 0])
  })

  test('does not run once it is cancelled', async () => {
    const { clock, timers, owner } = start()
    const timer = timers.addCron(owner, '* * * * *', 'run', [])
    await clock.advance(MINUTE_MS)
    expect(timers.cancel(owner, timer)).toBe(true)
    await clock.advance(DAY_MS)
    expect([owner.ranMs, timers.size]).toEqual([[MINUTE_MS], 0])
  })

  test('that slept over several of its times runs once, then on its pattern', async () => {
    const { clock, timers, owner } = start()
    timers.addCron(owner, '*/10 * * * * *', 'beat', [])
    timers.pause()
    await clock.advance(45_000)
    expect(owner.ranMs).toEqual([])
    timers.resume()
    await clock.advance(15_001)
    expect(owner.ranMs).toEqual([45_000, 50_000, 60_000])
  })

  test('that was set forward runs what it missed once, within a minute', async () => {
    const { clock, timers, owner } = start()
    timers.addCron(owner, '30 * * * *', 'hourly', [])
    await clock.advance(SECOND_MS)
    clock.setMs = 5 * HOUR_MS
    await clock.advance(MINUTE_MS)
    expect(owner.ranMs).toEqual([MINUTE_MS])
    // And at its next time by the new hands.
    const leftMs = new CronPattern('30 * * * *').nextMs(clock.wallMs()) - clock.wallMs()
    const nowMs = clock.now()
    await clock.advance(leftMs + 1)
    expect(owner.ranMs).toEqual([MINUTE_MS, nowMs + leftMs])
  })

  test('that was set back does not run a second time for the same time', async () => {
    const { clock, timers, owner } = start()
    timers.addCron(owner, '* * * * *', 'beat', [])
    await clock.advance(MINUTE_MS + 1)
    expect(owner.ranMs).toHaveLength(1)
    clock.setMs = -10 * SECOND_MS
    // By the hands the same full minute comes once more; the next one is due ten seconds later than it was.
    await clock.advance(MINUTE_MS)
    expect(owner.ranMs).toHaveLength(1)
    await clock.advance(10 * SECOND_MS)
    expect(owner.ranMs).toEqual([MINUTE_MS, 2 * MINUTE_MS + 10 * SECOND_MS])
  })

  test('that was set back before its time waits for that time by the new hands', async () => {
    const { clock, timers, owner } = start()
    timers.addCron(owner, '*/5 * * * *', 'beat', [])
    await clock.advance(4 * MINUTE_MS)
    clock.setMs = -3 * MINUTE_MS
    await clock.advance(4 * MINUTE_MS - 1)
    expect(owner.ranMs).toEqual([])
    await clock.advance(1)
    expect(owner.ranMs).toEqual([8 * MINUTE_MS])
  })
})

describe('cron of an entity', () => {
  let open: Harness[] = []
  afterEach(() => {
    for (const harness of open) harness.stop()
    open = []
  })
  function startGame(...types: ConstructorParameters<typeof Harness>[0]): Harness {
    const harness = new Harness(types)
    open.push(harness)
    return harness
  }

  class Clerk extends entity({}) {
    heard: unknown[] = []
    note(...args: unknown[]) {
      this.heard.push(args)
    }
  }

  test('runs its method with its arguments, until it is cancelled or the entity is gone', async () => {
    const h = startGame(Clerk)
    const [one, other] = [h.game.create(Clerk), h.game.create(Clerk)]
    const timer = one.cron('*/10 * * * * *', one.note, 'a', 1)
    other.cron('*/10 * * * * *', other.note)
    await h.clock.advance(20_001)
    expect([one.heard, other.heard.length]).toEqual([
      [
        ['a', 1],
        ['a', 1],
      ],
      2,
    ])
    expect([one.cancel(timer), one.cancel(timer)]).toEqual([true, false])
    other.destroy()
    await h.clock.advance(MINUTE_MS)
    expect([one.heard.length, other.heard.length, h.world.timers.size]).toEqual([2, 2, 0])
  })

  test('takes no closure, no bad pattern, and nothing of who is gone', () => {
    const h = startGame(Clerk)
    const clerk = h.game.create(Clerk)
    expect(() => clerk.cron('* * * * *', () => {})).toThrow('a timer needs a public method')
    expect(() => clerk.cron('whenever', clerk.note)).toThrow("'whenever' is no crontab pattern")
    clerk.destroy()
    expect(() => clerk.cron('* * * * *', clerk.note)).toThrow('is gone')
    expect(h.world.timers.size).toBe(0)
  })

  test('of the game runs closures, and ends with its time', async () => {
    const h = startGame(Clerk)
    const heard: string[] = []
    const cron = h.game.cron('*/10 * * * * *', () => void heard.push('ten'))
    h.game.cron('*/30 * * * * *', () => {
      heard.push('thirty')
      throw new Error('over its own feet')
    })
    await h.clock.advance(30_000)
    expect(heard).toEqual(['ten', 'ten', 'ten', 'thirty'])
    expect(h.log.matching('error', 'over its own feet')).toHaveLength(1)
    cron.cancel()
    await h.clock.advance(30_000)
    expect(heard).toEqual(['ten', 'ten', 'ten', 'thirty', 'thirty'])
    h.world.stopTime()
    await h.clock.advance(MINUTE_MS)
    expect(heard).toHaveLength(5)
  })

  test('of the game refuses what is no pattern, or never due', () => {
    const h = startGame(Clerk)
    expect(() => h.game.cron('whenever', () => {})).toThrow("'whenever' is no crontab pattern")
    expect(() => h.game.cron('0 0 30 2 *', () => {})).toThrow('never due')
  })

  test('of the game waits while it is being frozen, and runs once for what it missed', async () => {
    const h = startGame(Clerk)
    const ran: number[] = []
    h.game.cron('*/10 * * * * *', () => void ran.push(h.clock.now()))
    h.world.standStill()
    await h.clock.advance(25_000)
    expect(ran).toEqual([])
    h.world.goOn()
    await h.clock.advance(1000)
    expect(ran).toHaveLength(1)
    await h.clock.advance(4500)
    expect(ran).toHaveLength(2)
    expect(ran[1]).toBeGreaterThanOrEqual(30_000)
  })
})
