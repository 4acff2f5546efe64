// What is saved and not in the store yet, when games die: on a cluster whose games keep journals.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { attr, type EntityId, game, readConfig, space } from '../../components/game/goworld.ts'
import { storeOf } from '../../components/game/stores.ts'
import { realClock } from '../../engine/base/clock.ts'
import { MemoryLog } from '../../engine/base/log.ts'
import { NotStorable, StorageError } from '../../engine/storage/errors.ts'
import { FileJournal } from '../../engine/storage/journal.ts'
import { Row } from '../../engine/storage/row.ts'
import { GameFolder } from './cli/game-folder.ts'
import type { TestCluster } from './cluster.ts'
import { Account, breakStore, Hero, Room, settled, start, worldOf } from './journaling.ts'

class Calendar extends space({ attrs: { day: attr(0, 'persistent') } }) {}

/** A hero on game 2, stored with 1 gold; the store is gone by then, and 7 gold is in the journal alone. */
async function heroWithSevenGold(cluster: TestCluster): Promise<{ id: EntityId<Hero>; mend: () => void }> {
  const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
  await settled(cluster, hero.save())
  await cluster.clock.until(() => cluster.journals.rowsOf(2).length === 0, 5000, 'the store to have it')
  const mend = breakStore(cluster)
  hero.attrs.gold = 7
  await settled(cluster, hero.save())
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 1 })
  expect(cluster.journals.rowsOf(2)).toHaveLength(1)
  return { id: hero.id, mend }
}

/** The process is gone, and the others know it. */
async function dies(cluster: TestCluster, gameId: number): Promise<void> {
  await cluster.crashGame(gameId)
  await cluster.clock.until(() => !cluster.games[0]!.status().games.includes(gameId), 20_000, 'its end to be known')
}

async function loadedOn(cluster: TestCluster, gameId: number, id: EntityId<Hero>): Promise<Hero> {
  const world = worldOf(cluster, gameId)
  world.loadOn(gameId, Hero, id)
  await cluster.clock.until(() => world.entity(id) !== undefined, 60_000, 'the hero to be loaded')
  return world.entity(id)!
}

test('what a game that died has saved another takes to the store, before its entities are loaded', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  await dies(cluster, 2)
  const loading = loadedOn(cluster, 1, id)
  await cluster.clock.advance(5000)
  expect(worldOf(cluster, 1).entity(id)).toBeUndefined()
  mend()
  const hero = await loading
  expect(hero.attrs.gold).toBe(7)
  expect(cluster.journals.rowsOf(2)).toEqual([])
  hero.attrs.gold++
  await settled(cluster, hero.save())
  expect(cluster.log.matching('info', 'saves of game 2, which died, are in the store')).toHaveLength(1)
})

test('a game that is started again takes what it had saved to the store before anybody can ask it', async () => {
  const cluster = await start({ games: 2 })
  const { id, mend } = await heroWithSevenGold(cluster)
  mend()
  await cluster.crashGame(2)
  await cluster.startGame(2)
  await cluster.clock.until(() => cluster.games[1]!.ready, 10_000, 'the game to be back')
  expect((await cluster.storage.read('Hero', id))?.data).toEqual({ gold: 7 })
  expect((await loadedOn(cluster, 2, id)).attrs.gold).toBe(7)
})

test('a journal that is gone with its machine is waited for so long, and then no more', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  mend()
  cluster.journals.lose(2)
  await dies(cluster, 2)
  const since = cluster.clock.now()
  expect((await loadedOn(cluster, 1, id)).attrs.gold).toBe(1)
  expect(cluster.clock.now() - since).toBeGreaterThan(9000)
  expect(cluster.log.matching('error', 'the journal of game 2, which is dead')).toHaveLength(1)
})

