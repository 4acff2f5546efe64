// The parts of an entity, there and back: saved to plain data, over the wire's bytes, into another world.
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  attr,
  type EntityClass,
  entity,
  integer,
  list,
  map,
  optional,
  record,
  service,
  space,
  value,
} from '../../../components/game/goworld.ts'
import { serviceId } from '../../../engine/base/id.ts'
import { Attrs } from '../../../engine/entity/attrs.ts'
import { coreOf, type EntityCore } from '../../../engine/entity/core.ts'
import type { Entity } from '../../../engine/entity/entity.ts'
import { type SavedEntity, saveEntity } from '../../../engine/entity/saved-entity.ts'
import { decode, encode } from '../../../engine/wire/codec.ts'
import { client, Harness } from './harness.ts'

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
})
function start(types: readonly EntityClass[]): Harness {
  const harness = new Harness(types)
  open.push(harness)
  return harness
}
const coreFor = (one: unknown): EntityCore => coreOf(one as Entity)

/** As it goes over the wire, or into a file. */
const carried = (core: EntityCore): SavedEntity => decode(encode(saveEntity(core))) as unknown as SavedEntity

/** The entity in another world, maybe of newer code. */
function revived<T>(saved: SavedEntity, types: readonly EntityClass[], elapsedMs = 0) {
  const h = start(types)
  h.take()
  const core = h.world.revive(saved, saved.epoch + 1, elapsedMs)
  return { h, core, entity: core.entity as unknown as T }
}

class Plain extends entity({}) {}
class Room extends space({ attrs: { name: attr('') } }) {}

