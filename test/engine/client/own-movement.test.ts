// Where a client's own player goes: at the agreed rate, the last place in the end, and in front of calls.
import { expect, it } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { type ConnectOptions, connect } from '../../../engine/client/client.ts'
import { GateSide } from './gate-side.ts'
import { SessionGate } from './session-gate.ts'

const AVATAR = 'avatar0000000001'

function client(options: ConnectOptions = {}) {
  const clock = new VirtualClock()
  const gate = new GateSide()
  const game = connect(gate, { heartbeatMs: 0, clock, ...options })
  gate.create(AVATAR, 'Avatar', {}, true)
  const places = () => gate.heard().map(({ name, values }) => (name === 'positionFromClient' ? values['x'] : name))
  return { clock, gate, game, places }
}

it('is said at once, then at the agreed rate, and in the end where it is', async () => {
  const { clock, game, places } = client()
  for (let x = 0; x < 60; x++) {
    expect(game.move(x, 0, 0, 0)).toBe(true)
    expect(game.player?.position.x).toBe(x)
    await clock.advance(16)
  }
  await clock.advance(1000)
  const said = places() as number[]
  expect(said[0]).toBe(0)
  expect(said.at(-1)).toBe(59)
  expect(said.length).toBeGreaterThanOrEqual(10)
  expect(said.length).toBeLessThanOrEqual(11)
  game.move(100, 0, 0, 0)
  expect(places().at(-1)).toBe(100)
  await clock.advance(5000)
  expect(places().filter((x) => x === 100)).toHaveLength(1)
})

it('is said with every call to `move` where that is wanted', () => {
  const { game, places } = client({ moveIntervalMs: 0 })
  for (let x = 0; x < 5; x++) game.move(x, 0, 0, 0)
  expect(places()).toEqual([0, 1, 2, 3, 4])
})

it('is said in front of a call, which was made there', async () => {
  const { clock, game, places } = client()
  game.move(1, 0, 0, 0)
  game.move(2, 0, 0, 0)
  game.call(AVATAR, 'shoot')
  game.call(AVATAR, 'shoot')
  expect(places()).toEqual([1, 2, 'callFromClient', 'callFromClient'])
  await clock.advance(1000)
  expect(places()).toHaveLength(4)
})

it('waits while too much does, and is said of the player that has moved or not at all', async () => {
  const { clock, gate, game, places } = client()
  gate.bufferedBytes = 100_000
  expect(game.move(1, 0, 0, 0)).toBe(false)
  expect(game.move(2, 0, 0, 0)).toBe(false)
  await clock.advance(500)
  expect(places()).toEqual([])
  gate.bufferedBytes = 0
  await clock.advance(100)
  expect(places()).toEqual([2])
  expect(game.counters.droppedMoves).toBe(2)

  await clock.advance(100)
  game.move(3, 0, 0, 0)
  game.move(4, 0, 0, 0)
  gate.send('destroyEntity', { type: 'Avatar', entityId: AVATAR })
  gate.create('avatar0000000002', 'Avatar', {}, true)
  await clock.advance(1000)
  expect(places()).toEqual([2, 3])
  game.close()
  await clock.advance(1000)
  expect(places()).toEqual([2, 3])
})

it('is said when a lost connection is there again: the latest place only', async () => {
  const clock = new VirtualClock()
  const gate = new SessionGate(clock)
  gate.began = () => gate.create(AVATAR, 'Avatar', {}, true)
  const game = connect(gate.connect, { clock, random: seededRandom(1) })
  await clock.until(() => game.player !== undefined)
  gate.isDown = true
  gate.drop()
  await clock.until(() => game.connection === 'lost')
  for (let x = 0; x < 20; x++) {
    expect(game.move(x, 0, 0, 0)).toBe(false)
    await clock.advance(50)
  }
  gate.isDown = false
  await clock.until(() => gate.heard.length > 0)
  await clock.advance(1000)
  expect(gate.heard.map(({ values }) => values['x'])).toEqual([19])
  expect(game.counters.droppedMoves).toBe(20)
})
