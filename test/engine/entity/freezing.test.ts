// A game taken down as data and brought back in another world: from then on both say the same, message for message.
import { deserialize } from 'node:v8'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  attr,
  type EntityClass,
  entity,
  integer,
  list,
  map,
  service,
  space,
  value,
} from '../../../components/game/goworld.ts'
import { nilSpaceId, serviceId } from '../../../engine/base/id.ts'
import { type Client, coreOf, type EntityCore } from '../../../engine/entity/core.ts'
import type { Entity } from '../../../engine/entity/entity.ts'
import { freezeWorld } from '../../../engine/entity/freezing.ts'
import { restoreWorld } from '../../../engine/entity/restoring.ts'
import type { SavedEntity } from '../../../engine/entity/saved-entity.ts'
import type { Space } from '../../../engine/entity/space.ts'
import { decode, encode } from '../../../engine/wire/codec.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { writeRecord } from '../../../engine/wire/sync.ts'
import { clientMessage } from './client-message.ts'
import { client, Harness, type Said } from './harness.ts'

class Lobby extends space({ attrs: { visits: attr(0), doors: map(integer) }, kept: ['guests'] }) {
  guests = new Set<string>()
}
class Field extends space({ attrs: { weather: attr('dry', 'allClients') } }) {}
class Avatar extends entity({
  aoi: 20,
  attrs: {
    hp: attr(100, 'allClients'),
    gold: attr(0, 'client'),
    bag: map(value, 'allClients'),
    steps: list(integer, 'client'),
  },
  client: { told(_what: string) {} },
  kept: ['heard'],
}) {
  heard: string[] = []
  override onEnteredAoi(other: Entity) {
    this.heard.push(`+${other.id}`)
  }
  override onLeftAoi(other: Entity) {
    this.heard.push(`-${other.id}`)
  }
  beat(by: number) {
    this.attrs.hp -= by
    this.client.told(`hp ${this.attrs.hp}`)
  }
}
/** Is not seen and sees nobody. */
class Ghost extends entity({ attrs: { mood: attr(0, 'client') } }) {}
/** Is seen and sees nobody. */
class Stone extends entity({ aoi: 0, attrs: { moss: attr(0, 'allClients') } }) {}
class Mail extends service({ attrs: { sent: attr(0) }, kept: ['queue'] }) {
  queue = new Map<string, number>()
}
const TYPES: readonly EntityClass[] = [Lobby, Field, Avatar, Ghost, Stone, Mail]

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
})
interface Options {
  readonly aoiHysteresis?: number
  readonly gameId?: number
  readonly types?: readonly EntityClass[]
  readonly nilSpace?: EntityClass
}
function start(options: Options & { starts?: boolean } = {}): Harness {
  const harness = new Harness(options.types ?? TYPES, { nilSpace: Lobby, ...options })
  open.push(harness)
  return harness
}
/** Every message of the turn is said first, as the freezer sees to it. */
function frozen(h: Harness): Uint8Array[] {
  h.world.flushAttrs()
  h.world.movement.flush()
  // That nothing has moved since is said as well.
  h.world.movement.flush()
  h.take()
  return freezeWorld(h.world).map((chunk) => chunk.slice())
}
function restored(chunks: readonly Uint8Array[], options: Options = {}): Harness {
  const h = start({ ...options, starts: false })
  h.world.standStill()
  restoreWorld(h.world, chunks)
  h.world.goOn()
  return h
}

const idOf = (name: string | number) => `${name}`.padEnd(16, '.')
const find = (h: Harness, name: string | number): EntityCore | undefined => h.world.find(idOf(name))
const avatar = (h: Harness, name: string | number) => find(h, name)?.entity as unknown as Avatar

function make(
  h: Harness,
  type: EntityClass,
  name: string | number,
  birth: { client?: Client; spaceKind?: number } = {},
) {
  return h.world.create(h.world.kindOf(type), {}, { id: idOf(name), ...birth })
}
function enter(h: Harness, name: string | number, room: string, x: number, z: number): void {
  void h.world.enterSpace(find(h, name)!, idOf(room), { x, y: 0, z }).catch(() => {})
}