test('a game that was thought dead cannot write over what has been saved since', async () => {
  const cluster = await start()
  const hero = worldOf(cluster, 2).create(Hero, { gold: 1 })
  await settled(cluster, hero.save())
  const mend = cluster.cutGame(2)
  await cluster.clock.advance(4000)
  // Its journal is in its hands, so nobody else can replay it.
  const successor = await loadedOn(cluster, 1, hero.id as EntityId<Hero>)
  successor.attrs.gold = 50
  await settled(cluster, successor.save())
  hero.attrs.gold = 2
  const error = await settled(
    cluster,
    hero.save().then(
      () => 'saved',
      (caught: Error) => caught.name,
    ),
  )
  // Its own journal keeps it; the store refuses it, and the log says so.
  expect(['saved', 'SaveOutdated']).toContain(error)
  await cluster.clock.advance(1000)
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 50 })
  expect(cluster.games[1]!.status().saves).toMatchObject({ outdated: 1, depth: 0 })
  mend()
  await cluster.clock.until(
    () => worldOf(cluster, 2).entity(hero.id) === undefined,
    20_000,
    'the old one to be dropped',
  )
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 50 })
})

/** It earns one more, which is in the store in the end, whatever journals are still to be replayed. */
async function keepsOneMore(cluster: TestCluster, hero: Hero): Promise<void> {
  const gold = ++hero.attrs.gold
  await settled(cluster, hero.save())
  await cluster.clock.advance(20_000)
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold })
  expect(cluster.journals.rowsOf(2)).toEqual([])
}

test('an entity that was about to move when its game died is waited for like all others', async () => {
  const cluster = await start()
  const room = worldOf(cluster, 1).createSpace(Room, 1)
  await cluster.clock.advance(100)
  const { id, mend } = await heroWithSevenGold(cluster)
  const hero = worldOf(cluster, 2).entity(id)!
  // It is held, and waits for its save.
  hero.enterSpace(room.id, { x: 0, y: 0, z: 0 }).catch(() => {})
  await cluster.clock.advance(500)
  hero.attrs.gold = 8
  await settled(cluster, hero.save())
  await dies(cluster, 2)
  const loading = loadedOn(cluster, 1, id)
  await cluster.clock.advance(3000)
  mend()
  const loaded = await loading
  expect(loaded.attrs.gold).toBe(8)
  await keepsOneMore(cluster, loaded)
})

test.each([1, 2])(
  'a game that dies together with one of %i dispatchers is known to be dead, and its journal replayed',
  async (dispatchers) => {
    const cluster = await start({ dispatchers })
    const { id, mend } = await heroWithSevenGold(cluster)
    const crashed = await cluster.crashDispatcher(dispatchers)
    await cluster.crashGame(2)
    mend()
    await cluster.clock.advance(1000)
    await crashed.restored()
    await cluster.clock.until(() => !cluster.games[0]!.status().games.includes(2), 20_000, 'its end to be known')
    const hero = await loadedOn(cluster, 1, id)
    expect(hero.attrs.gold).toBe(7)
    await keepsOneMore(cluster, hero)
  },
)

test('nobody is loaded by a new dispatcher while a game that died with the old one may have a journal', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  const crashed = await cluster.crashDispatcher(1)
  await cluster.crashGame(2)
  await cluster.clock.advance(1000)
  await crashed.restored()
  await cluster.clock.advance(3000)
  const loading = loadedOn(cluster, 1, id)
  await cluster.clock.advance(5000)
  expect(worldOf(cluster, 1).entity(id)).toBeUndefined()
  mend()
  expect((await loading).attrs.gold).toBe(7)
})

test('one that was destroyed and is still being written cannot be loaded by a dispatcher that was restarted', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  worldOf(cluster, 2).entity(id)!.destroy()
  await cluster.clock.advance(20_000)
  const crashed = await cluster.crashDispatcher(1)
  await cluster.clock.advance(500)
  await crashed.restored()
  await cluster.clock.advance(7000)
  const loading = loadedOn(cluster, 1, id)
  await cluster.clock.advance(15_000)
  expect(worldOf(cluster, 1).entity(id)).toBeUndefined()
  mend()
  const hero = await loading
  expect(hero.attrs.gold).toBe(7)
  await keepsOneMore(cluster, hero)
})

