// New entities are given to games, and what is for them waits until they are there.
import { expect, test } from 'vitest'
import { nilSpaceId } from '../../../engine/base/id.ts'
import { type Actor, idOf, stage } from './stage.ts'

const CLIENT = idOf('client')
const ATTRS = new Uint8Array([0x80])
const createEntity = (name: string, gameId = 0) => ({ entityId: idOf(name), gameId, type: 'Monster', attrs: ATTRS })
const loadEntity = (name: string, gameId = 0) => ({ entityId: idOf(name), gameId, type: 'Avatar' })
const bootEntity = (name: string, gateId = 1) => ({ entityId: idOf(name), gateId, clientId: CLIENT, session: 'token' })

test('boot entities take turns over the games that allow them', async () => {
  const set = await stage({ games: 3 })
  const games = [await set.game(1), await set.game(2, { ban: true }), await set.game(3)]
  const gate = await set.gate(1)
  // Being busy does not matter: a rush of logins comes faster than reports of load.
  games[0]!.say('gameLoad', { cpuPermille: 900, lagMs: 50, entities: 1000 })
  await set.settle()
  for (let at = 0; at < 100; at++) gate.say('bootEntity', bootEntity(`boot${at}`))
  await set.settle()
  expect(games.map((game) => game.count('bootHere'))).toEqual([50, 0, 50])
  expect(games[0]!.of('bootHere')[0]).toEqual({
    entityId: idOf('boot0'),
    epoch: 1,
    gateId: 1,
    clientId: CLIENT,
    session: 'token',
  })
})

test('other entities go where the least is going on, and a burst is spread', async () => {
  const set = await stage({ games: 3 })
  const games = [await set.game(1), await set.game(2), await set.game(3)]
  const load = async (...permille: number[]) => {
    games.forEach((game, at) => void game.say('gameLoad', { cpuPermille: permille[at]!, lagMs: 0, entities: 0 }))
    await set.settle()
  }
  let made = 0
  const create = async (count: number) => {
    for (const game of games) game.heard = []
    for (let at = 0; at < count; at++) games[0]!.say('createEntity', createEntity(`m${made++}`))
    await set.settle()
    const counts = games.map((game) => game.count('createHere'))
    games.forEach((game) => {
      for (const { entityId, epoch } of game.of('createHere')) game.place(entityId, epoch)
    })
    await set.settle()
    return counts
  }
  expect(await create(90)).toEqual([30, 30, 30])
  await load(900, 100, 300)
  expect(await create(100)).toEqual([0, 100, 0])
  // What was placed counts before the next report does.
  expect(await create(200)).toEqual([0, 150, 50])
  await load(0, 0, 0)
  games[1]!.say('gameLoad', { cpuPermille: 0, lagMs: 200, entities: 0 })
  await set.settle()
  expect(await create(10)).toEqual([5, 0, 5])
  expect(games[0]!.of('createHere')[0]).toMatchObject({ type: 'Monster', attrs: ATTRS, epoch: 1 })
})

test('nonsense in a report of load does no harm', async () => {
  const set = await stage({ games: 2 })
  const games = [await set.game(1), await set.game(2)]
  games[0]!.say('gameLoad', { cpuPermille: 0, lagMs: Number.NaN, entities: 0 })
  games[1]!.say('gameLoad', { cpuPermille: 0, lagMs: -1e30, entities: 0 })
  await set.settle()
  for (let at = 0; at < 10; at++) games[0]!.say('createEntity', createEntity(`m${at}`))
  await set.settle()
  expect(games.map((game) => game.count('createHere'))).toEqual([5, 5])
})

test('an entity goes to the game that was asked for', async () => {
  const set = await stage()
  const [one, two] = [await set.game(1), await set.game(2)]
  for (let at = 0; at < 5; at++) one.say('createEntity', createEntity(`m${at}`, 2))
  one.say('loadEntity', loadEntity('avatar', 2))
  await two.hears('loadHere')
  expect([one.count('createHere'), two.count('createHere')]).toEqual([0, 5])
})

test('a game that was asked for and is not there yet is waited for; after a while any will do', async () => {
  const set = await stage({ games: 2 })
  const one = await set.game(1)
  one.say('createEntity', createEntity('early', 2))
  await set.clock.advance(3000)
  const two = await set.game(2)
  await two.hears('createHere')
  one.say('createEntity', createEntity('never', 3))
  await set.clock.advance(4000)
  expect([one.count('createHere'), two.count('createHere')]).toEqual([0, 1])
  await set.until(() => one.count('createHere') + two.count('createHere') === 2, 'another takes it')
})

