// A client that is handed from one player to another: the gate knows how often, and believes the last one alone.
import { expect, test } from 'vitest'
import { SessionStage } from './session-stage.ts'
import { createBody, idOf, Stage } from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')

test('who has had a client does not get it back by a word that comes late, and is told', async () => {
  const stage = await Stage.start()
  const client = await stage.player(ANN)
  stage.bind(client, BOB, { handed: 2, gameId: 2 })
  await client.hears('createEntity')
  client.forget()
  stage.bind(client, ANN, { handed: 1 })
  await stage.games.hears('clientRefused')
  expect(stage.games.of('clientRefused')).toEqual([{ gameId: 1, entityId: ANN, clientId: client.id, handed: 1 }])
  expect(client.heard).toEqual([])
  expect(stage.gate.status()).toMatchObject({ stale: 1, entities: 1 })
  // The same, said anew, is none.
  stage.bind(client, BOB, { handed: 2, gameId: 2 })
  stage.callClient(client, BOB, 'hello')
  await client.hears('callOnClient')
  expect([client.heard.length, stage.games.of('clientRefused').length]).toEqual([1, 1])
})

test('a game closes a client for as long as nobody else has been given it', async () => {
  const stage = await Stage.start()
  const client = await stage.player(ANN)
  stage.bind(client, BOB, { handed: 1 })
  stage.games.tell('closeClient', { clientId: client.id, handed: 0, reason: 'its player was not there' })
  await stage.settle()
  expect(stage.gate.status()).toMatchObject({ clients: 1 })
  stage.games.tell('closeClient', { clientId: client.id, handed: 1, reason: 'its player was destroyed' })
  await client.isClosed()
})

test('a player that a client with a session has asked for in vain can be given to it later', async () => {
  const sessions = await SessionStage.start()
  const { stage } = sessions
  const one = sessions.client()
  await one.greet({ token: 'unknown', playerId: ANN })
  await stage.games.hears('resumePlayer')
  const { clientId } = stage.asked('resumePlayer')[0]!
  stage.games.tell('resumeRefused', { clientId, reason: 'there is no such entity' })
  await stage.games.hears('bootEntity')
  const { entityId: bootId } = stage.asked('bootEntity')[0]!
  sessions.bind(clientId, bootId)
  // It may still have been on its way to the client: nobody wants that any more.
  sessions.bind(clientId, ANN)
  await stage.games.hears('clientGone')
  expect(stage.asked('clientGone')).toMatchObject([{ entityId: ANN, clientId }])
  // But then it logs in.
  const body = createBody(ANN, 'Avatar', true)
  stage.games.tell('bindPlayer', { clientId, handed: 1, entityId: ANN, epoch: 2, gameId: 1, syncing: true, body })
  await one.hears('createEntity', 2)
  expect(one.of('createEntity').map(({ entityId }) => entityId)).toEqual([bootId, ANN])
  expect(stage.asked('clientGone')).toHaveLength(1)
})
