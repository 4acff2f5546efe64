// WebSocket clients: the same stream as by TCP, wherever its messages are cut; anything else is refused and costs nothing.
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { Connection } from '../../../engine/net/connection.ts'
import { serveWebSocket } from '../../../engine/net/websocket.ts'

interface Guest {
  readonly connection: Connection
  readonly bytes: number[]
  reason: string | undefined
}

async function serve(messageBytesMax = 1 << 20, protocols?: readonly string[]) {
  const http = createServer((_, response) => response.end('page'))
  const guests: Guest[] = []
  const door = serveWebSocket(
    http,
    '/ws',
    (connection) => {
      const guest: Guest = { connection, bytes: [], reason: undefined }
      guests.push(guest)
      connection.handle({
        data: (chunk) => void guest.bytes.push(...chunk),
        close(reason) {
          expect(guest.reason).toBeUndefined()
          guest.reason = reason
        },
      })
    },
    { messageBytesMax, ...(protocols && { protocols }) },
  )
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    door.close()
    http.close()
    http.closeAllConnections()
  })
  const { port } = http.address() as { port: number }
  const url = `ws://127.0.0.1:${port}/ws`
  return { url, port, guests, door, http }
}

async function visit(url: string, guests: readonly Guest[]) {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  onTestFinished(() => socket.terminate())
  await new Promise((resolve) => void socket.once('open', resolve))
  await soon(() => expect(guests.length).toBeGreaterThan(0))
  return { socket, guest: guests.at(-1)! }
}

const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 })
const closed = (socket: WebSocket) =>
  new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  )

test('messages are pieces of one stream, also fragments of them and empty ones', async () => {
  const { url, guests } = await serve()
  const { socket, guest } = await visit(`${url}?any=query`, guests)
  socket.send(Buffer.from([1, 2]))
  socket.send(Buffer.from([3]), { binary: true, fin: false })
  socket.send(Buffer.alloc(0))
  socket.send(Buffer.from([4, 5]), { fin: true })
  socket.send(Buffer.from([6]))
  await soon(() => expect(guest.bytes).toEqual([1, 2, 3, 4, 5, 6]))
  expect(guest.connection.remote).toMatch(/^127\.0\.0\.1:\d+$/)
})

test('of the protocols that a client offers the one that is spoken is chosen; without any, all is as without them', async () => {
  const { url, guests } = await serve(undefined, ['mine.2', 'mine.1'])
  const offers: [string[], string][] = [
    [['other', 'mine.1'], 'mine.1'],
    [['mine.1', 'mine.2'], 'mine.2'],
    [['other', 'another'], 'other'],
    [[], ''],
  ]
  for (const [offered, chosen] of offers) {
    const before = guests.length
    const socket = new WebSocket(url, offered)
    onTestFinished(() => socket.terminate())
    await new Promise((resolve, reject) => void socket.once('open', resolve).once('error', reject))
    await soon(() => expect(guests).toHaveLength(before + 1))
    expect([socket.protocol, guests.at(-1)!.connection.protocol]).toEqual([chosen, chosen])
  }
})

test('one that is closed while it is paused hears of the client’s end at once, and of nothing that was unread', async () => {
  const { url, guests } = await serve()
  const { socket, guest } = await visit(url, guests)
  guest.connection.pause()
  socket.send(Buffer.from([1, 2, 3]))
  guest.connection.close('enough')
  // Without an answer it would be over after five seconds.
  await vi.waitFor(() => expect(guest.reason).toBe('enough'), { timeout: 3000, interval: 5 })
  expect(guest.bytes).toEqual([])
})

test('a client that is to come again is told so by the code of the close', async () => {
  const { url, guests } = await serve()
  for (const isForNow of [false, true]) {
    const { socket, guest } = await visit(url, guests)
    const end = closed(socket)
    guest.connection.write(Uint8Array.of(1))
    guest.connection.close('enough', isForNow)
    expect(await end).toEqual({ code: isForNow ? 1001 : 1000, reason: 'enough' })
    guests.length = 0
  }
})

test('what is written comes as binary messages, and is done when it has been taken', async () => {
  const { url, guests } = await serve()
  const { socket, guest } = await visit(url, guests)
  const got: Buffer[] = []
  socket.on('message', (data: Buffer, binary) => {
    expect(binary).toBe(true)
    got.push(data)
  })
  const done = vi.fn()
  guest.connection.write(Buffer.alloc(300_000, 7), done)
  guest.connection.write(Buffer.from([8]), done)
  await soon(() => expect(Buffer.concat(got).length).toBe(300_001))
  await soon(() => expect(done).toHaveBeenCalledTimes(2))
  expect(guest.connection.bufferedBytes).toBe(0)
})

