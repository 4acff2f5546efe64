// The streams a client can go over, against real sockets on this machine: TCP, Unix, WebSocket.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ListenOptions, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { connect, type Game } from '../../../engine/client/client.ts'
import { webSocketStream } from '../../../engine/client/stream.ts'
import { parseTarget, tcpStream } from '../../../engine/client/tcp.ts'
import { SESSION_SUBPROTOCOL, SESSION_VERSION, sessionMessages } from '../../../engine/wire/client-wire.ts'
import { frame } from './gate-side.ts'

const AVATAR = 'avatar0000000001'
const hello = frame('createEntity', {
  isPlayer: true,
  entityId: AVATAR,
  type: 'Avatar',
  ...{ x: 0, y: 0, z: 0, yaw: 0 },
  attrs: { name: 'one' },
})
const said = Buffer.from(frame('callFromClient', { entityId: AVATAR, method: 'say', args: ['hello'] }))

const undo: (() => void)[] = []
afterEach(() => {
  for (const action of undo.splice(0)) action()
})

async function tcpServer(at: ListenOptions, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    undo.push(() => socket.destroy())
    onSocket(socket)
  })
  undo.push(() => server.close())
  await new Promise<void>((resolve) => void server.listen(at, resolve))
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

async function webSocketServer(onSocket: (socket: WebSocket, path: string | undefined) => void): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  undo.push(() => server.close())
  server.on('connection', (socket, request) => {
    undo.push(() => socket.terminate())
    onSocket(socket, request.url)
  })
  await new Promise((resolve) => server.once('listening', resolve))
  return (server.address() as { port: number }).port
}

const nameOfPlayer = (game: Game) =>
  new Promise<string>((resolve) => {
    game.on('Avatar', {
      created() {
        resolve(String(this.attrs['name']))
      },
    })
  })
const whyClosed = (game: Game) => new Promise<string>((resolve) => void game.onClose(resolve))

describe('a stream over a socket', () => {
  it.each(['tcp', 'unix'])('carries a session both ways and ends in order (%s)', async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'goworld-client-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'gate.sock')
    const heard: Buffer[] = []
    let peerEnded = () => {}
    const ended = new Promise<void>((resolve) => {
      peerEnded = resolve
    })
    const port = await tcpServer(kind === 'unix' ? { path } : { host: '127.0.0.1', port: 0 }, (socket) => {
      socket.on('data', (chunk) => heard.push(chunk)).on('end', peerEnded)
      socket.write(hello.subarray(0, 9), () => socket.write(hello.subarray(9)))
    })
    const game = connect(tcpStream(kind === 'unix' ? `unix:${path}` : { kind: 'tcp', host: '127.0.0.1', port }))
    expect(await nameOfPlayer(game)).toBe('one')
    game.call(AVATAR, 'say', 'hello')
    const why = whyClosed(game)
    game.close()
    await ended
    expect(await why).toBe('closed')
    expect(Buffer.concat(heard)).toEqual(said)
  })

  it('keeps what comes before anybody listens', async () => {
    const port = await tcpServer({ host: '127.0.0.1', port: 0 }, (socket) => socket.write(hello))
    const stream = tcpStream(`127.0.0.1:${port}`)
    undo.push(() => stream.close())
    // Another one, which listens from the start, has heard it by then.
    const other = connect(tcpStream(`127.0.0.1:${port}`))
    expect(await nameOfPlayer(other)).toBe('one')
    other.close()
    expect(await nameOfPlayer(connect(stream))).toBe('one')
  })

  it('says why it ended: refused, or closed by the server', async () => {
    const port = await tcpServer({ host: '127.0.0.1', port: 0 }, (socket) => socket.end())
    expect(await whyClosed(connect(tcpStream(`tcp://127.0.0.1:${port}`)))).toBe('closed by the server')
    expect(await whyClosed(connect(tcpStream('unix:/nowhere/gate.sock')))).toContain('ENOENT')
  })

  it('takes addresses as they are written, and names a wrong one', () => {
    expect(parseTarget('gate.example:14000')).toEqual({ kind: 'tcp', host: 'gate.example', port: 14000 })
    expect(parseTarget('tcp://127.0.0.1:1')).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 1 })
    expect(parseTarget('[::1]:14000')).toEqual({ kind: 'tcp', host: '::1', port: 14000 })
    expect(parseTarget('unix:/tmp/gate.sock')).toEqual({ kind: 'unix', path: '/tmp/gate.sock' })
    for (const wrong of [
      '',
      'host',
      'host:',
      ':1',
      'host:0',
      'host:65536',
      'http://host:1',
      '::1:1',
      'unix:',
      'unix:x',
    ])
      expect(() => parseTarget(wrong), wrong).toThrow(`'${wrong}' is no server address`)
  })
})