/** What a gate would make of it: the bodies are read, and those of one message to several clients are in any order. */
function readable(said: readonly Said[]): unknown[] {
  const types: Partial<Record<string, number>> = {
    bindPlayer: 1002,
    showEntity: 1002,
    unbindPlayer: 1003,
    hideEntity: 1003,
    callClient: 1009,
    callAllClients: 1009,
  }
  return said.map(({ name, values: { body, ...values } }) => {
    const type = types[name] ?? (name === 'changeAttr' ? (values['type'] as number) : 0)
    const ids = values['clientIds'] as string[] | undefined
    return {
      name,
      ...values,
      ...(ids && { clientIds: [...ids].sort() }),
      ...(body !== undefined && { body: type ? clientMessage(type, body as Uint8Array) : body }),
    }
  })
}
/** All of what both are made to do is said by both, in the same words. */
async function expectSame(worlds: readonly [Harness, Harness], act: (h: Harness) => unknown): Promise<unknown[]> {
  const said: unknown[][] = []
  for (const h of worlds) {
    h.take()
    act(h)
    await h.settle()
    h.world.movement.flush()
    said.push(readable(h.take()))
  }
  expect(said[1]).toEqual(said[0])
  return said[0]!.filter((one) => !isStill(one))
}

/** That this was all that has moved. */
const isStill = (said: unknown) => (said as Said).name === 'positionsFlushed'

/** A field where five stand in a row, 15 apart, each of the first three with a client, on two gates. */
function populate(h: Harness): void {
  make(h, Field, 'field', { spaceKind: 3 })
  for (let n = 0; n < 5; n++) {
    make(h, Avatar, n, n < 3 ? { client: client(n, 1 + (n % 2)) } : {})
    enter(h, n, 'field', n * 15, 0)
  }
  make(h, Ghost, 'ghost', { client: client(9, 2) })
  enter(h, 'ghost', 'field', 0, 0)
  make(h, Stone, 'stone')
  enter(h, 'stone', 'field', 5, 5)
}

