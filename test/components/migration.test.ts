// Entities that go from game to game while they are called, seen and played: each lives in one place, each call runs
// once, and every client sees what there is; with connections that break and games that die at every step.
import { expect, test } from 'vitest'
import { type EntityId, entityId, game } from '../../components/game/goworld.ts'
import type { ClusterOptions, TestCluster } from './cluster.ts'
import { Account, expectTruth, Field, type Joined, join, type Keeper, type Player, players, start } from './walkers.ts'

/** The games on which an entity lives. */
const gameOf = (cluster: TestCluster, id: string) =>
  cluster.games.filter(({ world }) => world.find(id)).map(({ world }) => world.gameId)

test('an entity goes to another game with all it has, and its client notices nothing but the place', async () => {
  const cluster = await start()
  const ann = await join(cluster, 'ann')
  const bob = await join(cluster, 'bob')
  const carl = await join(cluster, 'carl', 1, 2)
  const { id } = ann.client.player!
  ann.server().add(1)
  await cluster.clock.advance(250)
  const told: string[] = []
  ann.client.on('Player', { created: () => void told.push('created'), destroyed: () => void told.push('destroyed') })
  ann.server().go(2, 3, 4)
  await cluster.clock.until(() => ann.client.space?.kind === 2, 5000, 'ann to be in the other field')
  ann.server().add(2)
  await cluster.clock.advance(300)
  expect(gameOf(cluster, id)).toEqual([2])
  expectTruth(cluster, [ann, bob, carl])
  expect(ann.added).toEqual([1, 2])
  const core = cluster.games[1]!.world.find(id)!
  expect(core).toMatchObject({ x: 3, z: 4, clientSyncing: true, epoch: 2, filters: new Map([['name', 'ann']]) })
  const player = core.entity as unknown as Player
  // Five beats of 100 ms, the first three on the other game, and the handle still names the timer.
  expect(player.beats).toBeGreaterThanOrEqual(5)
  expect(player.cancel(player.beat)).toBe(true)
  expect(player.attrs.homes).toBe(1)
  // The player was never away; bob was, carl came.
  expect(told).toEqual(['destroyed', 'created'])
  await cluster.stop()
})

test('an entity that is called while it moves gets every call once and in order, wherever it is', async () => {
  const cluster = await start({ dispatchers: 2 })
  const [ann, bob] = [await join(cluster, 'ann'), await join(cluster, 'bob', 1, 2)]
  for (let n = 0; n < 60; n++) {
    if (n % 6 === 0) ann.server().go(1 + ((n / 6) % 3), n, n)
    bob.server().pokeAll(n)
    ann.server().add(n)
    await cluster.clock.advance(cluster.random() * 4)
  }
  await cluster.clock.advance(1000)
  const core = players(cluster).find(({ id }) => id === ann.client.player!.id)!
  const poked = (core.entity as unknown as Player).attrs.poked.get('bob')!.toPlain()
  expect(poked).toEqual(Array.from({ length: 60 }, (_, n) => n))
  expect(ann.added).toEqual(Array.from({ length: 60 }, (_, n) => n))
  expect(core.epoch).toBeGreaterThan(5)
  expectTruth(cluster, [ann, bob])
  expect(cluster.log.matching('error', '')).toEqual([])
  await cluster.stop()
})

