// Players with a session whose connection is gone while other things happen to them: their game freezes, they move to
// another, dispatchers are restarted, they are given away.
import { describe, expect, test } from 'vitest'
import { RESUMED } from '../../engine/wire/client-wire.ts'
import type { TestCluster } from './cluster.ts'
import { heardBy, heroOf, type Played, play, saidTo, sessionAt, start, takeTold } from './heroes.ts'

/** Says `n` and waits until that has come back. */
async function echo(cluster: TestCluster, one: Played, n: number) {
  one.client.call('say', n)
  await cluster.clock.until(() => saidTo(one).includes(n), 10_000, `${one.name} to hear ${n}`)
}

/** The same player by another gate. */
async function comesBy(cluster: TestCluster, one: Played, gateId: number): Promise<Played> {
  const client = Object.assign(sessionAt(cluster, gateId), { token: one.client.token, playerId: one.id })
  await client.connect()
  if (client.answers[0] === RESUMED.player) await client.hears('restated')
  return { ...one, client }
}

async function killGate(cluster: TestCluster, id: number): Promise<void> {
  await Promise.all([cluster.kill('gate', id), cluster.clock.advance(4000)])
}

const gameOf = (cluster: TestCluster, { id }: Played) =>
  cluster.games.findIndex(({ world }) => world.find(id) !== undefined) + 1

describe('a game that freezes', () => {
  test('while a client is away, and one that comes again meanwhile: both go on, to the byte', async () => {
    const cluster = await start()
    const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob')]
    takeTold()
    await echo(cluster, ann, 1)
    for (const one of [ann, bob]) one.client.drop()
    await cluster.clock.advance(10)
    for (const one of [ann, bob]) heroOf(cluster, one).client.said(2)
    const frozen = await cluster.freezeGame(1)
    await ann.client.connect()
    ann.client.call('say', 3)
    await cluster.clock.advance(300)
    await cluster.restoreGame(1, frozen)
    await cluster.clock.advance(100)
    expect([saidTo(ann), heardBy(cluster, ann)]).toEqual([
      [1, 2, 3],
      [1, 3],
    ])
    expect(takeTold()).toEqual(['ann lost, waits', 'bob lost, waits', 'ann back'])
    expect([heroOf(cluster, ann).isClientLost, heroOf(cluster, bob).isClientLost]).toEqual([false, true])
    await bob.client.connect()
    await cluster.clock.advance(20)
    expect([takeTold(), saidTo(bob)]).toEqual([['bob back'], [2]])
    await cluster.stop()
  })

  test('while clients wait for another gate: what waits for them is kept, and who comes meanwhile is answered', async () => {
    const cluster = await start()
    const [ann, bob, eve] = [await play(cluster, 'ann'), await play(cluster, 'bob'), await play(cluster, 'eve')]
    takeTold()
    await killGate(cluster, 1)
    for (const one of [ann, bob, eve]) for (const n of [1, 2]) heroOf(cluster, one).client.said(n)
    const frozen = await cluster.freezeGame(1)
    const coming = comesBy(cluster, ann, 2)
    await cluster.clock.advance(500)
    await cluster.restoreGame(1, frozen)
    const again = await coming
    expect([again.client.answers, saidTo(again)]).toEqual([[RESUMED.player], [1, 2]])
    expect(cluster.games[0]!.status().sessions.awaited).toBe(2)
    const later = await comesBy(cluster, bob, 2)
    expect([later.client.answers, saidTo(later)]).toEqual([[RESUMED.player], [1, 2]])
    await echo(cluster, later, 3)
    takeTold()
    // Whoever does not come is not waited for any longer because of that.
    await cluster.clock.advance(16_000)
    expect(takeTold()).toEqual(['eve disconnected, none'])
    await cluster.stop()
  })

  test('and whose gate dies meanwhile keeps the players that may come by another', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann')
    takeTold()
    const frozen = await cluster.freezeGame(1)
    await killGate(cluster, 1)
    await cluster.restoreGame(1, frozen)
    await cluster.clock.advance(100)
    expect(takeTold()).toEqual(['ann lost, waits'])
    const again = await comesBy(cluster, ann, 2)
    await echo(cluster, again, 1)
    await cluster.stop()
  })

  test('at any time, while connections break: nothing is lost or doubled, and none is closed', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = await start({ seed, split: true, dispatchers: 1 + (seed % 2), games: 2 })
      const all = [await play(cluster, 'ann', 1), await play(cluster, 'bob', 2)]
      const { random } = cluster
      const sent = [0, 0]
      const step = async () => {
        const at = Math.floor(random() * 2)
        const { client } = all[at]!
        const dice = random()
        if (dice < 0.4) client.call('say', sent[at]!++)
        else if (dice < 0.5) client.call('go', 1 + Math.floor(random() * 2))
        else if (dice < 0.6) client.drop()
        else if (dice < 0.75 && !client.connection) await client.connect()
        else if (dice < 0.8) cluster.network.dropRandom()
        await cluster.clock.advance(random() * 20)
      }
      for (const id of [1, 2]) {
        for (let n = 0; n < 40; n++) await step()
        for (const { client } of all) if (!client.connection) await client.connect()
        const frozen = await cluster.freezeGame(id)
        for (let n = 0; n < 15; n++) await step()
        await cluster.restoreGame(id, frozen)
      }
      for (const { client } of all) if (!client.connection) await client.connect()
      await cluster.clock.advance(3000)
      for (const [at, one] of all.entries()) {
        const wanted = Array.from({ length: sent[at]! }, (_, n) => n)
        expect([seed, one.name, saidTo(one), heardBy(cluster, one)]).toEqual([seed, one.name, wanted, wanted])
        const { hasClient, isClientLost } = heroOf(cluster, one)
        expect([seed, one.name, hasClient, isClientLost]).toEqual([seed, one.name, true, false])
        expect([seed, one.client.answers.slice(1).every((answer) => answer === RESUMED.stream)]).toEqual([seed, true])
      }
      expect([seed, cluster.log.matching('error', '')]).toEqual([seed, []])
      await cluster.stop()
    }
  })
})