describe('a world that was frozen', () => {
  test('has every entity again, in its place, with its client, and has said nothing of it', async () => {
    const h = start()
    populate(h)
    await h.settle()
    const there = restored(frozen(h))
    expect(there.take()).toEqual([])
    await there.settle()
    expect(there.take()).toEqual([])
    expect(there.world.size).toBe(h.world.size)
    for (const core of h.world.all()) {
      const twin = there.world.find(core.id)!
      expect([twin.kind.name, twin.epoch, twin.x, twin.z, twin.client, twin.space?.id]).toEqual([
        core.kind.name,
        core.epoch,
        core.x,
        core.z,
        core.client,
        core.space?.id,
      ])
      const watchers = ({ watchers }: EntityCore) => [1, 2].map((gateId) => watchers[gateId] ?? 0)
      expect([core.id, watchers(twin)]).toEqual([core.id, watchers(core)])
      const seen = ({ entity: one }: EntityCore) =>
        one
          .seen()
          .map(({ id }) => id)
          .sort()
      expect([core.id, seen(twin)]).toEqual([core.id, seen(core)])
    }
    expect((there.world.find(idOf('field'))!.entity as Space).entities.size).toBe(7)
    expect((there.world.find(idOf('field'))!.entity as Space).kind).toBe(3)
    expect(avatar(there, 1).heard).toEqual(avatar(h, 1).heard)
  })

  test('says of moves, changes, comings and goings what it would have said', async () => {
    const h = start()
    populate(h)
    await h.settle()
    const worlds = [h, restored(frozen(h))] as const
    const names: unknown[][] = []
    for (const act of [
      // Out of sight of one and into that of another.
      (one: Harness) => (avatar(one, 0).position = { x: 30, y: 0, z: 1 }),
      (one: Harness) => (avatar(one, 3).attrs.hp = 5),
      (one: Harness) => (avatar(one, 1).attrs.gold = 7),
      (one: Harness) => avatar(one, 2).attrs.bag.set('sword', { edge: [1, 2] } as never),
      (one: Harness) => avatar(one, 1).client.told('hello'),
      (one: Harness) => avatar(one, 3).allClients.told('all'),
      (one: Harness) => ((find(one, 'field')!.entity as unknown as Field).attrs.weather = 'rain'),
      (one: Harness) => ((find(one, 'stone')!.entity as unknown as Stone).attrs.moss = 1),
      (one: Harness) => ((find(one, 'ghost')!.entity as unknown as Ghost).attrs.mood = 1),
      (one: Harness) => (avatar(one, 2).aoi = 40),
      (one: Harness) => make(one, Avatar, 'late', { client: client(5, 2) }),
      (one: Harness) => enter(one, 'late', 'field', 14, 0),
      (one: Harness) => enter(one, 1, nilSpaceId(1), 0, 0),
      (one: Harness) => avatar(one, 2).giveClientTo(avatar(one, 4)),
      (one: Harness) => one.world.players.clientGone(find(one, 4)!, client(2, 1).clientId),
      (one: Harness) => find(one, 0)!.entity.destroy(),
      (one: Harness) => one.world.players.gateDown(2, client(1).clientId),
      (one: Harness) => find(one, 'field')!.entity.destroy(),
    ])
      names.push(await expectSame(worlds, act))
    // Each of them was worth a message, but for the loss of a client and of a gate: nobody is there to hear of it.
    expect(names.flatMap((said, at) => (said.length > 0 ? [] : [at]))).toEqual([14, 16])
    for (const name of [0, 1, 2, 3, 4, 'late'])
      expect([name, avatar(worlds[1], name)?.heard]).toEqual([name, avatar(h, name)?.heard])
  })

  test('says that nothing moves any more, when it had not said so yet', () => {
    const h = start()
    populate(h)
    h.world.movement.flush()
    const there = restored(freezeWorld(h.world).map((chunk) => chunk.slice()))
    there.world.movement.flush()
    expect(readable(there.take()).map(isStill)).toEqual([true, true])
    there.world.movement.flush()
    expect(there.take()).toEqual([])
  })

  test('takes positions from clients as before', async () => {
    const h = start()
    populate(h)
    avatar(h, 0).setClientSyncing(true)
    h.world.movement.heard({ entityId: idOf(0), ...avatar(h, 0).position })
    const worlds = [h, restored(frozen(h))] as const
    for (const name of [0, 1]) {
      const said = await expectSame(worlds, (one) => {
        const writer = new PacketWriter()
        writeRecord(writer, idOf(name), 3, 0, 0, 1)
        one.world.movement.fromClients(writer.bytes, 0, writer.at)
      })
      expect([name, said.length > 0]).toEqual([name, name === 0])
    }
    expect(worlds[1].world.movement.refused).toBe(1)
  })

  test('remembers who sees whom only because it did before', async () => {
    const options = { aoiHysteresis: 10 }
    const h = start(options)
    make(h, Field, 'field', { spaceKind: 1 })
    make(h, Avatar, 'a', { client: client(1) })
    make(h, Avatar, 'b', { client: client(2, 2) })
    make(h, Avatar, 'c', { client: client(3) })
    enter(h, 'a', 'field', 0, 0)
    enter(h, 'b', 'field', 10, 0)
    // Too far to be noticed by `a`, and never nearer.
    enter(h, 'c', 'field', -25, 0)
    avatar(h, 'b').position = { x: 25, y: 0, z: 0 }
    const there = restored(frozen(h), options)
    for (const one of [h, there]) {
      const sees = (watcher: string, subject: string) => avatar(one, watcher).sees(avatar(one, subject))
      expect([sees('a', 'b'), sees('b', 'a'), sees('a', 'c'), sees('c', 'a')]).toEqual([true, true, false, false])
    }
    const worlds = [h, there] as const
    expect(await expectSame(worlds, (one) => (avatar(one, 'b').attrs.hp = 1))).toHaveLength(2)
    expect((await expectSame(worlds, (one) => (avatar(one, 'b').position = { x: 31, y: 0, z: 0 }))).length).toBe(3)
    await expectSame(worlds, (one) => (avatar(one, 'b').position = { x: 25, y: 0, z: 0 }))
    expect(avatar(there, 'a').sees(avatar(there, 'b'))).toBe(false)
  })

  test('has its nil space as it was, and only one', () => {
    const h = start()
    const lobby = h.game.nilSpace as Lobby
    lobby.attrs.visits = 3
    lobby.attrs.doors.set('north', 1)
    lobby.guests.add('ann')
    make(h, Avatar, 'out')
    const there = restored(frozen(h))
    const again = there.game.nilSpace as Lobby
    expect([again.id, again.isNil, again.kind]).toEqual([nilSpaceId(1), true, 0])
    expect([again.attrs.visits, again.attrs.doors.toPlain(), [...again.guests]]).toEqual([3, { north: 1 }, ['ann']])
    expect(avatar(there, 'out').space).toBe(again)
    expect(there.world.size).toBe(2)
  })

  test('without a class for its nil space has a plain one', () => {
    const h = start({ nilSpace: undefined as never })
    const there = restored(frozen(h), { nilSpace: undefined as never })
    expect([there.game.nilSpace.isNil, there.game.nilSpace.id]).toEqual([true, nilSpaceId(1)])
  })

  test('has its services, and its copy of the registry', async () => {
    const h = start()
    await h.world.loadHere('Mail', serviceId('Mail'), 50)
    const [mail] = h.game.entitiesOf(Mail)
    mail!.attrs.sent = 4
    mail!.queue.set('ann', 2)
    h.world.registry.registered('boss', { value: 'orc', version: 1 })
    h.world.registry.registered('service/Mail#0', { value: '1/50', version: 1 })
    const there = restored(frozen(h))
    const [again] = there.game.entitiesOf(Mail)
    expect([again!.attrs.sent, again!.queue, coreOf(again as never).epoch]).toEqual([4, new Map([['ann', 2]]), 50])
    expect([...there.game.registry.entries()]).toEqual([
      ['boss', 'orc'],
      ['service/Mail#0', '1/50'],
    ])
    there.world.services.place()
    expect(there.take()).toEqual([])
  })

  test('goes on with its timers, the time between counted in', async () => {
    const h = start()
    make(h, Avatar, 'a', { client: client(1) })
    avatar(h, 'a').every(100, avatar(h, 'a').beat, 3)
    await h.clock.advance(130)
    const chunks = frozen(h)
    const there = start({ starts: false })
    await there.clock.advance(180)
    restoreWorld(there.world, chunks)
    // 70 ms were left, of which 50 have passed.
    await there.clock.advance(19)
    expect(avatar(there, 'a').attrs.hp).toBe(97)
    await there.clock.advance(1)
    expect(avatar(there, 'a').attrs.hp).toBe(94)
    there.world.standStill()
    await there.clock.advance(350)
    expect(avatar(there, 'a').attrs.hp).toBe(94)
    there.world.goOn()
    await there.clock.advance(0)
    expect(avatar(there, 'a').attrs.hp).toBe(91)
  })

  test('is not changed by it: it may go on, or be frozen again', async () => {
    const h = start()
    populate(h)
    await h.settle()
    const chunks = frozen(h)
    expect(frozen(h)).toEqual(chunks)
    expect(h.take()).toEqual([])
    const again = restored(frozen(restored(chunks)))
    await expectSame([h, again], (one) => (avatar(one, 0).position = { x: 30, y: 0, z: 1 }))
    await expectSame([h, again], (one) => find(one, 1)!.entity.destroy())
  })

  test('comes to the same data once it is back', async () => {
    const h = start({ aoiHysteresis: 10 })
    populate(h)
    avatar(h, 4).position = { x: 70, y: 0, z: 0 }
    await h.settle()
    const chunks = frozen(h)
    const data = (all: readonly Uint8Array[]) => {
      const [header, ...entities] = all.map((chunk) => decode(chunk)) as [Record<string, unknown>, ...SavedEntity[]]
      for (const { parts } of entities as { parts: Record<string, unknown> }[]) {
        // The same text may be two different clones.
        const kept = parts['kept'] as { cloned: Uint8Array } | undefined
        if (kept) parts['kept'] = deserialize(kept.cloned)
      }
      return [header['spaces'], header['registry'], entities.sort((a, b) => (a.id < b.id ? -1 : 1))]
    }
    expect(data(frozen(restored(chunks, { aoiHysteresis: 10 })))).toEqual(data(chunks))
  })
})

