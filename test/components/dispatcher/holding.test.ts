// A game that freezes: what is for it is kept, in order, until it goes on or another process has restored it.
import { expect, test } from 'vitest'
import { Census } from '../../../engine/cluster/census.ts'
import { type Actor, idOf, type Stage, stage } from './stage.ts'

const AVATAR = idOf('avatar')
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `call ${from + at}`)

async function twoGames(limits: Parameters<typeof stage>[0] = {}) {
  const set = await stage({ games: 2, ...limits })
  const one = await set.game(1, { has: { [AVATAR]: 4 } })
  const two = await set.game(2)
  const gate = await set.gate(1)
  const call = (from: number, to: number) => {
    for (const name of names(from, to)) two.call(AVATAR, name)
  }
  return { set, one, two, gate, call }
}

const held = (set: Stage) => set.until(() => set.status.games.some((game) => game.held), 'the game is held')

test('what is for a held game comes when it is released, in order', async () => {
  const { set, one, two, gate, call } = await twoGames()
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  call(0, 50)
  gate.say('positionsFromClients', { gameId: 1, records: new Uint8Array(32) })
  two.say('createEntity', { entityId: idOf('m'), gameId: 1, type: 'M', attrs: new Uint8Array([0x80]) })
  await set.clock.advance(1000)
  expect([one.calls(), one.count('createHere')]).toEqual([[], 0])
  expect(set.status.games[0]).toMatchObject({ queuedPackets: 52 })
  one.say('releaseGame', {})
  call(50, 60)
  await one.hears('callEntity', 60)
  expect(one.calls()).toEqual(names(0, 60))
  expect([one.count('positionsFromClients'), one.count('createHere')]).toEqual([1, 1])
  expect(set.status.games[0]).toMatchObject({ held: false, queuedPackets: 0 })
})

test('when the limit is over what was held comes, and what arrives at that moment comes behind it', async () => {
  const { set, one, call } = await twoGames()
  one.say('holdGame', { limitMs: 500 })
  await held(set)
  const began = set.clock.now()
  let said = 0
  while (set.clock.now() < began + 600) {
    call(said, said + 1)
    said++
    await set.clock.advance(0.25)
  }
  await one.hears('callEntity', said)
  expect(one.calls()).toEqual(names(0, said))
  expect(set.log.matching('warn', 'held for longer than it asked for')).toHaveLength(1)
})

test('asking again extends the time; a release without a hold does nothing', async () => {
  const { set, one, call } = await twoGames()
  one.say('releaseGame', {})
  one.say('holdGame', { limitMs: 1000 })
  await held(set)
  call(0, 1)
  await set.clock.advance(800)
  one.say('holdGame', { limitMs: 1000 })
  await set.clock.advance(800)
  expect(one.calls()).toEqual([])
  await one.hears('callEntity')
})

test('a queue that is full refuses the newest and counts it', async () => {
  const { set, one, call } = await twoGames({ gameQueueBytesMax: 64 * 1024 })
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  call(0, 3000)
  await set.until(() => set.counters.gameQueueFull > 0, 'it is full')
  await set.settle()
  expect(set.status.games[0]!.queuedBytes).toBeLessThanOrEqual(64 * 1024)
  one.say('releaseGame', {})
  await one.hears('callEntity', 3000 - set.counters.gameQueueFull)
  expect(one.calls()).toEqual(names(0, one.calls().length))
  call(3000, 3001)
  await set.until(() => one.calls().at(-1) === 'call 3000', 'it goes on')
})

test('more than the link can keep at once goes out bit by bit, in order', async () => {
  const { set, one, call } = await twoGames({ linkResendBytesMax: 1 << 20, gameQueueBytesMax: 8 << 20 })
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  for (let from = 0; from < 60_000; from += 1000) {
    call(from, from + 1000)
    await set.clock.advance(2)
  }
  one.say('releaseGame', {})
  for (let from = 60_000; from < 61_000; from += 10) {
    call(from, from + 10)
    await set.clock.advance(1)
  }
  await one.hears('callEntity', 61_000)
  expect(one.calls()).toEqual(names(0, 61_000))
  expect(set.counters.gameQueueFull).toBe(0)
})

