// Services by class, key and number: which id that is, who is told that one has begun to live, and where it is asked for.
import { afterEach, describe, expect, test } from 'vitest'
import { attr, type EntityClass, entity, service, space } from '../../../components/game/goworld.ts'
import { serviceId } from '../../../engine/base/id.ts'
import { Row } from '../../../engine/storage/row.ts'
import { Harness } from './harness.ts'

class Mail extends service({ attrs: { sent: attr(0, 'persistent') } }) {
  send() {
    this.attrs.sent++
  }
}
class Auction extends service({ shards: 8 }) {
  heard: unknown[] = []
  bid(amount: number) {
    this.heard.push(amount)
  }
}
class Player extends entity({}) {
  heard: unknown[] = []
  override onServicePlaced(type: EntityClass, shard: number) {
    this.heard.push(`${type.name}#${shard}`)
  }
}
class Deaf extends entity({}) {}
class Room extends space({}) {}

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
})
function start(types: readonly EntityClass[] = [Mail, Auction, Player, Deaf, Room]): Harness {
  const harness = new Harness(types)
  open.push(harness)
  return harness
}
/** As if a dispatcher had chosen this game for it. */
async function place(h: Harness, type: EntityClass, shard = 0, epoch = 1000): Promise<void> {
  await h.world.loadHere(type.name, serviceId(type.name, shard), epoch)
}
const callsTo = (h: Harness) =>
  h
    .take()
    .filter(({ name }) => name === 'callEntity')
    .map(({ values }) => values['entityId'])

