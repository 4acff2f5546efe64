// Entities that go from one game to another: the dispatcher alone says where each lives, and what is for it waits until
// one of the two has it, whoever dies on the way.
import { describe, expect, test } from 'vitest'
import { type Actor, idOf, type Stage, stage } from './stage.ts'

const AVATAR = idOf('avatar')
const DATA = new Uint8Array([0x81, 0xa1, 0x61, 0x01])
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `call ${from + at}`)

/** Game 1 has the avatar in its 4th placement, game 2 is where it goes, game 3 talks to it. */
async function threeGames(options: Parameters<typeof stage>[0] = {}) {
  const set = await stage({ games: 3, ...options })
  const one = await set.game(1, { has: { [AVATAR]: 4 } })
  const two = await set.game(2)
  const three = await set.game(3)
  let said = 0
  /** Says some more to it. */
  const call = async (count = 5) => {
    for (const name of names(said, said + count)) three.call(AVATAR, name)
    said += count
    await set.settle()
  }
  return { set, one, two, three, call }
}
const holdEntity = (gameId = 2, no = 1, epoch = 4) => ({ entityId: AVATAR, epoch, gameId, no })
const moveEntity = (gameId = 2, epoch = 4) => ({ entityId: AVATAR, epoch, gameId, data: DATA })

async function hold(set: Stage, one: Actor): Promise<void> {
  one.say('holdEntity', holdEntity())
  await one.hears('entityHeld')
  await set.settle()
}
async function send(set: Stage, one: Actor): Promise<void> {
  await hold(set, one)
  one.say('moveEntity', moveEntity())
  await set.settle()
}
const waiting = (set: Stage) => [set.status.moving, set.status.held.packets]
/** All that was said has come to one game, once and in order, and what is said from now on goes there at once. */
async function expectHome(set: Stage, home: Actor, others: readonly Actor[], call: (count?: number) => Promise<void>) {
  await call()
  const heard = home.calls()
  expect(heard).toEqual(names(Number(heard[0]?.slice(5)), Number(heard[0]?.slice(5)) + heard.length))
  for (const other of others) for (const name of other.calls()) expect(heard).not.toContain(name)
  expect([...others.flatMap((other) => other.calls()), ...heard]).toEqual(names(0, Number(heard.at(-1)!.slice(5)) + 1))
  expect(waiting(set)).toEqual([0, 0])
  expect(set.counters).toMatchObject({ neverPlaced: 0, unknownEntity: 0, entityQueueFull: 0 })
}

