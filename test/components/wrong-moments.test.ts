// What is said at the wrong moment: a save while its entity leaves, a key while its dispatcher is away, an answer while its game stops.
import { expect, test } from 'vitest'
import { attr, type EntityId, entity, game, service, space } from '../../components/game/goworld.ts'
import { serviceId } from '../../engine/base/id.ts'
import { dispatcherOf } from './adversity.ts'
import { TestCluster } from './cluster.ts'

const placed: string[] = []
class Account extends entity({}) {}
class Hero extends entity({ attrs: { gold: attr(0, 'persistent') } }) {
  override onMigratedOut() {
    this.attrs.gold = 7
    this.save().then(
      () => void saved.push(7),
      () => void saved.push(-1),
    )
  }
}
const saved: number[] = []
class Room extends space({}) {}
class Post extends service({}) {}
class Watcher extends entity({}) {
  override onServicePlaced(_type: unknown, shard: number) {
    placed.push(`${this.game.id} ${shard} ${this.game.registry.get(`service/Post#${shard}`)}`)
  }
}
class Oracle extends entity({}) {
  answer() {
    return 42
  }
}
const definition = game([Account, Hero, Room, Post, Watcher, Oracle])
const worldOf = (cluster: TestCluster, id: number) => cluster.games[id - 1]!.world

test.each([false, true])('what is saved while it leaves is not overtaken (journals: %s)', async (journals) => {
  saved.length = 0
  const cluster = await TestCluster.start({ definition, games: 3, journals })
  const { clock } = cluster
  const room = worldOf(cluster, 2).game.createSpace(Room, 1)
  const hero = worldOf(cluster, 1).game.create(Hero, { gold: 1 })
  const id = hero.id as EntityId<Hero>
  await clock.advance(1000)
  const { write } = cluster.storage
  cluster.storage.write = async (...row) => {
    await new Promise<void>((resolve) => void clock.after(2000, resolve))
    return write.apply(cluster.storage, row)
  }
  hero.enterSpace(room.id, { x: 0, y: 0, z: 0 }).catch(() => {})
  await clock.until(() => worldOf(cluster, 2).find(id) !== undefined, 9000, 'it to arrive')
  worldOf(cluster, 2).game.entity(id)!.destroy()
  await clock.advance(100)
  worldOf(cluster, 3).game.load(Hero, id)
  await clock.until(() => cluster.games.some(({ world }) => world.find(id) !== undefined), 9000, 'it to be loaded')
  const again = cluster.games.map(({ world }) => world.find(id)).find((one) => one)!.entity as unknown as Hero
  await clock.advance(6000)
  expect(saved).toEqual([7])
  expect(again.attrs.gold).toBe(7)
  void again.save()
  await clock.advance(4000)
  expect((await cluster.storage.read('Hero', id))?.data).toEqual({ gold: 7 })
  await cluster.stop()
})

test('what a game registers while the dispatcher of the key is away all know when it is back', async () => {
  const cluster = await TestCluster.start({ definition, games: 2 })
  const { clock } = cluster
  const { restored } = await cluster.crashDispatcher(1)
  await clock.advance(100)
  worldOf(cluster, 1).registry.register('boss', 'alive')
  await clock.advance(100)
  await restored()
  await clock.advance(20_000)
  expect(cluster.games.map(({ world }) => world.registry.get('boss'))).toEqual(['alive', 'alive'])
  await cluster.stop()
})

test('that a service is placed again all hear, though the dispatcher that is to say so was restarted', async () => {
  for (const dispatchers of [2, 3, 4, 5]) {
    const cluster = await TestCluster.start({ definition, games: 3, dispatchers })
    const { clock } = cluster
    await clock.advance(6000)
    const id = serviceId('Post')
    const home = cluster.games.findIndex(({ world }) => world.find(id)) + 1
    const links = worldOf(cluster, 1).cluster as unknown as { links: unknown[]; toKey(key: string): unknown }
    const keyAt = links.links.indexOf(links.toKey('service/Post#0')) + 1
    if (dispatcherOf(cluster, id) === keyAt) {
      await cluster.stop()
      continue
    }
    const other = home === 1 ? 2 : 1
    worldOf(cluster, other).game.create(Watcher)
    await clock.advance(100)
    placed.length = 0
    // A dispatcher dies together with a game: it was on the same machine.
    await Promise.all([cluster.kill('dispatcher', keyAt), cluster.kill('game', home), clock.advance(10)])
    await clock.advance(4500)
    await cluster.replace('dispatcher', keyAt)
    await clock.advance(30_000)
    const now = cluster.games.findIndex(({ world }, n) => n + 1 !== home && world.find(id)) + 1
    expect(now).toBeGreaterThan(0)
    expect(now).not.toBe(home)
    expect(worldOf(cluster, other).registry.get('service/Post#0')).toContain(`${now}/`)
    expect(placed.length).toBeGreaterThan(0)
    cluster.games.splice(home - 1, 1)
    return cluster.stop()
  }
  throw new Error('another name for the service')
})

test('a game that stops hears the answers to what it has asked', async () => {
  const cluster = await TestCluster.start({ definition, games: 2 })
  const { clock } = cluster
  const here = cluster.games[0]!.world.game.create(Oracle, {})
  const there = cluster.games[1]!.world.game.create(Oracle, {})
  await clock.advance(100)
  const answers: unknown[] = []
  here
    .ask(there.id as EntityId<Oracle>)
    .answer()
    .then(
      (value) => void answers.push(value),
      (error) => void answers.push(error),
    )
  const began = clock.now()
  let stoppedMs = 0
  const stopping = cluster.games[0]!.stop().then(() => {
    stoppedMs = clock.now() - began
  })
  await Promise.all([stopping, clock.advance(12_000)])
  expect(answers).toEqual([42])
  expect(cluster.log.matching('warn', 'promises are still open')).toEqual([])
  expect(stoppedMs).toBeLessThan(1000)
  cluster.games.splice(0, 1)
  await cluster.stop()
})
