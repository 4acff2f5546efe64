// The bots' histogram against the sorted list of what went into it.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addDuration, addDurations, newDurations, percentileMs } from '../../../examples/test_client/histogram.ts'

describe('durations', () => {
  it('give percentiles within a few percent of the sorted list', () => {
    const ms = fc.oneof(fc.double({ min: 0, max: 2_000_000, noNaN: true }), fc.double({ min: 0, max: 50, noNaN: true }))
    fc.assert(
      fc.property(
        fc.array(ms, { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.95, 0.99, 1),
        (list, share) => {
          const durations = newDurations()
          for (const one of list) addDuration(durations, one)
          const exact = [...list].sort((a, b) => a - b)[Math.ceil(list.length * share) - 1]!
          expect(Math.abs(percentileMs(durations, share) - exact)).toBeLessThanOrEqual(exact * 0.032 + 0.001)
          expect(durations).toMatchObject({ count: list.length, maxMs: Math.max(...list) })
        },
      ),
    )
  })

  it('of several threads add up', () => {
    const [one, other] = [newDurations(), newDurations()]
    for (const ms of [1, 2, 3]) addDuration(one, ms)
    addDuration(other, 400)
    addDurations(one, other)
    expect(one).toMatchObject({ count: 4, maxMs: 400 })
    expect(percentileMs(one, 0.5)).toBeCloseTo(2, 1)
    expect(percentileMs(one, 1)).toBeCloseTo(400, -2)
  })

  it('are 0 when there are none, and take no harm from what cannot be', () => {
    const durations = newDurations()
    expect(percentileMs(durations, 0.99)).toBe(0)
    addDuration(durations, -1)
    addDuration(durations, 1e12)
    expect(durations.count).toBe(2)
  })
})