test('a frozen game is restored by another process: nobody hears of it, and nothing is lost', async () => {
  const { set, one, two, gate, call } = await twoGames()
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  call(0, 20)
  one.leave()
  await set.until(() => set.log.matching('info', 'waiting for its restore').length > 0, 'it has left')
  call(20, 40)
  const other = await set.gate(2)
  gate.leave()
  await set.clock.advance(1000)
  const restored = await set.game(1, { has: { [AVATAR]: 5 }, restoring: true })
  call(40, 50)
  await set.settle()
  expect(restored.calls()).toEqual([])
  restored.say('releaseGame', {})
  call(50, 60)
  await restored.hears('callEntity', 60)
  expect(restored.calls()).toEqual(names(0, 60))
  expect([two.count('gameDown'), other.count('gameDown'), two.count('gameUp')]).toEqual([0, 0, 1])
  // It hears who is there, and then what happened while it was away.
  expect(restored.heard.filter(({ name }) => name.startsWith('gate'))).toMatchObject([
    { name: 'gateUp', values: { gateId: 2 } },
    { name: 'gateUp', values: { gateId: 2 } },
    { name: 'gateDown', values: { gateId: 1 } },
  ])
})

/** A game that was held is back, and says what it has by a census. */
async function restoredWith(set: Stage, one: Actor, ...has: [id: string, epoch: number][]) {
  one.leave()
  await set.until(() => !set.status.games[0]!.connected, 'it has left')
  const restored = await set.game(1, { restoring: true, report: false })
  const census = new Census()
  for (const [id, epoch] of has) census.addText(id, epoch)
  restored.say('gameRestored', census)
  return restored
}

test('a restored game that has just what was kept for it need not say each', async () => {
  const { set, one, call } = await twoGames()
  one.place(idOf('pet'), 2)
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  call(0, 20)
  const restored = await restoredWith(set, one, [idOf('pet'), 2], [AVATAR, 4])
  restored.say('releaseGame', {})
  await restored.hears('callEntity', 20)
  expect(restored.calls()).toEqual(names(0, 20))
  expect(restored.count('reportAll')).toBe(0)
  expect(set.status).toMatchObject({ entities: 2, games: [{ id: 1, placed: 2 }, { id: 2 }] })
})

test('one that has anything else says each, and gets what was held when it has, whoever the dispatcher is by then', async () => {
  for (const swaps of [false, true]) {
    const { set, one, two, call } = await twoGames()
    one.place(idOf('pet'))
    one.say('holdGame', { limitMs: 10_000 })
    await held(set)
    call(0, 20)
    two.call(idOf('pet'), 'x')
    await set.settle()
    const restored = await restoredWith(set, one, [AVATAR, 4])
    restored.say('releaseGame', {})
    await restored.hears('reportAll')
    if (swaps) await set.swapDispatcher()
    await set.settle()
    expect(restored.calls()).toEqual([])
    restored.place(AVATAR, 4)
    restored.say('gameReported', {})
    await restored.hears('callEntity', 21)
    expect(restored.calls()).toEqual([...names(0, 20), 'x'])
    expect(set.status).toMatchObject({ entities: 1, games: [{ id: 1, placed: 1 }, { id: 2 }] })
  }
})

test('what a restored game does not have any more is gone', async () => {
  const { set, one, two } = await twoGames()
  one.place(idOf('pet'))
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  one.leave()
  await set.until(() => !set.status.games[0]!.connected, 'it has left')
  two.call(idOf('pet'), 'x')
  await set.settle()
  const restored = await set.game(1, { has: { [AVATAR]: 5 }, restoring: true })
  expect(set.status).toMatchObject({ entities: 1, games: [{ id: 1, placed: 1 }, { id: 2 }] })
  restored.say('releaseGame', {})
  await restored.hears('callEntity')
  two.call(idOf('pet'), 'y')
  await set.until(() => set.counters.unknownEntity === 1, 'later calls are dropped')
})

