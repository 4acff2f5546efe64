// What methods cost: counted and summed, each on its own account, and a slow one said once in a while.
import { afterEach, expect, test } from 'vitest'
import { entity } from '../../../components/game/goworld.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { Operations } from '../../../engine/entity/operations.ts'
import { Harness } from './harness.ts'

function start() {
  const clock = new VirtualClock()
  const log = new MemoryLog()
  const operations = new Operations(clock, log)
  const run = async (kind: string, method: string, ms: number) => {
    const startMs = operations.start()
    await clock.advance(ms)
    operations.end(operations.of(kind, method), startMs)
  }
  return { clock, log, operations, run }
}

test('each method of each class has one account: how often, how long in all, on average and at most', async () => {
  const { operations, run } = start()
  await run('Avatar', 'say', 1)
  await run('Avatar', 'say', 4)
  await run('Avatar', 'walk', 2)
  await run('Monster', 'say', 3)
  expect(operations.of('Avatar', 'say')).toBe(operations.of('Avatar', 'say'))
  expect(operations.status()).toEqual([
    { name: 'Avatar.say', count: 2, totalMs: 5, meanMs: 2.5, maxMs: 4 },
    { name: 'Monster.say', count: 1, totalMs: 3, meanMs: 3, maxMs: 3 },
    { name: 'Avatar.walk', count: 1, totalMs: 2, meanMs: 2, maxMs: 2 },
  ])
})

test('what never ran is not shown, what took no time is', async () => {
  const { operations, run } = start()
  operations.of('Avatar', 'fly')
  await run('Avatar', 'walk', 0)
  expect(operations.status()).toEqual([{ name: 'Avatar.walk', count: 1, totalMs: 0, meanMs: 0, maxMs: 0 }])
})

test('the costliest twenty are shown, in microseconds at the finest', async () => {
  const { operations, run } = start()
  for (let n = 1; n <= 30; n++) await run('Avatar', `m${n}`, ((n * 7) % 31) + 0.000_4)
  const shown = operations.status()
  expect(shown.map(({ totalMs }) => totalMs)).toEqual(Array.from({ length: 20 }, (_, at) => 30 - at))
})

test('one call inside another is counted in both', async () => {
  const { clock, operations } = start()
  const outer = operations.start()
  await clock.advance(1)
  const inner = operations.start()
  await clock.advance(2)
  operations.end(operations.of('A', 'inner'), inner)
  operations.end(operations.of('A', 'outer'), outer)
  expect(operations.status().map(({ name, totalMs }) => [name, totalMs])).toEqual([
    ['A.outer', 3],
    ['A.inner', 2],
  ])
})

test('a slow one is logged, again only after a while, and each for itself', async () => {
  const { clock, log, run } = start()
  await run('Avatar', 'think', 99)
  expect(log.lines).toEqual([])
  await run('Avatar', 'think', 100)
  expect(log.matching('warn', 'Avatar.think took 100 ms: the whole game waited for it')).toHaveLength(1)
  await run('Avatar', 'think', 500)
  await run('Avatar', 'dream', 250)
  expect(log.lines.map(({ message }) => message.split(':')[0])).toEqual([
    'Avatar.think took 100 ms',
    'Avatar.dream took 250 ms',
  ])
  await clock.advance(10_000)
  await run('Avatar', 'think', 200)
  expect(log.matching('warn', 'Avatar.think')).toHaveLength(2)
})

let nowMs = 0
let open: Harness | undefined
afterEach(() => open?.stop())

class Worker extends entity({}) {
  takes(ms: number) {
    nowMs += ms
  }
  makes() {
    nowMs += 1
    this.game.create(Made)
    nowMs += 100
    this.game.create(Made)
    nowMs += 1
  }
}
class Made extends entity({}) {
  override onCreated() {
    nowMs += 10
  }
}

test('each is charged with what it takes, and with nothing that others do', async () => {
  const h = new Harness([Worker, Made])
  open = h
  h.clock.now = () => nowMs
  const worker = h.game.create(Worker)
  const { world } = h
  // Whatever was before these calls is long over, and one that cannot be run does not begin then either.
  nowMs += 1000
  world.calling.call(worker.id, 'nothing', [])
  world.calling.call(worker.id, 'takes', [5])
  world.calling.call(worker.id, 'takes', [7])
  world.calling.call(worker.id, 'makes', [])
  world.calling.call(worker.id, 'takes', [2])
  // Which ends with one that cannot be run.
  world.calling.call(worker.id, 'nothing', [])
  await Promise.resolve()
  // What is done between two calls is on nobody's account; nor behind the last one.
  nowMs += 1000
  h.game.create(Made)
  world.calling.call(worker.id, 'takes', [1])
  await Promise.resolve()
  nowMs += 1000
  h.game.create(Made)
  const of = (name: string) => {
    const { count, totalMs, maxMs } = world.operations.status().find((one) => one.name === name)!
    return [count, totalMs, maxMs]
  }
  expect(of('Worker.takes')).toEqual([4, 15, 7])
  expect(of('Worker.makes')).toEqual([1, 122, 122])
  expect(of('Made.onCreated')).toEqual([4, 40, 10])
})
