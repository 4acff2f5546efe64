// A game that is behind sends positions less often, and as often as before when it has caught up.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PositionFlush } from '../../../components/game/position-flush.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { Turn } from '../../../engine/base/turn.ts'

const INTERVAL_MS = 100
const BEHIND = 'the game is behind'
const CAUGHT_UP = 'the game has caught up'

function beating() {
  const clock = new VirtualClock()
  const log = new MemoryLog()
  const flushedMs: number[] = []
  const flush = () => void flushedMs.push(clock.now())
  const toldMs: number[] = []
  const tellGates = () => void toldMs.push(clock.now())
  const positions = new PositionFlush({ clock, log, intervalMs: INTERVAL_MS, flush, tellGates })
  return {
    clock,
    log,
    positions,
    /** When the gates were told since this was asked last. */
    tellsMs: () => toldMs.splice(0),
    /** Beats that come so late each. Answers the times between the flushes that came of them. */
    async beat(count: number, lateMs = 0): Promise<number[]> {
      let lastMs = flushedMs.at(-1) ?? clock.now()
      flushedMs.length = 0
      for (let n = 0; n < count; n++) {
        await clock.advance(INTERVAL_MS + lateMs)
        positions.beat()
      }
      return flushedMs.map((atMs) => {
        const sinceMs = atMs - lastMs
        lastMs = atMs
        return sinceMs
      })
    },
    said: () => [log.matching('warn', BEHIND).length, log.matching('info', CAUGHT_UP).length],
  }
}

test('a game that keeps up sends positions at every interval', async () => {
  const { positions, beat, log } = beating()
  expect(await beat(100)).toEqual(Array(100).fill(INTERVAL_MS))
  expect(positions.shed).toBe(0)
  expect(log.lines).toEqual([])
})

test('beats that are a little late, or a single one that is very late, change nothing', async () => {
  const { positions, beat, log } = beating()
  for (let time = 0; time < 20; time++) {
    await beat(5, INTERVAL_MS * 0.9)
    await beat(1, 20 * INTERVAL_MS)
  }
  expect(positions.shed).toBe(0)
  expect(log.lines).toEqual([])
})

test('beats that stay late make the flushes fewer, down to one in eight intervals; it is said once', async () => {
  const { positions, beat, said } = beating()
  const lateMs = INTERVAL_MS + 10
  // 210 ms from beat to beat: four of them are nearer to eight intervals than three.
  const between = await beat(40, lateMs)
  expect(between.slice(-5)).toEqual(Array(5).fill(4 * (INTERVAL_MS + lateMs)))
  expect(Math.max(...between)).toBe(4 * (INTERVAL_MS + lateMs))
  expect(positions.shed).toBe(40 - between.length)
  expect(said()).toEqual([1, 0])
  // When beats are later than eight intervals, each of them is good for a flush.
  expect(await beat(5, 8 * INTERVAL_MS)).toHaveLength(5)
  expect(said()).toEqual([1, 0])
})

test('beats on time make them as many as before, step by step; that is said once too', async () => {
  const { positions, beat, said } = beating()
  await beat(40, 2 * INTERVAL_MS)
  const between = await beat(60)
  expect(between[1]).toBeGreaterThan(400)
  expect(between.slice(1)).toEqual(between.slice(1).sort((one, other) => other - one))
  expect([...new Set(between)]).toEqual(expect.arrayContaining([400, 200, 100]))
  expect(between.at(-1)).toBe(INTERVAL_MS)
  expect(said()).toEqual([1, 1])
  const { shed } = positions
  expect(await beat(100)).toEqual(Array(100).fill(INTERVAL_MS))
  expect(positions.shed).toBe(shed)
  await beat(10, 2 * INTERVAL_MS)
  expect(said()).toEqual([2, 1])
})

test('a game that is behind again as soon as it sends all is behind all the time', async () => {
  const { beat, said } = beating()
  await beat(1)
  for (let time = 0; time < 10; time++) {
    await beat(4, 2 * INTERVAL_MS)
    // On time for long enough to be back at every interval, and no longer.
    await beat(35)
  }
  expect(said()).toEqual([1, 0])
})

test('whatever the beats are like, no flush waits for more than eight intervals and the beat after that', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 100 }), async (late) => {
      const { positions, beat } = beating()
      let flushes = 0
      let sinceMs = 0
      for (const lateMs of late) {
        sinceMs += INTERVAL_MS + lateMs
        const flushed = (await beat(1, lateMs)).length
        flushes += flushed
        if (flushed === 0) expect(sinceMs).toBeLessThan(8 * INTERVAL_MS)
        else sinceMs = 0
      }
      expect(flushes + positions.shed).toBe(late.length)
    }),
    { numRuns: 30 },
  )
})

