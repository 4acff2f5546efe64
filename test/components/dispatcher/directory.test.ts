// The entity directory: where entities live, by slots in typed arrays.
import { expect, test } from 'vitest'
import { AWAITED, Directory, GONE, PLACED, PLACING } from '../../../components/dispatcher/directory.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { Census } from '../../../engine/cluster/census.ts'
import { idOf } from './stage.ts'

const bytesOf = (id: string) => new TextEncoder().encode(id)

test('a placed entity leads to its game, any other to none', () => {
  const directory = new Directory()
  const id = idOf('avatar')
  expect(directory.gameAt(bytesOf(id), 0)).toBe(0)
  const slot = directory.addText(id)
  directory.hold(slot, PLACING, 3)
  expect(directory.gameAt(bytesOf(id), 0)).toBe(0)
  directory.place(slot, 7, 4, 1)
  expect(directory.gameAt(bytesOf(id), 0)).toBe(7)
  expect([directory.epoch(slot), directory.session(slot), directory.size, directory.sizeOf(7)]).toEqual([4, 1, 1, 1])
  directory.hold(slot, AWAITED)
  expect([directory.gameAt(bytesOf(id), 0), directory.size, directory.sizeOf(7)]).toEqual([0, 0, 0])
})

test('ids given as bytes and as text are the same', () => {
  const directory = new Directory()
  const slot = directory.add(bytesOf(`xx${idOf('one')}`), 2)
  expect(directory.findText(idOf('one'))).toBe(slot)
})

test('the gone are remembered until they are forgotten, in the order of their going', () => {
  const directory = new Directory()
  const slots = ['a', 'b', 'c'].map((name) => directory.addText(idOf(name)))
  slots.forEach((slot, at) => directory.place(slot, 1, at + 5, 1))
  slots.forEach((slot, at) => directory.goneAt(slot, at * 100))
  expect(directory.size).toBe(0)
  directory.forget(150)
  expect(['a', 'b', 'c'].map((name) => directory.findText(idOf(name)) >= 0)).toEqual([false, false, true])
  expect([directory.state(slots[2]!), directory.epoch(slots[2]!)]).toEqual([GONE, 7])
  // A slot that comes back begins with nothing known.
  const fresh = directory.addText(idOf('d'))
  expect([directory.epoch(fresh), directory.game(fresh)]).toEqual([0, 0])
})

test('one that came back is not forgotten', () => {
  const directory = new Directory()
  const slot = directory.addText(idOf('a'))
  directory.place(slot, 1, 1, 1)
  directory.goneAt(slot, 0)
  directory.place(slot, 2, 2, 1)
  directory.forget(1e9)
  expect([directory.state(slot), directory.game(slot)]).toEqual([PLACED, 2])
})

test('a census of just what is known of a game says it all anew; any other changes nothing', () => {
  const directory = new Directory()
  const slots = ['a', 'b', 'c'].map((name) => directory.addText(idOf(name)))
  slots.forEach((slot, at) => directory.place(slot, at < 2 ? 1 : 2, at + 5, 1))
  const censusOf = (...placed: [string, number][]) => {
    const census = new Census()
    for (const [name, epoch] of placed) census.addText(idOf(name), epoch)
    return census
  }
  const sessions = () => slots.map((slot) => directory.session(slot))
  for (const other of [
    censusOf(['a', 5]),
    censusOf(['a', 5], ['b', 7]),
    censusOf(['a', 5], ['d', 6]),
    censusOf(['a', 6], ['b', 5]),
    censusOf(['a', 5], ['b', 6], ['c', 7]),
    censusOf(['a', 5], ['a', 5]),
  ])
    expect(directory.confirm(1, 9, other)).toBe(false)
  expect(sessions()).toEqual([1, 1, 1])
  expect(directory.confirm(1, 9, censusOf(['b', 6], ['a', 5]))).toBe(true)
  expect(sessions()).toEqual([9, 9, 1])
  expect(directory.confirm(3, 9, censusOf())).toBe(true)
})

test('it agrees with a plain map over a long random life', () => {
  const random = seededRandom(3)
  const directory = new Directory()
  const model = new Map<string, number>()
  for (let step = 0; step < 60_000; step++) {
    const id = idOf(`e${Math.floor(random() * 5000)}`)
    let slot = directory.findText(id)
    const dice = random()
    if (dice < 0.6) {
      const game = 1 + Math.floor(random() * 5)
      if (slot < 0) slot = directory.addText(id)
      directory.place(slot, game, 1, 1)
      model.set(id, game)
    } else if (dice < 0.9) {
      if (slot >= 0) directory.goneAt(slot, step)
      model.delete(id)
    } else directory.forget(step - 500)
  }
  expect(directory.size).toBe(model.size)
  for (const [id, game] of model) expect(directory.gameAt(bytesOf(id), 0)).toBe(game)
  for (let game = 1; game <= 5; game++) {
    let count = 0
    for (let slot = directory.firstOf(game); slot >= 0; slot = directory.nextOf(slot)) {
      expect(directory.game(slot)).toBe(game)
      count++
    }
    expect(count).toBe([...model.values()].filter((one) => one === game).length)
    expect(directory.sizeOf(game)).toBe(count)
  }
})
