// Trouble that comes at the worst moment: games and dispatchers that die, are cut off or are frozen while entities move and
// clients change hands. Calls keep their order, nobody lives twice, and no client is left waiting for a player that is gone.
import { describe, expect, test } from 'vitest'
import { entityId } from '../../components/game/goworld.ts'
import { nilSpaceId } from '../../engine/base/id.ts'
import {
  coresOf,
  dispatcherOf,
  expectQuiet,
  expectServed,
  heardBy,
  joinAt,
  ordeal,
  speakerNow,
  speakerOn,
  start,
  type Trial,
  withoutPlayers,
} from './adversity.ts'
import type { TestCluster } from './cluster.ts'
import { expectTruth, join, Player, playerOf } from './walkers.ts'

const upTo = (n: number) => Array.from({ length: n }, (_, at) => at)

describe('calls', () => {
  /** One on game 1 sets out for game 2, and is told numbers by its neighbour, who is told to by one on game 2. */
  async function toldOnItsWay(
    seed: number,
    tell: (cluster: TestCluster, told: (n: number) => void) => Promise<number>,
  ) {
    const cluster = await start({ seed })
    const [neighbour, goer, far] = [speakerOn(cluster, 1), speakerOn(cluster, 1), speakerOn(cluster, 2)]
    const { id } = goer
    await cluster.clock.advance(5)
    goer.go(2)
    const count = await tell(cluster, (n) => far.call(neighbour.id).tell(id, n))
    await cluster.clock.advance(600)
    expect([seed, coresOf(cluster, id).map(({ world }) => world.gameId)]).toEqual([seed, [2]])
    expect([seed, heardBy(cluster, id)]).toEqual([seed, upTo(count)])
    await cluster.stop()
  }

  test('keep their order when the callee is packed between two calls of its neighbour', async () => {
    for (let seed = 1; seed <= 12; seed++)
      await toldOnItsWay(seed, async (cluster, tell) => {
        for (let n = 0; n < 240; n++) {
          tell(n)
          if (n % 4 === 3) await cluster.clock.advance(0.25)
        }
        return 240
      })
  })

  test('keep their order when all connections break meanwhile', async () => {
    for (let seed = 1; seed <= 20; seed++)
      await toldOnItsWay(seed, async (cluster, tell) => {
        for (let n = 0; n < 200; n++) {
          tell(n)
          await cluster.clock.advance(0.1)
          if (n === seed * 3) cluster.network.dropAll()
        }
        return 200
      })
  })

  test('keep their order when several packets come at once', async () => {
    for (let seed = 1; seed <= 15; seed++)
      await toldOnItsWay(seed, async (cluster, tell) => {
        const { clock } = cluster
        const defer = clock.defer.bind(clock)
        // Everybody is busy for half a millisecond: what comes meanwhile is handled in one turn, and sent as one batch.
        clock.defer = (action) => void clock.after(0.5, action)
        for (let n = 0; n < 100; n++) {
          tell(n)
          await clock.advance(0.2)
        }
        clock.defer = defer
        return 100
      })
  })

  test('between neighbours that are on their way when their game is frozen are made after it', async () => {
    const cluster = await start()
    // A turn takes a little time, as it does in a real process: else the two would never let the clock go on.
    cluster.clock.defer = (action) => void cluster.clock.after(0.01, action)
    const [one, other] = [speakerOn(cluster, 1), speakerOn(cluster, 1)]
    const { id } = one
    one.rally(other.id, 1)
    await cluster.clock.advance(5)
    expect(one.attrs.said).toBeGreaterThan(2)
    await cluster.restoreGame(1, await cluster.freezeGame(1))
    const before = speakerNow(cluster, id).attrs.said
    await cluster.clock.advance(20)
    expect(speakerNow(cluster, id).attrs.said).toBeGreaterThan(before)
    await cluster.stop()
  })

  test('that waited for a frozen game keep their order though the callee leaves before all are made', async () => {
    const cluster = await start()
    const [goer, far] = [speakerOn(cluster, 1), speakerOn(cluster, 2)]
    const { id } = goer
    await cluster.clock.advance(50)
    const frozen = await cluster.freezeGame(1)
    far.call(id).go(2)
    // Enough that it takes its time to be sent.
    const baggage = 'x'.repeat(1_000_000)
    for (let n = 0; n < 50; n++) {
      far.call(id).carry(baggage)
      far.tell(id, n)
      await cluster.clock.advance(30)
    }
    await cluster.restoreGame(1, frozen)
    await cluster.clock.advance(3000)
    expect(coresOf(cluster, id).map(({ world }) => world.gameId)).toEqual([2])
    expect(heardBy(cluster, id)).toEqual(upTo(50))
    await cluster.stop()
  })

  test('to one that has just been made are not lost when its dispatcher hears of it late', async () => {
    const cluster = await start({ dispatchers: 3 })
    // Longer than the dispatchers gather what games report.
    await cluster.clock.advance(6000)
    const far = speakerOn(cluster, 2)
    const mend = cluster.cutGameFrom(1, 1)
    const made = Array.from({ length: 9 }, () => speakerOn(cluster, 1)).filter(
      ({ id }) => dispatcherOf(cluster, id) === 1,
    )
    expect(made.length).toBeGreaterThan(0)
    for (let n = 0; n < 4; n++) for (const { id } of made) far.tell(id, n)
    await cluster.clock.advance(500)
    mend()
    await cluster.clock.advance(1000)
    for (const { id } of made) far.tell(id, 4)
    await cluster.clock.advance(500)
    for (const { id } of made) expect(heardBy(cluster, id)).toEqual(upTo(5))
    await cluster.stop()
  })

  test('to one that has just come keep their order when its new game is frozen at once', async () => {
    let frozenOnes = 0
    for (let step = 0; step < 40; step++) {
      const cluster = await start({ seed: 5 })
      const [goer, teller] = [speakerOn(cluster, 1), speakerOn(cluster, 2)]
      const ids = { goer: goer.id, teller: teller.id }
      teller.tellEvery(100, ids.goer)
      await cluster.clock.advance(95)
      goer.go(2)
      await cluster.clock.advance(step / 10)
      // The freeze waits for this, and so comes upon what the teller says next.
      const { openWork } = cluster.games[1]!.world
      void openWork.track(new Promise<void>((resolve) => void cluster.clock.after(700, resolve)))
      const frozen = await cluster.freezeGame(2).catch(() => undefined)
      if (frozen) {
        frozenOnes++
        await cluster.clock.advance(500)
        await cluster.restoreGame(2, frozen)
        await cluster.clock.advance(1500)
        const { said } = speakerNow(cluster, ids.teller).attrs
        const heard = heardBy(cluster, ids.goer)
        expect([step, heard]).toEqual([step, upTo(heard.length)])
        // The last may be on its way.
        expect([step, said - heard.length <= 1]).toEqual([step, true])
      }
      await cluster.stop()
    }
    expect(frozenOnes).toBeGreaterThan(10)
  })
})

