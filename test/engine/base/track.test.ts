// A way in a ring: what is between the samples, what is no way at all, and what is forgotten.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { around, type Place } from '../../../engine/base/place.ts'
import { Track } from '../../../engine/base/track.ts'

const at = (track: Track, timeMs: number, turn = 360): Place => {
  const place = { x: 0, y: 0, z: 0, yaw: 0 }
  track.at(timeMs, turn, place)
  return place
}

/** Told at each time with its x, of an interval of 100. */
function track(...samples: [timeMs: number, x: number][]): Track {
  const made = new Track()
  for (const [timeMs, x] of samples) made.push(timeMs, x, 0, 0, 0, timeMs - 100, 0)
  return made
}

describe('a way', () => {
  test('is straight between two samples, and stands before the first and after the last', () => {
    const walked = track([1000, 0], [1100, 10], [1200, 10], [1300, 0])
    expect([900, 1000, 1050, 1100, 1150, 1275, 1300, 5000].map((timeMs) => at(walked, timeMs).x)).toEqual([
      0, 0, 5, 10, 10, 2.5, 0, 0,
    ])
  })

  test('begins where it was held, when it was not told of for a while', () => {
    const walked = track([1000, 0], [1100, 1], [9000, 2])
    expect(at(walked, 8000).x).toBe(1)
    expect(at(walked, 8900).x).toBe(1)
    expect(at(walked, 8950).x).toBe(1.5)
  })

  test('is no faster than it was before when it was seldom told of', () => {
    const walked = track([1000, 0], [1100, 1], [1200, 2], [1500, 5])
    expect(at(walked, 1300).x).toBeCloseTo(3)
    expect(at(walked, 1400).x).toBeCloseTo(4)
  })

  test('is cut by what nobody walks, and by more than the distance that is given', () => {
    const teleported = track([1000, 0], [1100, 1], [1200, 2], [1300, 500])
    expect(teleported.isCut).toBe(true)
    expect([1250, 1299, 1300].map((timeMs) => at(teleported, timeMs).x)).toEqual([2, 2, 500])
    const given = new Track(3)
    given.push(1000, 0, 0, 0, 0, 900, 0)
    given.push(1100, 3, 0, 0, 0, 1000, 0)
    expect(given.isCut).toBe(false)
    given.push(1200, 7, 0, 0, 0, 1100, 0)
    expect(given.isCut).toBe(true)
  })

  test('believes that something has become faster when it stays so', () => {
    const rider = track([1000, 0], [1100, 1])
    for (let n = 1; n <= 6; n++) rider.push(1100 + n * 100, 1 + n * 50, 0, 0, 0, 1000 + n * 100, 0)
    expect(rider.isCut).toBe(false)
    expect(rider.fastest).toBeCloseTo(0.5)
  })

  test('turns the shorter way', () => {
    const turned = new Track()
    turned.push(1000, 0, 0, 0, 350, 900, 0)
    turned.push(1100, 0, 0, 0, 10, 1000, 0)
    expect(at(turned, 1050).yaw).toBe(360)
    expect(around(Math.PI * 1.5, Math.PI * 2)).toBeCloseTo(-Math.PI / 2)
    expect(around(-190, 360)).toBe(170)
  })

  test('is corrected by a sample that is not newer, and begins anew when time goes back', () => {
    const corrected = track([1000, 0], [1100, 1])
    corrected.push(1100, 3, 0, 0, 0, 1000, 0)
    corrected.push(1090, 4, 0, 0, 0, 1000, 0)
    expect([corrected.count, corrected.newestMs, at(corrected, 1100).x]).toEqual([2, 1100, 4])
    corrected.push(50, 9, 0, 0, 0, 0, 0)
    expect([corrected.count, corrected.newestMs, at(corrected, 1100).x]).toEqual([1, 50, 9])
  })

  test('goes on as it went last, unless that was no way', () => {
    const goneOn = (walked: Track) => {
      const place = { x: 0, y: 0, z: 0, yaw: 0 }
      walked.goOn(50, 360, place)
      return place.x
    }
    expect(goneOn(track([1000, 0]))).toBe(0)
    expect(goneOn(track([1000, 0], [1100, 5]))).toBe(2.5)
    expect(goneOn(track([1000, 0], [1100, 1], [1200, 900]))).toBe(0)
  })

  test('keeps what is asked for, and what leads there, and has a limit', () => {
    const kept = new Track()
    for (let n = 0; n < 100; n++) kept.push(n * 100, n, 0, 0, 0, n * 100 - 100, n * 100 - 1000)
    expect([kept.oldestMs, kept.newestMs]).toEqual([8900, 9900])
    const full = new Track()
    for (let n = 0; n < 5000; n++) full.push(n, n, 0, 0, 0, n - 1, 0)
    expect([full.count, full.oldestMs, full.newestMs]).toEqual([1024, 3976, 4999])
    expect(at(full, 4500.5).x).toBe(4500.5)
  })

  test('is never outside of what was told, whatever was', () => {
    const samples = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(samples, (told) => {
        const walked = new Track()
        let timeMs = 0
        for (const [gapMs, x] of told) {
          timeMs += gapMs
          walked.push(timeMs, x, 0, 0, 0, timeMs - 100, timeMs - 1000)
        }
        let before = at(walked, timeMs - 1000).x
        for (let back = 1000; back >= 0; back -= 7) {
          const { x } = at(walked, timeMs - back)
          expect(Math.abs(x)).toBeLessThanOrEqual(50)
          before = x
        }
        expect(at(walked, timeMs).x).toBe(told.at(-1)![1])
        expect(before).toBeDefined()
      }),
    )
  })
})
