// The whole way from a client to its entity and back, in one process on a virtual clock, with connections between the
// processes that break at random (seeded): no call is lost or doubled, and what clients see is what the game has.
import { expect, test } from 'vitest'
import { attr, entity, game, integer, list, map, space, string, value } from '../../components/game/goworld.ts'
import { Attrs } from '../../engine/entity/attrs.ts'
import type { EntityCore } from '../../engine/entity/core.ts'
import { coreOf } from '../../engine/entity/core.ts'
import { AUDIENCE_ALL } from '../../engine/wire/messages.ts'
import testGame from '../../examples/test_game/test_game.ts'
import { TestCluster } from './cluster.ts'

class Field extends space({}) {}

class Account extends entity({ ownClient: { enter: [string] } }) {
  enter(name: string) {
    this.giveClientTo(this.game.create(Player, { name }))
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

class Player extends entity({
  aoi: 30,
  attrs: {
    name: attr('', 'allClients'),
    count: attr(0, 'client'),
    steps: list(integer, 'allClients'),
    bag: map(value, 'client'),
    mood: attr(0, 'allClients'),
  },
  ownClient: { walk: [integer, integer], add: [integer] },
  allClients: { wave: [integer] },
  client: { added(_n: number) {}, waved(_n: number) {} },
}) {
  override onCreated() {
    this.setClientSyncing(true)
    const [field = this.game.createSpace(Field, 1)] = this.game.entitiesOf(Field)
    this.enterSpace(field)
  }
  override onClientDisconnected() {
    this.destroy()
  }
  walk(x: number, z: number) {
    this.position = { x, y: 0, z }
    this.attrs.mood++
  }
  add(n: number) {
    this.attrs.steps.push(n)
    this.attrs.count += 1
    this.attrs.bag.map('deep').set(`k${n % 5}`, { n })
    if (this.attrs.steps.length > 6) this.attrs.steps.pop()
    this.client.added(n)
  }
  wave(n: number) {
    this.allClients.waved(n)
  }
}

const definition = game([Account, Player, Field])
type World = { Account: typeof Account; Player: typeof Player }

async function join(cluster: TestCluster, name: string, gateId = 1) {
  const client = await cluster.client<World>(gateId)
  const added: number[] = []
  let waves = 0
  client.on('Account', {
    created() {
      this.server.enter(name)
    },
  })
  client.on('Player', {
    added: (n) => void added.push(n),
    waved: () => void waves++,
  })
  await cluster.clock.until(
    () => client.player?.type === 'Player' && client.space !== undefined,
    20_000,
    `${name} to be in`,
  )
  return { client, added, waves: () => waves }
}

const players = (cluster: TestCluster): EntityCore[] =>
  cluster.games.flatMap(({ world }) => world.game.entitiesOf(Player).map((player) => coreOf(player)))

/** Each client has its player, the space and exactly what its player sees, with the attributes it may see. */
function expectTrueMirrors(
  cluster: TestCluster,
  clients: readonly { client: { player: unknown; entities: ReadonlyMap<string, unknown> } }[],
): void {
  const byId = new Map(players(cluster).map((core) => [core.id, core]))
  for (const { client } of clients) {
    const own = client.player as { id: string; attrs: object }
    const core = byId.get(own.id)!
    const seen = core.space!.seenBy(core).map(({ id }) => id as string)
    expect([...client.entities.keys()].filter((id) => id !== core.space!.id).sort()).toEqual([own.id, ...seen].sort())
    for (const [id, mirror] of client.entities as ReadonlyMap<string, { attrs: object; position: object }>) {
      const subject = byId.get(id)
      if (!subject) continue
      const { audience } = subject.kind.layout
      const wanted = Attrs.plain(
        subject.attrs,
        (index) => audience[index] === AUDIENCE_ALL || (id === own.id && audience[index]! >= 0),
      )
      expect(mirror.attrs).toEqual(wanted)
    }
  }
  expect(cluster.errors).toEqual([])
}

test('a client logs in, calls its entity, hears of attributes before the call that follows, and leaves', async () => {
  const cluster = await TestCluster.start({ definition })
  const { client, added } = await join(cluster, 'ann')
  const seen: number[] = []
  client.on('Player', { added: (n) => void seen.push((client.player as { attrs: { count: number } }).attrs.count, n) })
  if (client.player?.type === 'Player') client.player.server.add(7)
  await cluster.clock.until(() => seen.length > 0)
  expect(seen).toEqual([1, 7])
  expect(added).toEqual([7])
  expectTrueMirrors(cluster, [{ client }])
  client.close()
  await cluster.clock.until(() => players(cluster).length === 0, 5000, 'the player to go')
  expect(cluster.games[0]!.status().authorErrors).toBe(0)
  await cluster.stop()
})

test('a client’s own position is believed, others hear of it, and nobody else’s is', async () => {
  const cluster = await TestCluster.start({ definition })
  const ann = await join(cluster, 'ann')
  const bob = await join(cluster, 'bob')
  ann.client.move(5, 0, 6, 1.5)
  const annId = ann.client.player!.id
  await cluster.clock.until(() => bob.client.entities.get(annId)?.position.x === 5, 5000, 'bob to see ann move')
  expect(players(cluster).find(({ id }) => id === annId)).toMatchObject({ x: 5, z: 6, yaw: 1.5 })
  ann.client.move(500, 0, 6, 0)
  await cluster.clock.until(() => !bob.client.entities.has(annId), 5000, 'ann to be out of sight')
  await cluster.clock.advance(10)
  expectTrueMirrors(cluster, [ann, bob])
  await cluster.stop()
})

test('with connections breaking at random no call is lost or doubled and mirrors stay true', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const cluster = await TestCluster.start({
      definition,
      seed,
      split: true,
      dispatchers: 1 + (seed % 2),
      gates: 1 + (seed % 3 === 0 ? 1 : 0),
    })
    const gates = cluster.gates.length
    const clients = []
    for (let n = 0; n < 4; n++) clients.push(await join(cluster, `bot${n}`, 1 + (n % gates)))
    const sent = clients.map((): number[] => [])
    for (let step = 0; step < 60; step++) {
      const n = Math.floor(cluster.random() * clients.length)
      const player = clients[n]!.client.player
      if (player?.type === 'Player') {
        const dice = cluster.random()
        if (dice < 0.6) {
          player.server.add(step)
          sent[n]!.push(step)
        } else if (dice < 0.9) player.server.walk(Math.floor(cluster.random() * 90), Math.floor(cluster.random() * 90))
        else clients[n]!.client.move(cluster.random() * 90, 0, cluster.random() * 90, 0)
      }
      if (cluster.random() < 0.1) cluster.network.dropRandom()
      await cluster.clock.advance(cluster.random() * 20)
    }
    await cluster.clock.advance(4000)
    expect([seed, clients.map(({ added }) => added)]).toEqual([seed, sent])
    expectTrueMirrors(cluster, clients)
    expect(cluster.log.matching('error', '')).toEqual([])
    await cluster.stop()
  }
})

