// The floor: what it costs a process to read from many sockets and to write to them, with nothing done in between. The
// server is a process of its own, the clients are the benchmark's.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Traffic {
  readonly clients: number
  /** Each client writes so often, and is written to as often: all of them at once, as positions are. */
  readonly perSecond: number
  readonly inBytes: number
  readonly outBytes: number
}

const WARM_UP_MS = 2000
const MEASURED_MS = 3000

/** CPU seconds a second. */
export async function bareSockets(traffic: Traffic): Promise<number> {
  const server = fork(fileURLToPath(import.meta.url), [JSON.stringify(traffic)])
  const sockets: Socket[] = []
  try {
    const [port] = (await once(server, 'message')) as [number]
    for (let n = 0; n < traffic.clients; n++) {
      const socket = createConnection({ host: '127.0.0.1', port, noDelay: true })
      socket.on('data', () => {})
      socket.on('error', () => {})
      sockets.push(socket)
    }
    const said = Buffer.alloc(traffic.inBytes)
    const began = performance.now()
    let done = 0
    const beat = setInterval(() => {
      const due = ((performance.now() - began) * traffic.clients * traffic.perSecond) / 1000
      for (; done < due; done++) sockets[done % sockets.length]!.write(said)
    }, 1)
    await sleep(WARM_UP_MS)
    server.send('begin')
    await sleep(MEASURED_MS)
    server.send('end')
    const [cpu] = (await once(server, 'message')) as [number]
    clearInterval(beat)
    return cpu
  } finally {
    for (const socket of sockets) socket.destroy()
    server.kill()
  }
}

function serve({ perSecond, outBytes }: Traffic): void {
  const sockets = new Set<Socket>()
  const said = Buffer.alloc(outBytes)
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('data', () => {})
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
  setInterval(() => {
    for (const socket of sockets) socket.write(said)
  }, 1000 / perSecond)
  let before = process.cpuUsage()
  let atMs = performance.now()
  process.on('message', (what) => {
    if (what === 'end') {
      const { user, system } = process.cpuUsage(before)
      process.send?.((user + system) / 1000 / (performance.now() - atMs))
    }
    before = process.cpuUsage()
    atMs = performance.now()
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve(JSON.parse(process.argv[2]!) as Traffic)
