// A game that freezes and is restored while people play: nobody is closed, nothing is lost or doubled, and what clients
// see goes on to be what there is.
import { join as joined } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { readFrozen, writeCopy } from '../../components/game/frozen-file.ts'
import { attr, entity, GameFrozen, game, integer, list, map, value } from '../../components/game/goworld.ts'
import { tempFolder } from '../temp-folder.ts'
import { TestCluster } from './cluster.ts'
import {
  Account,
  expectTruth,
  Field,
  heard,
  type Joined,
  join,
  Keeper,
  Player,
  playerOf,
  players,
  pokeOnly,
  start,
  Tally,
} from './walkers.ts'

test('a game that is frozen and restored: nobody is closed, and all goes on where it stopped', async () => {
  const cluster = await start({ games: 2, gates: 2, dispatchers: 2 })
  const ann = await join(cluster, 'ann', 1)
  const bob = await join(cluster, 'bob', 2)
  const carl = await join(cluster, 'carl', 1, 2)
  const all = [ann, bob, carl]
  ann.server().add(1)
  bob.server().walk(5, 5)
  carl.server().tally(3)
  await cluster.clock.advance(300)
  const told: string[] = []
  for (const { client, name } of all)
    client.on('Player', { created: () => void told.push(name), destroyed: () => void told.push(name) })
  const { beats } = playerOf(cluster, 'ann')
  const frozen = await cluster.freezeGame(1)
  expect(heard.filter((line) => line.startsWith('frozen')).toSorted()).toEqual(['frozen ann', 'frozen bob'])
  heard.length = 0
  // Meanwhile people play on: it is all kept.
  ann.server().add(2)
  bob.server().walk(6, 6)
  carl.server().pokeAll(1)
  for (const one of all) one.server().tally(1)
  await cluster.clock.advance(700)
  expect(ann.added).toEqual([1])
  await cluster.restoreGame(1, frozen)
  await cluster.clock.advance(500)
  expect(heard.filter((line) => line.startsWith('restored')).toSorted()).toEqual(['restored ann', 'restored bob'])
  // Neither made nor placed anew: nobody is told so.
  expect(heard.filter((line) => /^(ready|placed)/.test(line))).toEqual([])
  expect(told).toEqual([])
  expect(ann.added).toEqual([1, 2])
  expect([...ann.totals, ...bob.totals, ...carl.totals].toSorted()).toEqual([3, 4, 5, 6])
  const restored = playerOf(cluster, 'ann')
  expect(restored.beats).toBeGreaterThan(beats)
  expect(restored.mates).toEqual(new Set(['carl']))
  expectTruth(cluster, all)
  expect(all.map(({ client }) => client.closed)).toEqual([undefined, undefined, undefined])
  bob.server().walk(500, 500)
  await cluster.clock.advance(300)
  expectTruth(cluster, all)
  expect(cluster.log.matching('error', '')).toEqual([])
  await cluster.stop()
})

test('a freeze takes the time of its messages: it looks for nothing and waits for no acknowledgement', async () => {
  const cluster = await start({ games: 2, dispatchers: 2 })
  const ann = await join(cluster, 'ann', 1)
  const { clock } = cluster
  // Said just before, and not acknowledged when the game stands still.
  ann.server().tally(1)
  const beganMs = clock.now()
  const freezing = cluster.games[0]!.freeze()
  let took: number | undefined
  void freezing.then(() => {
    took = clock.now() - beganMs
  })
  await clock.until(() => took !== undefined, 1000, 'the freeze')
  expect(took).toBeLessThan(5)
  cluster.games[0]!.thaw()
  await cluster.stop()
})

