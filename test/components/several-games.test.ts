// What one game asks of others: answers, services and their shards, nil spaces, clients that are given away, entities
// made and loaded elsewhere; and what becomes of it when a game dies.
import { afterEach, expect, test } from 'vitest'
import {
  AskFailed,
  attr,
  type EntityId,
  entity,
  GameFrozen,
  game,
  integer,
  service,
  space,
  string,
  Unanswered,
  Undelivered,
} from '../../components/game/goworld.ts'
import { type ClusterOptions, TestCluster } from './cluster.ts'

const heard: string[] = []
const clusters: TestCluster[] = []

class Nil extends space({}) {
  shout(text: string) {
    heard.push(`${this.game.id} ${text}`)
  }
}

class Account extends entity({ ownClient: { become: [string] }, client: { greeted(_text: string) {} } }) {
  become(id: string) {
    this.giveClientTo(id as EntityId<Hero>)
  }
  override onClientConnected() {
    this.client.greeted(`account on ${this.game.id}`)
  }
  override onClientDisconnected() {
    heard.push('account lost its client')
  }
}

class Hero extends entity({
  attrs: { gold: attr(0, 'client', 'persistent'), name: attr('hero', 'persistent') },
  ownClient: { earn: [integer] },
  client: { greeted(_text: string) {} },
}) {
  override onClientConnected() {
    this.client.greeted(`hero on ${this.game.id}`)
  }
  override onServicePlaced(type: { name: string }, shard: number) {
    heard.push(`${this.game.id} hears of ${type.name}#${shard}`)
  }
  earn(gold: number) {
    this.attrs.gold += gold
    return this.attrs.gold
  }
  async earnLater(gold: number, ms: number) {
    await new Promise<void>((resolve) => void this.game.after(ms, resolve))
    return this.earn(gold)
  }
  refuse() {
    throw new Error('not enough gold')
  }
  where() {
    return this.game.id
  }
  echo(value: unknown) {
    return value
  }
  unsendable() {
    return () => {}
  }
}

class Bank extends service({ shards: 4, attrs: { total: attr(0, 'persistent') } }) {
  put(key: string, gold: number) {
    heard.push(`${key} at shard ${this.shard}`)
    this.attrs.total += gold
    return this.attrs.total
  }
  where() {
    return this.game.id
  }
  ring() {
    heard.push(`ring ${this.shard}`)
  }
}

class Clock extends service({}) {
  time() {
    return 'noon'
  }
}

const definition = game([Account, Hero, Bank, Clock], { nilSpace: Nil })

async function start(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  heard.length = 0
  const cluster = await TestCluster.start({ definition, games: 3, dispatchers: 2, ...options })
  clusters.push(cluster)
  await cluster.clock.until(() => servicesOf(cluster).length === 5, 10_000, 'all services')
  await cluster.clock.advance(50)
  return cluster
}
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop()
})

const servicesOf = (cluster: TestCluster) =>
  cluster.games.flatMap(({ world }) => [...world.all()].filter(({ kind }) => kind.isService))
const worldOf = (cluster: TestCluster, id: number) => cluster.games[id - 1]!.world.game

/** What a promise comes to while time passes. */
async function settled<T>(cluster: TestCluster, promise: Promise<T>, limitMs = 20_000): Promise<T> {
  let done = false
  const end = () => {
    done = true
  }
  promise.then(end, end)
  await cluster.clock.until(() => done, limitMs, 'the answer')
  return promise
}

test('an ask resolves to what the method returns, on whichever game its entity lives', async () => {
  const cluster = await start()
  const one = worldOf(cluster, 1)
  for (const gameId of [1, 2, 3]) {
    const hero = one.createOn(gameId, Hero, { name: 'zoe' })
    const ask = one.ask(hero)
    expect(await settled(cluster, ask.where())).toBe(gameId)
    expect(await settled(cluster, ask.earn(5))).toBe(5)
    expect(await settled(cluster, ask.earnLater(5, 300))).toBe(10)
    const given = { deep: [1, { two: 2n ** 60n }], bytes: new Uint8Array([1, 2]) }
    const got = await settled(cluster, ask.echo(given))
    expect(got).toEqual(given)
    expect(got).not.toBe(given)
    expect(await settled(cluster, ask.echo(undefined))).toBe(null)
  }
})

