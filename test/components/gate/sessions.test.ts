// Clients with a session at the gate: how they begin, what they hear of it, and how they end.
import { describe, expect, test } from 'vitest'
import { RESUMED } from '../../../engine/wire/client-wire.ts'
import type { SessionClient } from '../session-client.ts'
import { ANN, SessionStage } from './session-stage.ts'
import { GATE_ID, idOf, Stage } from './stage.ts'

describe('a session that begins', () => {
  test('gets a token, its welcome first, and a boot entity that knows of it', async () => {
    const sessions = await SessionStage.start()
    const one = await sessions.client().connect()
    expect([one.answers, one.token.length, one.graceMs]).toEqual([[RESUMED.no], 22, 15_000])
    await sessions.stage.settle()
    expect(sessions.stage.asked('bootEntity')).toMatchObject([{ gateId: GATE_ID, session: one.token }])
    const other = await sessions.client().connect()
    expect(other.token).not.toBe(one.token)
    expect(sessions.sessions).toMatchObject({ count: 2, lost: 0, new: 2 })
  })

  test('has no boot entity before its hello, and is closed when that does not come', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const silent = sessions.client()
    await silent.open()
    await stage.clock.advance(9000)
    expect([stage.asked('bootEntity'), silent.closings]).toEqual([[], []])
    await silent.isClosed()
    expect(stage.gate.status()).toMatchObject({ clients: 0, refused: { noHello: 1 } })
    expect(stage.asked('clientGone')).toEqual([])
  })

  test('on a stream that nobody announced keeps the boot entity, whose game is told', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const one = await sessions.client({ isPlain: true }).connect()
    await stage.settle()
    const [boot, ...more] = stage.asked('bootEntity')
    const { entityId, clientId } = boot!
    expect([boot!.session, more]).toEqual(['', []])
    expect(stage.asked('sessionBegun')).toEqual([{ entityId, clientId, session: one.token }])
    // It may have been given to another before its game heard of that.
    sessions.bind(clientId, ANN)
    sessions.bind(clientId, entityId)
    await one.hears('createEntity')
    await stage.settle()
    expect(stage.asked('sessionBegun').map((begun) => begun.entityId)).toContain(entityId)
  })

  test('on such a stream after its first entity was there gets another, of which it hears all', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const late = sessions.client({ isPlain: true })
    await late.open()
    await stage.clock.until(() => stage.asked('bootEntity').length === 1)
    const { clientId, entityId } = stage.asked('bootEntity')[0]!
    sessions.bind(clientId, entityId)
    await stage.settle()
    late.hello()
    await stage.clock.until(() => stage.asked('bootEntity').length === 2)
    const again = stage.asked('bootEntity')[1]!
    expect(again.session).toBe(late.token)
    expect(again.clientId).not.toBe(clientId)
    expect(stage.asked('clientGone')).toMatchObject([{ entityId, clientId }])
    sessions.bind(again.clientId, again.entityId)
    await late.hears('createEntity')
    expect(late.of('createEntity')).toMatchObject([{ entityId: again.entityId, isPlayer: true }])
  })

  test('and is the first beyond clients_max is turned away', async () => {
    const sessions = await SessionStage.start({ clientsMax: 1 })
    await sessions.client().connect()
    const second = sessions.client()
    await second.greet()
    await second.isClosed()
    expect(sessions.stage.gate.status()).toMatchObject({ clients: 1, refused: { gateFull: 1 } })
  })
})

