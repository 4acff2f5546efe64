// Players with a session in a whole cluster: connections break, gates die, games freeze and players move, and whoever
// comes again goes on.
import { describe, expect, test } from 'vitest'
import { coreOf } from '../../engine/entity/core.ts'
import { RESUMED } from '../../engine/wire/client-wire.ts'
import { announcedAt, heardBy, heroOf, type Played, play, saidTo, sessionAt, start, takeTold } from './heroes.ts'
import type { SessionClient } from './session-client.ts'

/** What a client was told anew, in short. */
const restatement = (client: SessionClient) => {
  const from = client.names.lastIndexOf('restated')
  return client.heard
    .slice(0, from + 1)
    .filter(({ name }) => name !== 'taken')
    .map(({ name, values }) =>
      name === 'createEntity' ? `${values['type']}${values['isPlayer'] ? ', player' : ''}` : name,
    )
}

/** Says `n` and waits until that has come back. */
async function echo(
  cluster: { clock: { until: (is: () => boolean, ms: number, what: string) => Promise<void> } },
  one: Played,
  n: number,
) {
  one.client.call('say', n)
  await cluster.clock.until(() => saidTo(one).includes(n), 10_000, `${one.name} to hear ${n}`)
}

describe('a connection that breaks', () => {
  test('is gone on with: nothing is lost or doubled, and the player hears of it', async () => {
    const cluster = await start()
    const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob', 2)]
    expect(takeTold()).toEqual(['ann connected', 'bob connected'])
    await echo(cluster, ann, 1)
    ann.client.call('say', 2)
    ann.client.drop()
    await cluster.clock.advance(5)
    expect(takeTold()).toEqual(['ann lost, waits'])
    const hero = heroOf(cluster, ann)
    // It keeps its place, and others see it.
    expect([hero.hasClient, hero.isClientLost, heroOf(cluster, bob).sees(hero)]).toEqual([true, true, true])
    for (const n of [3, 4]) hero.say(n)
    ann.client.call('say', 5)
    await cluster.clock.advance(3000)
    await ann.client.connect()
    expect(ann.client.answers).toEqual([RESUMED.no, RESUMED.stream])
    await cluster.clock.advance(50)
    expect(takeTold()).toEqual(['ann back'])
    expect([saidTo(ann), heardBy(cluster, ann)].map((list) => list.toSorted())).toEqual([
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ])
    expect([hero.hasClient, hero.isClientLost]).toEqual([true, false])
    await cluster.stop()
  })

  test('for longer than the grace is the end of it', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann')
    takeTold()
    ann.client.drop()
    await cluster.clock.advance(14_000)
    expect(takeTold()).toEqual(['ann lost, waits'])
    await cluster.clock.advance(2000)
    expect(takeTold()).toEqual(['ann disconnected, none'])
    await ann.client.connect()
    expect(ann.client.answers.at(-1)).toBe(RESUMED.no)
    await ann.client.hears('createEntity', 1)
    await cluster.stop()
  })

  test('on purpose is the end at once', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann')
    takeTold()
    ann.client.say('farewell', { reason: 'good night' })
    await cluster.clock.advance(20)
    expect(takeTold()).toEqual(['ann disconnected, none'])
    await cluster.stop()
  })

  test('of a client that missed too much: it is told everything anew, and its player that it missed something', async () => {
    const cluster = await start()
    const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob', 2)]
    takeTold()
    ann.client.drop()
    await cluster.clock.advance(10)
    for (let n = 0; n < 20_000; n++) heroOf(cluster, ann).client.said(n)
    await cluster.clock.advance(50)
    ann.client.heard = []
    await ann.client.connect()
    await ann.client.hears('restated')
    expect(ann.client.answers.at(-1)).toBe(RESUMED.player)
    expect(restatement(ann.client)).toEqual(['Hero, player', '__space__', 'Hero', 'restated'])
    expect(ann.client.of('restated')).toEqual([{ missed: true }])
    expect(takeTold()).toEqual(['ann lost, waits', 'ann back, missed'])
    await echo(cluster, ann, 7)
    await echo(cluster, bob, 8)
    // The one that was forgotten for it is not heard of again.
    await cluster.clock.advance(20_000)
    expect([takeTold(), cluster.gates[0]!.status().clients]).toEqual([[], 1])
    await cluster.stop()
  })
})

