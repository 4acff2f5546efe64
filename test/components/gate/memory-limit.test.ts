// What clients cost in memory, all together: bounded, at the expense of those that cost the most.
import { describe, expect, test } from 'vitest'
import { JsonClient } from '../../../components/gate/json-client.ts'
import { seededTokens } from '../../../components/gate/tokens.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { RESUMED } from '../../../engine/wire/client-wire.ts'
import { ANN, BOB, KIB, methodsOf, numbers, SessionStage } from './session-stage.ts'
import { bodyOf, createBody, type FakeClient, idOf, Pipe, Stage } from './stage.ts'

const LIMIT = 256 * KIB
/** It is looked twice a second, and acted on what is so at two looks running. */
const LOOK_MS = 1100
const REASON = 'the gate needs the memory that it takes'

async function players(count: number) {
  const stage = await Stage.start({ clientsBytesMax: LIMIT })
  const all: FakeClient[] = []
  for (let n = 0; n < count; n++) all.push(await stage.player(idOf(`p${n}`)))
  return { stage, all }
}

const closedOf = (all: readonly FakeClient[]) => all.flatMap(({ closed }, at) => (closed === undefined ? [] : [at]))

describe('what clients have yet to hear', () => {
  test('closes those that do not read most of it when all together it is too much, and nobody else', async () => {
    const { stage, all } = await players(8)
    // Three that do not read: 150, 90 and 60 KiB wait for them. None is too much for itself.
    for (const [at, kib] of [150, 90, 60].entries()) {
      all[at]!.connection.pause()
      for (let n = 0; n < kib; n++) stage.callClient(all[at]!, idOf(`p${at}`), 'm', 'x'.repeat(KIB))
      await stage.settle()
    }
    const quick = all.slice(3)
    for (let n = 0; n < 100; n++) {
      for (const [at, one] of quick.entries()) stage.callClient(one, idOf(`p${at + 3}`), 'm', 'y'.repeat(KIB))
      await stage.clock.advance(5)
    }
    await stage.clock.advance(LOOK_MS)
    expect(closedOf(all)).toEqual([0])
    expect(stage.gate.status()).toMatchObject({ clients: 7, refused: { memory: 1, overflow: 0 } })
    expect(stage.gate.status().clientBytes).toBeLessThan(LIMIT)
    expect(stage.log.matching('error', `clients_bytes_max is ${LIMIT}`)).toHaveLength(1)
    expect(stage.log.matching('warn', REASON)).toHaveLength(1)
    expect(stage.asked('clientGone').map(({ entityId }) => entityId)).toEqual([idOf('p0')])
    for (const one of quick) expect(one.of('callOnClient')).toHaveLength(100)
    // There is enough again.
    await stage.clock.advance(10 * LOOK_MS)
    expect(closedOf(all)).toEqual([0])
  })

  test('closes as many as have to go, in one look, and says so once', async () => {
    const { stage, all } = await players(20)
    for (const one of all) one.connection.pause()
    for (let round = 0; round < 30; round++) {
      for (const [at, one] of all.entries()) stage.callClient(one, idOf(`p${at}`), 'm', 'x'.repeat(KIB))
      await stage.clock.advance(1)
    }
    expect(stage.gate.status().queuedBytes).toBeGreaterThan(2 * LIMIT)
    await stage.clock.advance(LOOK_MS)
    const { clients, clientBytes, refused } = stage.gate.status()
    expect([clients, closedOf(all).length]).toEqual([20 - refused.memory, refused.memory])
    expect(clientBytes).toBeLessThanOrEqual(LIMIT * (7 / 8))
    expect(clientBytes).toBeGreaterThan(LIMIT / 2)
    expect(stage.log.matching('error', 'clients_bytes_max')).toHaveLength(1)
    // Soon after it is too much again: that has been said.
    for (const [at, one] of all.entries())
      if (one.closed === undefined)
        for (let n = 0; n < 100; n++) stage.callClient(one, idOf(`p${at}`), 'm', 'x'.repeat(KIB))
    await stage.clock.advance(LOOK_MS)
    expect(stage.gate.status().refused.memory).toBeGreaterThan(refused.memory)
    expect(stage.log.matching('error', 'clients_bytes_max')).toHaveLength(1)
  })
})

