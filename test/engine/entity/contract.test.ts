// What the compiler knows of a class: this file compiles, and each marked line would not. Run as a test, it shows that
// the same faults are found at start-up.
import { expect, expectTypeOf, test } from 'vitest'
import {
  attr,
  boolean,
  call,
  type EntityClass,
  type EntityId,
  entity,
  entityId,
  game,
  integer,
  list,
  map,
  number,
  oneOf,
  optional,
  record,
  type ServerCalls,
  service,
  space,
  string,
  type VisibleAttrs,
} from '../../../components/game/goworld.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { Kind, kindsOf } from '../../../engine/entity/kind.ts'
import { Operations } from '../../../engine/entity/operations.ts'

class Arena extends space({ attrs: { weather: attr('sun', 'allClients') } }) {
  monsters = 0
  override onCreated() {
    this.every(5_000, this.spawn, 'wolf', 3)
    // @ts-expect-error a number is wanted
    this.every(5_000, this.spawn, 'wolf', 'three')
  }
  spawn(_kind: string, count: number) {
    this.monsters += count
  }
  own() {
    this.call(this.id).spawn('wolf', 3)
    this.game.call(this.id).spawn('wolf', 3)
    expectTypeOf(this.ask(this.id).howMany()).toEqualTypeOf<Promise<number>>()
    // @ts-expect-error a number is wanted
    this.call(this.id).spawn('wolf', 'three')
    // @ts-expect-error no such method
    this.call(this.id).spwan('wolf', 3)
    // @ts-expect-error nor a hook
    this.call(this.id).onCreated()
  }
  howMany() {
    return this.monsters
  }
}

class Monster extends entity({
  attrs: {
    hp: attr(100, 'allClients'),
    bag: map(number, 'persistent'),
    tags: list(string, 'allClients'),
    owner: optional(string, 'client'),
    job: attr('mage' as 'mage' | 'thief', 'allClients'),
    stats: record({ speed: attr(3), runes: list(integer) }, 'allClients'),
    origin: attr({ x: 1, y: 2 }),
  },
  aoi: 100,
  client: { shout(_text: string) {} },
}) {
  hurt(by: EntityId<Avatar>, amount: number) {
    this.attrs.hp -= amount
    this.attrs.job = 'thief'
    this.attrs.owner = undefined
    this.attrs.bag.set('coin', 3)
    this.attrs.stats.speed = 4
    this.attrs.stats.runes.push(1, 2)
    this.attrs.tags.push('dead')
    this.allClients.shout('ouch')
    call(by).earned(10)
    call<Avatar | Guard>([by]).earned(10)
    // @ts-expect-error Avatar has it, Guard has not
    call<Avatar | Guard>([by]).attack('wolf')
    // @ts-expect-error no such job
    this.attrs.job = 'bard'
    // @ts-expect-error a list of numbers
    this.attrs.stats.runes.push('one')
    // @ts-expect-error values of this map are numbers
    this.attrs.bag.set('coin', 'three')
    // @ts-expect-error a value is replaced as a whole, never changed in place
    this.attrs.origin.x = 5
    // @ts-expect-error a map cannot be assigned
    this.attrs.bag = {}
    // @ts-expect-error no such method on Avatar
    call(by).earnt(10)
    // @ts-expect-error wrong argument
    call(by).earned('ten')
    // @ts-expect-error hooks are not callable from elsewhere
    call(by).onCreated()
    // @ts-expect-error wrong type of attribute
    this.attrs.hp = 'full'
    // @ts-expect-error no such client call
    this.client.shot('x')
    if (this.attrs.hp <= 0) this.after(3_000, this.respawn)
  }
  respawn() {
    this.attrs.hp = 100
  }
}

class Avatar extends entity({
  attrs: {
    name: attr('noname', 'allClients', 'persistent'),
    gold: attr(0, 'client', 'persistent'),
    secret: attr(0, 'persistent'),
    none: attr(0),
  },
  aoi: 100,
  ownClient: { attack: [string], cheer: [boolean], pick: [oneOf('left', 'right')] },
  allClients: { poke: [number] },
  client: { reply(_n: number) {} },
}) {
  attack(_target: string) {}
  cheer(_loud: boolean) {}
  pick(_side: 'left' | 'right') {}
  poke(times: number) {
    this.game.service(Mail).send(this.id, `poked ${times}`)
  }
  earned(gold: number) {
    this.attrs.gold += gold
  }
}