test('an ask rejects with what happened, by name', async () => {
  const cluster = await start()
  const one = worldOf(cluster, 1)
  for (const gameId of [1, 2]) {
    const hero = one.createOn(gameId, Hero)
    const fails = (promise: Promise<unknown>) => settled(cluster, promise).then(String, (error: Error) => error)
    expect(await fails(one.ask(hero).refuse())).toMatchObject({
      name: 'AskFailed',
      message: /refuse\(\).*not enough gold/,
    })
    expect(await fails((one.ask(hero) as never as { nothing(): Promise<void> }).nothing())).toBeInstanceOf(Undelivered)
    expect(await fails(one.ask(hero, 100).earnLater(1, 5000))).toBeInstanceOf(Unanswered)
    expect(await fails(one.ask(hero).unsendable())).toBeInstanceOf(AskFailed)
    await expect(one.ask(hero).echo(() => {})).rejects.toThrow(TypeError)
  }
  const nobody = 'nobody.is.here..' as EntityId<Hero>
  const before = cluster.clock.now()
  await expect(settled(cluster, one.ask(nobody).where())).rejects.toThrow(Undelivered)
  expect(cluster.clock.now() - before).toBeLessThan(100)
  expect(cluster.games[0]!.status()).toMatchObject({ openRequests: 0, authorErrors: 0 })
})

test('an open ask of a game that freezes rejects by name; one that is asked of it is answered when it is back', async () => {
  const cluster = await start()
  const hero = worldOf(cluster, 1).createOn(2, Hero)
  await cluster.clock.advance(20)
  const slow = worldOf(cluster, 1).ask(hero, 60_000).earnLater(1, 30_000)
  slow.catch(() => {})
  const quick = worldOf(cluster, 1).ask(hero).earnLater(1, 300)
  const frozen = await cluster.freezeGame(1)
  await expect(slow).rejects.toThrow(GameFrozen)
  expect(await quick).toBe(1)
  const asked = worldOf(cluster, 2).ask('nilspace00000001' as EntityId<Nil>, 30_000)
  const answer = (asked as never as { shout(text: string): Promise<void> }).shout('hello')
  await cluster.clock.advance(1000)
  await cluster.restoreGame(1, frozen)
  await settled(cluster, answer)
  expect(heard).toContain('1 hello')
})

test('services: one for each shard, called by key, by number, any of them, or all', async () => {
  const cluster = await start()
  const one = worldOf(cluster, 1)
  const shards = new Set<string>()
  for (let n = 0; n < 40; n++) one.service(Bank, `key${n}`).put(`key${n}`, 1)
  await cluster.clock.advance(50)
  expect(heard.filter((line) => line.startsWith('key'))).toHaveLength(40)
  for (const line of heard) shards.add(line.split(' ').at(-1)!)
  expect([...shards].toSorted()).toEqual(['0', '1', '2', '3'])
  // The same key is at the same shard, whoever asks.
  heard.length = 0
  for (const id of [1, 2, 3]) worldOf(cluster, id).service(Bank, 'key7').put('key7', 1)
  await cluster.clock.advance(50)
  expect([heard.length, new Set(heard).size]).toEqual([3, 1])
  heard.length = 0
  one.serviceAll(Bank).ring()
  one.serviceShard(Bank, 2).ring()
  await cluster.clock.advance(50)
  expect(heard.toSorted()).toEqual(['ring 0', 'ring 1', 'ring 2', 'ring 2', 'ring 3'])
  one.serviceAny(Bank).ring()
  await cluster.clock.advance(50)
  expect(heard).toHaveLength(6)
  expect(await settled(cluster, one.ask(one.serviceId(Clock)).time())).toBe('noon')
  expect(() => one.service(Bank)).toThrow('Bank has 4 shards')
  expect(() => one.serviceShard(Bank, 4)).toThrow(RangeError)
})

test('services whose game dies are placed again, with what they saved, and everybody is told', async () => {
  const cluster = await start()
  const three = worldOf(cluster, 3)
  three.create(Hero)
  await settled(cluster, Promise.all([0, 1, 2, 3].map((n) => three.ask(idOfShard(three, n)).put(`s${n}`, 10))))
  await Promise.all(servicesOf(cluster).map(({ entity }) => entity.save()))
  const homes = await settled(cluster, Promise.all([0, 1, 2, 3].map((n) => three.ask(idOfShard(three, n)).where())))
  const dying = homes.find((gameId) => gameId !== 3)!
  const lost = [0, 1, 2, 3].filter((n) => homes[n] === dying)
  heard.length = 0
  await cluster.crashGame(dying)
  const [gone] = cluster.games.splice(dying - 1, 1)
  expect(gone!.world.gameId).toBe(dying)
  await cluster.clock.until(() => servicesOf(cluster).length === 5, 10_000, 'all services to be back')
  // Called meanwhile, they answer as soon as they are there.
  const totals = await settled(cluster, Promise.all(lost.map((n) => three.ask(idOfShard(three, n)).put('more', 1))))
  expect(totals).toEqual(lost.map(() => 11))
  await cluster.clock.advance(100)
  for (const n of lost) expect(heard).toContain(`3 hears of Bank#${n}`)
  const told = heard.filter((line) => line.includes('Bank'))
  expect(told).toHaveLength(lost.length)
})

