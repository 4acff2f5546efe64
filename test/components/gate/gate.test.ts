// The gate among its dispatchers: clients come, wait, get their boot entity, and leave; dispatchers and games die.
import { describe, expect, test } from 'vitest'
import { BOOT_MS, UNFINISHED_MS } from '../../../components/gate/heartbeat.ts'
import { bucketOfText } from '../../../engine/base/id-table.ts'
import { FakeClient, GATE_ID, idOf, LIMITS, Pipe, Stage } from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')

describe('a client that comes', () => {
  test('gets a boot entity at the dispatcher of that entity, and ids of its own', async () => {
    const stage = await Stage.start({ dispatcherCount: 3 })
    for (let n = 0; n < 20; n++) await stage.client()
    stage.dispatchers.forEach((dispatcher, at) => {
      for (const { entityId, gateId } of dispatcher.of('bootEntity')) {
        expect([bucketOfText(entityId, 3), gateId]).toEqual([at, GATE_ID])
      }
    })
    const asked = stage.asked('bootEntity')
    expect(new Set(asked.flatMap(({ entityId, clientId }) => [entityId, clientId])).size).toBe(40)
  })

  test('waits until the deployment is ready', async () => {
    const stage = await Stage.start({ deployed: false })
    const early = [await stage.connect(), await stage.connect()]
    await stage.settle()
    expect(stage.asked('bootEntity')).toEqual([])
    expect(stage.gate.status()).toMatchObject({ ready: false, clients: 2, waiting: 2 })
    early[0]!.connection.close()
    await stage.settle()
    await stage.deploy()
    await stage.games.hears('bootEntity')
    await stage.settle()
    // Who left before anybody was asked is not spoken of.
    expect([stage.asked('bootEntity').length, stage.asked('clientGone').length]).toEqual([1, 0])
    expect(stage.gate.status()).toMatchObject({ ready: true, clients: 1, waiting: 0 })
  })

  test('may come before the dispatchers do', async () => {
    const stage = await Stage.start({ dispatcherCount: 2, deployed: false })
    for (const dispatcher of stage.dispatchers) dispatcher.nameGames(1)
    stage.dispatchers[0]!.say('deploymentReady', {})
    await stage.connect()
    await stage.settle()
    expect(stage.gate.ready).toBe(false)
    stage.dispatchers[1]!.say('deploymentReady', {})
    await stage.clock.until(() => stage.asked('bootEntity').length === 1)
  })

  test('is turned away when the gate is full, and taken when there is room again', async () => {
    const stage = await Stage.start({ clientsMax: 2 })
    const first = await stage.client()
    await stage.client()
    const third = await stage.connect()
    const fourth = await stage.connect()
    await third.isClosed()
    await fourth.isClosed()
    expect(stage.gate.status()).toMatchObject({ clients: 2, refused: { gateFull: 2 } })
    expect(stage.log.matching('warn', 'clients_max = 2 is reached')).toHaveLength(1)
    first.connection.close()
    await stage.games.hears('clientGone')
    await stage.client()
    expect(stage.gate.status().clients).toBe(2)
  })

  test('by another door is like the others', async () => {
    const stage = await Stage.start()
    await stage.internet.transport.listen({ kind: 'unix', path: '/other' }, (connection) =>
      stage.gate.accept(connection),
    )
    const connecting = stage.internet.transport.connect({ kind: 'unix', path: '/other' })
    await stage.clock.advance(2)
    new FakeClient(stage, await connecting)
    await stage.games.hears('bootEntity')
  })
})

describe('a client that leaves', () => {
  test('before it was even heard is not kept', async () => {
    const stage = await Stage.start()
    const connection = new Pipe()
    connection.handle = (handlers) => handlers.close('gone already')
    stage.gate.accept(connection)
    await stage.settle()
    expect(stage.gate.status()).toMatchObject({ clients: 0, waiting: 0 })
  })

  test('before it has a player: its boot entity is told; after: its player', async () => {
    const stage = await Stage.start()
    const early = await stage.client()
    const late = await stage.player(ANN)
    const unbound = await stage.player(BOB)
    stage.unbind(unbound, BOB)
    await unbound.hears('destroyEntity')
    for (const client of [early, late, unbound]) {
      client.connection.close()
      await stage.settle()
    }
    expect(stage.asked('clientGone')).toEqual([
      { entityId: early.bootId, clientId: early.id },
      { entityId: ANN, clientId: late.id },
      { entityId: BOB, clientId: unbound.id },
    ])
    expect(stage.gate.status()).toMatchObject({ clients: 0, entities: 0, watchings: 0 })
  })
})

