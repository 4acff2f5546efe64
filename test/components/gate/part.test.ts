// A gate as it is made from goworld.ini.
import { createServer } from 'node:http'
import { createConnection } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startGate } from '../../../components/gate/part.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { connect } from '../../../engine/client/client.ts'
import { parseConfig } from '../../../engine/config/config.ts'
import { tcpTransport } from '../../../engine/net/tcp.ts'
import {
  clientMessages,
  SESSION_SUBPROTOCOL,
  SESSION_VERSION,
  sessionMessages,
} from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'

test.each([
  ['client_rate_max=100', 1],
  ['client_bytes_rate_max=1000', 1],
  ['', 0],
  ['client_rate_max=0\nclient_bytes_rate_max=0', 0],
])('%j holds a client with 1000 packets back, or does not: %d', async (lines, limited) => {
  const text = `[gate_common]\nlisten_addr=127.0.0.1:0\n${lines}\n`
  const part = await startGate({
    id: 1,
    config: parseConfig(text, { path: '/srv/goworld.ini' }),
    links: tcpTransport,
    dispatchers: [{ kind: 'unix', path: '/nowhere/dispatcher' }],
    log: silentLog,
    http: undefined,
  })
  onTestFinished(() => part.stop())
  const { hostname, port } = new URL(part.addresses['tcp']!)
  const socket = createConnection({ host: hostname, port: Number(port) })
  onTestFinished(() => void socket.destroy())
  const writer = new PacketWriter()
  for (let n = 0; n < 1000; n++) clientMessages.heartbeat.write(writer, {})
  // The last is one that the gate counts: then it has read all.
  clientMessages.callFromClient.write(writer, { entityId: 'x'.repeat(16), method: 'm', args: [] })
  socket.write(writer.copy())
  await vi.waitFor(() => expect(part.status()).toMatchObject({ refused: { noDispatcher: 1 } }), { timeout: 20_000 })
  expect(part.status()).toMatchObject({ limited, timesLimited: limited })
})

/** With a door for WebSockets, at `port`; no dispatcher is there. */
async function gateWithDoor(text: string) {
  const http = createServer()
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  const part = await startGate({
    id: 1,
    config: parseConfig(`[gate_common]\nlisten_addr=127.0.0.1:0\n${text}\n`, { path: '/srv/goworld.ini' }),
    links: tcpTransport,
    dispatchers: [{ kind: 'unix', path: '/nowhere/dispatcher' }],
    log: silentLog,
    http,
  })
  onTestFinished(async () => {
    await part.stop()
    http.close()
    http.closeAllConnections()
  })
  return { part, ...(http.address() as { port: number }) }
}

test('a client that has more to say than one message of a WebSocket may hold says it in several', async () => {
  const { part, port } = await gateWithDoor('client_packet_bytes_max=256')
  const game = connect(`ws://127.0.0.1:${port}`)
  onTestFinished(() => game.close())
  // All of it before there is a connection: it leaves at once when there is.
  for (let call = 0; call < 1000; call++) game.call('x'.repeat(16), 'say', 'x'.repeat(200))
  await vi.waitFor(() => expect(part.status()).toMatchObject({ refused: { noDispatcher: 1000 } }), { timeout: 20_000 })
  expect([game.connection, game.closed]).toEqual(['open', undefined])
})

test('a browser that offers the protocol of sessions gets it, and a session', async () => {
  const { part, port } = await gateWithDoor('[cluster]\nreconnect_grace=20')
  /** Says hello as a browser would; answers the welcome. */
  const greet = async (token: string) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, SESSION_SUBPROTOCOL)
    socket.binaryType = 'arraybuffer'
    onTestFinished(() => socket.close())
    const writer = new PacketWriter()
    const hello = { version: SESSION_VERSION, features: 0, token, playerId: '', received: 0 }
    sessionMessages.hello.write(writer, hello)
    return new Promise<[WebSocket, ReturnType<typeof sessionMessages.welcome.read>]>((resolve, reject) => {
      socket.onerror = () => reject(new Error('it is not answered'))
      socket.onopen = () => socket.send(writer.copy())
      socket.onmessage = ({ data }: { data: ArrayBuffer }) =>
        resolve([socket, sessionMessages.welcome.read(new Uint8Array(data), 6, data.byteLength)])
    })
  }
  const [first, welcome] = await greet('')
  expect(welcome).toMatchObject({ resumed: 0, graceMs: 20_000, features: 0, received: 0 })
  expect(welcome.token).toMatch(/^[\w-]{22}$/)
  const [, other] = await greet('')
  expect(other.token).not.toBe(welcome.token)
  // Nobody has asked for its first entity: there is nothing to keep.
  first.close()
  await vi.waitFor(() => expect(part.status()).toMatchObject({ clients: 1, sessions: { count: 1 } }), {
    timeout: 20_000,
  })
  const [, again] = await greet(welcome.token)
  expect([again.resumed, again.token === welcome.token]).toEqual([0, false])
})
