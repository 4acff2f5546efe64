// Handshakes: who does not shake hands soon, or at all, is closed and counted, and nobody else notices.
import { createServer, type Server } from 'node:http'
import { createConnection, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { Address } from '../../../engine/base/address.ts'
import { realClock, VirtualClock } from '../../../engine/base/clock.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import type { Connection } from '../../../engine/net/connection.ts'
import { type HandshakeOptions, Handshakes, secureHttp, tlsTransport } from '../../../engine/net/tls.ts'
import { serveWebSocket } from '../../../engine/net/websocket.ts'
import { contextOf, pem } from '../../certificates/certificates.ts'
import { clientHello } from '../../certificates/client-hello.ts'

const LOCAL: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 }
const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 })

async function listening(more: Partial<HandshakeOptions> = {}) {
  const refused: [reason: string, detail: string][] = []
  let name = 'ec'
  const contexts = new Map(['ec', 'rsa', 'chain'].map((one) => [one, contextOf(one)]))
  const handshakes = new Handshakes({
    clock: realClock,
    context: () => contexts.get(name)!,
    refused: (reason, remote, detail) => {
      expect(remote).toMatch(/^127\.0\.0\.1:\d+$|^somebody who is gone$/)
      refused.push([reason, detail])
    },
    ...more,
  })
  const accepted: Connection[] = []
  const heard: string[] = []
  const listener = await tlsTransport(handshakes).listen(LOCAL, (connection) => {
    accepted.push(connection)
    connection.handle({ data: (chunk) => void heard.push(Buffer.from(chunk).toString()), close() {} })
  })
  onTestFinished(() => listener.close())
  const { port } = listener.address as { port: number }
  return { handshakes, refused, accepted, heard, listener, port, show: (other: string) => (name = other) }
}

/** A peer by plain TCP, and whether it is closed. */
async function peer(port: number) {
  const socket: Socket = createConnection({ host: '127.0.0.1', port })
  onTestFinished(() => void socket.destroy())
  const state = { socket, isClosed: false }
  socket.on('error', () => {})
  socket.on('data', () => {})
  socket.on('close', () => {
    state.isClosed = true
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  return state
}

async function secure(port: number, more = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: [pem('ec.crt'), pem('rsa.crt'), pem('root.crt')], ...more })
  onTestFinished(() => void socket.destroy())
  await new Promise((resolve, reject) => void socket.once('secureConnect', resolve).once('error', reject))
  return socket
}

test.each(['rsa', 'ec', 'chain'])('shakes hands by TLS 1.2 and 1.3, as who verifies it wants: %s', async (name) => {
  const { port, show, accepted, refused } = await listening()
  show(name)
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await secure(port, { minVersion: version, maxVersion: version })
    expect([socket.authorized, socket.getProtocol()]).toEqual([true, version])
  }
  await soon(() => expect(accepted).toHaveLength(2))
  expect(accepted[0]!.remote).toMatch(/^127\.0\.0\.1:\d+$/)
  expect(refused).toEqual([])
})

test('another certificate counts for those that come from then on', async () => {
  const { port, show, heard } = await listening()
  const before = await secure(port)
  show('rsa')
  const after = await secure(port)
  const shown = (socket: TLSSocket) => socket.getPeerX509Certificate()!.publicKey.asymmetricKeyType
  expect([shown(before), shown(after)]).toEqual(['ec', 'rsa'])
  before.write('still here')
  await soon(() => expect(heard).toEqual(['still here']))
})

