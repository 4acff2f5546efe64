// Which games there are when several dispatchers say so, and some of them are gone for a while.
import { expect, test } from 'vitest'
import { OtherGames } from '../../../components/game/other-games.ts'

function start(dispatchers = 2) {
  const heard: string[] = []
  const games = new OtherGames(dispatchers, {
    up: (gameId) => void heard.push(`up ${gameId}`),
    down: (gameId) => void heard.push(`down ${gameId}`),
    lost: () => void heard.push('lost'),
    doubted: (gameId) => void heard.push(`doubted ${gameId}`),
  })
  return { games, heard: () => heard.splice(0) }
}

test('a game is down when no dispatcher has it any more', () => {
  const { games, heard } = start()
  games.up(0, 7)
  games.up(1, 7)
  expect(games.isHere(7)).toBe(true)
  games.down(0, 7)
  expect(heard()).toEqual(['up 7', 'up 7', 'lost'])
  expect(games.isHere(7)).toBe(true)
  games.down(1, 7)
  expect(heard()).toEqual(['down 7'])
  expect(games.isHere(7)).toBe(false)
  // Of one that nobody knows, what the dispatcher had may be gone all the same.
  games.down(1, 7)
  expect(heard()).toEqual(['lost'])
})

test('a game that only lost dispatchers knew is doubted, and down when they come back without it', () => {
  const { games, heard } = start()
  games.up(0, 7)
  games.up(0, 8)
  games.up(1, 8)
  heard()
  games.dispatcherDown(0)
  expect(heard()).toEqual(['doubted 7'])
  expect([games.isHere(7), games.isHere(8)]).toEqual([false, true])
  games.dispatcherDown(1)
  expect(heard()).toEqual(['doubted 8'])
  games.up(0, 8)
  games.gathered(0)
  expect(heard()).toEqual(['up 8', 'down 7'])
  expect([games.isHere(7), games.isHere(8)]).toEqual([false, true])
  // The other is back without it: those that can know say that it is there.
  games.gathered(1)
  expect(heard()).toEqual(['lost'])
  expect(games.isHere(8)).toBe(true)
})

test('a game that is named again is not doubted any more; what is left of it may be', () => {
  const { games, heard } = start()
  games.up(0, 7)
  games.up(1, 7)
  games.dispatcherDown(0)
  heard()
  games.down(1, 7)
  expect(heard()).toEqual(['doubted 7', 'lost'])
  expect(games.isHere(7)).toBe(false)
  games.up(0, 7)
  games.gathered(0)
  expect(heard()).toEqual(['up 7'])
  expect(games.isHere(7)).toBe(true)
})
