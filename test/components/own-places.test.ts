// A game puts a player somewhere while its client, which moves it, goes on walking from where it was: where the game has put it is
// where it goes on from, whatever of the client's was on its way.
import { describe, expect, test } from 'vitest'
import { type EntityId, entity, game, integer, type Space, space } from '../../components/game/goworld.ts'
import type { Game as ClientGame } from '../../engine/client/client.ts'
import { type ClusterOptions, TestCluster } from './cluster.ts'

class Field extends space({}) {
  override onGameReady() {
    for (const kind of [1, 2])
      this.game.registry.register(`field/${this.game.id}/${kind}`, this.game.createSpace(Field, kind).id)
  }
}

class Walker extends entity({ aoi: 50, ownClient: { beam: [integer], go: [integer, integer, integer], turn: [] } }) {
  override onClientConnected() {
    this.setClientSyncing(true)
    this.go(1, 1, 0)
  }
  beam(x: number) {
    this.position = { x, y: 0, z: 0 }
  }
  go(gameId: number, kind: number, x: number) {
    const field = this.game.registry.get(`field/${gameId}/${kind}`) as EntityId<Space>
    this.enterSpace(field, { x, y: 0, z: 0 }).catch(() => {})
  }
  turn() {
    this.yaw += 1
  }
}

type Server = { Walker: typeof Walker }
const definition = game([Walker, Field], { nilSpace: Field })
const FAR = 1000

async function start(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  const cluster = await TestCluster.start({ definition, bootEntity: 'Walker', games: 2, ...options })
  const isKnown = () => cluster.games.every(({ world }) => [...world.registry.entries('field/')].length === 4)
  await cluster.clock.until(isKnown, 5000, 'all fields to be known')
  return cluster
}

const coreOf = (cluster: TestCluster, id: string) =>
  cluster.games.map(({ world }) => world.find(id)).find((core) => core !== undefined)

type Client = ClientGame<Server>

/** Walks on from where it believes to be, ten times a second; looks every millisecond where its game has it. */
async function walk(cluster: TestCluster, client: Client, ms: number): Promise<number[]> {
  const { id } = client.player!
  const places: number[] = []
  for (let n = 0; n < ms; n++) {
    const { x } = client.player!.position
    if (n % 100 === 0) client.move(x + 1, 0, 0, 0)
    await cluster.clock.advance(1)
    const core = coreOf(cluster, id)
    if (core?.space && !core.space.isNil) places.push(core.x)
  }
  return places
}

async function playing(cluster: TestCluster, client: Client): Promise<void> {
  await cluster.clock.until(() => client.player !== undefined && client.space?.kind === 1, 20_000, 'it to be in')
  await walk(cluster, client, 1000)
}

/** From the first time that it was far away on, it has never been where it came from. */
function expectFar(where: string, places: readonly number[], far = FAR): void {
  const first = places.findIndex((x) => x >= far)
  expect([where, first >= 0]).toEqual([where, true])
  expect([where, places.slice(first).filter((x) => x < far)]).toEqual([where, []])
  // And it went on from there.
  expect([where, places.at(-1)! > far + 3]).toEqual([where, true])
}

const WAYS: readonly (readonly [string, (client: Client) => void])[] = [
  ['in its space', (client) => client.player!.server.beam(FAR)],
  ['into another space', (client) => client.player!.server.go(1, 2, FAR)],
  ['to another game', (client) => client.player!.server.go(2, 1, FAR)],
]

describe.each(WAYS)('a player that is put %s', (_, put) => {
  test('goes on from there, with a client whose words take their time', async () => {
    for (let step = 0; step < 15; step++) {
      const cluster = await start({ seed: step + 1, dispatchers: 1 + (step % 2) })
      const client = cluster.session<Server>(1)
      client.simulateLatency(step * 15, step * 2)
      await playing(cluster, client)
      put(client)
      expectFar(`step ${step}`, await walk(cluster, client, 2000 + step * 7))
      expect(coreOf(cluster, client.player!.id)!.crossedUntilMs).toBe(0)
      await cluster.stop()
    }
  })

  test('goes on from there, with a client of GoWorld', async () => {
    for (let step = 0; step < 10; step++) {
      const cluster = await start({ seed: step + 1 })
      const client = await cluster.client<Server>(1)
      await playing(cluster, client)
      await walk(cluster, client, step * 9)
      put(client)
      expectFar(`step ${step}`, await walk(cluster, client, 1500))
      await cluster.stop()
    }
  })

  test('goes on from there, though its game is swapped for another process meanwhile', async () => {
    for (let step = 0; step < 6; step++) {
      const cluster = await start({ seed: step + 1 })
      const client = cluster.session<Server>(1)
      client.simulateLatency(200)
      await playing(cluster, client)
      put(client)
      await walk(cluster, client, 200 + step * 40)
      const gameId = cluster.games.find(({ world }) => world.find(client.player!.id))?.world.gameId
      if (gameId !== undefined) {
        const frozen = cluster.freezeGame(gameId)
        await walk(cluster, client, 50)
        await cluster.restoreGame(gameId, await frozen)
      }
      expectFar(`step ${step}`, await walk(cluster, client, 4000))
      await cluster.stop()
    }
  })
})

test('a player that is put somewhere twice goes on from the second place', async () => {
  for (let step = 0; step < 40; step++) {
    const cluster = await start({ seed: step + 1 })
    const client = cluster.session<Server>(1)
    client.simulateLatency(5 + (step % 2) * 35)
    await playing(cluster, client)
    client.player!.server.beam(FAR)
    const places = await walk(cluster, client, step * 6)
    client.player!.server.beam(2 * FAR)
    expectFar(`step ${step}`, [...places, ...(await walk(cluster, client, 1500))], 2 * FAR)
    await cluster.stop()
  }
})

test('a player that is put somewhere is moved by its client again as soon as that has heard', async () => {
  for (let step = 0; step < 10; step++) {
    const cluster = await start({ seed: step + 1 })
    const client = cluster.session<Server>(1)
    client.simulateLatency(20)
    await playing(cluster, client)
    await walk(cluster, client, step * 40)
    const { movement } = cluster.games[0]!.world
    const before = movement.crossed
    client.player!.server.beam(FAR)
    await walk(cluster, client, 1000)
    // Its own time may be 100 ms away; until it has heard it says two more.
    expect([step, movement.crossed - before <= 2]).toEqual([step, true])
    await cluster.stop()
  }
})

test('a player that its game only turns is moved by its client all the while', async () => {
  const cluster = await start()
  const client = cluster.session<Server>(1)
  client.simulateLatency(100)
  await playing(cluster, client)
  const before = cluster.games[0]!.world.movement.crossed
  for (let n = 0; n < 20; n++) {
    client.player!.server.turn()
    await walk(cluster, client, 100)
  }
  expect(cluster.games[0]!.world.movement.crossed).toBe(before)
  await cluster.stop()
})
