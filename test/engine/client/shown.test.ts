// What is drawn of others, 200 ± 50 ms away with 2 % loss: as fast as they walk, where they were, without a jump.
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { RenderTime } from '../../../engine/client/render-time.ts'
import { Shown, smoothingOf } from '../../../engine/client/shown.ts'
import { drawn, FAR, FRAME_MS, fastest, GAME_MS, INTERVAL_MS, patrol } from './drawn-world.ts'

const SPEED = 5
const SQUARE = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
] as const
const SEEDS = Array.from({ length: 20 }, (_, n) => n + 1)
/** Straight on. */
const AHEAD = (ms: number) => ({ x: (SPEED * ms) / 1000 })
const STILL = { rttMs: 40, jitterMs: 0, loss: 0 }

describe('a walker in the distance', () => {
  test('is never drawn faster than a third over what it walks, whatever the network does', async () => {
    for (const seed of SEEDS) {
      for (const crowd of [true, false]) {
        const { frames } = await drawn({ ms: 20_000, seed, crowd, at: patrol(SPEED, SQUARE, 700) })
        expect(fastest(frames.slice(30)), `seed ${seed}`).toBeLessThan(SPEED * 1.3)
      }
    }
  })

  test('is drawn where it was at the time that is drawn', async () => {
    let frameCount = 0
    let off = 0
    for (const seed of SEEDS) {
      const at = patrol(SPEED, SQUARE)
      const { frames } = await drawn({ ms: 20_000, seed, at })
      for (const frame of frames.slice(120)) {
        const { x = 0, z = 0 } = at(frame.renderMs)
        frameCount++
        // At a corner what is between two places is cut off.
        if (Math.hypot(frame.x - x, frame.z - z) > 0.1 * SPEED * Math.SQRT1_2) off++
      }
    }
    // After what came late it catches up by and by.
    expect(off / frameCount).toBeLessThan(0.06)
  })

  test('stands exactly where it stopped', async () => {
    const at = (gameMs: number) => ({ x: (Math.min(2030, gameMs) * SPEED) / 1000 })
    for (const scene of [{ crowd: true }, { crowd: false }, { crowd: false, isSilent: true }]) {
      for (const seed of SEEDS) {
        const { frames } = await drawn({ ms: 6000, seed, ...scene, at })
        expect(frames.at(-1)!.x).toBe((2030 * SPEED) / 1000)
        // Nobody is drawn far beyond where it went, even when nothing says that it stands.
        expect(Math.max(...frames.map(({ x }) => x))).toBeLessThan(2.03 * SPEED + 0.075 * SPEED)
      }
    }
    // Where nothing comes late, it is not drawn beyond at all, be it alone or not.
    for (const crowd of [true, false]) {
      const { frames } = await drawn({ ms: 6000, distance: STILL, crowd, at })
      expect(Math.max(...frames.map(({ x }) => x))).toBeCloseTo(2.03 * SPEED, 6)
    }
  })

  test('that is moved every other flush is drawn evenly when it is alone', async () => {
    const at = (gameMs: number) => ({ x: (Math.floor(gameMs / 200) * 200 * SPEED) / 1000 })
    const { frames } = await drawn({ ms: 10_000, distance: STILL, crowd: false, at })
    for (let n = 121; n < frames.length; n++)
      expect(frames[n]!.x - frames[n - 1]!.x).toBeGreaterThan((SPEED * FRAME_MS) / 1000 / 2)
  })

  test('sets out when it does, however long it stood', async () => {
    const at = (gameMs: number) => ({ x: (Math.max(0, gameMs - 4000) * SPEED) / 1000 })
    for (const crowd of [true, false]) {
      const { frames } = await drawn({ ms: 6000, distance: STILL, crowd, at })
      for (const { renderMs, x } of frames) if (renderMs < 4000) expect(x).toBeLessThan(1e-9)
      expect(fastest(frames)).toBeLessThan(SPEED * 1.3)
      expect(frames.at(-1)!.x).toBeGreaterThan(8)
    }
  })

  test('enters view at its place, without a jump', async () => {
    for (const seed of SEEDS) {
      const at = (gameMs: number) => ({ x: (gameMs * SPEED) / 1000 })
      const { frames } = await drawn({ ms: 8000, seed, entersMs: 3000, at })
      expect(frames[0]!.x).toBeGreaterThanOrEqual(15)
      expect(frames[0]!.x).toBeLessThan(15.2)
      expect(fastest(frames)).toBeLessThan(SPEED * 1.3)
    }
  })

  test('is teleported without a way between', async () => {
    const at = (gameMs: number) => ({ x: (gameMs * SPEED) / 1000 + (gameMs > 3000 ? 300 : 0) })
    for (const smooth of [{ mode: 'lerp' }, { mode: 'damp' }, { mode: 'reckon' }] as const) {
      for (const seed of SEEDS) {
        const { frames } = await drawn({ ms: 6000, seed, at, smooth })
        expect(frames.filter(({ x }) => x > 25 && x < 300)).toEqual([])
        expect(frames.at(-1)!.x).toBeGreaterThan(320)
      }
    }
  })

  test('is drawn where it is when the page was asleep, for however long', async () => {
    for (const ms of [1500, 3000, 10_000, 60_000]) {
      const { frames } = await drawn({ ms: 6000, distance: STILL, at: AHEAD, asleep: { atMs: 4000, ms } })
      const awake = frames.filter(({ nowMs }) => nowMs > 4000 + ms)
      for (const { x, renderMs } of awake) expect(x).toBeCloseTo(AHEAD(renderMs).x, 3)
    }
  })

  test('is not much farther behind than the network when that is slower all at once', async () => {
    for (const rttMs of [400, 800]) {
      const distance = { ...STILL, rttMs }
      const { frames } = await drawn({ ms: 20_000, distance: STILL, at: AHEAD, later: { atMs: 5000, distance } })
      for (const { x, nowMs } of frames.slice(30))
        expect(AHEAD(nowMs).x - x).toBeLessThan((SPEED * (rttMs + INTERVAL_MS + 600)) / 1000)
      const { x, nowMs } = frames.at(-1)!
      expect(AHEAD(nowMs).x - x).toBeCloseTo((SPEED * (rttMs / 2 + INTERVAL_MS + 4)) / 1000, 1)
    }
  })

  test('walks on when the clock of the game is set', async () => {
    for (const byMs of [-3_600_000, -3000, 3000, 3_600_000]) {
      const { frames, time } = await drawn({ ms: 8000, distance: STILL, at: AHEAD, clockSet: { atMs: 3000, byMs } })
      expect(fastest(frames.slice(30))).toBeLessThan(SPEED * 1.5)
      const { x, nowMs } = frames.at(-1)!
      expect(AHEAD(nowMs).x - x).toBeCloseTo((SPEED * (STILL.rttMs / 2 + INTERVAL_MS + 4)) / 1000, 1)
      expect(time.delayMs).toBeCloseTo(INTERVAL_MS + 4, 0)
    }
  })

  test('turns the shorter way', async () => {
    const { frames } = await drawn({
      ms: 3000,
      distance: STILL,
      at: (gameMs) => ({ yaw: (350 + gameMs / 10) % 360 }),
    })
    for (let n = 61; n < frames.length; n++) {
      const turned = frames[n]!.yaw - frames[n - 1]!.yaw
      expect(Math.abs(turned - Math.round(turned / 360) * 360)).toBeLessThan(3)
    }
  })

  test('is drawn the same at any frame rate', async () => {
    const at = patrol(SPEED, SQUARE)
    const slow = await drawn({ ms: 5000, at, frameMs: 50, smooth: { mode: 'damp' } })
    const fast = await drawn({ ms: 5000, at, frameMs: 10, smooth: { mode: 'damp' } })
    const last = slow.frames.at(-1)!
    const same = fast.frames.find(({ nowMs }) => nowMs === last.nowMs)!
    expect(Math.hypot(same.x - last.x, same.z - last.z)).toBeLessThan(0.2)
  })
})

