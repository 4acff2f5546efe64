// The life of entities in one game: hooks in order, clients given and taken, who is shown what, saving, calls.
import { afterEach, describe, expect, test } from 'vitest'
import {
  attr,
  type EntityClass,
  entity,
  entityId,
  integer,
  list,
  map,
  number,
  service,
  space,
  string,
  value,
} from '../../../components/game/goworld.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { receiveCall } from '../../../engine/entity/calls.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import type { Entity } from '../../../engine/entity/entity.ts'
import { decode } from '../../../engine/wire/codec.ts'
import { DEFAULT_STEP } from '../../../engine/wire/compact.ts'
import type { Data } from '../../../engine/wire/decoder.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { recordX, writeRecord } from '../../../engine/wire/sync.ts'
import { clientMessage } from './client-message.ts'
import { callBytes, client, Harness } from './harness.ts'

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
})
function start(types: readonly EntityClass[], options: ConstructorParameters<typeof Harness>[1] = {}): Harness {
  const harness = new Harness(types, options)
  open.push(harness)
  return harness
}

const heard: string[] = []
afterEach(() => void heard.splice(0))

class Walker extends entity({
  aoi: 10,
  attrs: { name: attr('walker', 'allClients'), gold: attr(0, 'client'), seen: attr(0) },
  ownClient: { rename: [string], grow: [number], list: [] },
  allClients: { poke: [integer] },
  client: { told(_text: string) {}, poked(_times: number) {} },
}) {
  override onInit() {
    heard.push('onInit')
  }
  override onAttrsReady() {
    heard.push(`onAttrsReady ${this.attrs.name}`)
  }
  override onCreated() {
    heard.push('onCreated')
  }
  override onClientConnected() {
    heard.push('onClientConnected')
  }
  override onClientDisconnected() {
    heard.push('onClientDisconnected')
  }
  override onEnteredSpace() {
    heard.push(`onEnteredSpace ${this.space.kind}`)
  }
  override onLeftSpace(left: Room) {
    heard.push(`onLeftSpace ${left.kind}`)
  }
  override onEnteredAoi(other: Entity) {
    heard.push(`${this.attrs.name} sees ${(other as Walker).attrs.name}`)
  }
  override onLeftAoi(other: Entity) {
    heard.push(`${this.attrs.name} loses ${(other as Walker).attrs.name}`)
  }
  override onDestroyed() {
    heard.push('onDestroyed')
  }
  rename(name: string) {
    this.attrs.name = name
    this.client.told(`you are ${name}`)
  }
  grow(by: number) {
    this.attrs.gold += by
  }
  list() {}
  poke(times: number) {
    this.allClients.poked(times)
  }
  fail() {
    throw new Error('the author erred')
  }
  async failLater() {
    await null
    throw new Error('later')
  }
  tick(what: string) {
    heard.push(`tick ${what}`)
  }
}

/** On three gates. */
const clientsMade = Array.from({ length: 100 }, (_, n) => client(n, 1 + (n % 3)))

let onSight = () => {}
class Actor extends entity({ aoi: 10 }) {
  override onEnteredAoi() {
    onSight()
  }
}

class Room extends space({ attrs: { weather: attr('sun', 'allClients') } }) {
  override onEntityEntered(entered: Entity) {
    heard.push(`room: ${entered.constructor.name} entered`)
  }
  override onEntityLeft(left: Entity) {
    heard.push(`room: ${left.constructor.name} left`)
  }
}

const short = (messages: Record<string, unknown>[]) =>
  messages.map(({ name, type, isPlayer, method, key }) =>
    [name, type ?? method ?? key, isPlayer ? 'player' : undefined].filter((part) => part !== undefined).join(' '),
  )

test('hooks come in the order of a life', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 3)
  const walker = h.game.create(Walker, { name: 'ann' })
  h.world.players.give(coreOf(walker), coreOf(walker))
  h.world.views.bind(coreOf(walker), client(1))
  await walker.enterSpace(room, { x: 1, y: 2, z: 3 })
  expect(walker.position).toEqual({ x: 1, y: 2, z: 3 })
  expect([...room.entities]).toEqual([walker])
  expect(walker.sees(walker)).toBe(false)
  walker.destroy()
  walker.destroy()
  expect(heard).toEqual([
    'onInit',
    'onAttrsReady ann',
    'onCreated',
    'room: Walker entered',
    'onEnteredSpace 3',
    'room: Walker left',
    'onLeftSpace 3',
    'onDestroyed',
    'onClientDisconnected',
  ])
  expect(walker.isGone).toBe(true)
  expect(() => {
    walker.attrs.gold = 1
  }).toThrow('gone')
  await expect(walker.enterSpace(room)).rejects.toThrow('gone')
  expect(h.game.entity(walker.id)).toBeUndefined()
})

test('a client hears of its player, then the space, then what it sees; on leaving the reverse', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 7)
  const other = h.game.create(Walker, { name: 'bob' })
  await other.enterSpace(room)
  const walker = h.game.create(Walker, { name: 'ann' })
  await walker.enterSpace(room)
  h.take()
  h.world.views.bind(coreOf(walker), client(1))
  const told = h.takeFor(client(1).clientId)
  expect(short(told)).toEqual(['createEntity Walker player', 'createEntity __space__', 'createEntity Walker'])
  expect(told[0]!['attrs']).toEqual({ name: 'ann', gold: 0 })
  expect(told[1]!['attrs']).toEqual({ _K: 7, weather: 'sun' })
  expect(told[2]!['attrs']).toEqual({ name: 'bob' })
  await walker.enterSpace(h.game.nilSpace)
  expect(short(h.takeFor(client(1).clientId))).toEqual(['destroyEntity Walker', 'destroyEntity __space__'])
  expect(walker.space.isNil).toBe(true)
})