test('with connections breaking at random every entity lives once, every call runs once, mirrors are true', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const cluster = await start({
      seed,
      split: true,
      games: 2 + (seed % 2),
      dispatchers: 1 + (seed % 3),
      gates: 1 + (seed % 5 === 0 ? 1 : 0),
    })
    const { length: gates } = cluster.gates
    const { length: games } = cluster.games
    const joined: Joined[] = []
    for (let n = 0; n < 4; n++) joined.push(await join(cluster, `bot${n}`, 1 + (n % gates), 1 + (n % games)))
    const sent = joined.map((): number[] => [])
    const poked = joined.map((): number[] => [])
    for (let step = 0; step < 60; step++) {
      const n = Math.floor(cluster.random() * joined.length)
      const server = joined[n]!.server()
      const dice = cluster.random()
      const [x, z] = [Math.floor(cluster.random() * 60), Math.floor(cluster.random() * 60)]
      if (dice < 0.3) {
        server.add(step)
        sent[n]!.push(step)
      } else if (dice < 0.5) {
        server.pokeAll(step)
        poked[n]!.push(step)
      } else if (dice < 0.7) server.walk(x, z)
      else server.go(1 + Math.floor(cluster.random() * games), x, z)
      if (cluster.random() < 0.1) cluster.network.dropRandom()
      await cluster.clock.advance(cluster.random() * 20)
    }
    await cluster.clock.advance(4000)
    const where = `seed ${seed}`
    expect([where, joined.map(({ added }) => added)]).toEqual([where, sent])
    expectTruth(cluster, joined, where)
    for (const core of players(cluster)) {
      const { name, poked: got } = (core.entity as unknown as Player).attrs
      for (const [n, from] of joined.entries()) {
        if (from.name === name) continue
        const wanted = poked[n]!
        // Of one sender that moves itself, calls may come by two ways: once each, not in order.
        const heard = (got.get(from.name)?.toPlain() ?? []) as number[]
        expect([where, name, from.name, heard.toSorted((a, b) => a - b)]).toEqual([where, name, from.name, wanted])
      }
    }
    expect([where, cluster.log.matching('error', '')]).toEqual([where, []])
    for (const { world } of cluster.games) expect([where, world.migration.size]).toEqual([where, 0])
    await cluster.stop()
  }
}, 240_000)

test('an entity that changes its mind on the way gets every call once all the same, in order', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const cluster = await start({ seed, dispatchers: 1 + (seed % 2) })
    const ann = await join(cluster, 'ann')
    const bob = await join(cluster, 'bob', 1, 2)
    const calls = 60
    for (let n = 0; n < calls; n++) {
      if (cluster.random() < 0.3) ann.server().go(1 + Math.floor(cluster.random() * 3), n, n)
      bob.server().pokeAll(n)
      await cluster.clock.advance(cluster.random())
    }
    await cluster.clock.advance(2000)
    const where = `seed ${seed}`
    const core = players(cluster).find(({ id }) => id === ann.client.player!.id)!
    const poked = (core.entity as unknown as Player).attrs.poked.get('bob')!.toPlain()
    // In order, too: bob speaks from one place.
    expect([where, poked]).toEqual([where, Array.from({ length: calls }, (_, n) => n)])
    expectTruth(cluster, [ann, bob], where)
    await cluster.stop()
  }
})

/** A player sets out for game 2, and something happens `ms` later. Answers where it is when all is quiet. */
async function interrupted(
  seed: number,
  ms: number,
  options: Partial<ClusterOptions>,
  happen: (cluster: TestCluster) => Promise<unknown>,
) {
  const cluster = await start({ seed, ...options })
  const ann = await join(cluster, 'ann')
  const bob = await join(cluster, 'bob', 1, 3)
  const { id } = ann.client.player!
  ann.server().add(1)
  await cluster.clock.advance(50)
  ann.server().go(2, 1, 1)
  bob.server().pokeAll(1)
  await cluster.clock.advance(ms)
  await happen(cluster)
  bob.server().pokeAll(2)
  await cluster.clock.advance(8000)
  return { cluster, ann, bob, id, at: gameOf(cluster, id) }
}

test('a game that dies while an entity is on its way to it: the entity is back where it was, or has died there', async () => {
  const outcomes = { back: 0, died: 0 }
  for (let step = 0; step < 40; step++) {
    const where = `step ${step}`
    const { cluster, ann, bob, id } = await interrupted(step, step / 4, { dispatchers: 1 + (step % 2) }, (all) =>
      all.crashGame(2),
    )
    cluster.games.splice(1, 1)
    if (ann.client.closed !== undefined) {
      outcomes.died++
      expect([where, ann.client.closed]).toEqual([where, expect.anything()])
    } else {
      outcomes.back++
      expect([where, gameOf(cluster, id)]).toEqual([where, [1]])
      expectTruth(cluster, [ann, bob], where)
      const core = cluster.games[0]!.world.find(ann.client.player!.id)!
      const heard = (core.entity as unknown as Player).attrs.poked.get('bob')!.toPlain() as number[]
      expect([where, heard.toSorted()]).toEqual([where, [1, 2]])
      ann.server().add(2)
      await cluster.clock.until(() => ann.added.includes(2), 5000, 'ann to play on')
    }
    expect([where, cluster.log.matching('error', '')]).toEqual([where, []])
    for (const { world } of cluster.games) expect([where, world.migration.size]).toEqual([where, 0])
    await cluster.stop()
  }
  expect(outcomes.back).toBeGreaterThan(5)
  expect(outcomes.died).toBeGreaterThan(5)
})

