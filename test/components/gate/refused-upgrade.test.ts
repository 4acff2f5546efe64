// Who asks for a WebSocket on a path where there is none is refused, and then its connection ends, whether it ends it itself or not.
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { createHttp } from '../../../components/process/http.ts'
import { serveWebSocket } from '../../../engine/net/websocket.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

test('connections that were refused do not stay', { timeout: 60_000 }, async () => {
  const http = createHttp({ healthz: () => ({ ready: true }), status: () => ({}) })
  const door = serveWebSocket(http, '/ws', () => {}, { messageBytesMax: 64 * 1024 })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  closing.push(() => {
    door.close()
    http.close()
    http.closeAllConnections()
  })
  const { port } = http.address() as { port: number }
  const open = () => new Promise<number>((resolve) => http.getConnections((_, count) => resolve(count)))
  let answers = 0
  for (let n = 0; n < 20; n++) {
    const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true })
    closing.push(() => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', () => answers++)
    socket.write(
      'GET /nowhere HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
  }
  await vi.waitFor(() => expect(answers).toBe(20))
  await vi.waitFor(async () => expect(await open()).toBe(0), 5000)
})
