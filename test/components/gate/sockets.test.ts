// The gate over real sockets, with TLS and without, compressed or not: what the in-memory network cannot show is when a kernel
// takes bytes and when it does not.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createConnection, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Gate, type GateOptions } from '../../../components/gate/gate.ts'
import { type Address, formatAddress } from '../../../engine/base/address.ts'
import { realClock } from '../../../engine/base/clock.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { machineRandom } from '../../../engine/base/random.ts'
import { chunkOf, SnappyReader } from '../../../engine/base/snappy-stream.ts'
import { Turn } from '../../../engine/base/turn.ts'
import type { Link } from '../../../engine/cluster/link.ts'
import { LinkAcceptor } from '../../../engine/cluster/link-acceptor.ts'
import type { Transport } from '../../../engine/net/connection.ts'
import { snappyTransport } from '../../../engine/net/snappy.ts'
import { tcpTransport } from '../../../engine/net/tcp.ts'
import { Handshakes, secureHttp, tlsTransport } from '../../../engine/net/tls.ts'
import { serveWebSocket } from '../../../engine/net/websocket.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { FrameReader } from '../../../engine/wire/frame.ts'
import { messages, SYNC_OWN } from '../../../engine/wire/messages.ts'
import { getU16, PacketWriter } from '../../../engine/wire/packet.ts'
import { recordX } from '../../../engine/wire/sync.ts'
import { contextOf, pem } from '../../certificates/certificates.ts'
import { bodyOf, createBody, GATE_ID, LIMITS, recordsOf } from './stage.ts'

/** What the buffers of a socket and its peer hold, at the most. */
const KERNELS_BYTES_MAX = 16 * 1024 * 1024
const LOCAL: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 }
const common = { clock: realClock, log: silentLog, random: machineRandom }
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** How clients come in. */
const DOORS = ['tcp', 'tcp, compressed', 'tls', 'tls, compressed'] as const
type Door = (typeof DOORS)[number]
const isEncrypted = (door: Door) => door.startsWith('tls')
const isCompressed = (door: Door) => door.endsWith('compressed')

const context = contextOf('ec')
const refused = (reason: string, _remote: string, detail: string) => expect.unreachable(`${reason}: ${detail}`)
const handshakes = new Handshakes({ clock: realClock, context: () => context, refused })

function transportOf(door: Door): Transport {
  const transport = isEncrypted(door) ? tlsTransport(handshakes) : tcpTransport
  return isCompressed(door) ? snappyTransport(transport) : transport
}

/** Of so many characters, which no compression makes less than three quarters of. */
const textOf = (length: number) => randomBytes(length).toString('base64').slice(0, length)

/** A dispatcher that binds each boot entity at once, and a gate. */
async function start(door: Door, clientQueueBytesMax: number, more: Partial<GateOptions> = {}) {
  const turn = new Turn(realClock)
  const players: { clientId: string; entityId: string }[] = []
  const calls: { entityId: string; method: string }[] = []
  let link: Link | undefined
  const acceptor = new LinkAcceptor(
    { ...common, self: { role: 'dispatcher', id: 1 }, turn, graceMs: 3000, resendBytesMax: 256 * 1024 * 1024 },
    (fresh) => {
      link = fresh
      return {
        up() {},
        down() {},
        packet(bytes, start, end) {
          if (getU16(bytes, start) === messages.gateHello.code) fresh.send('deploymentReady', {})
          if (getU16(bytes, start) === messages.callFromClient.code)
            calls.push(messages.callFromClient.read(bytes, start + 2, end))
          if (getU16(bytes, start) !== messages.bootEntity.code) return
          const { clientId, entityId } = messages.bootEntity.read(bytes, start + 2, end)
          players.push({ clientId, entityId })
          const body = createBody(entityId, 'Account', true)
          fresh.send('bindPlayer', {
            gateId: GATE_ID,
            clientId,
            handed: 0,
            entityId,
            epoch: 1,
            gameId: 1,
            syncing: true,
            body,
          })
        },
      }
    },
  )
  turn.stage(() => acceptor.flush())
  const listener = await tcpTransport.listen(LOCAL, (connection) => acceptor.accept(connection))
  closing.push(() => listener.close())
  const gate = new Gate({
    ...common,
    ...LIMITS,
    id: GATE_ID,
    links: tcpTransport,
    dispatchers: [listener.address],
    clients: [{ transport: transportOf(door), address: LOCAL }],
    heartbeatMs: 0,
    clientQueueBytesMax,
    clientPacketBytesMax: 64 * 1024,
    clientsMax: 100,
    clientsBytesMax: 1024 * 1024 * 1024,
    protocol: '2022',
    ...more,
  })
  await gate.start()
  closing.push(() => gate.stop())
  return { gate, players, calls, send: () => link!, connect: () => connect(door, gate.addresses[0]!) }
}