test('a game that dies while an entity leaves it: the entity lives on, or has died with it', async () => {
  const outcomes = { arrived: 0, died: 0 }
  for (let step = 0; step < 40; step++) {
    const where = `step ${step}`
    const { cluster, ann, bob } = await interrupted(step, step / 4, { dispatchers: 1 + (step % 2) }, (all) =>
      all.crashGame(1),
    )
    cluster.games.splice(0, 1)
    if (ann.client.closed !== undefined) outcomes.died++
    else {
      outcomes.arrived++
      expectTruth(cluster, [ann, bob], where)
      ann.server().add(2)
      await cluster.clock.until(() => ann.added.includes(2), 5000, `${where}: ann to play on`)
    }
    expect([where, cluster.log.matching('error', '')]).toEqual([where, []])
    await cluster.stop()
  }
  expect(outcomes.arrived).toBeGreaterThan(5)
  expect(outcomes.died).toBeGreaterThan(5)
})

test('a dispatcher that is restarted while an entity is on its way: it lives on one of the two games', async () => {
  const lived = new Map<number, number>()
  for (let step = 0; step < 60; step++) {
    const where = `step ${step}`
    const dispatchers = 1 + (step % 3)
    const { cluster, ann, bob, at } = await interrupted(step, step / 6, { dispatchers }, async (all) => {
      const { restored } = await all.crashDispatcher(1 + (step % dispatchers))
      await all.clock.advance(step % 2 === 0 ? 20 : 600)
      await restored()
      const bobs = players(all).find(({ entity }) => (entity as unknown as Player).attrs.name === 'bob')!
      for (let n = 0; n < 40; n++) {
        ;(bobs.entity as unknown as Player).pokeAll(100 + n)
        await all.clock.advance(20)
      }
    })
    expect([where, at.length]).toEqual([where, 1])
    lived.set(at[0]!, (lived.get(at[0]!) ?? 0) + 1)
    expect([where, ann.client.closed, bob.client.closed]).toEqual([where, undefined, undefined])
    expectTruth(cluster, [ann, bob], where)
    ann.server().add(2)
    await cluster.clock.until(() => ann.added.includes(2), 5000, `${where}: ann to play on`)
    expect([where, cluster.log.matching('error', '')]).toEqual([where, []])
    for (const { world } of cluster.games) expect([where, world.migration.size]).toEqual([where, 0])
    await cluster.stop()
  }
  expect([...lived.keys()].toSorted()).toEqual([1, 2])
})

test('a game that was cut off for too long and comes back drops what lives elsewhere by then', async () => {
  for (let step = 0; step < 20; step++) {
    const where = `step ${step}`
    const { cluster, ann, bob, id, at } = await interrupted(step, step / 4, {}, async (all) => {
      const mend = all.cutGame(2)
      await all.clock.advance(4000)
      mend()
    })
    expect([where, at.length <= 1]).toEqual([where, true])
    if (ann.client.closed === undefined) expectTruth(cluster, [ann, bob], where)
    else expect([where, gameOf(cluster, id)]).toEqual([where, []])
    expect([where, cluster.log.matching('error', '')]).toEqual([where, []])
    await cluster.stop()
  }
})