describe('damp', () => {
  test('comes close without swinging over', async () => {
    const { frames } = await drawn({
      ms: 5000,
      distance: STILL,
      smooth: { mode: 'damp', dampMs: 150 },
      at: (gameMs) => ({ x: (Math.min(2000, gameMs) * SPEED) / 1000 }),
    })
    for (let n = 1; n < frames.length; n++) expect(frames[n]!.x).toBeGreaterThanOrEqual(frames[n - 1]!.x - 1e-9)
    expect(Math.max(...frames.map(({ x }) => x))).toBeLessThanOrEqual(10.000001)
    expect(frames.at(-1)!.x).toBeCloseTo(10, 4)
  })
})

describe('reckon', () => {
  const at = (gameMs: number) => ({ x: (gameMs * SPEED) / 1000 })

  test('draws what goes straight where it is by now, but for the way that the word of it took', async () => {
    const { frames } = await drawn({ ms: 6000, smooth: { mode: 'reckon' }, at })
    for (const { nowMs, x } of frames.slice(120)) {
      const behindMs = nowMs - (x / SPEED) * 1000
      expect(behindMs).toBeGreaterThan(70)
      expect(behindMs).toBeLessThan(135)
    }
  })

  test('goes by a function of the game, and no farther than it may', async () => {
    const asked: number[] = []
    const { frames } = await drawn({
      ms: 5000,
      distance: STILL,
      crowd: false,
      isSilent: true,
      smooth: {
        mode: 'reckon',
        extrapolateMs: 300,
        reckon: (place, ms) => {
          asked.push(ms)
          place.x += (SPEED * ms) / 1000
        },
      },
      at: (gameMs) => at(Math.min(gameMs, 2000)),
    })
    expect(Math.max(...asked)).toBe(300)
    expect(frames.at(-1)!.x).toBeCloseTo(10 + 0.3 * SPEED, 6)
  })

  test('stands where it stopped when others are told of and it is not', async () => {
    const { frames } = await drawn({ ms: 6000, smooth: { mode: 'reckon' }, at: (gameMs) => at(Math.min(gameMs, 2000)) })
    expect(frames.at(-1)!.x).toBeCloseTo(10, 3)
  })
})

