// Each client has its own time in the interval, and is told at it when there is something, once.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Phases } from '../../../components/gate/phases.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'

const TICK_MS = 4
/** So much a client's point moves in an interval. */
const FOLLOW_MS = 2
/** What comes so shortly after a client's point is told for that one. */
const LATE_MS = 8

function start(count: number, told: (slot: number) => void = () => {}) {
  const clock = new VirtualClock()
  const toldMs: number[][] = Array.from({ length: count }, () => [])
  const phases = new Phases(clock, (slot) => {
    toldMs[slot]!.push(clock.now())
    told(slot)
  })
  for (let slot = 0; slot < count; slot++) phases.add(slot)
  return { clock, phases, toldMs }
}

test('clients are spread evenly over the interval, whichever there are', async () => {
  for (const [from, step] of [
    [0, 1],
    [700, 1],
    [3, 2],
    [1, 7],
  ] as const) {
    const { clock, phases, toldMs } = start(from + 200 * step)
    for (let n = 0; n < 200; n++) phases.moved(from + n * step, 100)
    await clock.advance(110)
    const fifths = Array(6).fill(0)
    for (const [ms] of toldMs) if (ms !== undefined) fifths[Math.floor((ms - TICK_MS) / 20)]++
    // Those whose point has just passed are told first.
    fifths[4] += LATE_MS * 2
    fifths[0] -= LATE_MS * 2
    for (const count of fifths.slice(0, 5)) expect(Math.abs(count - 40)).toBeLessThanOrEqual(6)
  }
})

test('who has something at any time is told within an interval, and no more often than once in it', async () => {
  const action = fc.record({
    waitMs: fc.integer({ min: 0, max: 150 }),
    slot: fc.integer({ min: 0, max: 9 }),
    what: fc.constantFrom('moved', 'changed', 'told', 'heard', 'gone'),
    gameId: fc.constantFrom(1, 2, 3),
  })
  const intervals = [0, 100, 330, 20]
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 80 }),
      fc.array(fc.boolean(), { maxLength: 10 }),
      async (all, flushed) => {
        const { clock, phases } = start(10, (slot) => dueMs.delete(slot))
        const dueMs = new Map<number, number>()
        const speaks = new Set<number>()
        for (const gameId of [2, 3]) phases.learnInterval(gameId, intervals[gameId]!)
        for (const [slot, isFlushed] of flushed.entries()) if (isFlushed) phases.addFlushed(slot)
        for (const { waitMs, slot, what, gameId } of all) {
          for (let ms = 0; ms < waitMs; ms++) {
            await clock.advance(1)
            for (const due of dueMs.values()) expect(clock.now()).toBeLessThanOrEqual(due)
          }
          if (what === 'gone') {
            phases.remove(slot)
            phases.add(slot)
            flushed[slot] = false
            dueMs.delete(slot)
            speaks.delete(slot)
          } else if (what === 'heard') {
            phases.heard(slot)
            speaks.add(slot)
          } else {
            if (what === 'moved') phases.moved(slot, phases.intervalOf(gameId))
            else phases[what](slot, gameId)
            // Who was told a little before its point is told a little later than an interval after that.
            const earlyMs = speaks.has(slot) ? Math.max(...intervals) / 5 + FOLLOW_MS : 0
            const latestMs = clock.now() + (what === 'told' ? 100 : intervals[gameId]!) + 2 * TICK_MS + earlyMs
            if (what !== 'moved' || !flushed[slot]) dueMs.set(slot, Math.min(latestMs, dueMs.get(slot) ?? latestMs))
          }
        }
        await clock.advance(400)
        expect(dueMs.size).toBe(0)
      },
    ),
    { numRuns: 200 },
  )
  const { clock, phases, toldMs } = start(3)
  for (let ms = 0; ms < 2000; ms++) {
    for (const slot of [0, 1, 2]) phases.moved(slot, 100)
    await clock.advance(1)
  }
  for (const times of toldMs) {
    expect(Math.abs(times.length - 20)).toBeLessThanOrEqual(1)
    for (let at = 2; at < times.length; at++)
      expect(Math.abs(times[at]! - times[at - 1]! - 100)).toBeLessThanOrEqual(2 * TICK_MS)
  }
})

