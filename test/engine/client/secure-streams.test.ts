// Streams of clients to servers that speak TLS: whom they believe, and what they say of others.
import { createServer as createHttps } from 'node:https'
import { createServer as createPlain } from 'node:net'
import { createServer } from 'node:tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import type { ByteStream } from '../../../engine/client/stream.ts'
import { parseTarget, tcpStream } from '../../../engine/client/tcp.ts'
import { webSocketStream } from '../../../engine/client/websocket.ts'
import { pem } from '../../certificates/certificates.ts'

/** Answers all that it hears; where it is. */
async function echo(kind: string, name: string): Promise<string> {
  const options = { key: pem(`${name}.key`), cert: pem(`${name}.crt`) }
  const server =
    kind === 'tls'
      ? createServer(options, (socket) => void socket.on('error', () => {}).pipe(socket))
      : createHttps(options)
  onTestFinished(() => void server.close())
  if (kind === 'wss') {
    const door = new WebSocketServer({ server: server as ReturnType<typeof createHttps>, path: '/ws' })
    door.on('connection', (socket) => {
      onTestFinished(() => socket.terminate())
      socket.on('message', (data) => socket.send(data))
    })
  }
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return `${kind}://127.0.0.1:${(server.address() as { port: number }).port}`
}

const streamTo = (url: string, options = {}) =>
  url.startsWith('wss:') ? webSocketStream(url, options) : tcpStream(url, options)

/** What comes of it: what was said, or why it is over. */
function answer(stream: ByteStream): Promise<string> {
  onTestFinished(() => stream.close())
  return new Promise((resolve) => {
    let text = ''
    stream.onData((chunk) => {
      text += Buffer.from(chunk).toString()
      if (text.length === 'hello'.length) resolve(text)
    })
    stream.onClose(resolve)
    // Nothing is connected yet.
    stream.write(Buffer.from('he'))
    stream.write(Buffer.from('llo'))
  })
}

test.each(['tls', 'wss'])('goes to a server that is trusted, and to no other: %s', async (kind) => {
  const url = await echo(kind, 'ec')
  expect(await answer(streamTo(url, { ca: pem('ec.crt') }))).toBe('hello')
  expect(await answer(streamTo(url, { ca: [pem('rsa.crt'), pem('ec.crt')] }))).toBe('hello')
  expect(await answer(streamTo(url, { verify: false }))).toBe('hello')
  const refused = kind === 'tls' ? /self-signed certificate|DEPTH_ZERO/ : /cannot connect to wss:/
  expect(await answer(streamTo(url))).toMatch(refused)
  expect(await answer(streamTo(url, { ca: pem('rsa.crt') }))).toMatch(kind === 'tls' ? /certificate/ : refused)
  expect(await answer(streamTo(url, { ca: pem('ec.crt'), servername: 'other.example' }))).toMatch(
    kind === 'tls' ? /does not match certificate's altnames/ : refused,
  )
  expect(await answer(streamTo(url, { ca: pem('ec.crt'), servername: 'localhost' }))).toBe('hello')
})

test('whom the root has vouched for by another is trusted', async () => {
  const url = await echo('tls', 'chain')
  expect(await answer(tcpStream(url, { ca: pem('root.crt') }))).toBe('hello')
  const { host, port } = parseTarget(url) as { host: string; port: number }
  expect(await answer(tcpStream({ kind: 'tls', host, port }, { ca: pem('root.crt') }))).toBe('hello')
})

test('says so when the server speaks no TLS', async () => {
  const server = createPlain((socket) => void socket.on('error', () => {}).write('welcome, whoever you are'))
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  expect(await answer(tcpStream(`tls://127.0.0.1:${port}`))).toBe('the server speaks no TLS there')
})

test('gives up a server that does not shake hands', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const server = createPlain((socket) => void socket.on('error', () => {}))
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const connected = new Promise((resolve) => void server.once('connection', resolve))
  const said = answer(tcpStream(`tls://127.0.0.1:${(server.address() as { port: number }).port}`))
  await connected
  vi.advanceTimersByTime(10_000)
  expect(await said).toBe('the server does not shake hands')
  expect(vi.getTimerCount()).toBe(0)
  const url = await echo('tls', 'ec')
  expect(await answer(tcpStream(url, { ca: pem('ec.crt') }))).toBe('hello')
  expect(vi.getTimerCount()).toBe(0)
})

test('can be closed in the middle of its handshake', async () => {
  const server = createPlain((socket) => void socket.on('error', () => {}))
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const connected = new Promise((resolve) => void server.once('connection', resolve))
  const stream = tcpStream(`tls://127.0.0.1:${(server.address() as { port: number }).port}`)
  const closed = new Promise((resolve) => void stream.onClose(resolve))
  await connected
  stream.close()
  expect(await closed).toBe('closed')
})

test('addresses with TLS are written like others', () => {
  expect(parseTarget('tls://gate.example:14000')).toEqual({ kind: 'tls', host: 'gate.example', port: 14000 })
  expect(parseTarget('tls://[::1]:14000/')).toEqual({ kind: 'tls', host: '::1', port: 14000 })
  for (const wrong of ['tls://host', 'tls:host:1', 'ssl://host:1', 'tls://host:0', 'tls://:1'])
    expect(() => parseTarget(wrong), wrong).toThrow(`'${wrong}' is no server address`)
})
