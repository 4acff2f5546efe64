// After the dispatcher was restarted by which all comes that games say: nothing of it is passed on that a client could not make
// sense of, and what is shown anew is.
import { expect, test } from 'vitest'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { SYNC_OWN, SYNC_WATCHERS } from '../../../engine/wire/messages.ts'
import { bodyOf, idOf, LIMITS, Stage } from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')
const CAT = idOf('cat')

/** Ann sees Bob, and the dispatcher is restarted: nobody has shown anything anew yet. */
async function restarted() {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  stage.show(BOB, [ann])
  await ann.hears('createEntity')
  await stage.games.restart()
  stage.games.nameGames(1, 2)
  await stage.settle()
  ann.forget()
  return { stage, ann }
}

test('what a game says before it shows everything anew is not passed on', async () => {
  const { stage, ann } = await restarted()
  stage.set(BOB, 'name', 'bob')
  stage.positions(SYNC_WATCHERS | SYNC_OWN, [ANN, 1], [BOB, 2])
  stage.games.tell('callAllClients', {
    gameId: 1,
    body: bodyOf('callOnClient', { entityId: BOB, method: 'm', args: [] }),
  })
  stage.callClient(ann, ANN, 'm')
  stage.show(CAT, [ann])
  stage.bind(ann, CAT)
  stage.games.tell('setFilter', { clientId: ann.id, key: 'a', value: '1' })
  await stage.settle()
  expect(ann.heard).toEqual([])
  expect(stage.gate.status()).toMatchObject({ missedEntities: 6, stale: 2 })
  stage.showAnew(1, () => {
    stage.bind(ann, ANN)
    stage.show(BOB, [ann])
  })
  stage.set(BOB, 'name', 'bob')
  await ann.hears('mapSet')
  expect(ann.heard.map(({ name, values }) => [name, values['entityId']])).toEqual([
    ['destroyEntity', BOB],
    ['destroyEntity', ANN],
    ['createEntity', ANN],
    ['createEntity', BOB],
    ['mapSet', BOB],
  ])
})

test('each game is heard when it has begun to show everything anew, or when it is gone and another is in its place', async () => {
  const { stage, ann } = await restarted()
  stage.showAnew(2, () => stage.bind(ann, CAT, { gameId: 2, handed: 1 }))
  await ann.hears('createEntity')
  stage.games.say('gameDown', { gameId: 1 })
  stage.games.say('gameUp', { gameId: 1, process: idOf('another') })
  stage.bind(ann, BOB, { handed: 2 })
  await ann.hears('createEntity', 2)
  expect(ann.of('createEntity').map(({ entityId }) => entityId)).toEqual([CAT, BOB])
})

test('a call on what is not the client’s player, and what is shown to one without a player, do not reach it', async () => {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  stage.callClient(ann, BOB, 'm')
  stage.unbind(ann, ANN)
  stage.callClient(ann, ANN, 'm')
  stage.show(BOB, [ann])
  await stage.settle()
  expect(ann.heard.map(({ name }) => name)).toEqual(['destroyEntity'])
  expect(stage.gate.status()).toMatchObject({ entities: 0, watchings: 0 })
  stage.games.tell('callClient', { clientId: ann.id, body: new Uint8Array(3) })
  await stage.settle()
  expect(stage.gate.status().unreadable).toBe(1)
  expect(clientMessages.callOnClient.code).toBe(1009)
})

test('a client that is on offer to another game waits; one that is not, or whose game dies, is closed', async () => {
  const { stage, ann } = await restarted()
  const offered = () => stage.games.tell('clientOffered', { clientId: ann.id, handed: 0, gameId: 1 })
  stage.showAnew(2)
  stage.showAnew(1, offered)
  const bob = await stage.player(BOB)
  await stage.clock.advance(LIMITS.linkGraceMs * 2)
  expect(ann.closed).toBeUndefined()
  // Somebody has it, and does not say whom it plays.
  stage.games.tell('clientOffered', { clientId: ann.id, handed: 0, gameId: 0 })
  await stage.clock.advance(LIMITS.linkGraceMs + 100)
  expect(ann.closed).toBeDefined()
  stage.unbind(bob, BOB)
  stage.showAnew(2)
  await stage.clock.advance(LIMITS.linkGraceMs + 100)
  expect(bob.closed).toBeUndefined()
  stage.games.say('gameDown', { gameId: 1 })
  await stage.clock.advance(LIMITS.linkGraceMs + 100)
  expect(bob.closed).toBeDefined()
})

test('nobody is closed for want of a player as long as a game has yet to show its own', async () => {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  stage.games.tell('playerLeaving', { clientId: ann.id, entityId: ANN, epoch: 1, gameId: 2 })
  // Looked at in the middle of a restart.
  stage.showAnew(2)
  await stage.clock.advance(LIMITS.linkGraceMs / 2)
  await stage.games.restart()
  stage.games.nameGames(1, 2)
  await stage.clock.advance(LIMITS.linkGraceMs - 100)
  stage.showAnew(1)
  await stage.clock.advance(LIMITS.linkGraceMs - 100)
  stage.showAnew(2, () => stage.bind(ann, ANN, { epoch: 2, gameId: 2 }))
  await stage.clock.advance(LIMITS.linkGraceMs * 3)
  expect(ann.closed).toBeUndefined()
})

test('a client whose player another game shows to others, and to nobody as a player, is closed', async () => {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  const bob = await stage.player(BOB, { gameId: 2 })
  await stage.games.restart()
  stage.games.nameGames(1, 2)
  stage.showAnew(2, () => {
    stage.bind(bob, BOB, { gameId: 2 })
    // It went there, and has given its client away; to whom was lost with the dispatcher.
    stage.show(ANN, [bob], { epoch: 2, gameId: 2 })
  })
  stage.showAnew(1)
  await stage.clock.advance(LIMITS.linkGraceMs + 100)
  expect([ann.closed !== undefined, bob.closed]).toEqual([true, undefined])
})

test('a player that was shown anew on its way, has left, and is bound by nobody costs its client the connection', async () => {
  const { stage, ann } = await restarted()
  stage.showAnew(2)
  stage.showAnew(1, () => {
    stage.bind(ann, ANN)
    stage.games.tell('playerLeaving', { clientId: ann.id, entityId: ANN, epoch: 1, gameId: 2 })
  })
  await stage.clock.advance(LIMITS.linkGraceMs * 2)
  expect(ann.closed).toBeUndefined()
  stage.games.tell('playerLeft', { clientId: ann.id, entityId: ANN, epoch: 1 })
  await stage.clock.advance(LIMITS.linkGraceMs / 2)
  stage.bind(ann, ANN, { epoch: 2, gameId: 2 })
  await stage.clock.advance(LIMITS.linkGraceMs * 2)
  expect(ann.closed).toBeUndefined()
  // Of a placement that is over, it says nothing.
  stage.games.tell('playerLeft', { clientId: ann.id, entityId: ANN, epoch: 1 })
  await stage.clock.advance(LIMITS.linkGraceMs * 2)
  expect(ann.closed).toBeUndefined()
  stage.games.tell('playerLeaving', { clientId: ann.id, entityId: ANN, epoch: 2, gameId: 1 })
  stage.games.tell('playerLeft', { clientId: ann.id, entityId: ANN, epoch: 2 })
  await stage.clock.advance(LIMITS.linkGraceMs + 100)
  expect(ann.closed).toBeDefined()
})