describe('an entity that moves', () => {
  test('is held, sent on in its next placement, and lives where it arrives, with all that was said meanwhile', async () => {
    const { set, one, two, call } = await threeGames()
    await call()
    await hold(set, one)
    expect(one.of('entityHeld')).toEqual([{ entityId: AVATAR, no: 1, held: true, reason: '' }])
    expect(one.calls()).toHaveLength(5)
    await call()
    one.say('moveEntity', moveEntity())
    await two.hears('arriveHere')
    expect(two.of('arriveHere')).toEqual([{ entityId: AVATAR, epoch: 5, data: DATA }])
    await call()
    expect([two.calls(), waiting(set)]).toEqual([[], [1, 10]])
    two.place(AVATAR, 5)
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toEqual([{ entityId: AVATAR, epoch: 4, moved: true, certain: true, reason: '' }])
    await expectHome(set, two, [one], call)
  })

  test('has heard all that was said before it is told to pack', async () => {
    const { set, one, three } = await threeGames()
    for (const name of names(0, 50)) three.call(AVATAR, name)
    one.say('holdEntity', holdEntity())
    for (const name of names(50, 90)) three.call(AVATAR, name)
    await one.hears('entityHeld')
    await set.settle()
    const at = one.heard.findIndex(({ name }) => name === 'entityHeld')
    expect(one.heard.slice(at).map(({ name }) => name)).toEqual(['entityHeld'])
    expect(one.calls().length + set.status.held.packets).toBe(90)
  })

  test('has heard all that waited for its game, when that comes bit by bit after a hold', async () => {
    const { set, one, three } = await threeGames({ linkResendBytesMax: 20_000, entityQueuePacketsMax: 10_000 })
    one.say('holdGame', { limitMs: 10_000 })
    await one.hears('gameHeld')
    for (const name of names(0, 3000)) three.call(AVATAR, name)
    await set.settle()
    one.say('releaseGame', {})
    one.say('holdEntity', holdEntity())
    await one.hears('entityHeld')
    expect([one.of('entityHeld')[0]!.held, one.calls().length]).toEqual([true, 3000])
  })

  test('stays where its game is being frozen: what already waits for it would not find it', async () => {
    const { set, one, call } = await threeGames()
    one.say('holdGame', { limitMs: 10_000 })
    await one.hears('gameHeld')
    await call()
    await hold(set, one)
    expect(one.of('entityHeld')).toMatchObject([{ held: false, reason: 'its game is being frozen' }])
    one.say('releaseGame', {})
    await expectHome(set, one, [], call)
  })

  test('stays when its game says so once more before it has sent it', async () => {
    const { set, one, two, call } = await threeGames()
    await hold(set, one)
    await call()
    one.place(AVATAR, 4)
    await expectHome(set, one, [two], call)
    expect(one.count('entityMoved')).toBe(0)
    // And may go another time.
    one.say('holdEntity', holdEntity(3, 2))
    await one.hears('entityHeld', 2)
    expect(one.of('entityHeld')[1]).toMatchObject({ held: true, no: 2 })
  })

  test('comes back when it is refused, in a placement later than both', async () => {
    const { set, one, two, call } = await threeGames()
    await send(set, one)
    await call()
    two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'no such class' })
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toEqual([
      { entityId: AVATAR, epoch: 4, moved: false, certain: true, reason: 'no such class' },
    ])
    await call()
    expect([one.calls(), two.calls()]).toEqual([[], []])
    one.place(AVATAR, 6)
    await expectHome(set, one, [two], call)
  })

  test('is refused only by whom it was sent to, in the placement that was sent', async () => {
    const { set, one, two, three, call } = await threeGames()
    await hold(set, one)
    two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'too early' })
    await set.settle()
    one.say('moveEntity', moveEntity())
    await two.hears('arriveHere')
    three.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'not mine' })
    two.say('refuseEntity', { entityId: AVATAR, epoch: 4, reason: 'an older one' })
    two.say('refuseEntity', { entityId: idOf('other'), epoch: 5, reason: 'another' })
    await set.settle()
    expect(one.count('entityMoved')).toBe(0)
    two.place(AVATAR, 5)
    await expectHome(set, two, [one], call)
  })

  test('takes what comes back with it: its end, when it can live nowhere', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'no' })
    await one.hears('entityMoved')
    await call(3)
    one.say('entityGone', { entityId: AVATAR, epoch: 6 })
    await set.settle()
    expect([waiting(set), set.counters.neverPlaced, set.status.entities]).toEqual([[0, 0], 3, 0])
    three.call(AVATAR, 'late')
    await set.settle()
    expect(set.counters.unknownEntity).toBe(1)
  })
})