test('with connections breaking at random, games freeze and are restored in turn: no call is lost or doubled', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const cluster = await start({
      seed,
      split: true,
      games: 2,
      dispatchers: 1 + (seed % 2),
      gates: 1 + (seed % 3 === 0 ? 1 : 0),
    })
    const { length: gates } = cluster.gates
    const joined: Joined[] = []
    for (let n = 0; n < 4; n++) joined.push(await join(cluster, `bot${n}`, 1 + (n % gates), 1 + (n % 2)))
    const sent = joined.map((): number[] => [])
    const poked = joined.map((): number[] => [])
    let tallied = 0
    const play = async (steps: number) => {
      for (let step = 0; step < steps; step++) {
        const n = Math.floor(cluster.random() * joined.length)
        const server = joined[n]!.server()
        const dice = cluster.random()
        const [x, z] = [Math.floor(cluster.random() * 60), Math.floor(cluster.random() * 60)]
        const stamp = sent[n]!.length + poked[n]!.length
        if (dice < 0.3) {
          server.add(stamp)
          sent[n]!.push(stamp)
        } else if (dice < 0.5) {
          server.pokeAll(stamp)
          poked[n]!.push(stamp)
        } else if (dice < 0.6) {
          server.tally(1)
          tallied++
        } else if (dice < 0.8) server.walk(x, z)
        else server.go(1 + Math.floor(cluster.random() * 2), x, z)
        if (cluster.random() < 0.08) cluster.network.dropRandom()
        await cluster.clock.advance(cluster.random() * 15)
      }
    }
    const where = `seed ${seed}`
    for (const id of [1, 2]) {
      await play(15)
      const frozen = await cluster.freezeGame(id, { dropping: seed % 2 === 0 })
      await play(10)
      await cluster.restoreGame(id, frozen)
    }
    await play(10)
    await cluster.clock.advance(4000)
    expect([where, joined.map(({ added }) => added)]).toEqual([where, sent])
    expectTruth(cluster, joined, where)
    for (const core of players(cluster)) {
      const { name, poked: got } = (core.entity as unknown as Player).attrs
      for (const [n, from] of joined.entries()) {
        if (from.name === name) continue
        const got1 = (got.get(from.name)?.toPlain() ?? []) as number[]
        expect([where, name, from.name, got1.toSorted((a, b) => a - b)]).toEqual([where, name, from.name, poked[n]])
      }
    }
    const totals = joined.flatMap(({ totals }) => totals).toSorted((a, b) => a - b)
    expect([where, totals]).toEqual([where, Array.from({ length: tallied }, (_, n) => n + 1)])
    expect([where, cluster.log.matching('error', '')]).toEqual([where, []])
    await cluster.stop()
  }
}, 240_000)

test('a freeze that fails leaves the game as it was, timers included', async () => {
  const cluster = await start({ games: 2, dispatchers: 2 })
  const ann = await join(cluster, 'ann')
  const player = playerOf(cluster, 'ann')
  player.onFrozen = () => {
    throw new Error('not now')
  }
  await expect(cluster.freezeGame(1)).rejects.toThrow(
    `an onFrozen threw (Player<${player.id}>: not now): goworld reload -drop goes on without what it would have done`,
  )
  const { beats } = player
  ann.server().add(1)
  await cluster.clock.advance(1000)
  expect(ann.added).toEqual([1])
  expect(player.beats).toBeGreaterThan(beats + 5)
  Reflect.deleteProperty(player, 'onFrozen')
  // What cannot be saved is named.
  const broken = player as unknown as { mates: unknown }
  broken.mates = () => {}
  await expect(cluster.freezeGame(1)).rejects.toThrow(/Player<.*>: its kept cannot be saved/)
  broken.mates = new Set(['carl'])
  ann.server().add(2)
  await cluster.clock.advance(500)
  expect(ann.added).toEqual([1, 2])
  // And it can still be frozen.
  await cluster.restoreGame(1, await cluster.freezeGame(1))
  ann.server().add(3)
  await cluster.clock.advance(500)
  expect(ann.added).toEqual([1, 2, 3])
  expect(playerOf(cluster, 'ann').mates).toEqual(new Set(['carl']))
  expectTruth(cluster, [ann])
  await cluster.stop()
})