test('what is said to everybody at once, and read in a moment, closes nobody', async () => {
  const { stage, all } = await players(12)
  for (const one of all) one.connection.pause()
  for (let n = 0; n < 30; n++)
    for (const [at, one] of all.entries()) stage.callClient(one, idOf(`p${at}`), 'm', 'x'.repeat(KIB))
  await stage.clock.until(() => stage.gate.status().clientBytes > LIMIT, 2000, 'it is seen that it is too much')
  for (const one of all) one.connection.resume()
  await stage.clock.advance(5 * LOOK_MS)
  expect(closedOf(all)).toEqual([])
  for (const one of all) expect(one.of('callOnClient')).toHaveLength(30)
})

test('those that are closed and still read their last words are counted, and cut off when they cost the most', async () => {
  const stage = await Stage.start({ clientsBytesMax: LIMIT })
  const stays = await stage.player(idOf('stays'))
  const pipes = Array.from({ length: 9 }, () => new Pipe())
  for (const pipe of pipes) {
    stage.gate.accept(pipe)
    await stage.settle()
    const { clientId, entityId } = stage.asked('bootEntity').at(-1)!
    const body = createBody(entityId, 'Avatar', true)
    stage.games.tell('bindPlayer', { clientId, handed: 0, entityId, epoch: 1, gameId: 1, syncing: true, body })
    const call = bodyOf('callOnClient', { entityId, method: 'm', args: ['x'.repeat(60 * KIB)] })
    stage.games.tell('callClient', { clientId, body: call })
    stage.games.tell('closeClient', { clientId, handed: 0, reason: 'kicked' })
  }
  await stage.settle()
  expect(stage.gate.status()).toMatchObject({ clients: 1, leaving: 9 })
  await stage.clock.advance(LOOK_MS)
  expect(stage.gate.status().clientBytes).toBeLessThanOrEqual(LIMIT)
  expect(stage.gate.status().clientBytes).toBeGreaterThan(LIMIT / 2)
  const cut = pipes.filter(({ ended }) => ended === 'memory').length
  expect([cut > 3, cut < 8, stays.closed]).toEqual([true, true, undefined])
})

test('what a JSON client has said before it has a player is counted', async () => {
  const stage = await Stage.start({ clientsBytesMax: LIMIT })
  const pipes = Array.from({ length: 3 }, () => new Pipe())
  for (const pipe of pipes) stage.gate.accept(new JsonClient(pipe, { add() {} } as never))
  for (const pipe of pipes) pipe.receive(new Uint8Array(100 * KIB))
  await stage.clock.advance(LOOK_MS)
  expect(pipes.map(({ ended }) => ended !== undefined)).toEqual([true, false, false])
  expect(stage.gate.status().clientBytes).toBe(200 * KIB)
})

test('messages of which the end does not come are counted as well', async () => {
  const { stage, all } = await players(10)
  // Each announces 60 KiB and sends 50.
  for (const one of all.slice(1)) {
    one.bytes(0, 240, 0, 0)
    one.connection.write(new Uint8Array(50 * KIB))
  }
  await stage.clock.advance(LOOK_MS)
  expect(stage.gate.status().clientBytes).toBeLessThanOrEqual(LIMIT)
  expect(closedOf(all).length).toBeGreaterThan(4)
  expect(closedOf(all).length).toBeLessThan(9)
  expect(closedOf(all)).not.toContain(0)
})