describe('attributes', () => {
  class Hero extends entity({
    attrs: {
      n: attr(0, 'allClients', 'persistent'),
      text: attr('', 'client'),
      flag: attr(false),
      nothing: attr(null as unknown),
      wide: attr(0n as number | bigint),
      blob: attr(new Uint8Array(0)),
      tree: attr({} as unknown),
      maybe: optional(integer, 'persistent'),
      bag: map(value, 'allClients', 'persistent'),
      log: list(list(integer), 'client'),
      nick: record({ first: attr('nobody'), deep: record({ rank: attr(1), runes: list(integer) }) }),
    },
  }) {}

  test('of every kind come back as they were', () => {
    const h = start([Hero])
    const hero = h.game.create(Hero)
    const { attrs } = hero
    Object.assign(attrs, { n: -1.5, text: 'žluť 🐎', flag: true, wide: 2n ** 63n - 1n })
    attrs.blob = new Uint8Array([0, 255, 7])
    attrs.tree = { a: [1, { b: null }], c: new Uint8Array([1]) }
    attrs.maybe = 3
    attrs.bag.assign({ one: 1, '': 2, list: [1, [2]] as never, map: { x: { y: 'z' } } as never })
    attrs.log.push([1, 2], [])
    attrs.nick.first = 'ann'
    attrs.nick.deep.runes.push(7, 8)
    const { entity: there } = revived<Hero>(carried(coreOf(hero)), [Hero])
    expect(Attrs.plain(coreOf(there).attrs)).toEqual(Attrs.plain(coreOf(hero).attrs))
    expect(there.attrs.bag.get('')).toBe(2)
    // And are what they were: to be written to, with their paths.
    there.attrs.bag.map('map').map('x').set('y', 'w')
    there.attrs.nick.deep.runes.push(9)
    expect([there.attrs.bag.toPlain()['map'], there.attrs.nick.deep.runes.toPlain()]).toEqual([
      { x: { y: 'w' } },
      [7, 8, 9],
    ])
  })

  test('that were unset stay so, whatever they begin with', () => {
    class Begun extends entity({ attrs: { a: attr(5), gone: optional(integer), bag: map(integer) } }) {}
    const h = start([Begun])
    const begun = h.game.create(Begun, { bag: { a: 1 } })
    begun.attrs.gone = 4
    begun.attrs.gone = undefined
    begun.attrs.bag.clear()
    const { entity: there } = revived<Begun>(carried(coreOf(begun)), [Begun])
    expect([there.attrs.a, there.attrs.gone, there.attrs.bag.toPlain()]).toEqual([5, undefined, {}])
  })

  test('that no save had, and the class does not have any more, are left out, which is said once for each', () => {
    const older = () => {
      class Pet extends entity({ attrs: { name: attr(''), mood: attr(1), wool: attr(2) } }) {}
      return Pet
    }
    class Pet extends entity({ attrs: { name: attr('?'), age: attr(7), toys: list(integer) } }) {}
    const Old = older()
    const h = start([Old])
    const saved = [h.game.create(Old, { name: 'rex' }), h.game.create(Old, { name: 'tom' })].map((pet) =>
      carried(coreOf(pet)),
    )
    const there = start([Pet])
    const pets = saved.map((one) => there.world.revive(one, 2, 0).entity as unknown as InstanceType<typeof Pet>)
    expect(pets.map(({ attrs }) => [attrs.name, attrs.age, attrs.toys.length])).toEqual([
      ['rex', 7, 0],
      ['tom', 7, 0],
    ])
    expect(there.log.matching('warn', 'is no attribute any more')).toEqual([
      'Pet.mood was saved, but is no attribute any more: it is left out',
      'Pet.wool was saved, but is no attribute any more: it is left out',
    ])
  })

  test('that have another form by now begin with their defaults, which is said once for each', () => {
    const older = () => {
      class Pet extends entity({ attrs: { toys: attr('many'), age: attr(5), home: map(integer), hp: attr(3) } }) {}
      return Pet
    }
    class Pet extends entity({ attrs: { toys: list(integer), age: attr('old'), home: attr(1), hp: attr(9) } }) {}
    const Old = older()
    const h = start([Old])
    const saved = [1, 2].map(() => carried(coreFor(h.game.create(Old, { home: { x: 1 } }))))
    const there = start([Pet])
    for (const one of saved) {
      const { attrs } = there.world.revive(one, 2, 0)
      expect(Attrs.plain(attrs)).toEqual({ toys: [], age: 'old', home: 1, hp: 3 })
    }
    expect(there.log.matching('warn', 'Pet.toys was saved as string, and is another by now')).toHaveLength(1)
    expect(there.log.matching('warn', 'was saved as')).toHaveLength(3)
  })

  test('that cannot be filled in refuse the entity by their name, and leave nothing of it behind', () => {
    class Pet extends entity({ attrs: { toys: list(integer) } }) {}
    const saved = carried(coreFor(start([Pet]).game.create(Pet, { toys: [1] })))
    const broken = { ...saved, parts: { ...saved.parts, transient: { toys: ['ball'] } } }
    const there = start([Pet])
    expect(() => there.world.revive(broken, 2, 0)).toThrow('attribute toys: ')
    expect([there.world.find(saved.id), there.world.size, there.world.timers.size]).toEqual([undefined, 1, 0])
  })

  test('what onInit does to them counts only for those that were not saved, and no client hears of it', async () => {
    class Early extends entity({
      attrs: { a: attr(1, 'allClients'), bag: map(integer, 'allClients'), fresh: attr(0, 'allClients') },
    }) {
      override onInit() {
        this.attrs.a = 5
        this.attrs.fresh = 6
        this.attrs.bag.set('made', 1)
      }
    }
    const h = start([Early])
    const early = h.game.create(Early)
    early.attrs.a = 9
    early.attrs.bag.delete('made')
    const saved = carried(coreOf(early))
    delete (saved.parts['transient'] as Record<string, unknown>)['fresh']
    const { h: after, core, entity: there } = revived<Early>(saved, [Early])
    core.client = client(1)
    await after.settle()
    expect([there.attrs.a, there.attrs.bag.toPlain(), there.attrs.fresh]).toEqual([9, {}, 6])
    expect(after.take()).toEqual([])
  })
})

