// What cannot be delivered: requests are answered with the reason, all else is counted; and what a held game still hears.
import { describe, expect, test } from 'vitest'
import { serviceId } from '../../../engine/base/id.ts'
import { ANSWERED, messages } from '../../../engine/wire/messages.ts'
import { type Actor, idOf, type Stage, stage } from './stage.ts'

const AVATAR = idOf('avatar')
const MAIL = serviceId('Mail')
const NO_ARGS = new Uint8Array(2)

let lastNo = 0
/** The three messages that somebody waits for the answer of. */
const REQUESTS = {
  askEntity: (asker: Actor, entityId: string) => {
    asker.say('askEntity', { entityId, gameId: asker.id, no: ++lastNo, method: 'm', args: NO_ARGS })
    return lastNo
  },
  askSpace: (asker: Actor, entityId: string) => {
    asker.say('askSpace', { entityId, gameId: asker.id, no: ++lastNo })
    return lastNo
  },
  takeClient: (asker: Actor, entityId: string) => {
    asker.say('takeClient', {
      entityId,
      gameId: asker.id,
      no: ++lastNo,
      gateId: 1,
      clientId: idOf('client'),
      handed: 0,
      session: '',
    })
    return lastNo
  },
}
const ask = REQUESTS.askEntity
const askAll = (asker: Actor, entityId: string) => Object.values(REQUESTS).map((request) => request(asker, entityId))
const undelivered = (game: Actor) => game.of('undelivered')
const told = (numbers: readonly number[], reason: string) => numbers.map((no) => ({ no, reason }))

async function twoGames(options: Parameters<typeof stage>[0] = {}) {
  const set = await stage({ games: 2, ...options })
  const one = await set.game(1, { has: { [AVATAR]: 1 } })
  const two = await set.game(2)
  return { set, one, two }
}
async function hold(set: Stage, game: Actor) {
  game.say('holdGame', { limitMs: 10_000 })
  await game.hears('gameHeld')
  await set.settle()
}

