// Players who predict their own way, 200 ± 50 ms away with 2 % loss, in a whole cluster on the virtual clock: they move at
// once, are where the server has them when they stand, and are not corrected but when the server moves them.
import { afterEach, describe, expect, test } from 'vitest'
import type { TestCluster } from '../cluster.ts'
import { FAR, frames, NEAR, playerOf, Range, type Shooter, SPEED, STEP_MS, shooter, startRange } from './range.ts'

const STAND = { x: 0, z: 0 }
const EAST = { x: 1, z: 0 }
const NORTH_EAST = { x: 1, z: 2 }

let open: TestCluster | undefined
afterEach(async () => {
  expect(open?.errors).toEqual([])
  await open?.stop()
  open = undefined
})

async function start(distance = FAR, options = {}): Promise<{ cluster: TestCluster; one: Shooter }> {
  const cluster = await startRange({ seed: 7, ...options })
  open = cluster
  return { cluster, one: await shooter(cluster, distance) }
}

const drawnOf = ({ me }: Shooter) => ({ x: me.shown.x, z: me.shown.z })
const there = (cluster: TestCluster, one: Shooter) => {
  const { x, z } = playerOf(cluster, one).position
  return { x, z }
}

describe('a player who is far away', () => {
  test('moves in the frame in which it is steered', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 1000, STAND)
    const before = drawnOf(one).x
    await frames(cluster, [one], 2 * STEP_MS, EAST)
    expect(drawnOf(one).x).toBeGreaterThan(before)
    expect(there(cluster, one).x).toBeCloseTo(0.1)
    expect(one.client.player!.shown).toBe(one.me.shown)
  })

  test('walks without a correction, whatever the network does', async () => {
    const { cluster, one } = await start()
    for (const controls of [EAST, STAND, NORTH_EAST, { x: -3, z: 1 }, STAND]) {
      await frames(cluster, [one], 1500, controls)
    }
    await frames(cluster, [one], 1500, STAND)
    expect(one.me.corrections).toBe(0)
    expect(one.me.waiting).toBeGreaterThan(0)
    expect(playerOf(cluster, one).attrs.steps).toBeGreaterThan(100)
    // Exactly: both go by f32.
    expect(drawnOf(one)).toEqual(there(cluster, one))
    expect(one.me.rttMs).toBeGreaterThan(150)
    expect(one.me.rttMs).toBeLessThan(450)
  })

  test('is drawn as evenly as it walks', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 500, EAST)
    let before = drawnOf(one).x
    let beforeMs = cluster.clock.now()
    await frames(cluster, [one], 3000, EAST, (nowMs) => {
      const { x } = drawnOf(one)
      expect((x - before) / (nowMs - beforeMs)).toBeCloseTo(SPEED / 1000, 6)
      before = x
      beforeMs = nowMs
    })
  })

  test('goes over smoothly to where the server pushes it', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 1000, EAST)
    const { x, y, z } = playerOf(cluster, one).position
    playerOf(cluster, one).position = { x, y, z: z + 2 }
    let before = drawnOf(one)
    let farthest = 0
    await frames(cluster, [one], 2000, EAST, () => {
      const now = drawnOf(one)
      farthest = Math.max(farthest, Math.hypot(now.x - before.x, now.z - before.z))
      before = now
    })
    // A frame's way, and what fades of two units in a frame.
    expect(farthest).toBeLessThan(SPEED / 60 + 2 * (1 - Math.exp(-1 / 6)) + 0.01)
    expect([one.me.corrections, one.me.correctionMax]).toEqual([1, expect.closeTo(2, 5)])
    await frames(cluster, [one], 1000, STAND)
    await frames(cluster, [one], 1000, STAND)
    expect(drawnOf(one)).toEqual(there(cluster, one))
  })

  test('is told when the server moves it while it stands and says nothing', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 500, EAST)
    await cluster.clock.advance(1000)
    playerOf(cluster, one).position = { x: -7, y: 0, z: 9 }
    await cluster.clock.advance(1000)
    one.client.frame()
    expect(one.me.state).toEqual({ x: -7, z: 9 })
  })

  test('is there at once where a portal leads', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 500, EAST)
    playerOf(cluster, one).position = { x: 900, y: 0, z: 9 }
    const seen: number[] = []
    await frames(cluster, [one], 1500, STAND, () => void seen.push(one.me.shown.x))
    expect(seen.filter((x) => x > 20 && x < 880)).toEqual([])
    expect(seen.at(-1)).toBe(playerOf(cluster, one).position.x)
  })
})

test('who watches another stop, alone, does not see it walk on', async () => {
  const { cluster, one } = await start(NEAR)
  const spectator = await shooter(cluster, { rttMs: 100, jitterMs: 0, loss: 0 })
  const shown = () => {
    spectator.client.frame()
    return spectator.client.entities.get(one.client.player!.id)!.shown.x
  }
  await frames(cluster, [one], 2000, EAST, shown)
  // From here on no client says anything, and nothing else moves.
  const seen: number[] = []
  await frames(cluster, [], 2000, STAND, () => void seen.push(shown()))
  const { x } = there(cluster, one)
  const step = 1 / 64
  expect(seen[0]).toBeLessThan(x - step)
  expect(Math.max(...seen)).toBeLessThan(x + step)
  expect(Math.abs(seen.at(-1)! - x)).toBeLessThan(step)
})

