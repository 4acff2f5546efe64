// What is saved and not in the store yet, when games die: on a cluster whose games keep journals.
import { afterEach, expect, test } from 'vitest'
import { attr, type EntityId, entity, game } from '../../components/game/goworld.ts'
import { StorageError } from '../../engine/storage/errors.ts'
import { type ClusterOptions, TestCluster } from './cluster.ts'

class Account extends entity({}) {}
class Hero extends entity({ attrs: { gold: attr(0, 'persistent') } }) {}

const clusters: TestCluster[] = []
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop()
})

async function start(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  const cluster = await TestCluster.start({ definition: game([Account, Hero]), games: 3, journals: true, ...options })
  clusters.push(cluster)
  return cluster
}

const worldOf = (cluster: TestCluster, id: number) => cluster.games[id - 1]!.world.game

/** A store that takes nothing. Answers how to mend it. */
function breakStore({ storage }: TestCluster): () => void {
  const { write } = storage
  storage.write = async () => {
    throw new StorageError('the database is gone')
  }
  return () => {
    storage.write = write
  }
}

async function settled<T>(cluster: TestCluster, promise: Promise<T>): Promise<T> {
  let over = false
  const done = () => {
    over = true
  }
  promise.then(done, done)
  await cluster.clock.until(() => over, 60_000, 'a promise to settle')
  return promise
}

/** A hero on game 2, stored with 1 gold; the store is gone by then, and 7 gold is in the journal alone. */
async function heroWithSevenGold(cluster: TestCluster): Promise<{ id: EntityId<Hero>; mend: () => void }> {
  const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
  await settled(cluster, hero.save())
  await cluster.clock.until(() => cluster.journals.rowsOf(2).length === 0, 5000, 'the store to have it')
  const mend = breakStore(cluster)
  hero.attrs.gold = 7
  await settled(cluster, hero.save())
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 1 })
  expect(cluster.journals.rowsOf(2)).toHaveLength(1)
  return { id: hero.id, mend }
}

/** The process is gone, and the others know it. */
async function dies(cluster: TestCluster, gameId: number): Promise<void> {
  await cluster.crashGame(gameId)
  await cluster.clock.until(() => !cluster.games[0]!.status().games.includes(gameId), 20_000, 'its end to be known')
}

async function loadedOn(cluster: TestCluster, gameId: number, id: EntityId<Hero>): Promise<Hero> {
  const world = worldOf(cluster, gameId)
  world.loadOn(gameId, Hero, id)
  await cluster.clock.until(() => world.entity(id) !== undefined, 60_000, 'the hero to be loaded')
  return world.entity(id)!
}

test('what a game that died has saved another takes to the store, before its entities are loaded', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  await dies(cluster, 2)
  const loading = loadedOn(cluster, 1, id)
  await cluster.clock.advance(5000)
  expect(worldOf(cluster, 1).entity(id)).toBeUndefined()
  mend()
  const hero = await loading
  expect(hero.attrs.gold).toBe(7)
  expect(cluster.journals.rowsOf(2)).toEqual([])
  hero.attrs.gold++
  await settled(cluster, hero.save())
  expect(cluster.log.matching('info', 'saves of game 2, which died, are in the store')).toHaveLength(1)
})

test('a game that is started again takes what it had saved to the store before anybody can ask it', async () => {
  const cluster = await start({ games: 2 })
  const { id, mend } = await heroWithSevenGold(cluster)
  mend()
  await cluster.crashGame(2)
  await cluster.startGame(2)
  await cluster.clock.until(() => cluster.games[1]!.ready, 10_000, 'the game to be back')
  expect((await cluster.storage.read('Hero', id))?.data).toEqual({ gold: 7 })
  expect((await loadedOn(cluster, 2, id)).attrs.gold).toBe(7)
})

test('a journal that is gone with its machine is waited for so long, and then no more', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  mend()
  cluster.journals.lose(2)
  await dies(cluster, 2)
  const since = cluster.clock.now()
  expect((await loadedOn(cluster, 1, id)).attrs.gold).toBe(1)
  expect(cluster.clock.now() - since).toBeGreaterThan(9000)
  expect(cluster.log.matching('error', 'the journal of game 2, which is dead')).toHaveLength(1)
})

test('a game that was thought dead cannot write over what has been saved since', async () => {
  const cluster = await start()
  const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
  await settled(cluster, hero.save())
  const mend = cluster.cutGame(2)
  await cluster.clock.advance(4000)
  // Its journal is in its hands, so nobody else can replay it.
  const successor = await loadedOn(cluster, 1, hero.id as EntityId<Hero>)
  successor.attrs.gold = 50
  await settled(cluster, successor.save())
  hero.attrs.gold = 2
  const error = await settled(
    cluster,
    hero.save().then(
      () => 'saved',
      (caught: Error) => caught.name,
    ),
  )
  // Its own journal keeps it; the store refuses it, and the log says so.
  expect(['saved', 'SaveOutdated']).toContain(error)
  await cluster.clock.advance(1000)
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 50 })
  expect(cluster.games[1]!.status().saves).toMatchObject({ outdated: 1, depth: 0 })
  mend()
  await cluster.clock.until(
    () => worldOf(cluster, 2).entity(hero.id) === undefined,
    20_000,
    'the old one to be dropped',
  )
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 50 })
})

test('the store away for a minute: play goes on, saves are acknowledged, and nothing is missing when it is back', async () => {
  const cluster = await start({ games: 1 })
  const heroes = Array.from({ length: 50 }, () => worldOf(cluster, 1).create(Hero, {}))
  await cluster.clock.advance(1000)
  const mend = breakStore(cluster)
  for (let second = 1; second <= 60; second++) {
    const saves = heroes.map((hero) => {
      hero.attrs.gold++
      return hero.save()
    })
    await settled(cluster, Promise.all(saves))
    await cluster.clock.advance(1000)
  }
  const status = cluster.games[0]!.status()
  expect(status.saves).toMatchObject({ depth: 50, failing: 50 })
  expect(status.saves.oldestMs).toBeGreaterThan(50_000)
  expect(status.journal).toMatchObject({ rows: 50 })
  mend()
  await cluster.clock.until(() => cluster.games[0]!.status().saves.depth === 0, 20_000, 'the store to have it all')
  for (const hero of heroes) expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 60 })
  expect(cluster.journals.rowsOf(1)).toEqual([])
})