test('a freeze that is forced goes on without an onFrozen that throws or does not come to its end, and names it', async () => {
  const cluster = await start({ games: 2 })
  const names = ['ann', 'bob', 'carl']
  const [ann, bob, carl] = await Promise.all(names.map((name) => join(cluster, name)))
  playerOf(cluster, 'ann').onFrozen = async () => {
    throw new Error('not now')
  }
  const waiting = playerOf(cluster, 'bob')
  waiting.onFrozen = () => new Promise<void>(() => {})
  playerOf(cluster, 'carl').onFrozen = () => {
    throw new Error('never')
  }
  const ids = Object.fromEntries(names.map((name) => [name, `Player<${playerOf(cluster, name).id}>`]))
  const one = cluster.games[0]!
  const freezing = one.freeze({ forced: true })
  await cluster.clock.advance(3000)
  const { failed } = await freezing
  expect(failed).toEqual([
    `${ids['carl']}: never`,
    `${ids['ann']}: not now`,
    `${ids['bob']}: it has not come to its end`,
  ])
  one.thaw()
  await cluster.clock.advance(1000)
  Reflect.deleteProperty(waiting, 'onFrozen')
  await expect(cluster.freezeGame(1)).rejects.toThrow('an onFrozen threw')
  await cluster.clock.advance(1000)
  for (const { server, added } of [ann!, bob!, carl!]) {
    server().add(1)
    await cluster.clock.advance(100)
    expect(added).toEqual([1])
  }
  expectTruth(cluster, [ann!, bob!, carl!])
  await cluster.stop()
})

test('a dispatcher that dies during a freeze: the game goes on', async () => {
  const cluster = await start({ games: 2, dispatchers: 2 })
  const ann = await join(cluster, 'ann')
  const freezing = cluster.games[0]!.freeze()
  freezing.catch(() => {})
  const { restored } = await cluster.crashDispatcher(1)
  await cluster.clock.advance(500)
  await restored()
  await cluster.clock.advance(4000)
  await expect(freezing).rejects.toThrow('dispatcher 1')
  ann.server().add(1)
  await cluster.clock.until(() => ann.added.length === 1, 5000, 'ann to play on')
  await cluster.clock.advance(4000)
  expectTruth(cluster, [ann])
  await cluster.stop()
})

test('a copy that is taken while entities come and go is a file that can be read', async () => {
  const cluster = await start()
  await join(cluster, 'ann', 1)
  const one = cluster.games[0]!
  const copying = one.copy()
  for (let count = 0; count < 3; count++) one.world.game.create(Player, { name: 'late' })
  const path = writeCopy(joined(tempFolder(), 'game1.frozen'), process.pid, await copying)
  expect(readFrozen(path).chunks).toHaveLength((await copying).chunks.length)
  await cluster.stop()
})

test('newer code: a method that is another, an attribute that is new and one that is not there any more', async () => {
  const cluster = await start({ games: 2 })
  const ann = await join(cluster, 'ann')
  ann.server().add(1)
  await cluster.clock.advance(100)
  const frozen = await cluster.freezeGame(1)
  class Newer extends entity({
    aoi: 30,
    kept: ['beats', 'mates', 'fresh'],
    attrs: {
      name: attr('', 'allClients'),
      count: attr(0, 'client'),
      poked: map(list(integer)),
      steps: list(integer, 'allClients'),
      bag: map(value, 'client'),
      title: attr('recruit', 'allClients'),
    },
    ownClient: { add: [integer] },
    client: { added(_n: number) {} },
  }) {
    beats = 0
    mates = new Set<string>()
    fresh = 7
    onBeat() {
      this.beats += 1000
    }
    override onRestored() {
      this.attrs.title = 'veteran'
    }
    add(n: number) {
      this.client.added(n * 100)
    }
  }
  Object.defineProperty(Newer, 'name', { value: 'Player' })
  const newer = game([Account, Newer, Field, Tally] as never, { nilSpace: Field })
  await cluster.restoreGame(1, frozen, newer)
  ann.server().add(2)
  await cluster.clock.advance(1000)
  expect(ann.added).toEqual([1, 200])
  const core = cluster.games[0]!.world.find(ann.client.player!.id)!
  expect((core.entity as unknown as Newer).beats).toBeGreaterThan(1000)
  expect((core.entity as unknown as Newer).fresh).toBe(7)
  expect(ann.client.player!.attrs).toMatchObject({ title: 'veteran', count: 1, steps: [1] })
  expect(cluster.log.matching('warn', 'Player.mood was saved, but is no attribute any more')).toHaveLength(1)
  await cluster.stop()
})

test('a game that was handed over and goes on keeps nothing of what it was made of', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const cluster = await start({ games: 1 })
  await join(cluster, 'ann', 1)
  const [ahead, frozen] = (await cluster.handOver(1)).map((one) => new WeakRef(one))
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect([ahead!.deref(), frozen!.deref()]).toEqual([undefined, undefined])
  await cluster.stop()
})

