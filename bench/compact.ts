// Positions in compact form beside the full one: bytes on the wire and nanoseconds of CPU at the gate for each that is delivered,
// of entities that walk in circles (six units a second, turning all the time, yaw in degrees), ten times a second.
//
//     make bench ONLY=compact           a line a figure
//     JSON=1 make bench ONLY=compact    a JSON object a line
import { DEFAULT_STEP, stepOf } from '../engine/wire/compact.ts'
import { SYNC_WATCHERS } from '../engine/wire/messages.ts'
import { PacketWriter } from '../engine/wire/packet.ts'
import { writeRecord } from '../engine/wire/sync.ts'
import { median, report } from './kit/report.ts'
import { GATE_ID, idOf, packetOf, Watchers } from './kit/watchers.ts'

const CLIENTS = 1000
const WATCHERS = 33
const FLUSHES = 64
const ROUNDS = 2
const REPEATS = 9
const RADIUS = (0.6 * FLUSHES) / (2 * Math.PI)

/** What a game says at one flush after the other, until all are where they began. */
function flushes(step: number): Uint8Array[][] {
  return Array.from({ length: FLUSHES }, (_, flush) => {
    const writer = new PacketWriter(64 * 1024)
    for (let n = 0; n < CLIENTS; n++) {
      const turn = (flush / FLUSHES + n * 0.618) % 1
      const [x, z] = [Math.cos(turn * 2 * Math.PI), Math.sin(turn * 2 * Math.PI)]
      writeRecord(writer, idOf('player', n), n * 7 + RADIUS * x, 0, n * 3 + RADIUS * z, turn * 360)
    }
    const said = { gateId: GATE_ID, gameId: 1 }
    return [
      packetOf('positions', { ...said, audience: SYNC_WATCHERS, step, records: writer.copy() }),
      packetOf('positionsFlushed', { ...said, timeMs: flush * 100, intervalMs: 100 }),
    ]
  })
}

class Subject {
  readonly ns: number[] = []
  bytes = 0
  readonly #crowd: Watchers
  readonly #packets: readonly Uint8Array[][]

  constructor(compact: boolean, step: number) {
    this.#crowd = new Watchers({ clients: CLIENTS, watchers: WATCHERS, compact })
    this.#packets = flushes(step)
  }

  measure(): void {
    const deliveries = ROUNDS * FLUSHES * CLIENTS * WATCHERS
    const receivedBefore = this.#crowd.received
    const before = process.cpuUsage()
    for (let round = 0; round < ROUNDS; round++) {
      for (const packets of this.#packets) {
        for (const packet of packets) this.#crowd.say(packet)
        this.#crowd.endTurn()
      }
    }
    const { user, system } = process.cpuUsage(before)
    this.ns.push(((user + system) * 1000) / deliveries)
    this.bytes = (this.#crowd.received - receivedBefore) / deliveries
  }
}

const subjects = {
  full: new Subject(false, DEFAULT_STEP),
  compact: new Subject(true, DEFAULT_STEP),
  'compact, in steps of 0.5': new Subject(true, stepOf(0.5)),
}
// They take turns, so that all see the same machine; the first round is the warm-up.
for (let repeat = 0; repeat <= REPEATS; repeat++) for (const subject of Object.values(subjects)) subject.measure()
const { full } = subjects
const fullNs = median(full.ns.slice(1))
for (const [name, { ns, bytes }] of Object.entries(subjects)) {
  const scenario = `positions ${name}: ${CLIENTS} clients × ${WATCHERS} watchers`
  report({ scenario, metric: 'bytes per delivery', value: bytes, unit: 'B' })
  report({ scenario, metric: 'CPU per delivery', value: median(ns.slice(1)), unit: 'ns' })
  if (name === 'full') continue
  report({ scenario, metric: 'bytes, ratio of full to it', value: full.bytes / bytes, unit: '×' })
  report({ scenario, metric: 'CPU, ratio of full to it', value: fullNs / median(ns.slice(1)), unit: '×' })
}
