// A gate with compress_connection=1, and what becomes of those who speak something else than it does.
import { createServer } from 'node:http'
import { createConnection } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startGate } from '../../../components/gate/part.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { chunkOf } from '../../../engine/base/snappy-stream.ts'
import { type ConnectOptions, connect, webSocketStream } from '../../../engine/client/client.ts'
import { compressed, tcpStream } from '../../../engine/client/tcp.ts'
import { parseConfig } from '../../../engine/config/config.ts'
import { tcpTransport } from '../../../engine/net/tcp.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'

/** No dispatcher is there: what clients say is counted as said to nobody. */
async function gate(compresses: boolean) {
  const http = createServer()
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  const log = new MemoryLog()
  const text = `[gate_common]\nlisten_addr=127.0.0.1:0\ncompress_connection=${compresses}\n`
  const part = await startGate({
    id: 1,
    config: parseConfig(text, { path: '/srv/goworld.ini' }),
    links: tcpTransport,
    dispatchers: [{ kind: 'unix', path: '/nowhere/dispatcher' }],
    log,
    http,
  })
  onTestFinished(async () => {
    await part.stop()
    http.close()
    http.closeAllConnections()
  })
  const { port } = http.address() as { port: number }
  const { host } = new URL(part.addresses['tcp']!)
  return { part, log, host, web: `ws://127.0.0.1:${port}/ws` }
}

const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 })

/** Plays as the options say, and says `calls` things. */
function play(target: Parameters<typeof connect>[0], calls: number, options: ConnectOptions = {}) {
  const game = connect(target, { log: { error() {} }, ...options })
  onTestFinished(() => game.close())
  for (let call = 0; call < calls; call++) game.call('x'.repeat(16), 'say', `what somebody says ${call}`)
  return game
}

test('clients that speak snappy over TCP are heard, those of GoWorld and those of our SDK with a session', async () => {
  const { part, host } = await gate(true)
  play(compressed(tcpStream(host)), 30)
  await soon(() => expect(part.status()).toMatchObject({ clients: 1, refused: { noDispatcher: 30 } }))
  const ours = play(() => compressed(tcpStream(host)), 12)
  await soon(() => expect(part.status()).toMatchObject({ clients: 2, refused: { noDispatcher: 42 } }))
  expect([ours.connection, part.status()]).toMatchObject(['open', { sessions: { count: 1 } }])
})

test('over WebSockets clients of GoWorld speak snappy, as they do there, and those of our SDK as browsers can', async () => {
  const { part, web } = await gate(true)
  play(compressed(webSocketStream(web)), 30)
  await soon(() => expect(part.status()).toMatchObject({ clients: 1, refused: { noDispatcher: 30 } }))
  play(web, 12)
  await soon(() => expect(part.status()).toMatchObject({ clients: 2, refused: { noDispatcher: 42 } }))
})

test('who says nothing in few bytes again and again is held back for them like others', async () => {
  const { part, host } = await gate(true)
  const [hostname, port] = host.split(':')
  const socket = createConnection({ host: hostname!, port: Number(port) })
  onTestFinished(() => void socket.destroy())
  const writer = new PacketWriter()
  clientMessages.heartbeat.write(writer, {})
  socket.write(chunkOf(writer.copy(), 0, writer.at, true).slice())
  await soon(() => expect(part.status()).toMatchObject({ clients: 1 }))
  const skipped = Buffer.concat([Buffer.from([0x80, 0xfc, 0xff, 0xff]), Buffer.alloc(0xff_fffc)])
  socket.write(skipped)
  socket.write(skipped)
  await soon(() => expect(part.status()).toMatchObject({ limited: 1, clientBytes: 0, clients: 1 }))
})

test('a client that does not speak snappy is closed by a gate that does, and the log says what it may be', async () => {
  const { part, log, host, web } = await gate(true)
  for (const [count, stream] of [() => tcpStream(host), () => webSocketStream(web)].entries()) {
    const game = play(stream(), 1)
    await soon(() =>
      expect(part.status()).toMatchObject({ clients: 0, refused: { notSnappy: count + 1, badSnappy: 0 } }),
    )
    await soon(() => expect(game.connection).toBe('closed'))
  }
  const lines = log.lines.filter(({ message }) => message.includes('is compress_connection set there?'))
  expect(lines).toHaveLength(2)
})

test('a client that speaks snappy is closed by a gate that does not, and both logs say what it may be', async () => {
  const { part, log, host, web } = await gate(false)
  for (const [count, stream] of [() => tcpStream(host), () => webSocketStream(web)].entries()) {
    const game = play(compressed(stream()), 1)
    await soon(() => expect(part.status()).toMatchObject({ clients: 0, refused: { snappy: count + 1 } }))
    await soon(() => expect(game.connection).toBe('closed'))
  }
  const lines = log.lines.filter(({ message }) => message.includes('is compress_connection set here?'))
  expect(lines).toHaveLength(2)
})

test('a stream that goes wrong costs its client the connection, and nobody else anything', async () => {
  const { part, log, host } = await gate(true)
  const [hostname, port] = host.split(':')
  play(compressed(tcpStream(host)), 1)
  const socket = createConnection({ host: hostname!, port: Number(port) })
  let isClosed = false
  socket.on('error', () => {})
  socket.on('close', () => {
    isClosed = true
  })
  onTestFinished(() => void socket.destroy())
  const writer = new PacketWriter()
  clientMessages.heartbeat.write(writer, {})
  const chunk = chunkOf(writer.copy(), 0, writer.at, true).slice()
  socket.write(chunk)
  await soon(() => expect(part.status()).toMatchObject({ clients: 2, refused: { noDispatcher: 1, badSnappy: 0 } }))
  chunk[chunk.length - 1]! ^= 1
  socket.write(chunk)
  await soon(() => expect([isClosed, part.status()]).toMatchObject([true, { clients: 1, refused: { badSnappy: 1 } }]))
  expect(log.lines.some(({ message }) => message.includes('a chunk with a wrong checksum; closed'))).toBe(true)
})