test('what is written to while a game is copied ahead is not waited for', async () => {
  class Clockwork extends entity({ attrs: { ticks: attr(0, 'persistent') } }) {
    override onCreated() {
      this.every(10, this.tick)
    }
    tick() {
      this.attrs.ticks++
    }
  }
  const cluster = await TestCluster.start({ definition: game([Clockwork]), bootEntity: 'Clockwork' })
  const { world } = cluster.games[0]!
  for (let n = 0; n < 20; n++) {
    world.create(world.kindOf(Clockwork), {})
    await cluster.clock.advance(1)
  }
  await cluster.clock.advance(1000)
  let isCopied = false
  const copying = cluster.games[0]!.copyAhead().then(() => {
    isCopied = true
  })
  await cluster.clock.until(() => isCopied, 200, 'the copy')
  await copying
  await cluster.stop()
})

test('a class that is gone is no reason to lose its entities: the restore is refused and names it', async () => {
  const cluster = await start({ games: 2 })
  await join(cluster, 'ann')
  const frozen = await cluster.freezeGame(1)
  const without = game([Account, Field, Tally], { nilSpace: Field })
  await expect(cluster.restoreGame(1, frozen, without)).rejects.toThrow(
    'this game has no class Player, which has to stay until the last of its entities is gone',
  )
  // The older code still can.
  await cluster.restoreGame(1, frozen)
  expect(players(cluster)).toHaveLength(1)
  await cluster.stop()
})

test('a game that is restored too late finds its players gone, and serves new ones', async () => {
  const cluster = await start({ games: 2 })
  const ann = await join(cluster, 'ann')
  const carl = await join(cluster, 'carl', 1, 2)
  const frozen = await cluster.freezeGame(1)
  await cluster.clock.until(() => ann.client.closed !== undefined, 120_000, 'ann to be let go')
  expect(ann.client.closed).toBeDefined()
  await cluster.restoreGame(1, frozen)
  await cluster.clock.until(() => players(cluster).length === 1, 10_000, 'the ghost of ann to go')
  pokeOnly(carl.client.player!.id)
  const dora = await join(cluster, 'dora')
  dora.server().add(1)
  carl.server().pokeAll(1)
  await cluster.clock.advance(1000)
  expectTruth(cluster, [carl, dora])
  expect(dora.added).toEqual([1])
  await cluster.stop()
})

test('a dispatcher that is restarted while a game is frozen, and a gate that dies meanwhile', async () => {
  for (const dispatchers of [1, 2, 3]) {
    const cluster = await start({ games: 2, dispatchers, gates: 2 })
    const ann = await join(cluster, 'ann', 1)
    const bob = await join(cluster, 'bob', 2)
    const carl = await join(cluster, 'carl', 1, 2)
    const frozen = await cluster.freezeGame(1)
    const { restored } = await cluster.crashDispatcher(1)
    await cluster.clock.advance(200)
    await restored()
    await cluster.replaceGate(2)
    await cluster.clock.advance(500)
    const where = `${dispatchers} dispatchers`
    await cluster.restoreGame(1, frozen)
    await cluster.clock.until(() => players(cluster).length === 2, 20_000, `${where}: bob to go`)
    await cluster.clock.advance(5000)
    expect([where, ann.client.closed, carl.client.closed]).toEqual([where, undefined, undefined])
    ann.server().add(1)
    await cluster.clock.until(() => ann.added.includes(1), 5000, `${where}: ann to play on`)
    await cluster.clock.advance(10)
    expectTruth(cluster, [ann, carl], where)
    expect(bob.client.closed).toBeDefined()
    await cluster.stop()
  }
})

test('a gate and a dispatcher that are restarted while a game is frozen are known to it afterwards', async () => {
  for (const dispatchers of [1, 2]) {
    const cluster = await start({ games: 1, dispatchers })
    await join(cluster, 'ann')
    const frozen = await cluster.freezeGame(1)
    const crashes = []
    for (let n = 1; n <= dispatchers; n++) crashes.push(await cluster.crashDispatcher(n))
    const replaced = cluster.replaceGate(1)
    await cluster.clock.advance(5000)
    await replaced
    for (const { restored } of crashes) await restored()
    await cluster.clock.advance(1500)
    await cluster.restoreGame(1, frozen)
    await cluster.clock.advance(6000)
    expect([...cluster.games[0]!.world.gates]).toEqual([1])
    const bob = await join(cluster, 'bob')
    expectTruth(cluster, [bob], `${dispatchers} dispatchers`)
    await cluster.stop()
  }
})

