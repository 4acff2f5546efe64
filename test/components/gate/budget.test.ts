// What a client may cost: positions wait for their turn, near ones less than far ones, and all that is not a position goes.
import { describe, expect, test } from 'vitest'
import { SYNC_OWN, SYNC_WATCHERS } from '../../../engine/wire/messages.ts'
import { RECORD_BYTES } from '../../../engine/wire/sync.ts'
import { type FakeClient, idOf, Stage } from './stage.ts'

const ANN = idOf('ann')
const COUNT = 200
const crowd = Array.from({ length: COUNT }, (_, n) => idOf(`npc${n}`))
/** The farther in the list, the farther away from Ann. */
const placeOf = (n: number, round: number) => n * 5 + (round % 7) / 100

async function start(clientBytesPerSecond: number) {
  const stage = await Stage.start({ clientBytesPerSecond })
  const ann = await stage.player(ANN)
  for (const id of crowd) stage.show(id, [ann])
  await ann.hears('createEntity', COUNT)
  ann.move(ANN, 0)
  // What all that was shown has cost is paid back.
  await stage.clock.advance(20_000)
  ann.forget()
  return { stage, ann }
}

interface Watched {
  /** Of each of the crowd, the times at which something came, in milliseconds. */
  readonly heardMs: number[][]
  /** When calls came. */
  readonly callsMs: number[]
  bytes: number
}

/** All of the crowd move ten times a second, for so many seconds; what Ann hears of it. */
async function watch(stage: Stage, ann: FakeClient, seconds: number, each?: (round: number) => void): Promise<Watched> {
  const watched: Watched = { heardMs: crowd.map(() => []), callsMs: [], bytes: 0 }
  for (let round = 0; round < seconds * 10; round++) {
    stage.positions(SYNC_WATCHERS, ...crowd.map((id, n): [string, number] => [id, placeOf(n, round)]))
    each?.(round)
    for (let tick = 0; tick < 10; tick++) {
      await stage.clock.advance(10)
      for (const [id] of ann.positions()) watched.heardMs[crowd.indexOf(id)]?.push(round * 100 + tick * 10)
      watched.callsMs.push(...ann.of('callOnClient').map(() => round * 100 + tick * 10))
      watched.bytes += ann.frames.reduce((sum, { length }) => sum + length, 0)
      ann.forget()
    }
  }
  return watched
}

const longest = (times: readonly number[], endMs: number) =>
  Math.max(...[0, ...times].map((ms, at) => (times[at] ?? endMs) - ms))
const total = (lists: readonly (readonly number[])[]) => lists.reduce((sum, { length }) => sum + length, 0)