describe('a hold is refused', () => {
  const refused = async (set: Stage, actor: Actor, values: ReturnType<typeof holdEntity>) => {
    const before = actor.count('entityHeld')
    actor.say('holdEntity', values)
    await actor.hears('entityHeld', before + 1)
    const { no, held, reason } = actor.of('entityHeld').at(-1)!
    expect([no, held, set.status.moving]).toEqual([values.no, false, 0])
    return reason
  }

  test('of what does not live there, or not in that placement', async () => {
    const { set, one, two, call } = await threeGames()
    const notHere = 'it does not live here'
    expect(await refused(set, two, holdEntity(3, 7))).toBe(notHere)
    expect(await refused(set, one, holdEntity(2, 8, 3))).toBe(notHere)
    expect(await refused(set, one, holdEntity(2, 9, 5))).toBe(notHere)
    expect(await refused(set, one, { ...holdEntity(), entityId: idOf('nobody') })).toBe(notHere)
    await expectHome(set, one, [two], call)
  })

  test('to its own game, and to one that is not there or has not reported', async () => {
    const { set, one, two, call } = await threeGames()
    await set.game(4, { report: false })
    for (const gameId of [1, 4, 5, 0])
      expect(await refused(set, one, holdEntity(gameId))).toBe(`there is no game ${gameId} to move to`)
    await expectHome(set, one, [two], call)
  })

  test('while it is on its way already, which goes on', async () => {
    const { set, one, two, call } = await threeGames()
    await hold(set, one)
    one.say('holdEntity', holdEntity(3, 2))
    await one.hears('entityHeld', 2)
    expect(one.of('entityHeld')[1]).toMatchObject({ no: 2, held: false })
    one.say('moveEntity', moveEntity())
    await two.hears('arriveHere')
    two.place(AVATAR, 5)
    await expectHome(set, two, [one], call)
  })
})

describe('what is sent without a hold comes back', () => {
  test.each([
    ['never held', async () => {}],
    ['released', async (set: Stage, one: Actor) => hold(set, one).then(() => one.place(AVATAR, 4))],
    ['sent already', send],
  ])('%s', async (_, before) => {
    const { set, one, two } = await threeGames()
    await before(set, one)
    const arrived = two.count('arriveHere')
    one.say('moveEntity', moveEntity())
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toEqual([
      { entityId: AVATAR, epoch: 4, moved: false, certain: true, reason: 'it was not held' },
    ])
    expect(two.count('arriveHere')).toBe(arrived)
  })

  test('of another game, or in another placement', async () => {
    const { set, one, two, call } = await threeGames()
    await hold(set, one)
    two.say('moveEntity', moveEntity(3))
    one.say('moveEntity', moveEntity(2, 3))
    await two.hears('entityMoved')
    await one.hears('entityMoved')
    expect([one.of('entityMoved')[0]!.moved, two.of('entityMoved')[0]!.moved]).toEqual([false, false])
    one.say('moveEntity', moveEntity())
    await two.hears('arriveHere')
    two.place(AVATAR, 5)
    await expectHome(set, two, [one], call)
  })
})

