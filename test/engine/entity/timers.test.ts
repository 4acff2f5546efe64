// Timers by themselves: when they run, and what is kept of those that were cancelled.
import { expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { type Timer, Timers } from '../../../engine/entity/timers.ts'

const HOUR_MS = 3_600_000

class Owner {
  lastTimer = 0
  readonly ran: unknown[] = []
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