test('a gate that dies for good while a game is frozen and its dispatcher is restarted: its players go', async () => {
  const cluster = await start({ games: 2, gates: 2 })
  const ann = await join(cluster, 'ann', 1)
  await join(cluster, 'bob', 2)
  const frozen = await cluster.freezeGame(1)
  const { restored } = await cluster.crashDispatcher(1)
  await Promise.all([cluster.gates[1]!.stop(), cluster.clock.advance(100)])
  await restored()
  await cluster.restoreGame(1, frozen)
  await cluster.clock.until(() => players(cluster).length === 1, 20_000, 'bob to go')
  await cluster.clock.advance(4000)
  expectTruth(cluster, [ann])
  await cluster.stop()
})

test('what a game says last, while its connections are broken, has arrived before it is frozen', async () => {
  const cluster = await start({ games: 2, dispatchers: 2 })
  const ann = await join(cluster, 'ann')
  const player = playerOf(cluster, 'ann')
  player.onFrozen = () => {
    player.attrs.mood = 99
    cluster.network.isDown = true
    cluster.network.dropAll()
    cluster.clock.after(600, () => {
      cluster.network.isDown = false
    })
  }
  const before = cluster.clock.now()
  const frozen = await cluster.freezeGame(1)
  expect(cluster.clock.now() - before).toBeGreaterThan(600)
  await cluster.clock.until(() => ann.client.player!.attrs['mood' as never] === 99, 5000, 'ann to hear of it')
  await cluster.restoreGame(1, frozen)
  await cluster.clock.advance(500)
  expectTruth(cluster, [ann])
  await cluster.stop()
})

test('once it is taken down nothing can happen to it any more; and when that comes to nothing, all can', async () => {
  const cluster = await start({ games: 2 })
  const ann = await join(cluster, 'ann')
  const player = playerOf(cluster, 'ann')
  const told: string[] = []
  player.onFrozen = async () => {
    await player.game.kvdb.put('frozen', 'yes')
    told.push('frozen')
  }
  player.onRestored = () => void told.push('goes on')
  const [one] = cluster.games
  let taken = false
  const freezing = one!.freeze().then(() => {
    taken = true
  })
  await cluster.clock.until(() => taken, 10_000, 'the freeze')
  await freezing
  // What `onFrozen` awaited was waited for.
  expect([told, await cluster.kvdb.get('frozen')]).toEqual([['frozen'], 'yes'])
  const { game: running } = player
  const late = [
    () => player.add(1),
    () => player.call(player.id).add(1),
    () => player.every(100, player.onBeat),
    () => player.destroy(),
    () => running.create(Player),
    () => running.service(Tally).increase(player.id, 1),
  ]
  for (const act of late) expect(act).toThrow()
  await expect(running.kvdb.put('late', 'yes')).rejects.toThrow(GameFrozen)
  const asked = player.ask(running.serviceId(Tally)).increase(player.id, 1)
  asked.catch(() => {})
  await cluster.clock.advance(10)
  await expect(asked).rejects.toThrow(GameFrozen)
  one!.thaw()
  ann.server().add(7)
  await cluster.clock.advance(300)
  expect([ann.added, told]).toEqual([[7], ['frozen', 'goes on']])
  expect(await cluster.kvdb.get('late')).toBeUndefined()
  expectTruth(cluster, [ann])
  await cluster.stop()
})

test('what was not saved yet is saved before a freeze: who is restored too late has lost nothing that lasts', async () => {
  const cluster = await start({ games: 2 })
  const keeper = cluster.games[0]!.world.game.create(Keeper)
  await cluster.clock.advance(10)
  keeper.attrs.gold = 7
  await cluster.freezeGame(1)
  expect((await cluster.storage.read('Keeper', keeper.id))?.data).toMatchObject({ gold: 7 })
  await cluster.stop()
})
