// The time on the server as a client knows it, the way there and back, and what a client's own session makes of both.
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { connect } from '../../../engine/client/client.ts'
import { PINGS_KEPT, ServerClock } from '../../../engine/client/server-clock.ts'
import { GateSide } from './gate-side.ts'
import { SessionGate } from './session-gate.ts'

const START_MS = 1_900_000_000_000

/** A ping that takes `there` and `back` ms, on a server that is ahead by `aheadMs`. */
async function ping(clock: VirtualClock, server: ServerClock, there: number, back: number, aheadMs = START_MS) {
  const sentMs = clock.now()
  await clock.advance(there)
  const serverMs = clock.now() + aheadMs
  await clock.advance(back)
  server.ponged(sentMs, serverMs)
}

describe('the time on the server', () => {
  it('is not known before the first answer', () => {
    const server = new ServerClock(new VirtualClock())
    expect([server.timeMs, server.pingMs, server.jitterMs]).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(server.pings).toHaveLength(PINGS_KEPT)
  })

  it('is as good as the best of the recent answers', async () => {
    const clock = new VirtualClock()
    const server = new ServerClock(clock)
    const random = seededRandom(3)
    for (let n = 0; n < 10; n++) {
      await ping(clock, server, 100 + random() * 200, 100 + random() * 50)
      await clock.advance(2000)
    }
    await ping(clock, server, 20, 20)
    await clock.advance(3000)
    for (let n = 0; n < 10; n++) {
      await ping(clock, server, 100 + random() * 200, 100 + random() * 50)
      await clock.advance(2000)
      expect(server.timeMs - START_MS - clock.now()).toBeCloseTo(0, 1)
    }
  })

  it('never runs back nor jumps while the answers disagree a little', async () => {
    const clock = new VirtualClock()
    const server = new ServerClock(clock)
    const random = seededRandom(4)
    await ping(clock, server, 400, 10)
    let last = server.timeMs
    for (let n = 0; n < 400; n++) {
      if (n % 20 === 0) await ping(clock, server, random() * 300, random() * 300)
      const before = clock.now()
      last = server.timeMs
      await clock.advance(random() * 50)
      const passed = clock.now() - before
      expect(server.timeMs - last).toBeGreaterThanOrEqual(passed * 0.949)
      expect(server.timeMs - last).toBeLessThanOrEqual(passed * 1.051)
    }
    expect(Math.abs(server.timeMs - START_MS - clock.now())).toBeLessThan(30)
  })

  it('follows a server whose clock was set, or another one', async () => {
    const clock = new VirtualClock()
    const server = new ServerClock(clock)
    for (const aheadMs of [START_MS, START_MS + 3_600_000, START_MS - 5000]) {
      await ping(clock, server, 30, 30, aheadMs)
      expect(server.timeMs - clock.now()).toBeCloseTo(aheadMs, 0)
      await clock.advance(2000)
      await ping(clock, server, 60, 60, aheadMs)
      expect(server.timeMs - clock.now()).toBeCloseTo(aheadMs, 0)
    }
    server.forgetSamples()
    await ping(clock, server, 200, 200, START_MS + 400)
    await clock.advance(200_000)
    expect(server.timeMs - clock.now()).toBeCloseTo(START_MS + 400, 0)
  })
})

describe('the way there and back', () => {
  it('is smoothed, and the last ones are remembered in order', async () => {
    const clock = new VirtualClock()
    const server = new ServerClock(clock)
    for (let n = 0; n < PINGS_KEPT + 10; n++) await ping(clock, server, 50, n % 2 === 0 ? 50 : 70)
    expect(server.pingMs).toBeGreaterThan(105)
    expect(server.pingMs).toBeLessThan(115)
    expect(server.jitterMs).toBeGreaterThan(8)
    expect(server.jitterMs).toBeLessThan(12)
    expect([...server.pings.slice(-3)].map(Math.round)).toEqual([120, 100, 120])
    expect([...server.pings].every((ms) => ms > 99)).toBe(true)
  })
})

describe('a session', () => {
  it('agrees with the server on the time, quickly after connecting', async () => {
    const clock = new VirtualClock()
    const gate = new SessionGate(clock, { latencyMs: 40, skewMs: 123_456 })
    const game = connect(gate.connect, { clock, random: seededRandom(1) })
    expect(game.serverTime).toBeNaN()
    await clock.until(() => game.connection === 'open')
    expect(game.serverTime).toBeCloseTo(clock.wallMs() + 123_456, 0)
    await clock.advance(1200)
    expect(gate.pings).toBe(5)
    expect([...game.pings].filter((ms) => ms === 80)).toHaveLength(5)
    expect([game.ping, game.serverTime]).toEqual([80, expect.closeTo(clock.wallMs() + 123_456, 0)])
    await clock.advance(10_000)
    expect(gate.pings).toBe(10)
    expect(game.jitter).toBeLessThan(20)
  })

  it('does not take an answer that comes over the next connection for a long way', async () => {
    const clock = new VirtualClock()
    const gate = new SessionGate(clock, { latencyMs: 20 })
    const game = connect(gate.connect, { clock, random: () => 1 })
    await clock.until(() => game.connection === 'open')
    for (let n = 0; n < 5; n++) {
      await clock.advance(770)
      gate.isDown = true
      gate.drop()
      await clock.advance(3000)
      gate.isDown = false
      await clock.until(() => game.connection === 'open')
    }
    await clock.advance(5000)
    expect(Math.max(...[...game.pings].filter((ms) => !Number.isNaN(ms)))).toBe(40)
  })

  it('that is none knows nothing of all that', () => {
    const game = connect(new GateSide(), { heartbeatMs: 0 })
    expect([game.ping, game.jitter, game.serverTime]).toEqual([Number.NaN, Number.NaN, Number.NaN])
    expect(game.pings).toHaveLength(0)
    expect(game.connection).toBe('open')
    game.reconnect()
    game.close()
    expect(game.connection).toBe('closed')
  })
})
