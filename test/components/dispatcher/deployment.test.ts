// Who is there: everybody is told of everybody, and what dies is cleaned up.
import { expect, test } from 'vitest'
import { Actor, idOf, stage } from './stage.ts'

const AVATAR = idOf('avatar')

test('games hear of gates and games, gates of games, whoever comes first', async () => {
  const set = await stage({ games: 2, gates: 2 })
  const one = await set.game(1)
  const gateOne = await set.gate(1)
  const two = await set.game(2)
  const gateTwo = await set.gate(2)
  await set.settle()
  const known = (actor: Actor, name: 'gameUp' | 'gateUp') =>
    actor.of(name).map((values) => ('gameId' in values ? values.gameId : values.gateId))
  expect([one, two, gateOne, gateTwo].map((actor) => known(actor, 'gameUp'))).toEqual([[2], [1], [1, 2], [1, 2]])
  expect([one, two].map((actor) => known(actor, 'gateUp'))).toEqual([
    [1, 2],
    [1, 2],
  ])
})

test('the deployment is ready once all are there, and late-comers hear of it too', async () => {
  const set = await stage({ games: 2, gates: 1 })
  const one = await set.game(1)
  const gate = await set.gate(1)
  const two = await set.game(2, { report: false })
  await set.settle()
  expect([one, two, gate].map((actor) => actor.count('deploymentReady'))).toEqual([0, 0, 0])
  two.say('gameReported', {})
  for (const actor of [one, two, gate]) await actor.hears('deploymentReady')
  expect(set.status.ready).toBe(true)
  // It stays ready when one leaves.
  two.leave()
  await one.hears('gameDown')
  const three = await set.game(3)
  const late = await set.gate(2)
  await three.hears('deploymentReady')
  await late.hears('deploymentReady')
  expect([one, gate, three, late].map((actor) => actor.count('deploymentReady'))).toEqual([1, 1, 1, 1])
})

test('a deployment without gates is ready with its games', async () => {
  const set = await stage({ games: 1, gates: 0 })
  const one = await set.game(1)
  await one.hears('deploymentReady')
})

test('a game that is killed takes its entities with it, and all are told', async () => {
  const set = await stage({ games: 2 })
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [idOf(`m${at}`), 1]))
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const two = await set.game(2, { has: many })
  const gate = await set.gate(1)
  expect(set.status.entities).toBe(501)
  two.kill()
  await one.hears('gameDown')
  await gate.hears('gameDown')
  expect([one.of('gameDown'), gate.of('gameDown')]).toEqual([[{ gameId: 2 }], [{ gameId: 2 }]])
  expect(set.status).toMatchObject({ entities: 1, games: [{ id: 1, placed: 1 }] })
  one.call(idOf('m7'), 'anybody?')
  gate.say('positionsFromClients', { gameId: 2, records: new Uint8Array(32) })
  await set.until(() => set.counters.unknownEntity === 1 && set.counters.unknownGame === 1, 'both are counted')
  // The next of that number begins with nothing, and is told of like any other.
  await set.game(2)
  await one.hears('gameUp', 2)
  expect(set.status.entities).toBe(1)
})

test('a game that was thought dead gets back only what has not gone on without it', async () => {
  const set = await stage({ games: 2 })
  const has = { [AVATAR]: 5, [idOf('pet')]: 5 }
  const one = await set.game(1, { has })
  const two = await set.game(2)
  one.freezeConnection()
  await two.hears('gameDown')
  two.say('loadEntity', { entityId: AVATAR, gameId: 2, type: 'Avatar' })
  await two.hears('loadHere')
  const [{ epoch } = { epoch: 0 }] = two.of('loadHere')
  expect(epoch).toBeGreaterThan(5)
  two.place(AVATAR, epoch)
  one.thawConnection()
  await set.until(() => set.status.games.some(({ id, reported }) => id === 1 && reported), 'game 1 is back')
  two.call(AVATAR, 'to the new')
  two.call(idOf('pet'), 'to the old')
  await two.hears('callEntity')
  await one.hears('callEntity')
  expect([two.calls(), one.calls()]).toEqual([['to the new'], ['to the old']])
  expect(set.counters.stalePlacement).toBe(1)
})

test('a game that was thought dead does not take back what is being loaded elsewhere', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1, { has: { [AVATAR]: 5 } })
  const two = await set.game(2)
  one.freezeConnection()
  await two.hears('gameDown')
  two.say('loadEntity', { entityId: AVATAR, gameId: 2, type: 'Avatar' })
  two.call(AVATAR, 'to the new')
  await two.hears('loadHere')
  one.thawConnection()
  await set.until(() => set.counters.stalePlacement === 1, 'its report is ignored')
  two.place(AVATAR, two.of('loadHere')[0]!.epoch)
  await two.hears('callEntity')
  expect(one.calls()).toEqual([])
})

test('games are told of a gate that is down, and what is for it is dropped', async () => {
  const set = await stage({ games: 1, gates: 2 })
  const one = await set.game(1)
  const gate = await set.gate(1)
  await set.gate(2)
  gate.kill()
  await one.hears('gateDown')
  expect(one.of('gateDown')).toMatchObject([{ gateId: 1 }])
  one.say('closeClient', { gateId: 1, clientId: AVATAR, handed: 0, reason: 'x' })
  await set.until(() => set.counters.unknownGate === 1, 'it is counted')
  await set.gate(1)
  await one.hears('gateUp', 3)
})

test('a break of the connection within the grace is no death', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1)
  const two = await set.game(2, { has: { [AVATAR]: 1 } })
  two.freezeConnection()
  await set.until(() => set.status.games.some(({ connected }) => !connected), 'the connection is lost')
  one.call(AVATAR, 'wait for me')
  await set.clock.advance(2000)
  two.thawConnection()
  await two.hears('callEntity')
  expect([one.count('gameDown'), set.status.entities]).toEqual([0, 1])
  expect(set.status.games.map(({ connected }) => connected)).toEqual([true, true])
})

test('only games and gates from 1 on are talked to', async () => {
  const set = await stage({ games: 1 })
  const zero = new Actor(set, 'game', 0)
  zero.onUp = () =>
    zero.say('gameHello', {
      gameId: 0,
      banBootEntity: false,
      restoring: false,
      types: [],
      journaled: [],
      journalsClear: true,
      made: AVATAR,
    })
  await set.until(() => set.log.matching('error', 'from 1 on').length > 0, 'it is turned away')
  expect(set.status.games).toEqual([])
  zero.leave()
  await set.game(1)
})

test('a dispatcher that stops says goodbye', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1)
  let over = ''
  one.onDown = (reason) => {
    over = reason
  }
  await set.dispatcher.stop()
  await set.until(() => over !== '', 'the game hears of it')
})