describe('a frozen game is refused', () => {
  const refused = (chunks: readonly Uint8Array[], options: Options = {}) => expect(() => restored(chunks, options))

  test('by a game of another number', () => {
    const h = start()
    refused(frozen(h), { gameId: 2 }).toThrow('it is of game 1, not of game 2')
  })

  test('by one that does not have a class, which is named', () => {
    const h = start()
    make(h, Ghost, 'ghost')
    refused(frozen(h), { types: [Lobby, Field, Avatar] }).toThrow('this game has no class Ghost')
  })

  test('when an entity was in a space that is not there', () => {
    const h = start()
    populate(h)
    const chunks = frozen(h).filter((chunk) => (decode(chunk) as unknown as SavedEntity).id !== idOf('field'))
    refused(chunks).toThrow(/^Avatar<0\.+> was in the space field\.+, which is not there$/)
  })

  test('when an entity is there twice', () => {
    const h = start()
    make(h, Avatar, 'a')
    const chunks = frozen(h)
    refused([...chunks, chunks.at(-1)!]).toThrow(`Avatar<${idOf('a')}> is there already`)
  })

  test('when an entity has a part of an engine that is newer', () => {
    const h = start()
    make(h, Avatar, 'a')
    const chunks = frozen(h)
    const saved = decode(chunks.pop()!) as unknown as SavedEntity
    chunks.push(encode({ ...saved, parts: { ...saved.parts, wings: 2 } }))
    refused(chunks).toThrow(`Avatar<${idOf('a')}> was saved with a part 'wings'`)
  })
})