describe('what stood for it', () => {
  test('is gone over from, without a jump', async () => {
    const clock = new VirtualClock()
    const time = new RenderTime(clock)
    const shown = new Shown(time, smoothingOf({ mode: 'reckon' }), undefined, { x: 0, y: 0, z: 0, yaw: 0 }, GAME_MS)
    time.flushed(GAME_MS)
    shown.showFrom({ x: 3, y: 0, z: 4, yaw: 10 })
    expect(shown.place).toEqual({ x: 3, y: 0, z: 4, yaw: 10 })
    const left: number[] = []
    for (let n = 0; n < 100; n++) {
      await clock.advance(10)
      shown.update()
      left.push(Math.hypot(shown.place.x, shown.place.z))
    }
    expect(left[0]).toBeLessThan(5)
    expect(left[0]).toBeGreaterThan(4)
    expect(left.at(-1)).toBe(0)
    for (let n = 1; n < left.length; n++) expect(left[n]).toBeLessThanOrEqual(left[n - 1]!)
  })
})

describe('the time that is drawn', () => {
  test('never goes back, and no faster or slower than a tenth', async () => {
    for (const seed of SEEDS) {
      const { frames } = await drawn({ ms: 20_000, seed, at: patrol(SPEED, SQUARE) })
      for (let n = 31; n < frames.length; n++) {
        const passed = frames[n]!.renderMs - frames[n - 1]!.renderMs
        const wall = frames[n]!.nowMs - frames[n - 1]!.nowMs
        expect(passed / wall).toBeGreaterThan(0.8999)
        expect(passed / wall).toBeLessThan(1.1001)
      }
    }
  })

  test('is as far behind as the network is uneven', async () => {
    const behind = async (jitterMs: number) => {
      const distance = { rttMs: 200, jitterMs, loss: 0 }
      const { time } = await drawn({ ms: 10_000, distance, at: patrol(SPEED, SQUARE) })
      return time.delayMs
    }
    expect(await behind(0)).toBeCloseTo(INTERVAL_MS + 4, 0)
    const uneven = await behind(50)
    expect(uneven).toBeGreaterThan(INTERVAL_MS + 35)
    expect(uneven).toBeLessThan(INTERVAL_MS + 55)
  })

  test('adapts to a game that flushes more often, or less', async () => {
    const clock = new VirtualClock()
    const time = new RenderTime(clock)
    for (const intervalMs of [100, 400, 20]) {
      for (let n = 0; n < 40; n++) {
        await clock.advance(intervalMs)
        time.flushed(GAME_MS + clock.now())
      }
      expect(time.intervalMs).toBe(intervalMs)
    }
  })

  test('leaps ahead when the page was asleep, and stands when the network is a second slower', async () => {
    const clock = new VirtualClock()
    const time = new RenderTime(clock)
    const step = async (lateMs: number) => {
      await clock.advance(INTERVAL_MS)
      time.flushed(GAME_MS + clock.now() - lateMs)
      return time.renderMs
    }
    for (let n = 0; n < 20; n++) await step(0)
    const before = time.renderMs
    await clock.advance(60_000)
    time.flushed(GAME_MS + clock.now())
    expect(time.renderMs - before).toBe(60_000)
    // Nothing comes for so long, and what comes then is of when that began.
    await clock.advance(3000)
    for (let n = 0; n < 64; n++) await step(3000)
    const stood = time.renderMs
    await step(3000)
    expect(time.renderMs).toBe(stood)
    for (let n = 0; n < 64; n++) await step(3000)
    expect(time.renderMs).toBeGreaterThan(stood)
  })

  test('is that of the words that come when flushes do not say theirs', async () => {
    const clock = new VirtualClock()
    const time = new RenderTime(clock)
    expect(time.seenMs).toBe(0)
    for (let n = 0; n < 20; n++) {
      await clock.advance(INTERVAL_MS)
      time.flushed(undefined)
      expect(time.isGameTime).toBe(false)
    }
    expect(time.seenMs).toBe(0)
    time.heard(GAME_MS + clock.now() - 80)
    const behindMs = ((GAME_MS + clock.now()) % 2 ** 32) - time.seenMs
    expect(behindMs).toBeGreaterThan(80 + 99)
    expect(behindMs).toBeLessThan(80 + 120)
  })

  test('is told in 32 bits', () => {
    const time = new RenderTime(new VirtualClock())
    // Near what the clock on the wall says, until the game has.
    expect(time.unwrap(GAME_MS % 2 ** 32)).toBe(GAME_MS)
    time.flushed(2 ** 33 - 5)
    expect(time.unwrap(2 ** 32 - 3)).toBe(2 ** 33 - 3)
    expect(time.unwrap(7)).toBe(2 ** 33 + 7)
  })
})

describe('options', () => {
  test('that cannot be meant are refused by name', () => {
    expect(() => smoothingOf({ extrapolateMs: -1 })).toThrow('extrapolateMs = -1')
    expect(() => smoothingOf({ dampMs: Number.NaN })).toThrow('dampMs')
    expect(() => smoothingOf({ mode: 'glide' as 'lerp' })).toThrow("no mode 'glide'")
  })

  test('that give a distance decide what is teleported', async () => {
    const at = (gameMs: number) => ({ x: gameMs > 1000 ? 3 : 0 })
    const snapped = await drawn({ ms: 3000, distance: FAR, at, smooth: { snapDistance: 2 } })
    expect(snapped.frames.filter(({ x }) => x > 0 && x < 3)).toEqual([])
    const glided = await drawn({ ms: 3000, distance: FAR, at, smooth: { snapDistance: 4 } })
    expect(glided.frames.filter(({ x }) => x > 0 && x < 3).length).toBeGreaterThan(3)
  })
})