test('giving a client away: the old player goes, the new one comes, hooks follow', async () => {
  const h = start([Walker, Room])
  const from = h.game.create(Walker, { name: 'account' })
  const to = h.game.create(Walker, { name: 'avatar' })
  h.world.views.bind(coreOf(from), client(1))
  from.setClientFilter('online', 1)
  to.setClientFilter('level', 5)
  h.take()
  heard.splice(0)
  from.giveClientTo(to)
  const said = h.take()
  expect(said.map(({ name }) => name)).toEqual(['unbindPlayer', 'bindPlayer', 'setFilter'])
  expect(said[2]!.values).toMatchObject({ key: 'level', value: '5' })
  expect(heard).toEqual(['onClientDisconnected', 'onClientConnected'])
  expect([from.hasClient, to.hasClient]).toEqual([false, true])
  // A second client for the same player: the first is closed, and no hook says it disconnected.
  const again = h.game.create(Walker)
  h.world.views.bind(coreOf(again), client(2))
  h.take()
  again.giveClientTo(to)
  expect(h.take().map(({ name, values }) => [name, values['clientId']])).toEqual([
    ['unbindPlayer', client(2).clientId],
    ['closeClient', client(1).clientId],
    ['bindPlayer', client(2).clientId],
    ['setFilter', client(2).clientId],
  ])
})

test('an attribute is flushed before the call that follows it, and a create already holds what was written', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  const a = h.game.create(Walker, { name: 'a' })
  const b = h.game.create(Walker, { name: 'b' })
  h.world.views.bind(coreOf(a), client(1))
  await a.enterSpace(room)
  h.take()
  a.attrs.gold = 5
  a.client.told('hello')
  expect(short(h.takeFor(client(1).clientId))).toEqual(['mapSet gold', 'callOnClient told'])
  b.attrs.name = 'bee'
  await b.enterSpace(room)
  const told = h.takeFor(client(1).clientId)
  expect(short(told)).toEqual(['createEntity Walker'])
  expect(told[0]!['attrs']).toEqual({ name: 'bee' })
  await h.settle()
  expect(h.take()).toEqual([])
  b.attrs.name = 'bea'
  b.attrs.gold = 3
  await h.settle()
  const said = h.take()
  expect(said.map(({ name, values }) => [name, values['audience']])).toEqual([['changeAttr', 1]])
})

test('what is said to one client after another is what was said, however much it is like the last', () => {
  class Teller extends entity({ client: { hears(..._what: Data[]) {}, other(..._what: Data[]) {} } }) {}
  const h = start([Teller as EntityClass])
  const tellers = Array.from({ length: 3 }, (_, n) => {
    const one = h.game.create(Teller)
    h.world.views.bind(coreOf(one), client(n))
    return one
  })
  h.take()
  const list = [1]
  const changes = () => {
    list.push(list.length + 1)
    return list
  }
  const bytes = new Uint8Array([1])
  const changesBytes = () => {
    bytes[0]!++
    return bytes
  }
  const random = seededRandom(5)
  const whats: (() => Data)[] = [
    () => 'a',
    () => ['a', 'b'].join(''),
    () => 'ab',
    () => 0,
    () => -0,
    () => Number.NaN,
    () => null,
    () => true,
    () => 'é'.repeat(300),
    changes,
    changesBytes,
  ]
  for (let round = 0; round < 2000; round++) {
    // Mostly the same three times, sometimes with another in between.
    const what = Array.from({ length: Math.floor(random() * 3) }, () => whats[Math.floor(random() * whats.length)]!)
    const method = random() < 0.5 ? 'hears' : 'other'
    const expected: unknown[] = []
    for (const one of tellers) {
      if (random() < 0.1) expect(() => one.client.hears((() => {}) as never)).toThrow(TypeError)
      if (random() < 0.2) what[0] = whats[Math.floor(random() * whats.length)]!
      const args = what.map((value) => value())
      expected.push([one.id, method, structuredClone(args)])
      one.client[method](...args)
    }
    const said = h.take().map(({ values }) => clientMessage(1009, values['body'] as Uint8Array))
    expect(said.map(({ entityId, method: its, args }) => [entityId, its, args])).toEqual(expected)
  }
})