describe('kept fields', () => {
  class Keeper extends entity({ kept: ['map', 'set', 'when', 'deep', 'n', 'none', 'many'] }) {
    map = new Map<unknown, unknown>()
    set = new Set<unknown>()
    when = new Date(0)
    deep: unknown = {}
    n: unknown = 0
    none: unknown = 'not yet'
    many: unknown = null
    lost = 'begins anew'
  }

  test('come back as structured clone copies them', () => {
    const h = start([Keeper])
    const keeper = h.game.create(Keeper)
    keeper.map.set('a', { b: [1, 2n] }).set(7, new Map([[new Date(5), null]]))
    keeper.set.add('x').add(Number.NaN)
    keeper.when = new Date(1_800_000_000_000)
    const loop: Record<string, unknown> = { bytes: new Uint8Array([1, 2]), pattern: /a+/g }
    loop['self'] = loop
    keeper.deep = loop
    keeper.n = -0
    keeper.none = undefined
    keeper.many = new Float64Array([1.5, 2])
    keeper.lost = 'something'
    const { entity: there } = revived<Keeper>(carried(coreOf(keeper)), [Keeper])
    expect([there.map, there.set, there.when, there.deep]).toEqual([keeper.map, keeper.set, keeper.when, keeper.deep])
    expect((there.deep as typeof loop)['self']).toBe(there.deep)
    expect([there.n, there.none, there.many, there.lost]).toEqual([-0, undefined, keeper.many, 'begins anew'])
    expect(there.map).not.toBe(keeper.map)
  })

  test('of simple values come back as exactly those', () => {
    class Simple extends entity({ kept: ['a', 'b'] }) {
      a: unknown = 1
      b: unknown = 2
    }
    const h = start([Simple])
    const simple = h.game.create(Simple)
    const bytewise = fc.oneof(
      fc.double(),
      fc.maxSafeInteger(),
      fc.constantFrom(2 ** 53, 2 ** 60, 2 ** 64, -(2 ** 63), 1e300, -1e300, Number.MAX_VALUE, Number.MIN_VALUE, -0),
      fc.string({ unit: 'grapheme' }),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
      fc.bigInt(),
    )
    const { world } = start([Simple])
    let epoch = 1
    fc.assert(
      fc.property(bytewise, bytewise, (a, b) => {
        Object.assign(simple, { a, b })
        const core = world.revive(carried(coreOf(simple)), ++epoch, 0)
        world.discard(core)
        expect([(core.entity as unknown as Simple).a, (core.entity as unknown as Simple).b]).toEqual([a, b])
      }),
    )
  })

  test('that the newer class does not keep are forgotten, and those that it keeps now begin as it says', () => {
    const saved = carried(coreFor(start([Keeper]).game.create(Keeper)))
    const newer = () => {
      class Keeper extends entity({ kept: ['map', 'fresh'] }) {
        map: unknown = 'none'
        set: unknown = 'fresh set'
        fresh = 'fresh'
      }
      return Keeper
    }
    const { entity: there } = revived<{ map: unknown; set: unknown; fresh: unknown }>(saved, [newer()])
    expect([there.map, there.set, there.fresh]).toEqual([new Map(), 'fresh set', 'fresh'])
  })

  test('that the newer class does not keep are named each once, but for those that had no value or are to be dropped', () => {
    class Party extends entity({ kept: ['parties', 'leader', 'nobody'] }) {
      parties = new Map([['one', 1]])
      leader = 'ann'
      nobody: unknown = undefined
    }
    const h = start([Party])
    const saved = [1, 2].map(() => carried(coreFor(h.game.create(Party))))
    const newer = (drops: readonly string[]) => {
      class Party extends entity({ kept: ['groups'], drops }) {
        groups = new Map()
      }
      return Party
    }
    const said = (what: string) => `Party.${what} was kept, but is not in \`kept\` any more`
    for (const [drops, left] of [
      [[], ['parties', 'leader']],
      [['parties'], ['leader']],
      [['leader', 'parties'], []],
    ] as const) {
      const there = start([newer(drops)])
      for (const one of saved) there.world.revive(one, 2, 0)
      expect(there.world.droppedParts.map(({ what }) => what)).toEqual(left.map(said))
      expect(there.log.matching('warn', '')).toEqual(left.map((name) => `${said(name)}: it is left out`))
    }
  })

  test.each([
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['one deep inside', { deep: [new Map([['a', () => {}]])] }],
  ])('that cannot be saved name the entity and the part: %s', (_, bad) => {
    const h = start([Keeper])
    const keeper = h.game.create(Keeper)
    keeper.deep = bad
    expect(() => saveEntity(coreOf(keeper))).toThrow(`${keeper}: its kept cannot be saved: `)
    keeper.deep = 'well'
    expect(() => saveEntity(coreOf(keeper))).not.toThrow()
  })

  test('are refused at start-up when they are private or the engine’s, and when they are neither all is well', () => {
    for (const [name, why] of [
      ['#secret', 'is private: nobody else can read it'],
      ['attrs', 'belongs to the engine'],
      ['destroy', 'belongs to the engine'],
      ['onCreated', 'belongs to the engine'],
      ['constructor', 'belongs to the engine'],
    ] as const) {
      class Wrong extends entity({ kept: ['fine', name] }) {}
      expect(() => start([Wrong])).toThrow(`Wrong: kept: ${name} ${why}`)
      class WrongService extends service({ kept: [name] }) {}
      expect(() => start([WrongService])).toThrow(`WrongService: kept: ${name} ${why}`)
    }
    class Placed extends entity({ kept: ['position'] }) {}
    expect(() => start([Placed])).toThrow('Placed: kept: position belongs to the engine')
    class Derived extends entity({ kept: ['sum'] }) {
      get sum() {
        return 1
      }
    }
    expect(() => start([Derived])).toThrow('Derived: kept: sum cannot be set')
    // What is a space's own is free for others.
    class Right extends entity({ kept: ['target', '_hidden', 'kind'] }) {
      target = 1
      _hidden = 2
      kind = 'oak'
    }
    expect(() => saveEntity(coreOf(start([Right]).game.create(Right)))).not.toThrow()
  })

  test('that the class does not have, or that would come back as something else, are named', () => {
    class Typo extends entity({ kept: ['bats'] }) {
      beats = 0
    }
    const typo = start([Typo])
    expect(() => typo.game.create(Typo)).toThrow('Typo: kept: there is no field bats')
    class Friend extends entity({ kept: ['friend'] }) {
      friend: unknown = undefined
    }
    class Sword {
      swing() {}
    }
    const h = start([Friend])
    const ann = h.game.create(Friend)
    for (const [kept, why] of [
      [ann, 'friend is an entity: keep its id'],
      [new Map([['x', [ann]]]), 'friend is an entity: keep its id'],
      [{ sword: new Sword() }, 'friend has an instance of Sword'],
    ] as const) {
      ann.friend = kept
      expect(() => saveEntity(coreOf(ann))).toThrow(`${ann}: its kept cannot be saved: ${why}`)
    }
    const loop: Record<string, unknown> = {}
    loop['self'] = new Set([loop])
    ann.friend = loop
    expect(() => saveEntity(coreOf(ann))).not.toThrow()
  })
})

