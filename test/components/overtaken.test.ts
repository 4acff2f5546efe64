// Saves that were acknowledged, and a game that was cut off, or a store that is away for long: nothing older takes their place.
import { expect, test } from 'vitest'
import { attr, type EntityId, game, service } from '../../components/game/goworld.ts'
import { MemoryJournals } from '../../components/testing/memory-journals.ts'
import { serviceId } from '../../engine/base/id.ts'
import type { ClusterOptions, TestCluster } from './cluster.ts'
import { Account, breakStore, Hero, Room, settled, start as startJournaling, worldOf } from './journaling.ts'

/** Each game has a machine of its own: nobody else sees its journal. */
function onMachinesOfTheirOwn(): () => void {
  const { of } = MemoryJournals.prototype
  MemoryJournals.prototype.of = function (gameId) {
    return { ...of.call(this, gameId), list: () => [gameId], open: async () => 'none' }
  }
  return () => {
    MemoryJournals.prototype.of = of
  }
}

class Bank extends service({ attrs: { gold: attr(0, 'persistent') } }) {}

const start = (options: Partial<ClusterOptions> = {}) =>
  startJournaling({ definition: game([Account, Hero, Room, Bank]), ...options })
const homes = (cluster: TestCluster, id: string) =>
  [1, 2, 3].filter((gameId) => cluster.games[gameId - 1]?.world.find(id)?.gone === false)

test('what a game that was cut off has acknowledged is not passed over when it is back', async () => {
  const again = onMachinesOfTheirOwn()
  const cluster = await start()
  const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
  const id = hero.id as EntityId<Hero>
  await settled(cluster, hero.save())
  await cluster.clock.until(() => cluster.journals.rowsOf(2).length === 0, 5000, 'the store to have it')
  const mendStore = breakStore(cluster)
  hero.attrs.gold = 7
  await settled(cluster, hero.save())
  const mend = cluster.cutGame(2)
  await cluster.clock.advance(4000)
  worldOf(cluster, 1).loadOn(1, Hero, id)
  await cluster.clock.advance(500)
  expect(homes(cluster, id)).toEqual([2])
  mend()
  await cluster.clock.advance(3000)
  mendStore()
  await cluster.clock.advance(20_000)
  again()
  const [home] = homes(cluster, id)
  const one = worldOf(cluster, home!).entity(id)!
  expect([home, one.attrs.gold]).toEqual([2, 7])
  one.attrs.gold++
  await settled(cluster, one.save())
  await cluster.clock.advance(2000)
  expect((await cluster.storage.read('Hero', id))?.data).toEqual({ gold: 8 })
})

test('the same of a service, which nobody has to ask for', async () => {
  const again = onMachinesOfTheirOwn()
  const cluster = await start()
  again()
  await cluster.clock.advance(2000)
  const id = serviceId('Bank')
  const home = homes(cluster, id)[0]!
  const bank = cluster.games[home - 1]!.world.find(id)!.entity as unknown as Bank
  bank.attrs.gold = 1
  await settled(cluster, bank.save())
  await cluster.clock.advance(1000)
  const mendStore = breakStore(cluster)
  bank.attrs.gold = 7
  await settled(cluster, bank.save())
  const mend = cluster.cutGame(home)
  await cluster.clock.advance(6000)
  mend()
  await cluster.clock.advance(3000)
  mendStore()
  await cluster.clock.advance(20_000)
  const now = cluster.games[homes(cluster, id)[0]! - 1]!.world.find(id)!.entity as unknown as Bank
  expect(now.attrs.gold).toBe(7)
})

