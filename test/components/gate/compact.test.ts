// Clients in compact form beside clients in full form: both see the same places, each in its own way.
import { expect, test } from 'vitest'
import { Budgets } from '../../../components/gate/budgets.ts'
import { BufferPool } from '../../../components/gate/buffers.ts'
import { Client } from '../../../components/gate/client.ts'
import { Clients } from '../../../components/gate/clients.ts'
import { FanOut } from '../../../components/gate/fan-out.ts'
import { grantFeatures } from '../../../components/gate/features.ts'
import { Filters } from '../../../components/gate/filters.ts'
import { Held } from '../../../components/gate/held.ts'
import { Output } from '../../../components/gate/output.ts'
import { Phases } from '../../../components/gate/phases.ts'
import { Unasked } from '../../../components/gate/unasked.ts'
import { Unshown } from '../../../components/gate/unshown.ts'
import { ViewChanges } from '../../../components/gate/view-changes.ts'
import { Views } from '../../../components/gate/views.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { connect, type Game } from '../../../engine/client/client.ts'
import { FEATURES } from '../../../engine/wire/client-wire.ts'
import { DEFAULT_STEP, stepOf } from '../../../engine/wire/compact.ts'
import { messages, SYNC_OWN, SYNC_WATCHERS, type Values } from '../../../engine/wire/messages.ts'
import { getU16, PacketWriter } from '../../../engine/wire/packet.ts'
import { writeRecord } from '../../../engine/wire/sync.ts'
import { GateSide } from '../../engine/client/gate-side.ts'
import { bodyOf, createBody, destroyBody, GATE_ID, idOf, Pipe } from './stage.ts'

type Place = readonly [x: number, y: number, z: number, yaw: number]

/** One client: its pipe to the gate, and the SDK at the other end. */
interface Seer {
  readonly slot: number
  readonly id: string
  readonly player: string
  readonly pipe: Pipe
  readonly output: Output
  readonly stream: GateSide
  readonly game: Game
  /** Bytes of position messages, by their type. */
  readonly bytes: Map<number, number>
  readonly errors: string[]
}

class Hall {
  readonly seers: Seer[] = []
  readonly #clients = new Clients()
  readonly #held = new Held(this.#clients)
  readonly #views = new Views((client, view) => this.#viewChanges.withdraw(client, view))
  readonly #touched: Output[] = []
  readonly #pool = new BufferPool()
  readonly #phases = new Phases(new VirtualClock(), (slot) => this.fanOut.tellMoved(slot))
  readonly #unasked = new Unasked(new VirtualClock(), this.#phases)
  readonly #viewChanges: ViewChanges
  readonly fanOut: FanOut

