// Clients with a session that lose their connection: what is kept for them, and how both streams go on where they were cut.
import { describe, expect, test } from 'vitest'
import { RESUMED } from '../../../engine/wire/client-wire.ts'
import { SYNC_WATCHERS } from '../../../engine/wire/messages.ts'
import { ANN, BOB, KIB, methodsOf, numbers, SessionStage } from './session-stage.ts'
import { createBody, idOf } from './stage.ts'

describe('a client that lost its connection', () => {
  test('hears on the next all that was said, once and in order; so do those whom it has called', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.call('0')
    sessions.call(ann, '0')
    await stage.settle()
    ann.one.drop()
    await stage.settle()
    expect(stage.asked('clientLost')).toEqual([{ entityId: ANN, clientId: ann.id }])
    expect(stage.gate.status()).toMatchObject({ clients: 1, lagging: 0, sessions: { lost: 1 } })
    for (const name of ['1', '2']) {
      sessions.call(ann, name)
      ann.one.call(name)
    }
    await stage.clock.advance(14_000)
    await ann.one.connect()
    expect(ann.one.answers).toEqual([RESUMED.no, RESUMED.stream])
    await ann.one.hears('callOnClient', 3)
    await stage.settle()
    expect([methodsOf(ann.one), sessions.called]).toEqual([numbers(3), numbers(3)])
    expect(stage.asked('clientBack')).toEqual([{ entityId: ANN, clientId: ann.id }])
    expect([stage.asked('clientGone'), stage.asked('resumePlayer')]).toEqual([[], []])
    // Nobody is forgotten later, and nothing is kept but what it has just been told of its own words.
    await stage.clock.advance(20_000)
    expect(sessions.sessions).toMatchObject({ count: 1, lost: 0, stream: 1, keptBytes: 512 })
  })

  test('goes on exactly where each of the streams was cut, wherever that is', async () => {
    const whole = await conversation(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    expect(whole.frames).toContain(JSON.stringify(numbers(10)))
    for (let cut = 0; cut <= whole.heardBytes; cut += 2) await conversation(cut, whole.saidBytes, whole.frames)
    for (let cut = 0; cut <= whole.saidBytes; cut += 2) await conversation(whole.heardBytes, cut, whole.frames)
  })

  test('again and again, at random, with chunks cut anywhere, misses and doubles nothing', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const sessions = await SessionStage.start({ seed, split: true })
      const { stage } = sessions
      const ann = await sessions.player(ANN)
      const { one } = ann
      let n = 0
      for (let step = 0; step < 120; step++) {
        const dice = stage.random()
        if (dice < 0.45) {
          sessions.call(ann, `${n}`, 'x'.repeat(Math.floor(stage.random() * 300)))
          one.call(`${n}`, 'y'.repeat(Math.floor(stage.random() * 300)))
          n++
        } else if (dice < 0.6) one.drop()
        else if (!one.connection || dice < 0.7) await one.connect()
        else if (dice < 0.8) one.acknowledges = !one.acknowledges
        await stage.clock.advance(stage.random() * 3)
      }
      await one.connect()
      await stage.clock.advance(2000)
      expect([seed, methodsOf(one), sessions.called]).toEqual([seed, numbers(n), numbers(n)])
      expect([seed, one.answers.slice(1).every((answer) => answer === RESUMED.stream)]).toEqual([seed, true])
      one.acknowledge()
      await stage.settle()
      expect([seed, sessions.sessions.keptBytes]).toEqual([seed, 0])
    }
  })

  test('hears of the latest position of each entity only', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    stage.games.tell('showEntity', showing(BOB, ann.id))
    await ann.one.hears('createEntity')
    ann.one.drop()
    await stage.settle()
    for (let x = 0; x < 500; x++) stage.positions(SYNC_WATCHERS, [BOB, x])
    sessions.call(ann, 'last')
    await stage.interval()
    expect(stage.gate.status().queuedBytes).toBeLessThan(200)
    await ann.one.connect()
    await ann.one.hears('positions')
    expect(ann.one.of('positions').map(({ records }) => records.length)).toEqual([32])
    expect(ann.one.names.slice(-2)).toEqual(['callOnClient', 'positions'])
  })

  test('and does not come again within its grace is gone', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.drop()
    await stage.clock.advance(14_900)
    expect(stage.asked('clientGone')).toEqual([])
    await stage.clock.advance(200)
    expect(stage.asked('clientGone')).toMatchObject([{ entityId: ANN, clientId: ann.id }])
    expect(stage.gate.status()).toMatchObject({
      clients: 0,
      entities: 0,
      sessions: { count: 0, lost: 0, keptBytes: 0 },
    })
  })

  test('is gone at once where there is no grace', async () => {
    const sessions = await SessionStage.start({
      sessions: { graceMs: 0, bytesMax: 64 * KIB, tokens: () => 'token' },
    })
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    expect([ann.one.graceMs, stage.asked('bootEntity')[0]!.session]).toEqual([0, ''])
    ann.one.drop()
    await stage.settle()
    expect(stage.asked('clientGone')).toMatchObject([{ entityId: ANN, clientId: ann.id }])
    await ann.one.connect()
    expect(ann.one.answers).toEqual([RESUMED.no, RESUMED.no])
  })

  test('keeps its place at a full gate', async () => {
    const sessions = await SessionStage.start({ clientsMax: 2 })
    const { stage } = sessions
    const [ann, bob] = [await sessions.player(ANN), await sessions.player(BOB)]
    ann.one.drop()
    await stage.settle()
    const late = sessions.client()
    await late.greet()
    await late.isClosed()
    // Nor is it told farewell: it is to look elsewhere, or come again.
    expect(late.answers).toEqual([])
    await ann.one.connect()
    expect([ann.one.answers.at(-1), bob.one.connection !== undefined]).toEqual([RESUMED.stream, true])
    expect(stage.gate.status()).toMatchObject({ clients: 2, refused: { gateFull: 1 } })
  })

  test('is not closed for its silence; one that was silent is as one that lost its connection', async () => {
    const sessions = await SessionStage.start({ heartbeatMs: 4000 })
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    await ann.one.isClosed()
    await stage.settle()
    expect(stage.gate.status()).toMatchObject({ refused: { silent: 1 }, sessions: { lost: 1 } })
    expect(stage.asked('clientLost')).toHaveLength(1)
    await stage.clock.advance(12_000)
    await ann.one.connect()
    expect(ann.one.answers.at(-1)).toBe(RESUMED.stream)
    expect([stage.asked('clientGone'), stage.gate.status().refused.silent]).toEqual([[], 1])
  })

  test('that its game gives another player: that one is told', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.drop()
    await stage.settle()
    sessions.bind(ann.id, BOB)
    await stage.settle()
    expect(stage.asked('clientLost').map(({ entityId }) => entityId)).toEqual([ANN, BOB])
    await ann.one.connect()
    await ann.one.hears('createEntity')
    await stage.settle()
    expect(ann.one.names.filter((name) => name !== 'taken')).toEqual(['destroyEntity', 'createEntity'])
    expect(stage.asked('clientBack')).toEqual([{ entityId: BOB, clientId: ann.id }])
  })

  test('that its game closes is not heard of again', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.drop()
    await stage.settle()
    stage.games.tell('closeClient', { clientId: ann.id, handed: 0, reason: 'enough' })
    await stage.settle()
    expect(stage.gate.status()).toMatchObject({ clients: 0, leaving: 0 })
    await ann.one.greet()
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
  })
})