describe('a player that moves', () => {
  /** A game dies at every step of a move and is started again at once, and so is not missed by those who were not told. */
  async function startedAgain(gameId: number, dispatchers: number) {
    const outcomes = new Set<string>()
    for (let step = 0; step < 40; step++) {
      const cluster = await start({ seed: step + 1, dispatchers, banned: [2] })
      // The gate is of the last dispatcher.
      const ann = await joinAt(cluster, 1)
      ann.server().go(2, 1, 1)
      await cluster.clock.advance(step / 5)
      await cluster.crashGame(gameId)
      await cluster.startGame(gameId)
      await cluster.clock.advance(30_000)
      expectServed(cluster, ann, `${dispatchers} dispatchers, step ${step}`)
      outcomes.add(ann.client.closed === undefined ? 'played on' : 'closed')
      await cluster.stop()
    }
    expect(outcomes).toEqual(new Set(['played on', 'closed']))
  }

  test('from a game that dies and is started again at once plays on, or its client is closed', async () => {
    await startedAgain(1, 1)
    await startedAgain(1, 2)
  })

  test('to a game that dies and is started again at once plays on, or its client is closed', async () => {
    await startedAgain(2, 1)
    await startedAgain(2, 2)
  })

  test('to a game that has been cut off from the dispatcher of its gate does not wait for ever', async () => {
    let moves = 0
    for (let seed = 1; seed <= 12; seed++) {
      const cluster = await start({ seed, gates: 2, dispatchers: 3, banned: [2] })
      // Gate 2 is of dispatcher 3; the space must be of another, else nobody could be told to go there.
      if (dispatcherOf(cluster, cluster.games[0]!.world.registry.get('field/2')!) !== 3) {
        moves++
        const ann = await joinAt(cluster, 1, 2)
        const mend = cluster.cutGameFrom(2, 3)
        await cluster.clock.advance(3500)
        ann.server().go(2, 1, 1)
        await cluster.clock.advance(500)
        mend()
        await cluster.clock.advance(60_000)
        expectServed(cluster, ann, `seed ${seed}`)
      }
      await cluster.stop()
    }
    expect(moves).toBeGreaterThan(3)
  })

  test('to a new game that does not reach the dispatcher of its gate yet does not wait for ever', async () => {
    const nil = nilSpaceId(2)
    const cluster = await start({ gates: 2, dispatchers: 3, banned: [2] })
    // Gate 2 is of dispatcher 3; the space must be of another.
    expect(dispatcherOf(cluster, nil)).not.toBe(3)
    const ann = await joinAt(cluster, 1, 2)
    await cluster.crashGame(2)
    await cluster.clock.advance(4000)
    const mend = cluster.cutGameFrom(2, 3)
    await cluster.startGame(2)
    await cluster.clock.advance(200)
    playerOf(cluster, 'ann')
      .enterSpace(entityId(nil))
      .catch(() => {})
    await cluster.clock.advance(500)
    mend()
    await cluster.clock.advance(60_000)
    expectServed(cluster, ann)
    await cluster.stop()
  })

  test('is shown as it is to its client, whose gate comes back to a restarted dispatcher only after the move', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const cluster = await start({ seed, gates: 2, dispatchers: 3, banned: [2] })
      const ann = await joinAt(cluster, 1, 2)
      const { restored } = await cluster.crashDispatcher(3)
      const mend = cluster.cutGatesFrom(3)
      await restored()
      await cluster.clock.advance(1500)
      // Said to nobody: the gate is not there.
      playerOf(cluster, 'ann').attrs.count = 7
      await cluster.clock.advance(20)
      playerOf(cluster, 'ann').go(2, 0, 0)
      await cluster.clock.advance(50)
      mend()
      await cluster.clock.advance(20_000)
      const where = `seed ${seed}`
      expectServed(cluster, ann, where)
      if (ann.client.closed === undefined) expectTruth(cluster, [ann], where)
      await cluster.stop()
    }
  })

  test('leaves nothing behind when the target has no class for it and the source is gone', async () => {
    for (let step = 0; step < 36; step++) {
      const cluster = await start({ seed: 3, definitions: { 2: withoutPlayers }, banned: [2] })
      const ann = await join(cluster, 'ann')
      ann.server().go(2, 1, 1)
      await cluster.clock.advance(step / 6)
      await cluster.crashGame(1)
      await cluster.startGame(1)
      await cluster.clock.advance(70_000)
      const where = `step ${step}`
      expect([where, cluster.dispatchers[0]!.status().moving]).toEqual([where, 0])
      expectServed(cluster, ann, where)
      await cluster.stop()
    }
  })

  test('leaves nothing behind when the target freezes first, is restored to refuse it, and the source is gone', async () => {
    for (let step = 10; step < 50; step += 2) {
      const cluster = await start({ seed: 3, games: 3, definitions: { 2: withoutPlayers }, banned: [2, 3] })
      const ann = await join(cluster, 'ann')
      ann.server().go(2, 1, 1)
      await cluster.clock.advance(step / 10)
      const frozen = await cluster.freezeGame(2)
      await cluster.clock.advance(50)
      await cluster.crashGame(1)
      await cluster.clock.advance(4000)
      await cluster.restoreGame(2, frozen, withoutPlayers)
      await cluster.startGame(1)
      await cluster.clock.advance(70_000)
      const where = `step ${step}`
      expect([where, cluster.dispatchers[0]!.status().moving]).toEqual([where, 0])
      expectServed(cluster, ann, where)
      await cluster.stop()
    }
  })
})