test('all games die, and one is not started again: the others take what it had saved to the store', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  for (const gameId of [1, 2, 3]) await cluster.crashGame(gameId)
  mend()
  await cluster.clock.advance(4000)
  await Promise.all([cluster.startGame(1), cluster.startGame(3), cluster.clock.advance(100)])
  expect(cluster.journals.rowsOf(2)).toEqual([])
  await cluster.clock.advance(8000)
  const hero = await loadedOn(cluster, 1, id)
  expect(hero.attrs.gold).toBe(7)
  await keepsOneMore(cluster, hero)
})

test('the store away for longer than loads wait: what a dead game had saved is tried for until it is back', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  await dies(cluster, 2)
  await cluster.clock.advance(60_000)
  mend()
  await cluster.clock.until(() => cluster.journals.rowsOf(2).length === 0, 8000, 'the journal to be replayed')
  expect((await cluster.storage.read('Hero', id))?.data).toEqual({ gold: 7 })
})

test('a game that was started again and cannot empty its journal yet says so, and loads wait', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  await cluster.crashGame(2)
  await cluster.clock.advance(100)
  void cluster.startGame(2)
  await cluster.clock.until(() => cluster.games[1]!.ready, 30_000, 'the game to be back')
  await cluster.clock.advance(30_000)
  const loading = loadedOn(cluster, 1, id)
  await cluster.clock.advance(200)
  mend()
  const hero = await loading
  expect(hero.attrs.gold).toBe(7)
  await keepsOneMore(cluster, hero)
})

test('the owner of a journal gets it soon, though another game is at it in vain', async () => {
  const cluster = await start()
  await heroWithSevenGold(cluster)
  await dies(cluster, 2)
  await cluster.clock.advance(500)
  const { clock, journals } = cluster
  const sinceMs = clock.now()
  let longestMs = 0
  for (let freeMs = sinceMs; clock.now() < sinceMs + 30_000; ) {
    await clock.advance(100)
    const opened = await journals.of(9).open(2)
    if (typeof opened === 'string') {
      longestMs = Math.max(longestMs, clock.now() - freeMs)
      continue
    }
    freeMs = clock.now()
    await opened.close()
  }
  expect(longestMs).toBeLessThan(8000)
})

test('a dispatcher that is restarted while a journal is replayed holds loads as the one before did', async () => {
  const cluster = await start()
  const { id, mend } = await heroWithSevenGold(cluster)
  await dies(cluster, 2)
  await cluster.clock.advance(500)
  const crashed = await cluster.crashDispatcher(1)
  await cluster.clock.advance(200)
  await crashed.restored()
  // Its gathering is over.
  await cluster.clock.advance(12_000)
  const loading = loadedOn(cluster, 1, id)
  await cluster.clock.advance(5000)
  expect(worldOf(cluster, 1).entity(id)).toBeUndefined()
  mend()
  expect((await loading).attrs.gold).toBe(7)
})

test('no load waits for ever for journals that cannot be replayed, and the log says so', async () => {
  const cluster = await start()
  const other = worldOf(cluster, 1).create(Hero, { gold: 5 })
  await settled(cluster, other.save())
  other.destroy()
  await cluster.clock.advance(1000)
  await heroWithSevenGold(cluster)
  await dies(cluster, 2)
  await cluster.clock.advance(20_000)
  const since = cluster.clock.now()
  expect((await loadedOn(cluster, 1, other.id)).attrs.gold).toBe(5)
  expect(cluster.clock.now() - since).toBeGreaterThan(9000)
  expect(cluster.log.matching('error', 'there are journals that nobody could replay in time')).toHaveLength(1)
})