describe('when the game that it goes to dies', () => {
  test('before it was sent, it is back at once', async () => {
    const { set, one, two, three, call } = await threeGames()
    await hold(set, one)
    await call()
    two.leave()
    await one.hears('gameDown')
    one.say('moveEntity', moveEntity())
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toMatchObject([{ moved: false, certain: true, reason: 'game 2 went down' }])
    one.place(AVATAR, 6)
    await expectHome(set, one, [three], call)
  })

  test('after it was sent, it is back, and the dead one’s late report is void', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    await call()
    two.leave()
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toMatchObject([{ moved: false, certain: false, reason: 'game 2 went down' }])
    one.place(AVATAR, 6)
    await set.settle()
    const again = await set.game(2, { has: { [AVATAR]: 5 } })
    await again.hears('entityVoid')
    expect(again.of('entityVoid')).toEqual([{ entityId: AVATAR, epoch: 5 }])
    await expectHome(set, one, [again, three], call)
    expect(set.counters.stalePlacement).toBe(1)
  })

  test('after it was sent, the game that it left has it loaded, and nobody else', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    two.leave()
    await one.hears('entityMoved')
    await call()
    const load = (gameId: number) => ({ entityId: AVATAR, gameId, type: 'Avatar' })
    three.say('loadEntity', load(3))
    await set.settle()
    expect([three.count('loadHere'), one.count('loadHere')]).toEqual([0, 0])
    one.say('loadEntity', load(1))
    one.say('loadEntity', load(1))
    await one.hears('loadHere')
    const { epoch } = one.of('loadHere')[0]!
    expect([one.count('loadHere'), epoch > 5]).toEqual([1, true])
    await call()
    one.place(AVATAR, epoch)
    await set.settle()
    expect(one.count('entityMoved')).toBe(1)
    await expectHome(set, one, [three], call)
  })

  test('after it was sent, but is there again with it, the game that it left hears so, though it has asked for it', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    two.leave()
    await one.hears('entityMoved')
    one.say('loadEntity', { entityId: AVATAR, gameId: 1, type: 'Avatar' })
    await one.hears('loadHere')
    await call()
    const again = await set.game(2, { has: { [AVATAR]: one.of('loadHere')[0]!.epoch } })
    await one.hears('entityMoved', 2)
    expect(one.of('entityMoved')[1]).toMatchObject({ moved: true })
    await expectHome(set, again, [one, three], call)
  })

  test('after it was sent, the entity is gone when the game that it left dies before it has loaded it', async () => {
    const { set, one, two, three } = await threeGames()
    await send(set, one)
    two.leave()
    await one.hears('entityMoved')
    one.say('loadEntity', { entityId: AVATAR, gameId: 1, type: 'Avatar' })
    await one.hears('loadHere')
    one.leave()
    await three.hears('gameDown', 2)
    await set.settle()
    expect([waiting(set), set.status.entities]).toEqual([[0, 0], 0])
    three.say('loadEntity', { entityId: AVATAR, gameId: 3, type: 'Avatar' })
    await three.hears('loadHere')
    expect(three.of('loadHere')[0]!.epoch).toBeGreaterThan(5)
  })

  test('after it has arrived, it is gone with it', async () => {
    const { set, one, two, call } = await threeGames()
    await send(set, one)
    two.place(AVATAR, 5)
    await one.hears('entityMoved')
    two.leave()
    await one.hears('gameDown')
    await call(2)
    expect([waiting(set), set.counters.unknownEntity, one.calls()]).toEqual([[0, 0], 2, []])
  })
})