async function connect(door: Door, address: Address) {
  if (address.kind !== 'tcp') throw new Error(formatAddress(address))
  const { host, port } = address
  const socket: Socket = isEncrypted(door)
    ? connectTls({ host, port, ca: pem('ec.crt') })
    : createConnection({ host, port })
  closing.push(() => socket.destroy())
  const heard: { type: number; frame: Uint8Array }[] = []
  const frames = new FrameReader(
    (bytes, start, end) => {
      heard.push({ type: getU16(bytes, start), frame: bytes.slice(start, end) })
      return undefined
    },
    { maxBytes: 64 * 1024 * 1024 },
  )
  let closed = false
  const snappy = new SnappyReader((bytes) => frames.push(bytes) === bytes.length)
  socket.on('data', (chunk) => void (isCompressed(door) ? snappy : frames).push(chunk))
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  await vi.waitFor(() => expect(heard).toHaveLength(1), { timeout: 10_000 })
  let hasSpoken = false
  const say = (bytes: Uint8Array) => {
    if (isCompressed(door)) bytes = chunkOf(bytes, 0, bytes.length, !hasSpoken).slice()
    hasSpoken = true
    socket.write(bytes)
  }
  return { socket, heard, say, isClosed: () => closed }
}

/** Resolves when the connection is over. */
function turnedAway(door: Door, address: Address): Promise<unknown> {
  const { port } = address as { port: number }
  const target = { host: '127.0.0.1', port }
  const socket: Socket = isEncrypted(door) ? connectTls({ ...target, ca: pem('ec.crt') }) : createConnection(target)
  closing.push(() => socket.destroy())
  socket.on('data', () => {})
  socket.on('error', () => {})
  return new Promise((resolve) => void socket.once('close', resolve))
}

test.each(DOORS)(
  'a client that stops reading lags, is not sent every position, and catches up (%s)',
  { timeout: 60_000 },
  async (door) => {
    const { gate, players, send, connect } = await start(door, 64 * 1024 * 1024)
    const slow = await connect()
    const { clientId, entityId } = players[0]!
    slow.socket.pause()
    const filler = bodyOf('callOnClient', { entityId, method: 'm', args: [textOf(60_000)] })
    // Until more waits than the kernels at both ends can still take: with TLS a little always does for a moment.
    await vi.waitFor(
      () => {
        for (let n = 0; n < 20; n++) send().send('callClient', { gateId: GATE_ID, clientId, body: filler })
        expect(gate.status().queuedBytes).toBeGreaterThan(KERNELS_BYTES_MAX)
      },
      { timeout: 20_000, interval: 5 },
    )
    expect(gate.status().lagging).toBe(1)
    const calls = () => gate.status().deliveredMessages - 1
    for (let x = 1; x <= 10; x++) {
      send().send('positions', {
        gateId: GATE_ID,
        gameId: 1,
        audience: SYNC_OWN,
        step: 6,
        records: recordsOf([entityId, x]),
      })
      await vi.waitFor(() => expect(gate.status().deliveredRecords).toBe(x), { timeout: 10_000, interval: 2 })
    }
    slow.socket.resume()
    const { code } = clientMessages.positions
    await vi.waitFor(() => expect(slow.heard.some(({ type }) => type === code)).toBe(true), { timeout: 20_000 })
    expect(slow.heard.filter(({ type }) => type === clientMessages.callOnClient.code)).toHaveLength(calls())
    const positions = slow.heard.filter(({ type }) => type === code)
    expect(positions).toHaveLength(1)
    expect(recordX(positions[0]!.frame, 2)).toBe(10)
    await vi.waitFor(() => expect(gate.status()).toMatchObject({ lagging: 0, queuedBytes: 0 }), { timeout: 10_000 })
  },
)

test.each(DOORS)('of one address there are no more than may be (%s)', async (door) => {
  const { gate, connect } = await start(door, 1024 * 1024, { clientsPerAddressMax: 2 })
  const [first] = [await connect(), await connect()]
  // Nobody is told more than that it is over.
  const third = turnedAway(door, gate.addresses[0]!)
  await vi.waitFor(() => expect(gate.status().refused.addressFull).toBe(1), { timeout: 10_000 })
  await third
  first!.socket.destroy()
  await vi.waitFor(() => expect(gate.status().clients).toBe(1), { timeout: 10_000 })
  await connect()
  expect(gate.status()).toMatchObject({ clients: 2, refused: { addressFull: 1 } })
})

test.each(DOORS)(
  'a client that never reads is closed; another beside it hears everything (%s)',
  { timeout: 60_000 },
  async (door) => {
    const { gate, players, send, connect } = await start(door, 256 * 1024)
    const slow = await connect()
    const quick = await connect()
    slow.socket.pause()
    const [slowOne, quickOne] = players as [(typeof players)[0], (typeof players)[0]]
    let said = 0
    await vi.waitFor(
      () => {
        for (const { clientId, entityId } of [slowOne, quickOne]) {
          const body = bodyOf('callOnClient', { entityId, method: 'm', args: [textOf(30_000)] })
          send().send('callClient', { gateId: GATE_ID, clientId, body })
        }
        said++
        expect(gate.status().refused.overflow).toBe(1)
      },
      { timeout: 20_000, interval: 2 },
    )
    const { code } = clientMessages.callOnClient
    await vi.waitFor(() => expect(quick.heard.filter(({ type }) => type === code)).toHaveLength(said), {
      timeout: 20_000,
    })
    expect(gate.status()).toMatchObject({ clients: 1, lagging: 0 })
    expect(quick.isClosed()).toBe(false)
    slow.socket.resume()
    await vi.waitFor(() => expect(slow.isClosed()).toBe(true), { timeout: 10_000 })
  },
)