test('what is said again goes to whoever has which client by then, in whatever place of the table', () => {
  class Teller extends entity({ client: { hears(_text: string) {} } }) {}
  const h = start([Teller as EntityClass])
  const random = seededRandom(7)
  const tellers: Teller[] = []
  const clients = new Map<Teller, number>()
  for (let round = 0; round < 2000; round++) {
    const one = tellers[Math.floor(random() * tellers.length)]
    const kind = random()
    if (!one || (kind < 0.1 && tellers.length < 150)) {
      tellers.push(h.game.create(Teller))
    } else if (kind < 0.15) {
      // Whoever comes next takes its place.
      one.destroy()
      tellers.splice(tellers.indexOf(one), 1)
      const next = h.game.create(Teller)
      const no = clients.get(one)
      clients.delete(one)
      // With the same client, to the object.
      if (no !== undefined) bindTo(next, no)
      tellers.push(next)
    } else if (kind < 0.4) {
      bindTo(one, Math.floor(random() * 100))
    } else {
      h.take()
      const expected: unknown[] = []
      for (const each of tellers) {
        each.client.hears('the same')
        const no = clients.get(each)
        if (no !== undefined) expected.push([clientsMade[no]!.gateId, clientsMade[no]!.clientId, each.id])
      }
      const said = h
        .take()
        .map(({ values }) => [
          values['gateId'],
          values['clientId'],
          clientMessage(1009, values['body'] as Uint8Array)['entityId'],
        ])
      expect(said).toEqual(expected)
    }
  }
  function bindTo(one: Teller, no: number) {
    clients.set(one, no)
    h.world.views.bind(coreOf(one), clientsMade[no]!)
  }
})

test('what was said elsewhere meanwhile does not go on with what was said before', () => {
  class Teller extends entity({ client: { hears(_text: string) {} } }) {}
  const h = start([Teller as EntityClass])
  const [a, b, alone] = [h.game.create(Teller), h.game.create(Teller), h.game.create(Teller)]
  h.world.views.bind(coreOf(a), client(1))
  h.world.views.bind(coreOf(b), client(2))
  h.take()
  a.client.hears('x')
  b.client.hears('x')
  // Nobody is there to hear it.
  alone.allClients.hears('y')
  a.client.hears('y')
  const heard = h.take().map(({ values }) => clientMessage(1009, values['body'] as Uint8Array)['args'])
  expect(heard).toEqual([['x'], ['x'], ['y']])
})

test('an argument that makes calls of its own when it is read, and cannot be sent, does no harm', () => {
  class Teller extends entity({ client: { hears(_what: Data) {} } }) {}
  const h = start([Teller as EntityClass])
  const [a, b] = [h.game.create(Teller), h.game.create(Teller)]
  h.world.views.bind(coreOf(a), client(1))
  h.world.views.bind(coreOf(b), client(2))
  h.take()
  const far = { id: 'BBBBBmaker1CCCCC' }
  const talks = (other: unknown) => ({
    get said() {
      b.client.hears('x')
      h.world.calling.call(far.id, 'poke', [1])
      return other
    },
  })
  a.client.hears('x')
  expect(() => h.world.calling.call(far.id, 'm', [talks(() => {})])).toThrow('call of m()')
  expect(() => a.client.hears(talks(() => {}) as never)).toThrow(TypeError)
  a.client.hears(talks(2) as never)
  h.world.calling.call(far.id, 'm', [talks(3)])
  b.client.hears('x')
  const said = h.take().map(({ name, values }) => {
    if (name === 'callEntity') return [values['method'], decode((values['args'] as Uint8Array).subarray(6))]
    const { entityId, args } = clientMessage(1009, values['body'] as Uint8Array)
    return [entityId === a.id ? 'a' : 'b', ...(args as unknown[])]
  })
  const inside = [
    ['b', 'x'],
    ['poke', 1],
  ]
  expect(said).toEqual([
    ['a', 'x'],
    ...inside,
    ...inside,
    ...inside,
    ['a', { said: 2 }],
    ...inside,
    ['m', { said: 3 }],
    ['b', 'x'],
  ])
})

test('what is said to a hundred clients goes to their gate once', () => {
  class Teller extends entity({ client: { hears(_text: string) {} } }) {}
  const h = start([Teller as EntityClass])
  const text = 'as long as a message in a chat is'.repeat(10)
  const tellers = Array.from({ length: 100 }, (_, n) => {
    const one = h.game.create(Teller)
    h.world.views.bind(coreOf(one), client(n, 1 + Math.floor(n / 50)))
    return one
  })
  h.take()
  for (const one of tellers) one.client.hears(text)
  // To the first alone, and once to each of two gates, with the ids of client and entity for each.
  expect(h.saidBytes).toBeLessThan(3 * (text.length + 60) + 100 * 32)
  const said = h.take()
  expect(said.map(({ values }) => [values['gateId'], values['clientId']])).toEqual(
    tellers.map((_, n) => [1 + Math.floor(n / 50), client(n).clientId]),
  )
  for (const { values } of said) expect(clientMessage(1009, values['body'] as Uint8Array)['args']).toEqual([text])
})

test('what is created and destroyed in one turn is both said', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  const a = h.game.create(Walker)
  h.world.views.bind(coreOf(a), client(1))
  await a.enterSpace(room)
  h.take()
  const b = h.game.create(Walker)
  b.enterSpace(room)
  a.client.told('look')
  b.destroy()
  expect(short(h.takeFor(client(1).clientId))).toEqual([
    'createEntity Walker',
    'callOnClient told',
    'destroyEntity Walker',
  ])
})

