// A process of its own that shakes hands: ours, or Node's own server, with how long its turns are meanwhile.
import { createServer } from 'node:tls'
import { realClock } from '../../engine/base/clock.ts'
import { Handshakes, tlsTransport } from '../../engine/net/tls.ts'
import { contextOf, pem } from '../../test/certificates/certificates.ts'

const port = await (process.argv[2] === 'ours' ? listenOurs() : listenNode())
let looked: (() => number) | undefined

process.on('message', (what) => {
  if (what === 'port') process.send!(port)
  if (what === 'turns' || what === 'cpu') {
    looked = what === 'turns' ? lookAtTurns() : lookAtCpu()
    process.send!(null)
  }
  if (what === 'end') process.send!(looked?.())
})

/** Answers, when it is asked, how long the longest turn has been since, in milliseconds. */
function lookAtTurns(): () => number {
  let longestMs = 0
  let isOver = false
  const look = (lastMs: number) =>
    realClock.defer(() => {
      const nowMs = realClock.now()
      longestMs = Math.max(longestMs, nowMs - lastMs)
      if (!isOver) look(nowMs)
    })
  look(realClock.now())
  return () => {
    isOver = true
    return longestMs
  }
}

/** The same of CPU. */
function lookAtCpu(): () => number {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
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