describe('another gate', () => {
  test('takes a client whose gate has died, before or after the games know', async () => {
    for (const waitMs of [10, 3500, 8000]) {
      const cluster = await start()
      const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob', 2)]
      takeTold()
      await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(10)])
      const hero = heroOf(cluster, ann)
      await cluster.clock.advance(waitMs)
      const isKnown = waitMs > 3000
      expect([waitMs, takeTold()]).toEqual([waitMs, isKnown ? ['ann lost, waits'] : []])
      if (isKnown) for (const n of [1, 2, 3]) hero.client.said(n)
      const again = sessionAt(cluster, 2)
      Object.assign(again, { token: ann.client.token, playerId: ann.id })
      await again.connect()
      await again.hears('restated')
      const calls = isKnown ? new Array(3).fill('callOnClient') : []
      expect(restatement(again)).toEqual(['Hero, player', '__space__', 'Hero', ...calls, 'restated'])
      expect([again.answers, again.token]).toEqual([[RESUMED.player], ann.client.token])
      const now = { ...ann, client: again }
      expect(saidTo(now)).toEqual(isKnown ? [1, 2, 3] : [])
      expect(takeTold()).toEqual(isKnown ? ['ann back, missed'] : ['ann lost, waits', 'ann back, missed'])
      expect([hero.hasClient, hero.isClientLost, heroOf(cluster, bob).sees(hero)]).toEqual([true, false, true])
      await echo(cluster, now, 9)
      await cluster.clock.advance(20_000)
      expect(takeTold()).toEqual([])
      // It has a session there like any other.
      again.drop()
      await again.connect()
      expect(again.answers).toEqual([RESUMED.player, RESUMED.stream])
      await echo(cluster, now, 10)
      await cluster.stop()
    }
  })

  test('takes one that said by its subprotocol that it would say hello', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann', 1, await announcedAt(cluster, 1))
    await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(10)])
    const client = Object.assign(await announcedAt(cluster, 2), { token: ann.client.token, playerId: ann.id })
    await client.connect()
    await client.hears('restated')
    expect(client.answers).toEqual([RESUMED.player])
    await echo(cluster, { ...ann, client }, 1)
    await cluster.stop()
  })

  test('takes none of those who have no player yet: they begin anew, and nobody is left behind', async () => {
    const cluster = await start()
    const guest = await announcedAt(cluster, 1)
    await guest.connect()
    guest.drop()
    await cluster.clock.advance(100)
    expect(cluster.gates[0]!.status().sessions).toMatchObject({ count: 1, lost: 1 })
    await guest.connect()
    await guest.hears('createEntity')
    expect(guest.answers).toEqual([RESUMED.no, RESUMED.stream])
    await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(10)])
    const other = Object.assign(sessionAt(cluster, 2), { token: guest.token })
    await other.connect()
    expect(other.answers).toEqual([RESUMED.no])
    await cluster.clock.advance(20_000)
    expect([...cluster.games[0]!.world.all()].filter(({ kind }) => kind.name === 'Guest')).toHaveLength(1)
    await cluster.stop()
  })

  test('in the place of the old one, and of its number, takes it as well', async () => {
    const cluster = await start({ gates: 1 })
    const ann = await play(cluster, 'ann')
    takeTold()
    await cluster.replaceGate(1)
    await cluster.clock.advance(500)
    await ann.client.connect()
    await ann.client.hears('restated')
    expect(ann.client.answers.at(-1)).toBe(RESUMED.player)
    await cluster.clock.advance(20_000)
    expect(takeTold()).toEqual(['ann lost, waits', 'ann back, missed'])
    await echo(cluster, ann, 1)
    await cluster.stop()
  })

  test('takes it also while the old one is there, which lets it go', async () => {
    const cluster = await start()
    const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob', 2)]
    takeTold()
    const again = sessionAt(cluster, 2)
    Object.assign(again, { token: ann.client.token, playerId: ann.id })
    await again.connect()
    await again.hears('restated')
    expect(takeTold()).toEqual(['ann lost, waits', 'ann back, missed'])
    await ann.client.isClosed()
    expect(ann.client.of('farewell')).toEqual([])
    await echo(cluster, { ...ann, client: again }, 1)
    // Who sees whom, and by which gate, is counted as it is.
    expect(coreOf(heroOf(cluster, bob)).watchers).toEqual([0, 0, 1])
    expect(coreOf(heroOf(cluster, ann)).watchers).toEqual([0, 0, 1])
    await cluster.clock.advance(20_000)
    expect([takeTold(), cluster.gates.map((gate) => gate.status().clients)]).toEqual([[], [0, 2]])
    await cluster.stop()
  })

  test('is where all go that a gate sends on before it ends', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann')
    takeTold()
    cluster.gates[0]!.moveOn('it is replaced')
    await ann.client.hears('moveOn')
    const again = sessionAt(cluster, 2)
    Object.assign(again, { token: ann.client.token, playerId: ann.id })
    await again.connect()
    await again.hears('restated')
    await echo(cluster, { ...ann, client: again }, 1)
    expect(cluster.gates.map((gate) => gate.status().sessions.count)).toEqual([0, 1])
    await cluster.stop()
  })

  test('does not come in time: what waits is bounded, and then the player is told', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann')
    takeTold()
    await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(4000)])
    const hero = heroOf(cluster, ann)
    const dropped = cluster.games[0]!.status().droppedClientCalls
    for (let n = 0; n < 1000; n++) hero.client.said(n)
    expect(coreOf(hero).awaited!.calls).toHaveLength(256)
    expect(cluster.games[0]!.status()).toMatchObject({ sessions: { awaited: 1 }, droppedClientCalls: dropped + 744 })
    expect(takeTold()).toEqual(['ann lost, waits'])
    await cluster.clock.advance(16_000)
    expect(takeTold()).toEqual(['ann disconnected, none'])
    expect([hero.hasClient, cluster.games[0]!.status().sessions.awaited]).toEqual([false, 0])
    await cluster.stop()
  })

  test('that is cut off from the games for long sends its sessions back to them when it can', async () => {
    const cluster = await start({ gates: 1 })
    const ann = await play(cluster, 'ann')
    takeTold()
    const mend = cluster.cutGatesFrom(1)
    await cluster.clock.advance(4000)
    expect(takeTold()).toEqual(['ann lost, waits'])
    mend()
    await ann.client.isClosed()
    expect(ann.client.of('farewell')).toEqual([])
    await ann.client.connect()
    await ann.client.hears('restated')
    expect(takeTold()).toEqual(['ann back, missed'])
    await echo(cluster, ann, 1)
    await cluster.stop()
  })
})

