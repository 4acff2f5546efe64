// Who is there in the words of one dispatcher, while that is away, comes back, or is out of our reach.
import { expect, test } from 'vitest'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { Peers } from '../../../engine/cluster/peers.ts'

const GRACE_MS = 3000

function start() {
  const clock = new VirtualClock()
  const told: string[] = []
  const peers = new Peers(clock, GRACE_MS, {
    gone: (id, process) => void told.push(`${id} ${process} gone`),
    up: (id, process) => void told.push(`${id} ${process} up`),
    settled: () => void told.push('settled'),
    named: () => void told.push('named'),
  })
  return { clock, peers, told: () => told.splice(0) }
}

test('whoever comes is up; who is another process after a restart of the dispatcher is gone first', async () => {
  const { clock, peers, told } = start()
  peers.up(1, 'a')
  peers.up(2, 'b')
  expect([told(), peers.known]).toEqual([
    ['1 a up', '2 b up'],
    [1, 2],
  ])
  peers.dispatcherDown()
  expect([peers.known, peers.settled]).toEqual([[], false])
  peers.dispatcherUp(false)
  peers.up(1, 'a')
  peers.up(2, 'c')
  expect(told()).toEqual(['1 a up', '2 b gone', '2 c up', 'settled'])
  await clock.advance(GRACE_MS * 2)
  expect(told()).toEqual(['named'])
  peers.down(2)
  expect([told(), peers.known]).toEqual([['2 c gone'], [1]])
})

test('who does not come back in time is given up, and at once when the dispatcher has said so of us', async () => {
  const { clock, peers, told } = start()
  peers.up(1, 'a')
  peers.dispatcherDown()
  await clock.advance(GRACE_MS * 5)
  peers.dispatcherUp(false)
  told()
  await clock.advance(GRACE_MS - 1)
  expect(told()).toEqual([])
  await clock.advance(1)
  expect(told()).toEqual(['1 a gone', 'settled', 'named'])
  peers.up(1, 'a')
  peers.dispatcherDown()
  peers.dispatcherUp(true)
  expect(told()).toEqual(['1 a up', '1 a gone', 'settled'])
})

test('the time in which we do not reach the dispatcher does not count', async () => {
  const { clock, peers, told } = start()
  peers.up(1, 'a')
  peers.dispatcherDown()
  peers.dispatcherUp(false)
  told()
  await clock.advance(GRACE_MS - 1)
  peers.dispatcherBroken()
  await clock.advance(GRACE_MS * 5)
  expect(told()).toEqual([])
  peers.dispatcherBack()
  await clock.advance(GRACE_MS - 1)
  expect(told()).toEqual([])
  peers.up(1, 'a')
  expect(told()).toEqual(['1 a up', 'settled'])
  await clock.advance(1)
  expect(told()).toEqual(['named'])
  // Nobody is awaited: nothing begins with the next break.
  peers.dispatcherBroken()
  peers.dispatcherBack()
  await clock.advance(GRACE_MS * 2)
  expect(told()).toEqual([])
  peers.dispatcherDown()
  peers.dispatcherUp(false)
  peers.dispatcherBroken()
  peers.dispatcherBack()
  await clock.advance(GRACE_MS)
  expect(told()).toEqual(['1 a gone', 'settled', 'named'])
})

test('who was there when we were frozen is not told anew, unless what we said to it was lost', () => {
  const { peers, told } = start()
  peers.expect(1, 'a')
  peers.expect(2, 'b')
  peers.up(1, 'a')
  peers.missed()
  peers.up(2, 'b')
  expect(told()).toEqual(['2 b up', 'settled'])
})
