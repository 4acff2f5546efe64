// What authors do at the edges: destroy in the middle of things, write what cannot be said, end while work is open.
import { afterEach, describe, expect, test } from 'vitest'
import {
  anything,
  attr,
  type EntityClass,
  entity,
  integer,
  list,
  map,
  optional,
  record,
  type Space,
  space,
  value,
} from '../../../components/game/goworld.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import { client, Harness } from './harness.ts'

let open: Harness[] = []
let heard: string[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
  heard = []
})
function start(types: readonly EntityClass[]): Harness {
  const harness = new Harness(types)
  open.push(harness)
  return harness
}

const nested = (depth: number): unknown => (depth === 0 ? 'deep' : [nested(depth - 1)])

class Room extends space({}) {}

class Hero extends entity({
  aoi: 10,
  attrs: {
    name: attr('hero', 'allClients', 'persistent'),
    last: attr(null as unknown, 'client'),
    bag: map(value, 'allClients', 'persistent'),
    log: list(value, 'client'),
    nick: record({ first: attr('nobody' as string | null), rank: attr(1) }, 'persistent'),
    extra: optional(integer, 'persistent'),
  },
  ownClient: { keep: [anything] },
}) {
  keep(data: unknown) {
    this.attrs.last = data
  }
}

describe('what an attribute takes', () => {
  test('is nothing that could not be told later: neither too deep nor too wide', async () => {
    const h = start([Hero, Room])
    const hero = h.game.create(Hero)
    const { attrs } = hero
    for (const bad of [2n ** 64n, -(2n ** 63n) - 1n, nested(49), { a: nested(48) }]) {
      expect(() => {
        attrs.last = bad
      }).toThrow(TypeError)
      expect(() => attrs.bag.set('bad', bad as never)).toThrow(TypeError)
      expect(() => attrs.log.push(bad as never)).toThrow(TypeError)
    }
    expect([attrs.last, attrs.bag.size, attrs.log.length]).toEqual([null, 0, 0])
    attrs.last = nested(48)
    attrs.bag.set('deepest', nested(47) as never)
    expect(() => attrs.bag.list('deepest').set(0, nested(47) as never)).toThrow('nested deeper than 48')
    // Whoever comes near is shown all of it.
    const room = h.game.createSpace(Room, 1)
    await hero.enterSpace(room)
    h.world.views.bind(coreOf(hero), client(1))
    await h.clock.advance(1)
    expect(h.takeFor(client(1).clientId).map(({ name }) => name)).toContain('createEntity')
    expect(h.log.matching('error', '')).toEqual([])
  })

  test('from a client is refused like any other, and the game goes on', async () => {
    const h = start([Hero])
    const hero = h.game.create(Hero)
    h.world.run(coreOf(hero), 'keep', [nested(60)])
    await h.clock.advance(1)
    expect(h.log.matching('error', 'keep threw: attribute last: an attribute cannot be nested deeper')).toHaveLength(1)
  })

  test('does not keep the others of a turn from being told when it cannot be', async () => {
    const h = start([Hero])
    const [one, other] = [h.game.create(Hero), h.game.create(Hero)]
    for (const [n, hero] of [one, other].entries()) h.world.views.bind(coreOf(hero), client(n + 1))
    await h.clock.advance(1)
    h.take()
    coreOf(one).flushMarked = () => {
      throw new Error('an engine that errs')
    }
    one.attrs.name = 'ann'
    other.attrs.name = 'bob'
    await h.clock.advance(1)
    expect(h.take().map(({ name }) => name)).toEqual(['changeAttr'])
    expect(h.world.authorErrors).toBe(1)
  })

  test('stays what it is when it is put back in its place', () => {
    const h = start([Hero])
    const { bag, log } = h.game.create(Hero).attrs
    const inner = bag.map('inner')
    bag.set('inner', inner as never)
    inner.set('a', 1)
    expect(bag.toPlain()).toEqual({ inner: { a: 1 } })
    log.push([1] as never)
    log.set(0, log.list(0) as never)
    log.list(0).push(2)
    expect(log.toPlain()).toEqual([[1, 2]])
  })

  test('may be null in a record, also when it comes from storage', async () => {
    const h = start([Hero])
    const hero = h.game.create(Hero)
    hero.attrs.nick.first = null
    await hero.save()
    hero.destroy()
    await h.world.loadHere('Hero', hero.id, 2)
    expect((h.game.entity(hero.id) as Hero).attrs.nick.first).toBe(null)
  })
})

