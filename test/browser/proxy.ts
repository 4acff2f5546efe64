// What stands between a browser and a gate in tests: it passes everything on, and can be told to break every connection, as
// a phone does in a tunnel.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Proxy {
  readonly url: string
  /** Breaks what is connected, without a farewell. */
  drop(): void
  /** While it is cut, who connects is turned away. */
  cut(cut: boolean): void
  /** Who connects from now on gets there. */
  leadTo(target: string): void
}

/** Stands before the HTTP address of a gate until the test is over. */
export async function startProxy(target: string): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let isCut = false
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const drop = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const server = createServer((here) => {
    keep(here)
    if (isCut) return void here.resetAndDestroy()
    const { hostname, port } = new URL(target)
    const there = connect(Number(port), hostname)
    keep(there)
    here.on('close', () => there.destroy())
    there.on('close', () => here.destroy())
    here.pipe(there).pipe(here)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    drop()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    drop,
    cut(cut) {
      isCut = cut
      if (cut) drop()
    },
    leadTo(other) {
      target = other
    },
  }
}