describe('a request that cannot be delivered is answered', () => {
  test('when there is no such entity', async () => {
    const { set, two } = await twoGames()
    const numbers = askAll(two, idOf('nobody'))
    await two.hears('undelivered', 3)
    expect(undelivered(two)).toEqual(told(numbers, 'there is no such entity'))
    expect(set.counters.unknownEntity).toBe(3)
  })

  test('when the entity is gone', async () => {
    const { one, two } = await twoGames()
    one.say('entityGone', { entityId: AVATAR, epoch: 1 })
    const no = ask(one, AVATAR)
    await one.hears('undelivered')
    expect([undelivered(one), undelivered(two)]).toEqual([told([no], 'there is no such entity'), []])
  })

  test('when too much waits for the entity, the newest at once', async () => {
    const { set, one, two } = await twoGames({ entityQueuePacketsMax: 4 })
    two.say('loadEntity', { entityId: idOf('m'), gameId: 1, type: 'M' })
    await one.hears('loadHere')
    two.call(idOf('m'), 'first')
    const kept = askAll(two, idOf('m'))
    const refused = askAll(two, idOf('m'))
    await two.hears('undelivered', 3)
    expect(undelivered(two)).toEqual(told(refused, 'too much waits for the entity'))
    expect(set.counters.entityQueueFull).toBe(3)
    one.place(idOf('m'), one.of('loadHere')[0]!.epoch)
    await one.hears('takeClient')
    expect([one.of('askEntity')[0]!.no, one.of('askSpace')[0]!.no, one.of('takeClient')[0]!.no]).toEqual(kept)
  })

  test('when the entity could not be placed', async () => {
    const { set, one, two } = await twoGames()
    two.say('loadEntity', { entityId: idOf('m'), gameId: 1, type: 'M' })
    await one.hears('loadHere')
    two.call(idOf('m'), 'call')
    const numbers = askAll(two, idOf('m'))
    await set.settle()
    expect(undelivered(two)).toEqual([])
    one.say('entityGone', { entityId: idOf('m'), epoch: one.of('loadHere')[0]!.epoch })
    await two.hears('undelivered', 3)
    expect(undelivered(two)).toEqual(told(numbers, 'the entity could not be placed'))
    expect(set.counters.neverPlaced).toBe(4)
  })

  test('when nobody has reported the entity in time', async () => {
    const set = await stage({ games: 2 })
    const one = await set.game(1)
    const no = ask(one, AVATAR)
    await set.clock.advance(1000)
    expect(undelivered(one)).toEqual([])
    await one.hears('undelivered')
    expect(undelivered(one)).toEqual(told([no], 'the entity could not be placed'))
  })

  test('when too much waits for the game, the newest at once', async () => {
    const { set, one, two } = await twoGames({ gameQueueBytesMax: 1000 })
    await hold(set, one)
    const numbers = Array.from({ length: 100 }, () => ask(two, AVATAR))
    await two.hears('undelivered')
    await set.settle()
    const { queuedPackets } = set.status.games[0]!
    expect(undelivered(two)).toEqual(told(numbers.slice(queuedPackets), 'too much waits for its game'))
    expect(set.counters.gameQueueFull).toBe(100 - queuedPackets)
    one.say('releaseGame', {})
    await one.hears('askEntity', queuedPackets)
    expect(one.of('askEntity').map(({ no }) => no)).toEqual(numbers.slice(0, queuedPackets))
  })

  test('when the game went down while they waited for it', async () => {
    const { set, one, two } = await twoGames()
    await hold(set, one)
    two.call(AVATAR, 'call')
    const numbers = askAll(two, AVATAR)
    await set.settle()
    one.leave()
    await set.clock.advance(5000)
    expect(undelivered(two)).toEqual([])
    await two.hears('undelivered', 3)
    expect(undelivered(two)).toEqual(told(numbers, 'its game went down'))
    expect(set.counters.gameLost).toBeGreaterThanOrEqual(4)
  })

  test('when the entity ended while it was on its way to another game', async () => {
    const { set, one, two } = await twoGames()
    one.say('holdEntity', { entityId: AVATAR, epoch: 1, gameId: 2, no: 1 })
    await one.hears('entityHeld')
    const numbers = askAll(two, AVATAR)
    await set.settle()
    one.leave()
    await two.hears('undelivered', 3)
    expect(undelivered(two)).toEqual(told(numbers, 'the entity could not be placed'))
  })

  test('to the game that asked, though it is held: it waits for that before it freezes', async () => {
    const { set, one, two } = await twoGames()
    await hold(set, two)
    const no = ask(two, idOf('nobody'))
    await set.settle()
    expect([undelivered(two), undelivered(one)]).toEqual([told([no], 'there is no such entity'), []])
  })

  test('to nobody when the asker is not there any more', async () => {
    const { set, one, two } = await twoGames()
    two.say('loadEntity', { entityId: idOf('m'), gameId: 1, type: 'M' })
    await one.hears('loadHere')
    ask(two, idOf('m'))
    await set.settle()
    two.leave()
    await one.hears('gameDown')
    one.say('entityGone', { entityId: idOf('m'), epoch: one.of('loadHere')[0]!.epoch })
    await set.settle()
    expect([undelivered(one), set.counters.neverPlaced]).toEqual([[], 1])
  })

  test('and one that is cut off is not, and does no harm', async () => {
    const { set, two } = await twoGames()
    const cut = new Uint8Array(22).fill(97)
    // Up to the last byte of its number; the asker is game 2.
    cut.set([2, 0], 16)
    for (const bytes of [16, 17, 18, 21]) two.sayBytes(44, cut.subarray(0, bytes))
    await set.until(() => set.counters.unknownEntity === 4, 'they are dropped')
    await set.settle()
    two.sayBytes(44, new Uint8Array(15).fill(97))
    await set.until(() => set.counters.malformed === 1, 'what names no entity is refused')
    expect(undelivered(two)).toEqual([])
  })
})