describe('when the game that it comes from dies', () => {
  test('before it has sent it, the entity is gone with it', async () => {
    const { set, one, two, call } = await threeGames()
    await hold(set, one)
    await call(3)
    one.leave()
    await two.hears('gameDown')
    expect([waiting(set), set.counters.neverPlaced, set.status.entities]).toEqual([[0, 0], 3, 0])
  })

  test('after it has sent it, the entity lives on', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    await call()
    one.leave()
    await three.hears('gameDown')
    expect(waiting(set)).toEqual([1, 5])
    two.place(AVATAR, 5)
    await expectHome(set, two, [three], call)
    expect(one.count('entityMoved')).toBe(0)
  })

  test('when it was to take the entity back, that is gone', async () => {
    const { set, one, two, call } = await threeGames()
    await send(set, one)
    two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'no' })
    await one.hears('entityMoved')
    await call(3)
    one.leave()
    await two.hears('gameDown')
    expect([waiting(set), set.counters.neverPlaced]).toEqual([[0, 0], 3])
  })

  test.each([
    ['nobody', false],
    ['a new process', true],
  ])('and %s is in its place when the other refuses it, the entity is gone', async (_, again) => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    await call(3)
    one.leave()
    await three.hears('gameDown')
    const fresh = again ? await set.game(1) : undefined
    two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'no' })
    await set.until(() => set.status.moving === 0, 'it is given up')
    expect([waiting(set), set.counters.neverPlaced, fresh?.count('entityMoved') ?? 0]).toEqual([[0, 0], 3, 0])
    // Whoever loads it makes a later placement of it.
    three.say('loadEntity', { entityId: AVATAR, gameId: 3, type: 'Avatar' })
    await three.hears('loadHere')
    expect(three.of('loadHere')[0]!.epoch).toBeGreaterThan(5)
  })

  test('but was only thought dead, and says so, it takes the entity back', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    await call()
    one.leave()
    await three.hears('gameDown')
    const again = await set.game(1)
    again.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    await set.settle()
    expect(again.count('entityMoved')).toBe(0)
    two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'no' })
    await again.hears('entityMoved')
    expect(again.of('entityMoved')).toMatchObject([{ epoch: 4, moved: false, reason: 'no' }])
    again.place(AVATAR, 6)
    await expectHome(set, again, [one, two], call)
  })

  test.each([
    ['refused it', (two: Actor) => two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'no' })],
    ['died first', (two: Actor) => two.leave()],
  ])('but was only thought dead when the other %s, it takes the entity back all the same', async (_, fail) => {
    for (const isFirst of [true, false]) {
      const { set, one, two, three, call } = await threeGames()
      await send(set, one)
      if (isFirst) fail(two)
      await set.settle()
      one.leave()
      await set.until(() => three.of('gameDown').some(({ gameId }) => gameId === 1), 'game 1 is down')
      if (!isFirst) fail(two)
      await set.until(() => set.status.moving === 0, 'it is given up')
      await set.settle()
      const again = await set.game(1, { report: false })
      again.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
      again.say('gameReported', {})
      await again.hears('entityMoved')
      expect(again.of('entityMoved')).toMatchObject([{ epoch: 4, moved: false }])
      again.place(AVATAR, 6)
      await set.settle()
      await call(2)
      expect(again.calls()).toEqual(names(0, 2))
    }
  })

  test('and the other dies too, the entity is gone', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    await call(3)
    one.leave()
    await three.hears('gameDown')
    two.leave()
    await three.hears('gameDown', 2)
    await set.settle()
    expect([waiting(set), set.counters.neverPlaced]).toEqual([[0, 0], 3])
  })
})

describe('while it is on its way', () => {
  test('no more than a queue’s worth waits for it: the newest is refused', async () => {
    const { set, one, two, three } = await threeGames({ entityQueuePacketsMax: 10 })
    await send(set, one)
    for (const name of names(0, 25)) three.call(AVATAR, name)
    await set.until(() => set.counters.entityQueueFull === 15, 'the rest is refused')
    two.place(AVATAR, 5)
    await two.hears('callEntity', 10)
    expect(two.calls()).toEqual(names(0, 10))
  })

  test('nobody creates or loads another', async () => {
    const { set, one, two, three, call } = await threeGames()
    await send(set, one)
    three.say('loadEntity', { entityId: AVATAR, gameId: 0, type: 'Avatar' })
    three.say('createEntity', { entityId: AVATAR, gameId: 0, type: 'Avatar', attrs: new Uint8Array([0x80]) })
    await set.settle()
    expect([one, two, three].map((game) => game.count('loadHere') + game.count('createHere'))).toEqual([0, 0, 0])
    expect(set.counters.alreadyThere).toBe(1)
    two.place(AVATAR, 5)
    await expectHome(set, two, [one], call)
  })

  test('the game that it left cannot end it, nor say that it still has it', async () => {
    const { set, one, two, call } = await threeGames()
    await send(set, one)
    one.say('entityGone', { entityId: AVATAR, epoch: 4 })
    one.place(AVATAR, 4)
    await one.hears('entityVoid')
    expect([one.of('entityVoid'), set.counters.stalePlacement]).toEqual([[{ entityId: AVATAR, epoch: 4 }], 2])
    two.place(AVATAR, 5)
    await expectHome(set, two, [one], call)
  })

  test('the game that it left, and no other, may end it until it has sent it', async () => {
    const { set, one, two, three, call } = await threeGames()
    await hold(set, one)
    await call(2)
    for (const other of [two, three]) other.say('entityGone', { entityId: AVATAR, epoch: 4 })
    await set.settle()
    expect([waiting(set), set.counters.stalePlacement]).toEqual([[1, 2], 2])
    one.say('entityGone', { entityId: AVATAR, epoch: 4 })
    await set.settle()
    expect([waiting(set), set.counters.neverPlaced]).toEqual([[0, 0], 2])
    one.say('moveEntity', moveEntity())
    await one.hears('entityMoved')
    expect([one.of('entityMoved')[0]!.moved, two.count('arriveHere')]).toEqual([false, 0])
  })

  test('a game that is held gets it when it goes on, and what was said behind it', async () => {
    const { set, one, two, call } = await threeGames()
    await hold(set, one)
    two.say('holdGame', { limitMs: 10_000 })
    await two.hears('gameHeld')
    one.say('moveEntity', moveEntity())
    await call()
    expect([two.count('arriveHere'), waiting(set)]).toEqual([0, [1, 5]])
    two.leave()
    await set.until(() => !set.status.games[1]!.connected, 'it has left')
    const restored = await set.game(2, { restoring: true })
    await set.settle()
    expect(one.count('entityMoved')).toBe(0)
    restored.say('releaseGame', {})
    await restored.hears('arriveHere')
    restored.place(AVATAR, 5)
    await expectHome(set, restored, [one], call)
    expect(one.of('entityMoved')).toMatchObject([{ moved: true }])
  })

  test('connections may break: nothing is lost', async () => {
    const { set, one, two, three, call } = await threeGames()
    one.say('holdEntity', holdEntity())
    one.drop()
    await one.hears('entityHeld')
    await call()
    one.say('moveEntity', moveEntity())
    two.drop()
    three.drop()
    await two.hears('arriveHere')
    two.place(AVATAR, 5)
    two.drop()
    await one.hears('entityMoved')
    await set.until(() => set.status.games.every(({ connected }) => connected), 'all are back')
    await expectHome(set, two, [one], call)
  })
})

