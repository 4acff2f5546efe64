// What the gate's fan-out costs: nanoseconds of CPU for each position record and each attribute change that is delivered,
// from the packet of a game to the write to the client's connection (which here takes it at once). Beside it, in the same
// run, a bare reference that looks nothing up and only copies the same bytes to the same clients with Buffer.copy.
//
//     make bench ONLY=fanout           a line a figure
//     JSON=1 make bench ONLY=fanout    a JSON object a line
import { ADDRESSED_HEADER_BYTES, clientMessages } from '../engine/wire/client-wire.ts'
import { AUDIENCE_ALL, SYNC_WATCHERS } from '../engine/wire/messages.ts'
import { PacketWriter } from '../engine/wire/packet.ts'
import { RECORD_BYTES, writeRecord } from '../engine/wire/sync.ts'
import { median, report } from './kit/report.ts'
import { GATE_ID, idOf, packetOf, Watchers } from './kit/watchers.ts'

const CLIENTS = 1000
const WATCHERS = 33
const ROUNDS = 100
const REPEATS = 9

function mapSetBody(entityId: string): Uint8Array {
  const writer = new PacketWriter()
  const values = { gateId: 0, clientId: '-'.repeat(16), entityId, path: null, key: 'hp', value: 100 }
  clientMessages.mapSet.write(writer, values)
  return writer.bytes.slice(ADDRESSED_HEADER_BYTES, writer.at)
}

interface Scenario {
  readonly name: string
  readonly deliveries: number
  ours(): void
  reference(): void
  /** Bytes that each delivery is on the wire, with frames' headers left out. */
  readonly bytes: number
}

/** One record for each entity, in one packet, as a game flushes them. */
function positions(crowd: Watchers): Scenario {
  const writer = new PacketWriter(64 * 1024)
  for (let n = 0; n < CLIENTS; n++) writeRecord(writer, idOf('player', n), n, 0, n, 1)
  const packet = packetOf('positions', {
    gateId: GATE_ID,
    gameId: 1,
    audience: SYNC_WATCHERS,
    step: 6,
    records: writer.copy(),
  })
  const recordsAt = packet.length - CLIENTS * RECORD_BYTES
  const copies = new Copies(crowd)
  const source = Buffer.from(packet)
  return {
    name: `position records, ${CLIENTS} clients × ${WATCHERS} watchers`,
    deliveries: CLIENTS * WATCHERS,
    bytes: RECORD_BYTES,
    ours() {
      crowd.say(packet)
      crowd.endTurn()
    },
    reference() {
      for (let n = 0; n < CLIENTS; n++) copies.toWatchers(n, source, recordsAt + n * RECORD_BYTES, RECORD_BYTES)
      copies.reset()
    },
  }
}

/** One change of each entity, each a packet of its own; the own client hears of it too. */
function attributes(crowd: Watchers): Scenario {
  const packets = Array.from({ length: CLIENTS }, (_, n) =>
    packetOf('changeAttr', {
      gameId: 1,
      gateId: GATE_ID,
      audience: AUDIENCE_ALL,
      type: clientMessages.mapSet.code,
      body: mapSetBody(idOf('player', n)),
    }),
  )
  const bytes = ADDRESSED_HEADER_BYTES + mapSetBody(idOf('player', 0)).length
  const copies = new Copies(crowd)
  const source = Buffer.alloc(bytes, 1)
  return {
    name: `attribute changes, ${CLIENTS} clients × (${WATCHERS} watchers + own), ${bytes} bytes each`,
    deliveries: CLIENTS * (WATCHERS + 1),
    bytes,
    ours() {
      for (let n = 0; n < CLIENTS; n++) crowd.say(packets[n]!)
      crowd.endTurn()
    },
    reference() {
      for (let n = 0; n < CLIENTS; n++) {
        copies.toWatchers(n, source, 0, bytes)
        copies.to(n, source, 0, bytes)
      }
      copies.reset()
    },
  }
}

/** The reference: a buffer for each client, and nothing but copies. Of a whole buffer they are quicker than of a part. */
class Copies {
  readonly #crowd: Watchers
  readonly #targets = Array.from({ length: CLIENTS }, () => Buffer.alloc(16 * 1024))
  readonly #at = new Int32Array(CLIENTS)

  constructor(crowd: Watchers) {
    this.#crowd = crowd
  }

  toWatchers(n: number, source: Buffer, from: number, count: number): void {
    const watchers = this.#crowd.watchers[n]!
    for (let one = 0; one < watchers.length; one++) this.to(watchers[one]!, source, from, count)
  }

  to(client: number, source: Buffer, from: number, count: number): void {
    const at = this.#at[client]!
    source.copy(this.#targets[client]!, at, from, from + count)
    this.#at[client] = at + count
  }

  reset(): void {
    this.#at.fill(0)
  }
}

/** Nanoseconds of CPU a delivery. */
function measure(run: () => void, deliveries: number): number {
  const before = process.cpuUsage()
  for (let round = 0; round < ROUNDS; round++) run()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / (ROUNDS * deliveries)
}

function compare({ name, deliveries, bytes, ours, reference }: Scenario, crowd: Watchers): void {
  const before = crowd.received
  ours()
  if (crowd.received - before < deliveries * bytes) throw new Error(`${name}: not everything was delivered`)
  const figures = { ours: [] as number[], reference: [] as number[] }
  // The first measurement of each is the warm-up. They take turns, so that both see the same machine.
  for (let repeat = 0; repeat <= REPEATS; repeat++) {
    const a = measure(ours, deliveries)
    const b = measure(reference, deliveries)
    if (repeat === 0) continue
    figures.ours.push(a)
    figures.reference.push(b)
  }
  const ns = median(figures.ours)
  const referenceNs = median(figures.reference)
  const ratio = referenceNs / ns
  const say = (metric: string, value: number, unit: string) =>
    report({ scenario: `fan-out: ${name}`, metric, value, unit })
  say('CPU per delivery', ns, 'ns')
  say('Buffer.copy alone', referenceNs, 'ns')
  say('ratio of Buffer.copy to it', ratio, '×')
}

const crowd = new Watchers({ clients: CLIENTS, watchers: WATCHERS })
compare(positions(crowd), crowd)
compare(attributes(crowd), crowd)