describe('a client over its budget', () => {
  test('hears of what is near more often than of what is far, of nothing later than after two seconds, and costs no more', async () => {
    const { stage, ann } = await start(20_000)
    const { heardMs, bytes } = await watch(stage, ann, 10)
    expect(bytes).toBeLessThan(20_000 * 10 * 1.05)
    expect(bytes).toBeGreaterThan(20_000 * 10 * 0.9)
    for (const times of heardMs) expect(longest(times, 10_000)).toBeLessThanOrEqual(2000)
    const [near, middle, far] = [heardMs.slice(0, 20), heardMs.slice(60, 80), heardMs.slice(-20)].map(total)
    expect(near).toBeGreaterThan(1.5 * middle!)
    expect(middle).toBeGreaterThan(1.5 * far!)
    expect(stage.gate.status()).toMatchObject({ overBudget: 1, lagging: 0 })
    expect(stage.gate.status().waitedRecords).toBeGreaterThan(1000)
  })

  test('hears of all in turn when there is not enough for all in two seconds', async () => {
    const { stage, ann } = await start(2500)
    await watch(stage, ann, 5)
    const { heardMs, bytes } = await watch(stage, ann, 20)
    expect(bytes).toBeLessThan(2500 * 20 * 1.05)
    // So many seconds one round of all takes.
    const round = (COUNT * RECORD_BYTES) / 2500
    for (const times of heardMs) expect(longest(times, 20_000)).toBeLessThan(round * 1.6 * 1000)
    const counts = heardMs.map(({ length }) => length)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2)
  })

  test('gets every call at once, and still a quarter of the budget for positions', async () => {
    const { stage, ann } = await start(10_000)
    const { heardMs, callsMs, bytes } = await watch(stage, ann, 10, (round) =>
      stage.callClient(ann, ANN, 'shout', round, 'x'.repeat(1500)),
    )
    // In the first look of the round in which it was said.
    expect(callsMs).toEqual(Array.from({ length: 100 }, (_, round) => round * 100))
    // The calls alone are half as much again as the budget.
    expect(bytes).toBeGreaterThan(15_000 * 10)
    const positions = total(heardMs) * RECORD_BYTES
    expect(positions).toBeGreaterThan((10_000 / 4) * 10 * 0.8)
    expect(positions).toBeLessThan((10_000 / 4) * 10 * 1.15)
  })

  test('hears of the last place of everything, also when nothing is said any more', async () => {
    const { stage, ann } = await start(20_000)
    const last = new Map<string, number>()
    for (let round = 0; round < 5; round++) {
      stage.positions(SYNC_WATCHERS, ...crowd.map((id, n): [string, number] => [id, n + round]))
      await stage.clock.advance(100)
    }
    expect(ann.positions().length).toBeLessThan(COUNT * 5)
    await stage.clock.until(() => stage.gate.status().overBudget === 0, 5000, 'nothing waits')
    await stage.settle()
    for (const [id, x] of ann.positions()) last.set(id, x)
    expect(crowd.map((id) => last.get(id))).toEqual(crowd.map((_, n) => n + 4))
  })

  test('hears where its own player was put before anything else', async () => {
    const { stage, ann } = await start(2500)
    await watch(stage, ann, 2)
    for (let x = 1; x <= 20; x++) {
      stage.positions(SYNC_WATCHERS, ...crowd.map((id): [string, number] => [id, x]))
      stage.positions(SYNC_OWN, [ANN, x])
      await stage.interval()
      expect(ann.positions()).toContainEqual([ANN, x])
      ann.forget()
    }
  })

  test('hears of no position of what it no longer sees', async () => {
    const { stage, ann } = await start(2500)
    await watch(stage, ann, 1)
    for (const id of crowd.slice(10)) stage.hide(id, [ann])
    await ann.hears('destroyEntity', COUNT - 10)
    ann.forget()
    await stage.clock.advance(5000)
    for (const [id] of ann.positions()) expect(crowd.slice(0, 10)).toContain(id)
    expect(stage.gate.status()).toMatchObject({ overBudget: 0 })
  })

  test('that leaves is not waited for', async () => {
    const { stage, ann } = await start(2500)
    await watch(stage, ann, 1)
    ann.connection.close()
    await stage.clock.until(() => stage.gate.status().clients === 0, 5000, 'Ann has left')
    expect(stage.gate.status().overBudget).toBe(0)
    await stage.clock.advance(1000)
  })

  test('that does not read catches up within its budget', async () => {
    const { stage, ann } = await start(20_000)
    ann.connection.pause()
    stage.set(ANN, 'filler', 'x'.repeat(40_000))
    await watch(stage, ann, 3)
    expect(stage.gate.status().lagging).toBe(1)
    ann.connection.resume()
    await ann.hears('mapSet')
    const { heardMs } = await watch(stage, ann, 4)
    expect(stage.gate.status().lagging).toBe(0)
    for (const times of heardMs) expect(longest(times, 4000)).toBeLessThan(3000)
  })
})

test('a client within its budget waits for nothing', async () => {
  const { stage, ann } = await start(100_000)
  const { heardMs } = await watch(stage, ann, 3)
  for (const times of heardMs) expect(times).toHaveLength(30)
  expect(stage.gate.status()).toMatchObject({ overBudget: 0, waitedRecords: 0 })
})