test('what is for an entity waits until it is placed, and comes in order', async () => {
  const set = await stage({ games: 2 })
  const [one, two] = [await set.game(1), await set.game(2)]
  one.say('createEntity', createEntity('m', 2))
  for (let at = 0; at < 50; at++) one.call(idOf('m'), `call ${at}`)
  await two.hears('createHere')
  expect(two.calls()).toEqual([])
  expect(set.status.held).toMatchObject({ entities: 1, packets: 50 })
  two.place(idOf('m'))
  one.call(idOf('m'), 'call 50')
  await two.hears('callEntity', 51)
  expect(two.calls()).toEqual(Array.from({ length: 51 }, (_, at) => `call ${at}`))
  expect(set.status).toMatchObject({ placings: 0, held: { entities: 0, packets: 0, bytes: 0 } })
})

test('a queue that is full refuses the newest', async () => {
  const set = await stage({ games: 1, entityQueuePacketsMax: 10 })
  const one = await set.game(1)
  one.say('createEntity', createEntity('m'))
  for (let at = 0; at < 25; at++) one.call(idOf('m'), `call ${at}`)
  await one.hears('createHere')
  one.place(idOf('m'))
  await one.hears('callEntity', 10)
  await set.settle()
  expect(one.calls()).toEqual(Array.from({ length: 10 }, (_, at) => `call ${at}`))
  expect(set.counters.entityQueueFull).toBe(15)
})

test('an entity that could not be made takes its queue with it', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1)
  one.say('loadEntity', loadEntity('avatar'))
  one.call(idOf('avatar'), 'a')
  one.call(idOf('avatar'), 'b')
  await one.hears('loadHere')
  const [{ epoch } = { epoch: 0 }] = one.of('loadHere')
  one.say('entityGone', { entityId: idOf('avatar'), epoch })
  await set.settle()
  expect(set.counters.neverPlaced).toBe(2)
  expect(set.status).toMatchObject({ placings: 0, entities: 0 })
  // And may be tried again, as a later placement.
  one.say('loadEntity', loadEntity('avatar'))
  await one.hears('loadHere', 2)
  expect(one.of('loadHere')[1]!.epoch).toBe(epoch + 1)
})

test('an entity is loaded once, however many ask', async () => {
  const set = await stage({ games: 2 })
  const games = [await set.game(1), await set.game(2)]
  const loads = () => games[0]!.count('loadHere') + games[1]!.count('loadHere')
  for (const game of games) for (let at = 0; at < 5; at++) game.say('loadEntity', loadEntity('avatar'))
  await set.settle()
  expect(loads()).toBe(1)
  const home = games.find((game) => game.count('loadHere') > 0)!
  home.place(idOf('avatar'), home.of('loadHere')[0]!.epoch)
  await set.settle()
  for (const game of games) game.say('loadEntity', loadEntity('avatar'))
  await set.settle()
  expect(loads()).toBe(1)
  expect(set.counters.alreadyThere).toBe(0)
})

test('one that is there is not created again', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1, { has: { [idOf('m')]: 1 } })
  one.say('createEntity', createEntity('m'))
  await set.settle()
  expect([one.count('createHere'), set.counters.alreadyThere]).toEqual([0, 1])
})

test('each load of an entity is a later placement, also after the dispatcher was restarted and knows nothing', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1)
  const avatar = idOf('avatar')
  let last = 0
  for (let life = 0; life < 8; life++) {
    one.say('loadEntity', loadEntity('avatar'))
    await one.hears('loadHere', life + 1)
    const { epoch } = one.of('loadHere').at(-1)!
    expect(epoch).toBeGreaterThan(last)
    last = epoch
    one.place(avatar, epoch)
    one.say('entityGone', { entityId: avatar, epoch })
    await set.settle()
    if (life === 5) {
      await set.restartDispatcher()
      await set.until(() => set.status.games[0]?.reported === true, 'the game is back')
    }
    await set.clock.advance(life * 4000)
  }
})

test('without a game, logins and creations wait for one', async () => {
  const set = await stage({ games: 1 })
  const gate = await set.gate(1)
  for (let at = 0; at < 10; at++) gate.say('bootEntity', bootEntity(`boot${at}`))
  gate.say('callFromClient', { entityId: idOf('boot3'), clientId: CLIENT, method: 'login', args: new Uint8Array(2) })
  await set.clock.advance(8000)
  expect(set.status.placings).toBe(10)
  const one = await set.game(1)
  await one.hears('bootHere', 10)
  one.place(idOf('boot3'))
  await one.hears('callFromClient')
  expect(one.of('bootHere').map(({ entityId }) => entityId)).toEqual(
    Array.from({ length: 10 }, (_, at) => idOf(`boot${at}`)),
  )
})