describe('a player that moves to another game', () => {
  test('while its client is away is found there by it', async () => {
    const cluster = await start({ games: 2, dispatchers: 2 })
    const ann = await play(cluster, 'ann')
    const from = gameOf(cluster, ann)
    takeTold()
    ann.client.drop()
    await cluster.clock.advance(10)
    heroOf(cluster, ann).client.said(1)
    heroOf(cluster, ann).go(3 - from)
    await cluster.clock.until(() => gameOf(cluster, ann) === 3 - from, 5000)
    await cluster.clock.advance(50)
    expect(heroOf(cluster, ann).isClientLost).toBe(true)
    heroOf(cluster, ann).client.said(2)
    await ann.client.connect()
    await cluster.clock.advance(50)
    expect([takeTold(), saidTo(ann)]).toEqual([
      ['ann lost, waits', 'ann back'],
      [1, 2],
    ])
    await echo(cluster, ann, 3)
    await cluster.stop()
  })

  test('while its client is lost or comes again, on its way: it is told once, and where it is', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = await start({ games: 2, dispatchers: 1 + (seed % 3), seed })
      const ann = await play(cluster, 'ann')
      const from = gameOf(cluster, ann)
      takeTold()
      ann.client.call('go', 3 - from)
      await cluster.clock.advance(cluster.random() * 8)
      ann.client.drop()
      await cluster.clock.advance(cluster.random() * 8)
      await ann.client.connect()
      await cluster.clock.advance(2000)
      expect([seed, takeTold()]).toEqual([seed, ['ann lost, waits', 'ann back']])
      await echo(cluster, ann, 1)
      await cluster.stop()
    }
  })

  test('while it waits for its client by another gate: what is left of its time, and its calls, go along', async () => {
    const cluster = await start({ games: 2 })
    const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob')]
    takeTold()
    await killGate(cluster, 1)
    await cluster.clock.advance(5000)
    for (const one of [ann, bob]) {
      heroOf(cluster, one).client.said(1)
      heroOf(cluster, one).go(3 - gameOf(cluster, one))
    }
    await cluster.clock.advance(200)
    for (const one of [ann, bob]) heroOf(cluster, one).client.said(2)
    const awaited = [1, 2].map((id) => [ann, bob].filter((one) => gameOf(cluster, one) === id).length)
    expect(cluster.games.map((game) => game.status().sessions.awaited)).toEqual(awaited)
    const again = await comesBy(cluster, ann, 2)
    expect([again.client.answers, saidTo(again)]).toEqual([[RESUMED.player], [1, 2]])
    await cluster.clock.advance(6000)
    // Each game hears of the gate's end by itself.
    expect(takeTold().toSorted()).toEqual(['ann back, missed', 'ann lost, waits', 'bob lost, waits'])
    await cluster.clock.advance(6000)
    expect(takeTold()).toEqual(['bob disconnected, none'])
    await cluster.stop()
  })

  test('while its gate dies: whichever game has it then waits for its client', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = await start({ games: 2, dispatchers: 1 + (seed % 3), seed })
      const ann = await play(cluster, 'ann')
      const from = gameOf(cluster, ann)
      takeTold()
      const killed = cluster.clock.now() + cluster.random() * 20
      cluster.clock.after(killed - cluster.clock.now(), () => void cluster.kill('gate', 1))
      // The grace of the gate's links is 3 s: some of them set out before it is over, some as it is.
      await cluster.clock.advance(seed % 2 === 0 ? cluster.random() * 20 : 3000 + cluster.random() * 30)
      heroOf(cluster, ann).go(3 - from)
      await cluster.clock.advance(6000)
      expect([seed, takeTold()]).toEqual([seed, ['ann lost, waits']])
      const again = await comesBy(cluster, ann, 2)
      expect([seed, again.client.answers]).toEqual([seed, [RESUMED.player]])
      await echo(cluster, again, 1)
      await cluster.stop()
    }
  })
})