test('what cannot be frozen is named, and the game goes on', async () => {
  class Odd extends entity({ kept: ['odd'] }) {
    odd: unknown = 1
  }
  const h = start({ types: [...TYPES, Odd] })
  populate(h)
  make(h, Odd, 'odd')
  ;(find(h, 'odd')!.entity as unknown as Odd).odd = () => {}
  await h.settle()
  expect(() => frozen(h)).toThrow(`Odd<${idOf('odd')}>: its kept cannot be saved: `)
  avatar(h, 0).attrs.hp = 1
  await h.settle()
  expect(h.take().map(({ name }) => name)).toEqual(['changeAttr', 'changeAttr'])
})

describe('whatever happens in a world', () => {
  type Step =
    | readonly ['make', who: number, gateId: number]
    | readonly ['enter', who: number, room: number, x: number, z: number]
    | readonly ['move', who: number, x: number, z: number]
    | readonly ['aoi' | 'hp' | 'gold' | 'bag' | 'steps', who: number, n: number]
    | readonly ['connect' | 'give', who: number, to: number]
    | readonly ['leave' | 'lose' | 'destroy', who: number]

  const WHO = 8
  const who = fc.nat(WHO - 1)
  const where = fc.integer({ min: -30, max: 30 })
  const oneOf = <const N extends string>(...names: N[]) => fc.constantFrom(...names)
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.tuple(oneOf('make'), who, fc.nat(2)) },
    { weight: 3, arbitrary: fc.tuple(oneOf('enter'), who, fc.nat(1), where, where) },
    { weight: 6, arbitrary: fc.tuple(oneOf('move'), who, where, where) },
    { weight: 4, arbitrary: fc.tuple(oneOf('aoi', 'hp', 'gold', 'bag', 'steps'), who, fc.nat(30)) },
    { weight: 2, arbitrary: fc.tuple(oneOf('connect', 'give'), who, who) },
    { weight: 1, arbitrary: fc.tuple(oneOf('leave', 'lose', 'destroy'), who) },
  ) as fc.Arbitrary<Step>

  const ROOMS = ['here', 'there']

  function act(
    h: Harness,
    [what, name, a = 0, b = 0, c = 0]: readonly [string, number, number?, number?, number?],
  ): void {
    const core = find(h, name)
    if (what === 'make') {
      if (!core) make(h, name % 4 === 3 ? Stone : Avatar, name, a > 0 ? { client: client(name, a) } : {})
      return
    }
    if (!core) return
    const one = core.entity as unknown as Avatar
    const isAvatar = core.kind.name === 'Avatar'
    if (what === 'enter') enter(h, name, ROOMS[a]!, b, c)
    else if (what === 'move') one.position = { x: a, y: 0, z: b }
    else if (what === 'leave') enter(h, name, nilSpaceId(1), 0, 0)
    else if (what === 'destroy') one.destroy()
    else if (what === 'lose' && core.client) h.world.players.clientGone(core, core.client.clientId)
    else if (what === 'give' && find(h, a)) one.giveClientTo(find(h, a)!.entity)
    else if (what === 'connect' && !core.client) h.world.views.bind(core, client(name, 1 + (a % 2)))
    else if (!isAvatar) return
    else if (what === 'aoi') one.aoi = a
    else if (what === 'hp') one.attrs.hp = a
    else if (what === 'gold') one.attrs.gold = a
    else if (what === 'bag') one.attrs.bag.set(`k${a % 3}`, { n: a } as never)
    else if (what === 'steps') one.attrs.steps.push(a)
  }

  /** Who comes into or goes out of sight at one and the same moment is told of in any order. */
  const unordered = (said: unknown[]) => said.map((one) => JSON.stringify(one)).sort()

  test('after a freeze and a restore it says the same as without', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(step, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(0, 8),
        async (before, after, aoiHysteresis) => {
          const h = start({ aoiHysteresis })
          for (const [at, room] of ROOMS.entries()) make(h, Field, room, { spaceKind: at + 1 })
          for (const one of before) act(h, one)
          const twin = restored(frozen(h), { aoiHysteresis })
          expect(twin.take()).toEqual([])
          for (const one of after) {
            const said = [h, twin].map((world) => {
              act(world, one)
              world.world.flushAttrs()
              world.world.movement.flush()
              return unordered(readable(world.take()))
            })
            expect(said[1]).toEqual(said[0])
          }
          // And of each alone, whether anybody sees it or plays it.
          for (let name = 0; name < WHO; name++) {
            const heard = [h, twin].map((world) => avatar(world, name)?.heard?.slice().sort())
            expect(heard[1]).toEqual(heard[0])
          }
          for (const one of open) one.stop()
          open = []
        },
      ),
      { numRuns: 400 },
    )
  })
})