test('one that was loaded and saved before its game could say so is waited for', async () => {
  const cluster = await start()
  const first = worldOf(cluster, 2).create(Hero, { gold: 1 })
  await settled(cluster, first.save())
  const { id } = first
  first.destroy()
  await cluster.clock.advance(2000)
  const { read } = cluster.storage
  cluster.storage.read = async (...args) => {
    await new Promise<void>((resolve) => void cluster.clock.after(200, resolve))
    return read.apply(cluster.storage, args)
  }
  worldOf(cluster, 1).loadOn(2, Hero, id)
  await cluster.clock.advance(100)
  cluster.cutGame(2)
  await cluster.clock.advance(300)
  cluster.storage.read = read
  const mend = breakStore(cluster)
  const hero = worldOf(cluster, 2).entity(id)!
  hero.attrs.gold = 7
  await settled(cluster, hero.save())
  await cluster.crashGame(2)
  const where = () => [1, 3].map((gameId) => worldOf(cluster, gameId).entity(id)).find((one) => one)
  await cluster.clock.advance(5000)
  expect(where()).toBeUndefined()
  mend()
  await cluster.clock.until(() => where() !== undefined, 20_000, 'it to be loaded again')
  expect(where()!.attrs.gold).toBe(7)
  await keepsOneMore(cluster, where()!)
})

test('a dispatcher whose clock is behind cannot make a successor that counts as the one before', async () => {
  const cluster = await start({ games: 2 })
  const first = worldOf(cluster, 2).create(Hero, { gold: 1 })
  await settled(cluster, first.save())
  const { id } = first
  first.destroy()
  await cluster.clock.advance(1000)
  const hero = await loadedOn(cluster, 2, id)
  hero.attrs.gold = 2
  await settled(cluster, hero.save())
  await cluster.clock.advance(1000)
  const mend = cluster.cutGame(2)
  const crashed = await cluster.crashDispatcher(1)
  const { wallMs } = cluster.clock
  cluster.clock.wallMs = () => wallMs.call(cluster.clock) - 60_000
  await cluster.clock.advance(500)
  await crashed.restored()
  await cluster.clock.advance(7000)
  const next = await loadedOn(cluster, 1, id)
  next.attrs.gold = 50
  await settled(cluster, next.save())
  hero.attrs.gold = 3
  await settled(
    cluster,
    hero.save().catch(() => {}),
  )
  await cluster.clock.advance(1000)
  expect((await cluster.storage.read('Hero', id))?.data).toEqual({ gold: 50 })
  // The store has told it.
  expect(hero.isGone).toBe(true)
  mend()
  await cluster.clock.advance(20_000)
  expect(worldOf(cluster, 2).entity(id)).toBe(undefined)
  expect(worldOf(cluster, 1).entity(id)).toBe(next)
})

test('a nil space goes on with what was saved of it, in the store or in the journal', async () => {
  const cluster = await start({ games: 1, definition: game([Account, Hero, Room], { nilSpace: Calendar }) })
  const nil = () => cluster.games[0]!.world.nilSpace.entity as Calendar
  for (let day = 1; day <= 5; day++) {
    nil().attrs.day = day
    await settled(cluster, nil().save())
  }
  await cluster.clock.advance(1000)
  const mend = breakStore(cluster)
  nil().attrs.day = 6
  await settled(cluster, nil().save())
  await cluster.crashGame(1)
  mend()
  await cluster.startGame(1)
  expect(nil().attrs.day).toBe(6)
  nil().attrs.day = 100
  await settled(cluster, nil().save())
  await cluster.clock.advance(1000)
  expect((await cluster.storage.read('Calendar', nil().id))?.data).toMatchObject({ day: 100 })
  expect(cluster.games[0]!.status().saves).toMatchObject({ outdated: 0 })
})

