// A gate has gone, and all of its players come to another one at once, by TLS: for how long does nobody else there get a turn? Each
// has said hello when the first is answered; no hello is of a session that goes on. Beside it, in the same run, what Node's own
// server makes of the same hellos. Key and certificate are RSA, 2,048 bits, which takes the longest of what is common.
//
//     make bench ONLY=handshakes         JSON=1 for an object a line
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { clientHello } from '../test/certificates/client-hello.ts'
import { report, spread } from './kit/report.ts'

const HELLOS = 500
const REPEATS = 7

/** What the server looks at while it answers. To look at turns keeps it busy, so its CPU is looked at by itself. */
type Look = 'turns' | 'cpu'

class Server {
  readonly #child
  readonly turnsMs: number[] = []
  readonly answersMs: number[] = []
  readonly cpuMs: number[] = []

  constructor(kind: 'ours' | 'node') {
    this.#child = fork(join(import.meta.dirname, 'kit/tls-server.ts'), [kind])
  }

  async greet(said: Buffer, look: Look): Promise<void> {
    const port = await this.#ask<number>('port')
    const sockets = Array.from({ length: HELLOS }, () => createConnection({ host: '127.0.0.1', port, noDelay: true }))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    await this.#ask(look)
    const answers = Promise.all(sockets.map((socket) => once(socket, 'data')))
    const beganMs = performance.now()
    for (const socket of sockets) socket.write(said)
    await answers
    const answersMs = performance.now() - beganMs
    // The longest turn, or CPU, in milliseconds.
    const lookedMs = await this.#ask<number>('end')
    if (look === 'turns') {
      this.turnsMs.push(lookedMs)
    } else {
      this.answersMs.push(answersMs)
      this.cpuMs.push(lookedMs / HELLOS)
    }
    for (const socket of sockets) socket.destroy()
    await Promise.all(sockets.map((socket) => once(socket, 'close')))
  }

  async #ask<T>(what: string): Promise<T> {
    const answer = once(this.#child, 'message')
    this.#child.send(what)
    return (await answer)[0] as T
  }

  stop(): void {
    this.#child.kill()
  }
}

const said = await clientHello()
const ours = new Server('ours')
const node = new Server('node')
// The first of each is for the code to become warm.
for (let repeat = 0; repeat <= REPEATS; repeat++)
  for (const look of ['turns', 'cpu'] as const) for (const server of [ours, node]) await server.greet(said, look)
const scenario = `handshakes: ${HELLOS} hellos at once`
const say = (metric: string, unit: string, values: readonly number[], more = {}) =>
  report({ scenario, metric, unit, ...spread(values.slice(1)), ...more })
say('longest turn', 'ms', ours.turnsMs, { atMost: 20 })
say('all answered within', 'ms', ours.answersMs)
say('CPU each', 'ms', ours.cpuMs)
say('longest turn of Node’s own server', 'ms', node.turnsMs)
say('all answered by that within', 'ms', node.answersMs)
say('its CPU each', 'ms', node.cpuMs)
for (const server of [ours, node]) server.stop()
