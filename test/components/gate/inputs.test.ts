// Inputs on their way through the gate: of the own player only, stamped like calls, in their order; and the answers back.
import { describe, expect, test } from 'vitest'
import { sessionMessages } from '../../../engine/wire/client-wire.ts'
import { writeArgs } from '../../../engine/wire/codec.ts'
import { getU16, PacketWriter } from '../../../engine/wire/packet.ts'
import { type FakeClient, idOf, Stage } from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')

const input = (client: FakeClient, entityId: string, no: number, ...args: unknown[]) => {
  const writer = new PacketWriter()
  sessionMessages.input.write(writer, { entityId, no, seenMs: 4_000_000_000, method: 'steer', args: args as never })
  client.connection.write(writer.copy())
}

function argsBytes(...args: unknown[]): Uint8Array {
  const writer = new PacketWriter()
  writeArgs(writer, args)
  return writer.copy()
}

describe('an input', () => {
  test('goes to the player with its number, the client that made it, and what that saw', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    input(client, ANN, 7, { x: 1 })
    await stage.games.hears('inputFromClient')
    expect(stage.games.of('inputFromClient')).toEqual([
      { entityId: ANN, clientId: client.id, no: 7, seenMs: 4_000_000_000, method: 'steer', args: argsBytes({ x: 1 }) },
    ])
    expect(stage.gate.status().inputs).toBe(1)
  })

  test('keeps its place among the calls of its client', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    client.call(ANN, 'first')
    input(client, ANN, 1)
    client.call(ANN, 'last')
    await stage.games.hears('callFromClient', 2)
    expect(stage.games.names.filter((name) => name.endsWith('FromClient'))).toEqual([
      'callFromClient',
      'inputFromClient',
      'callFromClient',
    ])
  })

  test('for anybody but the own player is dropped, and costs nothing else', async () => {
    const stage = await Stage.start()
    const ann = await stage.player(ANN)
    await stage.player(BOB)
    input(ann, BOB, 1)
    ann.call(ANN, 'after')
    await stage.games.hears('callFromClient')
    expect(stage.games.of('inputFromClient')).toEqual([])
    expect(stage.gate.status().refused.notOwnInput).toBe(1)
    expect(ann.closed).toBeUndefined()
  })

  test.each([
    ['is cut off in its number', [...Buffer.from(ANN), 1, 0, 0]],
    ['has no method', [...Buffer.from(ANN), 1, 0, 0, 0, 2, 0, 0, 0]],
    ['has a method beyond its end', [...Buffer.from(ANN), 1, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 65]],
    ['has a method of four billion bytes', [...Buffer.from(ANN), 1, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255]],
  ])('that %s costs its client the connection', async (_, fields) => {
    const stage = await Stage.start()
    const bad = await stage.player(ANN)
    const writer = new PacketWriter()
    const start = writer.beginFrame(sessionMessages.input.code)
    writer.raw(Uint8Array.from(fields))
    writer.endFrame(start)
    bad.connection.write(writer.copy())
    await bad.isClosed()
    expect(stage.gate.status().refused.malformed).toBe(1)
  })
})

describe('an answer', () => {
  const done = { entityId: ANN, no: 7, timeMs: 5, x: 1, y: 2, z: 3, yaw: 4 }
  const body = () => {
    const writer = new PacketWriter()
    sessionMessages.inputDone.write(writer, done)
    return writer.bytes.slice(6, writer.at)
  }

  test('reaches the client as it is', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    stage.games.tell('inputDone', { clientId: client.id, body: body() })
    await stage.settle()
    const frame = client.frames.find((one) => getU16(one, 4) === sessionMessages.inputDone.code)!
    expect(sessionMessages.inputDone.read(frame, 6, frame.length)).toEqual(done)
  })

  test('for a client that has gone is counted', async () => {
    const stage = await Stage.start()
    const client = await stage.player(ANN)
    client.connection.close()
    await stage.games.hears('clientGone')
    stage.games.tell('inputDone', { clientId: client.id, body: body() })
    await stage.settle()
    expect(stage.gate.status().missedClients).toBe(1)
  })
})