test('a game gets nothing new before it has reported what it has', async () => {
  const set = await stage({ games: 1 })
  const gate = await set.gate(1)
  const one = await set.game(1, { report: false })
  gate.say('bootEntity', bootEntity('boot'))
  await set.settle()
  expect(one.count('bootHere')).toBe(0)
  one.say('gameReported', {})
  await one.hears('bootHere')
})

test('logins that wait for a game are given up with their gate, and nothing waits for ever', async () => {
  const set = await stage({ games: 1, gates: 2 })
  const gates = [await set.gate(1), await set.gate(2)]
  gates.forEach((gate, at) => void gate.say('bootEntity', bootEntity(`boot${at}`, at + 1)))
  await set.settle()
  gates[0]!.leave()
  await set.until(() => set.status.placings === 1, 'the login of gate 1 is given up')
  await set.clock.advance(62_000)
  expect([set.status.placings, set.counters.placingGivenUp]).toEqual([0, 2])
})

test('what a dead game had not answered is made by another, with its queue', async () => {
  const set = await stage({ games: 2 })
  const [one, two] = [await set.game(1), await set.game(2)]
  const gate = await set.gate(1)
  one.say('createEntity', createEntity('m', 2))
  one.say('loadEntity', loadEntity('avatar', 2))
  gate.say('bootEntity', bootEntity('boot0'))
  gate.say('bootEntity', bootEntity('boot1'))
  one.call(idOf('avatar'), 'hi')
  await two.hears('createHere')
  await two.hears('loadHere')
  await two.hears('bootHere')
  const [before] = two.of('loadHere')
  two.leave()
  await one.hears('gameDown')
  await one.hears('loadHere')
  expect(one.of('createHere').map(({ entityId }) => entityId)).toEqual([idOf('m')])
  expect(one.count('bootHere')).toBe(2)
  const [after] = one.of('loadHere')
  expect(after!.epoch).toBeGreaterThan(before!.epoch)
  expect(set.counters.placingMoved).toBe(3)
  one.place(idOf('avatar'), after!.epoch)
  await one.hears('callEntity')
  expect(one.calls()).toEqual(['hi'])
})

test('an entity that brings down every game that makes it is given up', async () => {
  const set = await stage({ games: 2 })
  const crashing = async (id: number) => {
    const game = await set.game(id)
    return set.until(() => game.count('createHere') > 0, 'it gets it').then(() => game.leave())
  }
  const asker = await set.game(9)
  asker.say('createEntity', createEntity('poison', 1))
  await crashing(1)
  await asker.hears('createHere')
  asker.leave()
  await crashing(2)
  await set.until(() => set.counters.placingGivenUp === 1, 'it is given up')
  expect(set.status.placings).toBe(0)
})

test('a game that never answers loses the entity to the next who asks', async () => {
  const set = await stage({ games: 1 })
  const one = await set.game(1)
  one.say('loadEntity', loadEntity('avatar'))
  await one.hears('loadHere')
  await set.clock.advance(62_000)
  expect(set.counters.placingGivenUp).toBe(1)
  one.say('loadEntity', loadEntity('avatar'))
  await one.hears('loadHere', 2)
})

test('games that lost their connection get new entities only when there is no other', async () => {
  const set = await stage({ games: 2, linkGraceMs: 60_000 })
  const games: Actor[] = [await set.game(1), await set.game(2)]
  const gate = await set.gate(1)
  games[1]!.freezeConnection()
  await set.until(() => set.status.games.some(({ connected }) => !connected), 'the connection is lost')
  for (let at = 0; at < 10; at++) gate.say('bootEntity', bootEntity(`boot${at}`))
  await games[0]!.hears('bootHere', 10)
})

test('the nil space of a game that was restarted is taken as it is', async () => {
  const set = await stage({ games: 1 })
  const nil = nilSpaceId(1)
  const one = await set.game(1, { has: { [nil]: 1 } })
  one.say('entityGone', { entityId: nil, epoch: 1 })
  one.leave()
  await set.until(() => set.status.games.length === 0, 'it is down')
  await set.game(1, { has: { [nil]: 1 } })
  expect(set.status.entities).toBe(1)
  expect(set.counters.stalePlacement).toBe(0)
})