test.each([
  ['an HTTP request', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', 'it says "GET /"'],
  ['a frame of a client without TLS', '\x02\x00\x00\x00\xd1\x07', ''],
  ['noise', 'x'.repeat(100_000), ''],
])('closes who speaks no TLS at once: %s', async (_, bytes, detail) => {
  const { port, refused, accepted, handshakes } = await listening()
  const { socket, ...state } = await peer(port)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(Buffer.from(bytes, 'latin1'))
  if (bytes.length > 5) await closed
  else socket.destroy()
  await soon(() => expect(refused).toEqual([['handshake', expect.stringContaining(detail)]]))
  expect([state.isClosed, accepted.length, handshakes.underWay]).toEqual([false, 0, 0])
})

test('closes who offers too old a version, and tells why', async () => {
  const { port, refused } = await listening()
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  await expect(secure(port, old)).rejects.toThrow()
  await soon(() => expect(refused).toEqual([['handshake', expect.stringContaining('unsupported protocol')]]))
})

test('who comes and goes without a word is nobody’s business', async () => {
  const { port, refused, handshakes } = await listening()
  const { socket } = await peer(port)
  await soon(() => expect(handshakes.underWay).toBe(1))
  socket.destroy()
  await soon(() => expect(handshakes.underWay).toBe(0))
  expect(refused).toEqual([])
})

test.each(['end', 'resetAndDestroy'] as const)(
  'one that goes in the middle of it is only counted (%s)',
  async (how) => {
    const { port, refused, handshakes } = await listening()
    const { socket } = await peer(port)
    // What a handshake begins with.
    socket.write(Buffer.from([22, 3, 1, 2, 0, 1]))
    await soon(() => expect(handshakes.underWay).toBe(1))
    socket[how]()
    await soon(() => expect(refused).toEqual([['handshake', expect.any(String)]]))
    expect(handshakes.underWay).toBe(0)
  },
)

test('one that takes too long is closed, however often it says something', async () => {
  const clock = new VirtualClock()
  const { port, refused, handshakes } = await listening({ clock })
  const slow = await peer(port)
  const other = await secure(port)
  await soon(() => expect(handshakes.underWay).toBe(1))
  for (let second = 0; second < 4; second++) {
    slow.socket.write(Buffer.from([22, 3, 1, 2, 0, 1].slice(second, second + 1)))
    await clock.advance(1200)
  }
  expect(slow.isClosed).toBe(false)
  await clock.advance(200)
  await soon(() => expect(slow.isClosed).toBe(true))
  expect([refused, handshakes.underWay]).toEqual([[['handshakeSlow', 'not done in 5000 ms']], 0])
  await clock.advance(60_000)
  expect(other.destroyed).toBe(false)
})

test('of very many that are under way the oldest is given up, and others still come in', async () => {
  const { port, refused, handshakes, accepted } = await listening({ underWayMax: 10 })
  const first = await peer(port)
  await soon(() => expect(handshakes.underWay).toBe(1))
  const others = await Promise.all(Array.from({ length: 30 }, () => peer(port)))
  await soon(() => expect(refused).toHaveLength(21))
  expect(refused[0]).toEqual(['handshakes', '10 are under way'])
  await soon(() => expect(first.isClosed).toBe(true))
  await soon(() => expect(others.filter(({ isClosed }) => !isClosed)).toHaveLength(10))
  await secure(port)
  await soon(() => expect(accepted).toHaveLength(1))
  expect(handshakes.underWay).toBe(9)
})

test('all that are under way can be given up, and others go on', async () => {
  const { port, refused, handshakes, heard } = await listening()
  const [one, two] = [await peer(port), await peer(port)]
  const done = await secure(port)
  await soon(() => expect(handshakes.underWay).toBe(2))
  handshakes.drop()
  expect(handshakes.underWay).toBe(0)
  await soon(() => expect([one.isClosed, two.isClosed]).toEqual([true, true]))
  done.write('here')
  await soon(() => expect(heard).toEqual(['here']))
  await secure(port)
  expect(refused).toEqual([])
})

test('a listener that is closed ends those that are under way, too', async () => {
  const { port, handshakes, listener } = await listening()
  const one = await peer(port)
  await soon(() => expect(handshakes.underWay).toBe(1))
  await listener.close()
  await soon(() => expect([one.isClosed, handshakes.underWay]).toEqual([true, 0]))
})

test('nobody may ask for another handshake in the middle', async () => {
  const { port, accepted, refused } = await listening()
  const socket = await secure(port, { maxVersion: 'TLSv1.2' })
  await soon(() => expect(accepted).toHaveLength(1))
  const failed = new Promise<Error>((resolve) => void socket.on('error', resolve))
  socket.renegotiate({}, () => {})
  expect((await failed).message).toContain('no renegotiation')
  expect(refused).toEqual([])
})

const CIPHERS = {
  'TLS 1.3': {},
  'TLS 1.2': { maxVersion: 'TLSv1.2' },
  'TLS 1.2, in blocks': { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-SHA384' },
}

/** Nothing here asks for new keys: a handshake that is more than is allowed stands for them. */
test.each(Object.entries(CIPHERS))('who has more around what it says than it needs is closed: %s', async (_, more) => {
  const clock = new VirtualClock()
  const { port, accepted, refused } = await listening({ clock, aroundBytesMax: 50 })
  const socket = await secure(port, more)
  await soon(() => expect(accepted).toHaveLength(1))
  const gone = new Promise((resolve) => void socket.on('error', () => {}).once('close', resolve))
  await clock.advance(1000)
  await gone
  expect(refused).toEqual([['handshakeAgain', expect.stringMatching(/^\d+ bytes around what it said$/)]])
})

test.each(Object.entries(CIPHERS))(
  'who says it in single bytes has no more around it than it needs: %s',
  async (_, more) => {
    const clock = new VirtualClock()
    const { port, accepted, heard, refused } = await listening({ clock, aroundBytesMax: 2048 })
    const socket = await secure(port, more)
    await soon(() => expect(accepted).toHaveLength(1))
    for (let count = 0; count < 2000; count++) {
      if (count === 1000) accepted[0]!.pause()
      socket.write('x')
    }
    accepted[0]!.resume()
    await soon(() => expect(heard.join('')).toHaveLength(2000))
    await clock.advance(5000)
    expect([refused, socket.destroyed]).toEqual([[], false])
  },
)

test('a peer that ends its half and does not read what waits for it is closed all the same', async () => {
  const { port, accepted } = await listening()
  const socket = await secure(port, { allowHalfOpen: true })
  await soon(() => expect(accepted).toHaveLength(1))
  const gone = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  accepted[0]!.write(Buffer.alloc(16 << 20))
  socket.end()
  const done = vi.fn()
  await soon(() => {
    accepted[0]!.write(Buffer.alloc(1), done)
    expect(done).toHaveBeenCalled()
  })
  await soon(() => expect(accepted[0]!.bufferedBytes).toBe(0))
  socket.resume()
  await gone
})

async function turns(count: number) {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => void setImmediate(resolve))
}

describe('a hello', () => {
  test('costs no TLS before it is whole', async () => {
    const context = vi.fn(() => contextOf('ec'))
    const { port } = await listening({ context })
    const whole = await clientHello()
    const { socket } = await peer(port)
    const answer = new Promise<Buffer>((resolve) => void socket.once('data', resolve))
    const cuts = [0, 3, 5, 6, whole.length - 1]
    for (const [n, from] of cuts.slice(0, -1).entries()) {
      socket.write(whole.subarray(from, cuts[n + 1]))
      await turns(5)
    }
    expect(context).not.toHaveBeenCalled()
    socket.write(whole.subarray(-1))
    expect((await answer)[0]).toBe(22)
    expect(context).toHaveBeenCalledOnce()
  })

  test('may come in many records', async () => {
    const { port } = await listening()
    const { socket } = await peer(port)
    const answer = new Promise<Buffer>((resolve) => void socket.once('data', resolve))
    const message = (await clientHello()).subarray(5)
    for (let at = 0; at < message.length; at += 100) {
      const part = message.subarray(at, at + 100)
      socket.write(Buffer.concat([Buffer.from([22, 3, 1, 0, part.length]), part]))
    }
    expect((await answer)[0]).toBe(22)
  })

  /** So many peers that are there, and have yet to say hello; and in which turns they are answered. */
  async function crowd(
    count: number,
    whenAnswered: (server: Awaited<ReturnType<typeof listening>>) => void = () => {},
  ) {
    const perTurn: number[] = []
    let isSameTurn = false
    const context = () => {
      if (!isSameTurn) perTurn.push(0)
      isSameTurn = true
      perTurn[perTurn.length - 1]!++
      setImmediate(() => {
        isSameTurn = false
      })
      whenAnswered(server)
      return contextOf('ec')
    }
    const server = await listening({ context })
    const whole = await clientHello()
    const peers = await Promise.all(Array.from({ length: count }, () => peer(server.port)))
    await soon(() => expect(server.handshakes.underWay).toBe(count))
    expect(perTurn).toEqual([])
    const answered = peers.map(({ socket }) => new Promise((resolve) => void socket.once('data', resolve)))
    for (const { socket } of peers) socket.write(whole)
    return { ...server, whole, peers, answered, perTurn }
  }

  test('of many at once a few are answered in a turn', async () => {
    const { answered, perTurn } = await crowd(100)
    await Promise.all(answered)
    expect(perTurn.reduce((sum, count) => sum + count)).toBe(100)
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(4)
  })

  test('that waits for its answer when all are given up is never answered', async () => {
    let isFirst = true
    const { peers, perTurn, refused, port, handshakes } = await crowd(100, ({ handshakes }) => {
      if (isFirst) process.nextTick(() => handshakes.drop())
      isFirst = false
    })
    await soon(() => expect(peers.filter(({ isClosed }) => !isClosed)).toEqual([]))
    expect([perTurn.length, refused, handshakes.underWay]).toEqual([1, [], 0])
    await secure(port)
  })

  test('of one that goes while it waits is not answered, and counted once', async () => {
    const { port, refused, handshakes, accepted } = await listening()
    const whole = await clientHello()
    const peers = await Promise.all(Array.from({ length: 60 }, () => peer(port)))
    for (const [n, { socket }] of peers.entries()) {
      socket.write(whole)
      socket[(['end', 'destroy', 'resetAndDestroy'] as const)[n % 3]!]()
    }
    await soon(() => expect(refused).toHaveLength(60))
    expect([handshakes.underWay, accepted]).toEqual([0, []])
    await secure(port)
  })

  test('is no place to store things', async () => {
    const { port, refused } = await listening()
    const one = await peer(port)
    const record = Buffer.concat([Buffer.from([22, 3, 1, 0x3f, 0xf0, 1, 0xff, 0xff, 0xff]), Buffer.alloc(0x3ff0 - 4)])
    for (let n = 0; n < 3; n++) one.socket.write(record)
    await soon(() => expect(one.isClosed).toBe(true))
    expect(refused).toEqual([['handshake', expect.stringMatching(/^\d+ bytes before an answer$/)]])
  })
})

test('whatever is said instead of a handshake, and however it ends, harms nobody', async () => {
  const { port, refused, handshakes, heard, accepted } = await listening()
  const whole = await clientHello()
  const random = seededRandom(5)
  const below = (count: number) => Math.floor(random() * count)
  const good = await secure(port)
  for (let round = 0; round < 40; round++) {
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { socket } = await peer(port)
        const bytes = Buffer.from(whole)
        for (let changes = below(4); changes > 0; changes--) bytes[below(bytes.length)] = below(256)
        const cut = below(3) === 0 ? bytes.length : below(bytes.length)
        socket.write(bytes.subarray(0, cut))
        if (below(2) === 0) socket.write(bytes.subarray(cut))
        if (below(2) === 0) await new Promise((resolve) => setImmediate(resolve))
        const ends = ['end', 'destroy', 'resetAndDestroy'] as const
        socket[ends[below(3)]!]()
      }),
    )
  }
  await soon(() => expect(handshakes.underWay).toBe(0))
  expect(new Set(refused.map(([reason]) => reason))).toEqual(new Set(['handshake']))
  expect(accepted).toHaveLength(1)
  good.write('here')
  await soon(() => expect(heard).toEqual(['here']))
  await secure(port)
})

