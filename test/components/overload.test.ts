// More than a server can do: what is left out, who waits, and that all is well again afterwards.
import { expect, test } from 'vitest'
import { entity, game, integer, space, string } from '../../components/game/goworld.ts'
import type { Clock } from '../../engine/base/clock.ts'
import { TestCluster } from './cluster.ts'

class Field extends space({}) {}

class Account extends entity({
  aoi: 30,
  ownClient: { walk: [integer], say: [integer, string] },
  client: { walked(_x: number) {} },
}) {
  heard: number[] = []
  override onCreated() {
    const [field = this.game.createSpace(Field, 1)] = this.game.entitiesOf(Field)
    this.enterSpace(field)
  }
  override onClientDisconnected() {
    this.destroy()
  }
  walk(x: number) {
    this.position = { x, y: 0, z: 0 }
    this.client.walked(x)
  }
  say(n: number, _filler: string) {
    this.heard.push(n)
  }
}

const definition = game([Account, Field])
type World = { Account: typeof Account }

/** A client with its player. */
async function join(cluster: TestCluster, gateId = 1) {
  const client = await cluster.client<World>(gateId)
  await cluster.clock.until(() => client.player !== undefined, 5000, 'its player')
  return { client, player: client.player! }
}

const accounts = (cluster: TestCluster) => cluster.games.flatMap(({ world }) => world.game.entitiesOf(Account))

/** A clock whose timers come late, as they do in a process that has too much to do. */
function lagging() {
  const lag = { ms: 0 }
  const gameClock = (clock: Clock): Clock => ({
    now: () => clock.now(),
    wallMs: () => clock.wallMs(),
    after: (delayMs, action) => clock.after(delayMs + lag.ms, action),
    defer: (action) => clock.defer(action),
  })
  return { lag, gameClock }
}

test('a game that is behind sends positions less often, and every call; what is seen in the end is the last position', async () => {
  const { lag, gameClock } = lagging()
  const cluster = await TestCluster.start({ definition, gameClock })
  const { client: walker, player } = await join(cluster)
  const { client: watcher } = await join(cluster)
  const walked: number[] = []
  walker.on('Account', { walked: (x) => void walked.push(x) })
  const seen = () => watcher.entities.get(player.id)
  await cluster.clock.until(() => seen() !== undefined, 5000, 'the watcher to see the walker')
  let x = 0
  let moves = 0
  let lastSeen = 0
  const shed = () => cluster.games[0]!.status().positionFlushesShed
  const walkFor = async (ms: number) => {
    moves = 0
    for (let atMs = 0; atMs < ms; atMs += 50) {
      player.server.walk(++x % 20)
      await cluster.clock.advance(50)
      const now = seen()!.position.x
      if (now !== lastSeen) moves++
      lastSeen = now
    }
  }
  await walkFor(4000)
  expect(moves).toBeGreaterThan(35)
  expect(shed()).toBe(0)
  lag.ms = 110
  await walkFor(2000)
  await walkFor(8000)
  expect(moves).toBeLessThan(12)
  expect(moves).toBeGreaterThan(7)
  expect(shed()).toBeGreaterThan(25)
  lag.ms = 0
  await walkFor(6000)
  expect(cluster.log.matching('warn', 'the game is behind')).toHaveLength(1)
  expect(cluster.log.matching('info', 'the game has caught up')).toHaveLength(1)
  const before = shed()
  await walkFor(4000)
  expect(moves).toBeGreaterThan(35)
  expect(shed()).toBe(before)
  await cluster.clock.advance(200)
  expect(seen()!.position.x).toBe(x % 20)
  expect(walked).toEqual(Array.from({ length: x }, (_, n) => (n + 1) % 20))
  await cluster.stop()
})

test('a game that takes in nothing for a while: all gates stop reading clients, go on when it does, and no call is lost', async () => {
  const cluster = await TestCluster.start({ definition, gates: 2, dispatchers: 2 })
  const joined = [await join(cluster, 1), await join(cluster, 2)]
  const filler = 'x'.repeat(900_000)
  const said = [0, 0]
  const say = (at: number, text: string) => joined[at]!.player.server.say(said[at]!++, text)
  const paused = () => cluster.gates.map((gate) => gate.status().paused)
  const goOn = cluster.stallGame(1)
  for (let n = 0; n < 60 && paused().includes(false); n++) {
    say(n % 2, filler)
    await cluster.clock.advance(5)
  }
  expect(paused()).toEqual([true, true])
  const taken = () => cluster.gates.reduce((sum, gate) => sum + gate.status().calls, 0)
  const before = taken()
  for (let n = 0; n < 50; n++) {
    for (const at of [0, 1]) say(at, 'short')
    await cluster.clock.advance(5)
  }
  expect(taken()).toBe(before)
  goOn()
  const heard = () => accounts(cluster).map((account) => account.heard)
  await cluster.clock.until(() => heard().flat().length === said[0]! + said[1]!, 20_000, 'all calls')
  for (const one of heard()) expect(one).toEqual(one.map((_, n) => n))
  await cluster.clock.until(() => !paused().includes(true), 5000, 'the gates to read again')
  expect(joined.map(({ client }) => client.player !== undefined)).toEqual([true, true])
  await cluster.stop()
})

test('a gate that is cut off for less than the grace hears of every last position when it is back', async () => {
  const cluster = await TestCluster.start({ definition })
  const { player } = await join(cluster)
  const { client: watcher } = await join(cluster)
  await cluster.clock.until(() => watcher.entities.has(player.id), 5000, 'the watcher to see the walker')
  const walker = accounts(cluster).find(({ id }) => (id as string) === player.id)!
  const mend = cluster.cutGatesFrom(1)
  for (let x = 1; x <= 15; x++) {
    walker.position = { x, y: 0, z: 0 }
    await cluster.clock.advance(100)
  }
  mend()
  await cluster.clock.advance(2000)
  expect(watcher.closed).toBeUndefined()
  expect(watcher.entities.get(player.id)!.position.x).toBe(15)
  await cluster.stop()
})
