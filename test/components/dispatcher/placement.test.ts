// Which game gets a new entity: turns for boot entities, the least busy for all others.
import { expect, test } from 'vitest'
import { Directory } from '../../../components/dispatcher/directory.ts'
import { Drops } from '../../../components/dispatcher/drops.ts'
import { Game } from '../../../components/dispatcher/game.ts'
import { Placement } from '../../../components/dispatcher/placement.ts'
import { Router } from '../../../components/dispatcher/routes.ts'
import { Tally } from '../../../components/dispatcher/tally.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { LIMITS } from './stage.ts'

function games(count: number) {
  const clock = new VirtualClock()
  const placement = new Placement()
  const made = Array.from({ length: count }, (_, at) => {
    const game = new Game(
      at + 1,
      clock,
      new Router(new Directory()),
      new Drops(new Map(), new Map(), new Tally(silentLog)),
      LIMITS,
    )
    game.types = new Set(['Avatar'])
    game.reported = true
    game.connected = true
    placement.add(game)
    return game
  })
  return { placement, games: made }
}

test('without a game that has reported there is nowhere to go', () => {
  const { placement, games: all } = games(2)
  for (const game of all) game.reported = false
  expect([placement.forBoot(), placement.anywhere('Avatar')]).toEqual([undefined, undefined])
  expect(new Placement().forBoot()).toBeUndefined()
})

test('turns go on where they were when a game leaves or comes', () => {
  const { placement, games: all } = games(3)
  const turns = (count: number) => Array.from({ length: count }, () => placement.forBoot()!.id)
  expect(turns(4)).toEqual([1, 2, 3, 1])
  placement.remove(all[1]!)
  expect(turns(3)).toEqual([3, 1, 3])
  placement.add(all[1]!)
  expect(turns(3)).toEqual([1, 2, 3])
})

test('games that all refuse boot entities get none', () => {
  const { placement, games: all } = games(2)
  for (const game of all) game.banBootEntity = true
  expect(placement.forBoot()).toBeUndefined()
  expect(placement.anywhere('Avatar')).toBeDefined()
})

test('one that is reconnecting is chosen only when no other is left', () => {
  const { placement, games: all } = games(2)
  all[0]!.connected = false
  all[1]!.cpuPermille = 1000
  expect([placement.forBoot()!.id, placement.forBoot()!.id, placement.anywhere('Avatar')!.id]).toEqual([2, 2, 2])
  placement.remove(all[1]!)
  expect([placement.forBoot()!.id, placement.anywhere('Avatar')!.id]).toEqual([1, 1])
})

test('processor, lag and entities all count', () => {
  const { placement, games: all } = games(3)
  all[0]!.cpuPermille = 500
  all[1]!.lagMs = 40
  all[2]!.entities = 4000
  expect(placement.anywhere('Avatar')!.id).toBe(3)
  all[2]!.entities = 9000
  expect(placement.anywhere('Avatar')!.id).toBe(2)
})

test('among equals they take turns', () => {
  const { placement } = games(3)
  expect(Array.from({ length: 5 }, () => placement.anywhere('Avatar')!.id)).toEqual([1, 2, 3, 1, 2])
})