test('one create per gate for all clients that begin to see, and one record per gate for what moves', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  for (let n = 0; n < 6; n++) {
    const watcher = h.game.create(Walker)
    h.world.views.bind(coreOf(watcher), client(n, 1 + (n % 2)))
    await watcher.enterSpace(room)
  }
  h.world.movement.flush()
  h.take()
  const mover = h.game.create(Walker)
  await mover.enterSpace(room)
  const shows = h.take().filter(({ name }) => name === 'showEntity')
  expect(shows.map(({ values }) => [values['gateId'], (values['clientIds'] as string[]).length])).toEqual([
    [1, 3],
    [2, 3],
  ])
  h.world.movement.flush()
  h.take()
  mover.position = { x: 1, y: 0, z: 1 }
  mover.position = { x: 2, y: 0, z: 1 }
  h.world.movement.flush()
  const told = () =>
    h
      .take()
      .map(({ name, values: { gateId, audience, records } }) =>
        name === 'positions' ? [name, gateId, audience, (records as Uint8Array).length] : [name, gateId],
      )
  expect(told()).toEqual([
    ['positions', 1, 1, 32],
    ['positions', 2, 1, 32],
    ['positionsFlushed', 1],
    ['positionsFlushed', 2],
  ])
  // That nothing has moved since is said once.
  h.world.movement.flush()
  expect(told()).toEqual([
    ['positionsFlushed', 1],
    ['positionsFlushed', 2],
  ])
  h.world.movement.flush()
  expect(told()).toEqual([])
  expect(() => {
    mover.position = { x: Number.NaN, y: 0, z: 0 }
  }).toThrow('cannot be at')
})

test('what a hook does when a client’s move has somebody come into sight is not by that move, and told at once', async () => {
  class Coin extends entity({ aoi: 10 }) {}
  let act = (_other: Entity) => {}
  class Finder extends entity({ aoi: 10 }) {
    override onEnteredAoi(other: Entity) {
      act(other)
    }
  }
  for (const what of ['destroys', 'moves', 'creates', 'leaves']) {
    const h = start([Finder, Coin, Room])
    const [room, next] = [h.game.createSpace(Room, 1), h.game.createSpace(Room, 2)]
    const [watcher, finder, coin] = [h.game.create(Finder), h.game.create(Finder), h.game.create(Coin)]
    h.world.views.bind(coreOf(watcher), client(1))
    h.world.views.bind(coreOf(finder), client(2))
    finder.setClientSyncing(true)
    await watcher.enterSpace(room, { x: 0, y: 0, z: 0 })
    await coin.enterSpace(room, { x: 5, y: 0, z: 0 })
    await finder.enterSpace(room, { x: -8, y: 0, z: 0 })
    h.take()
    let before: string[] = []
    act = (other) => {
      if (other !== coin || before.length > 0) return
      before = h.take().map(({ name, values }) => `${name} ${values['calm']}`)
      if (what === 'destroys') coin.destroy()
      else if (what === 'moves') coin.position = { x: 500, y: 0, z: 0 }
      else if (what === 'creates') void h.game.create(Coin).enterSpace(room, { x: 1, y: 0, z: 0 })
      else void watcher.enterSpace(next)
    }
    h.world.movement.heard({ entityId: finder.id, ...finder.position })
    const writer = new PacketWriter()
    writeRecord(writer, finder.id, -1, 0, 0, 0)
    h.world.movement.fromClients(writer.bytes, 0, writer.at)
    h.world.movement.tellGates()
    const after = h.take().flatMap(({ name, values }) => (name.endsWith('Entity') ? `${name} ${values['calm']}` : []))
    expect([what, before.filter((one) => one === 'showEntity true').length > 0]).toEqual([what, true])
    expect([what, after.length > 0, after.filter((one) => one.endsWith('true'))]).toEqual([what, true, []])
    h.stop()
  }
})

test('a gate whose client has seen others come by its own move hears when the interval is over', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  const [walker, standing] = [h.game.create(Walker), h.game.create(Walker)]
  h.world.views.bind(coreOf(walker), client(1))
  walker.setClientSyncing(true)
  await standing.enterSpace(room)
  await walker.enterSpace(room, { x: 500, y: 0, z: 0 })
  for (let n = 0; n < 3; n++) h.world.movement.flush()
  h.take()
  h.world.movement.heard({ entityId: walker.id, ...walker.position })
  const writer = new PacketWriter()
  writeRecord(writer, walker.id, 2, 0, 0, 0)
  h.world.movement.fromClients(writer.bytes, 0, writer.at)
  h.world.movement.tellGates()
  h.world.movement.flush()
  expect(h.take().map(({ name, values }) => [name, values['gateId']])).toEqual([
    ['showEntity', 1],
    ['positionsFlushed', 1],
  ])
})

test('each gate is told once whose clients begin and cease to see something, and again where they are too many for a message', () => {
  const h = start([Walker])
  const walker = coreOf(h.game.create(Walker))
  const { views } = h.world
  const clients = Array.from({ length: 120_001 }, (_, n) => client(n, n < 60_000 ? 1 + (n % 2) : 2))
  h.take()
  views.show(walker, clients)
  views.hide(walker, clients)
  const said = h.take()
  const idsOf = ({ values }: (typeof said)[number]) => values['clientIds'] as string[]
  const counts = said.map((one) => [one.name, one.values['gateId'], idsOf(one).length])
  const eachGate = [
    [1, 30_000],
    [2, 50_000],
    [2, 40_001],
  ]
  const all = (name: string) => eachGate.map((row) => [name, ...row])
  expect(counts.sort()).toEqual([...all('showEntity'), ...all('hideEntity')].sort())
  for (const name of ['showEntity', 'hideEntity'])
    for (const gateId of [1, 2]) {
      const told = said.filter((one) => one.name === name && one.values['gateId'] === gateId).flatMap(idsOf)
      expect(told).toEqual(clients.filter((one) => one.gateId === gateId).map(({ clientId }) => clientId))
    }
})

