// Entities that are on their way, or in doubt, when something else happens to them.
import { expect, test } from 'vitest'
import type { EntityId } from '../../components/game/goworld.ts'
import { expectQuiet } from './adversity.ts'
import type { ClusterOptions, TestCluster } from './cluster.ts'
import { type Field, join, type Keeper, start } from './walkers.ts'

const worldOf = (cluster: TestCluster, id: number) => cluster.games[id - 1]!.world
const gameOf = (cluster: TestCluster, id: string) =>
  cluster.games.filter(({ world }) => world.find(id)?.gone === false).map(({ world }) => world.gameId)
const keeperOn = (cluster: TestCluster, game: number, id: string) => worldOf(cluster, game).find(id)?.entity as Keeper

const isDoubted = (cluster: TestCluster) => cluster.log.matching('warn', 'may have lived on game').length > 0

/** A keeper that has set out from game 1 to game 2, and is there. It was stored with 1 gold and left with 5, unsaved. */
async function onGame2(options: Partial<ClusterOptions> = {}) {
  const cluster = await start({ dispatchers: 1, ...options })
  const { clock } = cluster
  const world = worldOf(cluster, 1)
  const core = world.create(world.kinds.get('Keeper')!, { gold: 1 })
  const { id } = core
  await clock.advance(200)
  ;(core.entity as Keeper).attrs.gold = 5
  core.entity.enterSpace(world.registry.get('field/2')! as EntityId<Field>, { x: 0, y: 0, z: 0 }).catch(() => {})
  await clock.until(() => worldOf(cluster, 2).find(id) !== undefined, 5000, 'it to arrive')
  return { cluster, clock, id: id as EntityId<Keeper> }
}

test.each([20_000, 600_000])(
  'one that is asked for while a new dispatcher gathers, and then turns out to be in doubt, is back (%i ms)',
  async (waitMs) => {
    const { cluster, clock, id } = await onGame2()
    const { restored } = await cluster.crashDispatcher(1)
    await cluster.crashGame(2)
    const firstIsBack = cluster.cutGameFrom(1, 1)
    await restored()
    // Game 3 is there, and wants it.
    await clock.advance(1200)
    worldOf(cluster, 3).load(worldOf(cluster, 3).kinds.get('Keeper')!, id)
    await clock.advance(500)
    firstIsBack()
    await clock.advance(waitMs)
    cluster.games.splice(1, 1)
    expect([cluster.games[0]!.world.migration.size, gameOf(cluster, id)]).toEqual([0, [1]])
    expectQuiet(cluster)
    await cluster.stop()
  },
)

test('one that was destroyed where it went, and is still being written, does not come back as it left', async () => {
  const { cluster, clock, id } = await onGame2()
  // Game 1 has not heard that it has arrived.
  const firstIsBack = cluster.cutGameFrom(1, 1)
  await clock.advance(100)
  const { write } = cluster.storage
  cluster.storage.write = async (...row) => {
    await new Promise<void>((resolve) => void clock.after(9000, resolve))
    return write.apply(cluster.storage, row)
  }
  const there = keeperOn(cluster, 2, id)
  there.attrs.gold = 7
  let acknowledged = false
  void there.save().then(() => {
    acknowledged = true
  })
  there.destroy()
  await clock.advance(4000)
  firstIsBack()
  await clock.advance(20_000)
  expect(acknowledged).toBe(true)
  cluster.storage.write = write
  await clock.advance(10_000)
  // It is gone, or is as it was saved last. Whoever wants it has it as it was saved.
  if (gameOf(cluster, id).length === 0) worldOf(cluster, 3).load(worldOf(cluster, 3).kinds.get('Keeper')!, id)
  await clock.advance(2000)
  const one = keeperOn(cluster, gameOf(cluster, id)[0]!, id)
  void one.save()
  await clock.advance(2000)
  expect([one.attrs.gold, (await cluster.storage.read('Keeper', id))?.data['gold']]).toEqual([7, 7])
  expect(cluster.games[0]!.world.migration.size).toBe(0)
  await cluster.stop()
})