describe('a dispatcher that was restarted', () => {
  /** Knows nothing; game 1 had sent the avatar to game 2 and heard nothing since. */
  async function restarted({ two = {}, games = 2 }: { two?: Record<string, number>; games?: number } = {}) {
    const set = await stage({ games })
    const one = await set.game(1)
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    one.call(AVATAR, 'early')
    await set.settle()
    expect(one.count('entityMoved')).toBe(0)
    const other = await set.game(2, { has: two })
    return { set, one, two: other }
  }

  test('hears from the game that it went to that it has arrived', async () => {
    const { set, one, two } = await restarted({ two: { [AVATAR]: 5 } })
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toEqual([{ entityId: AVATAR, epoch: 4, moved: true, certain: true, reason: '' }])
    await two.hears('callEntity')
    expect([two.calls(), set.status.moving]).toEqual([['early'], 0])
  })

  test('hears it also when that was reported first', async () => {
    const set = await stage({ games: 2 })
    await set.game(2, { has: { [AVATAR]: 5 } })
    const one = await set.game(1)
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toEqual([{ entityId: AVATAR, epoch: 4, moved: true, certain: true, reason: '' }])
  })

  test('knows by the whole report of that game that it has not arrived', async () => {
    const { set, one, two } = await restarted()
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toEqual([
      { entityId: AVATAR, epoch: 4, moved: false, certain: false, reason: 'it did not arrive' },
    ])
    expect(one.calls()).toEqual([])
    one.place(AVATAR, 6)
    await one.hears('callEntity')
    expect([one.calls(), two.calls(), set.status.moving]).toEqual([['early'], [], 0])
  })

  test('knows it at once when that game has reported before, and all others have', async () => {
    const set = await stage({ games: 2 })
    await set.game(2)
    const one = await set.game(1, { report: false })
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    await set.settle()
    expect(one.count('entityMoved')).toBe(0)
    one.say('gameReported', {})
    await set.settle()
    expect(one.of('entityMoved')).toMatchObject([{ moved: false, reason: 'it did not arrive' }])
  })

  test.each([
    ['has reported', () => {}],
    ['is down', (two: Actor) => two.leave()],
  ])('leaves it where it has gone on to, though the game in between %s before the one that has it', async (_, then) => {
    const { set, one, two } = await restarted({ games: 3 })
    then(two)
    await set.settle()
    expect([one.count('entityMoved'), waiting(set)]).toEqual([0, [1, 1]])
    const three = await set.game(3, { has: { [AVATAR]: 6 } })
    await set.settle()
    expect(one.of('entityMoved')).toEqual([{ entityId: AVATAR, epoch: 4, moved: true, certain: true, reason: '' }])
    expect([three.calls(), waiting(set)]).toEqual([['early'], [0, 0]])
  })

  test.each([
    ['first', true],
    ['last', false],
  ])('gives it back to the game that it has left last, which says so %s', async (_, isFirst) => {
    const set = await stage({ games: 3 })
    const [one, two, three] = [await set.game(1), await set.game(2, { report: false }), await set.game(3)]
    const first = () => one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    if (!isFirst) first()
    await set.settle()
    two.say('entityLeaving', { entityId: AVATAR, epoch: 5, gameId: 3 })
    await set.settle()
    if (isFirst) first()
    await set.settle()
    expect(one.of('entityMoved')).toEqual([{ entityId: AVATAR, epoch: 4, moved: true, certain: true, reason: '' }])
    expect(two.count('entityMoved')).toBe(0)
    two.say('gameReported', {})
    await set.settle()
    expect(two.of('entityMoved')).toMatchObject([{ epoch: 5, moved: false, reason: 'it did not arrive' }])
    two.place(AVATAR, 7)
    three.call(AVATAR, 'late')
    await two.hears('callEntity')
    expect([one.count('entityMoved'), waiting(set)]).toEqual([1, [0, 0]])
  })

  test('knows it also when that game is being restored, and has it held at once: what waited for it is lost', async () => {
    const set = await stage({ games: 2 })
    const one = await set.game(1)
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    await set.settle()
    expect(one.count('entityMoved')).toBe(0)
    const two = await set.game(2, { restoring: true, report: false })
    two.say('holdGame', { limitMs: 5000 })
    two.say('gameReported', {})
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toMatchObject([{ moved: false, reason: 'it did not arrive' }])
  })

  test('waits for a game that does not come no longer than for all reports', async () => {
    const set = await stage({ games: 3 })
    const one = await set.game(1)
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    one.call(AVATAR, 'early')
    await set.clock.advance(4000)
    expect(one.count('entityMoved')).toBe(0)
    await one.hears('entityMoved')
    expect(one.of('entityMoved')).toMatchObject([{ moved: false, reason: 'game 2 is down' }])
    one.place(AVATAR, 6)
    await one.hears('callEntity')
    expect(set.counters.neverPlaced).toBe(0)
  })

  test('gives up what nobody has any more: the game that it left died, and that which it went to never comes', async () => {
    const set = await stage({ games: 3 })
    const one = await set.game(1)
    const three = await set.game(3)
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    three.call(AVATAR, 'early')
    await set.settle()
    one.leave()
    await three.hears('gameDown')
    await set.until(() => !set.status.gathering, 'all reports are in')
    expect([waiting(set), set.counters.neverPlaced]).toEqual([[0, 0], 1])
  })

  test('gives it to the game that has it, though the one that it left died meanwhile', async () => {
    const set = await stage({ games: 3 })
    const one = await set.game(1)
    const three = await set.game(3)
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    three.call(AVATAR, 'early')
    await set.settle()
    one.leave()
    await three.hears('gameDown')
    const two = await set.game(2, { has: { [AVATAR]: 5 } })
    await two.hears('callEntity')
    expect([two.calls(), set.status.moving]).toEqual([['early'], 0])
  })

  test('tells once more how it ended to whoever did not hear', async () => {
    const { set, one, two } = await threeGames()
    await send(set, one)
    two.say('refuseEntity', { entityId: AVATAR, epoch: 5, reason: 'no' })
    await one.hears('entityMoved')
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    await one.hears('entityMoved', 2)
    expect(one.of('entityMoved')[1]).toMatchObject({ moved: false, reason: 'it did not arrive' })
    one.place(AVATAR, 6)
    await set.settle()
    expect(set.status.moving).toBe(0)
  })

  test('whose hold was asked for by the same one does not take it for gone', async () => {
    const { set, one, two, call } = await threeGames()
    await hold(set, one)
    one.say('entityLeaving', { entityId: AVATAR, epoch: 4, gameId: 2 })
    await call()
    expect([one.count('entityMoved'), waiting(set)]).toEqual([0, [1, 5]])
    two.place(AVATAR, 5)
    await expectHome(set, two, [], call)
    expect(one.of('entityMoved')).toMatchObject([{ moved: true }])
  })
})