describe('a dispatcher that is restarted', () => {
  test('while clients are away, or come by another gate, keeps nobody from coming again', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = await start({ dispatchers: 1 + (seed % 2), seed })
      const all = [await play(cluster, 'ann', 1), await play(cluster, 'bob', 1), await play(cluster, 'eve', 2)]
      takeTold()
      const [ann, bob] = all as [Played, Played]
      ann.client.drop()
      await cluster.clock.advance(cluster.random() * 10)
      const { restored } = await cluster.crashDispatcher(1 + (seed % cluster.dispatchers.length))
      // Nobody is reached meanwhile.
      await ann.client.connect()
      ann.client.drop()
      const coming = seed % 4 < 2 ? comesBy(cluster, bob, 2) : undefined
      await cluster.clock.advance(cluster.random() * 500)
      await restored()
      await cluster.clock.advance(4000)
      const now = coming ? await coming : bob
      await ann.client.connect()
      for (const [n, one] of [ann, now, all[2]!].entries()) await echo(cluster, one, n)
      await cluster.clock.advance(20_000)
      for (const one of all)
        expect([seed, one.name, heroOf(cluster, one).hasClient, heroOf(cluster, one).isClientLost]).toEqual([
          seed,
          one.name,
          true,
          false,
        ])
      await cluster.stop()
    }
  })
})

describe('a client that is lost and given away', () => {
  test('to a player of the same game, or of another: that one has it, and hears that it is lost', async () => {
    for (const games of [1, 2]) {
      const cluster = await start({ games })
      const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob', 2)]
      if (games === 2) heroOf(cluster, bob).go(3 - gameOf(cluster, ann))
      await cluster.clock.advance(200)
      bob.client.say('farewell', { reason: '' })
      await cluster.clock.advance(100)
      takeTold()
      ann.client.drop()
      await cluster.clock.advance(10)
      heroOf(cluster, ann).give(bob.id)
      await cluster.clock.advance(100)
      expect(takeTold()).toEqual(['ann lost, waits', 'ann disconnected, none', 'bob connected', 'bob lost, waits'])
      heroOf(cluster, bob).client.said(5)
      await ann.client.connect()
      await cluster.clock.advance(50)
      expect([takeTold(), saidTo(ann), ann.client.playerId]).toEqual([['bob back'], [5], bob.id])
      // The session has gone along.
      await killGate(cluster, 1)
      const again = await comesBy(cluster, { ...ann, id: bob.id }, 2)
      expect([games, again.client.answers]).toEqual([games, [RESUMED.player]])
      await echo(cluster, again, 6)
      await cluster.stop()
    }
  })

  test('when its gate is gone: who got it waits for it, for the rest of the time', async () => {
    const cluster = await start()
    const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob', 2)]
    bob.client.say('farewell', { reason: '' })
    await killGate(cluster, 1)
    takeTold()
    heroOf(cluster, ann).give(bob.id)
    expect(takeTold()).toEqual(['ann disconnected, none', 'bob connected, waits', 'bob lost, waits'])
    await cluster.clock.advance(16_000)
    expect(takeTold()).toEqual(['bob disconnected, none'])
    await cluster.stop()
  })

  test('is gone when its player is destroyed, or closes it', async () => {
    const cluster = await start()
    const [ann, bob, eve] = [await play(cluster, 'ann'), await play(cluster, 'bob'), await play(cluster, 'eve', 2)]
    for (const one of [ann, bob]) {
      one.client.drop()
      await cluster.clock.advance(10)
      takeTold()
      if (one === ann) heroOf(cluster, one).leave()
      else heroOf(cluster, one).closeClient('enough')
      await cluster.clock.advance(20)
      expect(takeTold()).toEqual([`${one.name} disconnected, none`])
      await one.client.connect()
      expect(one.client.answers.at(-1)).toBe(RESUMED.no)
    }
    await killGate(cluster, 2)
    takeTold()
    heroOf(cluster, eve).closeClient('enough')
    expect(takeTold()).toEqual(['eve disconnected, none'])
    await cluster.stop()
  })
})

test('a game that dies with its players sends their clients back for new ones, without a farewell', async () => {
  const cluster = await start({ games: 2 })
  const ann = await play(cluster, 'ann')
  await cluster.crashGame(gameOf(cluster, ann))
  await ann.client.isClosed()
  expect(ann.client.of('farewell')).toEqual([])
  await ann.client.connect()
  expect(ann.client.answers.at(-1)).toBe(RESUMED.no)
  await cluster.stop()
})