test('a slot of one that was being written is not ended once more when another entity has it', async () => {
  const { cluster, clock, id } = await onGame2()
  const firstIsBack = cluster.cutGameFrom(1, 1)
  await clock.advance(100)
  cluster.stores.slowMs = 6000
  keeperOn(cluster, 2, id).attrs.gold = 7
  keeperOn(cluster, 2, id).destroy()
  await clock.advance(4000)
  firstIsBack()
  await clock.advance(30_000)
  cluster.stores.slowMs = 0
  for (const home of gameOf(cluster, id)) worldOf(cluster, home).destroy(worldOf(cluster, home).find(id)!)
  await clock.advance(15_000)
  // Others take its place in the directory.
  const world = worldOf(cluster, 3)
  const cores = Array.from({ length: 20 }, () => world.create(world.kinds.get('Keeper')!, { gold: 1 }))
  await clock.advance(1000)
  await cluster.crashGame(2)
  await clock.advance(10_000)
  const placed = cluster.dispatchers[0]!.status().games.find((one) => one.id === 3)!.placed
  expect(placed).toBe(world.size)
  expect(cores.length).toBe(20)
  cluster.games.splice(1, 1)
  await cluster.stop()
})

test('a load that is under way while its dispatcher is restarted does not make of the store what left with more', async () => {
  const { cluster, clock, id } = await onGame2()
  const firstIsBack = cluster.cutGameFrom(1, 1)
  await cluster.crashGame(2)
  await clock.advance(4000)
  cluster.stores.slowMs = 1500
  firstIsBack()
  await clock.until(() => isDoubted(cluster), 9000, 'it to be in doubt')
  await clock.advance(100)
  const { restored } = await cluster.crashDispatcher(1)
  await clock.advance(200)
  await restored()
  await clock.advance(30_000)
  cluster.games.splice(1, 1)
  expect([gameOf(cluster, id), cluster.games[0]!.world.migration.size]).toEqual([[1], 0])
  expect(keeperOn(cluster, 1, id).attrs.gold).toBe(5)
  expectQuiet(cluster)
  await cluster.stop()
})

test('one that its own game asks for while nobody knows where it is, is there as it left', async () => {
  const { cluster, clock, id } = await onGame2()
  const mend = cluster.cutGame(2)
  // The dispatcher has given game 2 up, and game 1 is about to hear so.
  await clock.until(() => cluster.log.matching('info', 'game 2 is down').length > 0, 9000, 'game 2 to be given up')
  const one = worldOf(cluster, 1)
  for (let n = 0; n < 20; n++) {
    one.load(one.kinds.get('Keeper')!, id)
    await clock.advance(0.1)
  }
  await clock.advance(3000)
  const homes = gameOf(cluster, id).filter((home) => home !== 2)
  expect([homes.map((home) => keeperOn(cluster, home, id).attrs.gold), one.migration.size]).toEqual([[5], 0])
  mend()
  await cluster.stop()
})

test('one that was asked for while it was in doubt, and had died, is loaded', async () => {
  const { cluster, clock, id } = await onGame2()
  const there = keeperOn(cluster, 2, id)
  cluster.cutGame(2)
  there.attrs.gold = 7
  await Promise.all([there.save(), clock.advance(50)])
  cluster.stores.slowMs = 2000
  await clock.until(() => isDoubted(cluster), 9000, 'it to be in doubt')
  await clock.advance(100)
  worldOf(cluster, 3).load(worldOf(cluster, 3).kinds.get('Keeper')!, id)
  await clock.advance(20_000)
  expect(gameOf(cluster, id).filter((home) => home !== 2).length).toBe(1)
  await cluster.stop()
})

test('a game that stops while one is on its way elsewhere neither ends it nor closes its client', async () => {
  const cluster = await start({ dispatchers: 1, banned: [2, 3] })
  const { clock } = cluster
  const ann = await join(cluster, 'ann')
  const { id } = ann.client.player!
  ann.server().go(2, 1, 1)
  await clock.until(() => worldOf(cluster, 2).find(id) !== undefined, 5000, 'it to arrive')
  await Promise.all([cluster.games[0]!.stop(), clock.advance(12_000)])
  expect([ann.client.closed, gameOf(cluster, id)]).toEqual([undefined, [2]])
  cluster.games.splice(0, 1)
  await cluster.stop()
})