describe('a hello', () => {
  const wrong: [string, (one: SessionClient) => Promise<void>, string][] = [
    ['of another version', (one) => one.greet({ version: 2 }), 'badHello'],
    ['with a token of a megabyte', (one) => one.greet({ token: 'x'.repeat(1024 * 1024) }), 'badHello'],
    ['with a token that is too long', (one) => one.greet({ token: 'x'.repeat(65) }), 'badHello'],
    ['of somebody who plays what cannot be', (one) => one.greet({ token: 'x', playerId: 'bob' }), 'badHello'],
    ['that is cut off', (one) => one.write([6, 0, 0, 0, 0xb9, 0x0b, 1, 0, 0, 0]), 'badHello'],
    ['in place of which something else comes', (one) => one.write([2, 0, 0, 0, 0xd1, 7]), 'tooEarly'],
  ]
  test.each(wrong)('%s costs the connection', async (_, say, reason) => {
    const sessions = await SessionStage.start({ clientPacketBytesMax: 2 * 1024 * 1024 })
    const one = sessions.client()
    await say(one)
    await one.isClosed()
    const { clients, refused } = sessions.stage.gate.status()
    expect([clients, refused[reason as 'badHello'], sessions.stage.asked('bootEntity')]).toEqual([0, 1, []])
    // Who knows how to say hello is told that it need not come again.
    if (reason === 'badHello') expect(one.answers).toEqual(['a hello that cannot be taken'])
  })

  test.each(['twice', 'late'])('that comes %s costs the connection', async (when) => {
    const sessions = await SessionStage.start()
    const one = sessions.client({ isPlain: true })
    if (when === 'twice') await one.connect()
    else await one.open()
    if (when === 'late') one.say('heartbeat', {})
    one.hello()
    await one.isClosed()
    expect(sessions.stage.gate.status()).toMatchObject({ clients: 0, refused: { lateHello: 1 } })
  })

  test('is unknown to a gate without sessions', async () => {
    const sessions = await SessionStage.start({ sessions: undefined })
    const one = sessions.client({ isPlain: true })
    await one.greet()
    await one.isClosed()
    expect(sessions.stage.gate.status().refused).toMatchObject({ unknownType: 1 })
  })

  test("is what GoWorld's clients need not say, and all else that sessions say costs them the connection", async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    client.bytes(6, 0, 0, 0, 0xbb, 0x0b, 0, 0, 0, 0)
    await client.isClosed()
    expect(stage.gate.status().refused).toMatchObject({ unknownType: 1 })
  })

  test('of a flood of them costs one question each, and no more', async () => {
    const sessions = await SessionStage.start({ clientsMax: 50 })
    const { stage } = sessions
    const token = 'x'.repeat(22)
    const flood = Array.from({ length: 200 }, () => sessions.client())
    for (const one of flood) await one.greet({ token, playerId: ANN })
    await stage.settle()
    expect(stage.asked('resumePlayer')).toHaveLength(50)
    expect(stage.gate.status()).toMatchObject({ clients: 50, refused: { gateFull: 150 } })
    for (const one of flood) one.drop()
    // They are forgotten when nobody has answered.
    await stage.clock.until(() => stage.gate.status().clients === 0, 60_000)
    expect(sessions.sessions).toMatchObject({ count: 0, asking: 0, keptBytes: 0 })
  })
})

