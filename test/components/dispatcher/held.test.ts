// Packets that wait, in queues that keep their order and their limits.
import { expect, test } from 'vitest'
import { HeldEntities, PacketQueue } from '../../../components/dispatcher/held.ts'
import { seededRandom } from '../../../engine/base/random.ts'

const packet = (number: number, length = 8) => new Uint8Array(length).fill(number)
const sink = () => {
  const got: number[] = []
  return { got, forward: (bytes: Uint8Array, start: number, end: number) => void got.push(bytes[start]!, end - start) }
}

test('packets come out whole and in order, also when some are taken and others added in between', () => {
  const random = seededRandom(5)
  const queue = new PacketQueue()
  const { got, forward } = sink()
  const put: number[] = []
  for (let round = 0; round < 2000; round++) {
    const length = 1 + Math.floor(random() * 300)
    queue.forward(packet(round & 255, length + 3), 1, length + 1)
    put.push(round & 255, length)
    if (random() < 0.3) queue.moveTo({ forward }, random() * 2000)
  }
  queue.moveTo({ forward })
  expect(got).toEqual(put)
  expect([queue.packets, queue.byteCount]).toEqual([0, 0])
})

test('a queue that ends while it is emptied stops', () => {
  const queue = new PacketQueue()
  for (let at = 0; at < 5; at++) queue.forward(packet(at), 0, 8)
  let seen = 0
  queue.moveTo({
    forward: () => {
      if (++seen === 2) queue.clear()
    },
  })
  expect(seen).toBe(2)
})

test('each entity has its own limit, and all together have one', () => {
  const held = new HeldEntities({ packetsMax: 3, bytesMax: 100, entitiesMax: 4 })
  const add = (slot: number) => held.add(slot, packet(slot), 0, 8)
  expect([add(1), add(1), add(1), add(1)]).toEqual([true, true, true, false])
  expect([add(2), add(3), add(4), add(5)]).toEqual([true, true, true, false])
  expect([held.packets, held.byteCount, held.entities]).toEqual([6, 72, 4])
  expect([add(2), add(2), add(3)]).toEqual([true, true, false])
  expect(held.take(1)?.packets).toBe(3)
  expect([held.packets, held.byteCount, held.take(1)]).toEqual([5, 60, undefined])
  expect(add(5)).toBe(true)
})
