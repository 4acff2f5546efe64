// Clients as load: many in one process, each a bare socket that speaks the client protocol and keeps next to nothing, so
// that the load costs less than the server that it measures. A child of kit/crowd.ts, which says what to do.
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { pieceOf } from '../../engine/base/slab.ts'
import { clientMessages } from '../../engine/wire/client-wire.ts'
import { writeArgs } from '../../engine/wire/codec.ts'
import { FrameReader } from '../../engine/wire/frame.ts'
import { getF32, getU16, PacketWriter } from '../../engine/wire/packet.ts'
import { RECORD_BYTES, writeRecord } from '../../engine/wire/sync.ts'
import type { CrowdFigures, CrowdOptions, CrowdOrder, CrowdReport } from './crowd.ts'

const MOVES_PER_SECOND = 10
const STEP = 1
/** One in so many is looked at. */
const RECORDS_TOLD = 8
const EASED_TO = 10
const LATENCY_MAX_US = 600_000_000

const writer = new PacketWriter(256)
/** What all clients are read into. */
const received = new Uint8Array(64 * 1024)
/** Small enough that 32 bits of float tell 10 µs for two minutes. */
const startMs = performance.now()
const nowMs = () => performance.now() - startMs

let options: CrowdOptions
let closing = false
let eased = false
let rests = false
let answering: CrowdClient | undefined
let calls = 0
let answers = 0
let records = 0
let bytesIn = 0
const latency = createHistogram({ lowest: 1, highest: LATENCY_MAX_US, figures: 3 })
const loopDelay = monitorEventLoopDelay({ resolution: 2 })

class CrowdClient {
  #x = 0
  #z = 0
  #player = ''
  /** Calls that were not answered yet. */
  #open = 0
  readonly #socket: Socket
  readonly #settled: (client: CrowdClient) => void
  #leaving = false

  constructor(host: string, port: number, settled: (client: CrowdClient) => void) {
    this.#settled = settled
    const frames = new FrameReader((bytes, start, end) => this.#frame(bytes, start, end), { maxBytes: 1 << 24 })
    const callback = (count: number): boolean => {
      bytesIn += count
      // What it says to all that came leaves in one piece.
      answering = this
      frames.push(received.subarray(0, count))
      answering = undefined
      this.#flush()
      return true
    }
    this.#socket = createConnection({ host, port, noDelay: true, onread: { buffer: received, callback } })
    this.#socket.on('error', (error) => fail(`a client: ${error.message}`))
    this.#socket.on('close', () => closing || this.#leaving || fail('a client was closed'))
  }

  leave(): Promise<unknown> {
    this.#leaving = true
    const left = once(this.#socket, 'close')
    this.#socket.destroy()
    return left
  }

  /** Has its entity answer; the answer tells when it was asked. */
  echo(): void {
    const { workMs, outstanding = Number.POSITIVE_INFINITY } = options
    if (this.#open >= outstanding) return
    this.#open++
    calls++
    if (workMs) this.#call('work', [nowMs(), workMs])
    else this.#call('echo', [nowMs()])
  }

  /** Goes a step, and says in `y` when it did. */
  move(): void {
    this.#x += (Math.random() * 2 - 1) * STEP
    this.#z += (Math.random() * 2 - 1) * STEP
    const frame = writer.beginFrame(clientMessages.positionFromClient.code)
    writeRecord(writer, this.#player, this.#x, nowMs(), this.#z, 0)
    writer.endFrame(frame)
    if (answering !== this) this.#flush()
  }

  #call(method: string, args: readonly unknown[]): void {
    const frame = writer.beginFrame(clientMessages.callFromClient.code)
    writer.id(this.#player)
    writer.varstr(method)
    writeArgs(writer, args)
    writer.endFrame(frame)
    if (answering !== this) this.#flush()
  }

  #flush(): void {
    if (writer.at === 0) return
    this.#socket.write(pieceOf(writer.written()))
    writer.at = 0
  }

  #frame(bytes: Uint8Array, start: number, end: number): undefined {
    switch (getU16(bytes, start)) {
      case clientMessages.positions.code:
        return this.#seen(bytes, start + 2, end)
      case clientMessages.callOnClient.code:
        return this.#called(bytes, start + 2, end)
      case clientMessages.createEntity.code:
        return this.#created(bytes, start + 2, end)
    }
  }

  #seen(bytes: Uint8Array, start: number, end: number): undefined {
    const count = (end - start) / RECORD_BYTES
    const before = records
    records += count
    if (Math.floor(before / RECORDS_TOLD) === Math.floor(records / RECORDS_TOLD)) return
    // Any of them: the first are those that moved the longest ago.
    const saidMs = getF32(bytes, start + Math.floor(Math.random() * count) * RECORD_BYTES + 20)
    // Who has not moved yet has said nothing.
    if (saidMs > 0) record(nowMs() - saidMs)
  }

  #called(bytes: Uint8Array, start: number, end: number): undefined {
    const { method, args } = clientMessages.callOnClient.read(bytes, start, end)
    if (method === 'echoed') {
      answers++
      this.#open--
      record(nowMs() - Number(args[0]))
      if (options.does === 'flood') this.echo()
    } else if (method === 'walks') {
      this.#x = Number(args[0])
      this.#z = Number(args[1])
      this.#settled(this)
    }
  }