test('gates hear of what moves before the flush, of each place once; the flush says when there are no more', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  const [watcher, mover] = [h.game.create(Walker), h.game.create(Walker)]
  h.world.views.bind(coreOf(watcher), client(1))
  await watcher.enterSpace(room)
  await mover.enterSpace(room)
  h.world.movement.flush()
  h.take()
  let listed = 0
  h.world.movement.listed = () => void listed++
  const places = () =>
    h.take().map(({ name, values: { records } }) => (records ? recordX(records as Uint8Array, 0) : name))
  for (let x = 1; x <= 3; x++) {
    mover.position = { x: 0, y: 0, z: 0 }
    mover.position = { x, y: 0, z: 0 }
    h.world.movement.tellGates()
    h.world.movement.tellGates()
  }
  expect([listed, places()]).toEqual([3, [1, 2, 3]])
  mover.position = { x: 4, y: 0, z: 0 }
  h.world.movement.clientsEveryMs = 70
  h.world.movement.flush()
  const [place, flushed] = h.take()
  expect([place!.name, recordX(place!.values['records'] as Uint8Array, 0)]).toEqual(['positions', 4])
  expect(flushed).toMatchObject({ name: 'positionsFlushed', values: { gateId: 1, intervalMs: 70 } })
  // Nothing more of it, but that.
  h.world.movement.tellGates()
  h.world.movement.flush()
  h.world.movement.flush()
  expect(places()).toEqual(['positionsFlushed'])
})

test('what moves in spaces of different steps is said in messages of their own, then the time', async () => {
  class Sea extends space({ positionStep: 0.75 }) {}
  const h = start([Walker, Room, Sea])
  const walkers = [h.game.createSpace(Room, 1), h.game.createSpace(Sea, 1)].map((place) => {
    const watcher = h.game.create(Walker)
    h.world.views.bind(coreOf(watcher), client(1))
    void watcher.enterSpace(place)
    const walker = h.game.create(Walker)
    void walker.enterSpace(place)
    return walker
  })
  h.world.movement.flush()
  h.take()
  await h.clock.advance(150)
  for (const walker of walkers) walker.position = { x: 1, y: 0, z: 1 }
  h.world.movement.flush()
  expect(h.take().map(({ name, values }) => [name, values['step'] ?? values['timeMs']])).toEqual([
    ['positions', 1],
    ['positions', DEFAULT_STEP],
    ['positionsFlushed', h.clock.wallMs() % 2 ** 32],
  ])
})

test('who is moved by its client comes into sight with the next flush, in front of its record', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  const [walker, watcher] = [h.game.create(Walker, { name: 'ann' }), h.game.create(Walker, { name: 'bob' })]
  h.world.views.bind(coreOf(walker), client(1))
  h.world.views.bind(coreOf(watcher), client(2))
  walker.setClientSyncing(true)
  await watcher.enterSpace(room)
  await walker.enterSpace(room, { x: 500, y: 0, z: 0 })
  h.world.movement.flush()
  h.take()
  heard.splice(0)
  h.world.movement.heard({ entityId: walker.id, ...walker.position })
  const says = (x: number) => {
    const writer = new PacketWriter()
    writeRecord(writer, walker.id, x, 0, 1, 0)
    h.world.movement.fromClients(writer.bytes, 0, writer.at)
  }
  says(100)
  says(2)
  expect(walker.position).toEqual({ x: 2, y: 0, z: 1 })
  expect([h.take(), heard]).toEqual([[], []])
  h.world.movement.flush()
  // By its client's move: others hear of that with positions.
  expect(h.take().map(({ name, values }) => [name, values['calm']])).toEqual([
    ['showEntity', true],
    ['showEntity', true],
    ['positions', undefined],
    ['positionsFlushed', undefined],
  ])
  expect(heard.toSorted()).toEqual(['ann sees bob', 'bob sees ann'])
  // Whoever looks before sees it where it is, and so does whoever comes, moves or speaks.
  const looks: (() => unknown)[] = [
    () => watcher.sees(walker),
    () => watcher.seen(),
    () => h.game.create(Walker).enterSpace(room),
    () => {
      watcher.position = { x: 1, y: 0, z: 1 }
    },
    () => {
      watcher.aoi = 60
    },
    () => walker.allClients.told('hello'),
  ]
  for (const look of looks) {
    says(500)
    h.world.movement.flush()
    h.take()
    says(2)
    expect(h.take()).toEqual([])
    look()
    expect(h.take().map(({ name }) => name)).toContain('showEntity')
  }
  heard.splice(0)
  // What the game itself says of it is seen at once, and told at once.
  says(1)
  walker.position = { x: 600, y: 0, z: 0 }
  expect(watcher.sees(walker)).toBe(false)
  const hidden = h.take().map(({ name, values }) => `${name} ${values['calm']}`)
  expect(new Set(hidden)).toEqual(new Set(['hideEntity false']))
  h.world.movement.flush()
  h.take()
  // Who is gone by then is not looked at.
  says(2)
  walker.destroy()
  h.take()
  h.world.movement.flush()
  expect(h.take().map(({ name }) => name)).toEqual(['positionsFlushed'])
  h.world.movement.flush()
  expect(h.take()).toEqual([])
})