describe('a token', () => {
  test('that is wrong, or of another player, gets nobody: a new session, and nobody is disturbed', async () => {
    const cluster = await start()
    const [ann, bob] = [await play(cluster, 'ann'), await play(cluster, 'bob')]
    takeTold()
    const tries = [
      { token: 'x'.repeat(22), playerId: ann.id },
      { token: bob.client.token, playerId: ann.id },
      { token: ann.client.token, playerId: bob.id },
      { token: ann.client.token, playerId: 'nobody__________' },
      { token: ann.client.token, playerId: '' },
    ]
    for (const one of tries) {
      const thief = Object.assign(sessionAt(cluster, 2), one)
      await thief.connect()
      expect(thief.answers).toEqual([RESUMED.no])
      expect(thief.token).not.toBe(one.token)
      await thief.hears('createEntity')
      expect(thief.of('createEntity')[0]).toMatchObject({ type: 'Guest', isPlayer: true })
    }
    expect(takeTold()).toEqual([])
    const { sessions } = cluster.games[0]!.status()
    expect(sessions).toMatchObject({ resumed: 0, refused: 3, wrongTokens: 3 })
    expect(cluster.log.matching('warn', 'with a token that is not its own')).toHaveLength(1)
    await echo(cluster, ann, 1)
    await echo(cluster, bob, 2)
    await cluster.stop()
  })

  test('that two come with at once, at two gates: one has it in the end', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const cluster = await start({ seed })
      const ann = await play(cluster, 'ann')
      const twins = [1, 2].map((gateId) =>
        Object.assign(sessionAt(cluster, gateId), { token: ann.client.token, playerId: ann.id }),
      )
      await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(10)])
      void cluster.replace('gate', 1)
      await cluster.clock.advance(500)
      await Promise.all(twins.map((twin) => twin.greet()))
      await cluster.clock.advance(500)
      const [last] = twins.filter(({ connection }) => connection !== undefined)
      expect([seed, twins.filter(({ connection }) => connection).length]).toEqual([seed, 1])
      await echo(cluster, { ...ann, client: last! }, 1)
      await cluster.clock.advance(20_000)
      expect([seed, heroOf(cluster, ann).hasClient]).toEqual([seed, true])
      await cluster.stop()
    }
  })
})