test('who is cut off for longer than the grace is told of its end, and begins anew', async () => {
  const cluster = await TestCluster.start({ definition, gates: 2, dispatchers: 2 })
  const cut = [await join(cluster, 'ann', 1), await join(cluster, 'bob', 2)]
  cluster.network.isDown = true
  cluster.network.dropAll()
  await cluster.clock.advance(4000)
  cluster.network.isDown = false
  await cluster.clock.until(
    () => cut.every(({ client }) => client.closed !== undefined),
    10_000,
    'the clients to be closed',
  )
  await cluster.clock.until(() => players(cluster).length === 0, 5000, 'their players to go')
  expect(cluster.log.matching('error', '')).toEqual([])
  const again = [await join(cluster, 'ann', 1), await join(cluster, 'bob', 2)]
  for (const { client } of again) if (client.player?.type === 'Player') client.player.server.add(1)
  await cluster.clock.until(() => again.every(({ added }) => added.length === 1), 5000, 'calls to be answered')
  await cluster.clock.advance(10)
  expectTrueMirrors(cluster, again)
  await cluster.stop()
})

test('a dispatcher that is restarted: what changed meanwhile is seen, who left meanwhile is gone, nobody else is closed', async () => {
  const cluster = await TestCluster.start({ definition })
  const [ann, bob, carl] = [await join(cluster, 'ann'), await join(cluster, 'bob'), await join(cluster, 'carl')]
  const [annPlayer, , carlPlayer] = cluster.games[0]!.world.game.entitiesOf(Player)
  const { restored } = await cluster.crashDispatcher(1)
  await cluster.clock.advance(500)
  // The link does not know yet that its dispatcher is another: what it holds is lost.
  annPlayer!.add(7)
  annPlayer!.walk(3, 4)
  carlPlayer!.walk(5000, 5000)
  bob.client.close()
  await cluster.clock.advance(500)
  await restored()
  await cluster.clock.until(() => players(cluster).length === 2, 10_000, 'bob to go')
  await cluster.clock.advance(4000)
  expectTrueMirrors(cluster, [ann, carl])
  expect((ann.client.player as { attrs: { count: number } }).attrs.count).toBe(1)
  if (ann.client.player?.type === 'Player') ann.client.player.server.add(8)
  await cluster.clock.until(() => ann.added.includes(8))
  expect([ann.client.closed, carl.client.closed]).toEqual([undefined, undefined])
  await cluster.stop()
})

