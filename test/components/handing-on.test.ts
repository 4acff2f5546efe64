// A client on its way from player to player, over several games, while dispatchers are restarted: whoever was given it last
// has it, nobody else, and it stays open.
import { expect, test } from 'vitest'
import { attr, type EntityId, entity, game, string } from '../../components/game/goworld.ts'
import { Players } from '../../engine/entity/players.ts'
import { dispatcherOf } from './adversity.ts'
import { TestCluster } from './cluster.ts'
import * as walkers from './walkers.ts'

class Runner extends entity({
  attrs: { next: attr('') },
  ownClient: { give: [string] },
  client: { hear(_n: number) {} },
}) {
  override onClientConnected() {
    if (this.attrs.next !== '') this.give(this.attrs.next)
  }
  give(id: string) {
    this.giveClientTo(id as EntityId<Runner>)
  }
}

const definition = game([Runner])
type Relay = { Runner: typeof Runner }

async function start(dispatchers: number) {
  const cluster = await TestCluster.start({ definition, bootEntity: 'Runner', dispatchers, games: 2, banned: [2] })
  const client = await cluster.client<Relay>()
  await cluster.clock.until(() => client.player !== undefined, 5000, 'the client to be there')
  const first = cluster.games[0]!.world.find(client.player!.id)!
  const runner = (gameId: number, next = '') => cluster.games[gameId - 1]!.world.game.create(Runner, { next })
  const playing = () =>
    cluster.games.flatMap(({ world }) => [...world.all()].filter((core) => core.client).map(({ id }) => id))
  return { cluster, client, first, runner, playing }
}

test('an offer that was answered, and is repeated as the answer was lost, takes the client from nobody', async () => {
  for (const dispatchers of [1, 2, 3]) {
    const { cluster, client, first, runner, playing } = await start(dispatchers)
    const last = runner(2)
    const middle = runner(2, last.id)
    await cluster.clock.advance(20)
    // Every dispatcher dies when the one in the middle has been given the client: it gives it on, and nobody hears of it.
    const { take } = Players.prototype
    let taken = 0
    cluster.games[1]!.world.players.take = function (this: Players, values) {
      take.call(this, values)
      if (++taken > 1) return
      for (const dispatcher of cluster.dispatchers) void dispatcher.stop()
      cluster.network.dropAll()
    }
    ;(first.entity as Runner).give(middle.id)
    await cluster.clock.until(() => taken > 0, 5000, 'the client to be taken')
    for (let id = 1; id <= dispatchers; id++) await cluster.replace('dispatcher', id)
    await cluster.clock.advance(30_000)
    // It was offered again.
    expect([dispatchers, taken]).toEqual([dispatchers, 2])
    expect([dispatchers, playing()]).toEqual([dispatchers, [last.id]])
    expect([dispatchers, client.closed, client.player?.id]).toEqual([dispatchers, undefined, last.id])
    await cluster.stop()
  }
})

test('an offer that nobody can answer any more does not close a client that was given on since', async () => {
  const { cluster, client, first, runner, playing } = await start(2)
  const last = runner(2)
  const middle = runner(2, last.id)
  await cluster.clock.advance(20)
  const { take } = Players.prototype
  let taken = 0
  cluster.games[1]!.world.players.take = function (this: Players, values) {
    if (++taken === 1) for (const dispatcher of cluster.dispatchers) void dispatcher.stop()
    take.call(this, values)
    if (taken > 1) return
    cluster.network.dropAll()
    middle.destroy()
  }
  ;(first.entity as Runner).give(middle.id)
  await cluster.clock.until(() => taken > 0, 5000, 'the client to be taken')
  for (const id of [1, 2]) await cluster.replace('dispatcher', id)
  await cluster.clock.advance(30_000)
  expect(cluster.log.matching('warn', 'gives its client to').length).toBe(1)
  expect(playing()).toEqual([last.id])
  expect([client.closed, client.player?.id]).toEqual([undefined, last.id])
  await cluster.stop()
})

test('a player that gives its client away and leaves is taken from that client before it is shown to others elsewhere', async () => {
  let moves = 0
  for (let seed = 1; seed <= 12; seed++) {
    const cluster = await walkers.start({ seed, dispatchers: 3, gates: 2, banned: [2, 3] })
    const joined = await walkers.join(cluster, 'hero 1', 2)
    const player = walkers.playerOf(cluster, 'hero 1')
    const { id } = player
    // Gate 2 is of dispatcher 3; what the move needs must go by others.
    if ([id, cluster.games[0]!.world.registry.get('field/2')!].every((one) => dispatcherOf(cluster, one) !== 3)) {
      moves++
      const dan = await walkers.join(cluster, 'dan', 2, 2)
      const other = cluster.games[2]!.world.game.create(walkers.Player, { name: 'hero 2' }).id
      await cluster.clock.advance(50)
      const frozen = await cluster.freezeGame(3)
      const mend = cluster.cutGameFrom(1, 3)
      player.give(other)
      player.go(2, 1, 1)
      await cluster.clock.advance(500)
      mend()
      await cluster.clock.until(() => dan.client.entities.has(id), 5000, 'the player to be where dan sees it')
      await cluster.clock.advance(500)
      expect([seed, joined.client.player, joined.client.space]).toEqual([seed, undefined, undefined])
      await cluster.restoreGame(3, frozen)
      await cluster.clock.until(() => joined.client.player?.id === other, 30_000, 'the client to get its next player')
      walkers.expectTruth(cluster, [joined, dan], `seed ${seed}`)
    }
    await cluster.stop()
  }
  expect(moves).toBeGreaterThan(2)
})
