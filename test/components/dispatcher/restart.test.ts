// A dispatcher that was restarted knows nothing. Until the games have reported what they have, packets for unknown
// entities are held.
import { expect, test } from 'vitest'
import { idOf, stage } from './stage.ts'

const AVATAR = idOf('avatar')
const names = (count: number) => Array.from({ length: count }, (_, at) => `call ${at}`)

test('what is said to entities that are yet to be reported arrives when they are', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1, { has: { [AVATAR]: 3 } })
  const two = await set.game(2)
  await set.settle()
  one.freezeConnection()
  await set.restartDispatcher()
  await set.until(() => set.status.games.some(({ id, reported }) => id === 2 && reported), 'game 2 is back')
  for (const name of names(20)) two.call(AVATAR, name)
  two.call(idOf('ghost'), 'nobody')
  await set.clock.advance(1000)
  expect(set.status.held).toMatchObject({ entities: 2, packets: 21 })
  one.thawConnection()
  await one.hears('callEntity', 20)
  expect(one.calls()).toEqual(names(20))
  // All have reported: whoever is unknown now is nowhere.
  await set.until(() => !set.status.gathering, 'all have reported')
  expect(set.counters.neverPlaced).toBe(1)
  expect(set.status).toMatchObject({ entities: 1, held: { entities: 0, packets: 0, bytes: 0 } })
  two.call(idOf('ghost'), 'nobody')
  await set.until(() => set.counters.unknownEntity === 1, 'it is dropped at once')
})

test('the wait is bounded in time', async () => {
  const set = await stage({ games: 3 })
  const one = await set.game(1)
  one.call(idOf('ghost'), 'nobody')
  await set.settle()
  expect(set.status.gathering).toBe(true)
  await set.clock.advance(5100)
  expect(set.status.gathering).toBe(false)
  expect(set.counters.neverPlaced).toBe(1)
})

test('games that keep coming anew do not hold up packets for longer', async () => {
  const set = await stage({ games: 3 })
  const one = await set.game(1)
  one.call(idOf('ghost'), 'nobody')
  for (let time = 0; time < 4; time++) {
    const flapping = await set.game(2, { report: false })
    await set.clock.advance(2000)
    flapping.leave()
    await set.until(() => set.status.games.length === 1, 'it has left')
  }
  expect(set.status.gathering).toBe(true)
  expect(set.counters.neverPlaced).toBe(1)
})

test('the wait is bounded in packets', async () => {
  const set = await stage({ games: 2, entityQueuePacketsMax: 5 })
  const one = await set.game(1)
  for (const name of names(12)) one.call(AVATAR, name)
  await set.until(() => set.counters.entityQueueFull === 7, 'the rest is refused')
  const two = await set.game(2, { has: { [AVATAR]: 1 } })
  await two.hears('callEntity', 5)
  expect(two.calls()).toEqual(names(5))
})

test('an entity that may be there is not loaded before all games have reported', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1)
  one.say('loadEntity', { entityId: AVATAR, gameId: 0, type: 'Avatar' })
  one.say('loadEntity', { entityId: idOf('other'), gameId: 0, type: 'Avatar' })
  one.call(idOf('other'), 'hi')
  await set.clock.advance(1000)
  expect(one.count('loadHere')).toBe(0)
  const two = await set.game(2, { has: { [AVATAR]: 3 } })
  await set.until(() => one.count('loadHere') + two.count('loadHere') === 1, 'the other is loaded')
  const home = one.count('loadHere') ? one : two
  expect(home.of('loadHere')[0]!.entityId).toBe(idOf('other'))
  home.place(idOf('other'), home.of('loadHere')[0]!.epoch)
  await home.hears('callEntity')
})

test('an entity that is created while reports are awaited is created at once, what came before it first', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1)
  one.call(AVATAR, 'early')
  one.say('createEntity', { entityId: AVATAR, gameId: 0, type: 'Avatar', attrs: new Uint8Array([0x80]) })
  one.call(AVATAR, 'late')
  await one.hears('createHere')
  one.place(AVATAR)
  await one.hears('callEntity', 2)
  expect(one.calls()).toEqual(['early', 'late'])
})

test('everybody is told of everybody again', async () => {
  const set = await stage({ games: 2, gates: 1 })
  const actors = [await set.game(1, { has: { [AVATAR]: 1 } }), await set.game(2), await set.gate(1)]
  await set.settle()
  for (const actor of actors) actor.heard = []
  await set.restartDispatcher()
  for (const actor of actors) await actor.hears('deploymentReady')
  await set.settle()
  expect(actors.map((actor) => actor.count('gameUp'))).toEqual([1, 1, 2])
  expect(actors.map((actor) => actor.count('gateUp'))).toEqual([1, 1, 0])
  expect(set.status).toMatchObject({ ready: true, gathering: false, entities: 1 })
})