test('what moves once in an interval is told once, also where it does at about the client’s point', async () => {
  for (let offset = 0; offset < 100; offset += 2) {
    const { clock, phases, toldMs } = start(1)
    await clock.advance(offset)
    for (let n = 0; n < 50; n++) {
      // Up to 2 ms early and late.
      await clock.advance(100 + ((n * 3) % 5) - 2 - (((n + 4) * 3) % 5) + 2)
      phases.moved(0, 100)
    }
    await clock.advance(100)
    expect(toldMs[0]!.length, `from ${offset} ms on`).toBe(50)
  }
})

describe('a client that says where its player is', () => {
  /** Something moves all the time; the clients speak at these times. Answers when they were told, by client. */
  async function play(spoken: readonly (readonly number[])[], intervalMs = 100) {
    const { clock, phases, toldMs } = start(spoken.length)
    const all = spoken.flatMap((times, slot) => times.map((ms) => ({ ms, slot }))).sort((a, b) => a.ms - b.ms)
    for (const { ms, slot } of all) {
      while (clock.now() < ms) {
        for (const one of spoken.keys()) phases.moved(one, intervalMs)
        await clock.advance(Math.min(1, ms - clock.now()))
      }
      phases.heard(slot)
    }
    return toldMs
  }

  const every = (ms: number, count: number, from = 0, jitter = (_n: number) => 0) =>
    Array.from({ length: count }, (_, n) => from + n * ms + jitter(n))

  test('is told in that moment once its point has come there, and once in an interval all the while', async () => {
    for (const intervalMs of [100, 40, 330]) {
      // Wherever in the interval it speaks.
      const spoken = Array.from({ length: 10 }, (_, n) => every(intervalMs, 300, intervalMs + (n * intervalMs) / 10))
      const told = await play(spoken, intervalMs)
      // It comes there by the shorter way.
      const settled = intervalMs * (intervalMs / 2 / FOLLOW_MS + 10)
      for (const [slot, times] of told.entries()) {
        const late = times.filter((ms) => ms > settled)
        expect(late).toEqual(spoken[slot]!.filter((ms) => ms > settled && ms <= late.at(-1)!))
        for (let at = 2; at < times.length; at++) {
          const betweenMs = times[at]! - times[at - 1]!
          expect(betweenMs).toBeGreaterThanOrEqual(intervalMs * 0.8 - 2 * TICK_MS)
          expect(betweenMs).toBeLessThanOrEqual(intervalMs * 1.2 + 2 * TICK_MS)
        }
      }
    }
  })

  test('is told so in spite of what the network does to its times', async () => {
    // Up to 6 ms early and late, and a clock that is slow by a hundredth.
    const spoken = every(101, 300, 150, (n) => ((n * 7) % 13) - 6)
    const [told] = await play([spoken])
    const settled = told!.filter((ms) => ms > 5000)
    const moments = new Set(spoken)
    expect(settled.filter((ms) => moments.has(ms)).length / settled.length).toBeGreaterThan(0.95)
    expect(settled.length).toBeGreaterThan(((spoken.at(-1)! - 5000) / 101) * 0.97)
  })

  test('is told no more often for speaking more often, and no less for speaking seldom', async () => {
    for (const ms of [2, 16.6, 33, 50, 90, 110, 210, 1000]) {
      const spoken = every(ms, 40_000 / ms, 100)
      const [told] = await play([spoken])
      const perSecond = (told!.length / spoken.at(-1)!) * 1000
      // Its point may move by a fiftieth of an interval in each.
      expect(perSecond).toBeGreaterThan(9.75)
      expect(perSecond).toBeLessThan(10.25)
    }
  })

  test('moves its point for what it has said since it was told', async () => {
    const { clock, phases, toldMs } = start(1)
    for (let ms = 0; ms < 3000; ms++) {
      phases.moved(0, 100)
      await clock.advance(1)
      if (clock.now() === 1000) phases.heard(0)
    }
    const times = toldMs[0]!
    const awayMs = (times.at(-1)! - times[0]!) % 100
    expect(Math.min(awayMs, 100 - awayMs)).toBeLessThanOrEqual(FOLLOW_MS + TICK_MS)
  })

  test('keeps its point when the process stands still and hears all at once', async () => {
    const { clock, phases, toldMs } = start(20)
    const all = [...toldMs.keys()]
    for (const slot of all) phases.moved(slot, 100)
    await clock.advance(100)
    for (let times = 0; times < 5; times++) for (const slot of all) phases.heard(slot)
    for (const slot of all) phases.moved(slot, 100)
    await clock.advance(110)
    for (const times of toldMs) {
      expect(times).toHaveLength(2)
      expect(Math.abs(times[1]! - times[0]! - 100)).toBeLessThanOrEqual(FOLLOW_MS + TICK_MS + 20)
    }
    const spread = toldMs.map((times) => times[1]!)
    expect(Math.max(...spread) - Math.min(...spread)).toBeGreaterThan(70)
  })

  test('who is told when an interval of its game is over is told nothing for speaking', async () => {
    const { clock, phases, toldMs } = start(1)
    phases.addFlushed(0)
    phases.changed(0, 1)
    await clock.advance(90)
    phases.heard(0)
    expect(toldMs).toEqual([[]])
  })

  test('who comes into a slot has nothing of the one before', async () => {
    const told: number[] = []
    for (const isSecond of [false, true]) {
      const { clock, phases, toldMs } = start(1)
      for (let ms = 0; isSecond && ms < 3000; ms += 100) {
        phases.moved(0, 100)
        await clock.advance(45)
        phases.heard(0)
        await clock.advance(55)
      }
      phases.remove(0)
      phases.add(0)
      const from = clock.now()
      const before = toldMs[0]!.length
      phases.moved(0, 100)
      await clock.advance(200)
      told.push(toldMs[0]![before]! - from)
    }
    expect(told[1]).toBe(told[0])
  })
})

