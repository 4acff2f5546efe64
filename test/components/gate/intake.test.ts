// What clients say: passed on with the gate's stamp when it is well-formed, and refused at their own cost when not.
import { describe, expect, test } from 'vitest'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { writeArgs } from '../../../engine/wire/codec.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { writeRecord } from '../../../engine/wire/sync.ts'
import { createBody, idOf, Pipe, Stage } from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')

function argsBytes(...args: unknown[]): Uint8Array {
  const writer = new PacketWriter()
  writeArgs(writer, args)
  return writer.copy()
}

describe('a call', () => {
  test('goes to its entity with the client that made it, its arguments as they were', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    client.call(ANN, 'say', 'hello', { to: [1, 2] })
    client.call(BOB, 'wave')
    await stage.games.hears('callFromClient', 2)
    expect(stage.games.of('callFromClient')).toEqual([
      { entityId: ANN, clientId: client.id, method: 'say', args: argsBytes('hello', { to: [1, 2] }) },
      { entityId: BOB, clientId: client.id, method: 'wave', args: argsBytes() },
    ])
  })

  test('goes to the dispatcher of its entity', async () => {
    const stage = await Stage.start({ dispatcherCount: 3 })
    const client = await stage.player()
    const ids = Array.from({ length: 30 }, (_, n) => idOf(`entity${n}`))
    for (const id of ids) client.call(id, 'm')
    await stage.clock.until(() => stage.asked('callFromClient').length === 30)
    const counts = stage.dispatchers.map((dispatcher) => dispatcher.of('callFromClient').length)
    expect(Math.min(...counts)).toBeGreaterThan(0)
    const order = stage.dispatchers.map((dispatcher) => dispatcher.of('callFromClient').map(({ entityId }) => entityId))
    for (const heard of order) expect(heard).toEqual(ids.filter((id) => heard.includes(id)))
  })

  test('that carries a victim’s id, before or behind its arguments, is still the caller’s own', async () => {
    const stage = await Stage.start()
    const victim = await stage.player(ANN)
    const thief = await stage.player(BOB)
    const writer = new PacketWriter()
    const start = writer.beginFrame(clientMessages.callFromClient.code)
    writer.id(ANN)
    writer.varstr('transfer')
    writeArgs(writer, ['all of it'])
    // GoWorld took the 16 bytes behind the arguments for the id of the caller.
    writer.id(victim.id)
    writer.endFrame(start)
    thief.connection.write(writer.copy())
    thief.call(ANN, victim.id)
    await stage.games.hears('callFromClient', 2)
    expect(stage.games.of('callFromClient').map(({ clientId }) => clientId)).toEqual([thief.id, thief.id])
  })

  test.each([
    ['with no method', [...Buffer.from(ANN)]],
    ['with half a length', [...Buffer.from(ANN), 3, 0]],
    ['with half an entity', [1, 2, 3, 4]],
    ['whose method reaches beyond the frame', [...Buffer.from(ANN), 5, 0, 0, 0, ...Buffer.from('four')]],
    ['whose method has four billion bytes', [...Buffer.from(ANN), 0xff, 0xff, 0xff, 0xff]],
  ])('%s costs its client the connection', async (_, fields) => {
    const stage = await Stage.start()
    const bad = await stage.player(ANN)
    const good = await stage.player(BOB)
    const writer = new PacketWriter()
    const start = writer.beginFrame(clientMessages.callFromClient.code)
    writer.raw(Uint8Array.from(fields))
    writer.endFrame(start)
    bad.connection.write(writer.copy())
    await bad.isClosed()
    good.call(BOB, 'm')
    await stage.games.hears('callFromClient')
    expect(good.closed).toBeUndefined()
    expect(stage.gate.status().refused.malformed).toBe(1)
    expect(stage.log.matching('warn', 'cannot be read')).toHaveLength(1)
  })
})

