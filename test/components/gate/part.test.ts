// A gate as it is made from goworld.ini.
import { createConnection } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startGate } from '../../../components/gate/part.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { parseConfig } from '../../../engine/config/config.ts'
import { tcpTransport } from '../../../engine/net/tcp.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
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
