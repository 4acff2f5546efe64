// The end of a turn: what runs then, and what may wait for it.
import { expect, test } from 'vitest'
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

test('what may wait leaves at once after a pause, then with others, a few milliseconds later at the most', async () => {
  const { clock, turn, ran } = start()
  const seconds = () => ran.filter((line) => line.startsWith('second')).map((line) => Number(line.split(' ').at(-1)))
  for (let n = 0; n < 20; n++) {
    turn.requestLater()
    await clock.advance(1)
  }
  await clock.advance(100)
  expect(seconds()).toEqual([0, 4, 8, 12, 16, 20])
  turn.requestLater()
  await clock.advance(0)
  expect(seconds().at(-1)).toBe(120)
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