describe('a client whose player is asked for', () => {
  const asking = async () => {
    const sessions = await SessionStage.start()
    const one = Object.assign(sessions.client(), { token: 'x'.repeat(22), playerId: ANN })
    await one.greet()
    await sessions.stage.clock.until(() => sessions.stage.asked('resumePlayer').length > 0)
    return { sessions, stage: sessions.stage, one, id: sessions.stage.asked('resumePlayer')[0]!.clientId }
  }

  test('has a new session when its game will not have it, and what comes of it later is not wanted', async () => {
    const { sessions, stage, one, id } = await asking()
    stage.games.tell('resumeRefused', { clientId: id, reason: 'no' })
    await stage.clock.until(() => one.answers.length === 1)
    await stage.settle()
    const [boot] = stage.asked('bootEntity')
    expect([one.answers, boot!.clientId === id, boot!.session]).toEqual([[RESUMED.no], false, one.token])
    expect(one.token).not.toBe('x'.repeat(22))
    sessions.bind(id, ANN)
    stage.games.tell('resumeRefused', { clientId: id, reason: 'once more' })
    sessions.bind(boot!.clientId, boot!.entityId)
    await one.hears('createEntity')
    expect(one.of('createEntity').map(({ entityId }) => entityId)).toEqual([boot!.entityId])
    for (const told of ['clientGone', 'clientRefused'] as const)
      expect(stage.asked(told).filter(({ entityId }) => entityId === ANN)).toHaveLength(1)
  })

  test('has a new session when nobody answers', async () => {
    const { stage, one } = await asking()
    await stage.clock.advance(29_000)
    expect(one.answers).toEqual([])
    await stage.clock.advance(2000)
    expect(one.answers).toEqual([RESUMED.no])
  })

  test('that says something meanwhile loses its connection', async () => {
    const { stage, one } = await asking()
    one.say('heartbeat', {})
    await one.isClosed()
    expect(stage.gate.status().refused).toMatchObject({ tooEarly: 1 })
  })

  test('and loses its connection meanwhile has its player all the same, and its player knows', async () => {
    const { sessions, stage, one, id } = await asking()
    one.drop()
    await stage.settle()
    sessions.bind(id, ANN)
    stage.games.tell('playerRestated', { clientId: id, missed: true })
    await stage.settle()
    expect(stage.asked('clientLost')).toEqual([{ entityId: ANN, clientId: id }])
    expect(stage.gate.status()).toMatchObject({ clients: 1, queuedBytes: 0, sessions: { count: 1, lost: 1 } })
    // Nothing was kept for it: it has to be told anew.
    await one.greet()
    await stage.clock.until(() => stage.asked('resumePlayer').length === 2)
    await stage.clock.advance(16_000)
    expect(stage.asked('clientGone')).toMatchObject([{ entityId: ANN, clientId: id }])
  })

  test('hears the end of what it is told anew, also when the dispatcher died that was to say so', async () => {
    const { sessions, stage, one, id } = await asking()
    sessions.bind(id, ANN)
    await one.hears('createEntity')
    await stage.games.restart()
    stage.games.nameGames(1, 2)
    stage.games.tell('showAnew', { gameId: 1 })
    sessions.bind(id, ANN)
    stage.games.tell('shownAnew', { gameId: 1 })
    await one.hears('restated')
    expect([one.answers, one.of('restated')]).toEqual([[RESUMED.player], [{ missed: true }]])
    stage.games.tell('playerRestated', { clientId: id, missed: true })
    await stage.settle()
    expect(one.of('restated')).toHaveLength(1)
  })
})

