// What methods cost is on the account of each, also where one call follows another or one runs within another.
import { afterEach, expect, test } from 'vitest'
import { entity } from '../../../components/game/goworld.ts'
import { Harness } from './harness.ts'

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
  world.calling.call(worker.id, 'takes', [5])
  world.calling.call(worker.id, 'takes', [7])
  world.calling.call(worker.id, 'makes', [])
  world.calling.call(worker.id, 'takes', [2])
  // Which ends with one that cannot be run.
  world.calling.call(worker.id, 'nothing', [])
  await Promise.resolve()
  // What is done between two calls is on nobody's account.
  nowMs += 1000
  h.game.create(Made)
  const of = (name: string) => {
    const { count, totalMs, maxMs } = world.operations.status().find((one) => one.name === name)!
    return [count, totalMs, maxMs]
  }
  expect(of('Worker.takes')).toEqual([3, 14, 7])
  expect(of('Worker.makes')).toEqual([1, 122, 122])
  expect(of('Made.onCreated')).toEqual([3, 30, 10])
})