describe('a position', () => {
  test('of the client’s own synced player goes to the game where it lives', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN, { gameId: 2 })
    ann.move(ANN, 5, 1.5)
    await stage.games.hears('positionsFromClients')
    const record = new PacketWriter()
    writeRecord(record, ANN, 5, 0, 0, 1.5)
    expect(stage.games.of('positionsFromClients')).toEqual([{ gameId: 2, records: record.copy() }])
  })

  test('of several players joins the frame of its game, unless a call comes between', async () => {
    const stage = await Stage.start()
    const players = []
    for (let n = 0; n < 6; n++) players.push(await stage.player(idOf(`p${n}`), { gameId: n < 4 ? 1 : 2 }))
    const writer = new PacketWriter()
    // In one chunk, so in one turn: four moves of the first, a call, two moves.
    for (let n = 0; n < 4; n++)
      clientMessages.positionFromClient.write(writer, { entityId: idOf('p0'), x: n, y: 0, z: 0, yaw: 0 })
    clientMessages.callFromClient.write(writer, { entityId: idOf('p0'), method: 'jump', args: [] })
    for (let n = 4; n < 6; n++)
      clientMessages.positionFromClient.write(writer, { entityId: idOf('p0'), x: n, y: 0, z: 0, yaw: 0 })
    players[0]!.connection.write(writer.copy())
    await stage.games.hears('positionsFromClients', 2)
    const heard = stage.games.heard.filter(({ name }) => name === 'positionsFromClients' || name === 'callFromClient')
    expect(heard.map(({ name, values }) => [name, (values['records'] as Uint8Array | undefined)?.length])).toEqual([
      ['positionsFromClients', 4 * 32],
      ['callFromClient', undefined],
      ['positionsFromClients', 2 * 32],
    ])
    players[4]!.move(idOf('p4'), 1)
    await stage.games.hears('positionsFromClients', 3)
    expect(stage.games.of('positionsFromClients').map(({ gameId }) => gameId)).toEqual([1, 1, 2])
  })

  test('joins no frame for another game', async () => {
    const stage = await Stage.start()
    const pipes = [1, 2, 2, 1].map((gameId) => ({ gameId, pipe: new Pipe() }))
    for (const { pipe, gameId } of pipes) {
      stage.gate.accept(pipe)
      await stage.settle()
      const { clientId, entityId } = stage.asked('bootEntity').at(-1)!
      const body = createBody(entityId)
      stage.games.tell('bindPlayer', { clientId, handed: 0, entityId, epoch: 1, gameId, syncing: true, body })
    }
    await stage.settle()
    // All in one turn.
    pipes.forEach(({ pipe }, n) => {
      const { entityId } = stage.asked('bootEntity')[n]!
      const writer = new PacketWriter()
      clientMessages.positionFromClient.write(writer, { entityId, x: n, y: 0, z: 0, yaw: 0 })
      pipe.receive(writer.copy())
    })
    await stage.games.hears('positionsFromClients', 3)
    const heard = stage.games.of('positionsFromClients')
    expect(heard.map(({ gameId, records }) => [gameId, records.length / 32])).toEqual([
      [1, 1],
      [2, 2],
      [1, 1],
    ])
  })

  test('for another’s entity is dropped: nobody moves a victim', async () => {
    const stage = await Stage.start()
    const thief = await stage.player(ANN)
    await stage.player(BOB)
    stage.show(BOB, [thief])
    await thief.hears('createEntity')
    thief.move(BOB, 9)
    thief.move(idOf('nobody'), 9)
    thief.call(ANN, 'still here')
    await stage.games.hears('callFromClient')
    expect(stage.games.of('positionsFromClients')).toEqual([])
    expect(thief.closed).toBeUndefined()
    expect(stage.gate.status().refused.notOwnPlayer).toBe(2)
    expect(stage.log.matching('info', 'a position for an entity that is not its player')).toHaveLength(1)
  })

  test('before there is a player, and of one that was taken away, is dropped', async () => {
    const stage = await Stage.start()
    const client = await stage.client()
    client.move(client.bootId, 1)
    await stage.settle()
    stage.bind(client, client.bootId, { syncing: true })
    await client.hears('createEntity')
    stage.unbind(client, client.bootId)
    await client.hears('destroyEntity')
    client.move(client.bootId, 2)
    await stage.settle()
    expect(stage.games.of('positionsFromClients')).toEqual([])
    expect(stage.gate.status().refused.notOwnPlayer).toBe(2)
    expect(client.closed).toBeUndefined()
  })

  test('is taken only while the game lets the client move its player', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN, { syncing: false })
    client.move(ANN, 1)
    await stage.settle()
    stage.games.tell('setSyncing', { clientId: client.id, syncing: true })
    await stage.settle()
    client.move(ANN, 2)
    await stage.settle()
    stage.games.tell('setSyncing', { clientId: client.id, syncing: false })
    await stage.settle()
    client.move(ANN, 3)
    await stage.settle()
    expect(stage.games.of('positionsFromClients')).toHaveLength(1)
    expect(stage.gate.status().refused.notSynced).toBe(2)
  })

  test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY]])('of %d is dropped', async (x) => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    client.move(ANN, x)
    client.move(ANN, 1, x)
    client.move(ANN, 3.4e38, -3.4e38)
    await stage.games.hears('positionsFromClients')
    await stage.settle()
    expect(stage.games.of('positionsFromClients')).toHaveLength(1)
    expect(stage.gate.status().refused.notFinite).toBe(2)
    expect(client.closed).toBeUndefined()
  })

  test.each([[33], [35]])('of %d bytes costs its client the connection', async (length) => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    client.bytes(length, 0, 0, 0, 12, 0, ...new Array(length - 2).fill(0))
    await client.isClosed()
    expect(stage.gate.status().refused.malformed).toBe(1)
  })
})

