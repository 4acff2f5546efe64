// Positions: how they change, and how those that see them hear of it. What moved is listed once; every
// `position_sync_interval_ms` each gate gets one record for each entity that its clients see.
//
//     moved by the game ─> AOI at once ─┐
//     moved by its client ─> unsettled ─┴─> listed ──flush──> settled: AOI ─> records to the gates
//
// Whoever comes into sight or leaves it by a client's move is told with the records of the same flush: a client hears of
// both in one piece. Whatever goes by who sees whom settles them before, so nobody can tell that they were not.

import { DEFAULT_STEP, STEP_MAX } from '../wire/compact.ts'
import { messages, SYNC_OWN, SYNC_WATCHERS } from '../wire/messages.ts'
import { getF32, PacketWriter } from '../wire/packet.ts'
import { RECORD_BYTES, recordX, recordY, recordYaw, recordZ, writeRecord } from '../wire/sync.ts'
import type { EntityCore } from './core.ts'
import type { World } from './world.ts'

/** Beside the audience in `core.moved`: its client has moved it, and the AOI does not know yet; */
const UNSETTLED = 4
/** it is listed, though nobody has to hear of it any more. */
const LISTED = 8
/** Until there have been two flushes. */
const INTERVAL_MS = 100

/** Records gathered for one gate, by audience: [unused, watchers, own, both]. */
type Records = readonly PacketWriter[]
const nothing = new PacketWriter(0)

export class Movement {
  readonly #world: World
  #moved: EntityCore[] = []
  /** Those whose client has moved them since the AOI was told. */
  #unsettled: EntityCore[] = []
  #settled = 0
  /** By the step of the space, from -STEP_MAX: a message has records of one step. */
  readonly #records: (Records | undefined)[] = []
  /** The gates that were told of something in the last flush, and have yet to hear that it was the last. */
  readonly told = new Set<number>()
  /** Positions from clients that were not taken: entity gone, not synced by its client, or no number. */
  refused = 0
  /** When it was flushed last, and before that, in milliseconds since 1970. */
  #flushedMs = 0
  #flushedBeforeMs = 0

  constructor(world: World) {
    this.#world = world
  }

  /** The game moves an entity: all clients hear of it, its own among them. Throws RangeError for what is no number. */
  move(core: EntityCore, x: number, y: number, z: number, yaw: number): void {
    this.settle()
    if (core.gone) this.#world.throwGone(core)
    // Its client goes on from what the wire says: so does the game.
    if (core.inputs) {
      x = Math.fround(x)
      y = Math.fround(y)
      z = Math.fround(z)
      yaw = Math.fround(yaw)
    }
    if (!Number.isFinite(x + y + z + yaw)) throw new RangeError(`${core} cannot be at (${x}, ${y}, ${z}), yaw ${yaw}`)
    this.#place(core, x, y, z, yaw, SYNC_WATCHERS | SYNC_OWN)
    core.space?.move(core)
  }

  /** Its own client has been told where it is. */
  toldOwn(core: EntityCore): void {
    if (core.moved & SYNC_OWN) core.moved = (core.moved & ~SYNC_OWN) | LISTED
  }

  /** From one flush to the next. */
  get intervalMs(): number {
    return this.#flushedBeforeMs > 0 ? this.#flushedMs - this.#flushedBeforeMs : INTERVAL_MS
  }

  /** From now on the AOI knows where everybody is. Hooks may run, and whoever they ask goes on from there. */
  settle(): void {
    const unsettled = this.#unsettled
    while (this.#settled < unsettled.length) {
      const core = unsettled[this.#settled++]!
      core.moved &= ~UNSETTLED
      if (!core.gone) core.space?.move(core)
    }
    unsettled.length = 0
    this.#settled = 0
  }

  /** Takes the position records of clients (`sync.ts`). The gate has checked that each is its client's own player. */
  fromClients(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at + RECORD_BYTES <= end; at += RECORD_BYTES) {
      const core = this.#world.coreAt(bytes, at)
      if (!core?.clientSyncing || !core.client || !isFiniteRecord(bytes, at)) {
        this.refused++
        continue
      }
      const x = recordX(bytes, at)
      const y = recordY(bytes, at)
      const z = recordZ(bytes, at)
      if ((core.moved & UNSETTLED) === 0) this.#unsettled.push(core)
      this.#place(core, x, y, z, recordYaw(bytes, at), SYNC_WATCHERS | UNSETTLED)
    }
  }

