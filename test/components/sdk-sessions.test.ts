// Sessions of the SDK in a whole cluster: its connections break, gates die and send it on, and it plays as if nothing were.
import { describe, expect, test } from 'vitest'
import { attr, type EntityId, entity, game, integer, list, space, string } from '../../components/game/goworld.ts'
import { seededRandom } from '../../engine/base/random.ts'
import type { Game as ClientGame, ConnectionEvent } from '../../engine/client/client.ts'
import type { MirrorEntity } from '../../engine/client/mirror.ts'
import { DEFAULT_STEP } from '../../engine/wire/compact.ts'
import { type ClusterOptions, TestCluster } from './cluster.ts'

const told: string[] = []

class Camp extends space({}) {
  override onGameReady() {
    this.game.registry.register('camp', this.game.createSpace(Camp, 1).id)
  }
}

class Guest extends entity({ ownClient: { enter: [string] } }) {
  enter(name: string) {
    const hero = this.game.create(Hero, { name })
    this.giveClientTo(hero)
    hero.enterSpace(this.game.registry.get('camp') as EntityId<Camp>).catch(() => {})
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

class Hero extends entity({
  aoi: 50,
  attrs: { name: attr('', 'allClients'), heard: list(integer), level: attr(0, 'allClients') },
  ownClient: { say: [integer], kick: [] },
  client: { said(_n: number) {} },
}) {
  say(n: number) {
    this.attrs.heard.push(n)
    this.client.said(n)
  }
  kick() {
    this.destroy()
  }
  override onClientLost() {
    told.push(`${this.attrs.name} lost`)
  }
  override onClientReconnected({ missed }: { missed: boolean }) {
    told.push(`${this.attrs.name} ${missed ? 'missed something' : 'back'}`)
  }
  override onClientDisconnected() {
    told.push(`${this.attrs.name} gone`)
    this.destroy()
  }
}

const server = { Guest, Hero, Camp }
const definition = game([Guest, Hero, Camp], { nilSpace: Camp })

async function start(options: Partial<ClusterOptions> = {}): Promise<TestCluster> {
  told.length = 0
  const cluster = await TestCluster.start({ definition, bootEntity: 'Guest', gates: 2, dispatchers: 2, ...options })
  const isKnown = () => cluster.games.every(({ world }) => world.registry.get('camp') !== undefined)
  await cluster.clock.until(isKnown, 5000, 'the camp to be known')
  return cluster
}

interface Player {
  readonly client: ClientGame<typeof server>
  readonly events: ConnectionEvent[]
  /** What the client has heard of, in order. */
  readonly heard: unknown[]
  readonly said: number[]
}

async function play(cluster: TestCluster, name: string, ...gates: number[]): Promise<Player> {
  const client = cluster.session<typeof server>(...gates)
  const player: Player = { client, events: [], heard: [], said: [] }
  client.onConnection((event) => player.events.push(event))
  client.on('Guest', {
    created() {
      player.heard.push('guest')
      this.server.enter(name)
    },
  })
  client.on('Hero', {
    created() {
      player.heard.push(`created ${this.attrs.name}`)
    },
    destroyed() {
      player.heard.push(`destroyed ${this.attrs.name}`)
    },
    changed: { level: (level) => player.heard.push(['level', level]) },
    said: (n) => player.said.push(n),
  })
  await cluster.clock.until(() => client.player?.type === 'Hero' && client.space !== undefined, 10_000, `${name} plays`)
  await cluster.clock.advance(50)
  return player
}

function heroOf(cluster: TestCluster, { client }: Player): Hero {
  const found = cluster.games.flatMap(({ world }) => world.find(client.player!.id) ?? [])
  expect(found).toHaveLength(1)
  return found[0]!.entity as unknown as Hero
}
const say = ({ client }: Player, n: number) => client.call(client.player!.id, 'say', n)
const heardBy = (cluster: TestCluster, player: Player) => heroOf(cluster, player).attrs.heard.toPlain() as number[]
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('a session of the SDK', () => {
  test('loses and doubles no call, and sees nothing, however often its connection breaks', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const cluster = await start({ seed, split: true })
      const ann = await play(cluster, 'ann', 1)
      const random = seededRandom(seed)
      const { player } = ann.client
      for (let n = 0; n < 80; n++) {
        say(ann, n)
        if (random() < 0.15) cluster.internet.dropAll()
        await cluster.clock.advance(random() * 100)
      }
      await cluster.clock.until(() => ann.said.length >= 80, 20_000, `seed ${seed}: 80 answers`)
      await cluster.clock.advance(2000)
      expect(heardBy(cluster, ann), `seed ${seed}`).toEqual(numbers(80))
      expect(ann.said).toEqual(numbers(80))
      expect(ann.heard).toEqual(['guest', 'created ann'])
      expect(ann.client.player).toBe(player)
      expect(ann.events.filter(({ state }) => state === 'lost').length).toBeGreaterThan(3)
      expect(cluster.errors).toEqual([])
      expect(told).not.toContain('ann gone')
      await cluster.stop()
    }
  })

  test('goes on at another gate with its player when its own has died, and hears of what is different', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann', 1, 2)
    const bob = await play(cluster, 'bob', 2)
    say(ann, 0)
    await cluster.clock.until(() => ann.said.length === 1)
    await cluster.clock.advance(2000)
    const { player, space, entities } = ann.client
    const mirror = entities.get(bob.client.player!.id)
    ann.heard.length = 0
    await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(10)])
    heroOf(cluster, bob).attrs.level = 7
    say(ann, 1)
    await cluster.clock.until(() => ann.events.at(-1)?.state === 'restated', 60_000)
    await cluster.clock.until(() => ann.said.length === 2)
    expect(heardBy(cluster, ann)).toEqual([0, 1])
    expect(ann.said).toEqual([0, 1])
    expect(ann.heard).toEqual([['level', 7]])
    expect([ann.client.player, ann.client.space, entities.get(mirror!.id)]).toEqual([player, space, mirror])
    expect(entities.get(mirror!.id)).toBe(mirror)
    expect(ann.client.player).toBe(player)
    expect(cluster.errors).toEqual([])
    await cluster.stop()
  })

  test('is shown everything anew, its own player too, when the dispatcher of its gate has died, and loses no connection', async () => {
    const cluster = await start({ gates: 1 })
    const ann = await play(cluster, 'ann', 1)
    const { player, space } = ann.client
    ann.heard.length = 0
    // Gate 1 is of dispatcher 2.
    for (const dispatcher of [1, 2]) {
      expect(ann.heard).toEqual([])
      const { restored } = await cluster.crashDispatcher(dispatcher)
      await restored()
      await cluster.clock.advance(5000)
    }
    expect(ann.heard).toEqual(['destroyed ann', 'created ann'])
    expect(ann.client.player!.id).toBe(player!.id)
    expect([ann.client.player === player, ann.client.space === space]).toEqual([false, false])
    expect(ann.events.map(({ state }) => state)).toEqual(['open'])
    expect(told).not.toContain('ann gone')
    await cluster.stop()
  })

  test('goes to another gate when its own sends it on, without a call lost or unsure', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann', 1, 2)
    for (let n = 0; n < 50; n++) {
      say(ann, n)
      if (n === 20) cluster.gates[0]!.moveOn('it is replaced')
      await cluster.clock.advance(7)
    }
    await cluster.clock.until(() => ann.said.length >= 50)
    await cluster.clock.advance(3000)
    expect([heardBy(cluster, ann), ann.said]).toEqual([numbers(50), numbers(50)])
    expect(ann.client.counters).toMatchObject({ unsureCalls: 0, droppedCalls: 0 })
    expect(ann.heard).toEqual(['guest', 'created ann'])
    expect(ann.events.map(({ state }) => state)).toEqual(['open', 'open', 'restated'])
    expect(cluster.gates.map((gate) => gate.status().clients)).toEqual([0, 1])
    expect(cluster.errors).toEqual([])
    await cluster.stop()
  })

  test('hears of places in compact form, exactly enough, over broken connections and at another gate', async () => {
    const cluster = await start({ seed: 3 })
    const [ann, bob] = [await play(cluster, 'ann', 1, 2), await play(cluster, 'bob', 2)]
    const random = seededRandom(3)
    const seen = () => ann.client.entities.get(bob.client.player!.id) as unknown as MirrorEntity
    const isRight = () => {
      const { x, z } = heroOf(cluster, bob).position
      const { position } = seen()
      return Math.max(Math.abs(position.x - x), Math.abs(position.z - z)) <= 2 ** -DEFAULT_STEP / 2
    }
    for (let round = 0; round < 60; round++) {
      heroOf(cluster, bob).position = { x: random() * 9, y: 0, z: random() * 9 }
      if (round === 30) await Promise.all([cluster.kill('gate', 1), cluster.clock.advance(10)])
      else if (random() < 0.1) cluster.internet.dropAll()
      await cluster.clock.advance(random() * 300)
      if (round % 5 < 4) continue
      await cluster.clock.until(
        () => ann.client.connection === 'open' && isRight(),
        60_000,
        `round ${round}: Bob is there`,
      )
    }
    const { position } = heroOf(cluster, bob)
    heroOf(cluster, bob).position = { ...position, x: position.x + 1 }
    const movedMs = cluster.clock.wallMs()
    await cluster.clock.until(isRight)
    expect(seen().placedMs - movedMs).toBeGreaterThanOrEqual(0)
    expect(seen().placedMs - movedMs).toBeLessThanOrEqual(100)
    expect(ann.events.map(({ state }) => state)).toContain('restated')
    expect(ann.client.counters.protocolErrors).toBe(0)
    await cluster.stop()
  })

  test('goes over to the gate that takes the place of its own, again and again, without a call lost or unsure', async () => {
    const cluster = await start({ gates: 1 })
    const [ann, bob] = [await play(cluster, 'ann', 1), await play(cluster, 'bob', 1)]
    const { player, space } = ann.client
    const swaps: Promise<void>[] = []
    for (let n = 0; n < 300; n++) {
      say(ann, n)
      say(bob, n)
      if (n % 100 === 20) swaps.push(cluster.swapGate(1, 10_000))
      await cluster.clock.advance(7)
    }
    await cluster.clock.advance(11_000)
    await Promise.all(swaps)
    for (const one of [ann, bob]) {
      expect([heardBy(cluster, one), one.said]).toEqual([numbers(300), numbers(300)])
      expect(one.client.counters).toMatchObject({ unsureCalls: 0, droppedCalls: 0 })
      expect(one.events.filter(({ state }) => state === 'lost' || state === 'closed')).toEqual([])
    }
    expect([ann.client.player, ann.client.space]).toEqual([player, space])
    expect(cluster.gates[0]!.status()).toMatchObject({ id: 3001, clients: 2 })
    expect(cluster.dispatchers[0]!.status().gates).toMatchObject([{ id: 3001 }])
    expect(told.filter((what) => what.endsWith(' gone'))).toEqual([])
    expect(cluster.errors).toEqual([])
    await cluster.stop()
  })

  test('a client without one plays on at the gate that is replaced, until its time is over', async () => {
    const cluster = await start({ gates: 1 })
    const old = await cluster.client<typeof server>(1)
    old.on('Guest', {
      created() {
        this.server.enter('old')
      },
    })
    await cluster.clock.until(() => old.player?.type === 'Hero' && old.space !== undefined)
    const before = cluster.gates[0]!
    const swapped = cluster.swapGate(1, 5000)
    await cluster.clock.until(() => cluster.gates[0] !== before)
    const ann = await play(cluster, 'ann', 1)
    await cluster.clock.until(() => old.entities.has(ann.client.player!.id))
    expect(ann.client.entities.has(old.player!.id)).toBe(true)
    await cluster.clock.advance(4000)
    expect([before.status().clients, old.closed]).toEqual([1, undefined])
    await cluster.clock.until(() => old.closed !== undefined, 2000)
    await Promise.all([swapped, cluster.clock.advance(4000)])
    expect(told).toEqual(['old gone'])
    expect(cluster.dispatchers[0]!.status().gates).toMatchObject([{ id: 1001 }])
    expect(ann.client.connection).toBe('open')
    await cluster.stop()
  })

  test('is over at once when the client says so, and does not come back when the server closes it', async () => {
    const cluster = await start()
    const [ann, bob] = [await play(cluster, 'ann', 1), await play(cluster, 'bob', 1)]
    ann.client.close()
    await cluster.clock.advance(50)
    expect(told).toEqual(['ann gone'])
    bob.client.player!.type === 'Hero' && bob.client.player!.server.kick()
    await cluster.clock.until(() => bob.client.closed !== undefined)
    await cluster.clock.advance(30_000)
    expect(bob.events.map(({ state }) => state)).toEqual(['open', 'closed'])
    expect(cluster.gates[0]!.status().clients).toBe(0)
    await cluster.stop()
  })

  test('begins again when it was away for too long', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann', 1)
    const bob = await play(cluster, 'bob', 2)
    say(ann, 0)
    ann.heard.length = 0
    cluster.internet.isDown = true
    cluster.internet.dropAll()
    await cluster.clock.advance(20_000)
    cluster.internet.isDown = false
    for (const { client } of [ann, bob]) await cluster.clock.until(() => client.connection === 'open')
    await cluster.clock.until(() => ann.client.player?.type === 'Hero')
    expect(ann.events.map(({ state }) => state)).toContain('restarted')
    const own = ann.heard.filter((heard) => heard !== 'created bob')
    expect(own).toEqual(['destroyed bob', 'destroyed ann', 'guest', 'created ann'])
    expect(cluster.errors).toEqual([])
    await cluster.stop()
  })

  test('agrees with its gate on the time', async () => {
    const cluster = await start()
    const ann = await play(cluster, 'ann', 1)
    ann.client.simulateLatency(100)
    await cluster.clock.advance(80_000)
    expect(ann.client.ping).toBeGreaterThan(99)
    expect(ann.client.ping).toBeLessThan(105)
    expect(Math.abs(ann.client.serverTime - cluster.clock.wallMs())).toBeLessThan(3)
    await cluster.stop()
  })
})