describe('two connections of one session', () => {
  test('the second takes the place of the first, though that is still there', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    const first = ann.one.connection!
    // It hears nothing any more, and nobody has noticed.
    ann.one.deafAfter = ann.one.stream.length
    sessions.call(ann, '0')
    await stage.settle()
    ann.one.deafAfter = Number.POSITIVE_INFINITY
    await ann.one.connect()
    sessions.call(ann, '1')
    await ann.one.hears('callOnClient', 2)
    expect(methodsOf(ann.one)).toEqual(['0', '1'])
    expect(ann.one.connection).not.toBe(first)
    expect(ann.one.closings).toHaveLength(1)
    await stage.settle()
    expect([stage.asked('clientLost'), stage.asked('clientBack')]).toEqual([[], []])
    expect(stage.gate.status()).toMatchObject({ clients: 1, sessions: { count: 1, stream: 1 } })
  })

  test('that say hello at once: one has it in the end, and the player is told of nothing', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    const twin = sessions.client()
    Object.assign(twin, { token: ann.one.token, playerId: ANN, stream: [...ann.one.stream], said: [...ann.one.said] })
    ann.one.drop()
    await Promise.all([ann.one.greet(), twin.greet()])
    await stage.clock.advance(100)
    expect([ann.one, twin].filter(({ connection }) => connection !== undefined)).toHaveLength(1)
    expect(stage.gate.status()).toMatchObject({ clients: 1, sessions: { count: 1, lost: 0 } })
    expect(stage.asked('clientGone')).toEqual([])
  })
})