describe('the place', () => {
  class Seer extends entity({ aoi: 10 }) {}

  test('is where it was, how it was turned, and how far it saw', () => {
    const h = start([Seer])
    const seer = h.game.create(Seer)
    seer.position = { x: 1.25, y: -1e9, z: 3 }
    seer.yaw = 0.1
    seer.aoi = 25.5
    const { core } = revived(carried(coreOf(seer)), [Seer])
    expect(core).toMatchObject({ x: 1.25, y: -1e9, z: 3, yaw: 0.1, aoiRadius: 25.5, aoiSlot: -1 })
  })

  test('sees as far as its class says now, when it had no part in AOI, and not at all when it has none any more', () => {
    const blind = () => {
      class Seer extends entity({}) {}
      return Seer
    }
    const Blind = blind()
    const was = carried(coreFor(start([Seer]).game.create(Seer)))
    expect(revived(was, [Blind]).core.aoiRadius).toBe(-1)
    const wasBlind = carried(coreFor(start([Blind]).game.create(Blind)))
    expect(revived(wasBlind, [Seer]).core.aoiRadius).toBe(10)
  })
})

describe('what its client has of it', () => {
  class Player extends entity({}) {
    override onInit() {
      this.setClientSyncing(true)
      this.setClientFilter('level', 1)
    }
  }

  test('filter properties come back, in order, and none that was cleared', () => {
    const h = start([Plain, Player])
    const [plain, player] = [h.game.create(Plain), h.game.create(Player)]
    plain.setClientFilter('level', 3)
    plain.setClientFilter('', 'empty')
    plain.setClientFilter('level', 4)
    player.clearClientFilters()
    expect([...revived(carried(coreOf(plain)), [Plain]).core.filters!]).toEqual([
      ['level', '4'],
      ['', 'empty'],
    ])
    expect(revived(carried(coreOf(player)), [Player]).core.filters).toBeUndefined()
    expect(saveEntity(coreOf(player)).parts['filters']).toBeUndefined()
  })

  test('whether its client moves it comes back, on or off', () => {
    const h = start([Plain, Player])
    const [plain, player] = [h.game.create(Plain), h.game.create(Player)]
    plain.setClientSyncing(true)
    player.setClientSyncing(false)
    expect(revived(carried(coreOf(plain)), [Plain]).core.clientSyncing).toBe(true)
    expect(revived(carried(coreOf(player)), [Player]).core.clientSyncing).toBe(false)
  })

  test('the client itself is named, and bound by whoever revives it', () => {
    const h = start([Plain])
    const plain = h.game.create(Plain)
    h.world.views.bind(coreOf(plain), client(3, 2))
    const saved = carried(coreOf(plain))
    expect(saved.client).toEqual({ gateId: 2, clientId: client(3).clientId, handed: 0 })
    const { core, h: after } = revived(saved, [Plain])
    expect([core.client, after.take()]).toEqual([undefined, []])
  })
})