describe('inputs', () => {
  test('run once and in order, and the entity knows the last', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 3000, EAST)
    await cluster.clock.advance(1000)
    const player = playerOf(cluster, one)
    expect(player.inputNo).toBe(one.me.lastNo)
    expect(player.attrs.steps).toBe(one.me.lastNo)
    expect(one.me.doneNo).toBe(one.me.lastNo)
    expect(one.me.waiting).toBe(0)
    expect(cluster.games[0]!.status().inputs).toEqual({ ran: one.me.lastNo, repeated: 0, shed: 0, clamped: 0 })
  })

  test('that are more than the class allows are not run, and are answered all the same', async () => {
    const { cluster, one } = await start(NEAR)
    await frames(cluster, [one], 500, STAND)
    const before = playerOf(cluster, one).position.x
    // A client that steps ten times as often as it may.
    for (let n = 0; n < 100; n++) {
      for (let fast = 0; fast < 10; fast++) one.me.input(EAST)
      await cluster.clock.advance(STEP_MS)
    }
    await cluster.clock.advance(500)
    const { shed } = cluster.games[0]!.status().inputs
    expect(shed).toBeGreaterThan(800)
    // Five seconds and the second's worth that may come at once, at a tenth more than 20 a second.
    const walked = playerOf(cluster, one).position.x - before
    expect(walked).toBeLessThan((6.1 * 22 * SPEED * STEP_MS) / 1000)
    expect(one.me.doneNo).toBe(one.me.lastNo)
    expect(one.me.state!.x).toBe(playerOf(cluster, one).position.x)
  })

  test('stop while the server is silent, and go on when it speaks', async () => {
    const { cluster, one } = await start(NEAR)
    await frames(cluster, [one], 500, EAST)
    const goOn = cluster.stallGame(1)
    const stalls: boolean[] = []
    await frames(
      cluster,
      [one],
      3000,
      EAST,
      () => void (one.me.isStalled !== stalls.at(-1) && stalls.push(one.me.isStalled)),
    )
    expect(stalls).toEqual([false, true])
    expect(one.me.waiting).toBe(1000 / STEP_MS)
    expect(one.client.motion.isStalled).toBe(true)
    const x = drawnOf(one).x
    goOn()
    await frames(cluster, [one], 1000, STAND)
    expect(one.me.isStalled).toBe(false)
    expect(drawnOf(one)).toEqual(there(cluster, one))
    expect(drawnOf(one).x).toBeCloseTo(x, 5)
    expect(cluster.games[0]!.status().inputs.repeated).toBeGreaterThan(0)
  })

  test('go along to another game', async () => {
    const { cluster, one } = await start(FAR, { games: 2, banned: [2] })
    await frames(cluster, [one], 1000, EAST)
    const other = cluster.games[1]!.world.game.createSpace(Range, 2)
    await frames(cluster, [one], 100, EAST)
    const { x, y, z } = playerOf(cluster, one).position
    void playerOf(cluster, one).enterSpace(other.id, { x, y, z })
    await frames(cluster, [one], 1500, EAST)
    expect(one.client.space!.kind).toBe(2)
    await frames(cluster, [one], 1500, STAND)
    const player = playerOf(cluster, one)
    expect([...other.entities]).toEqual([player])
    expect(player.attrs.steps).toBe(player.inputNo)
    expect(drawnOf(one)).toEqual(there(cluster, one))
  })

  test('go on where they were when the connection breaks: none is lost, and none runs twice', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 1000, EAST)
    for (let breaks = 0; breaks < 4; breaks++) {
      cluster.internet.dropAll()
      await frames(cluster, [one], 1200, EAST)
    }
    await frames(cluster, [one], 2000, STAND)
    await cluster.clock.advance(1000)
    const player = playerOf(cluster, one)
    expect(player.attrs.steps).toBe(one.me.lastNo)
    expect(one.me.corrections).toBe(0)
    expect(drawnOf(one)).toEqual(there(cluster, one))
  })

  test('go on at another gate, without those that were lost', async () => {
    const cluster = await startRange({ seed: 7, gates: 2 })
    open = cluster
    const one = await shooter(cluster, FAR, 2)
    await frames(cluster, [one], 1000, EAST)
    const { id } = one.client.player!
    await Promise.all([cluster.kill('gate', 1), frames(cluster, [one], 4000, EAST)])
    await frames(cluster, [one], 2000, STAND)
    await cluster.clock.advance(1000)
    expect(one.client.player!.id).toBe(id)
    expect(one.client.connection).toBe('open')
    expect(one.me.isStalled).toBe(false)
    expect(playerOf(cluster, one).inputNo).toBe(one.me.lastNo)
    expect(playerOf(cluster, one).attrs.steps).toBeLessThanOrEqual(one.me.lastNo)
    expect(drawnOf(one)).toEqual(there(cluster, one))
    expect(one.me.correctionNow).toBe(0)
  })

  test('go on where they were when the game is frozen and restored', async () => {
    const { cluster, one } = await start()
    await frames(cluster, [one], 1000, EAST)
    const frozen = await cluster.freezeGame(1)
    await cluster.restoreGame(1, frozen)
    await frames(cluster, [one], 2000, EAST)
    await frames(cluster, [one], 2000, STAND)
    const player = playerOf(cluster, one)
    expect(player.attrs.steps).toBe(player.inputNo)
    expect(one.me.corrections).toBe(0)
    expect(drawnOf(one)).toEqual(there(cluster, one))
  })
})