describe('the id of a service', () => {
  test('follows from its name and shard, on every game alike, and is no other’s', () => {
    const { services } = start().world
    const all = [services.only(Mail), ...services.all(Auction)]
    expect(new Set(all).size).toBe(9)
    for (const id of all) expect(id).toMatch(/^S\..{14}$/)
    expect(services.all(Auction)).toEqual(start().world.services.all(Auction))
    expect(services.all(Mail)).toEqual([services.only(Mail)])
  })

  test('by its number is that of the shard, from 0 to the last', () => {
    const { services } = start().world
    const all = services.all(Auction)
    for (let shard = 0; shard < 8; shard++) expect(services.byIndex(Auction, shard)).toBe(all[shard])
    for (const wrong of [-1, 8, 1.5, Number.NaN, '0' as never])
      expect(() => services.byIndex(Auction, wrong)).toThrow(
        new RangeError(`Auction has the shards 0 to 7, not ${wrong}`),
      )
    expect(services.byIndex(Mail, 0)).toBe(services.only(Mail))
    expect(() => services.byIndex(Mail, 1)).toThrow(RangeError)
  })

  test('by a key is always the same, and many keys are spread over all shards', () => {
    const [one, other] = [start().world.services, start().world.services]
    const counts = new Map<string, number>()
    for (let n = 0; n < 8000; n++) {
      const id = one.byKey(Auction, `item/${n}`)
      expect(other.byKey(Auction, `item/${n}`)).toBe(id)
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    expect([...counts.keys()].sort()).toEqual(one.all(Auction).sort())
    for (const count of counts.values()) expect([count > 700, count < 1300]).toEqual([true, true])
    expect(one.byKey(Mail, 'whatever')).toBe(one.only(Mail))
    expect(one.all(Auction)).toContain(one.byKey(Auction, ''))
  })

  test('without key or number there is none for one with shards', () => {
    const { services } = start().world
    expect(() => services.only(Auction)).toThrow(new TypeError('Auction has 8 shards: say which by a key or number'))
  })

  test('is not to be had of what is no service, or not of this game', () => {
    const { services } = start([Mail, Deaf]).world
    for (const of of [
      () => services.only(Deaf),
      () => services.byKey(Deaf, 'a'),
      () => services.byIndex(Deaf, 0),
      () => services.any(Deaf),
      () => services.all(Deaf),
    ])
      expect(of).toThrow(new TypeError('Deaf is no service'))
    expect(() => services.only(Auction)).toThrow('Auction is not among the classes of this game')
  })

  test('of any shard is one that lives here, if there is one', async () => {
    const h = start()
    const { services } = h.world
    const chosen = new Set(Array.from({ length: 200 }, () => services.any(Auction)))
    expect(chosen.size).toBe(8)
    await place(h, Auction, 3)
    await place(h, Auction, 5)
    const here = new Set(Array.from({ length: 100 }, () => services.any(Auction)))
    expect([...here].sort()).toEqual([services.byIndex(Auction, 3), services.byIndex(Auction, 5)].sort())
  })
})

describe('calls to services', () => {
  test('go to the one, the one of a key, the one of a number, or all', () => {
    const h = start()
    const { services } = h.world
    h.take()
    h.game.service(Mail).send()
    h.game.service(Auction, 'sword').bid(1)
    h.game.serviceShard(Auction, 2).bid(1)
    expect(callsTo(h)).toEqual([services.only(Mail), services.byKey(Auction, 'sword'), services.byIndex(Auction, 2)])
    h.game.serviceAll(Auction).bid(1)
    expect(callsTo(h)).toEqual(services.all(Auction))
    expect(() => h.game.service(Auction)).toThrow('say which by a key or number')
  })

  test('to any go to one only, here without a packet', async () => {
    const h = start()
    h.take()
    h.game.serviceAny(Auction).bid(1)
    expect(callsTo(h)).toHaveLength(1)
    await place(h, Auction, 6)
    h.take()
    h.game.serviceAny(Auction).bid(2)
    await h.settle()
    expect(callsTo(h)).toEqual([])
    expect(h.game.entitiesOf(Auction)[0]!.heard).toEqual([2])
  })
})

describe('a service is placed', () => {
  test('by asking for all that are not here, each by its id', async () => {
    const h = start()
    const { services } = h.world
    await place(h, Auction, 1)
    h.take()
    services.place()
    const asked = h.take().map(({ name, values }) => [name, values['entityId'], values['type'], values['gameId']])
    const wanted = [
      [services.only(Mail), 'Mail'],
      ...services
        .all(Auction)
        .filter((_, shard) => shard !== 1)
        .map((id) => [id, 'Auction']),
    ]
    expect(asked).toEqual(wanted.map(([id, type]) => ['loadEntity', id, type, 0]))
  })

  test('though it was never saved, knows its shard, and says where it lives to the registry', async () => {
    const h = start()
    await place(h, Auction, 4, 77)
    const [auction] = h.game.entitiesOf(Auction)
    expect([auction!.shard, auction!.id]).toEqual([4, serviceId('Auction', 4)])
    expect(h.take()).toEqual([
      { name: 'entityPlaced', values: { entityId: auction!.id, epoch: 77 } },
      { name: 'registerKey', values: { key: 'service/Auction#4', value: '1/77', force: true } },
    ])
  })

  test('once here however often it is told so, and nobody else by the id of a service', async () => {
    const h = start()
    await place(h, Mail)
    await place(h, Mail)
    expect(h.game.entitiesOf(Mail)).toHaveLength(1)
    h.take()
    await h.world.loadHere('Deaf', serviceId('Auction', 1), 5)
    await h.world.loadHere('Auction', serviceId('Auction', 8), 5)
    expect(h.take().map(({ name }) => name)).toEqual(['entityGone', 'entityGone'])
    expect(h.world.find(serviceId('Auction', 1))).toBeUndefined()
  })

  test('with what it saved', async () => {
    const h = start()
    await h.storage.write('Mail', serviceId('Mail'), Row.of({ sent: 41 }, { schema: 1, epoch: 1, no: 1 }))
    await place(h, Mail)
    const [mail] = h.game.entitiesOf(Mail)
    mail!.send()
    expect(mail!.attrs.sent).toBe(42)
  })

  test('anew when another game is down', () => {
    const h = start()
    h.world.gameUp(2)
    h.take()
    h.world.gameDown(3)
    expect(h.take()).toEqual([])
    h.world.gameDown(2)
    expect(h.take().map(({ name }) => name)).toEqual(Array.from({ length: 9 }, () => 'loadEntity'))
    h.world.gameDown(1)
    expect(h.take()).toEqual([])
  })
})

describe('onServicePlaced', () => {
  test('tells those who want to hear of it, once for each time that it is placed', () => {
    const h = start()
    const player = h.game.create(Player)
    h.game.create(Deaf)
    h.world.registry.registered('service/Auction#3', { value: '2/10', version: 1 })
    h.world.registry.registered('service/Auction#3', { value: '2/10', version: 1 })
    h.world.registry.registered('service/Mail#0', { value: '1/10', version: 1 })
    expect(player.heard).toEqual(['Auction#3', 'Mail#0'])
    h.world.registry.registered('service/Auction#3', { value: '1/11', version: 1 })
    expect(player.heard).toEqual(['Auction#3', 'Mail#0', 'Auction#3'])
    expect(h.world.operations.status().map(({ name }) => name)).not.toContain('Deaf.onServicePlaced')
  })

  test('does not tell of other keys, or of services that this game does not have', () => {
    const h = start([Player, Deaf])
    const player = h.game.create(Player)
    for (const key of ['service/Mail#0', 'service/Deaf#0', 'boss', 'services', 'service/'])
      h.world.registry.registered(key, { value: '1/1', version: 1 })
    expect(player.heard).toEqual([])
    expect(h.log.matching('error', '')).toEqual([])
  })

  test('is told to services and spaces too, and what one of them throws costs the others nothing', () => {
    const heard: string[] = []
    class Loud extends space({}) {
      override onServicePlaced() {
        throw new Error('too loud')
      }
    }
    class Listener extends service({}) {
      override onServicePlaced(type: EntityClass) {
        heard.push(type.name)
      }
    }
    const h = start([Loud, Listener, Mail])
    h.game.createSpace(Loud, 1)
    h.service(Listener)
    h.world.registry.registered('service/Mail#0', { value: '1/1', version: 1 })
    expect(heard).toEqual(['Mail'])
    expect(h.log.matching('error', 'onServicePlaced threw: too loud')).toHaveLength(1)
  })
})

describe('at start-up', () => {
  test.each([0, -1, 1.5, 1001, Number.NaN])('%d shards are refused', (shards) => {
    class Wrong extends service({ shards }) {}
    expect(() => start([Wrong])).toThrow(`Wrong: shards = ${shards}; a number from 1 to 1000 is wanted`)
  })

  test('a thousand shards all have ids of their own', () => {
    class Wide extends service({ shards: 1000 }) {}
    expect(new Set(start([Wide]).world.services.all(Wide)).size).toBe(1000)
  })
})
