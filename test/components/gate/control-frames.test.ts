// WebSocket control frames over real sockets: whoever floods the gate with pings is read more slowly, as who floods it with anything.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createConnection } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { Gate } from '../../../components/gate/gate.ts'
import { realClock } from '../../../engine/base/clock.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { machineRandom } from '../../../engine/base/random.ts'
import { tcpTransport } from '../../../engine/net/tcp.ts'
import { serveWebSocket } from '../../../engine/net/websocket.ts'
import { GATE_ID, LIMITS } from './stage.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

test('a client that sends pings all the time is limited as any other', { timeout: 60_000 }, async () => {
  const gate = new Gate({
    clock: realClock,
    log: silentLog,
    random: machineRandom,
    ...LIMITS,
    id: GATE_ID,
    links: tcpTransport,
    dispatchers: [{ kind: 'tcp', host: '127.0.0.1', port: 1 }],
    clients: [],
    heartbeatMs: 0,
    clientQueueBytesMax: 1024 * 1024,
    clientPacketBytesMax: 64 * 1024,
    clientsMax: 100,
    clientsBytesMax: 1024 * 1024 * 1024,
    clientRateMax: 1000,
    protocol: '2022',
  })
  gate.join()
  closing.push(() => gate.stop())
  const http = createServer()
  const door = serveWebSocket(http, '/ws', (connection) => gate.accept(connection), { messageBytesMax: 64 * 1024 })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  closing.push(() => {
    door.close()
    http.close()
  })
  const { port } = http.address() as { port: number }
  const socket = createConnection({ port, host: '127.0.0.1' })
  closing.push(() => socket.destroy())
  socket.on('error', () => {})
  let heard = 0
  socket.on('data', (chunk) => {
    heard += chunk.length
  })
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await vi.waitFor(() => expect(gate.status().clients).toBe(1))
  const upgraded = heard
  // Of six bytes each. In pieces, as nobody may have more than 60 answers on their way.
  const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0])
  const piece = Buffer.concat(Array.from({ length: 50 }, () => ping))
  let sent = 0
  const isOver = () => socket.destroyed || gate.status().timesLimited > 0
  // 1000 a second, and two seconds of it at once; the gate answers each before the next piece goes.
  while (sent < 20_000 && !isOver()) {
    socket.write(piece)
    sent += 50
    const until = upgraded + sent * 2
    while (heard < until && !isOver()) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(gate.status().timesLimited).toBe(1)
})
