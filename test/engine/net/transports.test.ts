// What every transport does, by TCP with TLS or without, over a Unix socket and in memory, compressed or not: the same stream at the
// other end, then the end.
import { randomFillSync } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Address } from '../../../engine/base/address.ts'
import { realClock } from '../../../engine/base/clock.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import type { Connection, Transport } from '../../../engine/net/connection.ts'
import { MemoryNetwork } from '../../../engine/net/memory.ts'
import { snappyTransport } from '../../../engine/net/snappy.ts'
import { plainTcpTransport, tcpTransport } from '../../../engine/net/tcp.ts'
import { Handshakes, tlsTransport } from '../../../engine/net/tls.ts'
import { contextOf, pem } from '../../certificates/certificates.ts'
import { tempFolder } from '../../temp-folder.ts'

const LOCAL: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 }
const TRANSPORTS: Record<string, () => { transport: Transport; address: Address }> = {
  tcp: () => ({ transport: tcpTransport, address: LOCAL }),
  'tcp, read as any stream': () => ({ transport: plainTcpTransport, address: LOCAL }),
  unix: () => ({ transport: tcpTransport, address: { kind: 'unix', path: join(tempFolder(), 's') } }),
  tls: () => ({ transport: tlsWith({}), address: LOCAL }),
  'tls 1.2': () => ({ transport: tlsWith({ maxVersion: 'TLSv1.2' }), address: LOCAL }),
  memory: () => ({
    transport: new MemoryNetwork(realClock, { random: seededRandom(1), split: true }).transport,
    address: LOCAL,
  }),
  'tcp, compressed': () => ({ transport: snappyTransport(tcpTransport), address: LOCAL }),
  'tls, compressed': () => ({ transport: snappyTransport(tlsWith({})), address: LOCAL }),
  'unix, compressed': () => ({
    transport: snappyTransport(tcpTransport),
    address: { kind: 'unix', path: join(tempFolder(), 's') },
  }),
  'memory, compressed': () => ({
    transport: snappyTransport(new MemoryNetwork(realClock, { random: seededRandom(1), split: true }).transport),
    address: LOCAL,
  }),
}

function tlsWith(more: ConnectionOptions): Transport {
  const context = contextOf('ec')
  const refused = (reason: string, _remote: string, detail: string) => expect.unreachable(`${reason}: ${detail}`)
  const handshakes = new Handshakes({ clock: realClock, context: () => context, refused })
  return tlsTransport(handshakes, { ca: pem('ec.crt'), ...more })
}

/** Bytes that take as much room compressed as they do otherwise. */
const noise = (count: number) => randomFillSync(Buffer.alloc(count))

/** A connection with what came out of it. Chunks are copied, and then spoiled as a socket may do. */
function heard(connection: Connection) {
  const state = { bytes: Buffer.alloc(0), reason: undefined as string | undefined, drained: 0 }
  connection.handle({
    data(chunk) {
      state.bytes = Buffer.concat([state.bytes, chunk])
      chunk.fill(0xee)
    },
    drain() {
      expect(connection.bufferedBytes).toBe(0)
      state.drained++
    },
    close(reason) {
      expect(state.reason).toBeUndefined()
      state.reason = reason
    },
  })
  return state
}

async function pair({ transport, address }: { transport: Transport; address: Address }) {
  const accepted: Connection[] = []
  const listener = await transport.listen(address, (connection) => accepted.push(connection))
  onTestFinished(() => listener.close())
  const near = await transport.connect(listener.address)
  await vi.waitFor(() => expect(accepted).toHaveLength(1))
  onTestFinished(() => near.destroy())
  return { near, far: accepted[0]!, listener, transport }
}

const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 })