test('a distance is measured on the plane, and properties for clientsWhere can be taken back', async () => {
  const h = start([Hero, Room])
  const room = h.game.createSpace(Room, 1)
  const [one, other] = [h.game.create(Hero), h.game.create(Hero)]
  await one.enterSpace(room, { x: 1, y: 50, z: 1 })
  await other.enterSpace(room, { x: 4, y: 0, z: 5 })
  expect(one.distanceTo(other)).toBe(5)
  one.setClientFilter('level', 3)
  h.world.views.bind(coreOf(one), client(1))
  h.take()
  one.clearClientFilters()
  expect(h.take().map(({ name }) => name)).toEqual(['clearFilters'])
  h.world.views.unbind(coreOf(one), true)
  h.world.views.bind(coreOf(one), client(2))
  expect(h.take().map(({ name }) => name)).not.toContain('setFilter')
})

describe('onInit', () => {
  class Early extends entity({ attrs: { a: attr(1, 'persistent'), b: attr(1), bag: map(integer) } }) {
    override onInit() {
      this.attrs.a = 5
      this.attrs.b = 6
      this.attrs.bag.set('made', 1)
      this.every(100, this.tick)
    }
    tick() {
      heard.push('tick')
    }
  }

  test('may write attributes; what is given or saved comes after it', () => {
    const h = start([Early])
    const early = h.game.create(Early, { a: 9 })
    expect([early.attrs.a, early.attrs.b, early.attrs.bag.toPlain()]).toEqual([9, 6, { made: 1 }])
  })

  test('leaves no timer behind when the attributes do not fit', async () => {
    const h = start([Early])
    expect(() => h.game.create(Early, { bag: { wrong: 'text' } as never })).toThrow('an integer is wanted')
    await h.clock.advance(1000)
    expect(heard).toEqual([])
    expect(h.take().map(({ name }) => name)).not.toContain('entityPlaced')
  })
})

describe('enterSpace', () => {
  test('rejects when a hook on the way destroys the entity, the target, or takes it elsewhere', async () => {
    let onWay: (walker: Walker) => void = () => {}
    class Walker extends entity({}) {
      override onLeftSpace() {
        onWay(this)
      }
    }
    const h = start([Walker, Room])
    const rooms = [1, 2, 3].map((kind) => h.game.createSpace(Room, kind))
    const walk = async (hook: typeof onWay) => {
      const walker = h.game.create(Walker)
      await walker.enterSpace(rooms[0]!)
      onWay = (leaver) => {
        onWay = () => {}
        hook(leaver)
      }
      return walker.enterSpace(rooms[1]!)
    }
    await expect(walk((walker) => walker.destroy())).rejects.toThrow('was destroyed on its way')
    await expect(walk((walker) => void walker.enterSpace(rooms[2]!))).rejects.toThrow('was taken to')
    await expect(walk(() => rooms[1]!.destroy())).rejects.toThrow('was destroyed while')
    const lost = h.game.create(Walker)
    await expect(lost.enterSpace(rooms[1]!)).rejects.toThrow('no space')
    await expect(lost.enterSpace(undefined as never)).rejects.toThrow('no space')
  })
})