describe('for a client with a session that has lost its connection', () => {
  const begin = async () => {
    const sessions = { graceMs: 60_000, bytesMax: 200 * KIB, tokens: seededTokens(seededRandom(1)) }
    const stages = await SessionStage.start({ clientsBytesMax: LIMIT, clientQueueBytesMax: 1024 * KIB, sessions })
    const ann = await stages.player(ANN)
    const bob = await stages.stage.player(BOB)
    ann.one.drop()
    await stages.stage.settle()
    const say = async (kib: { ann: number; bob: number }) => {
      bob.connection.pause()
      for (let n = 0; n < kib.ann; n++) stages.call(ann, `${n}`, 'x'.repeat(KIB))
      for (let n = 0; n < kib.bob; n++) stages.stage.callClient(bob, BOB, 'm', 'x'.repeat(KIB))
      await stages.stage.clock.advance(LOOK_MS)
    }
    return { stages, stage: stages.stage, ann, bob, say }
  }

  test('all is kept while others cost more', async () => {
    const { stage, ann, bob, say } = await begin()
    await say({ ann: 40, bob: 240 })
    expect(bob.closed).toBeDefined()
    expect(stage.gate.status()).toMatchObject({ sessions: { lost: 1 }, refused: { memory: 1 } })
    await ann.one.connect()
    await stage.settle()
    expect([ann.one.answers.at(-1), methodsOf(ann.one)]).toEqual([RESUMED.stream, numbers(40)])
  })

  test('nothing is left of what it began to say, and there is room for others again', async () => {
    const { stages, stage } = await begin()
    for (let n = 0; n < 6; n++) {
      const { one } = await stages.player(idOf(`p${n}`))
      // Of 60 KiB.
      one.connection!.write(Uint8Array.of(0, 240, 0, 0))
      one.connection!.write(new Uint8Array(50 * KIB))
      await stage.settle()
      one.drop()
    }
    await stage.clock.advance(30_000)
    expect(stage.gate.status().sessions.lost).toBe(7)
    expect(stage.gate.status().clientBytes).toBeLessThan(LIMIT * (7 / 8))
    expect(stage.log.matching('error', 'clients_bytes_max')).toHaveLength(1)
  })

  test('nothing is kept when it costs the most, and it is told everything anew', async () => {
    const { stage, ann, bob, say } = await begin()
    await say({ ann: 150, bob: 120 })
    expect(bob.closed).toBeUndefined()
    // It has done nothing, and is not refused: it is a client that comes again too late for what was said.
    expect(stage.gate.status()).toMatchObject({ sessions: { lost: 1 }, refused: { memory: 0 } })
    expect(stage.gate.status().clientBytes).toBeLessThan(LIMIT * (7 / 8))
    await ann.one.greet()
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
    expect(stage.asked('clientGone')).toEqual([])
  })

  test('one that does not read is cut, nothing is kept, and it may come again', async () => {
    const { stage, ann, say } = await begin()
    await ann.one.connect()
    await stage.settle()
    ann.one.connection!.pause()
    await say({ ann: 150, bob: 120 })
    await ann.one.isClosed()
    expect(stage.gate.status()).toMatchObject({ refused: { memory: 1 }, sessions: { lost: 1 } })
    await ann.one.greet()
    await stage.clock.until(() => stage.asked('resumePlayer').length === 1)
    expect(stage.asked('clientGone')).toEqual([])
  })
})

test('what is kept for a client with a session counts, though it has been sent', async () => {
  const sessions = { graceMs: 60_000, bytesMax: 200 * KIB, tokens: seededTokens(seededRandom(1)) }
  const stages = await SessionStage.start({ clientsBytesMax: LIMIT, sessions })
  const ann = await stages.player(ANN)
  ann.one.acknowledges = false
  for (let n = 0; n < 40; n++) {
    stages.call(ann, `${n}`, 'x'.repeat(KIB))
    await stages.stage.settle()
  }
  await stages.stage.clock.advance(LOOK_MS)
  const { queuedBytes, clientBytes } = stages.stage.gate.status()
  expect(queuedBytes).toBe(0)
  expect(clientBytes).toBeGreaterThan(40 * KIB)
})

test('what the connection of a client with a session has yet to send counts, kept or not', async () => {
  const sessions = { graceMs: 60_000, bytesMax: 32 * KIB, tokens: seededTokens(seededRandom(1)) }
  const stages = await SessionStage.start({ clientsBytesMax: LIMIT, clientQueueBytesMax: 1024 * KIB, sessions })
  const { stage } = stages
  for (let n = 0; n < 6; n++) {
    const { one, id } = await stages.player(idOf(`p${n}`))
    one.connection!.pause()
    const body = bodyOf('callOnClient', { entityId: idOf(`p${n}`), method: 'm', args: ['x'.repeat(100 * KIB)] })
    stage.games.tell('callClient', { clientId: id, body })
    await stage.settle()
  }
  await stage.clock.advance(2 * LOOK_MS)
  const { queuedBytes, clientBytes, refused, sessions: counts } = stage.gate.status()
  expect(clientBytes).toBeGreaterThanOrEqual(queuedBytes)
  expect(clientBytes).toBeLessThanOrEqual(LIMIT)
  expect(refused.memory).toBe(counts.lost)
  expect(refused.memory).toBeGreaterThan(2)
  expect(refused.memory).toBeLessThan(6)
})
