// Shots of players who are far away, in a whole cluster on the virtual clock: what was under the cross-hair is hit, wherever
// it is by the time that the server hears of the shot.
import { afterEach, describe, expect, test } from 'vitest'
import type { TestCluster } from '../cluster.ts'
import { FAR, frames, Range, type Shooter, SPEED, shooter, startRange, Target } from './range.ts'

const STAND = { x: 0, z: 0 }

let open: TestCluster | undefined
afterEach(async () => {
  expect(open?.errors).toEqual([])
  await open?.stop()
  open = undefined
})

async function start(distance = FAR, seed = 3): Promise<{ cluster: TestCluster; one: Shooter; target: Target }> {
  const cluster = await startRange({ seed })
  open = cluster
  const one = await shooter(cluster, distance)
  const { game } = cluster.games[0]!.world
  const target = game.create(Target)
  void target.enterSpace(game.entitiesOf(Range)[0]!, { x: -10, y: 0, z: 20 })
  target.start()
  await frames(cluster, [one], 2000, STAND)
  return { cluster, one, target }
}

const shownTarget = ({ client }: Shooter) => client.entities.values().find(({ type }) => type === 'Target')!.shown

/** So many shots, each at where the target is drawn in the frame of the shot. */
async function shoot(cluster: TestCluster, one: Shooter, count: number): Promise<Shooter['shots']> {
  const before = one.shots.length
  for (let n = 0; n < count; n++) {
    await frames(cluster, [one], 100 + 7 * (n % 11), STAND)
    // Away from where it turns: there it is at one place for longer.
    while (Math.abs(shownTarget(one).x) > 16) await frames(cluster, [one], 50, STAND)
    const { lastNo } = one.me
    while (one.me.lastNo === lastNo) await frames(cluster, [one], 1, () => ({ ...STAND, fireAt: shownTarget(one).x }))
  }
  await frames(cluster, [one], 2000, STAND)
  return one.shots.slice(before)
}

describe('a shooter who is far away', () => {
  test('hits what it sees, which is elsewhere by then', async () => {
    const { cluster, one } = await start()
    const shots = await shoot(cluster, one, 100)
    expect(shots).toHaveLength(100)
    // A hundred of them, in steps of 1/64 and whatever comes late: 96 on average, between 92 and 100 with other seeds.
    expect(shots.filter(([then]) => then === 1).length).toBeGreaterThanOrEqual(90)
    expect(shots.filter(([, now]) => now === 1)).toHaveLength(0)
  })

  test('sees the target as far behind as the network is slow', async () => {
    const { one, target } = await start()
    const behind = Math.abs(target.position.x - shownTarget(one).x)
    expect(behind).toBeGreaterThan(SPEED * 0.15)
    expect(behind).toBeLessThan(SPEED * 0.5)
    expect(one.client.motion.delayMs).toBeGreaterThan(100)
  })
})