describe('a session', () => {
  test('is told within a second how much has come, and never because of acknowledgements alone', async () => {
    const sessions = await SessionStage.start()
    const { clock } = sessions.stage
    const { one } = await sessions.player(ANN)
    await clock.advance(3000)
    one.heard = []
    one.acknowledge()
    one.acknowledge()
    await clock.advance(5000)
    expect(one.heard).toEqual([])
    one.call('hello')
    const said = one.said.length
    await clock.advance(1100)
    expect(one.of('taken')).toEqual([{ bytes: said }])
    // And at once when it is much.
    one.call('long', 'x'.repeat(20_000))
    await clock.advance(50)
    expect(one.taken).toBe(one.said.length)
  })

  test('hears the time of the gate in its welcome and with every ping', async () => {
    const sessions = await SessionStage.start()
    const { clock } = sessions.stage
    const { one } = await sessions.player(ANN)
    await clock.advance(5000)
    one.say('ping', { no: 7 })
    await one.hears('pong')
    const { no, serverMs } = one.of('pong')[0]!
    expect([no, clock.wallMs() - Number(serverMs) < 10]).toEqual([7, true])
    one.write([4, 0, 0, 0, 0xbb, 0x0b, 0, 0])
    await one.isClosed()
    expect(sessions.stage.gate.status().refused).toMatchObject({ malformed: 1 })
  })

  test('that says it has what was never said is told farewell', async () => {
    const sessions = await SessionStage.start()
    const { one } = await sessions.player(ANN)
    one.say('received', { bytes: one.stream.length + 1000 })
    await one.isClosed()
    expect(one.of('farewell')).toHaveLength(1)
    expect(sessions.stage.gate.status()).toMatchObject({ clients: 0, refused: { falseReceived: 1 } })
    expect(sessions.sessions).toMatchObject({ count: 0, keptBytes: 0 })
  })

  test('that says farewell is over at once', async () => {
    const sessions = await SessionStage.start()
    const { one, id } = await sessions.player(ANN)
    one.say('farewell', { reason: 'that was all' })
    await one.isClosed()
    expect(sessions.stage.asked('clientGone')).toMatchObject([{ entityId: ANN, clientId: id }])
    expect(sessions.stage.asked('clientLost')).toEqual([])
    expect(sessions.sessions.count).toBe(0)
  })

  test('that its game closes hears a farewell with the reason, and does not go on', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const { one, id } = await sessions.player(ANN)
    stage.games.tell('closeClient', { clientId: id, handed: 0, reason: 'enough' })
    await one.isClosed()
    expect(one.of('farewell')).toEqual([{ reason: 'closed by its game: enough' }])
    await one.greet()
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
  })

  test('that its game says goes on elsewhere is let go without a farewell, and its player is not told', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const { one, id } = await sessions.player(ANN)
    stage.games.tell('sessionMoved', { clientId: id })
    await one.isClosed()
    await stage.settle()
    expect([one.of('farewell'), stage.asked('clientGone'), stage.asked('clientLost')]).toEqual([[], [], []])
    expect(stage.gate.status()).toMatchObject({ clients: 0, entities: 0, leaving: 0 })
  })

  test('that no game takes comes again for another first entity', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const one = await sessions.client().connect()
    const { token } = one
    await stage.clock.advance(60_000)
    expect(one.closings).toEqual([])
    await stage.clock.advance(20_000)
    expect([one.closings.length, one.of('farewell')]).toEqual([1, []])
    expect(stage.gate.status()).toMatchObject({ clients: 0, refused: { notBooted: 1 }, sessions: { count: 0 } })
    await one.connect()
    expect([one.answers, one.token === token]).toEqual([[RESUMED.no, RESUMED.no], false])
    await stage.settle()
    expect(stage.asked('bootEntity')).toHaveLength(2)
  })

  test('whose player lives elsewhere by now, as another, may come again', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const { one, id } = await sessions.player(ANN)
    stage.games.tell('closePlayer', {
      clientId: id,
      entityId: ANN,
      epoch: 1,
      reason: 'its player lives elsewhere by now',
    })
    await one.isClosed()
    expect(one.of('farewell')).toEqual([])
  })

  test('hears that it has to move on, how much has come, and is served until it does', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const [ann, bob] = [await sessions.player(ANN), await sessions.player(idOf('bob'))]
    ann.one.call('before')
    const before = ann.one.said.length
    bob.one.drop()
    await stage.settle()
    stage.gate.moveOn('a new one is there')
    await ann.one.hears('moveOn')
    expect(ann.one.taken).toBeGreaterThanOrEqual(before)
    ann.one.call('after')
    await stage.clock.advance(50)
    expect([sessions.called, ann.one.taken]).toEqual([['before', 'after'], ann.one.said.length])
    // Who was away hears it too, and who still comes.
    await bob.one.connect()
    await bob.one.hears('moveOn')
    const late = await sessions.client().connect()
    await late.hears('moveOn')
  })

  test('is told to move on by a gate that stops, and is not bidden farewell', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const { one } = await sessions.player(ANN)
    const stopping = stage.gate.stop()
    await one.isClosed()
    await stage.settle()
    await stopping
    expect(one.names.filter((name) => name === 'moveOn' || name === 'farewell')).toEqual(['moveOn'])
    expect(stage.asked('clientGone')).toEqual([])
  })
})
