// A client that is handed from one player to another: the gate knows how often, and believes the last one alone.
import { describe, expect, test } from 'vitest'
import { SessionStage } from './session-stage.ts'
import { createBody, idOf, LIMITS, Stage } from './stage.ts'

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

describe('a client that is given to a placement of which there is a later one', () => {
  /** Bob lives in game 2 by now; elsewhere nobody knows, and Ann gives her client to the one who was there. */
  const begin = async () => {
    const stage = await Stage.start()
    const [client, other] = [await stage.player(ANN), await stage.player(idOf('eve'), { gameId: 2 })]
    stage.show(BOB, [other], { epoch: 4, gameId: 2 })
    await other.hears('createEntity')
    stage.unbind(client, ANN)
    stage.bind(client, BOB, { epoch: 3, handed: 1, gameId: 3 })
    await stage.settle()
    expect([client.closed, stage.gate.status().stale]).toEqual([undefined, 1])
    const lapse = () => stage.clock.advance(LIMITS.linkGraceMs + 1000)
    const close = () =>
      stage.games.tell('closePlayer', { clientId: client.id, entityId: BOB, epoch: 3, reason: 'elsewhere by now' })
    return { stage, client, other, lapse, close }
  }

  test('plays nobody for a while, and is closed', async () => {
    const { stage, client, other, lapse } = await begin()
    await lapse()
    expect([client.closed === undefined, other.closed]).toEqual([false, undefined])
    expect(stage.asked('clientGone')).toHaveLength(1)
  })

  test('is closed also when whoever gave it hears that it was taken', async () => {
    const { stage, client, lapse } = await begin()
    stage.games.tell('clientOffered', { clientId: client.id, handed: 0, gameId: 0 })
    await lapse()
    expect(client.closed).toBeDefined()
  })

  test('is closed by whoever gave it, to whom nobody answered', async () => {
    const { stage, client } = await begin()
    stage.games.tell('closeClient', { clientId: client.id, handed: 0, reason: 'its player was not there' })
    await client.isClosed()
  })

  test('is that of the later one, to whom the offer was repeated', async () => {
    const { stage, client, lapse, close } = await begin()
    close()
    stage.bind(client, BOB, { epoch: 4, handed: 1, gameId: 2 })
    await client.hears('createEntity')
    // Once more, and too late.
    stage.bind(client, BOB, { epoch: 3, handed: 1, gameId: 3 })
    await lapse()
    expect(client.closed).toBeUndefined()
  })

  test('is not taken for lost by what comes late while it is on offer to somebody else', async () => {
    const { stage, client } = await begin()
    stage.bind(client, ANN, { handed: 2 })
    await client.hears('createEntity')
    stage.unbind(client, ANN)
    stage.bind(client, BOB, { epoch: 3, handed: 2, gameId: 3 })
    await stage.clock.advance(2 * LIMITS.linkGraceMs)
    expect(client.closed).toBeUndefined()
  })
})

test('a player that a client with a session has asked for in vain can be given to it later', async () => {
  const sessions = await SessionStage.start()
  const { stage } = sessions
  const one = sessions.client()
  await one.greet({ token: 'unknown', playerId: ANN })
  await stage.games.hears('resumePlayer')
  const { clientId: before } = stage.asked('resumePlayer')[0]!
  stage.games.tell('resumeRefused', { clientId: before, reason: 'there is no such entity' })
  await stage.games.hears('bootEntity')
  const { entityId: bootId, clientId } = stage.asked('bootEntity')[0]!
  sessions.bind(clientId, bootId)
  // It may still have been on its way to the client: nobody wants that any more.
  sessions.bind(before, ANN)
  await stage.games.hears('clientGone')
  expect(stage.asked('clientGone')).toMatchObject([{ entityId: ANN, clientId: before }])
  // But then it logs in.
  const body = createBody(ANN, 'Avatar', true)
  stage.games.tell('bindPlayer', { clientId, handed: 1, entityId: ANN, epoch: 2, gameId: 1, syncing: true, body })
  await one.hears('createEntity', 2)
  expect(one.of('createEntity').map(({ entityId }) => entityId)).toEqual([bootId, ANN])
  expect(stage.asked('clientGone')).toHaveLength(1)
})
