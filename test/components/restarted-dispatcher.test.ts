// After a dispatcher was restarted: what games and gates that were there all along believe of each other, and what a client
// hears until they have found each other again.
import { expect, test } from 'vitest'
import {
  coresOf,
  dispatcherOf,
  expectQuiet,
  joinAt,
  speakerNow,
  speakerOn,
  start as startSpeakers,
} from './adversity.ts'
import type { TestCluster } from './cluster.ts'
import { expectTruth, join, Player, playerOf, players, start } from './walkers.ts'

test('a game that does not reach the restarted dispatcher for a while does not give up the gates that it would hear of', async () => {
  const cluster = await start({ dispatchers: 2, games: 2, gates: 1 })
  const ann = await join(cluster, 'ann')
  // Gate 1 is of dispatcher 2.
  const { restored } = await cluster.crashDispatcher(2)
  const gatesAreBack = cluster.cutGatesFrom(2)
  await restored()
  await cluster.clock.advance(1500)
  const gameIsBack = cluster.cutGameFrom(1, 2)
  await cluster.clock.advance(500)
  gatesAreBack()
  await cluster.clock.advance(1500)
  gameIsBack()
  await cluster.clock.advance(10_000)
  expect(ann.client.closed).toBeUndefined()
  expectTruth(cluster, [ann])
  await cluster.stop()
})

test('a game that has given up a gate, which comes all the same, has its clients closed', async () => {
  const cluster = await start({ dispatchers: 2, games: 2, gates: 1 })
  const ann = await join(cluster, 'ann')
  const bob = await join(cluster, 'bob', 1, 2)
  const { restored } = await cluster.crashDispatcher(2)
  const gatesAreBack = cluster.cutGatesFrom(2)
  await restored()
  await cluster.clock.advance(5000)
  expect(players(cluster)).toEqual([])
  gatesAreBack()
  await cluster.clock.until(() => ann.client.closed !== undefined, 20_000, 'ann to be closed')
  await cluster.clock.until(() => bob.client.closed !== undefined, 20_000, 'bob to be closed')
  await join(cluster, 'carl')
  expect(cluster.errors).toEqual([])
  await cluster.stop()
})

test('a client that was handed on where its player has arrived is not given back by the game that the player left', async () => {
  let moves = 0
  for (let seed = 1; seed <= 40; seed++) {
    const cluster = await start({ seed, dispatchers: 3, games: 3, gates: 2, banned: [2, 3] })
    const joined = await join(cluster, 'hero 1', 2)
    const { id } = joined.client.player!
    const field = cluster.games[0]!.world.registry.get('field/2')!
    // Gate 2 is of dispatcher 3, which is to be restarted; the player is of another, and it is by that that its old game is
    // to hear where it has got to. The answer of its new game comes by dispatcher 2.
    if (dispatcherOf(cluster, id) === 1 && dispatcherOf(cluster, field) === 2) {
      moves++
      playerOf(cluster, 'hero 1').go(2, 1, 1)
      const there = () => cluster.games[1]!.world.find(id)
      await cluster.clock.until(() => there() !== undefined, 5000, 'the player to arrive')
      const mend = cluster.cutGameFrom(1, 1)
      const next = cluster.games[1]!.world.game.create(Player, { name: 'hero 2' })
      there()!.entity.giveClientTo(next)
      await cluster.clock.advance(200)
      const { restored } = await cluster.crashDispatcher(3)
      await restored()
      await cluster.clock.advance(1500)
      mend()
      await cluster.clock.advance(10_000)
      expect([seed, joined.client.closed, joined.client.player?.id]).toEqual([seed, undefined, next.id])
      expectTruth(cluster, [joined], `seed ${seed}`)
    }
    await cluster.stop()
  }
  expect(moves).toBeGreaterThan(1)
})

test('a player whose dispatcher is restarted while it waits for its last save before it leaves, leaves once or stays', async () => {
  const outcomes = new Set<string>()
  for (let seed = 1; seed <= 12; seed++) {
    const cluster = await start({ seed, dispatchers: 1, games: 2, banned: [2] })
    const ann = await join(cluster, 'ann')
    const player = playerOf(cluster, 'ann')
    const write = cluster.storage.write.bind(cluster.storage)
    cluster.storage.write = async (...row) => {
      await new Promise<void>((resolve) => void cluster.clock.after(2000, resolve))
      return write(...row)
    }
    player.attrs.homes = 7
    void player.save()
    player.go(2, 1, 1)
    await cluster.clock.advance(500)
    const { restored } = await cluster.crashDispatcher(1)
    await restored()
    await cluster.clock.advance(10_000)
    expect([seed, cluster.log.matching('warn', 'is back from its way')]).toEqual([seed, []])
    const { homes } = playerOf(cluster, 'ann').attrs
    // Who is back before game 2 is hears that there is no such game.
    expect([seed, homes]).toEqual([seed, ann.client.space?.kind === 2 ? 8 : 7])
    outcomes.add(String(ann.client.space?.kind))
    expectTruth(cluster, [ann], `seed ${seed}`)
    await cluster.stop()
  }
  expect(outcomes).toEqual(new Set(['1', '2']))
})

