// JSON clients: what they say becomes calls of their player, what their player says becomes messages, and whatever is
// wrong costs a message or a connection.
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { JsonClient, JsonRefusals, serveJsonClients } from '../../../components/gate/json-client.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import type { Connection } from '../../../engine/net/connection.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { FrameReader } from '../../../engine/wire/frame.ts'
import { getU16, PacketWriter } from '../../../engine/wire/packet.ts'
import { type ClientMessageName, type FakeClient, idOf, Pipe, Stage } from './stage.ts'

const PLAYER = idOf('player')
const SID = 5777754122544690289n
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** A JSON client between a text connection and a gate, both played by the test. */
class Between {
  readonly log = new MemoryLog()
  readonly refusals = new JsonRefusals(this.log)
  readonly pipe = new Pipe()
  readonly client: JsonClient
  calls: { entityId: string; method: string; args: readonly unknown[] }[] = []
  closed: string | undefined
  drained = 0

  constructor(greeting?: string) {
    this.client = new JsonClient(this.pipe, this.refusals, greeting)
    const frames = new FrameReader(
      (bytes, start, end) => {
        expect(getU16(bytes, start)).toBe(clientMessages.callFromClient.code)
        this.calls.push(clientMessages.callFromClient.read(bytes, start + 2, end))
        return undefined
      },
      { maxBytes: 64 * 1024 * 1024 },
    )
    this.client.handle({
      data: (chunk) => frames.push(chunk),
      drain: () => this.drained++,
      close: (reason) => {
        this.closed = reason
      },
    })
  }

  /** From the client. */
  say(text: string | Uint8Array): void {
    this.pipe.receive(Buffer.from(text))
  }

  /** From the gate: frames in one write. */
  gate(...frames: [name: ClientMessageName, values: object][]): ReturnType<typeof vi.fn> {
    const writer = new PacketWriter()
    for (const [name, values] of frames) {
      clientMessages[name].write(writer, { gateId: 1, clientId: idOf('client'), ...values } as never)
    }
    const done = vi.fn()
    this.client.write(writer.copy(), done)
    return done
  }

  play(entityId = PLAYER): void {
    this.gate(created(entityId, true))
  }

  /** What the client has got. */
  texts(): string[] {
    const texts: string[] = []
    while (this.pipe.writes.length > 0) texts.push(Buffer.from(this.pipe.take()).toString())
    return texts
  }
}

const place = { x: 0, y: 0, z: 0, yaw: 0 }
const created = (entityId: string, isPlayer: boolean): ['createEntity', object] => [
  'createEntity',
  { ...place, isPlayer, entityId, type: 'Session', attrs: {} },
]
const destroyed = (entityId: string): ['destroyEntity', object] => ['destroyEntity', { entityId, type: 'Session' }]
const called = (entityId: string, method: string, ...args: unknown[]): ['callOnClient', object] => [
  'callOnClient',
  { entityId, method, args },
]

/** Lets microtasks run. */
const soon = () => new Promise((resolve) => setImmediate(resolve))

