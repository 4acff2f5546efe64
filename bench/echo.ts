// How long a call takes from a client to its entity and back: client -> gate -> dispatcher -> game and the same way home,
// through the real processes. Beside it, in the same run, bare sockets that send the same bytes back: what two of the
// six hops cost when nothing is done in between.
//
//     make bench ONLY=echo          JSON=1 for an object a line, SECONDS=10 for longer
import { fork } from 'node:child_process'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from '../engine/client/client.ts'
import { tcpStream } from '../engine/client/tcp.ts'
import type * as echoGame from './kit/echo-game/echo-game.ts'
import { median, percentile, report } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const SECONDS = Number(process.env['SECONDS'] ?? 5)
const WARM_UP_MS = 1500
const CLIENTS = 100
const CALLS_PER_SECOND = 1000
const ONE_AT_A_TIME = 3000
// A call of Echo and its answer are about as large on the wire.
const CALL_BYTES = 48

/** Something that answers a number with the same number, some time later. */
interface Line {
  send(what: number): void
}
type Heard = (what: number) => void

// --- the two that are measured ---------------------------------------------------------------------------------------

async function entityLine(gate: string, heard: Heard): Promise<Line> {
  const game = connect<typeof echoGame>(tcpStream(gate))
  const { promise, resolve } = Promise.withResolvers<Line>()
  game.on('Account', {
    created() {
      resolve({ send: (what) => this.server.Echo(what) })
    },
    OnEcho: (what) => heard(what),
  })
  return promise
}

async function socketLine(path: string, heard: Heard): Promise<Line> {
  const socket = createConnection({ path, noDelay: true })
  await new Promise<void>((resolve) => void socket.once('connect', resolve))
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (; rest.length >= CALL_BYTES; rest = rest.subarray(CALL_BYTES)) heard(rest.readUInt32LE(0))
  })
  return {
    send(what) {
      const bytes = Buffer.alloc(CALL_BYTES)
      bytes.writeUInt32LE(what)
      socket.write(bytes)
    },
  }
}

// --- measuring -----------------------------------------------------------------------------------------------------------

/** Milliseconds of each call, sent at an even rate over all lines. */
async function atARate(open: (heard: Heard) => Promise<Line>): Promise<number[]> {
  const sentAt = new Map<number, number>()
  const durations: number[] = []
  let measuring = false
  const lines: Line[] = []
  for (let client = 0; client < CLIENTS; client++) {
    lines.push(
      await open((what) => {
        const began = sentAt.get(what)
        if (began === undefined) throw new Error(`an answer to ${what}, which nobody asked`)
        sentAt.delete(what)
        if (measuring) durations.push(performance.now() - began)
      }),
    )
  }
  const start = performance.now()
  const end = start + WARM_UP_MS + SECONDS * 1000
  for (let call = 0; ; call++) {
    const due = start + (call * 1000) / CALLS_PER_SECOND
    if (due > end) break
    while (performance.now() < due) await sleep(1)
    measuring = due - start > WARM_UP_MS
    sentAt.set(call, performance.now())
    lines[call % CLIENTS]!.send(call)
  }
  await sleep(500)
  if (sentAt.size > 0) throw new Error(`${sentAt.size} calls were not answered`)
  return durations
}

async function oneAtATime(open: (heard: Heard) => Promise<Line>): Promise<number[]> {
  let answered: (() => void) | undefined
  const line = await open(() => answered?.())
  const durations: number[] = []
  for (let call = 0; call < ONE_AT_A_TIME; call++) {
    const { promise, resolve } = Promise.withResolvers<void>()
    answered = resolve
    const began = performance.now()
    line.send(call)
    await promise
    if (call >= ONE_AT_A_TIME / 3) durations.push(performance.now() - began)
  }
  return durations
}

/** A process that sends everything back. */
function echoProcess(path: string): void {
  const server = createServer({ noDelay: true }, (socket: Socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => void socket.write(chunk))
  })
  server.listen(path, () => process.send?.('ready'))
  process.on('disconnect', () => process.exit())
}

async function main(): Promise<void> {
  const server = new BenchServer(join(import.meta.dirname, 'kit/echo-game'))
  const socketPath = join(server.folder, 'echo')
  const bare = fork(fileURLToPath(import.meta.url), ['bare', socketPath])
  try {
    await new Promise((resolve) => void bare.once('message', resolve))
    const throughServer = (heard: Heard) => entityLine(server.gate, heard)
    const throughSocket = (heard: Heard) => socketLine(socketPath, heard)

    const scenario = `echo: ${CLIENTS} clients, ${CALLS_PER_SECOND} calls a second`
    const reference = await atARate(throughSocket)
    const before = server.cpuSeconds()
    const began = performance.now()
    const durations = await atARate(throughServer)
    const cpu = (server.cpuSeconds() - before) / ((performance.now() - began) / 1000)
    report({ scenario, metric: 'client -> entity -> client, p50', value: median(durations), unit: 'ms', atMost: 2 })
    report({ scenario, metric: 'p99', value: percentile(durations, 0.99), unit: 'ms' })
    report({ scenario, metric: 'CPU of the server', value: cpu, unit: 's/s' })
    report({ scenario, metric: 'bare socket there and back, p50', value: median(reference), unit: 'ms' })
    report({ scenario, metric: 'ratio of the p50s', value: median(durations) / median(reference), unit: '×' })

    const single = 'echo: one client, one call at a time'
    const bareSingle = await oneAtATime(throughSocket)
    const ourSingle = await oneAtATime(throughServer)
    report({ scenario: single, metric: 'client -> entity -> client, p50', value: median(ourSingle), unit: 'ms' })
    report({ scenario: single, metric: 'p99', value: percentile(ourSingle, 0.99), unit: 'ms' })
    report({ scenario: single, metric: 'bare socket there and back, p50', value: median(bareSingle), unit: 'ms' })
    report({ scenario: single, metric: 'ratio of the p50s', value: median(ourSingle) / median(bareSingle), unit: '×' })
  } finally {
    bare.disconnect()
    server.stop()
  }
}

const [role, path] = process.argv.slice(2)
if (role === 'bare') echoProcess(path!)
else {
  await main()
  process.exit()
}