describe('a heartbeat', () => {
  test('of any kind keeps a client; silence ends it', async () => {
    const stage = await Stage.start({ heartbeatMs: 10_000 })
    const [beating, calling, silent] = [await stage.client(), await stage.client(), await stage.client()]
    for (let n = 0; n < 8; n++) {
      await stage.clock.advance(5000)
      beating.send('heartbeat', {})
      calling.call(calling.bootId, 'm')
    }
    expect([beating.closed, calling.closed]).toEqual([undefined, undefined])
    expect(silent.closed).toBeDefined()
    expect(stage.gate.status()).toMatchObject({ clients: 2, refused: { silent: 1 } })
  })

  test('is within a quarter of the interval', async () => {
    const stage = await Stage.start({ heartbeatMs: 10_000 })
    const client = await stage.client()
    const from = stage.clock.now()
    await client.isClosed()
    expect(stage.clock.now() - from).toBeGreaterThanOrEqual(9_900)
    expect(stage.clock.now() - from).toBeLessThan(15_100)
  })

  test('is not asked for when it is off', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    await stage.clock.advance(600_000)
    expect(client.closed).toBeUndefined()
  })

  test('is not half a frame', async () => {
    const stage = await Stage.start({ heartbeatMs: 10_000 })
    const client = await stage.client()
    client.bytes(200, 0, 0, 0, 11, 0)
    for (let n = 0; n < 20 && client.closed === undefined; n++) {
      await stage.clock.advance(1000)
      client.bytes(1)
    }
    expect(stage.gate.status().refused.silent).toBe(1)
  })

  test('or not, a frame that never ends is not kept for ever', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    client.bytes(200, 0, 0, 0, 11, 0)
    await stage.clock.advance(UNFINISHED_MS - 1000)
    expect(client.closed).toBeUndefined()
    await client.isClosed()
    expect(stage.gate.status().refused.unfinished).toBe(1)
  })

  test('or not, a client that no game takes is sent away', async () => {
    const stage = await Stage.start()
    const client = await stage.client()
    await stage.clock.advance(BOOT_MS - 1000)
    expect(client.closed).toBeUndefined()
    await client.isClosed()
    expect(stage.gate.status().refused.notBooted).toBe(1)
  })
})

describe('a game that dies', () => {
  test('takes what it showed along, and the clients whose players lived there', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN, { gameId: 1 })
    const bob = await stage.player(BOB, { gameId: 2 })
    stage.show(BOB, [ann], { gameId: 2 })
    stage.show(idOf('npc'), [ann, bob], { gameId: 1, type: 'Npc' })
    await stage.settle()
    ann.forget()
    bob.forget()
    stage.games.say('gameDown', { gameId: 1 })
    await ann.isClosed()
    await stage.settle()
    expect(bob.closed).toBeUndefined()
    // Nobody sees what is on another game than the own player.
    expect(bob.names).toEqual([])
    expect(
      ann
        .of('destroyEntity')
        .map(({ entityId }) => entityId)
        .sort(),
    ).toEqual([ANN, idOf('npc')].sort())
    expect(stage.gate.status()).toMatchObject({ clients: 1, entities: 1, watchings: 0, games: [2] })
    expect(stage.log.matching('info', 'game 1, where its player lived, is down')).toHaveLength(1)
  })

  test('with a client’s first entity half made: the client gets another', async () => {
    const stage = await Stage.start()
    const client = await stage.client()
    stage.games.say('gameDown', { gameId: 1 })
    await stage.games.hears('bootEntity', 2)
    expect(stage.games.of('clientGone')).toEqual([{ entityId: client.bootId, clientId: client.id }])
    // By another name: what the first one sees is for nobody.
    expect(stage.games.of('bootEntity')[1]!.clientId).not.toBe(client.id)
  })

  test('is dead when the dispatcher says so by which it spoke, not when another does', async () => {
    const stage = await Stage.start({ dispatcherCount: 2 })
    const ann = await stage.player(ANN)
    const other = stage.dispatchers.find((dispatcher) => dispatcher !== stage.games)!
    other.say('gameDown', { gameId: 1 })
    await stage.settle()
    expect(ann.closed).toBeUndefined()
    stage.games.say('gameDown', { gameId: 1 })
    await ann.isClosed()
  })

  test('while the dispatcher is away is missed when that is back', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN, { gameId: 1 })
    const bob = await stage.player(BOB, { gameId: 2 })
    await stage.games.restart()
    stage.games.nameGames(2)
    await stage.clock.advance(LIMITS.linkGraceMs - 100)
    expect([ann.closed, bob.closed]).toEqual([undefined, undefined])
    await ann.isClosed()
    await stage.clock.advance(60_000)
    expect(bob.closed).toBeUndefined()
  })
})

