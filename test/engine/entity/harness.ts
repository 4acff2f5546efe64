// A world without processes: what it says to dispatchers and gates is kept, decoded, for tests to look at.
import { VirtualClock } from '../../../engine/base/clock.ts'
import { IdMaker } from '../../../engine/base/id.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { Turn } from '../../../engine/base/turn.ts'
import type { EntityClass } from '../../../engine/entity/contract.ts'
import { worldStarted, worldStopped } from '../../../engine/entity/current.ts'
import type { Outbound, PacketSink } from '../../../engine/entity/outbound.ts'
import { World } from '../../../engine/entity/world.ts'
import { MemoryKvdb } from '../../../engine/kvdb/memory.ts'
import { MemoryStorage } from '../../../engine/storage/memory.ts'
import { writeArgs } from '../../../engine/wire/codec.ts'
import { type MessageName, messages, type Values } from '../../../engine/wire/messages.ts'
import { getU16, getU32, PacketWriter } from '../../../engine/wire/packet.ts'
import { clientMessage } from './client-message.ts'

export interface Said {
  readonly name: MessageName
  readonly values: Record<string, unknown>
}

/** Calls that say the same, each as if it had been said alone. */
function eachCall({ gateId, said, calls }: Values<'callClients'>): Said[] {
  const each: Said[] = []
  for (let at = 0; at < calls.length; at += 32) {
    const clientId = String.fromCharCode(...calls.subarray(at, at + 16))
    const body = new Uint8Array([...calls.subarray(at + 16, at + 32), ...said])
    each.push({ name: 'callClient', values: { gateId, clientId, body } })
  }
  return each
}

/** Keeps every frame that is written to it. */
class Sink implements PacketSink {
  readonly up = true
  caughtUp: (values: Values<'caughtUp'>) => void = () => {}
  readonly out = new PacketWriter(4096)
  lastFrame = -1

  begin(type: number): number {
    this.lastFrame = this.out.beginFrame(type)
    return this.lastFrame
  }
  end(): void {
    this.out.endFrame(this.lastFrame)
  }
  send<N extends MessageName>(name: N, values: Values<N>): void {
    // A dispatcher sends it back at once.
    if (name === 'caughtUp') queueMicrotask(() => this.caughtUp(values as Values<'caughtUp'>))
    else {
      this.lastFrame = this.out.at
      messages[name].write(this.out, values as never)
    }
  }
  /** Everything said since the last time. */
  take(): Said[] {
    const said: Said[] = []
    const bytes = this.out.copy()
    this.out.at = 0
    this.lastFrame = -1
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + getU32(bytes, at)
      const type = getU16(bytes, at + 4)
      const found = Object.entries(messages).find(([, message]) => message.code === type)
      if (!found) throw new Error(`no message has the number ${type}`)
      if (type === messages.callClients.code) said.push(...eachCall(messages.callClients.read(bytes, at + 6, end)))
      else
        said.push({
          name: found[0] as MessageName,
          values: found[1].read(bytes, at + 6, end) as Record<string, unknown>,
        })
      at = end
    }
    return said
  }
}

export class Harness {
  readonly clock = new VirtualClock()
  readonly log = new MemoryLog()
  readonly storage = new MemoryStorage()
  readonly kvdb = new MemoryKvdb()
  readonly world: World
  readonly #sink = new Sink()

  constructor(
    types: readonly EntityClass[],
    options: {
      nilSpace?: EntityClass
      saveIntervalMs?: number
      aoiHysteresis?: number
      gameId?: number
      reconnectGraceMs?: number
      /** Not: the world is for a frozen one to be restored in. */
      starts?: boolean
    } = {},
  ) {
    const turn = new Turn(this.clock)
    const cluster: Outbound = {
      toEntity: () => this.#sink,
      toGate: () => this.#sink,
      toGame: () => this.#sink,
      toKey: () => this.#sink,
    }
    this.world = new World({
      gameId: options.gameId ?? 1,
      types,
      clock: this.clock,
      turn,
      log: this.log,
      ids: new IdMaker(this.clock, seededRandom(1)),
      random: seededRandom(2),
      cluster,
      storage: this.storage,
      kvdb: this.kvdb,
      saveIntervalMs: options.saveIntervalMs ?? 60_000,
      reconnectGraceMs: options.reconnectGraceMs ?? 0,
      nilSpace: options.nilSpace,
      aoiHysteresis: options.aoiHysteresis ?? 0,
    })
    this.#sink.caughtUp = (values) => this.world.migration.caughtUp(values)
    worldStarted(this.world)
    if (options.starts ?? true) this.world.start()
    this.world.players.gateUp(1, client(0).clientId)
    this.world.players.gateUp(2, client(0).clientId)
    this.take()
  }

  /** Makes a service here, as if its dispatcher had asked for it. */
  service<T extends EntityClass>(type: T): InstanceType<T> {
    const { services } = this.world
    return this.world.create(this.world.kindOf(type), {}, { id: services.only(type), epoch: 1 })
      .entity as InstanceType<T>
  }

  stop(): void {
    this.world.stopTime()
    worldStopped(this.world)
  }

  get game() {
    return this.world.game
  }

  /** What was said to anybody since the last time. */
  take(): Said[] {
    return this.#sink.take()
  }

  /** How many bytes that is. */
  get saidBytes(): number {
    return this.#sink.out.at
  }

  /** The client messages among it, in order, in short: what its gate would tell this client. */
  takeFor(clientId: string, ownId = ''): Record<string, unknown>[] {
    const told: Record<string, unknown>[] = []
    for (const { name, values } of this.take()) {
      const body = values['body'] as Uint8Array
      if (name === 'bindPlayer' && values['clientId'] === clientId) told.push(clientMessage(1002, body))
      if (name === 'unbindPlayer' && values['clientId'] === clientId) told.push(clientMessage(1003, body))
      if (name === 'showEntity' && (values['clientIds'] as string[]).includes(clientId))
        told.push(clientMessage(1002, body))
      if (name === 'hideEntity' && (values['clientIds'] as string[]).includes(clientId))
        told.push(clientMessage(1003, body))
      if (name === 'changeAttr') told.push(clientMessage(values['type'] as number, body))
      if (name === 'callClient' && values['clientId'] === clientId) told.push(clientMessage(1009, body))
      if (name === 'callAllClients') told.push(clientMessage(1009, body))
      if (name === 'callFilteredClients') told.push(clientMessage(1501, body))
    }
    return ownId ? told.filter((message) => message['entityId'] === ownId) : told
  }

  /** Lets the turn end, promises settle and local calls run. */
  async settle(): Promise<void> {
    await this.clock.advance(0)
  }
}

export const client = (n: number, gateId = 1, session = '') => ({
  gateId,
  clientId: `client${String(n).padStart(10, '0')}`,
  handed: 0,
  session,
})

/** The bytes of a call as they follow the entity's and client's id. */
export function callBytes(method: string, ...args: unknown[]): Uint8Array {
  const writer = new PacketWriter()
  writer.varstr(method)
  writeArgs(writer, args)
  return writer.copy()
}
