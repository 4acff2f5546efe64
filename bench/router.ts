// How many packets a dispatcher passes on per second of its own CPU: a real dispatcher in a process of its own, behind
// a Unix socket, between two games that this process plays. Beside it, measured in the same run, a bare relay that
// copies the same frames from socket to socket and looks at nothing: the ratio of the two holds on any machine.
//
//     make bench ONLY=router           a line a figure
//     JSON=1 make bench ONLY=router    a JSON object a line
//     PROF=folder make bench ONLY=router   and a CPU profile of each dispatcher
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Dispatcher } from '../components/dispatcher/dispatcher.ts'
import { realClock } from '../engine/base/clock.ts'
import { IdMaker } from '../engine/base/id.ts'
import { silentLog } from '../engine/base/log.ts'
import { machineRandom } from '../engine/base/random.ts'
import { Turn } from '../engine/base/turn.ts'
import { LinkConnector } from '../engine/cluster/link-connector.ts'
import { tcpTransport } from '../engine/net/tcp.ts'
import { messages } from '../engine/wire/messages.ts'
import { PacketWriter } from '../engine/wire/packet.ts'
import { report } from './kit/report.ts'

const WARM_UP_MS = 1500
const MEASURED_MS = Number(process.env['MS'] ?? 4000)
/** What may be under way at a time, so that buffers stay as small as on a server that keeps up. */
const UNDER_WAY_BYTES = 4 * 1024 * 1024
const SLAB_BYTES = 16 * 1024
const RESEND_BYTES_MAX = 64 * 1024 * 1024

interface Scenario {
  readonly name: string
  /** Type and fields; on the wire four bytes of length come before them. */
  readonly packetBytes: number
  readonly entities: number
  /** GoWorld's packets a second of CPU, and how many we want at the least. */
  readonly bounds?: { readonly goworld: number; readonly atLeast: number }
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: '64 bytes, 10k entities',
    packetBytes: 64,
    entities: 10_000,
    bounds: { goworld: 3_100_000, atLeast: 9_000_000 },
  },
  { name: '64 bytes, 200k entities', packetBytes: 64, entities: 200_000 },
  {
    name: '256 bytes, 10k entities',
    packetBytes: 256,
    entities: 10_000,
    bounds: { goworld: 1_600_000, atLeast: 5_000_000 },
  },
]

interface Measured {
  readonly packets: number
  readonly seconds: number
  readonly cpuSeconds: number
}

// --- the processes that are measured -----------------------------------------------------------------------------------

async function dispatcherProcess(path: string): Promise<void> {
  const dispatcher = new Dispatcher({
    id: 1,
    clock: realClock,
    transport: tcpTransport,
    listen: { kind: 'unix', path },
    log: silentLog,
    random: machineRandom,
    deployment: { games: 2, gates: 0 },
    cluster: {
      linkGraceMs: 3000,
      linkResendBytesMax: RESEND_BYTES_MAX,
      entityQueuePacketsMax: 1000,
      gameQueueBytesMax: RESEND_BYTES_MAX,
      journalWaitMs: 10_000,
    },
  })
  await dispatcher.start()
  reportCpu(() => {
    const { unknownEntity, malformed, forbidden } = dispatcher.status().counters
    return unknownEntity + malformed + forbidden
  })
}

/** What comes from the first connection goes to the second. */
async function relayProcess(path: string): Promise<void> {
  let from: Socket | undefined
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (!from) {
      from = socket
      socket.pause()
      return
    }
    const source = from
    source.on('data', (chunk) => {
      if (!socket.write(chunk)) source.pause()
    })
    socket.on('drain', () => source.resume())
    source.resume()
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  reportCpu(() => 0)
}

function reportCpu(dropped: () => number): void {
  process.on('message', () => process.send?.({ ...process.cpuUsage(), dropped: dropped() }))
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}

// --- what this process sends and counts ----------------------------------------------------------------------------------

const idOf = (entity: number) => `entity${String(entity).padStart(10, '0')}`

/** Whole frames that call entities in a scattered order, some slabs of them. */
function makeSlabs({ packetBytes, entities }: Scenario): Uint8Array[] {
  const method = 'move'
  const fill = new Uint8Array(packetBytes - 2 - 16 - 4 - method.length)
  const perSlab = Math.floor(SLAB_BYTES / (packetBytes + 4))
  let entity = 0
  return Array.from({ length: Math.max(8, Math.ceil(entities / perSlab)) }, () => {
    const writer = new PacketWriter(SLAB_BYTES)
    for (let packet = 0; packet < perSlab; packet++) {
      entity = (entity + 7919) % entities
      messages.callEntity.write(writer, { entityId: idOf(entity), method, args: fill })
    }
    return writer.copy()
  })
}

/** Sends as long as what is under way allows; answers what stops it. */
function keepSending(mayWait: () => boolean, send: (slab: Uint8Array) => void, slabs: readonly Uint8Array[]) {
  let next = 0
  let going = true
  const turn = () => {
    if (!going) return
    for (let count = 0; count < 16 && !mayWait(); count++) send(slabs[next++ % slabs.length]!)
    setImmediate(turn)
  }
  turn()
  return () => {
    going = false
  }
}