describe('a dispatcher that is restarted', () => {
  test('names a game that another process is now: what the first one showed is gone', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN, { gameId: 1 })
    const bob = await stage.player(BOB, { gameId: 2 })
    await stage.games.restart()
    stage.games.say('gameUp', { gameId: 1, process: idOf('another process') })
    stage.games.nameGames(2)
    await ann.isClosed()
    expect(ann.of('destroyEntity').map(({ entityId }) => entityId)).toContain(ANN)
    await stage.clock.advance(60_000)
    expect(bob.closed).toBeUndefined()
  })

  test('is no such thing when it was only out of reach for too long: the games have been told that all clients are gone', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    await stage.games.unplug()
    await stage.clock.advance(LIMITS.linkGraceMs + 100)
    const late = await stage.connect()
    expect([ann.closed, late.closed]).toEqual([undefined, undefined])
    await stage.games.plugIn()
    await stage.games.hears('gateHello', 2)
    await ann.isClosed()
    expect(ann.closed).toMatch(/cut off/)
    stage.games.nameGames(1, 2)
    await stage.games.hears('bootEntity')
    expect(late.closed).toBeUndefined()
  })

  test('hears from the gate again; clients stay and are served', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    await stage.games.die()
    await stage.clock.advance(500)
    ann.call(ANN, 'lost')
    await stage.games.start()
    await stage.games.hears('gateHello', 2)
    stage.games.nameGames(1, 2)
    await stage.settle()
    ann.call(ANN, 'kept')
    await stage.games.hears('callFromClient')
    stage.showAnew(1, () => stage.bind(ann, ANN))
    stage.callClient(ann, ANN, 'welcome back')
    await ann.hears('callOnClient')
    expect(stage.games.of('callFromClient').at(-1)!.method).toBe('kept')
    expect(ann.closed).toBeUndefined()
  })

  test('asks nobody who comes meanwhile to go away: they wait', async () => {
    const stage = await Stage.start()
    await stage.games.die()
    await stage.clock.advance(LIMITS.linkGraceMs + 100)
    const client = await stage.connect()
    await stage.settle()
    expect(stage.gate.status()).toMatchObject({ clients: 1, waiting: 1 })
    await stage.games.start()
    await stage.games.hears('gateHello', 2)
    await stage.settle()
    // Its games have yet to find it: an entity made now would speak to nobody.
    expect(stage.asked('bootEntity')).toEqual([])
    stage.games.nameGames(1, 2)
    await stage.games.hears('bootEntity')
    expect(client.closed).toBeUndefined()
  })

  test('in the middle of a log-in: the client gets another boot entity, and the first one cannot have it', async () => {
    const stage = await Stage.start()
    const client = await stage.client()
    await stage.games.restart()
    stage.games.nameGames(1, 2)
    stage.showAnew(1)
    await stage.games.hears('bootEntity', 2)
    const again = stage.games.of('bootEntity')[1]!
    expect(again.clientId).not.toBe(client.id)
    expect(again.entityId).not.toBe(client.bootId)
    expect(stage.games.of('clientGone')).toEqual([{ entityId: client.bootId, clientId: client.id }])
    stage.bind(client, client.bootId)
    await stage.games.hears('clientRefused')
    client.id = again.clientId
    stage.bind(client, again.entityId)
    await client.hears('createEntity')
    expect(client.of('createEntity').map(({ entityId }) => entityId)).toEqual([again.entityId])
    // Also when it is made only now.
    stage.bind(client, client.bootId)
    await stage.games.hears('clientRefused', 2)
    stage.callClient(client, again.entityId, 'still yours')
    await client.hears('callOnClient')
    expect(client.of('createEntity')).toHaveLength(1)
    expect(client.of('destroyEntity')).toEqual([])
  })

  test('drops what clients say while it is away, and says how much', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    await stage.games.die()
    await stage.clock.advance(LIMITS.linkGraceMs + 100)
    ann.call(ANN, 'm')
    ann.move(ANN, 1)
    await stage.settle()
    expect(stage.gate.status().refused.noDispatcher).toBe(2)
    expect(ann.closed).toBeUndefined()
  })
})

test('clients are not read while a dispatcher does not keep up', async () => {
  const stage = await Stage.start({ linkResendBytesMax: 256 * 1024 })
  const ann = await stage.player(ANN)
  // The dispatcher is there and acknowledges nothing.
  stage.network.dropAll()
  const filler = 'x'.repeat(30_000)
  for (let n = 0; n < 20; n++) {
    ann.call(ANN, 'm', filler)
    await stage.clock.advance(0.5)
    if (stage.gate.status().paused) break
  }
  expect(stage.gate.status()).toMatchObject({ paused: true, clients: 1 })
  ann.call(ANN, 'after')
  await stage.clock.until(
    () => stage.games.of('callFromClient').some(({ method }) => method === 'after'),
    20_000,
    'the call made meanwhile',
  )
  expect(stage.gate.status().paused).toBe(false)
  expect(stage.log.matching('warn', 'clients are not read')).not.toHaveLength(0)
})