test('a game whose nil space cannot be read waits for the store, and is not there before', async () => {
  const cluster = await start({ games: 2, definition: game([Account, Hero, Room], { nilSpace: Calendar }) })
  await cluster.crashGame(2)
  const { read } = cluster.storage
  cluster.storage.read = async () => {
    throw new StorageError('the database is gone')
  }
  void cluster.startGame(2)
  await cluster.clock.advance(20_000)
  expect(cluster.games[0]!.status().games).toEqual([1])
  cluster.storage.read = read
  await cluster.clock.until(() => cluster.games[1]!.ready, 10_000, 'the game to be there')
  expect(cluster.log.matching('error', 'waits for its nil space')).toHaveLength(1)
})

test('what the journal had taken and the store never will makes its entity unsaved again', async () => {
  const cluster = await start({ games: 1 })
  const hero = worldOf(cluster, 1).create(Hero, {})
  await settled(cluster, hero.save())
  await cluster.clock.advance(1000)
  const mend = breakStore(cluster)
  hero.attrs.gold = 8
  await settled(cluster, hero.save())
  mend()
  const { write } = cluster.storage
  cluster.storage.write = async (type, id, row) => {
    if (row.text.includes('8')) throw new NotStorable('too large')
    return write.call(cluster.storage, type, id, row)
  }
  const core = cluster.games[0]!.world.find(hero.id)!
  await cluster.clock.until(() => core.unsaved, 20_000, 'it to be unsaved')
  hero.attrs.gold = 9
  await cluster.clock.advance(61_000)
  expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 9 })
})

test('the store away for a minute: play goes on, saves are acknowledged, and nothing is missing when it is back', async () => {
  const cluster = await start({ games: 1 })
  const heroes = Array.from({ length: 50 }, () => worldOf(cluster, 1).create(Hero, {}))
  await cluster.clock.advance(1000)
  const mend = breakStore(cluster)
  for (let second = 1; second <= 60; second++) {
    const saves = heroes.map((hero) => {
      hero.attrs.gold++
      return hero.save()
    })
    await settled(cluster, Promise.all(saves))
    await cluster.clock.advance(1000)
  }
  const status = cluster.games[0]!.status()
  expect(status.saves).toMatchObject({ depth: 50, failing: 50 })
  expect(status.saves.oldestMs).toBeGreaterThan(50_000)
  expect(status.journal).toMatchObject({ rows: 50 })
  mend()
  await cluster.clock.until(() => cluster.games[0]!.status().saves.depth === 0, 20_000, 'the store to have it all')
  for (const hero of heroes) expect((await cluster.storage.read('Hero', hero.id))?.data).toEqual({ gold: 60 })
  expect(cluster.journals.rowsOf(1)).toEqual([])
})

test('with real processes: the journal of a game that is not started any more is replayed by one that is', {
  timeout: 60_000,
}, async () => {
  const source =
    "import { attr, entity, game } from 'goworld'\n" +
    "class Account extends entity({ attrs: { gold: attr(0, 'persistent') } }) {}\n" +
    'export default game([Account])\n'
  const folder = new GameFolder({ source })
  const open = (id: number) =>
    FileJournal.open(join(folder.path, 'goworld-journal', `game${id}`), {
      clock: realClock,
      log: new MemoryLog(),
      fsyncMs: 0,
      bytesMax: 1 << 26,
      store: storeOf(readConfig(join(folder.path, 'goworld.ini'))),
    })
  for (const id of [1, 2]) {
    const journal = (await open(id))!
    await journal.append('Account', `accountaccount${id}0`, Row.of({ gold: id }, { schema: 1, epoch: 5, no: 5 }))
    await journal.close()
  }
  const server = folder.begin('start')
  await server.said('stop: ')
  server.kill('SIGTERM')
  await server.ended
  const path = join(folder.path, 'goworld.db')
  expect(existsSync(path)).toBe(true)
  const stored = new DatabaseSync(path, { readOnly: true })
  const rows = stored.prepare(`SELECT id FROM entities WHERE type = 'Account' ORDER BY id`).all()
  stored.close()
  expect(rows.map(({ id }) => id)).toEqual(['accountaccount10', 'accountaccount20'])
  const left = (await open(2))!
  expect(left.rows).toBe(0)
  await left.close()
})
