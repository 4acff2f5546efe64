// What a TLS client says first, as Node's own says it.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { connect } from 'node:tls'

/** The bytes of a hello, good for any number of connections. */
export async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ host: '127.0.0.1', port: (server.address() as { port: number }).port })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [said] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return said
}