describe.each(Object.keys(TRANSPORTS))('%s', (name) => {
  const open = () => pair(TRANSPORTS[name]!())

  test('carries bytes both ways, whole and in order', async () => {
    const { near, far } = await open()
    const atNear = heard(near)
    const atFar = heard(far)
    const random = seededRandom(7)
    const sent: Buffer[] = []
    let taken = 0
    for (let chunk = 0; chunk < 200; chunk++) {
      const bytes = Buffer.from(Array.from({ length: 1 + Math.floor(random() * 3000) }, () => random() * 256))
      sent.push(bytes)
      near.write(bytes, () => taken++)
    }
    far.write(Buffer.from('answer'))
    await soon(() => expect(atFar.bytes.length).toBe(Buffer.concat(sent).length))
    expect(atFar.bytes.equals(Buffer.concat(sent))).toBe(true)
    await soon(() => expect(atNear.bytes.toString()).toBe('answer'))
    await soon(() => expect(taken).toBe(200))
    expect(near.bufferedBytes).toBe(0)
  })

  test('sends what was written before a close, and both ends hear of it once', async () => {
    const { near, far } = await open()
    const atNear = heard(near)
    const atFar = heard(far)
    near.write(Buffer.alloc(200_000, 1))
    near.close('enough')
    await soon(() => expect(atFar.bytes.length).toBe(200_000))
    await soon(() => expect([atNear.reason, typeof atFar.reason]).toEqual(['enough', 'string']))
    near.close()
    near.destroy()
    far.destroy()
  })

  test('is over at once when it is destroyed; what is written later is nothing, and still said to be done', async () => {
    const { near, far } = await open()
    const atNear = heard(near)
    const atFar = heard(far)
    near.destroy('away with it')
    await soon(() => expect([atNear.reason, typeof atFar.reason]).toEqual(['away with it', 'string']))
    const done = vi.fn()
    near.write(Buffer.from('late'), done)
    far.write(Buffer.from('late'), done)
    await soon(() => expect(done).toHaveBeenCalledTimes(2))
    expect([atNear.bytes.length, atFar.bytes.length]).toEqual([0, 0])
  })

  test('holds back who writes to one that has stopped reading, and goes on when it reads', async () => {
    const { near, far } = await open()
    const atNear = heard(near)
    const atFar = heard(far)
    far.pause()
    const chunk = noise(1 << 20)
    for (let count = 0; count < 16; count++) near.write(chunk)
    await soon(() => expect(near.bufferedBytes).toBeGreaterThan(1 << 20))
    expect(atNear.drained).toBe(0)
    far.resume()
    await soon(() => expect(atFar.bytes.length).toBe(16 << 20))
    await soon(() => expect([near.bufferedBytes, atNear.drained > 0]).toEqual([0, true]))
  })

  test.each(['read on', 'destroyed'])(
    'says once of each write that it is done with it, in order, when it is %s',
    async (then) => {
      const { near, far } = await open()
      heard(near)
      const atFar = heard(far)
      far.pause()
      const done: number[] = []
      const chunk = noise(4 << 20)
      near.write(Buffer.from('first'), () => done.push(0))
      for (let count = 1; count <= 3; count++) near.write(chunk, () => done.push(count))
      await soon(() => expect(near.bufferedBytes).toBeGreaterThan(chunk.length))
      // What is sent is a copy where it is compressed: then it is done with what was written at once.
      if (near.copies) expect(done).toEqual([0, 1, 2, 3])
      else expect(done.length).toBeLessThan(3)
      if (then === 'read on') {
        far.resume()
        await soon(() => expect(atFar.bytes.length).toBe(5 + 3 * chunk.length))
      } else {
        near.destroy()
      }
      await soon(() => expect(done).toEqual([0, 1, 2, 3]))
      near.write(Buffer.from('more'), () => done.push(4))
      await soon(() => expect(done).toEqual([0, 1, 2, 3, 4]))
    },
  )

  test('carries all in order, however much waits and whenever it is written', async () => {
    const { near, far } = await open()
    heard(near)
    const got: Buffer[] = []
    far.handle({ data: (chunk) => void got.push(Buffer.from(chunk)), close() {} })
    const random = seededRandom(3)
    const sent: Buffer[] = []
    let done = 0
    const write = (depth: number) => {
      const bytes = Buffer.alloc(Math.floor(random() * (random() < 0.3 ? 600_000 : 2000)), sent.length % 251)
      sent.push(bytes)
      near.write(bytes, () => {
        done++
        if (depth < 3 && random() < 0.3) write(depth + 1)
      })
    }
    for (let round = 0; round < 150; round++) {
      if (random() < 0.3) far.pause()
      for (let writes = random() * 4; writes > 0; writes--) write(0)
      await new Promise((resolve) => setTimeout(resolve, random() * 2))
      if (random() < 0.5) far.resume()
    }
    far.resume()
    await soon(() => expect([done, near.bufferedBytes]).toEqual([sent.length, 0]))
    await soon(() => expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true))
  })

  test.each([[6 << 20], [6 << 20, 10]])('says once that all is taken (%#)', async (...counts) => {
    const { near, far } = await open()
    const atNear = heard(near)
    heard(far)
    far.pause()
    for (const count of counts) near.write(noise(count))
    await soon(() => expect(near.bufferedBytes).toBeGreaterThan(10))
    far.resume()
    await soon(() => expect([near.bufferedBytes, atNear.drained]).toEqual([0, 1]))
  })

  test('sends what waits before a close, and nothing that is written after it', async () => {
    const { near, far } = await open()
    const atNear = heard(near)
    const atFar = heard(far)
    far.pause()
    near.write(noise(8 << 20))
    near.close('enough')
    const done = vi.fn()
    near.write(Buffer.from('late'), done)
    expect(done).toHaveBeenCalledOnce()
    far.resume()
    await soon(() => expect(atFar.bytes.length).toBe(8 << 20))
    await soon(() => expect([atNear.reason, typeof atFar.reason]).toEqual(['enough', 'string']))
  })

  test('says nothing of what is taken when it is destroyed', async () => {
    const { near, far } = await open()
    const atNear = heard(near)
    heard(far)
    far.pause()
    const done = vi.fn()
    for (const bytes of [8 << 20, 10]) near.write(noise(bytes), done)
    near.destroy('away with it')
    await soon(() => expect(atNear.reason).toBe('away with it'))
    await soon(() => expect(done).toHaveBeenCalledTimes(2))
    expect(atNear.drained).toBe(0)
  })

  test('refuses a second listener at an address, and a connection to nobody', async () => {
    const { listener } = await open()
    const { transport, address } = TRANSPORTS[name]!()
    if (!name.startsWith('memory'))
      await expect(transport.listen(listener.address, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const nobody: Address =
      address.kind === 'tcp' ? { ...LOCAL, port: 1 } : { kind: 'unix', path: join(tempFolder(), 'none') }
    await expect(transport.connect(nobody)).rejects.toThrow()
  })

  test('gives its address to another listener, and keeps the connections that it has', async () => {
    const { near, far, listener, transport } = await open()
    const atNear = heard(near)
    const atFar = heard(far)
    listener.stop()
    const others: Connection[] = []
    const other = await transport.listen(listener.address, (connection) => others.push(connection))
    onTestFinished(() => other.close())
    near.write(Buffer.from('still'))
    far.write(Buffer.from('here'))
    await soon(() => expect([atFar.bytes.toString(), atNear.bytes.toString()]).toEqual(['still', 'here']))
    const late = await transport.connect(listener.address)
    onTestFinished(() => late.destroy())
    await soon(() => expect(others).toHaveLength(1))
    await listener.close()
    const later = await transport.connect(listener.address)
    onTestFinished(() => later.destroy())
    await soon(() => expect(others).toHaveLength(2))
  })

  test('keeps what came for one that was paused before it was handled', async () => {
    const { near, far } = await open()
    far.pause()
    const atFar = heard(far)
    near.write(Buffer.from('patience'))
    const atNear = heard(near)
    far.write(Buffer.from('wait'))
    await soon(() => expect(atNear.bytes.toString()).toBe('wait'))
    expect(atFar.bytes.length).toBe(0)
    far.resume()
    await soon(() => expect(atFar.bytes.toString()).toBe('patience'))
  })

  test.each(['nothing', 'something'])(
    'hears of its peer’s end when it is closed while it is paused, with %s unread',
    async (said) => {
      const { near, far } = await open()
      const atNear = heard(near)
      const atFar = heard(far)
      far.pause()
      if (said === 'something') near.write(Buffer.from(said))
      far.write(Buffer.from('well'))
      await soon(() => expect(atNear.bytes.toString()).toBe('well'))
      far.close('enough')
      await soon(() => expect(atFar.reason).toBe('enough'))
    },
  )

  test('ends with its listener', async () => {
    if (name.startsWith('memory')) return
    const { near, far, listener } = await open()
    const atNear = heard(near)
    const atFar = heard(far)
    await listener.close()
    await soon(() => expect([typeof atNear.reason, typeof atFar.reason]).toEqual(['string', 'string']))
  })
})

test('what comes of accepted connections is read into one buffer again and again, over TCP and Unix sockets alike', async () => {
  const buffers = new Set<ArrayBufferLike>()
  let count = 0
  const handlers = {
    data(chunk: Uint8Array) {
      buffers.add(chunk.buffer)
      count += chunk.length
    },
    close() {},
  }
  for (const of of ['tcp', 'unix']) {
    const { transport, address } = TRANSPORTS[of]!()
    const listener = await transport.listen(address, (connection) => connection.handle(handlers))
    onTestFinished(() => listener.close())
    for (let n = 0; n < 3; n++) {
      const near = await transport.connect(listener.address)
      onTestFinished(() => near.destroy())
      near.handle({ data() {}, close() {} })
      const before = count
      near.write(Buffer.alloc(100))
      await soon(() => expect(count).toBe(before + 100))
    }
  }
  expect(buffers.size).toBe(1)
})

test('a peer that ends its half and does not read what waits for it is closed all the same', async () => {
  const accepted: Connection[] = []
  const listener = await tcpTransport.listen(LOCAL, (connection) => accepted.push(connection))
  onTestFinished(() => listener.close())
  const { port } = listener.address as { port: number }
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  peer.on('error', () => {})
  onTestFinished(() => void peer.destroy())
  await soon(() => expect(accepted).toHaveLength(1))
  const state = heard(accepted[0]!)
  accepted[0]!.write(Buffer.alloc(16 << 20))
  peer.end()
  await soon(() => expect(state.reason).toBe('closed by the peer'))
})

test('what was shown in memory is spoiled afterwards, as by a socket that reads on', async () => {
  const { near, far } = await pair(TRANSPORTS['memory']!())
  const kept: Uint8Array[] = []
  far.handle({ data: (chunk) => void kept.push(chunk), close() {} })
  near.write(Buffer.alloc(8))
  await soon(() => expect(Buffer.concat(kept).toString('hex')).toBe('ee'.repeat(8)))
})

test('an address in memory is in use until its listener is closed', async () => {
  const { transport } = new MemoryNetwork(realClock, { random: seededRandom(1) })
  const listener = await transport.listen(LOCAL, () => {})
  await expect(transport.listen(listener.address, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await listener.close()
  await expect(transport.connect(listener.address)).rejects.toThrow('nobody listens')
  await (await transport.listen(listener.address, () => {})).close()
})

test('a Unix socket that a killed process left behind is taken over; a file is not', async () => {
  const folder = tempFolder()
  const stale = join(folder, 'stale')
  // Closed without its file being removed, as a kill -9 does it.
  const dead = createServer().listen(stale)
  await vi.waitFor(() => expect(dead.listening).toBe(true))
  renameSync(stale, `${stale}.kept`)
  await new Promise((resolve) => dead.close(resolve))
  renameSync(`${stale}.kept`, stale)
  await (await tcpTransport.listen({ kind: 'unix', path: stale }, () => {})).close()
  const file = join(folder, 'file')
  writeFileSync(file, 'precious')
  await expect(tcpTransport.listen({ kind: 'unix', path: file }, () => {})).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
  expect(readFileSync(file, 'utf8')).toBe('precious')
})