describe('a stream over a WebSocket', () => {
  it("carries a session both ways, at the gate's path unless the URL has one", async () => {
    const heard: Buffer[] = []
    const paths: (string | undefined)[] = []
    const port = await webSocketServer((socket, path) => {
      paths.push(path)
      socket.on('message', (data) => heard.push(data as Buffer))
      // One frame in two messages: they carry a stream of bytes.
      socket.send(hello.subarray(0, 9))
      socket.send(hello.subarray(9))
    })
    const game = connect(`ws://127.0.0.1:${port}`, { session: false })
    // Said before the connection is there: kept until it is.
    game.call(AVATAR, 'say', 'hello')
    expect(await nameOfPlayer(game)).toBe('one')
    const why = whyClosed(game)
    game.close()
    expect(await why).toBe('closed')
    expect(Buffer.concat(heard)).toEqual(said)

    const other = connect(`ws://127.0.0.1:${port}/other`, { session: false })
    await nameOfPlayer(other)
    other.close()
    await whyClosed(other)
    expect(paths).toEqual(['/ws', '/other'])
  })

  it('ends when the server sends text, goes away, or is not there', async () => {
    const actions = [
      (socket: WebSocket) => socket.send('text'),
      (socket: WebSocket) => socket.close(1001, 'going down'),
    ]
    const port = await webSocketServer((socket) => actions.shift()!(socket))
    expect(await whyClosed(connect(`ws://127.0.0.1:${port}`, { session: false }))).toBe('the server sent text')
    expect(await whyClosed(connect(`ws://127.0.0.1:${port}`, { session: false }))).toBe('going down')

    const free = await tcpServer({ host: '127.0.0.1', port: 0 }, (socket) => socket.destroy())
    expect(await whyClosed(connect(`ws://127.0.0.1:${free}`, { session: false }))).toBe(
      `cannot connect to ws://127.0.0.1:${free}/ws`,
    )
  })

  it.each([
    [1000, 'kicked', true],
    [1003, 'text is not understood', true],
    [1008, '', true],
    [4000, 'banned', true],
    [1001, 'going down', false],
    [1011, '', false],
    [1012, '', false],
    [1013, '', false],
    [undefined, '', false],
    ['terminated', '', false],
  ] as const)('that is closed with %s %j is closed on purpose: %s', async (code, reason, expected) => {
    const port = await webSocketServer((socket) =>
      code === 'terminated' ? socket.terminate() : socket.close(code, reason),
    )
    const stream = webSocketStream(`ws://127.0.0.1:${port}`)
    const ended = await new Promise((resolve) => stream.onClose((why, onPurpose) => resolve([why !== '', onPurpose])))
    expect(ended).toEqual([true, expected])
  })

  it('begins a session with its subprotocol and a hello, and none where it is to be plain', async () => {
    const begun: unknown[] = []
    const port = await webSocketServer((socket) => {
      begun.push(socket.protocol)
      socket.on('message', (data: Buffer) => {
        begun.push(sessionMessages.hello.read(data, 6, data.length))
        socket.close(1000, 'heard enough')
      })
      if (socket.protocol === '') socket.close()
    })
    expect(await whyClosed(connect(`ws://127.0.0.1:${port}`))).toBe('heard enough')
    await whyClosed(connect(`ws://127.0.0.1:${port}`, { session: false }))
    expect(begun).toEqual([SESSION_SUBPROTOCOL, expect.objectContaining({ version: SESSION_VERSION, token: '' }), ''])
  })

  it('is tried again where a session has lost it, or never had it', async () => {
    let connections = 0
    let seen = () => {}
    const twice = new Promise<void>((resolve) => {
      seen = resolve
    })
    const port = await webSocketServer((socket) => {
      if (++connections === 3) seen()
      socket.terminate()
    })
    const free = await tcpServer({ host: '127.0.0.1', port: 0 }, (socket) => socket.destroy())
    const game = connect([`ws://127.0.0.1:${free}`, `ws://127.0.0.1:${port}`], { random: () => 0 })
    await twice
    expect(game.connection).toBe('connecting')
    game.close()
    expect(game.closed).toBe('closed')
  })

  it('is all that a URL can stand for', () => {
    expect(() => connect('tcp://127.0.0.1:1')).toThrow('ws:// or wss:// is wanted')
    expect(() => connect(['ws://127.0.0.1:1', 'tcp://127.0.0.1:1'])).toThrow('ws:// or wss:// is wanted')
    expect(() => connect([])).toThrow('there is no target')
  })
})