  #created(bytes: Uint8Array, start: number, end: number): undefined {
    const isFirst = this.#player === ''
    const { isPlayer, entityId } = clientMessages.createEntity.read(bytes, start, end)
    if (!isPlayer) return
    this.#player = entityId
    if (options.does === 'walk') this.#call('walk', [])
    else if (options.logsIn && isFirst) this.#call('login', [])
    else this.#settled(this)
  }
}

function record(latencyMs: number): void {
  latency.record(Math.min(Math.max(1, Math.round(latencyMs * 1000)), LATENCY_MAX_US))
}

// --- what they do ------------------------------------------------------------------------------------------------------

/** Connects all; resolves when the last has settled. */
function connectAll({ gate, clients: count, atATime = 50 }: CrowdOptions): Promise<CrowdClient[]> {
  const colon = gate.lastIndexOf(':')
  const clients: CrowdClient[] = []
  const { promise, resolve } = Promise.withResolvers<CrowdClient[]>()
  let settled = 0
  const next = () => {
    if (clients.length === count) return
    clients.push(
      new CrowdClient(gate.slice(0, colon), Number(gate.slice(colon + 1)), () => {
        settled++
        if (settled === count) resolve(clients)
        else next()
      }),
    )
  }
  for (let n = 0; n < atATime; n++) next()
  return promise
}

/** Each does it so often; all of them evenly over the time. */
function atARate(clients: readonly CrowdClient[], perSecond: number, act: (client: CrowdClient) => void): void {
  const all = clients.length * perSecond
  const began = performance.now()
  let done = 0
  const beat = () => {
    const due = ((performance.now() - began) * all) / 1000
    for (; done < due && !rests; done++) if (!eased || done % EASED_TO === 0) act(clients[done % clients.length]!)
    setTimeout(beat, 1)
  }
  beat()
}

function act(clients: readonly CrowdClient[]): void {
  const { does, perSecond = 10, outstanding = 1 } = options
  if (does === 'walk') atARate(clients, MOVES_PER_SECOND, (client) => client.move())
  else if (does === 'echo') atARate(clients, perSecond, (client) => client.echo())
  else if (does === 'flood') for (const client of clients) for (let n = 0; n < outstanding; n++) client.echo()
}

// --- what the parent wants -----------------------------------------------------------------------------------------------

let began = { ms: 0, cpu: process.cpuUsage(), calls: 0, answers: 0, records: 0, bytesIn: 0 }

function ease(): void {
  eased = true
}

function rest(): void {
  rests = true
}

function begin(): void {
  latency.reset()
  loopDelay.reset()
  began = { ms: performance.now(), cpu: process.cpuUsage(), calls, answers, records, bytesIn }
}

function figures(): CrowdFigures {
  const { user, system } = process.cpuUsage(began.cpu)
  const ms = (share: number) => (latency.count > 0 ? latency.percentile(share) / 1000 : Number.NaN)
  return {
    seconds: (performance.now() - began.ms) / 1000,
    p50Ms: ms(50),
    p90Ms: ms(90),
    p99Ms: ms(99),
    maxMs: latency.count > 0 ? latency.max / 1000 : Number.NaN,
    calls: calls - began.calls,
    answers: answers - began.answers,
    open: calls - answers,
    records: records - began.records,
    bytesIn: bytesIn - began.bytesIn,
    cpuSeconds: (user + system) / 1e6,
    loopDelayP99Ms: loopDelay.percentile(99) / 1e6,
  }
}

function tell(report: CrowdReport): void {
  process.send?.(report)
}

function fail(error: string): void {
  closing = true
  tell({ said: 'failed', error })
}

process.on('message', async (order: CrowdOrder) => {
  if (order === 'ease') return ease()
  if (order === 'rest') return rest()
  if (order === 'begin') return begin()
  if (order === 'end') return tell({ said: 'figures', figures: figures() })
  options = order
  loopDelay.enable()
  const seconds: number[] = []
  for (let left = options.rehearsals ?? 0; ; left--) {
    const beganMs = nowMs()
    const clients = await connectAll(options)
    seconds.push((nowMs() - beganMs) / 1000)
    if (left === 0) {
      tell({ said: 'ready', seconds })
      return act(clients)
    }
    await Promise.all(clients.map((client) => client.leave()))
  }
})
process.on('disconnect', () => process.exit())