describe('timers', () => {
  class Clock extends entity({ kept: ['heard'] }) {
    heard: unknown[] = []
    ring(...args: unknown[]) {
      this.heard.push(args)
    }
    tick() {
      this.heard.push('tick')
    }
  }

  test('go on where they were, with their arguments', async () => {
    const h = start([Clock])
    const clock = h.game.create(Clock)
    const args = [1n, new Map([['a', [new Date(3)]]]), undefined, { x: 1 }]
    clock.after(100, clock.ring, ...args)
    clock.every(40, clock.ring, 'beat', 7)
    const stale = clock.after(1, clock.ring)
    clock.cancel(stale)
    await h.clock.advance(50)
    const { h: after, entity: there } = revived<Clock>(carried(coreOf(clock)), [Clock], 10)
    expect(there.heard).toEqual([['beat', 7]])
    await after.clock.advance(40)
    expect(there.heard).toEqual([['beat', 7], ['beat', 7], args])
    expect(there.cancel(stale)).toBe(false)
    expect(there.after(10, there.ring)).toBe(4)
    expect(there.cancel(stale)).toBe(false)
  })

  test('that onInit sets are not there twice', async () => {
    class Ticker extends entity({}) {
      heard = 0
      override onInit() {
        this.every(100, this.tick)
      }
      tick() {
        this.heard++
      }
    }
    const h = start([Ticker])
    const ticker = h.game.create(Ticker)
    await h.clock.advance(50)
    const { h: after, entity: there } = revived<Ticker>(carried(coreOf(ticker)), [Ticker])
    expect(after.world.timers.size).toBe(1)
    await after.clock.advance(249)
    expect(there.heard).toBe(2)
    // Nor are they there again once they were ended.
    ticker.cancel(1)
    const quiet = revived<Ticker>(carried(coreOf(ticker)), [Ticker])
    await quiet.h.clock.advance(1000)
    expect([quiet.entity.heard, quiet.h.world.timers.size]).toEqual([0, 0])
  })

  test('with an argument that cannot be saved name the entity and the part', () => {
    const h = start([Clock])
    const clock = h.game.create(Clock)
    clock.after(100, clock.ring, () => {})
    expect(() => saveEntity(coreOf(clock))).toThrow(`${clock}: its timers cannot be saved: `)
  })

  test('of one that never had any are nothing to save', () => {
    const h = start([Plain])
    expect(saveEntity(coreOf(h.game.create(Plain))).parts['timers']).toBeUndefined()
  })

  test('whose method the newer class does not have are left out, which is said', async () => {
    const newer = (drops: readonly string[] = []) => {
      class Clock extends entity({ drops }) {}
      return Clock
    }
    const h = start([Clock])
    const clock = h.game.create(Clock)
    clock.after(10, clock.ring)
    const { h: dropping } = revived(carried(coreOf(clock)), [newer(['ring', 'heard'])])
    expect([dropping.world.droppedParts, dropping.world.timers.size]).toEqual([[], 0])
    const { h: after } = revived(carried(coreOf(clock)), [newer()])
    await after.clock.advance(10)
    expect(after.log.matching('warn', 'a timer of Clock.ring() was saved, but there is no such method')).toHaveLength(1)
    expect(after.world.timers.size).toBe(0)
  })
})

describe('what is not in storage yet', () => {
  class Saved extends entity({ attrs: { n: attr(0, 'persistent') } }) {}

  test('is saved by whoever has the entity next', async () => {
    const h = start([Saved])
    const saved = h.game.create(Saved)
    await h.settle()
    saved.attrs.n = 7
    const { h: after, core } = revived(carried(coreOf(saved)), [Saved])
    expect(core.unsaved).toBe(true)
    await after.clock.advance(60_001)
    expect((await after.storage.read('Saved', saved.id))?.data).toEqual({ n: 7 })
  })

  test('is nothing when all of it is', async () => {
    const h = start([Saved])
    const saved = h.game.create(Saved)
    await h.settle()
    const { h: after, core } = revived(carried(coreOf(saved)), [Saved])
    expect([core.unsaved, saveEntity(coreOf(saved)).parts['unsaved']]).toEqual([false, undefined])
    await after.clock.advance(60_001)
    expect(await after.storage.read('Saved', saved.id)).toBeUndefined()
  })
})

