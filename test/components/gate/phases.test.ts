// Each client has its own time in the interval, and is told at it when there is something, once.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Phases } from '../../../components/gate/phases.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'

const TICK_MS = 4

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
    for (const count of fifths.slice(0, 5)) expect(Math.abs(count - 40)).toBeLessThanOrEqual(6)
  }
})

test('who has something at any time is told within an interval, and no more often than once in it', async () => {
  const action = fc.record({
    waitMs: fc.integer({ min: 0, max: 150 }),
    slot: fc.integer({ min: 0, max: 9 }),
    what: fc.constantFrom('moved', 'changed', 'told', 'gone'),
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
          } else {
            if (what === 'moved') phases.moved(slot, phases.intervalOf(gameId))
            else phases[what](slot, gameId)
            const latestMs = clock.now() + (what === 'told' ? 100 : intervals[gameId]!) + 2 * TICK_MS
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
