// A game goes on with newer code, while people play: what they see is what there is, though a migration has made it another.
import { expect, test } from 'vitest'
import { attr, entity, game, integer, list, map, space, string, value } from '../../components/game/goworld.ts'
import { Attrs } from '../../engine/entity/attrs.ts'
import type { SavedData } from '../../engine/entity/contract.ts'
import { AUDIENCE_ALL } from '../../engine/wire/messages.ts'
import { TestCluster } from './cluster.ts'

const OWN_CLIENT = { note: [string] } as const
const ATTRS = {
  gold: attr(53, 'client', 'persistent'),
  log: list(string, 'allClients', 'persistent'),
  hat: attr('none', 'allClients'),
}

class Town extends space({ attrs: { mayor: attr('ann', 'allClients') } }) {
  override onGameReady() {
    this.game.registry.register('town', this.game.createSpace(Town, 1).id)
  }
}
class Player extends entity({ aoi: 50, attrs: ATTRS, ownClient: OWN_CLIENT }) {
  override onCreated() {
    this.attrs.log.push('one', 'two')
    void this.enterSpace(this.game.registry.get('town') as never, { x: 0, y: 0, z: 0 })
  }
  note(what: string) {
    this.attrs.log.push(what)
  }
}
const definition = game([Player, Town], { nilSpace: Town })

function newer() {
  class Town extends space({ attrs: { mayor: attr('ann', 'allClients'), flags: list(integer, 'allClients') } }) {}
  class Player extends entity({
    aoi: 50,
    version: 2,
    migrations: {
      2: ({ gold, log, hat: _, ...rest }: SavedData) => ({ ...rest, gold: gold * 100, log: ['migrated', ...log] }),
    },
    attrs: { gold: ATTRS.gold, log: ATTRS.log, quests: map(value, 'client') },
    ownClient: OWN_CLIENT,
  }) {
    override onRestored() {
      this.attrs.log.push('restored')
    }
    note(what: string) {
      this.attrs.log.set(0, what)
      this.attrs.quests.set(what, { done: [1] })
    }
  }
  return game([Player, Town], { nilSpace: Town })
}

type Game = { Player: typeof Player }

async function play() {
  const cluster = await TestCluster.start({ definition, bootEntity: 'Player', gates: 2 })
  const clients = [await cluster.client<Game>(1), await cluster.client<Game>(2)]
  const session = cluster.session<Game>(1)
  clients.push(session)
  await cluster.clock.until(() => clients.every(({ entities }) => entities.size === 3), 5000, 'all to see each other')
  await cluster.clock.advance(500)
  const told: string[] = []
  for (const one of clients)
    one.on('Player', { created: () => void told.push('created'), destroyed: () => void told.push('destroyed') })
  /** What each client has of each, and what there is. */
  const seen = () => clients.map(({ entities }) => [...entities.values()].map(({ id, attrs }) => [id, attrs]))
  const there = () =>
    clients.map(({ entities, player }) =>
      [...entities.keys()].map((id) => {
        const { attrs, kind } = cluster.games[0]!.world.find(id)!
        const isOwn = id === player!.id
        return [
          id,
          Attrs.plain(attrs, (at) =>
            isOwn ? kind.layout.audience[at]! >= 0 : kind.layout.audience[at] === AUDIENCE_ALL,
          ),
        ]
      }),
    )
  return { cluster, clients, told, seen, there }
}

test.each(['from its frozen file', 'by a copy that was taken ahead'])('newer code, %s', async (way) => {
  const { cluster, clients, told, seen, there } = await play()
  expect(seen()).toEqual(there())
  if (way === 'from its frozen file') await cluster.restoreGame(1, await cluster.freezeGame(1), newer())
  else await cluster.handOver(1, newer())
  await cluster.clock.advance(500)
  expect(clients[0]!.player!.attrs).toEqual({ gold: 5300, log: ['migrated', 'one', 'two', 'restored'], quests: {} })
  expect(clients[1]!.space!.attrs).toMatchObject({ mayor: 'ann', flags: [] })
  expect(seen()).toEqual(there())
  for (const { player } of clients) player!.server.note('first')
  await cluster.clock.advance(500)
  expect(clients[0]!.player!.attrs).toMatchObject({
    log: ['first', 'one', 'two', 'restored'],
    quests: { first: { done: [1] } },
  })
  expect(seen()).toEqual(there())
  // Nobody goes and comes for that.
  expect(told).toEqual([])
  expect(cluster.errors).toEqual([])
  await cluster.stop()
})

test('a player that comes to a game of newer code shows its client what that has made of it', async () => {
  const definitions = { 2: newer() }
  const cluster = await TestCluster.start({ definition, definitions, games: 2, bootEntity: 'Player', banned: [2] })
  const client = await cluster.client<Game>()
  await cluster.clock.until(() => client.space !== undefined, 5000, 'the client to be there')
  const told: string[] = []
  client.on('Player', { created: () => void told.push('created'), destroyed: () => void told.push('destroyed') })
  const { id } = client.player!
  const there = cluster.games[1]!.world.game.createSpace(definitions[2].types[1] as typeof Town, 1)
  await cluster.clock.advance(100)
  void cluster.games[0]!.world.find(id)!.entity.enterSpace(there.id as never, { x: 0, y: 0, z: 0 })
  await cluster.clock.until(() => cluster.games[1]!.world.find(id) !== undefined, 5000, 'the player to arrive')
  await cluster.clock.advance(100)
  client.player!.server.note('first')
  await cluster.clock.advance(100)
  const attrs = { gold: 5300, log: ['first', 'one', 'two'], quests: { first: { done: [1] } } }
  expect([client.player!.attrs, told, cluster.errors]).toEqual([attrs, [], []])
  await cluster.stop()
})

test('what is as it was is not said once more', async () => {
  const { cluster, clients, seen, there } = await play()
  const changed: string[] = []
  const hooks = Object.fromEntries(Object.keys(ATTRS).map((name) => [name, () => void changed.push(name)]))
  for (const one of clients) one.on('Player', { changed: hooks })
  await cluster.handOver(1)
  await cluster.restoreGame(1, await cluster.freezeGame(1))
  await cluster.clock.advance(500)
  expect(changed).toEqual([])
  expect(seen()).toEqual(there())
  await cluster.stop()
})