test('a client that leaves while the dispatcher of its player is away, or with its last words, is gone all the same', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const cluster = await TestCluster.start({ definition, dispatchers: 3, seed })
    const all: Awaited<ReturnType<typeof join>>[] = []
    for (const name of ['ann', 'bob', 'carl', 'dora']) all.push(await join(cluster, name))
    const leaving = cluster.random() * 600
    const crashing = cluster.random() * 600
    await cluster.clock.advance(Math.min(leaving, crashing))
    if (leaving < crashing) for (const { client } of all) client.close()
    await cluster.clock.advance(Math.abs(leaving - crashing) / 100)
    const { restored } = await cluster.crashDispatcher(1 + (seed % 3))
    if (leaving >= crashing) for (const { client } of all) client.close()
    await cluster.clock.advance(500)
    await restored()
    await cluster.clock.until(() => players(cluster).length === 0, 10_000, `seed ${seed}: all to go`)
    await cluster.stop()
  }
})

test('a gate that is replaced while the dispatcher is away: its players are gone, and it serves new ones', async () => {
  const cluster = await TestCluster.start({ definition, gates: 2 })
  const [ann] = [await join(cluster, 'ann', 1), await join(cluster, 'bob', 2)]
  const { restored } = await cluster.crashDispatcher(1)
  await cluster.replaceGate(2)
  await restored()
  await cluster.clock.until(() => players(cluster).length === 1, 10_000, 'bob to go')
  const carl = await join(cluster, 'carl', 2)
  await cluster.clock.advance(4000)
  expectTrueMirrors(cluster, [ann, carl])
  await cluster.stop()
})

test('a gate that dies while the dispatcher is away is missed when that is back', async () => {
  const cluster = await TestCluster.start({ definition, gates: 2 })
  const [ann] = [await join(cluster, 'ann', 1), await join(cluster, 'bob', 2)]
  const { restored } = await cluster.crashDispatcher(1)
  await Promise.all([cluster.gates[1]!.stop(), cluster.clock.advance(100)])
  await restored()
  await cluster.clock.until(() => players(cluster).length === 1, 10_000, 'bob to go')
  await cluster.clock.advance(10)
  expectTrueMirrors(cluster, [ann])
  await cluster.stop()
})

test('of several dispatchers only the gate’s own can say that it is gone', async () => {
  // Gate 1 is answered for by the second of two. The first loses sight of it for longer than the grace.
  const cluster = await TestCluster.start({ definition, dispatchers: 2 })
  const all: Awaited<ReturnType<typeof join>>[] = []
  for (const name of ['ann', 'bob', 'carl', 'dora']) all.push(await join(cluster, name))
  const mend = cluster.cutGatesFrom(1)
  await cluster.clock.until(() => cluster.log.matching('info', 'gate 1 is down').length === 1)
  mend()
  await cluster.clock.advance(4000)
  expect(players(cluster)).toHaveLength(4)
  for (const { client } of all) if (client.player?.type === 'Player') client.player.server.add(1)
  await cluster.clock.until(() => all.every(({ added }) => added.length === 1))
  await cluster.clock.advance(10)
  expectTrueMirrors(cluster, all)
  await cluster.stop()
})

test('a game that stops takes no more calls, waits for what is open, ends its entities, and has saved all when it is over', async () => {
  class Bank extends entity({
    attrs: { gold: attr(0, 'client', 'persistent'), closed: attr(false, 'persistent') },
    ownClient: { earn: [], earnLater: [] },
  }) {
    earn() {
      this.attrs.gold++
    }
    async earnLater() {
      await this.game.kvdb.put('a', 'b')
      await this.game.kvdb.put('c', 'd')
      this.attrs.gold += 100
    }
    override onDestroyed() {
      this.attrs.closed = true
    }
  }
  const cluster = await TestCluster.start({ definition: game([Bank]), bootEntity: 'Bank' })
  const client = await cluster.client<{ Bank: typeof Bank }>()
  await cluster.clock.until(() => client.player !== undefined)
  const { id, server } = client.player!
  server.earn()
  server.earnLater()
  await cluster.clock.until(() => client.player?.attrs.gold === 101 || client.player?.attrs.gold === 1)
  const stopped = cluster.games[0]!.stop()
  server.earn()
  await cluster.clock.advance(1000)
  expect(await stopped).toBe(0)
  expect((await cluster.storage.read('Bank', id))?.data).toEqual({ gold: 101, closed: true })
  await cluster.stop()
})