describe('an entity', () => {
  test('with a client that was loaded elsewhere while its game was cut off is void, and its client is closed', async () => {
    const cluster = await start({ dispatchers: 2 })
    const ann = await joinAt(cluster, 1)
    const bob = await join(cluster, 'bob')
    const { id } = ann.client.player!
    void playerOf(cluster, 'ann').save()
    await cluster.clock.advance(100)
    const mend = cluster.cutGameFrom(1, 1)
    await cluster.clock.advance(3500)
    cluster.games[1]!.world.game.loadOn(2, Player, id as never)
    await cluster.clock.advance(200)
    expect(coresOf(cluster, id)).toHaveLength(2)
    mend()
    await cluster.clock.advance(60_000)
    expect(coresOf(cluster, id)).toHaveLength(1)
    expectServed(cluster, ann)
    expectServed(cluster, bob)
    const open = [ann, bob].filter(({ client }) => client.closed === undefined)
    expectTruth(cluster, open)
    await cluster.stop()
  })

  test('that is too large to be sent stays where it is', async () => {
    const cluster = await start()
    const goer = speakerOn(cluster, 1)
    const { id } = goer
    goer.attrs.baggage = 'y'.repeat(65 * 1024 * 1024)
    await cluster.clock.advance(50)
    goer.go(2)
    await cluster.clock.advance(60_000)
    expect(coresOf(cluster, id).map(({ world }) => world.gameId)).toEqual([1])
    expect(cluster.games[0]!.world.migration.size).toBe(0)
    await cluster.stop()
  })

  test('whose save is slow on the game that it left is not overwritten by it', async () => {
    const cluster = await start()
    const goer = speakerOn(cluster, 1)
    const { id } = goer
    await cluster.clock.advance(50)
    const write = cluster.storage.write.bind(cluster.storage)
    let isSlow = true
    cluster.storage.write = async (type, key, data) => {
      const wait = isSlow
      isSlow = false
      if (wait) await new Promise<void>((resolve) => void cluster.clock.after(500, resolve))
      return write(type, key, data)
    }
    goer.attrs.gold = 5
    void goer.save()
    goer.go(2)
    await cluster.clock.advance(100)
    const there = speakerNow(cluster, id)
    there.attrs.gold = 10
    void there.save()
    await cluster.clock.advance(180_000)
    expect((await cluster.storage.read('Speaker', id))?.data).toMatchObject({ gold: 10 })
    await cluster.stop()
  })
})