test('a gate that asks for a player that cannot be asked is told so, wherever that was to live', async () => {
  const { set, one, two } = await twoGames()
  const gate = await set.gate(1)
  const ask = (entityId: string, clientId: string) =>
    gate.say('resumePlayer', { entityId, gateId: 1, clientId: idOf(clientId), token: 'secret' })
  ask(AVATAR, 'ann')
  await one.hears('resumePlayer')
  ask(idOf('nobody'), 'bob')
  await gate.hears('resumeRefused')
  two.say('loadEntity', { entityId: idOf('m'), gameId: 1, type: 'M' })
  await one.hears('loadHere')
  ask(idOf('m'), 'carl')
  await set.settle()
  one.say('entityGone', { entityId: idOf('m'), epoch: one.of('loadHere')[0]!.epoch })
  await gate.hears('resumeRefused', 2)
  expect(gate.of('resumeRefused')).toEqual([
    { gateId: 1, clientId: idOf('bob'), reason: 'there is no such entity' },
    { gateId: 1, clientId: idOf('carl'), reason: 'the entity could not be placed' },
  ])
  // One that is cut off names nobody.
  gate.sayBytes(messages.resumePlayer.code, new Uint8Array(30).fill(97))
  await set.settle()
  expect(gate.of('resumeRefused')).toHaveLength(2)
})

test('what nobody waits for is only counted', async () => {
  const { set, one, two } = await twoGames()
  const gate = await set.gate(1)
  two.call(idOf('nobody'), 'call')
  gate.say('callFromClient', { entityId: idOf('nobody'), clientId: idOf('client'), method: 'm', args: NO_ARGS })
  gate.say('clientGone', { entityId: idOf('nobody'), clientId: idOf('client') })
  await set.until(() => set.counters.unknownEntity === 3, 'they are dropped')
  await set.settle()
  expect([undelivered(one), undelivered(two)]).toEqual([[], []])
})

describe('a game that is held', () => {
  test('is told that it is, each time it asks, behind all that was for it before', async () => {
    const { set, one, two } = await twoGames()
    for (let n = 0; n < 20; n++) two.call(AVATAR, `call ${n}`)
    one.say('holdGame', { limitMs: 10_000 })
    await one.hears('gameHeld')
    const before = one.calls().length
    await set.settle()
    expect([one.calls().length, set.status.games[0]!.queuedPackets]).toEqual([before, 20 - before])
    expect(one.of('gameHeld')).toEqual([{ held: true }])
    one.say('holdGame', { limitMs: 10_000 })
    await one.hears('gameHeld', 2)
    expect(one.of('gameHeld')[1]).toEqual({ held: true })
  })

  test('gets the answers to what it has asked, and nothing else', async () => {
    const { set, one, two } = await twoGames()
    const no = ask(two, AVATAR)
    await one.hears('askEntity')
    await hold(set, two)
    two.place(idOf('pet'))
    await set.settle()
    one.call(idOf('pet'), 'call')
    one.say('answer', { gameId: 2, no, outcome: ANSWERED, value: new Uint8Array([0xc0]) })
    await two.hears('answer')
    await set.settle()
    expect([two.of('answer')[0]!.no, two.calls(), set.status.games[1]!.queuedPackets]).toEqual([no, [], 1])
    two.say('releaseGame', {})
    await two.hears('callEntity')
    expect(two.count('answer')).toBe(1)
  })

  test('keeps the answers that come while nobody is in its place', async () => {
    const { set, one, two } = await twoGames()
    await hold(set, two)
    two.leave()
    await set.until(() => !set.status.games[1]!.connected, 'it has left')
    one.say('answer', { gameId: 2, no: 7, outcome: ANSWERED, value: new Uint8Array([0xc0]) })
    await set.settle()
    const restored = await set.game(2, { restoring: true })
    restored.say('releaseGame', {})
    await restored.hears('answer')
    expect(restored.of('answer')[0]!.no).toBe(7)
  })

  test('is told at its restore that what was for it was kept', async () => {
    const { set, one } = await twoGames()
    await hold(set, one)
    one.leave()
    await set.until(() => !set.status.games[0]!.connected, 'it has left')
    const restored = await set.game(1, { has: { [AVATAR]: 1 }, restoring: true })
    await restored.hears('gameHeld')
    expect(restored.of('gameHeld')).toEqual([{ held: true }])
  })

  test('is told at its restore that nothing was kept, when it came too late or nobody held it', async () => {
    const { set, one, two } = await twoGames()
    one.say('holdGame', { limitMs: 1000 })
    await one.hears('gameHeld')
    one.leave()
    await two.hears('gameDown')
    const late = await set.game(1, { restoring: true })
    await late.hears('gameHeld')
    expect(late.of('gameHeld')).toEqual([{ held: false }])
    const other = await set.game(5, { restoring: true })
    await other.hears('gameHeld')
    expect(other.of('gameHeld')).toEqual([{ held: false }])
  })

  test('that begins anew is told nothing of it', async () => {
    const { set, one, two } = await twoGames()
    await set.settle()
    expect([one.count('gameHeld'), two.count('gameHeld')]).toEqual([0, 0])
  })
})

