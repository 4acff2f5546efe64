// A client whose network is gone without a word (a phone out of reach) while nobody says anything to it: the kernel asks after half a
// minute whether it is still there, by WebSocket as by TCP. Else its player would never be told that it is lost.
import { once } from 'node:events'
import { Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createHttp } from '../../../components/process/http.ts'
import { serveWebSocket } from '../../../engine/net/websocket.ts'

test('a WebSocket is asked whether it is still there', async () => {
  const http = createHttp({ healthz: () => ({ ready: true }), status: () => ({}) })
  const asked: unknown[] = []
  const setKeepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive').mockImplementation(function (this: Socket, ...args) {
    asked.push(args)
    return this
  })
  onTestFinished(() => setKeepAlive.mockRestore())
  const accepted: unknown[][] = []
  const door = serveWebSocket(http, '/ws', () => void accepted.push([...asked]), { messageBytesMax: 1024 })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as { port: number }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
  onTestFinished(() => {
    socket.terminate()
    door.close()
    http.close()
  })
  await vi.waitFor(() => expect(accepted).toHaveLength(1))
  expect(accepted[0]).toContainEqual([true, 30_000])
})