test.each([false, true])(
  'what a cut off game has is void, too, when the entity has lived and gone elsewhere (journals: %s)',
  async (journals) => {
    const cluster = await start({ journals })
    const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
    const id = hero.id as EntityId<Hero>
    await settled(cluster, hero.save())
    await cluster.clock.advance(1000)
    const mend = cluster.cutGame(2)
    await cluster.clock.advance(4000)
    worldOf(cluster, 1).loadOn(1, Hero, id)
    await cluster.clock.until(() => worldOf(cluster, 1).entity(id) !== undefined, 60_000, 'it to be loaded')
    const successor = worldOf(cluster, 1).entity(id)!
    successor.attrs.gold = 50
    await settled(cluster, successor.save())
    successor.destroy()
    await cluster.clock.advance(15_000)
    mend()
    await cluster.clock.advance(5000)
    // Whoever wants it from now on has it as it was saved last.
    const acknowledged: number[] = []
    for (let n = 0; n < 5; n++) {
      worldOf(cluster, 3).load(Hero, id)
      await cluster.clock.advance(20_000)
      const [home] = homes(cluster, id)
      if (home === undefined) continue
      const one = worldOf(cluster, home).entity(id)!
      one.attrs.gold += 100
      const gold = one.attrs.gold
      await settled(
        cluster,
        one.save().then(
          () => void acknowledged.push(gold),
          () => {},
        ),
      )
      await cluster.clock.advance(1000)
    }
    const stored = (await cluster.storage.read('Hero', id))?.data['gold']
    expect([stored, homes(cluster, id).map((home) => worldOf(cluster, home).entity(id)!.attrs.gold)]).toEqual([
      acknowledged.at(-1),
      [acknowledged.at(-1)],
    ])
    expect(stored as number).toBeGreaterThan(150)
  },
)

test('a game that comes back reads what has been saved elsewhere since, and not what it could not save itself', async () => {
  const cluster = await start({ journals: false })
  const { clock } = cluster
  const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
  const id = hero.id as EntityId<Hero>
  await settled(cluster, hero.save())
  await clock.advance(1000)
  const mend = cluster.cutGame(2)
  cluster.stores.isDown = true
  hero.attrs.gold = 2
  void hero.save().catch(() => {})
  await clock.advance(13_000)
  cluster.stores.isDown = false
  worldOf(cluster, 1).loadOn(1, Hero, id)
  await clock.until(() => worldOf(cluster, 1).entity(id) !== undefined, 5000, 'it to be loaded')
  const successor = worldOf(cluster, 1).entity(id)!
  successor.attrs.gold = 50
  await settled(cluster, successor.save())
  successor.destroy()
  mend()
  await clock.until(() => worldOf(cluster, 2).entity(id) === undefined, 5000, 'the old one to be dropped')
  await clock.advance(100)
  worldOf(cluster, 2).loadOn(2, Hero, id)
  await clock.until(() => worldOf(cluster, 2).entity(id) !== undefined, 20_000, 'it to be loaded once more')
  const again = worldOf(cluster, 2).entity(id)!
  expect(again.attrs.gold).toBe(50)
})

test('whoever wants an entity that is still being written waits, however long the store is away', async () => {
  const cluster = await start()
  const { clock } = cluster
  const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
  const id = hero.id as EntityId<Hero>
  await settled(cluster, hero.save())
  await clock.until(() => cluster.journals.rowsOf(2).length === 0, 5000, 'the store to have it')
  cluster.stores.isDown = true
  hero.attrs.gold = 7
  // The journal has it.
  await settled(cluster, hero.save())
  hero.destroy()
  await clock.advance(1000)
  // The player comes again, and again.
  for (let n = 0; n < 15; n++) {
    worldOf(cluster, 1).loadOn(1, Hero, id)
    await clock.advance(5500)
  }
  cluster.stores.isDown = false
  worldOf(cluster, 1).loadOn(1, Hero, id)
  await clock.until(() => homes(cluster, id).length > 0, 30_000, 'it to be loaded')
  const again = worldOf(cluster, homes(cluster, id)[0]!).entity(id)!
  expect(again.attrs.gold).toBe(7)
  await settled(cluster, again.save())
  await clock.advance(15_000)
  expect((await cluster.storage.read('Hero', id))?.data).toEqual({ gold: 7 })
})