describe('the gates hear', () => {
  test('of what the game moves at once, and then of all of some milliseconds in one piece', async () => {
    const { positions, tellsMs, clock } = beating()
    for (let ms = 0; ms < 50; ms++) {
      positions.listed(false)
      await clock.advance(1)
    }
    expect(tellsMs()).toEqual([0, 14, 28, 42])
    // Nothing for long enough.
    await clock.advance(20)
    positions.listed(false)
    expect(tellsMs()).toEqual([56])
    await clock.advance(0)
    expect(tellsMs()).toEqual([70])
  })

  test('at once of what a gate has gathered, also while something else waits, and in one piece of what comes right behind it', async () => {
    const { positions, tellsMs, clock } = beating()
    for (let n = 0; n < 4; n++) {
      positions.listed(true)
      await clock.advance(16)
    }
    expect(tellsMs()).toEqual([0, 16, 32, 48])
    positions.listed(false)
    await clock.advance(1)
    positions.listed(false)
    positions.listed(true)
    await clock.advance(3)
    positions.listed(true)
    expect(tellsMs()).toEqual([64])
    await clock.advance(1)
    expect(tellsMs()).toEqual([69])
    positions.listed(false)
    await clock.advance(6)
    positions.listed(true)
    await clock.advance(0)
    expect(tellsMs()).toEqual([75])
    // What has waited went with it.
    await clock.advance(50)
    expect(tellsMs()).toEqual([])
  })

  test('of nothing twice: a flush says it all', async () => {
    const { positions, beat, tellsMs, clock } = beating()
    await beat(1)
    await clock.advance(INTERVAL_MS)
    positions.listed(true)
    await clock.advance(0)
    expect(tellsMs()).toHaveLength(1)
    positions.listed(true)
    positions.listed(false)
    positions.beat()
    await clock.advance(50)
    expect(tellsMs()).toEqual([])
    await clock.advance(50)
    positions.beat()
    positions.listed(false)
    await clock.advance(13)
    expect(tellsMs()).toEqual([])
    await clock.advance(1)
    expect(tellsMs()).toHaveLength(1)
  })

  test('of nothing between two flushes while the game is behind, nor when it stops', async () => {
    const { positions, beat, tellsMs, clock } = beating()
    await beat(5, INTERVAL_MS * 2)
    positions.listed(true)
    positions.listed(false)
    await clock.advance(50)
    expect(tellsMs()).toEqual([])
    await beat(60)
    positions.listed(true)
    await clock.advance(50)
    expect(tellsMs()).toHaveLength(1)
    positions.listed(false)
    await clock.advance(1)
    tellsMs()
    positions.listed(false)
    positions.stop()
    positions.listed(true)
    await clock.advance(50)
    expect(tellsMs()).toEqual([])
  })

  test.each([
    { gates: 1, gameMs: 0, meanMs: 10, mostMs: 22, aSecond: 80 },
    { gates: 3, gameMs: 0, meanMs: 11, mostMs: 22, aSecond: 190 },
    { gates: 1, gameMs: 50, meanMs: 11, mostMs: 22, aSecond: 100 },
    { gates: 3, gameMs: 10, meanMs: 11, mostMs: 22, aSecond: 190 },
  ])('soon of what clients of $gates gates say, what the game moves every $gameMs ms or not', async (row) => {
    const { positions, clock, tellsMs } = beating()
    let waiting: number[] = []
    const waitedMs: number[] = []
    const told = () => {
      for (const saidMs of waiting) waitedMs.push(clock.now() - saidMs)
      waiting = []
    }
    const every = (ms: number, firstMs: number, action: () => void) => {
      const run = () => {
        action()
        clock.after(ms, run)
      }
      clock.after(firstMs, run)
    }
    for (let gate = 0; gate < row.gates; gate++) {
      const turn = new Turn(clock, { gathers: true })
      let gathered: number[] = []
      turn.stage(() => {
        const said = gathered
        gathered = []
        clock.after(0.5, () => {
          waiting.push(...said)
          positions.listed(true)
        })
      })
      for (let client = 0; client < 60 / row.gates; client++)
        every(100 + (client % 7) / 10, (client * 61.8 + gate * 5.3) % 100, () => {
          gathered.push(clock.now())
          turn.requestLater()
        })
    }
    if (row.gameMs > 0) every(row.gameMs, 3, () => positions.listed(false))
    every(INTERVAL_MS, INTERVAL_MS, () => {
      positions.beat()
      told()
    })
    let tells = 0
    for (let ms = 0; ms < 4000; ms += 0.5) {
      await clock.advance(0.5)
      const { length } = tellsMs()
      if (length > 0) told()
      tells += length
    }
    expect(waitedMs.length).toBeGreaterThan(2000)
    expect(waitedMs.reduce((sum, ms) => sum + ms) / waitedMs.length).toBeLessThan(row.meanMs)
    expect(Math.max(...waitedMs)).toBeLessThan(row.mostMs)
    expect(tells / 4).toBeLessThan(row.aSecond)
  })
})