test('what a game was making when it froze is made again', async () => {
  const { set, one, two } = await twoGames()
  two.say('loadEntity', { entityId: idOf('loading'), gameId: 1, type: 'Avatar' })
  await one.hears('loadHere')
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  two.say('loadEntity', { entityId: idOf('held'), gameId: 1, type: 'Avatar' })
  await set.settle()
  one.leave()
  await set.until(() => !set.status.games[0]!.connected, 'it has left')
  const restored = await set.game(1, { has: { [AVATAR]: 5 }, restoring: true })
  restored.say('releaseGame', {})
  await restored.hears('loadHere')
  await two.hears('loadHere')
  expect(restored.of('loadHere').map(({ entityId }) => entityId)).toEqual([idOf('held')])
  expect(two.of('loadHere').map(({ entityId }) => entityId)).toEqual([idOf('loading')])
})

test('a held game that does not come back in time is down, and what waited is counted or made elsewhere', async () => {
  const { set, one, two, gate, call } = await twoGames()
  one.say('holdGame', { limitMs: 4000 })
  await held(set)
  call(0, 20)
  two.say('createEntity', { entityId: idOf('m'), gameId: 1, type: 'M', attrs: new Uint8Array([0x80]) })
  one.kill()
  await set.clock.advance(3900)
  expect(two.count('gameDown')).toBe(0)
  await two.hears('gameDown')
  await gate.hears('gameDown')
  await two.hears('createHere')
  expect(set.counters.gameLost).toBeGreaterThanOrEqual(20)
  expect(set.status.entities).toBe(0)
  expect(set.log.matching('error', 'not restored in time')).toHaveLength(1)
})

test('a process that comes in the place of a frozen one and restores nothing is a new game', async () => {
  const { set, one, two, call } = await twoGames()
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  call(0, 5)
  one.leave()
  await set.until(() => !set.status.games[0]!.connected, 'it has left')
  const fresh = await set.game(1)
  await two.hears('gameDown')
  await two.hears('gameUp', 2)
  call(5, 6)
  await set.settle()
  expect([set.status.entities, fresh.calls(), set.counters.gameLost]).toEqual([0, [], 5])
})

test('new entities go elsewhere while a game is held, unless there is no other', async () => {
  const { set, one, two, gate } = await twoGames()
  one.say('holdGame', { limitMs: 10_000 })
  await held(set)
  for (let at = 0; at < 6; at++)
    gate.say('bootEntity', { entityId: idOf(`b${at}`), gateId: 1, clientId: AVATAR, session: '' })
  await two.hears('bootHere', 6)
  two.leave()
  await set.until(() => set.status.games.length === 1, 'the other is gone')
  one.say('releaseGame', {})
  await one.hears('bootHere', 6)
})

test('whatever is held, released and broken in between, every call arrives once and in order', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { set, one, two, call } = await twoGames({ linkResendBytesMax: 200_000 })
    for (let skip = 0; skip < seed; skip++) set.random()
    let said = 0
    for (let step = 0; step < 150; step++) {
      const dice = set.random()
      if (dice < 0.1) one.say('holdGame', { limitMs: Math.ceil(set.random() * 100) })
      else if (dice < 0.2) one.say('releaseGame', {})
      else if (dice < 0.25) one.drop()
      else if (dice < 0.3) two.drop()
      else {
        const count = Math.floor(set.random() * 30)
        call(said, said + count)
        said += count
      }
      await set.clock.advance(set.random() * 20)
    }
    await one.hears('callEntity', said)
    expect([seed, one.calls()]).toEqual([seed, names(0, said)])
  }
})