const idOfShard = (from: ReturnType<typeof worldOf>, shard: number) =>
  cluster0(from).services.byIndex(Bank, shard) as EntityId<Bank>
const cluster0 = (from: ReturnType<typeof worldOf>) =>
  clusters.flatMap(({ games }) => games).find(({ world }) => world.game === from)!.world

test('a call of a service that is being placed again waits for it', async () => {
  const cluster = await start()
  const three = worldOf(cluster, 3)
  const homes = await settled(cluster, Promise.all([0, 1, 2, 3].map((n) => three.ask(idOfShard(three, n)).where())))
  const dying = homes.find((gameId) => gameId !== 3)!
  const shard = homes.indexOf(dying)
  await cluster.crashGame(dying)
  cluster.games.splice(dying - 1, 1)
  heard.length = 0
  // From the moment on that the dispatchers know, until the service is there.
  await cluster.clock.until(() => !three.games.includes(dying), 10_000, 'the death to be known')
  for (let n = 0; n < 20; n++) {
    cluster0(three).services.byIndex(Bank, shard)
    three.serviceShard(Bank, shard).ring()
    await cluster.clock.advance(1)
  }
  await cluster.clock.advance(3000)
  expect(heard.filter((line) => line === `ring ${shard}`)).toHaveLength(20)
})

test('a game that was cut off while its services were placed again drops its own: there is one of each', async () => {
  const cluster = await start()
  const three = worldOf(cluster, 3)
  const homes = await settled(cluster, Promise.all([0, 1, 2, 3].map((n) => three.ask(idOfShard(three, n)).where())))
  const cut = homes.find((gameId) => gameId !== 3)!
  const mend = cluster.cutGame(cut)
  await cluster.clock.advance(8000)
  // Two of some while the game is alone in the world.
  expect(servicesOf(cluster).length).toBeGreaterThan(5)
  mend()
  await cluster.clock.until(() => servicesOf(cluster).length === 5, 10_000, 'the old ones to go')
  await cluster.clock.advance(6000)
  const ids = servicesOf(cluster).map(({ id }) => id)
  expect([ids.length, new Set(ids).size]).toEqual([5, 5])
  expect(await settled(cluster, three.ask(idOfShard(three, homes.indexOf(cut))).where())).not.toBe(cut)
})

test('nil spaces of all games are called, and entities find their way to those of others', async () => {
  const cluster = await start()
  const one = worldOf(cluster, 1)
  one.callNilSpaces(Nil).shout('hi')
  await cluster.clock.advance(20)
  expect(heard.filter((line) => line.endsWith('hi')).toSorted()).toEqual(['1 hi', '2 hi', '3 hi'])
  const hero = one.create(Hero)
  const { id } = hero
  void hero.enterSpace(one.nilSpaceId(3))
  await cluster.clock.until(() => worldOf(cluster, 3).entity(id) !== undefined, 5000, 'the hero to arrive')
  expect(hero.isGone).toBe(true)
  expect(() => hero.attrs.gold++).toThrow('gone')
  expect(await settled(cluster, one.ask(id).where())).toBe(3)
  expect(one.games).toEqual([1, 2, 3])
})

test('a client is given to an entity of another game, or closed with a reason when there is none', async () => {
  const cluster = await start({ banned: [2, 3] })
  const hero = worldOf(cluster, 1).createOn(3, Hero)
  await cluster.clock.advance(20)
  const client = await cluster.client<{ Account: typeof Account; Hero: typeof Hero }>()
  const greeted: string[] = []
  client.on('Account', { greeted: (text) => void greeted.push(text) })
  client.on('Hero', { greeted: (text) => void greeted.push(text) })
  await cluster.clock.until(() => client.player?.type === 'Account')
  if (client.player?.type === 'Account') client.player.server.become(hero)
  await cluster.clock.until(() => client.player?.type === 'Hero', 5000, 'the client to have its hero')
  await cluster.clock.advance(50)
  expect(greeted).toEqual(['account on 1', 'hero on 3'])
  expect(heard).toContain('account lost its client')
  if (client.player?.type === 'Hero') client.player.server.earn(3)
  await cluster.clock.until(() => client.player?.attrs['gold' as never] === 3)
  const other = await cluster.client<{ Account: typeof Account }>()
  await cluster.clock.until(() => other.player?.type === 'Account')
  other.player!.server.become('nobody.is.here..')
  await cluster.clock.until(() => other.closed !== undefined, 15_000, 'the client to be let go')
  expect(cluster.log.matching('info', 'its player was not there')).toHaveLength(1)
  expect(cluster.errors).toEqual([])
})