describe('who hears of leaving only', () => {
  class Leaver extends entity({}) {
    override onLeftSpace() {
      heard.push('left')
    }
  }

  test('hears of it', async () => {
    const h = start([Leaver, Room])
    const leaver = h.game.create(Leaver)
    await leaver.enterSpace(h.game.createSpace(Room, 1))
    await leaver.enterSpace(h.game.nilSpace.id)
    expect(heard).toEqual(['left'])
  })

  test('hears nothing of a space that it was sent out of before it could have heard that it is in', async () => {
    class Bouncer extends space({}) {
      override onEntityEntered(guest: Leaver) {
        void guest.enterSpace(this.game.nilSpace.id)
      }
    }
    const h = start([Leaver, Bouncer])
    await h.game.create(Leaver).enterSpace(h.game.createSpace(Bouncer, 1))
    expect(heard).toEqual([])
  })
})

describe('destroy', () => {
  test('of one whose hooks would keep it alive, or end it again, ends it once', () => {
    class Stubborn extends entity({ aoi: 5 }) {
      override onLeftSpace(left: Space) {
        heard.push('left')
        this.enterSpace(left).catch(() => heard.push('refused'))
      }
      override onDestroyed() {
        heard.push('destroyed')
        this.destroy()
        this.enterSpace(this.game.nilSpace).catch(() => {})
      }
    }
    const h = start([Stubborn, Room])
    const room = h.game.createSpace(Room, 1)
    const stubborn = h.game.create(Stubborn)
    void stubborn.enterSpace(room)
    stubborn.destroy()
    expect(heard).toEqual(['left', 'destroyed'])
    expect([room.entities.size, stubborn.isGone]).toEqual([0, true])
    expect(h.log.matching('error', '')).toEqual([])
  })

  test('of a space whose members destroy each other, and come back, leaves it empty', () => {
    class Rival extends entity({ aoi: 5 }) {
      override onLeftSpace(left: Space) {
        for (const other of [...left.entities]) other.destroy()
        this.enterSpace(left).catch(() => {})
      }
    }
    const h = start([Rival, Room])
    const room = h.game.createSpace(Room, 1)
    for (let n = 0; n < 5; n++) void h.game.create(Rival).enterSpace(room)
    room.destroy()
    expect([room.entities.size, room.isGone, h.game.entitiesOf(Rival).length]).toEqual([0, true, 1])
    expect(h.game.entitiesOf(Rival)[0]!.space.isNil).toBe(true)
  })
})

describe('giveClientTo', () => {
  test('lets the hook of the giver destroy whom it was for: the client is closed', () => {
    let receiver: Giver | undefined
    class Giver extends entity({}) {
      override onClientDisconnected() {
        receiver?.destroy()
      }
    }
    const h = start([Giver])
    const giver = h.game.create(Giver)
    receiver = h.game.create(Giver)
    h.world.views.bind(coreOf(giver), client(1))
    h.take()
    giver.giveClientTo(receiver)
    expect(h.take().map(({ name }) => name)).toEqual(['unbindPlayer', 'entityGone', 'closeClient'])
  })
})

describe('calls on the same game', () => {
  test('refuse at once what could not be sent to another', async () => {
    const h = start([Hero])
    const hero = h.game.create(Hero)
    const call = hero.call(hero.id) as unknown as { keep(what: unknown): void }
    for (const bad of [() => {}, Symbol('x'), 2n ** 70n]) expect(() => call.keep(bad)).toThrow(TypeError)
    call.keep(5)
    hero.destroy()
    await h.clock.advance(1)
    expect(h.log.matching('error', '')).toEqual([])
  })
})

describe('calls that call each other for ever', () => {
  test('leave the others their turn', async () => {
    class Echo extends entity({}) {
      ping() {
        heard.push('ping')
        if (heard.length < 50) (this.call(this.id) as unknown as Echo).ping()
      }
    }
    const h = start([Echo])
    const echo = h.game.create(Echo)
    ;(echo.call(echo.id) as unknown as Echo).ping()
    let turns = 0
    const count = () => {
      turns++
      if (heard.length < 50) h.clock.defer(count)
    }
    h.clock.defer(count)
    await h.clock.advance(1)
    expect(heard).toHaveLength(50)
    expect(turns).toBeGreaterThan(10)
  })
})