test('nobody is read while far too much waits for a game, or until its dispatcher is gone', async () => {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  const paused = () => stage.gate.status().paused
  stage.games.say('gameSlow', { gameId: 1, slow: true, full: true })
  stage.games.say('gameSlow', { gameId: 2, slow: true, full: true })
  stage.games.say('gameSlow', { gameId: 1, slow: false, full: false })
  await stage.settle()
  expect(paused()).toBe(true)
  ann.call(ANN, 'held back')
  await stage.clock.advance(500)
  expect(stage.games.of('callFromClient')).toEqual([])
  stage.games.say('gameSlow', { gameId: 2, slow: false, full: false })
  await stage.games.hears('callFromClient')
  stage.games.say('gameSlow', { gameId: 2, slow: true, full: true })
  await stage.settle()
  await stage.games.die()
  await stage.clock.advance(LIMITS.linkGraceMs + 100)
  expect(paused()).toBe(false)
})

test('only players of a game that is behind are not read, wherever they have gone to', async () => {
  const stage = await Stage.start()
  const [ann, bob] = [await stage.player(ANN), await stage.player(BOB)]
  const says = (slow: boolean, gameId = 1) => stage.games.say('gameSlow', { gameId, slow, full: false })
  const heard = () => stage.games.of('callFromClient').map(({ method }) => method)
  says(true)
  stage.bind(bob, BOB, { epoch: 2, gameId: 2 })
  await stage.settle()
  expect(stage.gate.status()).toMatchObject({ paused: false, slowGames: [1] })
  ann.call(ANN, 'of a game that is behind')
  bob.call(BOB, 'of another')
  await stage.clock.advance(500)
  expect(heard()).toEqual(['of another'])
  says(false)
  says(true, 2)
  await stage.games.hears('callFromClient', 2)
  bob.call(BOB, 'held back')
  await stage.clock.advance(500)
  expect(heard()).toEqual(['of another', 'of a game that is behind'])
  stage.bind(bob, BOB, { epoch: 3, gameId: 1 })
  await stage.games.hears('callFromClient', 3)
  expect(heard().at(-1)).toBe('held back')
})

test('a broken connection to a dispatcher loses and doubles nothing', async () => {
  const stage = await Stage.start()
  const ann = await stage.player(ANN)
  for (let n = 0; n < 60; n++) {
    ann.call(ANN, `${n}`)
    stage.callClient(ann, ANN, `${n}`)
    if (n % 20 === 10) stage.network.dropAll()
    await stage.clock.advance(5)
  }
  await stage.games.hears('callFromClient', 60)
  await ann.hears('callOnClient', 60)
  const all = Array.from({ length: 60 }, (_, n) => `${n}`)
  expect(stage.games.of('callFromClient').map(({ method }) => method)).toEqual(all)
  expect(ann.of('callOnClient').map(({ method }) => method)).toEqual(all)
})

describe('a gate that stops', () => {
  test('lets clients hear what was said, then closes them and takes leave', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    const deaf = await stage.player(BOB)
    deaf.connection.pause()
    stage.callClient(ann, ANN, 'goodbye')
    await stage.clock.advance(3)
    let stopped = false
    void stage.gate.stop().then(() => {
      stopped = true
    })
    await stage.clock.until(() => stopped, 10_000, 'the gate has stopped')
    expect(ann.of('callOnClient').map(({ method }) => method)).toEqual(['goodbye'])
    expect([ann.closed, deaf.closed]).not.toContain(undefined)
    await stage.clock.until(() => stage.games.ended.length > 0)
    expect(stage.games.ended).toEqual(['it has left'])
    // That the gate is gone says it for all its clients.
    expect(stage.asked('clientGone')).toEqual([])
  })

  test('takes nobody any more, and waits only so long for who does not go', async () => {
    const stage = await Stage.start()
    const stuck = new Pipe()
    stage.gate.accept(stuck)
    let stopped = false
    void stage.gate.stop().then(() => {
      stopped = true
    })
    const late = await stage.connect()
    await late.isClosed()
    expect([stopped, stuck.ended]).toEqual([false, 'the gate stops'])
    expect(stage.gate.status()).toMatchObject({ clients: 0, leaving: 1, refused: { stopping: 1 } })
    await stage.clock.until(() => stopped, 5000, 'the gate has stopped')
    expect(stage.gate.status().leaving).toBe(0)
  })
})