describe('a mark', () => {
  test('comes back when all that was said before is on its way to the gate', async () => {
    const { set, one } = await twoGames()
    const gate = await set.gate(1)
    const body = new Uint8Array(20)
    for (let n = 0; n < 30; n++) {
      one.say('callFilteredClients', { gateId: 1, body })
      if (n % 10 === 9) one.say('mark', { no: n })
    }
    for (const [at, no] of [9, 19, 29].entries()) {
      await one.hears('marked', at + 1)
      expect(one.of('marked')[at]).toEqual({ no })
      await set.settle()
      expect(gate.count('callFilteredClients')).toBeGreaterThanOrEqual(no + 1)
    }
  })

  test('comes back to whoever set it, held or not', async () => {
    const { set, one, two } = await twoGames()
    await hold(set, one)
    one.say('mark', { no: 4_294_967_295 })
    two.say('mark', { no: 0 })
    await one.hears('marked')
    await two.hears('marked')
    expect([one.of('marked'), two.of('marked')]).toEqual([[{ no: 4_294_967_295 }], [{ no: 0 }]])
  })

  test('comes behind all that was said, though the connection breaks in between', async () => {
    const { set, one } = await twoGames()
    const gate = await set.gate(1)
    one.say('callFilteredClients', { gateId: 1, body: new Uint8Array([1]) })
    one.drop()
    one.say('mark', { no: 1 })
    await one.hears('marked')
    one.say('callFilteredClients', { gateId: 1, body: new Uint8Array([2]) })
    await gate.hears('callFilteredClients', 2)
    await set.settle()
    expect(gate.of('callFilteredClients').map(({ body }) => body[0])).toEqual([1, 2])
  })
})