class Guard extends entity({}) {
  earned(_gold: number) {}
}

class Mail extends service({}) {
  send(_to: EntityId<Avatar>, _text: string) {
    // @ts-expect-error a service has no place
    this.position
    // @ts-expect-error and no client
    this.client
  }
}

class Typo extends entity({ ownClient: { sya: [string] } }) {
  say(_line: string) {}
}
class Mismatch extends entity({ ownClient: { say: [number] } }) {
  say(_line: string) {}
}
// @ts-expect-error persistent, and a right key is beside it
class Persistant extends entity({ aoi: 1, persistant: true }) {}
// @ts-expect-error kept
class Kpet extends space({ history: 1000, kpet: ['spots'] }) {}
// @ts-expect-error of a space
class Recalling extends entity({ aoi: 1, history: 1000 }) {}
// @ts-expect-error of a service
class Sharded extends space({ shards: 2 }) {}
class Engine extends entity({ ownClient: { destroy: [] } }) {}
class Hook extends entity({ ownClient: { onDestroyed: [] } }) {}

test('a game is put together from sound classes, and the compiler names what is wrong with others', () => {
  expect(game([Arena, Monster, Avatar, Mail]).types).toHaveLength(4)
  // @ts-expect-error "sya() is in the contract but not in the class"
  game([Arena, Typo])
  // @ts-expect-error "say() does not take the arguments its contract lets clients send"
  game([Mismatch])
  // @ts-expect-error "destroy() belongs to the engine: clients may not call it"
  game([Engine])
  // @ts-expect-error hooks neither
  game([Hook])
})

test('the same faults are found at start-up', () => {
  const operations = new Operations(new VirtualClock(), silentLog)
  const start = (type: EntityClass) => () => new Kind(type, operations)
  expect(start(Typo)).toThrow('Typo lets clients call sya(), but has no such method')
  expect(start(Engine)).toThrow('Engine may not let clients call destroy(): it belongs to the engine')
  expect(start(Hook)).toThrow('onDestroyed()')
  expect(start(Persistant)).toThrow("its contract has 'persistant'")
  expect(start(Kpet)).toThrow("its contract has 'kpet'")
  expect(start(Recalling)).toThrow("its contract has 'history'")
  expect(start(Sharded)).toThrow("its contract has 'shards'")
  expect(() => kindsOf([Avatar, class Avatar extends entity({}) {}], operations)).toThrow(
    'two entity classes are called Avatar',
  )
  expect(start(class Far extends entity({ aoi: -1 }) {})).toThrow('aoi = -1')
  // @ts-expect-error of a space
  expect(start(class Hazy extends entity({ positionStep: 1 }) {})).toThrow("its contract has 'positionStep'")
  for (const positionStep of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-9, 1e9])
    expect(start(class Sea extends space({ positionStep }) {})).toThrow('positionStep = ')
})

test('an entity id is not any string', () => {
  const take = (id: EntityId<Avatar>) => id
  // @ts-expect-error a plain string is no entity id
  expect(() => take('abc')).not.toThrow()
  expect(take(entityId('abcdefghijklmnop'))).toBe('abcdefghijklmnop')
  expect(() => entityId('abc')).toThrow("'abc' is no entity id")
})

test('clients see the types of what they may see and call', () => {
  const attrs: VisibleAttrs<typeof Avatar> = { name: 'x', gold: 1 }
  // @ts-expect-error saved, but no client sees it
  attrs.secret
  // @ts-expect-error without a flag it stays in the game
  attrs.none
  const monster: VisibleAttrs<typeof Monster> = {
    hp: 1,
    tags: ['a'],
    owner: 'me',
    job: 'mage',
    stats: { speed: 1, runes: [1] },
  }
  const calls = (server: ServerCalls<typeof Avatar>) => {
    server.attack('m1')
    server.poke(2)
    server.pick('left')
    // @ts-expect-error not exposed to clients
    server.earned(5)
    // @ts-expect-error neither left nor right
    server.pick('up')
  }
  expect([attrs.name, monster.stats.runes[0], calls.length]).toEqual(['x', 1, 1])
})