describe('what a client says', () => {
  test('is a call of its player with one argument, in base64 or as it is', () => {
    const between = new Between()
    between.play()
    between.say(`{"type":"Login","data":"${base64('{"clientID":7,"username":"Ada"}')}"}\n`)
    between.say('{"data":{"hp":1.5,"list":[null,true,""]},"type":"Say","more":1}')
    between.say('{"type":"Count","data":3}')
    between.say('{"type":"Nil","data":null}')
    between.say('{"type":"Ping"}')
    expect(between.calls).toEqual([
      { entityId: PLAYER, method: 'Login', args: [{ clientID: 7, username: 'Ada' }] },
      { entityId: PLAYER, method: 'Say', args: [{ hp: 1.5, list: [null, true, ''] }] },
      { entityId: PLAYER, method: 'Count', args: [3] },
      { entityId: PLAYER, method: 'Nil', args: [null] },
      { entityId: PLAYER, method: 'Ping', args: [] },
    ])
    expect(between.log.lines).toEqual([])
  })

  test('keeps the digits of whole numbers', () => {
    const between = new Between()
    between.play()
    between.say(`{"type":"Go","data":"${base64(`[${SID},-${SID}]`)}"}`)
    between.say(`{"type":"Go","data":{"id":${SID}}}`)
    expect(between.calls.map(({ args }) => args)).toEqual([[[SID, -SID]], [{ id: SID }]])
  })

  test('waits for the player, and then comes in order', async () => {
    const between = new Between()
    for (let n = 0; n < 63; n++) between.say(`{"type":"Go","data":${n}}`)
    expect(between.calls).toEqual([])
    between.play()
    // In the middle of a write the gate is not spoken to; what comes now comes behind.
    between.say('{"type":"Go","data":63}')
    expect(between.calls).toEqual([])
    await soon()
    between.say('{"type":"Go","data":64}')
    expect(between.calls.map(({ args }) => args[0])).toEqual([...Array(65).keys()])
  })

  test('may be so much before the player is there, and no more', async () => {
    const between = new Between()
    for (let n = 0; n < 65; n++) between.say(`{"type":"Go","data":${n}}`)
    expect(between.pipe.ended).toBe('too much was said before it had a player')
    between.say('{"type":"Go","data":66}')
    between.play()
    await soon()
    expect(between.calls).toEqual([])
    expect(between.refusals.counts.tooEarly).toBe(1)
    expect(between.log.matching('warn', 'too much was said')).toHaveLength(1)
  })

  test('may not be many bytes before the player is there, but for one message', () => {
    const between = new Between()
    between.say(`{"type":"Go","data":{"a":"${'x'.repeat(2_000_000)}"}}`)
    expect(between.pipe.ended).toBeUndefined()
    between.say('{"type":"Go"}')
    expect(between.pipe.ended).toBe('too much was said before it had a player')
  })

  test('goes to the player that it has now', async () => {
    const between = new Between()
    between.play()
    between.say('{"type":"A"}')
    between.gate(destroyed(PLAYER))
    between.say('{"type":"B"}')
    expect(between.calls).toHaveLength(1)
    const next = idOf('next')
    between.gate(created(next, true), destroyed(idOf('other')))
    await soon()
    between.say('{"type":"C"}')
    expect(between.calls.map(({ entityId, method }) => [entityId, method])).toEqual([
      [PLAYER, 'A'],
      [next, 'B'],
      [next, 'C'],
    ])
  })

  const bad: [name: string, text: string | Uint8Array, why: string][] = [
    ['no JSON', 'hello', 'it is no JSON'],
    ['nothing', '', 'it is no JSON'],
    ['no map', '[1]', 'it is no {"type"'],
    ['null', 'null', 'it is no {"type"'],
    ['no type', '{"data":{}}', 'it is no {"type"'],
    ['a type that is no string', '{"type":7}', 'it is no {"type"'],
    ['data that is no base64', '{"type":"Go","data":"{}"}', 'its data is no base64'],
    ['base64 of garbage', '{"type":"Go","data":"3q2+7w=="}', 'its data: it is no JSON'],
    ['base64 of nothing', '{"type":"Go","data":""}', 'its data: it is no JSON'],
    ['depth in plain data', `{"type":"Go","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'deeper than 65'],
    ['one level too much', `{"type":"Go","data":${'['.repeat(65)}${']'.repeat(65)}}`, 'deeper than 65'],
    ['depth in base64', `{"type":"Go","data":"${base64('{"a":'.repeat(100_000))}"}`, 'its data: it is nested deeper'],
  ]
  test.each(bad)('is dropped when it is %s, and logged once', (_name, text, why) => {
    const between = new Between()
    between.play()
    between.say(text)
    between.say(text)
    between.say('{"type":"Go"}')
    expect(between.calls).toEqual([{ entityId: PLAYER, method: 'Go', args: [] }])
    expect(between.refusals.counts.malformed).toBe(2)
    expect(between.log.lines).toHaveLength(1)
    expect(between.log.matching('warn', why)).toHaveLength(1)
    expect(between.pipe.ended).toBeUndefined()
  })

  test('may be as deep as the codec takes', () => {
    const between = new Between()
    between.play()
    const nested = `${'['.repeat(64)}${']'.repeat(64)}`
    between.say(`{"type":"Go","data":${nested}}`)
    between.say(`{"type":"Go","data":"${base64(nested)}"}`)
    expect(between.calls).toHaveLength(2)
  })
})

describe('what the gate says', () => {
  test('comes as a message when it is a call on the player', () => {
    const between = new Between('{"msg":"success"}')
    between.play()
    const state = { hp: 100, postition: { x: 365, y: 957 }, SessionID: SID }
    between.gate(called(PLAYER, 'state', state, 'second'), called(PLAYER, 'bare'))
    between.gate(['callFiltered', { op: 0, key: '', value: '', method: 'news', args: ['é'] }])
    const data = base64('{"hp":100,"postition":{"x":365,"y":957},"SessionID":5777754122544690289}')
    expect(between.texts()).toEqual([
      '{"msg":"success"}',
      `{"type":"state","data":"${data}"}`,
      '{"type":"bare"}',
      `{"type":"news","data":"${base64('"é"')}"}`,
    ])
  })

  test('is dropped when it is anything else', () => {
    const between = new Between()
    const other = idOf('other')
    between.gate(called(PLAYER, 'early'), ['callFiltered', { op: 0, key: '', value: '', method: 'early', args: [] }])
    between.play()
    const path = null
    const done = between.gate(
      created(other, false),
      called(other, 'state'),
      ['mapSet', { entityId: PLAYER, path, key: 'a', value: 1 }],
      ['listAppend', { entityId: PLAYER, path, value: 1 }],
      ['positions', { records: new Uint8Array(32) }],
      destroyed(other),
    )
    expect(done).toHaveBeenCalledOnce()
    expect(between.texts()).toEqual([])
    expect(between.log.lines).toEqual([])
  })

  test('is done with when the last message of a write is, also when it comes in pieces', () => {
    const between = new Between()
    between.play()
    const done = between.gate(called(PLAYER, 'a'), called(PLAYER, 'b'))
    expect(between.client.bufferedBytes).toBe('{"type":"a"}'.length * 2)
    between.pipe.take()
    expect(done).not.toHaveBeenCalled()
    between.pipe.take()
    expect(done).toHaveBeenCalledOnce()
    const writer = new PacketWriter()
    clientMessages.callOnClient.write(writer, {
      gateId: 1,
      clientId: idOf('c'),
      entityId: PLAYER,
      method: 'c',
      args: [],
    })
    const bytes = writer.copy()
    for (const byte of bytes) between.client.write(Uint8Array.of(byte))
    expect(between.texts()).toEqual(['{"type":"c"}'])
  })

  test('ends the client when it cannot be read', () => {
    const between = new Between()
    between.play()
    const frame = new PacketWriter()
    const start = frame.beginFrame(clientMessages.callOnClient.code)
    frame.u8(1)
    frame.endFrame(start)
    between.client.write(frame.copy())
    expect(between.pipe.ended).toBe('its game said something that cannot be read')
    expect(between.refusals.counts.unreadable).toBe(1)
  })
})

test('pause, resume, close and what is unfinished are those of the connection inside', () => {
  const between = new Between()
  const { pipe, client } = between
  const pause = vi.spyOn(pipe, 'pause')
  const resume = vi.spyOn(pipe, 'resume')
  Object.assign(pipe, { unfinishedBytes: 5 })
  expect([client.remote, client.unfinishedBytes]).toEqual(['pipe', 5])
  client.pause()
  client.resume()
  expect([pause, resume].map(({ mock }) => mock.calls.length)).toEqual([1, 1])
  client.close('enough')
  expect(pipe.ended).toBe('enough')
  client.destroy('at once')
  expect([pipe.ended, between.closed]).toEqual(['at once', 'at once'])
})

describe('at a gate', () => {
  async function stageOf(options = {}) {
    const stage = await Stage.start(options)
    const pipe = new Pipe()
    const refusals = new JsonRefusals(stage.log)
    stage.gate.accept(new JsonClient(pipe, refusals))
    await stage.clock.until(() => stage.asked('bootEntity').length > 0, 5000, 'a boot entity is asked for')
    const { clientId, entityId } = stage.asked('bootEntity')[0]!
    const client = { id: clientId } as FakeClient
    stage.bind(client, entityId)
    await stage.settle()
    return { stage, pipe, client, entityId }
  }

  test('a call goes to the dispatcher with the id of the client, as that of any client', async () => {
    const { stage, pipe, client, entityId } = await stageOf()
    pipe.receive(Buffer.from('{"type":"Say","data":{"text":"hi"}}'))
    await stage.settle()
    expect(stage.asked('callFromClient')).toMatchObject([{ entityId, clientId: client.id }])
    stage.callClient(client, entityId, 'said', 'hi')
    await stage.settle()
    expect(Buffer.from(pipe.take()).toString()).toBe(`{"type":"said","data":"${base64('"hi"')}"}`)
  })

  test('one that does not read is closed at the limit of any client', async () => {
    const { stage, pipe, client, entityId } = await stageOf({ clientQueueBytesMax: 64 * 1024 })
    for (let n = 0; n < 100 && pipe.ended === undefined; n++) {
      stage.callClient(client, entityId, 'said', 'x'.repeat(2000))
      await stage.settle()
    }
    expect(pipe.ended).toBe('overflow')
    expect(stage.gate.status().refused.overflow).toBe(1)
    expect(pipe.bufferedBytes).toBeLessThan(80 * 1024)
    expect(stage.log.matching('warn', 'it does not read what is sent to it')).toHaveLength(1)
  })

  test.each([
    ['calls', '{"type":"Say"}', 400],
    ['what is no call', 'nonsense', 0],
  ])('one that floods with %s is not read for as long as that takes', async (_what, text, calls) => {
    const { stage, pipe } = await stageOf({ clientRateMax: 100 })
    const pause = vi.spyOn(pipe, 'pause')
    const resume = vi.spyOn(pipe, 'resume')
    for (let n = 0; n < 400; n++) pipe.receive(Buffer.from(text))
    expect([pause, resume].map(({ mock }) => mock.calls.length)).toEqual([1, 0])
    expect(stage.gate.status()).toMatchObject({ limited: 1, timesLimited: 1 })
    await stage.clock.advance(1900)
    expect(resume).not.toHaveBeenCalled()
    await stage.clock.advance(200)
    expect(resume).toHaveBeenCalledTimes(1)
    expect(stage.gate.status().limited).toBe(0)
    expect(stage.asked('callFromClient')).toHaveLength(calls)
    expect(pipe.ended).toBeUndefined()
  })

  test('a call that is too long in the gate’s own form ends the client', async () => {
    const { stage, pipe } = await stageOf({ clientPacketBytesMax: 1000 })
    pipe.receive(Buffer.from(`{"type":"Say","data":["${'x'.repeat(2000)}"]}`))
    await stage.settle()
    expect(pipe.ended).toBe('badLength')
  })
})

describe('over a WebSocket', () => {
  async function serve() {
    const log = new MemoryLog()
    const http = createServer()
    const connections: Connection[] = []
    const closed: string[] = []
    const accept = (connection: Connection) => {
      connections.push(connection)
      connection.handle({ data() {}, close: (reason) => void closed.push(reason) })
    }
    const door = serveJsonClients(http, '/ws', accept, { log, messageBytesMax: 10_000, greeting: '{"msg":"success"}' })
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      door.close()
      http.close()
      http.closeAllConnections()
    })
    const { port } = http.address() as { port: number }
    return { log, door, port, connections, closed }
  }

  async function visit(port: number) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    onTestFinished(() => socket.terminate())
    const heard: [text: string, isBinary: boolean][] = []
    socket.on('message', (data, isBinary) => void heard.push([String(data), isBinary]))
    socket.on('error', () => {})
    const end = new Promise<number>((resolve) => void socket.once('close', resolve))
    await vi.waitFor(() => expect(heard).toEqual([['{"msg":"success"}', false]]))
    return { socket, heard, end }
  }

  test('a client is greeted in text, and heard in text', async () => {
    const { port, connections } = await serve()
    const { heard } = await visit(port)
    const writer = new PacketWriter()
    const addressed = { gateId: 1, clientId: idOf('c') }
    const attrs = {}
    clientMessages.createEntity.write(writer, {
      ...addressed,
      ...place,
      isPlayer: true,
      entityId: PLAYER,
      type: 'S',
      attrs,
    })
    clientMessages.callOnClient.write(writer, { ...addressed, entityId: PLAYER, method: 'hi', args: ['ü'] })
    connections[0]!.write(writer.copy())
    await vi.waitFor(() => expect(heard).toHaveLength(2))
    expect(heard[1]).toEqual([`{"type":"hi","data":"${base64('"ü"')}"}`, false])
  })

  test.each([
    [
      'a binary message',
      1003,
      'binary messages are not understood here',
      (socket: WebSocket) => socket.send(Buffer.of(1)),
    ],
    ['a message beyond the limit', 1009, 'ax payload', (socket: WebSocket) => socket.send('x'.repeat(10_001))],
    ['text that is no UTF-8', 1007, 'UTF-8', (socket: WebSocket) => socket.send(Buffer.of(0xff), { binary: false })],
  ])('%s ends the client, logged once', async (_name, code, why, say) => {
    const { log, door, port, closed } = await serve()
    const { socket, end } = await visit(port)
    say(socket)
    say(socket)
    expect(await end).toBe(code)
    await vi.waitFor(() => expect(closed).toHaveLength(1))
    expect(closed[0]).toContain(why)
    expect(log.lines).toHaveLength(1)
    expect(log.matching('warn', why)).toHaveLength(1)
    expect(door.refused.webSocket).toBe(1)
    await visit(port)
  })

  test('a connection that is cut is nobody’s fault', async () => {
    const { log, port, closed } = await serve()
    const socket = connect(port, '127.0.0.1')
    const head = [
      'GET /ws HTTP/1.1',
      'host: x',
      'connection: upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
    ]
    socket.write(`${[...head, `sec-websocket-key: ${base64('0123456789abcdef')}`].join('\r\n')}\r\n\r\n`)
    await new Promise((resolve) => void socket.once('data', resolve))
    socket.resetAndDestroy()
    await vi.waitFor(() => expect(closed).toHaveLength(1))
    expect(log.lines).toEqual([])
  })
})