test('says how much has come of a message that is not whole', async () => {
  const { url, guests } = await serve()
  const { socket, guest } = await visit(url, guests)
  socket.send(Buffer.alloc(100))
  socket.ping('are you there?')
  await new Promise((resolve) => void socket.once('pong', resolve))
  expect([guest.bytes.length, guest.connection.unfinishedBytes]).toEqual([100, 0])
  socket.send(Buffer.alloc(50_000), { fin: false })
  await soon(() => expect(guest.connection.unfinishedBytes).toBeGreaterThan(49_000))
  socket.send(Buffer.alloc(10), { fin: true })
  await soon(() => expect([guest.bytes.length, guest.connection.unfinishedBytes]).toEqual([50_110, 0]))
})

test('text is refused by its name', async () => {
  const { url, guests } = await serve()
  const { socket, guest } = await visit(url, guests)
  const end = closed(socket)
  socket.send('hello?')
  socket.send(Buffer.from([1]))
  expect(await end).toEqual({ code: 1003, reason: 'text is not understood here, only binary messages' })
  await soon(() => expect(guest.reason).toBe('text is not understood here, only binary messages'))
  expect(guest.bytes).toEqual([])
})

test('a message beyond the limit ends its connection, announced or not', async () => {
  const { url, guests } = await serve(1000)
  const { socket, guest } = await visit(url, guests)
  const end = closed(socket)
  socket.send(Buffer.alloc(600), { fin: false })
  socket.send(Buffer.alloc(401), { fin: true })
  expect((await end).code).toBe(1009)
  await soon(() => expect(guest.reason).toMatch(/[Mm]ax payload/))
  expect(guest.bytes).toEqual([])
})

test('our close says why, after what was written', async () => {
  const { url, guests } = await serve()
  const { socket, guest } = await visit(url, guests)
  const got: Buffer[] = []
  socket.on('message', (data: Buffer) => got.push(data))
  const end = closed(socket)
  guest.connection.write(Buffer.from([1]))
  guest.connection.close('ü'.repeat(100))
  const { code, reason } = await end
  expect([code, got.length]).toEqual([1000, 1])
  expect(reason).toMatch(/^ü{60}$/)
  await soon(() => expect(guest.reason).toBe('ü'.repeat(100)))
  const done = vi.fn()
  guest.connection.write(Buffer.from([2]), done)
  expect(done).toHaveBeenCalledOnce()
})

test('one that has stopped reading is held back', async () => {
  const { url, guests } = await serve()
  const { socket, guest } = await visit(url, guests)
  guest.connection.pause()
  for (let count = 0; count < 30; count++) socket.send(Buffer.alloc(1 << 20))
  await soon(() => expect(socket.bufferedAmount).toBeGreaterThan(0))
  guest.bytes.length = 0
  const before = socket.bufferedAmount
  expect(before).toBeGreaterThan(1 << 20)
  guest.connection.destroy()
  await soon(() => expect(guest.reason).toBe('closed by us'))
})

test('what is no WebSocket of ours is refused, and the server goes on', async () => {
  const { url, port, guests } = await serve()
  const other = new WebSocket(`ws://127.0.0.1:${port}/other`)
  const error = await new Promise<Error>((resolve) => other.once('error', resolve))
  expect(error.message).toContain('404')
  const upgrade = (lines: string[]) =>
    new Promise<string>((resolve) => {
      let text = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`))
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
  const head = ['GET /ws HTTP/1.1', 'host: x', 'connection: upgrade', 'upgrade: websocket']
  expect(await upgrade(head)).toMatch(/^HTTP\/1\.1 400/)
  expect(await upgrade([...head, 'sec-websocket-version: 7', 'sec-websocket-key: x'])).toMatch(/^HTTP\/1\.1 4/)
  expect(guests).toEqual([])
  expect(await (await fetch(`http://127.0.0.1:${port}/page`)).text()).toBe('page')
  await visit(url, guests)
})

test('closing the door ends its connections, and the pages stay', async () => {
  const { url, port, guests, door } = await serve()
  const { socket, guest } = await visit(url, guests)
  const end = closed(socket)
  door.close()
  await end
  await soon(() => expect(typeof guest.reason).toBe('string'))
  expect(await (await fetch(`http://127.0.0.1:${port}/page`)).text()).toBe('page')
})
