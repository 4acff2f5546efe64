// A gate's fan-out by itself, for benchmarks: clients that each have a player, which others see, and connections that take what
// is written at once. What games say is handed to it as packets.
import { BufferPool } from '../../components/gate/buffers.ts'
import { Client, type ClientOwner } from '../../components/gate/client.ts'
import { Clients } from '../../components/gate/clients.ts'
import { FanOut } from '../../components/gate/fan-out.ts'
import { grantFeatures } from '../../components/gate/features.ts'
import { Filters } from '../../components/gate/filters.ts'
import { Held } from '../../components/gate/held.ts'
import { Output } from '../../components/gate/output.ts'
import { Phases } from '../../components/gate/phases.ts'
import { Unasked } from '../../components/gate/unasked.ts'
import { Unshown } from '../../components/gate/unshown.ts'
import { ViewChanges } from '../../components/gate/view-changes.ts'
import { Views } from '../../components/gate/views.ts'
import { realClock } from '../../engine/base/clock.ts'
import { type Random, seededRandom } from '../../engine/base/random.ts'
import type { Connection } from '../../engine/net/connection.ts'
import { ADDRESSED_HEADER_BYTES, clientMessages, FEATURES } from '../../engine/wire/client-wire.ts'
import { messages } from '../../engine/wire/messages.ts'
import { PacketWriter } from '../../engine/wire/packet.ts'

export const GATE_ID = 1
/** In front of a packet. */
export const LENGTH_BYTES = 4

export interface WatchersOptions {
  readonly clients: number
  /** How many see each. */
  readonly watchers: number
  /** Whether they hear of positions in compact form. */
  readonly compact?: boolean
}

export const idOf = (kind: string, n: number) => `${kind}${String(n).padStart(16 - kind.length, '0')}`

/** Takes what is written to it at once. */
class Sink implements Connection {
  readonly remote = 'sink'
  readonly bufferedBytes = 0
  received = 0
  handle(): void {}
  write(bytes: Uint8Array, done?: () => void): void {
    this.received += bytes.length
    done?.()
  }
  pause(): void {}
  resume(): void {}
  close(): void {}
  destroy(): void {}
}

export class Watchers {
  readonly sinks: Sink[] = []
  readonly watchers: Int32Array[] = []
  readonly fanOut: FanOut
  readonly #viewChanges: ViewChanges
  readonly #clients = new Clients()
  readonly #held = new Held(this.#clients)
  readonly #touched: Output[] = []
  readonly #random: Random = seededRandom(1)

  constructor({ clients, watchers, compact = false }: WatchersOptions) {
    const views = new Views(() => {})
    const phases = new Phases(realClock, () => {})
    const seen = { clients: this.#clients, views, filters: new Filters(), unshown: new Unshown() }
    const known = { gateId: GATE_ID, phases, ...seen }
    this.#viewChanges = new ViewChanges({
      ...known,
      refuse() {},
      playerChanged() {},
      bound() {},
      leaving() {},
      taken() {},
      left() {},
      close() {},
    })
    const unasked = new Unasked(realClock, phases)
    const held = this.#held
    const ownPlaces = { told() {} }
    const nothing = { awaitsTurnEnd() {}, closeClient() {} }
    this.fanOut = new FanOut({ ...known, ...nothing, ownPlaces, unasked, held, protocol: '2022' })
    const pool = new BufferPool()
    for (let n = 0; n < clients; n++) {
      this.#add(n, pool)
      phases.add(n)
      unasked.add(n)
      if (compact) grantFeatures(FEATURES.compactPositions, n, views, phases)
    }
    for (let n = 0; n < clients; n++) this.#bind(n)
    for (let n = 0; n < clients; n++) this.#show(n, clients, watchers)
    this.endTurn()
  }

  /** Everybody's time has come. */
  endTurn(): void {
    for (let n = 0; n < this.sinks.length; n++) this.fanOut.tellMoved(n)
    this.fanOut.turnEnds()
    for (const output of this.#touched) output.flush()
    this.#touched.length = 0
  }

  get received(): number {
    return this.sinks.reduce((sum, { received }) => sum + received, 0)
  }

  say(packet: Uint8Array): void {
    this.fanOut.packet(packet, LENGTH_BYTES, packet.length)
  }

  #add(n: number, pool: BufferPool): void {
    const sink = new Sink()
    const owner = { held: this.#held, touched: (one: Output) => void this.#touched.push(one), overflowed() {} }
    const output = new Output(n, idOf('client', n), sink, pool, owner, 4 * 1024 * 1024)
    const nobody: ClientOwner = { frame: () => true, badLength() {}, closed() {} }
    const identity = { slot: n, id: idOf('client', n), bootId: idOf('player', n) }
    this.#clients.add(new Client(identity, sink, output, nobody, { packetBytesMax: 1024, nowMs: 0 }))
    this.fanOut.addOutput(output)
    this.sinks.push(sink)
  }

  #bind(n: number): void {
    const entityId = idOf('player', n)
    const clientId = idOf('client', n)
    const placed = { gateId: GATE_ID, entityId, epoch: 1, gameId: 1, body: createBody(entityId) }
    this.#change(packetOf('bindPlayer', { ...placed, clientId, handed: 0, syncing: true }))
  }

  /** Who sees something has a player by then. */
  #show(n: number, clients: number, watchers: number): void {
    const entityId = idOf('player', n)
    const others = new Set<number>()
    while (others.size < watchers) {
      const other = Math.floor(this.#random() * clients)
      if (other !== n) others.add(other)
    }
    this.watchers.push(Int32Array.from(others))
    const clientIds = [...others].map((other) => idOf('client', other))
    const placed = { gateId: GATE_ID, entityId, epoch: 1, gameId: 1, calm: false, body: createBody(entityId) }
    this.#change(packetOf('showEntity', { ...placed, clientIds }))
  }

  #change(packet: Uint8Array): void {
    this.#viewChanges.packet(packet, LENGTH_BYTES, packet.length)
  }
}

export function packetOf<N extends keyof typeof messages>(
  name: N,
  values: Parameters<(typeof messages)[N]['write']>[1],
) {
  const writer = new PacketWriter()
  messages[name].write(writer, values as never)
  return writer.copy()
}

function createBody(entityId: string): Uint8Array {
  const writer = new PacketWriter()
  const at = { x: 0, y: 0, z: 0, yaw: 0 }
  const values = { gateId: 0, clientId: '-'.repeat(16), isPlayer: false, entityId, type: 'Avatar', ...at, attrs: {} }
  clientMessages.createEntity.write(writer, values)
  return writer.bytes.slice(ADDRESSED_HEADER_BYTES, writer.at)
}