describe('an HTTP server', () => {
  async function secured() {
    const { handshakes, refused } = await listening()
    const http: Server = createServer((_, response) => response.end('page'))
    secureHttp(http, handshakes)
    const guests: Connection[] = []
    let bytes = 0
    const door = serveWebSocket(
      http,
      '/ws',
      (connection) => {
        guests.push(connection)
        connection.handle({
          data(chunk) {
            bytes += chunk.length
            connection.write(chunk.slice())
          },
          close() {},
        })
      },
      { messageBytesMax: 1 << 20 },
    )
    await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      door.close()
      http.close()
      http.closeAllConnections()
    })
    return { http, handshakes, refused, guests, bytes: () => bytes, port: (http.address() as { port: number }).port }
  }

  /** A request by hand: `fetch` has no say in whom it trusts. */
  const get = async (port: number) => {
    const socket = await secure(port)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    await new Promise((resolve) => socket.once('close', resolve))
    return text
  }

  test('speaks HTTPS and nothing else', async () => {
    const { port, refused } = await secured()
    expect(await get(port)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*page/s)
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
    await soon(() => expect(refused).toEqual([['handshake', 'it says "GET /"']]))
    expect(await get(port)).toContain('page')
  })

  test('takes WebSockets', async () => {
    const { port, guests, bytes } = await secured()
    const socket = new WebSocket(`wss://127.0.0.1:${port}/ws`, { ca: pem('ec.crt') })
    onTestFinished(() => socket.terminate())
    const got: Buffer[] = []
    socket.on('message', (data: Buffer) => got.push(data))
    await new Promise((resolve, reject) => void socket.once('open', resolve).once('error', reject))
    socket.send(Buffer.alloc(300_000, 7))
    await soon(() => expect(Buffer.concat(got).length).toBe(300_000))
    expect([bytes(), guests[0]!.unfinishedBytes, guests[0]!.bufferedBytes]).toEqual([300_000, 0, 0])
    expect(guests[0]!.remote).toMatch(/^127\.0\.0\.1:\d+$/)
    socket.send(Buffer.alloc(50_000), { fin: false })
    await soon(() => expect(guests[0]!.unfinishedBytes).toBeGreaterThan(49_000))
    expect(guests[0]!.unfinishedBytes).toBeLessThan(50_100)
  })

  test('ends when it is closed, though a handshake never ends', async () => {
    const { http, port, handshakes } = await secured()
    const one = await peer(port)
    await soon(() => expect(handshakes.underWay).toBe(1))
    const closed = new Promise<void>((resolve) => void http.close(() => resolve()))
    handshakes.drop()
    await closed
    await soon(() => expect(one.isClosed).toBe(true))
  })
})