test('entities are made and loaded where they are wanted, or where there is room; never twice', async () => {
  const cluster = await start({ banned: [1] })
  const one = worldOf(cluster, 1)
  const at = (id: string) => cluster.games.filter(({ world }) => world.find(id)).map(({ world }) => world.gameId)
  const made = one.createOn(2, Hero, { name: 'ann' })
  await cluster.clock.advance(20)
  expect(at(made)).toEqual([2])
  const spread = Array.from({ length: 30 }, () => one.createAnywhere(Hero))
  await cluster.clock.advance(50)
  const counts = [1, 2, 3].map((gameId) => spread.filter((id) => at(id)[0] === gameId).length)
  for (const count of counts) expect(count).toBeGreaterThan(5)
  // Saved and gone, then wanted by all at once.
  const hero = worldOf(cluster, 2).entity(made)!
  hero.attrs.gold = 9
  await settled(cluster, hero.save())
  hero.destroy()
  await cluster.clock.advance(50)
  for (const id of [1, 2, 3]) worldOf(cluster, id).loadOn(3, Hero, made)
  await cluster.clock.until(() => at(made).length > 0, 5000, 'the hero to be loaded')
  await cluster.clock.advance(100)
  expect(at(made)).toEqual([3])
  expect(await settled(cluster, one.ask(made).earn(1))).toBe(10)
  // Logins stay off game 1.
  const clients: Awaited<ReturnType<TestCluster['client']>>[] = []
  for (let n = 0; n < 6; n++) clients.push(await cluster.client())
  await cluster.clock.until(() => clients.every(({ player }) => player), 5000, 'all to be in')
  const boots = cluster.games.map(({ world }) => world.game.entitiesOf(Account).length)
  expect(boots).toEqual([0, 3, 3])
})

test('the registry: who asks while a dispatcher comes back takes nothing from whoever had it', async () => {
  const cluster = await start()
  const [one, two] = [worldOf(cluster, 1), worldOf(cluster, 2)]
  for (let n = 0; n < 20; n++) two.registry.register(`king/${n}`, 'ann')
  await cluster.clock.until(() => one.registry.get('king/19') === 'ann', 5000, 'all to know it')
  for (const id of [1, 2]) {
    const { restored } = await cluster.crashDispatcher(id)
    await restored()
  }
  // Of games that know no king: they come while the others have yet to say who it is.
  await cluster.crashGame(3)
  const three = await cluster.startGame(3)
  for (let n = 0; n < 20; n++) three.world.registry.register(`king/${n}`, 'bob')
  await cluster.clock.until(() => three.ready, 20_000, 'game 3 to be back')
  await cluster.clock.advance(6000)
  for (const { world } of cluster.games)
    expect(new Set([...world.registry.entries('king/')].map(([, value]) => value))).toEqual(new Set(['ann']))
})

test('the registry: the first has a key unless it is taken by force, and who comes later knows it too', async () => {
  const cluster = await start()
  const [one, two] = [worldOf(cluster, 1), worldOf(cluster, 2)]
  const changes: string[] = []
  const end = two.registry.listen((key, value) => void changes.push(`${key}=${value}`))
  one.registry.register('king', 'ann')
  await cluster.clock.advance(20)
  two.registry.register('king', 'bob')
  await cluster.clock.advance(20)
  expect([one.registry.get('king'), two.registry.get('king')]).toEqual(['ann', 'ann'])
  two.registry.register('king', 'bob', { force: true })
  await cluster.clock.advance(20)
  two.registry.register('queen', 'eve')
  await cluster.clock.advance(20)
  expect([one.registry.get('king'), changes]).toEqual(['bob', ['king=ann', 'king=bob', 'queen=eve']])
  end()
  // Dispatchers that are restarted are told.
  for (const id of [1, 2]) {
    const { restored } = await cluster.crashDispatcher(id)
    await restored()
    await cluster.clock.advance(5000)
  }
  await cluster.crashGame(3)
  await cluster.clock.advance(4000)
  const three = await cluster.startGame(3)
  await cluster.clock.until(() => three.ready, 10_000, 'game 3 to be back')
  await cluster.clock.advance(50)
  expect([...three.world.registry.entries('k'), ...three.world.registry.entries('q')]).toEqual([
    ['king', 'bob'],
    ['queen', 'eve'],
  ])
  one.registry.register('queen', 'zoe')
  await cluster.clock.advance(20)
  expect(three.world.registry.get('queen')).toBe('eve')
  expect(changes).toHaveLength(3)
})