describe('what is kept', () => {
  test('for a client that never acknowledges is bounded; it is told everything anew', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.acknowledges = false
    const { length } = ann.one.stream
    for (let n = 0; n < 100; n++) {
      sessions.call(ann, `${n}`, 'x'.repeat(2 * KIB))
      await stage.clock.advance(5)
    }
    await ann.one.hears('callOnClient', 100)
    expect(sessions.sessions.keptBytes).toBeLessThanOrEqual(64 * KIB)
    expect(sessions.sessions.keptBytes).toBeGreaterThan(40 * KIB)
    ann.one.drop()
    // It has all: that is enough.
    await ann.one.connect()
    expect(ann.one.answers.at(-1)).toBe(RESUMED.stream)
    // It says that it has not, and the first of it is kept no more.
    ann.one.drop()
    await ann.one.greet({ received: length })
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
  })

  test('for one without a connection is as bounded: beyond, its game is asked when it comes', async () => {
    const sessions = await SessionStage.start()
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.drop()
    await stage.settle()
    let most = 0
    for (let n = 0; n < 100; n++) {
      sessions.call(ann, `${n}`, 'x'.repeat(KIB))
      await stage.clock.advance(5)
      most = Math.max(most, stage.gate.status().queuedBytes)
    }
    expect([most > 50 * KIB, most <= 64 * KIB, stage.gate.status().queuedBytes]).toEqual([true, true, 0])
    await ann.one.greet({ playerId: 'another_player__' })
    // Whom it plays the gate knows better.
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
    const [{ entityId, clientId, token }] = stage.asked('resumePlayer') as [ReturnType<typeof asked>]
    expect([entityId, token, clientId === ann.id]).toEqual([ANN, ann.one.token, false])
    stage.games.tell('sessionMoved', { clientId: ann.id })
    sessions.bind(clientId, ANN)
    stage.games.tell('playerRestated', { clientId, missed: true })
    await ann.one.hears('restated')
    expect(ann.one.answers.at(-1)).toBe(RESUMED.player)
    expect(ann.one.names).toEqual(['createEntity', 'restated'])
    expect(stage.asked('clientGone')).toEqual([])
    expect(stage.gate.status()).toMatchObject({ clients: 1, sessions: { count: 1, lost: 0, player: 1 } })

    function asked() {
      return stage.asked('resumePlayer')[0]!
    }
  })

  test('for one whose game will not have it any more is forgotten: it has its place even at a full gate', async () => {
    const sessions = await SessionStage.start({ clientsMax: 1 })
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.drop()
    await stage.settle()
    for (let n = 0; n < 100; n++) sessions.call(ann, `${n}`, 'x'.repeat(KIB))
    await stage.settle()
    await ann.one.greet()
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
    stage.games.tell('resumeRefused', { clientId: stage.asked('resumePlayer')[0]!.clientId, reason: 'no' })
    await stage.clock.until(() => ann.one.answers.length === 2)
    expect(ann.one.answers).toEqual([RESUMED.no, RESUMED.no])
    await stage.settle()
    expect(stage.asked('clientGone').map(({ clientId }) => clientId)).toContain(ann.id)
    expect(stage.gate.status()).toMatchObject({ clients: 1, sessions: { count: 1, lost: 0, refused: 1 } })
  })

  test('for one that does not read is given up with its connection, and its player stays', async () => {
    const sessions = await SessionStage.start({ clientQueueBytesMax: 64 * KIB })
    const { stage } = sessions
    const ann = await sessions.player(ANN)
    ann.one.connection!.pause()
    for (let n = 0; n < 100; n++) sessions.call(ann, `${n}`, 'x'.repeat(KIB))
    await ann.one.isClosed()
    await stage.settle()
    expect(stage.gate.status()).toMatchObject({ refused: { overflow: 1 }, queuedBytes: 0, sessions: { lost: 1 } })
    expect([stage.asked('clientLost').length, stage.asked('clientGone')]).toEqual([1, []])
    await ann.one.greet()
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
  })
})

const showing = (entityId: string, ...clientIds: string[]) => ({
  entityId,
  epoch: 1,
  gameId: 1,
  calm: false,
  clientIds,
  body: createBody(entityId),
})

/** Each says some things; of what is heard and of what is said only so many bytes get through before the connection breaks. */
async function conversation(heard: number, said: number, expected?: string) {
  const sessions = await SessionStage.start()
  const { stage } = sessions
  const ann = await sessions.player(ANN)
  const { one } = ann
  one.acknowledges = false
  const before = [one.stream.length, one.said.length] as const
  one.deafAfter = before[0] + heard
  one.muteAfter = before[1] + said
  for (let n = 0; n < 5; n++) {
    sessions.call(ann, `${n}`)
    stage.games.tell('showEntity', showing(idOf(`npc${n}`), ann.id))
  }
  for (let n = 0; n < 10; n++) one.call(`${n}`)
  const saidBytes = one.said.length - before[1]
  await stage.settle()
  const heardBytes = one.stream.length - before[0]
  one.drop()
  one.deafAfter = one.muteAfter = Number.POSITIVE_INFINITY
  await stage.settle()
  await one.connect()
  await stage.settle()
  const frames = JSON.stringify([one.names.filter((name) => name !== 'taken'), sessions.called])
  expect([heard, said, frames]).toEqual([heard, said, expected ?? frames])
  return { heardBytes, saidBytes, frames }
}
