// Entities of a game that died with saves in its journal: who loads one of them waits until the store has them.
import { expect, test } from 'vitest'
import { idOf, stage } from './stage.ts'

const AVATAR = idOf('avatar')
const MONSTER = idOf('monster')
const OTHER = idOf('other')

async function died(journaled = ['Avatar']) {
  const set = await stage({ games: 3 })
  const one = await set.game(1)
  const two = await set.game(2, { has: { [AVATAR]: 4, [MONSTER]: 4 }, journaled })
  const three = await set.game(3, { has: { [OTHER]: 4 }, journaled: [] })
  two.kill()
  await one.hears('gameDown')
  const load = (entityId: string, type = 'Avatar') => one.say('loadEntity', { entityId, gameId: 1, type })
  const loaded = () => one.of('loadHere').map(({ entityId }) => entityId)
  return { set, one, two, three, load, loaded }
}

test('a load waits until the journal is replayed, and what is called meanwhile follows it', async () => {
  const { set, one, three, load, loaded } = await died()
  load(AVATAR)
  one.call(AVATAR, 'hello')
  await set.clock.advance(3000)
  expect(loaded()).toEqual([])
  three.say('journalReplayed', { gameId: 2 })
  await one.hears('loadHere')
  expect(loaded()).toEqual([AVATAR])
  one.place(AVATAR, one.of('loadHere')[0]!.epoch)
  await one.hears('callEntity')
  expect(one.calls()).toEqual(['hello'])
  expect(set.log.matching('error', 'journal')).toEqual([])
})

test('only what the game had, and kept, is waited for', async () => {
  const { one, load, loaded } = await died()
  load(MONSTER, 'Monster')
  load(idOf('nobody'))
  await one.hears('loadHere', 2)
  expect(loaded()).toEqual([MONSTER, idOf('nobody')])
})

test('a game without a journal is not waited for', async () => {
  const { one, load, loaded } = await died([])
  load(AVATAR)
  await one.hears('loadHere')
  expect(loaded()).toEqual([AVATAR])
})

test('nobody waits for ever: the time over, it is loaded as it is stored, and the log says so', async () => {
  const { set, one, load, loaded } = await died()
  load(AVATAR)
  await set.clock.advance(9000)
  expect(loaded()).toEqual([])
  await set.clock.advance(2500)
  await one.hears('loadHere')
  expect(loaded()).toEqual([AVATAR])
  expect(set.log.matching('error', 'the journal of game 2, which is dead, was not replayed in time')).toHaveLength(1)
})

test('the game itself, when it is back, has replayed its journal', async () => {
  const { set, one, load, loaded } = await died()
  load(AVATAR)
  await set.clock.advance(1000)
  await set.game(2, { journaled: ['Avatar'] })
  await one.hears('loadHere')
  expect(loaded()).toEqual([AVATAR])
})

test('one that was destroyed, and was still being written when its game died, waits as well', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1)
  const two = await set.game(2, { has: { [AVATAR]: 4 }, journaled: ['Avatar'] })
  two.say('entityEnding', { entityId: AVATAR, epoch: 4 })
  await set.settle()
  one.say('loadEntity', { entityId: AVATAR, gameId: 1, type: 'Avatar' })
  await set.settle()
  two.kill()
  await one.hears('gameDown')
  await set.clock.advance(3000)
  expect(one.count('loadHere')).toBe(0)
  one.say('journalReplayed', { gameId: 2 })
  await one.hears('loadHere')
})
