// The end of a turn: what runs then, and what may wait for it.
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { Turn } from '../../../engine/base/turn.ts'

function start() {
  const clock = new VirtualClock()
  const turn = new Turn(clock)
  const ran: string[] = []
  turn.stage(() => void ran.push(`first at ${clock.now()}`))
  turn.stage(() => void ran.push(`second at ${clock.now()}`))
  return { clock, turn, ran }
}

test('the stages run once at the end of the turn, in order', async () => {
  const { clock, turn, ran } = start()
  turn.request()
  turn.request()
  expect(ran).toEqual([])
  await clock.advance(0)
  expect(ran).toEqual(['first at 0', 'second at 0'])
})

test('what may wait leaves at once after a pause, then with others, some milliseconds later at the most', async () => {
  const { clock, turn, ran } = start()
  const seconds = () => ran.filter((line) => line.startsWith('second')).map((line) => Number(line.split(' ').at(-1)))
  for (let n = 0; n < 50; n++) {
    turn.requestLater()
    await clock.advance(1)
  }
  await clock.advance(100)
  expect(seconds()).toEqual([0, 16, 32, 48, 64])
  turn.requestLater()
  await clock.advance(0)
  expect(seconds().at(-1)).toBe(150)
})

test('what may wait leaves with what may not', async () => {
  const { clock, turn, ran } = start()
  turn.requestLater()
  await clock.advance(1)
  turn.requestLater()
  turn.request()
  await clock.advance(0)
  expect(ran.length).toBe(4)
})

describe('who may gather', () => {
  /** Asks so often in a millisecond, evenly; answers when the stages ran. */
  async function ask(perMs: number, ms: number, turn: Turn, clock: VirtualClock) {
    for (let n = 0; n < perMs * ms; n++) {
      turn.request()
      await clock.advance(1 / perMs)
    }
  }

  function gatherer() {
    const clock = new VirtualClock()
    const turn = new Turn(clock, { gathers: true })
    const ranMs: number[] = []
    turn.stage(() => void ranMs.push(clock.now()))
    return { clock, turn, ranMs, since: (ms: number) => ranMs.filter((at) => at >= ms).length }
  }

  test('runs the stages once a millisecond while that brings many together', async () => {
    const { clock, turn, since } = gatherer()
    await ask(40, 50, turn, clock)
    expect(since(40)).toBeLessThan(12)
    expect(since(40)).toBeGreaterThan(7)
  })

  test('runs them every two milliseconds where one brings few together', async () => {
    const { clock, turn, since } = gatherer()
    await ask(10, 50, turn, clock)
    expect(since(40)).toBeLessThan(7)
    expect(since(40)).toBeGreaterThan(3)
  })

  test('runs them at once when asked seldom, and soon again after a rush', async () => {
    const { clock, turn, ranMs } = gatherer()
    await ask(1, 50, turn, clock)
    expect(ranMs).toEqual(Array.from({ length: 50 }, (_, ms) => ms))
    await ask(10, 20, turn, clock)
    await clock.advance(1000)
    await ask(1, 20, turn, clock)
    const beganMs = clock.now()
    turn.request()
    await clock.advance(0)
    expect(ranMs.at(-1)).toBe(beganMs)
  })

  test('gives up when hardly anything comes together, and tries again later', async () => {
    const { clock, turn, ranMs } = gatherer()
    // Somebody asks for one thing after the other, each when the one before is done.
    let waits = false
    turn.stage(() => {
      waits = false
    })
    const began = () => ranMs.length
    for (let step = 0; step < 8000; step++) {
      if (!waits) turn.request()
      waits = true
      await clock.advance(0.25)
    }
    // 2000 ms: nearly always at once, and now and then slower for a few milliseconds.
    expect(began()).toBeGreaterThan(7800)
  })

  test('runs them now for somebody who waits', async () => {
    const { clock, turn, ranMs } = gatherer()
    await ask(10, 50, turn, clock)
    const before = ranMs.length
    turn.end()
    expect(ranMs.length).toBe(before + 1)
  })
})