describe('an entity that is saved', () => {
  test('says its class, its placement, its kind of space and the space that it is in', async () => {
    const h = start([Plain, Room])
    const room = h.game.createSpace(Room, 5, { name: 'hall' })
    const plain = h.game.create(Plain)
    await plain.enterSpace(room)
    expect(carried(coreOf(plain))).toMatchObject({ type: 'Plain', id: plain.id, epoch: 1, spaceId: room.id })
    const saved = carried(coreOf(room))
    expect([saved.type, saved.spaceKind, saved.spaceId]).toEqual(['Room', 5, undefined])
    const { entity: there } = revived<Room>(saved, [Room])
    expect([there.kind, there.isNil, there.attrs.name, there.entities.size]).toEqual([5, false, 'hall', 0])
  })

  test('is not changed by it', async () => {
    const h = start([Plain, Room])
    const plain = h.game.create(Plain)
    await plain.enterSpace(h.game.createSpace(Room, 1))
    h.take()
    const before = carried(coreOf(plain))
    expect(carried(coreOf(plain))).toEqual(before)
    expect([h.take(), plain.space.kind]).toEqual([[], 1])
  })

  test('may be a service, which knows its shard again', () => {
    class Auction extends service({ shards: 3, attrs: { bids: attr(0) }, kept: ['open'] }) {
      open = new Set<string>()
    }
    const h = start([Auction])
    h.world.create(h.world.kindOf(Auction), { bids: 2 }, { id: serviceId('Auction', 2) })
    const [auction] = h.game.entitiesOf(Auction)
    auction!.open.add('sword')
    const { entity: there, h: after } = revived<Auction>(carried(coreFor(auction)), [Auction])
    expect([there.shard, there.attrs.bids, [...there.open]]).toEqual([2, 2, ['sword']])
    expect(after.take()).toEqual([])
  })

  test('with a part that nobody knows is refused', () => {
    const saved = carried(coreFor(start([Plain]).game.create(Plain)))
    const there = start([Plain])
    const odd = { ...saved, parts: { ...saved.parts, wings: [1] } }
    expect(() => there.world.revive(odd, 2, 0)).toThrow(
      `Plain<${saved.id}> was saved with a part 'wings' that this version does not know`,
    )
    expect([there.world.size, there.world.find(saved.id)]).toEqual([1, undefined])
  })

  test('whose part is damaged is refused with its name, and the part’s', () => {
    class Keeper extends entity({ kept: ['a'] }) {
      a = new Map()
    }
    const saved = carried(coreFor(start([Keeper]).game.create(Keeper)))
    const odd = { ...saved, parts: { ...saved.parts, kept: { cloned: new Uint8Array([1, 2, 3]) } } }
    expect(() => start([Keeper]).world.revive(odd, 2, 0)).toThrow(`Keeper<${saved.id}>: its kept cannot be restored: `)
  })

  test('is refused where it is already, or its class is not there', () => {
    const saved = carried(coreFor(start([Plain]).game.create(Plain)))
    const there = start([Plain])
    there.world.revive(saved, 2, 0)
    expect(() => there.world.revive(saved, 3, 0)).toThrow(`Plain<${saved.id}> is there already`)
    expect(() => start([Room]).world.revive(saved, 2, 0)).toThrow('this game has no class Plain')
  })
})

test('what a class writes over its attributes while its object is made does not last', () => {
  class Eager extends entity({ attrs: { hp: attr(1, 'client'), bag: map(value, 'client'), fresh: attr(0) } }) {
    constructor() {
      super()
      this.attrs.hp = 100
      this.attrs.bag.set('sword', 1)
      this.attrs.fresh = 5
    }
  }
  const h = new Harness([Eager])
  const eager = h.game.create(Eager, { hp: 7, bag: { bow: 2 } })
  expect([eager.attrs.hp, eager.attrs.bag.toPlain(), eager.attrs.fresh]).toEqual([7, { bow: 2 }, 5])
  h.stop()
})