describe('a game', () => {
  test('that is restored and reaches one of its dispatchers late is told what was kept there', async () => {
    const cluster = await start({ dispatchers: 2 })
    const ann = await joinAt(cluster, 1)
    const frozen = await cluster.freezeGame(1)
    const mend = cluster.cutGameFrom(1, 1)
    const restoring = cluster.restoreGame(1, frozen)
    await cluster.clock.advance(6000)
    mend()
    await restoring
    await cluster.clock.advance(2000)
    ann.server().add(1)
    await cluster.clock.advance(10_000)
    expect(ann.added).toEqual([1])
    expectTruth(cluster, [ann])
    expectQuiet(cluster)
    await cluster.stop()
  })

  test('that is restored from a file of long ago does not bring back who has left it since', async () => {
    const cluster = await start({ dispatchers: 2 })
    const ann = await join(cluster, 'ann')
    const frozen = await cluster.freezeGame(1)
    await cluster.restoreGame(1, frozen)
    ann.server().go(2, 1, 1)
    await cluster.clock.until(() => ann.client.space?.kind === 2, 5000, 'ann to be in the other field')
    await cluster.crashGame(1)
    await cluster.clock.advance(5000)
    // Nobody is cut off any more, and nobody is there.
    const fresh = await cluster.startGame(1)
    await Promise.all([fresh.leave(), cluster.clock.advance(10)])
    await cluster.restoreGame(1, frozen)
    await cluster.clock.advance(10_000)
    expect(coresOf(cluster, ann.client.player!.id).map(({ world }) => world.gameId)).toEqual([2])
    ann.server().add(1)
    await cluster.clock.advance(100)
    expect(ann.added).toEqual([1])
    expectTruth(cluster, [ann])
    await cluster.stop()
  })

  test('is not frozen while a gate has yet to come back to a dispatcher, and is when it has', async () => {
    const cluster = await start({ games: 1, gates: 2, dispatchers: 3 })
    const ann = await joinAt(cluster, 1, 2)
    const { restored } = await cluster.crashDispatcher(3)
    // Gate 2 is of dispatcher 3.
    const mend = cluster.cutGatesFrom(3)
    await restored()
    await cluster.clock.advance(1000)
    // Said to nobody: the gate is not there.
    playerOf(cluster, 'ann').attrs.count = 7
    await cluster.clock.advance(20)
    await expect(cluster.freezeGame(1)).rejects.toThrow('a gate has yet to come back')
    mend()
    await cluster.clock.advance(500)
    await cluster.restoreGame(1, await cluster.freezeGame(1))
    await cluster.clock.advance(5000)
    expect(ann.client.closed).toBe(undefined)
    expect(playerOf(cluster, 'ann').attrs.count).toBe(7)
    expectTruth(cluster, [ann])
    expectQuiet(cluster)
    await cluster.stop()
  })
})