describe('an error of an author', () => {
  test('that comes again and again is logged once, then counted', async () => {
    class Clumsy extends entity({ ownClient: { fall: [] } }) {
      fall() {
        throw new Error('over a stone')
      }
    }
    const h = start([Clumsy])
    const clumsy = h.game.create(Clumsy)
    for (let n = 0; n < 500; n++) h.world.run(coreOf(clumsy), 'fall', [])
    expect(h.log.matching('error', 'fall threw: over a stone')).toHaveLength(1)
    expect(h.world.authorErrors).toBe(500)
    await h.clock.advance(10_000)
    h.world.run(coreOf(clumsy), 'fall', [])
    expect(h.log.matching('error', '(and 499 times since it was last logged)')).toHaveLength(1)
  })

  test('in the name of an attribute is one too', () => {
    const h = start([Hero])
    const { attrs } = h.game.create(Hero)
    expect(() => {
      ;(attrs as unknown as Record<string, unknown>)['naem'] = 'ann'
    }).toThrow(TypeError)
    expect(() => {
      ;(attrs.nick as unknown as Record<string, unknown>)['frist'] = 'ann'
    }).toThrow(TypeError)
  })

  test('while its first entity is made closes the client', () => {
    class Broken extends entity({}) {
      constructor() {
        super()
        throw new Error('boom')
      }
    }
    const h = start([Broken])
    h.world.createHere('Broken', 'broken0000000001', 1, {}, client(1))
    expect(h.take().map(({ name }) => name)).toEqual(['entityGone', 'closeClient'])
    expect(h.log.matching('error', 'cannot be created: boom')).toHaveLength(1)
  })
})

describe('exists', () => {
  test('is true from the first moment, and after a destroy, before anything is written', async () => {
    const h = start([Hero])
    const hero = h.game.create(Hero)
    expect(await h.game.exists(Hero, hero.id)).toBe(true)
    hero.attrs.name = 'ann'
    hero.destroy()
    expect(await h.game.exists(Hero, hero.id)).toBe(true)
    expect(await h.game.exists(Hero, 'nowhere000000001' as never)).toBe(false)
  })
})

describe('what cannot be saved', () => {
  test('is tried again, and counted when its entity is gone', async () => {
    const h = start([Hero])
    const hero = h.game.create(Hero)
    await h.clock.advance(1)
    hero.attrs.bag.set('weight', 2 ** 53)
    await expect(hero.save()).rejects.toThrow('bag.weight: 9007199254740992, a whole number beyond 2^53-1')
    expect(coreOf(hero).unsaved).toBe(true)
    expect(h.world.saving.status()).toEqual({ failing: 1, lost: 0 })
    expect(h.world.saves.status()).toMatchObject({ refused: 1 })
    hero.attrs.bag.set('weight', 7)
    await h.clock.advance(60_001)
    expect(h.world.saving.status()).toEqual({ failing: 0, lost: 0 })
    expect((await h.storage.read('Hero', hero.id))?.data).toMatchObject({ bag: { weight: 7 } })
    hero.attrs.bag.set('weight', 2 ** 53)
    await h.clock.advance(60_001)
    expect(h.world.saving.status()).toEqual({ failing: 1, lost: 0 })
    hero.destroy()
    await h.clock.advance(1)
    expect(h.world.saving.status()).toEqual({ failing: 0, lost: 1 })
  })
})

describe('timers of the game', () => {
  test('end when time is stopped', async () => {
    const h = start([Hero])
    h.game.every(10, () => void heard.push('beat'))
    h.game.after(15, () => void heard.push('once'))
    await h.clock.advance(25)
    expect(heard).toEqual(['beat', 'once', 'beat'])
    h.world.stopTime()
    await h.clock.advance(1000)
    expect(heard).toHaveLength(3)
  })
})