async function throughDispatcher(scenario: Scenario, path: string, child: ChildProcess): Promise<Measured> {
  const turn = new Turn(realClock)
  let received = 0
  let ready = 0
  const game = (id: number, ownsEntities: boolean) => {
    const connector: LinkConnector = new LinkConnector(
      {
        self: { role: 'game', id },
        clock: realClock,
        turn,
        log: silentLog,
        random: machineRandom,
        graceMs: 3000,
        resendBytesMax: RESEND_BYTES_MAX,
        transport: tcpTransport,
        address: { kind: 'unix', path },
        process: new IdMaker(realClock, machineRandom).next(),
      },
      {
        up: () => {
          const { link } = connector
          link.send('gameHello', {
            gameId: id,
            banBootEntity: false,
            restoring: false,
            types: [],
            journaled: [],
            journalsClear: true,
            made: new IdMaker(realClock, machineRandom).next(),
          })
          if (ownsEntities) {
            for (let entity = 0; entity < scenario.entities; entity++)
              link.send('entityPlaced', { entityId: idOf(entity), epoch: 1 })
          }
          link.send('gameReported', {})
        },
        packet: (bytes, start) => {
          if (bytes[start] === messages.callEntity.code) received++
          else if (bytes[start] === messages.deploymentReady.code) ready++
        },
        down: (reason) => {
          throw new Error(`game ${id}: ${reason}`)
        },
      },
    )
    turn.stage(() => connector.link.flush())
    connector.start()
    return connector
  }
  const sender = game(1, false)
  const receiver = game(2, true)
  while (ready < 2) await pause(10)
  const slabs = makeSlabs(scenario)
  const packets = Math.floor(SLAB_BYTES / (scenario.packetBytes + 4))
  let sent = 0
  const stop = keepSending(
    () => (sent - received) * scenario.packetBytes > UNDER_WAY_BYTES,
    (slab) => {
      sent += packets
      sender.link.out.raw(slab)
      sender.link.touched()
    },
    slabs,
  )
  const measured = await measure(child, () => received)
  stop()
  while (received < sent) await pause(10)
  sender.close()
  receiver.close()
  return measured
}

async function throughRelay(scenario: Scenario, path: string, child: ChildProcess): Promise<Measured> {
  const connected = async () => {
    const socket = createConnection(path)
    socket.on('error', () => {})
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    return socket
  }
  const sender = await connected()
  const receiver = await connected()
  let sent = 0
  let received = 0
  receiver.on('data', (chunk) => {
    received += chunk.length
  })
  const stop = keepSending(
    () => sent - received > UNDER_WAY_BYTES,
    (slab) => {
      sent += slab.length
      sender.write(slab)
    },
    makeSlabs(scenario),
  )
  const measured = await measure(child, () => received / (scenario.packetBytes + 4))
  stop()
  sender.destroy()
  receiver.destroy()
  return measured
}

// --- measuring -----------------------------------------------------------------------------------------------------------

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Usage {
  readonly user: number
  readonly system: number
  readonly dropped: number
}

const usageOf = (child: ChildProcess) =>
  new Promise<Usage>((resolve) => {
    child.once('message', (usage) => resolve(usage as Usage))
    child.send('usage')
  })

async function measure(child: ChildProcess, packets: () => number): Promise<Measured> {
  await pause(WARM_UP_MS)
  const before = await usageOf(child)
  const beforePackets = packets()
  const beforeMs = performance.now()
  await pause(MEASURED_MS)
  const after = await usageOf(child)
  if (after.dropped > 0) throw new Error(`the dispatcher dropped ${after.dropped} packets`)
  return {
    packets: packets() - beforePackets,
    seconds: (performance.now() - beforeMs) / 1000,
    cpuSeconds: (after.user + after.system - before.user - before.system) / 1e6,
  }
}

async function inChild(
  role: 'dispatcher' | 'relay',
  run: (path: string, child: ChildProcess) => Promise<Measured>,
): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'goworld-bench-'))
  const path = join(folder, 'socket')
  const profile =
    process.env['PROF'] && role === 'dispatcher' ? ['--cpu-prof', `--cpu-prof-dir=${process.env['PROF']}`] : []
  const child = fork(fileURLToPath(import.meta.url), [role, path], { execArgv: [...process.execArgv, ...profile] })
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('exit', (code) => reject(new Error(`the ${role} ended with code ${code}`)))
    })
    return await run(path, child)
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.disconnect()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}

async function main(): Promise<void> {
  for (const scenario of SCENARIOS) {
    const relay = await inChild('relay', (path, child) => throughRelay(scenario, path, child))
    const routed = await inChild('dispatcher', (path, child) => throughDispatcher(scenario, path, child))
    const perCpuSecond = routed.packets / routed.cpuSeconds
    const relayPerCpuSecond = relay.packets / relay.cpuSeconds
    const name = `router: packets of ${scenario.name}`
    const say = (metric: string, value: number, unit: string, bounds = {}) =>
      report({ scenario: name, metric, value, unit, ...bounds })
    say('packets per CPU second', perCpuSecond, '1/s', scenario.bounds)
    say('bare relay, packets per CPU second', relayPerCpuSecond, '1/s')
    say('ratio to the bare relay', perCpuSecond / relayPerCpuSecond, '×')
    say('packets per second', routed.packets / routed.seconds, '1/s')
    say('CPU busy', (100 * routed.cpuSeconds) / routed.seconds, '%')
  }
}

const [role, path] = process.argv.slice(2)
if (role === 'dispatcher') await dispatcherProcess(path!)
else if (role === 'relay') await relayProcess(path!)
else await main()