describe('when a hook of a client that has moved runs because somebody enters a space', () => {
  /** One is about to be seen by another as soon as anybody looks; a third is nowhere. */
  async function scene() {
    const h = start([Actor, Room])
    const rooms = [1, 2, 3].map((kind) => h.game.createSpace(Room, kind))
    const [mover, seer, traveller] = [h.game.create(Actor), h.game.create(Actor), h.game.create(Actor)]
    await mover.enterSpace(rooms[0]!, { x: 100, y: 0, z: 0 })
    await seer.enterSpace(rooms[0]!)
    h.world.views.bind(coreOf(mover), client(1))
    mover.setClientSyncing(true)
    const writer = new PacketWriter()
    writeRecord(writer, mover.id, 1, 0, 0, 0)
    h.world.movement.fromClients(writer.bytes, 0, writer.at)
    return { rooms, traveller }
  }

  test('and destroys who enters, that is nowhere', async () => {
    const { rooms, traveller } = await scene()
    onSight = () => traveller.destroy()
    await expect(traveller.enterSpace(rooms[1]!)).rejects.toThrow('gone')
    expect([...rooms[1]!.entities]).toEqual([])
    await expect(async () => {
      traveller.position = { x: 1, y: 0, z: 0 }
    }).rejects.toThrow('gone')
  })

  test('and takes who enters elsewhere, that is in one space', async () => {
    const { rooms, traveller } = await scene()
    onSight = () => {
      onSight = () => {}
      void traveller.enterSpace(rooms[2]!)
    }
    await traveller.enterSpace(rooms[1]!)
    expect(rooms.map((room) => [...room.entities].includes(traveller))).toEqual([false, true, false])
  })
})

test('different radii: who sees whom is not symmetric, and hooks tell each side its own', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  const near = h.game.create(Walker, { name: 'near' })
  const far = h.game.create(Walker, { name: 'far' })
  far.aoi = 100
  await near.enterSpace(room)
  heard.splice(0)
  await far.enterSpace(room, { x: 50, y: 0, z: 0 })
  expect(far.sees(near)).toBe(true)
  expect(near.sees(far)).toBe(false)
  expect(heard.filter((line) => line.includes('sees'))).toEqual(['far sees near'])
  near.aoi = 60
  expect(near.seen()).toEqual([far])
  far.position = { x: 200, y: 0, z: 0 }
  expect(heard.filter((line) => line.includes('loses')).sort()).toEqual(['far loses near', 'near loses far'])
})

test('calls of clients: exposed methods only, to the right client, with arguments that pass', () => {
  const h = start([Walker])
  const core = coreOf(h.game.create(Walker))
  const call = (caller: 'server' | 'ownClient' | 'anyClient', method: string, ...args: unknown[]) => {
    const bytes = callBytes(method, ...args)
    return receiveCall(core, bytes, 0, bytes.length, caller)
  }
  expect(call('ownClient', 'rename', 'zoe')).toBeUndefined()
  expect((core.entity as Walker).attrs.name).toBe('zoe')
  expect(call('anyClient', 'rename', 'eve')).toBe('not exposed to this client')
  expect(call('anyClient', 'poke', 3)).toBeUndefined()
  expect(call('ownClient', 'poke', 3)).toBeUndefined()
  expect(call('ownClient', 'poke', 3.5)).toBe('wrong arguments')
  expect(call('ownClient', 'rename')).toBe('wrong arguments')
  expect(call('ownClient', 'rename', 'a', 'b')).toBe('wrong arguments')
  expect(call('ownClient', 'grow', Number.NaN)).toBe('wrong arguments')
  for (const method of ['destroy', 'onDestroyed', 'constructor', 'attrs', 'toString', '__proto__', 'fail', 'nothing'])
    expect(call('ownClient', method)).toMatch(/unknown method|not exposed/)
  for (const method of ['destroy', 'onDestroyed', 'constructor', 'giveClientTo'])
    expect(call('server', method)).toBe('unknown method')
  expect(receiveCall(core, new Uint8Array([1, 2, 3]), 0, 3, 'ownClient')).toBe('unreadable')
  const good = callBytes('rename', 'x')
  for (let end = 0; end < good.length; end++)
    expect(receiveCall(core, good, 0, end, 'ownClient')).toMatch(/unreadable|wrong|unknown/)
})

test('what an author throws is logged with entity and method, and the game goes on', async () => {
  const h = start([Walker])
  const walker = h.game.create(Walker)
  h.game.call(walker.id).fail()
  h.game.call(walker.id).failLater()
  h.game.call(walker.id).tick('still here')
  await h.settle()
  expect(h.log.matching('error', `Walker<${walker.id}>.fail threw: the author erred`)).toHaveLength(1)
  expect(h.log.matching('error', `Walker<${walker.id}>.failLater threw: later`)).toHaveLength(1)
  expect(heard).toContain('tick still here')
  expect(h.world.authorErrors).toBe(2)
})