test('a client that leaves while the dispatcher of its player has given up the game is gone when that is back', async () => {
  const cluster = await start({ dispatchers: 2, games: 2, gates: 1, banned: [2] })
  const ann = await joinAt(cluster, 1)
  // Gate 1 is of dispatcher 2, which sees nothing of it.
  const mend = cluster.cutGameFrom(1, 1)
  await cluster.clock.advance(4000)
  ann.client.close()
  await cluster.clock.advance(1000)
  expect(players(cluster).length).toBe(1)
  mend()
  await cluster.clock.until(() => players(cluster).length === 0, 60_000, 'the player to hear of it')
  await cluster.stop()
})

test('a player that leaves a game whose words to its client are lost is created anew on that client', async () => {
  let moves = 0
  for (let seed = 1; seed <= 16; seed++) {
    const cluster = await start({ seed, dispatchers: 3, gates: 2, banned: [2, 3] })
    const ann = await join(cluster, 'ann', 2)
    const player = playerOf(cluster, 'ann')
    // Gate 2 is of dispatcher 3; what the move needs must go by others.
    if (
      [player.id, cluster.games[0]!.world.registry.get('field/2')!].every((one) => dispatcherOf(cluster, one) !== 3)
    ) {
      moves++
      const mend = cluster.cutGameFrom(1, 3)
      player.attrs.steps.push(1)
      player.attrs.bag.map('deep').set('k', 1)
      await cluster.clock.advance(2000)
      // While it is handed over no time passes for it; the game gives it up all the same.
      void cluster.swapDispatcher(3, 600)
      await cluster.clock.advance(1500)
      player.go(2, 1, 1)
      await cluster.clock.until(() => ann.client.space?.kind === 2, 5000, 'ann to be in the other field')
      playerOf(cluster, 'ann').attrs.bag.map('deep').delete('k')
      playerOf(cluster, 'ann').attrs.steps.pop()
      await cluster.clock.advance(200)
      expectTruth(cluster, [ann], `seed ${seed}`)
      mend()
    }
    await cluster.stop()
  }
  expect(moves).toBeGreaterThan(2)
})

test('an entity that has gone on to a third game stays there, though the first has never heard that it left', async () => {
  let seed = 0
  const isAsWanted = (cluster: TestCluster, id: string) => {
    const fields = [2, 3].map((game) => cluster.games[0]!.world.registry.get(`field/${game}`)!)
    return dispatcherOf(cluster, id) === 1 && fields.every((field) => dispatcherOf(cluster, field) === 2)
  }
  for (;;) {
    const cluster = await startSpeakers({ seed: ++seed, dispatchers: 2, games: 3 })
    const { clock } = cluster
    const speaker = speakerOn(cluster, 1)
    const { id } = speaker
    const isOn = (game: number) => cluster.games[game - 1]!.world.find(id) !== undefined
    await clock.advance(50)
    if (isAsWanted(cluster, id)) {
      speaker.go(2)
      await clock.until(() => isOn(2), 5000, 'it to arrive')
      const firstIsBack = cluster.cutGameFrom(1, 1)
      speakerNow(cluster, id).go(3)
      await clock.until(() => isOn(3), 5000, 'it to arrive once more')
      speakerNow(cluster, id).attrs.said = 7
      await clock.advance(50)
      const { restored } = await cluster.crashDispatcher(1)
      const thirdIsBack = cluster.cutGameFrom(3, 1)
      await restored()
      firstIsBack()
      await clock.advance(2000)
      thirdIsBack()
      await clock.advance(5000)
      expect(cluster.log.matching('warn', 'is back from its way')).toEqual([])
      expect(cluster.log.matching('warn', 'lives elsewhere by now')).toEqual([])
      expect(coresOf(cluster, id).map(({ world }) => world.gameId)).toEqual([3])
      expect(speakerNow(cluster, id).attrs.said).toBe(7)
      expectQuiet(cluster)
      return cluster.stop()
    }
    await cluster.stop()
  }
})

test('an entity that was saved where it went, by a game that died before anybody heard of it, has died with it', async () => {
  const cluster = await startSpeakers({ games: 2 })
  const { clock } = cluster
  const speaker = speakerOn(cluster, 1)
  const { id } = speaker
  await clock.advance(50)
  speaker.go(2)
  await clock.until(() => cluster.games[1]!.world.find(id) !== undefined, 5000, 'it to arrive')
  const { restored } = await cluster.crashDispatcher(1)
  const there = speakerNow(cluster, id)
  there.attrs.gold = 7
  await Promise.all([there.save(), clock.advance(100)])
  const firstIsBack = cluster.cutGameFrom(1, 1)
  await cluster.crashGame(2)
  cluster.games.splice(1, 1)
  await restored()
  await clock.advance(1000)
  firstIsBack()
  await clock.until(() => cluster.log.matching('warn', 'has died with game 2').length > 0, 20_000, 'it to be known')
  await clock.advance(1000)
  expect(coresOf(cluster, id)).toEqual([])
  expectQuiet(cluster)
  // Whoever wants it has it as it was saved.
  const [world] = cluster.games.map((one) => one.world)
  world!.load(world!.kinds.get('Speaker')!, id)
  await clock.until(() => coresOf(cluster, id).length > 0, 5000, 'it to be loaded')
  expect(speakerNow(cluster, id).attrs.gold).toBe(7)
  await cluster.stop()
})
