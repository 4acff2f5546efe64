// A process of its own that shakes hands: ours, or Node's own server, with how long its turns are meanwhile.
import { createServer } from 'node:tls'
import { realClock } from '../../engine/base/clock.ts'
import { Handshakes, tlsTransport } from '../../engine/net/tls.ts'
import { contextOf, pem } from '../../test/certificates/certificates.ts'

const port = await (process.argv[2] === 'ours' ? listenOurs() : listenNode())
let isMeasured = false
let turnMs = 0
let before = process.cpuUsage()

process.on('message', (what) => {
  if (what === 'port') process.send!(port)
  if (what === 'begin') {
    turnMs = 0
    isMeasured = true
    before = process.cpuUsage()
    measure(realClock.now())
    process.send!(null)
  }
  if (what === 'end') {
    isMeasured = false
    const { user, system } = process.cpuUsage(before)
    process.send!({ turnMs, cpuMs: (user + system) / 1000 })
  }
})

function measure(lastMs: number): void {
  realClock.defer(() => {
    const nowMs = realClock.now()
    turnMs = Math.max(turnMs, nowMs - lastMs)
    if (isMeasured) measure(nowMs)
  })
}

async function listenOurs(): Promise<number> {
  const context = contextOf('rsa')
  const handshakes = new Handshakes({ clock: realClock, context: () => context, refused() {} })
  const { address } = await tlsTransport(handshakes).listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, () => {})
  return (address as { port: number }).port
}

function listenNode(): Promise<number> {
  const server = createServer({ key: pem('rsa.key'), cert: pem('rsa.crt') }, () => {})
  server.on('tlsClientError', () => {})
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
}