test('what a game that is cut off has saved of an entity that reached it is not undone by the game that it left', async () => {
  const outcomes = new Set<string>()
  for (let step = 0; step < 20; step++) {
    const where = `step ${step}`
    const cluster = await start({ dispatchers: 1 })
    const { clock } = cluster
    const keeper = cluster.games[0]!.world.create(cluster.games[0]!.world.kinds.get('Keeper')!, { gold: 1 })
    const { id } = keeper
    await clock.advance(50)
    const field = cluster.games[0]!.world.registry.get('field/2')! as EntityId<Field>
    keeper.entity.enterSpace(field, { x: 0, y: 0, z: 0 }).catch(() => {})
    const arrived = () => cluster.games[1]!.world.find(id)?.entity as Keeper | undefined
    await clock.until(() => arrived() !== undefined, 5000, 'it to arrive')
    await clock.advance((step % 10) / 100)
    const mend = cluster.cutGame(2)
    const isSaved = step < 10
    if (isSaved) {
      arrived()!.attrs.gold = 7
      await Promise.all([arrived()!.save(), clock.advance(50)])
    }
    await clock
      .until(() => gameOf(cluster, id).length !== 1 || gameOf(cluster, id)[0] === 1, 8000, where)
      .catch(() => {})
    mend()
    await clock.advance(3000)
    const homes = gameOf(cluster, id)
    outcomes.add(`${isSaved} ${homes}`)
    const { data } = (await cluster.storage.read('Keeper', id))!
    expect([where, data['gold']]).toEqual([where, isSaved ? 7 : 1])
    for (const { world } of cluster.games) expect([where, world.migration.size]).toEqual([where, 0])
    await cluster.stop()
  }
  expect([...outcomes].toSorted()).toEqual(['false 1', 'true '])
})

test('an entity that may have been saved elsewhere waits for the store, and is not lost while that fails', async () => {
  for (const stops of [false, true]) {
    const cluster = await start({ dispatchers: 1 })
    const { clock } = cluster
    const { world } = cluster.games[0]!
    const { id, entity } = world.create(world.kinds.get('Keeper')!, { gold: 1 })
    await clock.advance(50)
    entity.enterSpace(world.registry.get('field/2')! as EntityId<Field>, { x: 0, y: 0, z: 0 }).catch(() => {})
    await clock.until(() => cluster.games[1]!.world.find(id) !== undefined, 5000, 'it to arrive')
    const mend = cluster.cutGame(2)
    cluster.stores.isDown = true
    await clock.advance(8000)
    expect([world.migration.size, world.find(id)]).toEqual([1, undefined])
    expect(cluster.log.matching('error', 'Keeper<').length).toBeGreaterThan(0)
    cluster.stores.isDown = false
    // A game that ends meanwhile has it saved as it left.
    if (stops) await Promise.all([cluster.games[0]!.stop(), clock.advance(8000)])
    else await clock.until(() => world.find(id) !== undefined, 2000, 'it to be back')
    expect([world.migration.size, (await cluster.storage.read('Keeper', id))?.data['gold']]).toEqual([0, 1])
    mend()
    await cluster.stop()
  }
})

test('an entity cannot go where there is no space, and stays', async () => {
  const cluster = await start()
  const ann = await join(cluster, 'ann')
  const player = players(cluster)[0]!.entity
  const refused: string[] = []
  const enter = (id: string) =>
    player.enterSpace(id as EntityId<Field>).catch((error) => void refused.push(String(error.message)))
  const going = [enter('there.is.no.such'), enter('no.such.space..1')]
  await cluster.clock.advance(20)
  // A bad id, a space that was, an entity that is none.
  going.push(enter(''), enter(ann.client.player!.id))
  await cluster.clock.advance(6000)
  await Promise.all(going)
  expect(refused).toEqual([
    expect.stringContaining('it was told to enter another'),
    expect.stringContaining('no.such.space..1'),
    expect.stringContaining("there is no space ''"),
    expect.stringContaining('there is no space'),
  ])
  expectTruth(cluster, [ann])
  await cluster.stop()
})

test('a game of other code refuses an entity that it has no class for: it is back', async () => {
  const cluster = await start({ games: 2, definitions: { 2: game([Account, Field], { nilSpace: Field }) } })
  const ann = await join(cluster, 'ann')
  const core = players(cluster)[0]!
  const failed: string[] = []
  core.entity
    .enterSpace(entityId(cluster.games[1]!.world.registry.get('field/2')!))
    .catch((error) => void failed.push(String(error.message)))
  await cluster.clock.until(() => failed.length === 1, 5000, 'the refusal')
  expect(failed[0]).toContain('this game has no class Player')
  await cluster.clock.advance(500)
  expectTruth(cluster, [ann])
  expect(gameOf(cluster, core.id)).toEqual([1])
  expect(players(cluster)[0]!.epoch).toBeGreaterThan(core.epoch)
  ann.server().add(1)
  await cluster.clock.until(() => ann.added.length === 1)
  await cluster.stop()
})
