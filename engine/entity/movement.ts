// Positions: how they change, and how the gates hear of it. What moved is listed once; some milliseconds later at the most each gate gets
// one record for each entity that its clients see. When those hear of it is the gate's affair: each at its own point in the
// interval (`components/gate/phases.ts`), those in compact form when the interval is over: that is the flush.
//
//     moved by the game ─> AOI at once ─┐             ┌─> settled: AOI ─> records to the gates
//     moved by its client ─> unsettled ─┴─> listed ───┤
//                                                     └─ every position_sync_interval_ms: "that was all until now"
//
// Whoever comes into sight or leaves it by a client's move is told with the records: a client hears of both in one piece.
// Whatever goes by who sees whom settles them before, so nobody can tell that they were not.

import { DEFAULT_STEP, STEP_MAX } from '../wire/compact.ts'
import { messages, SYNC_OWN, SYNC_WATCHERS, type Values } from '../wire/messages.ts'
import { getF32, PacketWriter } from '../wire/packet.ts'
import { RECORD_BYTES, recordX, recordY, recordYaw, recordZ, writeRecord } from '../wire/sync.ts'
import type { EntityCore } from './core.ts'
import { isPredicted } from './inputs.ts'
import type { World } from './world.ts'

/** Beside the audience in `core.moved`: its client has moved it, and the AOI does not know yet; */
const UNSETTLED = 4
/** it is listed: the gates have yet to hear of it; */
const LISTED = 8
/** it has moved since the last flush, and there is something to do about that then. */
const FOLLOWED = 16
/** Until there have been two flushes. */
const INTERVAL_MS = 100
/** A client that says nothing of having heard where the game has put its player is believed again after so long. */
const CROSSED_MS_MAX = 5000

/** Records gathered for one gate, by audience: [unused, watchers, own, both]. */
type Records = readonly PacketWriter[]