test('a game whose saves cannot be written does not freeze, and does when they can', async () => {
  const cluster = await start()
  const hero = worldOf(cluster, 1).create(Hero)
  await cluster.clock.advance(10)
  const write = cluster.storage.write.bind(cluster.storage)
  cluster.storage.write = async () => {
    throw new Error('the disk is full')
  }
  hero.attrs.gold = 7
  const saved = hero.save()
  await expect(cluster.freezeGame(1)).rejects.toThrow('1 entities could not be saved')
  expect(await settled(cluster, worldOf(cluster, 2).ask(hero.id).earn(1))).toBe(8)
  cluster.storage.write = write
  await settled(cluster, saved)
  await cluster.restoreGame(1, await cluster.freezeGame(1))
  expect(await settled(cluster, worldOf(cluster, 2).ask(hero.id).earn(1))).toBe(9)
})

test('what a game still waits for when it freezes is rejected by name, and loads come to their end', async () => {
  const cluster = await start()
  const one = worldOf(cluster, 1)
  const hero = one.create(Hero, { gold: 5 })
  await settled(cluster, hero.save())
  hero.destroy()
  await cluster.clock.advance(50)
  const late: (() => void)[] = []
  const slow = <T>(work: () => Promise<T>) =>
    new Promise<T>((resolve) => void late.push(() => void work().then(resolve)))
  const { storage, kvdb } = cluster
  const [read, get] = [storage.read.bind(storage), kvdb.get.bind(kvdb)]
  storage.read = (...args) => slow(() => read(...args))
  kvdb.get = (...args) => slow(() => get(...args))
  const asked = one.kvdb.get('key')
  asked.catch(() => {})
  const { id } = one.load(Hero, hero.id) && hero
  one.loadOn(1, Hero, id)
  await cluster.clock.advance(20)
  const frozen = await cluster.freezeGame(1)
  await expect(asked).rejects.toThrow(GameFrozen)
  storage.read = read
  for (const go of late) go()
  await cluster.clock.advance(50)
  await cluster.restoreGame(1, frozen)
  expect(await settled(cluster, worldOf(cluster, 2).ask(id).earn(1))).toBe(6)
  expect(cluster.games.filter(({ world }) => world.find(id))).toHaveLength(1)
})

test('who loads an entity finds what it was when it was destroyed elsewhere, however slow the store', async () => {
  const cluster = await start()
  const hero = worldOf(cluster, 1).create(Hero, { gold: 1 })
  await settled(cluster, hero.save())
  await cluster.clock.advance(50)
  const write = cluster.storage.write.bind(cluster.storage)
  cluster.storage.write = async (...args) => {
    await new Promise<void>((resolve) => void cluster.clock.after(300, resolve))
    return write(...args)
  }
  const { id } = hero
  hero.attrs.gold = 7
  hero.destroy()
  await cluster.clock.advance(2)
  worldOf(cluster, 2).loadOn(2, Hero, id)
  // Called while nobody has it: the call waits, too.
  expect(await settled(cluster, worldOf(cluster, 3).ask(id).earn(1))).toBe(8)
  // The same when it goes to another game with a write under way.
  const there = worldOf(cluster, 2).entity(id)!
  there.attrs.gold = 20
  void there.save()
  void there.enterSpace(worldOf(cluster, 2).nilSpaceId(3))
  await cluster.clock.until(() => worldOf(cluster, 3).entity(id) !== undefined, 5000, 'the hero to arrive')
  cluster.storage.write = write
  worldOf(cluster, 3).entity(id)!.attrs.gold = 30
  await settled(cluster, worldOf(cluster, 3).entity(id)!.save())
  await cluster.clock.advance(1000)
  expect((await cluster.storage.read('Hero', id))?.data).toMatchObject({ gold: 30 })
})