describe('a service', () => {
  const load = (game: Actor) => game.say('loadEntity', { entityId: MAIL, gameId: 0, type: 'Mail' })

  async function withService() {
    const set = await stage({ games: 2 })
    const one = await set.game(1, { types: ['Mail'] })
    const two = await set.game(2, { types: ['Mail'] })
    load(two)
    await set.until(() => one.count('loadHere') + two.count('loadHere') === 1, 'it is placed')
    const home = one.count('loadHere') > 0 ? one : two
    home.place(MAIL, home.of('loadHere')[0]!.epoch)
    await set.settle()
    return { set, home, other: home === one ? two : one }
  }

  test('whose game died keeps what is said to it until it is placed again', async () => {
    const { set, home, other } = await withService()
    home.leave()
    await other.hears('gameDown')
    other.call(MAIL, 'one')
    const no = ask(other, MAIL)
    await set.settle()
    expect([set.status.held.packets, undelivered(other)]).toEqual([2, []])
    load(other)
    await other.hears('loadHere')
    other.call(MAIL, 'two')
    other.place(MAIL, other.of('loadHere').at(-1)!.epoch)
    await other.hears('callEntity', 2)
    expect([other.calls(), other.of('askEntity').map((asked) => asked.no)]).toEqual([['one', 'two'], [no]])
    expect(set.counters).toMatchObject({ neverPlaced: 0, unknownEntity: 0 })
  })

  test('that nobody places again keeps it for a limited time', async () => {
    const { set, home, other } = await withService()
    home.leave()
    await other.hears('gameDown')
    const no = ask(other, MAIL)
    await set.clock.advance(4000)
    expect(undelivered(other)).toEqual([])
    await other.hears('undelivered')
    expect(undelivered(other)).toEqual(told([no], 'the entity could not be placed'))
  })

  test('is made once, however many ask for it, and anew only when its game is down', async () => {
    const { set, home, other } = await withService()
    for (const game of [home, other, home]) load(game)
    await set.settle()
    expect([home.count('loadHere'), other.count('loadHere')]).toEqual([1, 0])
    const [{ epoch } = { epoch: 0 }] = home.of('loadHere')
    home.leave()
    await other.hears('gameDown')
    for (let n = 0; n < 3; n++) load(other)
    await other.hears('loadHere')
    await set.settle()
    expect(other.of('loadHere')).toHaveLength(1)
    expect(other.of('loadHere')[0]!.epoch).toBeGreaterThan(epoch)
  })
})

describe('a placement', () => {
  test('is only on a game that has the class', async () => {
    const set = await stage({ games: 3 })
    const games = [
      await set.game(1, { types: ['Avatar'] }),
      await set.game(2, { types: ['Avatar', 'Dragon'] }),
      await set.game(3, { types: [] }),
    ]
    const attrs = new Uint8Array([0x80])
    for (let n = 0; n < 6; n++)
      games[0]!.say('createEntity', { entityId: idOf(`d${n}`), gameId: 0, type: 'Dragon', attrs })
    await set.settle()
    expect(games.map((game) => game.count('createHere'))).toEqual([0, 6, 0])
    for (let n = 0; n < 12; n++) games[0]!.say('loadEntity', { entityId: idOf(`l${n}`), gameId: 0, type: 'Avatar' })
    await set.settle()
    // Those that were just placed count.
    expect(games.map((game) => game.count('loadHere'))).toEqual([9, 3, 0])
  })

  test('waits when no game has the class, until one comes', async () => {
    const set = await stage({ games: 1 })
    const one = await set.game(1, { types: ['Avatar'] })
    one.say('loadEntity', { entityId: idOf('dragon'), gameId: 0, type: 'Dragon' })
    one.call(idOf('dragon'), 'wake')
    await set.clock.advance(3000)
    expect([one.count('loadHere'), set.status.placings]).toEqual([0, 1])
    const two = await set.game(2, { types: ['Dragon'] })
    await two.hears('loadHere')
    two.place(idOf('dragon'), two.of('loadHere')[0]!.epoch)
    await two.hears('callEntity')
    expect(one.count('loadHere')).toBe(0)
  })

  test('moves to a game that has the class when the one that was told dies', async () => {
    const set = await stage({ games: 3 })
    const one = await set.game(1, { types: ['Dragon'] })
    const plain = await set.game(2, { types: ['Avatar'] })
    plain.say('loadEntity', { entityId: idOf('dragon'), gameId: 0, type: 'Dragon' })
    await one.hears('loadHere')
    one.leave()
    await plain.hears('gameDown')
    await set.settle()
    expect([plain.count('loadHere'), set.status.placings]).toEqual([0, 1])
    const three = await set.game(3, { types: ['Dragon'] })
    await three.hears('loadHere')
  })
})