export class Movement {
  readonly #world: World
  #moved: EntityCore[] = []
  /** Those whose client has moved them since the AOI was told. */
  #unsettled: EntityCore[] = []
  #settled = 0
  #isSettling = false
  /** By the step of the space, from -STEP_MAX: a message has records of one step. */
  readonly #records: (Records | undefined)[] = []
  /** Those with a track, or a client that predicts them, that have moved since the last flush. */
  #followed: EntityCore[] = []
  /** The gates that were told of something until the last flush, and have yet to hear that nothing has moved since. */
  told = new Set<number>()
  /** Those that were told of something since. */
  #toldSince = new Set<number>()
  /** How often clients are to hear of positions, in milliseconds. */
  clientsEveryMs = INTERVAL_MS
  /** Something is listed: `tellGates` is to be called soon. `isGathered`: it has waited for company at a gate. */
  listed: (isGathered: boolean) => void = () => {}
  /** Positions from clients that were not taken: entity gone, not synced by its client, or no number. */
  refused = 0
  /** Positions that clients said before they had heard where the game has put their player. */
  crossed = 0
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
    const isElsewhere = x !== core.x || y !== core.y || z !== core.z
    this.#place(core, x, y, z, yaw, SYNC_WATCHERS | SYNC_OWN)
    if (isElsewhere) this.awaitHearing(core)
    core.space?.move(core)
  }

  /** The game has put it into a space: its client is to hear where. */
  put(core: EntityCore): void {
    this.mark(core, SYNC_OWN)
    this.awaitHearing(core)
  }

  /** If its client moves it, and has yet to be told where the game has put it, it is not believed until it has heard. */
  awaitHearing(core: EntityCore): void {
    if (core.moved & SYNC_OWN && core.clientSyncing && core.client && !isPredicted(core)) this.disbelieve(core)
  }

  /** Its client is not believed until it has heard, or for too long. */
  disbelieve(core: EntityCore): void {
    core.crossedUntilMs = this.#world.clock.now() + CROSSED_MS_MAX
  }

  /** A client has heard where a game had put its player; it may have been put elsewhere since. */
  heard({ entityId, x, y, z }: Values<'placeHeard'>): void {
    const core = this.#world.find(entityId)
    if (core && x === Math.fround(core.x) && y === Math.fround(core.y) && z === Math.fround(core.z))
      core.crossedUntilMs = 0
  }

  /** Its own client has been told where it is. */
  toldOwn(core: EntityCore): void {
    core.moved &= ~SYNC_OWN
    core.crossedUntilMs = 0
  }

  /** From one flush to the next. */
  get intervalMs(): number {
    return this.#flushedBeforeMs > 0 ? this.#flushedMs - this.#flushedBeforeMs : INTERVAL_MS
  }

  /** Whether who comes into sight now does so by a client's move, of which others hear at their own time. */
  get isSettling(): boolean {
    return this.#isSettling
  }

  /** Runs hooks: what they do is not by a client's move. */
  outside(hooks: () => void): void {
    if (!this.#isSettling) return hooks()
    this.#isSettling = false
    try {
      hooks()
    } finally {
      this.#isSettling = true
    }
  }

  /** From now on the AOI knows where everybody is. Hooks may run, and whoever they ask goes on from there. */
  settle(): void {
    const unsettled = this.#unsettled
    if (unsettled.length === 0) return
    const before = this.#isSettling
    this.#isSettling = true
    try {
      while (this.#settled < unsettled.length) {
        const core = unsettled[this.#settled++]!
        core.moved &= ~UNSETTLED
        if (!core.gone) core.space?.move(core)
      }
    } finally {
      this.#isSettling = before
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
      if (core.crossedUntilMs > 0 && this.#isCrossed(core)) continue
      const x = recordX(bytes, at)
      const y = recordY(bytes, at)
      const z = recordZ(bytes, at)
      if ((core.moved & UNSETTLED) === 0) this.#unsettled.push(core)
      this.#place(core, x, y, z, recordYaw(bytes, at), SYNC_WATCHERS | UNSETTLED)
    }
    if (this.#moved.length > 0) this.listed(true)
  }

  /** What its client has just said is of where it was before the game has put it elsewhere. */
  #isCrossed(core: EntityCore): boolean {
    if (this.#world.clock.now() < core.crossedUntilMs) this.crossed++
    else core.crossedUntilMs = 0
    return core.crossedUntilMs > 0
  }

  /** A gate was told of something that may wait for the flush. */
  awaitsFlush(gateId: number): void {
    this.#toldSince.add(gateId)
  }

  /** Lists an entity of which the gates are to hear. */
  mark(core: EntityCore, audience: number): void {
    core.moved |= audience
    if (core.moved & LISTED) return
    core.moved |= LISTED
    if (this.#moved.push(core) === 1) this.listed(false)
  }

  /** Tells the gates what has moved since the last time. */
  tellGates(): void {
    if (this.#moved.length === 0 || this.#world.isSealed) return
    this.settle()
    const moved = this.#moved
    this.#moved = []
    for (const core of moved) {
      core.moved &= ~LISTED
      this.#follow(core)
    }
    for (const gateId of this.#world.gates) if (this.#tellGate(gateId, moved)) this.#toldSince.add(gateId)
    // Where its client predicts it, an answer tells that client of its place.
    for (const core of moved) core.moved &= isPredicted(core) ? ~SYNC_WATCHERS : ~(SYNC_WATCHERS | SYNC_OWN)
  }

  /** An interval is over: says what has moved in it, and once more when nothing has. */
  flush(): void {
    this.#flushedBeforeMs = this.#flushedMs
    this.#flushedMs = this.#world.clock.wallMs()
    this.settle()
    for (const core of this.#moved) this.#follow(core)
    this.#lookAfterFollowed()
    this.tellGates()
    const before = this.told
    this.told = this.#toldSince
    this.#toldSince = before
    for (const gateId of this.#world.gates) if (this.told.has(gateId) || before.has(gateId)) this.#sendFlushed(gateId)
    before.clear()
  }

  #follow(core: EntityCore): void {
    if ((!core.track && !core.inputs) || core.moved & FOLLOWED) return
    core.moved |= FOLLOWED
    this.#followed.push(core)
  }

  #lookAfterFollowed(): void {
    const followed = this.#followed
    const { inputs } = this.#world
    for (const core of followed) {
      core.moved &= ~FOLLOWED
      inputs.tellOwn(core)
      if (core.track) this.#remember(core)
    }
    inputs.flush()
    // A client that has taken over meanwhile was told where it is.
    for (const core of followed) if ((core.moved & LISTED) === 0) core.moved &= ~SYNC_OWN
    followed.length = 0
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
  #tellGate(gateId: number, moved: readonly EntityCore[]): boolean {
    let isTold = false
    for (const core of moved) {
      if (core.gone) continue
      let audience = 0
      if (core.moved & SYNC_WATCHERS && core.watchers[gateId]! > 0) audience |= SYNC_WATCHERS
      if (core.moved & SYNC_OWN && core.client?.gateId === gateId && !isPredicted(core)) audience |= SYNC_OWN
      if (audience === 0) continue
      isTold = true
      const records = this.#recordsIn(core.space?.kind.positionStep ?? DEFAULT_STEP)
      writeRecord(records[audience]!, core.id, core.x, core.y, core.z, core.yaw)
    }
    for (let at = 0; at < this.#records.length; at++) {
      const records = this.#records[at]
      if (records) this.#send(gateId, at - STEP_MAX, records)
    }
    return isTold
  }

  #recordsIn(step: number): Records {
    const at = step + STEP_MAX
    while (this.#records.length <= at) this.#records.push(undefined)
    this.#records[at] ??= [0, 4096, 1024, 1024].map((bytes) => new PacketWriter(bytes))
    return this.#records[at]
  }

  #send(gateId: number, step: number, records: Records): void {
    for (let audience = 1; audience < records.length; audience++) {
      const { bytes, at } = records[audience]!
      if (at === 0) continue
      const link = this.#world.cluster.toGate(gateId)
      link.begin(messages.positions.code)
      link.out.u16(gateId)
      link.out.u16(this.#world.gameId)
      link.out.u8(audience)
      link.out.u8(step)
      link.out.raw(bytes, 0, at)
      link.end()
      records[audience]!.at = 0
    }
  }

  #sendFlushed(gateId: number): void {
    const timeMs = this.#flushedMs % 0x1_0000_0000
    const { gameId, cluster } = this.#world
    cluster.toGate(gateId).send('positionsFlushed', { gateId, gameId, timeMs, intervalMs: this.clientsEveryMs })
  }
}

const isFiniteRecord = (bytes: Uint8Array, at: number) =>
  Number.isFinite(getF32(bytes, at + 16) + getF32(bytes, at + 20) + getF32(bytes, at + 24) + getF32(bytes, at + 28))