test('a report of an older placement than is known is void', async () => {
  const { set, one, two, call } = await threeGames()
  two.place(AVATAR, 3)
  two.place(AVATAR, 4)
  await two.hears('entityVoid', 2)
  expect(two.of('entityVoid').map(({ epoch }) => epoch)).toEqual([3, 4])
  expect(set.counters.stalePlacement).toBe(2)
  await expectHome(set, one, [two], call)
  // A later one counts, whoever says so.
  two.place(AVATAR, 5)
  await set.settle()
  two.heard = []
  one.heard = []
  await call(1)
  expect([one.calls().length, two.calls().length]).toEqual([0, 1])
})

test('whatever is held, sent, refused and broken, every call arrives once and in order', async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const { set, one, two, three } = await threeGames()
    for (let skip = 0; skip < seed; skip++) set.random()
    const games = [one, two]
    const heard: string[] = []
    let home = one
    let epoch = 4
    let said = 0
    let no = 0
    const pause = async () => {
      const count = Math.floor(set.random() * 8)
      for (const name of names(said, said + count)) three.call(AVATAR, name)
      said += count
      if (set.random() < 0.2) games[Math.floor(set.random() * 2)]!.drop()
      await set.clock.advance(set.random() * 10)
    }
    /** What a game has heard so far counts before anything that another hears later. */
    const gather = () => {
      for (const game of games) heard.push(...game.calls())
      for (const game of games) game.heard = []
    }
    for (let step = 0; step < 25; step++) {
      await pause()
      const other = home === one ? two : one
      home.say('holdEntity', { entityId: AVATAR, epoch, gameId: other.id, no: ++no })
      await pause()
      await home.hears('entityHeld')
      expect(home.of('entityHeld')[0]).toMatchObject({ held: true, no })
      gather()
      if (set.random() < 0.2) {
        home.place(AVATAR, epoch)
        continue
      }
      home.say('moveEntity', { entityId: AVATAR, epoch, gameId: other.id, data: DATA })
      await pause()
      await other.hears('arriveHere')
      await pause()
      const refuses = set.random() < 0.4
      if (refuses) other.say('refuseEntity', { entityId: AVATAR, epoch: epoch + 1, reason: 'no' })
      else other.place(AVATAR, epoch + 1)
      await home.hears('entityMoved')
      expect(home.of('entityMoved')).toMatchObject([{ epoch, moved: !refuses }])
      if (refuses) {
        await pause()
        home.place(AVATAR, epoch + 2)
      } else home = other
      epoch += refuses ? 2 : 1
      await set.settle()
      gather()
    }
    await set.until(() => set.status.games.every(({ connected }) => connected), 'all are back')
    await home.hears('callEntity', said - heard.length)
    gather()
    expect([seed, heard]).toEqual([seed, names(0, said)])
  }
})