  constructor() {
    const seen = { clients: this.#clients, views: this.#views, filters: new Filters() }
    const known = { gateId: GATE_ID, phases: this.#phases, ...seen }
    const unshown = new Unshown()
    const nothing = { refuse() {}, playerChanged() {}, bound() {}, leaving() {}, taken() {}, left() {}, close() {} }
    this.#viewChanges = new ViewChanges({ ...known, ...nothing, unshown })
    const unasked = this.#unasked
    this.fanOut = new FanOut({
      ...known,
      unshown,
      ownPlaces: { told() {} },
      unasked,
      held: this.#held,
      protocol: '2022',
      awaitsTurnEnd() {},
      closeClient() {},
    })
  }

  add(name: string, asked: number): Seer {
    const slot = this.seers.length
    const pipe = new Pipe()
    const owner = { held: this.#held, touched: (one: Output) => void this.#touched.push(one), overflowed() {} }
    const id = idOf(`c${name}`)
    const output = new Output(slot, id, pipe, this.#pool, owner, 4 * 1024 * 1024)
    const identity = { slot, id, bootId: idOf(name) }
    const nobody = { frame: () => true, badLength() {}, closed() {} }
    this.#clients.add(new Client(identity, pipe, output, nobody, { packetBytesMax: 1024, nowMs: 0 }))
    this.fanOut.addOutput(output)
    this.#phases.add(slot)
    this.#unasked.add(slot)
    expect(grantFeatures(asked, slot, this.#views, this.#phases)).toBe(asked & FEATURES.compactPositions)
    const stream = new GateSide()
    const errors: string[] = []
    const observer = { onProtocolError: (error: Error) => void errors.push(error.message) }
    const game = connect(stream, { observer, heartbeatMs: 0 })
    const seer = { slot, id, player: idOf(name), pipe, output, stream, game, bytes: new Map(), errors }
    this.seers.push(seer)
    const placed = { gateId: GATE_ID, entityId: seer.player, epoch: 1, gameId: 1, handed: 0, syncing: true }
    this.say('bindPlayer', { ...placed, clientId: id, body: createBody(seer.player, 'Avatar', true, {}) })
    return seer
  }

  say<N extends keyof typeof messages>(name: N, values: Values<N>): void {
    const writer = new PacketWriter()
    messages[name].write(writer, values as never)
    const packet = writer.copy()
    if (!this.fanOut.packet(packet, 4, packet.length)) this.#viewChanges.packet(packet, 4, packet.length)
  }

  show(entityId: string, ...to: Seer[]): void {
    this.#show(entityId, to, false)
  }

  /** The same, by a client's move. */
  showCalmly(entityId: string, ...to: Seer[]): void {
    this.#show(entityId, to, true)
  }

  #show(entityId: string, to: readonly Seer[], calm: boolean): void {
    const clientIds = to.map(({ id }) => id)
    const body = createBody(entityId, 'Avatar', false, {})
    this.say('showEntity', { gateId: GATE_ID, entityId, epoch: 1, gameId: 1, calm, clientIds, body })
  }

  hide(entityId: string, ...from: Seer[]): void {
    const clientIds = from.map(({ id }) => id)
    this.say('hideEntity', {
      gateId: GATE_ID,
      entityId,
      epoch: 1,
      calm: false,
      clientIds,
      body: destroyBody(entityId, 'Avatar'),
    })
  }

  move(places: ReadonlyMap<string, Place>, { audience = SYNC_WATCHERS, step = DEFAULT_STEP, timeMs = 0 } = {}): void {
    const writer = new PacketWriter()
    for (const [id, place] of places) writeRecord(writer, id, ...place)
    const said = { gateId: GATE_ID, gameId: 1 }
    this.say('positions', { ...said, audience, step, records: writer.copy() })
    this.say('positionsFlushed', { ...said, timeMs, intervalMs: 100 })
    // Everybody's own time has come.
    for (const { slot } of this.seers) this.fanOut.tellMoved(slot)
  }

  call({ id, player }: Seer, text: string): void {
    const body = bodyOf('callOnClient', { entityId: player, method: 'hear', args: [text] })
    this.say('callClient', { gateId: GATE_ID, clientId: id, body })
  }

  /** The turn is over: what was written arrives, but at those who do not read. */
  endTurn(...deaf: Seer[]): void {
    this.fanOut.turnEnds()
    for (const output of this.#touched.splice(0)) output.flush()
    for (const seer of this.seers) {
      while (!deaf.includes(seer) && seer.pipe.writes.length > 0) {
        const bytes = seer.pipe.take()
        for (let at = 0; at < bytes.length; ) {
          const length = 4 + new DataView(bytes.buffer).getUint32(at, true)
          const type = getU16(bytes, at + 4)
          seer.bytes.set(type, (seer.bytes.get(type) ?? 0) + length)
          at += length
        }
        seer.stream.push(bytes)
      }
    }
    if (this.#touched.length > 0) this.endTurn(...deaf)
  }
}

const FULL = 1502
const COMPACT = 3106
/** What it takes to say that all stand. */
const STILL = 4 + 2 + 5

function seesAt(seer: Seer, id: string, place: Place, step = DEFAULT_STEP): void {
  const mirror = seer.game.entities.get(id)!
  const { x, y, z } = mirror.position
  const halves = [2 ** -step / 2, 2 ** -step / 2, 2 ** -step / 2, 2 ** -8 / 2]
  const off = [x, y, z, mirror.yaw].map((value, field) => Math.abs(value - place[field]!))
  expect(
    off.every((one, field) => one <= halves[field]!),
    `${id}: ${off}`,
  ).toBe(true)
}

test('what goes to a space of finer steps within an interval is told as exactly as that says', () => {
  const hall = new Hall()
  const [ann, bob] = [hall.add('ann', FEATURES.compactPositions), hall.add('bob', FEATURES.compactPositions)]
  const said = { gateId: GATE_ID, gameId: 1 }
  const recordAt = (x: number) => {
    const writer = new PacketWriter()
    writeRecord(writer, ann.player, x, 0, 0, 0)
    return writer.copy()
  }
  hall.show(ann.player, bob)
  hall.endTurn()
  hall.say('positions', { ...said, audience: SYNC_WATCHERS, step: stepOf(8), records: recordAt(1000) })
  const both = SYNC_OWN | SYNC_WATCHERS
  hall.say('positions', { ...said, audience: both, step: stepOf(0.001), records: recordAt(3.5) })
  hall.say('positionsFlushed', { ...said, timeMs: 100, intervalMs: 100 })
  hall.endTurn()
  for (const { game } of [ann, bob]) expect(game.entities.get(ann.player)!.position.x).toBeCloseTo(3.5, 3)
})

test('who is created is where it is said to be then, wherever it was before in the same interval', () => {
  const hall = new Hall()
  const [ann, bob] = [hall.add('ann', FEATURES.compactPositions), hall.add('bob', FEATURES.compactPositions)]
  hall.show(ann.player, bob)
  const writer = new PacketWriter()
  writeRecord(writer, ann.player, 1000, 0, 0, 0)
  const said = { gateId: GATE_ID, gameId: 1 }
  hall.say('positions', { ...said, audience: SYNC_WATCHERS, step: DEFAULT_STEP, records: writer.copy() })
  hall.hide(ann.player, bob)
  // Where creates are: nowhere but at 0.
  hall.show(ann.player, bob)
  hall.say('positionsFlushed', { ...said, timeMs: 100, intervalMs: 100 })
  hall.endTurn()
  expect(bob.game.entities.get(ann.player)!.position.x).toBe(0)
})

test('who comes into sight by a client’s move is seen when the interval is over, though nobody has moved', () => {
  const hall = new Hall()
  const ann = hall.add('ann', FEATURES.compactPositions)
  hall.endTurn()
  hall.showCalmly(idOf('npc'), ann)
  hall.endTurn()
  expect(ann.game.entities.get(idOf('npc'))).toBeUndefined()
  hall.say('positionsFlushed', { gateId: GATE_ID, gameId: 1, timeMs: 100, intervalMs: 100 })
  hall.endTurn()
  expect(ann.game.entities.get(idOf('npc'))).toBeDefined()
})

test('clients of both forms see the same places, within half a step, whoever does not read for a while', () => {
  const random = seededRandom(7)
  const hall = new Hall()
  const seers = [hall.add('full', 0), hall.add('compact', FEATURES.compactPositions), hall.add('both', 0xff)]
  const crowd = Array.from({ length: 40 }, (_, n) => idOf(`npc${n}`))
  const at = new Map<string, Place>()
  const seen = new Map<string, Set<Seer>>()
  let deaf: Seer[] = []
  for (let round = 0; round < 600; round++) {
    for (const id of crowd) {
      if (random() < 0.02) {
        const seer = seers[Math.floor(random() * seers.length)]!
        const by = seen.get(id) ?? new Set()
        seen.set(id, by)
        if (by.has(seer)) hall.hide(id, seer)
        else hall.show(id, seer)
        if (!by.delete(seer)) by.add(seer)
        at.delete(id)
      }
      if (random() < 0.5) continue
      const [x, y, z] = at.get(id) ?? [Math.fround(random() * 500), 0, 3]
      const far = random() < 0.01 ? 1e20 : 0
      at.set(id, [
        Math.fround((x > 1e6 ? 0 : x) + random() - 0.5 + far),
        y,
        Math.fround(z + random()),
        Math.fround(random() * 6.28),
      ])
    }
    hall.move(at, { timeMs: round * 100, step: Math.floor(round / 200) * 2 + 4 })
    if (round % 20 === 0) deaf = round % 40 === 0 ? [seers[1 + Math.floor(random() * 2)]!] : []
    // Enough for a client that does not read to lag.
    if (deaf[0] && round % 20 === 1) hall.call(deaf[0], 'x'.repeat(20_000))
    hall.endTurn(...deaf)
    for (const [id, by] of seen)
      for (const seer of by)
        if (!deaf.includes(seer) && at.has(id)) seesAt(seer, id, at.get(id)!, Math.floor(round / 200) * 2 + 4)
  }
  hall.endTurn()
  for (const seer of seers) {
    expect(seer.errors).toEqual([])
    const count = [...seen.values()].filter((by) => by.has(seer)).length
    expect(seer.game.entities.size).toBe(count + 1)
  }
  expect([...seers[0]!.bytes.keys()]).not.toContain(COMPACT)
  for (const seer of seers.slice(1)) expect([...seer.bytes.keys()]).not.toContain(FULL)
  expect(seers[0]!.bytes.get(FULL)! / seers[1]!.bytes.get(COMPACT)!).toBeGreaterThan(3)
})

test('the own client hears where the server has put its player, also when it was there before', () => {
  const hall = new Hall()
  const ann = hall.add('ann', FEATURES.compactPositions)
  hall.show(ann.player, hall.add('bob', FEATURES.compactPositions))
  const put = new Map([[ann.player, [10, 0, 5, 1] as const]])
  hall.move(put, { audience: SYNC_OWN | SYNC_WATCHERS })
  hall.endTurn()
  seesAt(ann, ann.player, [10, 0, 5, 1])
  ann.game.move(12, 0, 5, 1)
  hall.move(put, { audience: SYNC_OWN })
  hall.endTurn()
  seesAt(ann, ann.player, [10, 0, 5, 1])
})

test('who sees an entity is told once that it stands, and of the time when it moves', () => {
  const hall = new Hall()
  const ann = hall.add('ann', FEATURES.compactPositions)
  const npc = idOf('npc')
  hall.show(npc, ann)
  hall.move(new Map([[npc, [1, 2, 3, 4]]]), { timeMs: 1000 })
  hall.endTurn()
  const before = ann.bytes.get(COMPACT)!
  hall.move(new Map([[npc, [1.001, 2, 3, 4]]]), { timeMs: 1100 })
  hall.endTurn()
  expect(ann.bytes.get(COMPACT)).toBe(before + STILL)
  hall.move(new Map([[npc, [1.5, 2, 3, 4]]]), { timeMs: 1200 })
  hall.endTurn()
  // Header, time and step; number and form, one field.
  expect(ann.bytes.get(COMPACT)! - before).toBe(STILL + 6 + 5 + 2)
  expect((ann.game.entities.get(npc) as unknown as { placedMs: number }).placedMs % 2 ** 32).toBe(1200)
})

test('a number is used again for the next entity, and means that one', () => {
  const hall = new Hall()
  const ann = hall.add('ann', FEATURES.compactPositions)
  for (let n = 0; n < 2000; n++) {
    const id = idOf(`npc${n}`)
    hall.show(id, ann)
    hall.move(new Map([[id, [n, 0, 0, 0]]]))
    if (n % 3 > 0) hall.endTurn()
    if (n % 3 < 2) hall.endTurn()
    if (n % 3 > 0) seesAt(ann, id, [n, 0, 0, 0])
    hall.hide(id, ann)
  }
  hall.endTurn()
  expect(ann.errors).toEqual([])
  // One-byte numbers only: two seen at a time.
  expect(ann.bytes.get(COMPACT)! / 2000).toBeLessThan(6 + 5 + 1 + 3 + 1)
})

test('a player that changes hands is known to each client by a number of its own', () => {
  const hall = new Hall()
  const [ann, bob] = [hall.add('ann', FEATURES.compactPositions), hall.add('bob', FEATURES.compactPositions)]
  hall.show(ann.player, bob)
  const bind = { gateId: GATE_ID, entityId: ann.player, epoch: 1, gameId: 1, handed: 0, syncing: true }
  hall.say('bindPlayer', { ...bind, clientId: bob.id, body: createBody(ann.player, 'Avatar', true, {}) })
  const next = { ...bind, entityId: idOf('next'), clientId: ann.id }
  hall.say('bindPlayer', { ...next, body: createBody(next.entityId, 'Avatar', true, {}) })
  hall.show(ann.player, ann)
  hall.move(new Map([[ann.player, [1, 2, 3, 0]]]), { audience: SYNC_OWN | SYNC_WATCHERS })
  hall.endTurn()
  for (const seer of [ann, bob]) {
    seesAt(seer, ann.player, [1, 2, 3, 0])
    expect(seer.errors).toEqual([])
  }
  expect(bob.game.player?.id).toBe(ann.player)
})

test('whatever a client missed, and however long ago: places are counted anew without a mistake', () => {
  const hall = new Hall()
  const [ann, bob] = [hall.add('ann', FEATURES.compactPositions), hall.add('bob', FEATURES.compactPositions)]
  hall.show(bob.player, ann)
  const walk = (count: number, audience: number) => {
    for (let n = 0; n < count; n++) hall.move(new Map([[bob.player, [n % 100, 0, 0, 0] as const]]), { audience })
  }
  walk(10, SYNC_WATCHERS)
  hall.endTurn()
  seesAt(ann, bob.player, [9, 0, 0, 0])
  // As many as there are numbers for places, of which Ann hears nothing.
  walk(65_535, SYNC_OWN)
  hall.move(new Map([[bob.player, [50, 0, 0, 0]]]))
  hall.endTurn()
  seesAt(ann, bob.player, [50, 0, 0, 0])
})

test('spaces of different steps are told in messages of their own', () => {
  const hall = new Hall()
  const ann = hall.add('ann', FEATURES.compactPositions)
  const [fine, coarse] = [idOf('fine'), idOf('coarse')]
  hall.show(fine, ann)
  hall.show(coarse, ann)
  for (let n = 0; n < 10; n++) {
    hall.move(new Map([[fine, [n / 3, 0, 0, 0]]]), { step: stepOf(0.001) })
    hall.move(new Map([[coarse, [n * 10.3, 0, 0, 0]]]), { step: stepOf(2) })
    hall.endTurn()
    seesAt(ann, fine, [n / 3, 0, 0, 0], stepOf(0.001))
    seesAt(ann, coarse, [n * 10.3, 0, 0, 0], stepOf(2))
  }
})

test('the same budget carries three times as many places in compact form', async () => {
  const clock = new VirtualClock()
  const hall = new Hall()
  const budgets = new Budgets(clock, 4000)
  const seers = [hall.add('full', 0), hall.add('compact', FEATURES.compactPositions)]
  const crowd = Array.from({ length: 200 }, (_, n) => idOf(`npc${n}`))
  for (const id of crowd) hall.show(id, ...seers)
  hall.endTurn()
  for (const { output } of seers) budgets.add(output)
  const before = seers.map(({ game: { counters } }) => ({ records: counters.positions, bytes: counters.bytesIn }))
  const at = new Map<string, Place>()
  for (let round = 0; round < 100; round++) {
    for (const [n, id] of crowd.entries()) at.set(id, [n * 5, 0, Math.fround(round / 2), 0])
    hall.move(at, { timeMs: round * 100 })
    for (let tick = 0; tick < 10; tick++) {
      hall.endTurn()
      await clock.advance(10)
    }
  }
  const heard = seers.map(({ game: { counters } }, one) => ({
    records: counters.positions - before[one]!.records,
    bytes: counters.bytesIn - before[one]!.bytes,
  }))
  for (const { bytes } of heard) {
    expect(bytes).toBeLessThan(4000 * 10 * 1.05)
    expect(bytes).toBeGreaterThan(4000 * 10 * 0.9)
  }
  expect(heard[1]!.records / heard[0]!.records).toBeGreaterThan(2.5)
  await clock.advance(5000)
  for (let round = 0; round < 100; round++) {
    hall.endTurn()
    await clock.advance(50)
  }
  expect(budgets.over).toBe(0)
  for (const [id, place] of at) for (const seer of seers) seesAt(seer, id, place)
})

test('whoever was told of places, and of none in the next flush, is told once that all stand', () => {
  const hall = new Hall()
  const [full, one, other] = [hall.add('full', 0), hall.add('one', 0xff), hall.add('other', 0xff)]
  const [near, far] = [idOf('near'), idOf('far')]
  hall.show(near, full, one)
  hall.show(far, other)
  let timeMs = 0
  /** How many bytes of positions each gets in a flush. */
  const flush = (places: Record<string, Place>, ...deaf: Seer[]) => {
    for (const { bytes } of hall.seers) bytes.clear()
    timeMs += 100
    hall.move(new Map(Object.entries(places)), { timeMs })
    hall.endTurn(...deaf)
    return hall.seers.map(({ bytes }) => (bytes.get(FULL) ?? 0) + (bytes.get(COMPACT) ?? 0))
  }
  hall.endTurn()
  const at = (x: number): Place => [x, 0, 0, 0]
  flush({ [near]: at(1), [far]: at(1) })
  const [fullBytes, nearBytes, farBytes] = flush({ [near]: at(2), [far]: at(2) })
  expect([fullBytes, nearBytes! > STILL, farBytes]).toEqual([6 + 32, true, nearBytes])
  // Somebody else moves, whom the one does not see.
  expect(flush({ [far]: at(3) })).toEqual([0, STILL, farBytes])
  expect(flush({ [far]: at(4) })).toEqual([0, 0, farBytes])
  expect(flush({})).toEqual([0, 0, STILL])
  expect(flush({})).toEqual([0, 0, 0])
  // It has moved by less than a step: that is nothing either.
  flush({ [near]: at(3) })
  expect(flush({ [near]: at(3.001) })).toEqual([6 + 32, STILL, 0])
  // Two flushes in one turn.
  flush({ [near]: at(4) })
  for (const { bytes } of hall.seers) bytes.clear()
  hall.move(new Map(), { timeMs: timeMs + 100 })
  hall.move(new Map(), { timeMs: timeMs + 200 })
  hall.endTurn()
  expect(one.bytes.get(COMPACT)).toBe(STILL)
  expect([one.errors, other.errors, full.bytes.get(COMPACT)]).toEqual([[], [], undefined])
  seesAt(one, near, at(4))
})

test('who has cost enough for now is not told that all stand while places wait for it', async () => {
  const clock = new VirtualClock()
  const hall = new Hall()
  const budgets = new Budgets(clock, 4000)
  const one = hall.add('one', 0xff)
  const walker = idOf('walker')
  hall.show(walker, one)
  hall.endTurn()
  budgets.add(one.output)
  const move = (x: number, timeMs: number) => hall.move(new Map([[walker, [x, 0, 0, 0] as Place]]), { timeMs })
  move(1, 100)
  hall.endTurn()
  one.bytes.clear()
  hall.call(one, 'x'.repeat(3000))
  move(2, 200)
  hall.endTurn()
  hall.move(new Map(), { timeMs: 300 })
  hall.endTurn()
  expect(one.bytes.get(COMPACT)).toBeUndefined()
  await clock.advance(2000)
  hall.endTurn()
  seesAt(one, walker, [2, 0, 0, 0])
})

test('who does not read is not told that all stand while places wait for it', () => {
  const hall = new Hall()
  const one = hall.add('one', 0xff)
  const walker = idOf('walker')
  hall.show(walker, one)
  hall.endTurn()
  const move = (x: number, timeMs: number) => hall.move(new Map([[walker, [x, 0, 0, 0] as Place]]), { timeMs })
  move(1, 100)
  hall.endTurn()
  one.bytes.clear()
  hall.call(one, 'x'.repeat(20_000))
  hall.endTurn(one)
  move(2, 200)
  hall.endTurn(one)
  hall.move(new Map(), { timeMs: 300 })
  hall.endTurn(one)
  expect(one.pipe.writes).toHaveLength(1)
  hall.endTurn()
  one.output.written()
  hall.endTurn()
  seesAt(one, walker, [2, 0, 0, 0])
  expect(one.errors).toEqual([])
})
