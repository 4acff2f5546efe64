// Both clocks: the one of the machine, and the one that stands still until a test moves it.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { realClock, VirtualClock } from '../../../engine/base/clock.ts'
import { Turn } from '../../../engine/base/turn.ts'
import { ROOT, run } from '../../program.ts'

describe('the clock of the machine', () => {
  test('waits for longer than a timeout of the platform can', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const action = vi.fn()
      const cancelled = vi.fn()
      const days = 24 * 3600 * 1000
      realClock.after(60 * days, action)
      const other = realClock.after(60 * days, cancelled)
      vi.advanceTimersByTime(59 * days)
      expect(action).not.toHaveBeenCalled()
      other.cancel()
      vi.advanceTimersByTime(days)
      expect(action).toHaveBeenCalledOnce()
      expect(cancelled).not.toHaveBeenCalled()
    } finally {
      vi.useRealTimers()
    }
  })

  test('runs what is overdue soon, and deferred things after this turn', async () => {
    const order: string[] = []
    await new Promise<void>((resolve) => {
      realClock.after(-5, () => {
        order.push('overdue')
        resolve()
      })
      realClock.defer(() => void order.push('deferred'))
      order.push('now')
    })
    expect(order[0]).toBe('now')
    expect(order).toContain('overdue')
  })

  test('keeps a process alive for what is awaited, and for nothing else', async () => {
    const clock = JSON.stringify(pathToFileURL(join(ROOT, 'engine/base/clock.ts')).href)
    const script = `import { realClock } from ${clock}
      realClock.after(30, () => process.stdout.write('awaited'), true)
      realClock.after(30_000, () => process.stdout.write('not awaited'))`
    const { code, out } = await run(process.execPath, ['--input-type=module-typescript', '-e', script])
    expect([code, out]).toEqual([0, 'awaited'])
  })
})

describe('the clock of a test', () => {
  test('runs actions in the order of their time, then of their making; deferred ones before time moves on', async () => {
    const clock = new VirtualClock()
    const order: string[] = []
    const note = (what: string) => () => void order.push(`${clock.now()} ${what}`)
    clock.after(10, note('b'))
    clock.after(10, () => {
      note('c')()
      clock.defer(note('deferred'))
      clock.after(0, note('at once'))
    })
    clock.after(5, note('a'))
    clock.after(7, note('never')).cancel()
    clock.after(11, note('d'))
    await clock.advance(10)
    expect(order).toEqual(['5 a', '10 b', '10 c', '10 deferred', '10 at once'])
    await clock.advance(1)
    expect(order.at(-1)).toBe('11 d')
  })

  test('says what did not come true in time', async () => {
    const clock = new VirtualClock()
    clock.after(100, () => {})
    await expect(clock.until(() => false, 50, 'peace')).rejects.toThrow('peace did not come true within 50 ms')
  })
})

test('the stages of a turn run once each, in order, at its end', async () => {
  const clock = new VirtualClock()
  const turn = new Turn(clock)
  const order: string[] = []
  turn.stage(() => void order.push('attributes'))
  turn.stage(() => void order.push('links'))
  turn.request()
  turn.request()
  expect(order).toEqual([])
  await clock.advance(0)
  turn.request()
  await clock.advance(0)
  expect(order).toEqual(['attributes', 'links', 'attributes', 'links'])
})