  /** Lists an entity for the next flush. */
  mark(core: EntityCore, audience: number): void {
    if (core.moved === 0) this.#moved.push(core)
    core.moved |= audience
  }

  /** Sends what has moved since the last time. */
  flush(): void {
    this.#flushedBeforeMs = this.#flushedMs
    this.#flushedMs = this.#world.clock.wallMs()
    if (this.#moved.length === 0 && this.told.size === 0) return
    this.settle()
    const moved = this.#moved
    this.#moved = []
    const { inputs } = this.#world
    for (const core of moved) {
      if (core.inputs) inputs.tellOwn(core)
      if (core.track) this.#remember(core)
    }
    inputs.flush()
    for (const gateId of this.#world.gates) {
      if (this.#flushTo(gateId, moved, this.#flushedMs)) this.told.add(gateId)
      else if (this.told.delete(gateId)) this.#sendNothing(gateId, this.#flushedMs)
    }
    for (const core of moved) core.moved = 0
  }

  #place(core: EntityCore, x: number, y: number, z: number, yaw: number, audience: number): void {
    core.x = x
    core.y = y
    core.z = z
    core.yaw = yaw
    this.mark(core, audience)
  }

  #remember({ x, y, z, yaw, track, space }: EntityCore): void {
    const timeMs = this.#flushedMs
    track!.push(timeMs, x, y, z, yaw, this.#flushedBeforeMs, timeMs - space!.kind.historyMs)
  }

  /** Answers whether there was anything to tell. */
  #flushTo(gateId: number, moved: readonly EntityCore[], timeMs: number): boolean {
    let isTold = false
    for (const core of moved) {
      if (core.gone) continue
      let audience = 0
      if (core.moved & SYNC_WATCHERS && core.watchers[gateId]! > 0) audience |= SYNC_WATCHERS
      if (core.moved & SYNC_OWN && core.client?.gateId === gateId) audience |= SYNC_OWN
      if (audience === 0) continue
      isTold = true
      const records = this.#recordsIn(core.space?.kind.positionStep ?? DEFAULT_STEP)
      writeRecord(records[audience]!, core.id, core.x, core.y, core.z, core.yaw)
    }
    for (let at = 0; at < this.#records.length; at++) {
      const records = this.#records[at]
      if (records) this.#send(gateId, timeMs, at - STEP_MAX, records)
    }
    return isTold
  }

  #recordsIn(step: number): Records {
    const at = step + STEP_MAX
    while (this.#records.length <= at) this.#records.push(undefined)
    this.#records[at] ??= [0, 4096, 1024, 1024].map((bytes) => new PacketWriter(bytes))
    return this.#records[at]
  }

  #send(gateId: number, timeMs: number, step: number, records: Records): void {
    for (let audience = 1; audience < records.length; audience++) {
      const gathered = records[audience]!
      if (gathered.at === 0) continue
      this.#sendRecords(gateId, timeMs, step, audience, gathered)
      gathered.at = 0
    }
  }

  /** Once: what moved until the last flush stands. */
  #sendNothing(gateId: number, timeMs: number): void {
    this.#sendRecords(gateId, timeMs, DEFAULT_STEP, SYNC_WATCHERS, nothing)
  }

  #sendRecords(gateId: number, timeMs: number, step: number, audience: number, { bytes, at }: PacketWriter): void {
    const link = this.#world.cluster.toGate(gateId)
    link.begin(messages.positions.code)
    link.out.u16(gateId)
    link.out.u16(this.#world.gameId)
    link.out.u8(audience)
    link.out.u32(timeMs % 0x1_0000_0000)
    link.out.u8(step)
    link.out.raw(bytes, 0, at)
    link.end()
  }
}

const isFiniteRecord = (bytes: Uint8Array, at: number) =>
  Number.isFinite(getF32(bytes, at + 16) + getF32(bytes, at + 20) + getF32(bytes, at + 24) + getF32(bytes, at + 28))