const ENDS = ['tcp', 'tls, compressed'] as const

test.each(ENDS)('of many that do not read only so many are closed that the others fit (%s)', async (door) => {
  const filler = textOf(60_000)
  const bytesMax = 16 * 1024 * 1024
  const { gate, players, send, connect } = await start(door, 64 * 1024 * 1024, { clientsBytesMax: bytesMax })
  const quick = await connect()
  const slow = await Promise.all(Array.from({ length: 8 }, () => connect()))
  for (const { socket } of slow) socket.pause()
  let said = 0
  await vi.waitFor(
    () => {
      // What the kernels take comes first: that differs from client to client, and so does what waits here.
      for (const [at, { clientId, entityId }] of players.entries()) {
        const body = bodyOf('callOnClient', { entityId, method: 'm', args: [at === 0 ? 'hi' : filler] })
        send().send('callClient', { gateId: GATE_ID, clientId, body })
      }
      said++
      expect(gate.status().refused.memory).toBeGreaterThan(0)
    },
    { timeout: 30_000, interval: 20 },
  )
  const { clients, clientBytes, refused } = gate.status()
  expect(clients).toBe(9 - refused.memory)
  expect(refused.memory).toBeLessThan(8)
  expect(clientBytes).toBeLessThanOrEqual(bytesMax)
  const { code } = clientMessages.callOnClient
  await vi.waitFor(() => expect(quick.heard.filter(({ type }) => type === code)).toHaveLength(said), {
    timeout: 20_000,
  })
  expect(quick.isClosed()).toBe(false)
})

/** A client over a WebSocket, of which only is known how it says something. */
async function visit(gate: Gate, over: Door): Promise<(bytes: Uint8Array) => void> {
  const http = createServer()
  if (isEncrypted(over)) secureHttp(http, handshakes)
  const door = serveWebSocket(http, '/ws', (connection) => gate.accept(connection), { messageBytesMax: 128 * 1024 })
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as { port: number }
  const socket = new WebSocket(`ws${isEncrypted(over) ? 's' : ''}://127.0.0.1:${port}/ws`, { ca: pem('ec.crt') })
  closing.push(() => {
    socket.terminate()
    door.close()
    http.close()
  })
  await new Promise<void>((resolve) => void socket.once('open', resolve))
  return (bytes) => socket.send(bytes)
}

const CARRIERS = { tcp: 'tcp', 'tcp, compressed': 'tcp, compressed', tls: 'tls', ws: 'tcp', wss: 'tls' } as const

test.each(Object.keys(CARRIERS) as (keyof typeof CARRIERS)[])(
  'a client that floods over %s is held back, and heard whole',
  async (carrier) => {
    const door = CARRIERS[carrier]
    const rate = 4000
    const { gate, players, calls, connect } = await start(door, 1024 * 1024, { clientRateMax: rate })
    const floods = carrier === door ? await connect().then(({ say }) => say) : await visit(gate, door)
    await vi.waitFor(() => expect(players).toHaveLength(1), { timeout: 10_000 })
    const other = await connect()
    const [{ entityId }, { entityId: otherId }] = players as [(typeof players)[0], (typeof players)[0]]
    const call = (of: string, method: string) => {
      const writer = new PacketWriter()
      clientMessages.callFromClient.write(writer, { entityId: of, method, args: ['x'.repeat(200)] })
      return writer.copy()
    }
    const heardOf = (id: string) => calls.flatMap((one) => (one.entityId === id ? [one.method] : []))
    const count = 4 * rate
    const from = realClock.now()
    for (let n = 0; n < count; n++) floods(call(entityId, `${n}`))
    await vi.waitFor(() => expect(gate.status().limited).toBe(1), { timeout: 10_000, interval: 5 })
    other.say(call(otherId, 'hi'))
    await vi.waitFor(() => expect(heardOf(otherId)).toEqual(['hi']), { timeout: 10_000, interval: 5 })
    expect(heardOf(entityId).length).toBeLessThan(count)
    await vi.waitFor(() => expect(heardOf(entityId)).toHaveLength(count), { timeout: 30_000 })
    expect(heardOf(entityId)).toEqual(Array.from({ length: count }, (_, n) => `${n}`))
    // Two seconds' worth is free; the last piece that is read is paid for afterwards.
    expect(realClock.now() - from).toBeGreaterThan(1500)
  },
)