test('calls to others go to their dispatcher; local ones run after the caller, with arguments of their own', async () => {
  class Keeper extends entity({}) {
    kept: unknown
    keep(given: unknown) {
      this.kept = given
    }
  }
  const h = start([Keeper])
  const keeper = h.game.create(Keeper)
  h.take()
  const given = { deep: [1] }
  h.game.call(keeper.id).keep(given)
  expect(keeper.kept).toBeUndefined()
  given.deep.push(2)
  await h.settle()
  expect(keeper.kept).toEqual({ deep: [1] })
  h.game.call(entityId<Keeper>('somebodyelse0001')).keep(5)
  const said = h.take()
  expect(said.map(({ name, values }) => [name, values['entityId'], values['method']])).toEqual([
    ['callEntity', 'somebodyelse0001', 'keep'],
  ])
  expect(() => h.game.call(entityId<Keeper>('somebodyelse0001')).keep(new Date())).toThrow(
    'call of keep(): a Date cannot be sent',
  )
  expect(h.take()).toEqual([])
})

test('a call to several reaches each, here and elsewhere, with arguments of its own; to none when one can be no id', async () => {
  const kept: unknown[] = []
  class Keeper extends entity({}) {
    keep(given: number[]) {
      given.push(this.call([this.id]) === undefined ? 0 : 9)
      kept.push([this.id, given])
    }
  }
  const h = start([Keeper])
  const [a, b] = [h.game.create(Keeper), h.game.create(Keeper)]
  const far = entityId<Keeper>('somebodyelse0001')
  h.take()
  h.game.call([a.id, far, b.id]).keep([1])
  await h.settle()
  expect(kept).toEqual([
    [a.id, [1, 9]],
    [b.id, [1, 9]],
  ])
  expect(h.take().map(({ name, values }) => [name, values['entityId']])).toEqual([['callEntity', far]])
  const wrong = [a.id, 'short' as typeof far]
  expect(() => h.game.call(wrong).keep([2])).toThrow("'short' is no entity id")
  expect(() => a.call(wrong).keep([2])).toThrow("'short' is no entity id")
  // As four bytes a word, this would be the id of the first.
  const twin = String.fromCharCode(a.id.charCodeAt(0) | (a.id.charCodeAt(1) << 8)) + a.id.slice(1)
  expect(h.world.find(twin)).toBeUndefined()
  for (const none of [undefined, null, 5, {}, new Set([a.id]), twin])
    expect(() => h.game.call(none as never as typeof far).keep([2])).toThrow('is no entity id')
  h.game.call([] as (typeof far)[]).keep([2])
  await h.settle()
  expect([kept.length, h.take()]).toEqual([2, []])
})

describe('a call to several with arguments that nobody can change', () => {
  const told: string[] = []
  afterEach(() => void told.splice(0))
  class Hearer extends entity({}) {
    hear(who: string) {
      told.push(`${this.id} ${who}`)
      if (who === 'ends the next') others[1]!.destroy()
    }
  }
  let h: Harness
  let others: Hearer[]
  const far = entityId<Hearer>('somebodyelse0001')
  const begin = () => {
    h = start([Hearer])
    others = [h.game.create(Hearer), h.game.create(Hearer), h.game.create(Hearer)]
    h.take()
    return others.map(({ id }) => id)
  }
  const elsewhere = () =>
    h
      .take()
      .filter(({ name }) => name === 'callEntity')
      .map(({ values }) => values['entityId'])

  test('runs in its place among all calls, twice for whoever is named twice, and goes to those elsewhere', async () => {
    const [a, b, c] = begin()
    h.game.call(b!).hear('first')
    h.game.call([a!, far, b!, a!]).hear('all')
    h.game.call(c!).hear('last')
    expect(told).toEqual([])
    await h.settle()
    expect(told).toEqual([`${b} first`, `${a} all`, `${b} all`, `${a} all`, `${c} last`])
    expect(elsewhere()).toEqual([far])
  })

  test('goes to the dispatcher for one that an earlier one has ended', async () => {
    const [a, b, c] = begin()
    h.game.call([a!, b!, c!]).hear('ends the next')
    await h.settle()
    expect(told).toEqual([`${a} ends the next`, `${c} ends the next`])
    expect(elsewhere()).toEqual([b])
  })

  test('goes to the dispatcher once for one whose calls make a detour, and is counted once', async () => {
    const [a, b] = begin()
    const core = coreOf(others[1]!)
    core.detoured = 0
    h.game.call([a!, b!]).hear('all')
    await h.settle()
    expect([told, elsewhere(), core.detoured]).toEqual([[`${a} all`], [b], 1])
  })

  test('goes with one of them that leaves, and with all when the game freezes', async () => {
    const [a, b, c] = begin()
    h.game.call([a!, b!, c!]).hear('first')
    h.game.call([b!]).hear('second')
    h.world.calling.postpone(b)
    expect(elsewhere()).toEqual([b, b])
    h.world.calling.postpone()
    expect(elsewhere()).toEqual([a, c])
    await h.settle()
    expect(told).toEqual([])
  })

  test('goes with the one that leaves, and runs on the others', async () => {
    const [a, b, c] = begin()
    h.game.call([a!, b!, c!]).hear('all')
    h.world.calling.postpone(b)
    await h.settle()
    expect([told, elsewhere()]).toEqual([[`${a} all`, `${c} all`], [b]])
  })
})

