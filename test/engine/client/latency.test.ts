// A slow and lossy way to the server: how long everything takes, and that nothing overtakes anything.
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { connect } from '../../../engine/client/client.ts'
import { Latency } from '../../../engine/client/latency.ts'
import { frame, GateSide } from './gate-side.ts'

const AVATAR = 'avatar0000000001'

/** Chunks that go and come every 10 ms, and how long each took. */
async function measure(ms: number, jitterMs: number, loss: number, count = 400) {
  const clock = new VirtualClock()
  const latency = new Latency(clock, seededRandom(5))
  latency.set(ms, jitterMs, loss)
  const gate = new GateSide()
  const stream = latency.over(gate)
  const came: number[][] = []
  stream.onData((chunk) => came.push([chunk[0]! + chunk[1]! * 256, clock.now()]))
  const went: number[][] = []
  gate.write = (chunk) => void went.push([chunk[0]! + chunk[1]! * 256, clock.now()])
  for (let n = 0; n < count; n++) {
    const chunk = new Uint8Array([n, n >>> 8])
    stream.write(chunk)
    gate.push(chunk)
    await clock.advance(10)
  }
  await clock.advance(10_000)
  const times = [came, went].map((list) => list.map(([n, atMs]) => atMs! - n! * 10))
  for (const list of [came, went]) expect(list.map(([n]) => n)).toEqual(Array.from({ length: count }, (_, n) => n))
  return { times: times.flat(), came }
}

describe('simulated latency', () => {
  it('holds back by half of it each way', async () => {
    const { times } = await measure(200, 0, 0)
    expect(new Set(times)).toEqual(new Set([100]))
  })

  it('varies by half of the jitter each way, and keeps the order', async () => {
    const { times } = await measure(200, 50, 0)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(75)
    expect(Math.max(...times)).toBeLessThanOrEqual(125)
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(40)
  })

  it('lets what is lost come one retransmission later, and holds up what follows', async () => {
    const { came, times } = await measure(100, 0, 0.02)
    const late = times.filter((ms) => ms > 50)
    expect(late.length / times.length).toBeGreaterThan(0.1)
    expect(Math.max(...late)).toBe(250)
    expect(late).toContain(240)
    expect(came.length).toBe(400)
    expect(Math.max(...(await measure(400, 0, 0.02)).times)).toBe(600)
  })

  it('is nothing unless asked for, and refuses what cannot be', async () => {
    expect(new Set((await measure(0, 0, 0)).times)).toEqual(new Set([0]))
    const game = connect(new GateSide(), { heartbeatMs: 0 })
    for (const wrong of [[-1], [Number.NaN], [Number.POSITIVE_INFINITY], [1, -1], [1, 1, 1], [1, 1, -0.1], [1, 1, 2]])
      expect(() => game.simulateLatency(...(wrong as [number])), String(wrong)).toThrow(RangeError)
  })
})

it('a game with it hears and is heard later, and of its end behind all else', async () => {
  const clock = new VirtualClock()
  const gate = new GateSide()
  const game = connect(gate, { heartbeatMs: 0, clock, random: seededRandom(1) })
  game.simulateLatency(200)
  gate.create(AVATAR, 'Avatar', {}, true)
  await clock.advance(99)
  expect(game.player).toBeUndefined()
  await clock.advance(1)
  game.call(AVATAR, 'say', 1)
  // What is on its way when it ends stays in front of what comes quicker.
  await clock.advance(50)
  game.simulateLatency(0)
  game.call(AVATAR, 'say', 2)
  expect(gate.heard()).toEqual([])
  await clock.advance(50)
  expect(gate.heard().map(({ values }) => values['args'])).toEqual([[1], [2]])
  game.call(AVATAR, 'say', 3)
  expect(gate.heard()).toHaveLength(3)

  game.simulateLatency(200)
  const heard: unknown[] = []
  game.on('Avatar', { hears: (line: unknown) => heard.push(line) })
  game.onClose((reason) => heard.push(reason))
  gate.push(frame('callOnClient', { entityId: AVATAR, method: 'hears', args: ['the last'] }))
  gate.end('gone')
  await clock.advance(100)
  expect(heard).toEqual(['the last', 'gone'])
})