describe('clients', () => {
  test('of a gate that is replaced while a game does not reach its dispatcher are served', async () => {
    const cluster = await start({ games: 1, gates: 2, dispatchers: 3 })
    // Gate 2 is of dispatcher 3.
    const mend = cluster.cutGameFrom(1, 3)
    await cluster.clock.advance(100)
    await cluster.replaceGate(2)
    await cluster.clock.advance(100)
    const clients = []
    for (let n = 0; n < 6; n++) clients.push(await cluster.client(2))
    await cluster.clock.advance(200)
    mend()
    await cluster.clock.advance(30_000)
    for (const { closed, player } of clients)
      expect(closed !== undefined || coresOf(cluster, player!.id)[0]?.client !== undefined).toBe(true)
    await cluster.stop()
  })

  test('that are given to an entity of a frozen game stay open, though it is restored late', async () => {
    const cluster = await start({ dispatchers: 2, banned: [2] })
    const ann = await join(cluster, 'ann')
    const { id } = cluster.games[1]!.world.game.create(Player, { name: 'dora' })
    const frozen = await cluster.freezeGame(2)
    ann.server().give(id)
    // Longer than a game waits for an answer.
    await cluster.clock.advance(11_000)
    await cluster.restoreGame(2, frozen)
    await cluster.clock.advance(5000)
    expect(ann.client.closed).toBe(undefined)
    expectServed(cluster, ann)
    expectTruth(cluster, [ann])
    await cluster.stop()
  })
})

describe('in an ordeal every entity lives once and every client sees what there is, or is closed', () => {
  const ordeals: readonly (readonly Trial[])[] = [
    ['drop'],
    ['give', 'drop'],
    ['give', 'freeze'],
    ['die', 'give', 'freeze', 'drop'],
    ['restart'],
    ['restart', 'give'],
    ['freeze', 'restart'],
    ['cut'],
  ]
  for (const trials of ordeals)
    test(trials.join(', '), async () => {
      for (let seed = 1; seed <= 25; seed++) await ordeal(seed, trials)
    })
})