test('timers run named methods, in order, and end with their entity', async () => {
  const h = start([Walker])
  const walker = h.game.create(Walker)
  walker.after(50, walker.tick, 'late')
  walker.after(10, walker.tick, 'early')
  const beat = walker.every(20, walker.tick, 'beat')
  expect(() => walker.after(1, () => {})).toThrow('a timer needs a public method')
  expect(() => walker.after(Number.NaN, walker.tick, 'never')).toThrow('cannot wait')
  await h.clock.advance(65)
  expect(heard.filter((line) => line.startsWith('tick'))).toEqual([
    'tick early',
    'tick beat',
    'tick beat',
    'tick late',
    'tick beat',
  ])
  expect(walker.cancel(beat)).toBe(true)
  expect(walker.cancel(beat)).toBe(false)
  walker.every(20, walker.tick, 'again')
  walker.destroy()
  await h.clock.advance(100)
  expect(heard.filter((line) => line === 'tick again')).toEqual([])
  expect(h.world.timers.size).toBe(0)
})

class Saved extends entity({
  attrs: { hp: attr(1, 'persistent'), bag: map(value, 'persistent'), log: list(string, 'persistent'), temp: attr(0) },
}) {}

test('persistent entities are saved when made, at intervals when dirty, on destroy, and come back as they were', async () => {
  const h = start([Saved], { saveIntervalMs: 1000 })
  const saved = h.game.create(Saved, { hp: 3 })
  await h.clock.advance(1)
  expect((await h.storage.read('Saved', saved.id))?.data).toEqual({ hp: 3, bag: {}, log: [] })
  saved.attrs.hp = 5
  await h.clock.advance(998)
  expect((await h.storage.read('Saved', saved.id))?.data).toMatchObject({ hp: 3 })
  await h.clock.advance(2)
  expect((await h.storage.read('Saved', saved.id))?.data).toMatchObject({ hp: 5 })
  saved.attrs.hp = 3
  saved.attrs.bag.set('coin', { gold: 1 })
  saved.attrs.log.push('hello')
  saved.attrs.temp = 9
  await h.clock.advance(1001)
  expect((await h.storage.read('Saved', saved.id))?.data).toEqual({ hp: 3, bag: { coin: { gold: 1 } }, log: ['hello'] })
  saved.attrs.hp = 4
  h.take()
  saved.destroy()
  await h.clock.advance(1)
  // Nobody is told that it may be loaded before it is written.
  expect(h.take().map(({ name }) => name)).toEqual(['entityEnding', 'entityGone'])
  await h.world.loadHere('Saved', saved.id, 2)
  const back = h.game.entity(saved.id) as unknown as Saved
  expect(back).not.toBe(saved)
  expect(back.attrs.hp).toBe(4)
  expect(back.attrs.bag.map('coin').get('gold')).toBe(1)
  expect(h.take().map(({ name, values }) => [name, values['epoch']])).toEqual([['entityPlaced', 2]])
})

test('what cannot be loaded or created is said to its dispatcher, so that nobody waits for it', async () => {
  const h = start([Saved])
  await h.world.loadHere('Saved', 'nowhere000000001', 1)
  h.world.createHere('Unknown', 'nowhere000000002', 1, {})
  expect(h.take().map(({ name, values }) => [name, values['entityId']])).toEqual([
    ['entityGone', 'nowhere000000001'],
    ['entityGone', 'nowhere000000002'],
  ])
  expect(h.log.matching('error', 'cannot be loaded')).toHaveLength(1)
})

test('a gate that goes down takes its clients with it, and nobody else’s', () => {
  const h = start([Walker])
  const here = h.game.create(Walker)
  const there = h.game.create(Walker)
  h.world.views.bind(coreOf(here), client(1, 1))
  h.world.views.bind(coreOf(there), client(2, 2))
  h.take()
  heard.splice(0)
  h.world.players.gateDown(1, client(1).clientId)
  expect(heard).toEqual(['onClientDisconnected'])
  expect([here.hasClient, there.hasClient]).toEqual([false, true])
  here.client.told('nobody hears')
  expect(h.world.views.droppedCalls).toBe(1)
})

test('a destroyed space lets its entities go', async () => {
  const h = start([Walker, Room])
  const room = h.game.createSpace(Room, 1)
  const walker = h.game.create(Walker)
  await walker.enterSpace(room)
  room.destroy()
  expect(walker.space.isNil).toBe(true)
  expect(walker.isGone).toBe(false)
  await expect(walker.enterSpace(room)).rejects.toThrow('there is no space')
  h.game.nilSpace.destroy()
  expect(h.game.nilSpace.isGone).toBe(false)
})

test('services are found by their class, spaces and services stay out of spaces', async () => {
  class Mail extends service({}) {
    send(text: string) {
      heard.push(`mail ${text}`)
    }
  }
  const h = start([Mail, Room])
  await h.world.loadHere('Mail', h.world.services.only(Mail), 1)
  h.game.service(Mail).send('hi')
  await h.settle()
  expect(heard).toContain('mail hi')
  expect(h.world.services.only(Mail)).toHaveLength(16)
})

test('a constructor is not for authors', () => {
  start([Walker])
  expect(() => new Walker()).toThrow('made with create()')
})