test('who is told when an interval of its game is over is told then of what else there is, or an interval later', async () => {
  const { clock, phases, toldMs } = start(3)
  for (const slot of [0, 1, 2]) phases.addFlushed(slot)
  await clock.advance(1000)
  phases.changed(0, 1)
  phases.changed(0, 1)
  phases.changed(1, 2)
  phases.told(2)
  await clock.advance(30)
  phases.flushed(1)
  phases.flushed(1)
  expect(toldMs).toEqual([[1030], [], []])
  // Positions are told when it is over, and by themselves.
  phases.moved(0, 100)
  await clock.advance(80)
  expect(toldMs).toEqual([[1030], [expect.closeTo(1101, -1)], [expect.closeTo(1101, -1)]])
  // It has been told: there is nothing left for then.
  phases.flushed(2)
  expect(toldMs.map(({ length }) => length)).toEqual([1, 1, 1])
})

test('who waits is not forgotten when more clients come', async () => {
  const { clock, phases, toldMs } = start(1)
  phases.moved(0, 100)
  phases.add(1000)
  await clock.advance(200)
  expect(toldMs[0]).toHaveLength(1)
})

test('a game that is gone leaves nothing behind', async () => {
  const { clock, phases, toldMs } = start(2)
  phases.addFlushed(1)
  phases.learnInterval(1, 1000)
  phases.changed(1, 1)
  phases.gameDown(1)
  expect(toldMs[1]).toHaveLength(1)
  expect(phases.intervalOf(1)).toBe(100)
  // Nor does a client: whoever takes its place waits for nothing of its.
  phases.moved(0, 100)
  phases.remove(0)
  phases.add(0)
  await clock.advance(200)
  expect(toldMs[0]).toEqual([])
})

test('nothing runs while nobody has anything, also after a long pause of the process', async () => {
  const { clock, phases, toldMs } = start(2)
  phases.moved(0, 100)
  await clock.advance(110)
  let timers = 0
  const after = clock.after.bind(clock)
  clock.after = (delayMs, run) => {
    timers++
    // The timer comes far too late.
    return after(delayMs === TICK_MS && timers === 1 ? 1000 : delayMs, run)
  }
  await clock.advance(10_000)
  expect(timers).toBe(0)
  phases.moved(0, 100)
  phases.moved(1, 100)
  await clock.advance(1000)
  expect(toldMs.map(({ length }) => length)).toEqual([2, 1])
  phases.moved(0, 100)
  phases.stop()
  await clock.advance(1000)
  expect(toldMs[0]).toHaveLength(2)
})