describe('GoWorld’s clients of 2017', () => {
  test('number calls 12 and positions 13, and a cleared map reaches them as 1014', async () => {
    const stage = await Stage.start({ protocol: '2017' })
    const client = await stage.player(ANN)
    const call = new PacketWriter()
    const start = call.beginFrame(12)
    call.id(ANN)
    call.varstr('say')
    writeArgs(call, [1])
    call.endFrame(start)
    const move = call.beginFrame(13)
    writeRecord(call, ANN, 7, 0, 0, 0)
    call.endFrame(move)
    client.connection.write(call.copy())
    await stage.games.hears('positionsFromClients')
    expect(stage.games.of('callFromClient')).toMatchObject([{ entityId: ANN, method: 'say' }])
    const body = new PacketWriter()
    body.id(ANN)
    stage.games.tell('changeAttr', { gameId: 1, audience: 1, type: clientMessages.mapClear.code, body: body.copy() })
    await stage.clock.until(() => client.frames.length > 0)
    expect(client.frames[0]![4]! | (client.frames[0]![5]! << 8)).toBe(1014)
  })

  test('may not use the numbers of 2022', async () => {
    const stage = await Stage.start({ protocol: '2017' })
    const client = await stage.player(ANN)
    client.call(ANN, 'm')
    await client.isClosed()
    expect(stage.gate.status().refused.unknownType).toBe(1)
  })
})

describe('bad input', () => {
  test.each([
    ['an unknown type', [2, 0, 0, 0, 99, 0], 'unknownType'],
    ['a message that only gates send', [2, 0, 0, 0, 0xea, 3], 'unknownType'],
    ['a heartbeat with something in it', [3, 0, 0, 0, 0xd1, 7, 1], 'malformed'],
    ['an empty frame', [0, 0, 0, 0], 'badLength'],
    ['a frame with half a type', [1, 0, 0, 0, 11], 'badLength'],
    ['a frame over the limit', [1, 0, 1, 0], 'badLength'],
    ['a frame of four billion bytes', [0xff, 0xff, 0xff, 0xff], 'badLength'],
    ['the begin of TLS', [0x16, 3, 1, 0, 200, 1], 'tls'],
    ['the begin of snappy', [0xff, 6, 0, 0, ...Buffer.from('sNaPpY')], 'snappy'],
  ] as const)('%s costs its client the connection, and nobody else anything', async (_, bytes, reason) => {
    const stage = await Stage.start()
    const bad = await stage.player(ANN)
    const good = await stage.player(BOB)
    bad.bytes(...bytes)
    await bad.isClosed()
    expect(stage.gate.status().refused[reason]).toBe(1)
    expect(stage.gate.status().clients).toBe(1)
    good.call(BOB, 'm')
    await stage.games.hears('callFromClient')
    expect(stage.games.of('clientGone')).toEqual([{ entityId: ANN, clientId: bad.id }])
  })

  test('a flood of bad packets in one chunk is one refusal and one line in the log', async () => {
    const stage = await Stage.start()
    const bad = await stage.player(ANN)
    const flood = new Uint8Array(6 * 20_000)
    for (let at = 0; at < flood.length; at += 6) flood.set([2, 0, 0, 0, 99, 0], at)
    bad.connection.write(flood)
    await bad.isClosed()
    await stage.settle()
    expect(stage.gate.status().refused.unknownType).toBe(1)
    expect(stage.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  test('a flood of positions that are not taken is counted, and logged once', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    for (let n = 0; n < 2000; n++) client.move(BOB, n)
    await stage.settle()
    expect(stage.gate.status().refused.notOwnPlayer).toBe(2000)
    expect(stage.log.matching('info', `client ${client.id}`)).toHaveLength(1)
    expect(client.closed).toBeUndefined()
  })

  test('what follows a bad packet in the same chunk is not heard', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    const writer = new PacketWriter()
    writer.beginFrame(99)
    writer.endFrame(0)
    clientMessages.callFromClient.write(writer, { entityId: ANN, method: 'm', args: [] })
    client.connection.write(writer.copy())
    await client.isClosed()
    await stage.settle()
    expect(stage.games.of('callFromClient')).toEqual([])
  })

  test('announcing 32 MB reserves none of it', async () => {
    const stage = await Stage.start({ clientPacketBytesMax: 64 * 1024 * 1024 })
    const clients = []
    for (let n = 0; n < 20; n++) clients.push(await stage.player(idOf(`c${n}`)))
    const before = process.memoryUsage().arrayBuffers
    for (const client of clients) client.bytes(0, 0, 0, 2, 11, 0, 1, 2, 3)
    await stage.settle()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024)
    expect(stage.gate.status().clients).toBe(20)
  })

  test('however frames are cut, the same is heard', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const stage = await Stage.start({ seed, split: true })
      const client = await stage.player(ANN)
      for (let n = 0; n < 50; n++) client.call(ANN, `m${n}`, 'x'.repeat(n))
      await stage.games.hears('callFromClient', 50)
      expect(stage.games.of('callFromClient').map(({ method }) => method)).toEqual(
        Array.from({ length: 50 }, (_, n) => `m${n}`),
      )
    }
  })
})