test('a gate that dies takes its players with it, others play on', async () => {
  const cluster = await TestCluster.start({ definition, gates: 2 })
  const ann = await join(cluster, 'ann', 1)
  await join(cluster, 'bob', 2)
  expect(players(cluster)).toHaveLength(2)
  await Promise.all([cluster.gates[1]!.stop(), cluster.clock.advance(1000)])
  await cluster.clock.until(() => players(cluster).length === 1, 10_000, 'bob to go')
  if (ann.client.player?.type === 'Player') ann.client.player.server.add(1)
  await cluster.clock.until(() => ann.added.length === 1)
  expectTrueMirrors(cluster, [ann])
  await cluster.stop()
})

test('the test game: login, space, chat, mail, publish, list, AOI, complex attributes', async () => {
  const cluster = await TestCluster.start({ definition: testGame })
  const heard: string[] = []
  const client = await cluster.client()
  client.on('Account', {
    created() {
      this.server['Login']!('test1', '123456')
    },
    OnLogin: (ok: boolean) => void heard.push(`OnLogin ${ok}`),
  })
  const names = [
    'OnSay',
    'OnSendMail',
    'OnGetMails',
    'OnTestPublish',
    'OnTestListField',
    'OnTestAOI',
    'OnTestComplexAttrStep1',
    'OnTestComplexAttrClear',
    'OnTestCallAll',
    'OnEnterRandomNilSpace',
  ]
  client.on('Avatar', {
    ...Object.fromEntries(
      names.map((name) => [name, (...args: unknown[]) => void heard.push(`${name} ${args.length}`)]),
    ),
    TestCallAllPlzEcho(id: string) {
      client.call(id, 'TestCallAllEcho', id)
    },
  })
  await cluster.clock.until(() => client.space !== undefined, 20_000, 'a space')
  const ask = async (method: string, answer: string, ...args: unknown[]) => {
    const before = heard.length
    client.call(client.player!.id, method, ...args)
    await cluster.clock.until(
      () => heard.slice(before).some((line) => line.startsWith(answer)),
      5000,
      `${answer} after ${method}`,
    )
  }
  await ask('Say', 'OnSay', 'world', 'hello')
  await ask('Say', 'OnSay', 'prof', 'hello')
  await ask('SendMail', 'OnSendMail', client.player!.id, { a: 1, b: 'text' })
  await ask('GetMails', 'OnGetMails')
  for (let n = 0; n < 10; n++) await ask('TestPublish', 'OnTestPublish')
  for (let n = 0; n < 10; n++) await ask('TestListField', 'OnTestListField')
  await ask('TestAOI', 'OnTestAOI')
  await ask('TestCallAll', 'OnTestCallAll')
  await ask('TestComplexAttr', 'OnTestComplexAttrClear')
  const kind = client.space!.kind
  client.call(client.player!.id, 'EnterSpace', 1 + (kind % 3))
  await cluster.clock.until(() => client.space !== undefined && client.space.kind !== kind, 5000, 'another space')
  await ask('EnterRandomNilSpace', 'OnEnterRandomNilSpace')
  await cluster.clock.until(() => client.space === undefined)
  expect(Object.keys(client.player!.attrs['mails'] as object)).toHaveLength(1)
  expect(cluster.errors).toEqual([])
  // The same name again, from elsewhere, after the first has left: the same avatar, with its mail.
  const avatarId = client.player!.id
  client.close()
  await cluster.clock.advance(100)
  const again = await cluster.client()
  again.on('Account', {
    created() {
      this.server['Login']!('test1', '123456')
    },
  })
  await cluster.clock.until(() => again.player?.type === 'Avatar', 20_000, 'the avatar to be loaded')
  expect(again.player!.id).toBe(avatarId)
  expect(Object.keys(again.player!.attrs['mails'] as object)).toHaveLength(1)
  expect(cluster.log.matching('error', '')).toEqual([])
  await cluster.stop()
})
