// Saving: what a save costs the game, how fast rows reach each database, how long a game stands still while ten thousand
// entities are saved at once, what the journal costs, and how long it takes to replay one. Beside it, in the same run, what
// turning a document into JSON text costs alone.
//
//     make bench ONLY=storage          JSON=1 for an object a line, SAVES=2000 for fewer
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { attr, entity, game, integer, list, map, value } from '../components/game/goworld.ts'
import { realClock } from '../engine/base/clock.ts'
import { silentLog } from '../engine/base/log.ts'
import { worldStarted } from '../engine/entity/current.ts'
import { openStorage, type StorageOptions } from '../engine/storage/backends.ts'
import { encodeDocument } from '../engine/storage/document.ts'
import { FileJournal } from '../engine/storage/journal.ts'
import { Row } from '../engine/storage/row.ts'
import { SaveQueue } from '../engine/storage/save-queue.ts'
import type { EntityStorage } from '../engine/storage/storage.ts'
import { startMongodb } from '../test/services/mongodb.ts'
import { startPostgres } from '../test/services/postgres.ts'
import { startRedis, startRedisCluster } from '../test/services/redis.ts'
import { remark, report, spread } from './kit/report.ts'
import { newWorld, unkept } from './kit/world.ts'

const SAVES = Number(process.env['SAVES'] ?? 10_000)
const ROUNDS = 3
const WRITES_MAX = 64
const JOURNAL_BYTES_MAX = 1 << 30

const folder = mkdtempSync(join(tmpdir(), 'goworld-bench-'))
let folders = 0
const fresh = () => join(folder, `${++folders}`)

/** Half a kilobyte as JSON, like a player with a small bag. */
const player = (n: number) => ({
  name: `player ${n}`,
  level: n % 100,
  hp: 100,
  gold: n * 7,
  exp: 123_456,
  guild: 'the knights of the round table',
  skills: Array.from({ length: 10 }, (_, at) => at * n),
  bag: Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`slot${at}`, { item: `item ${at}`, count: at }])),
})

const players = Array.from({ length: SAVES }, (_, n) => player(n))

const openJournal = async (path = fresh(), fsyncMs = 50) =>
  (await FileJournal.open(path, { clock: realClock, log: silentLog, fsyncMs, bytesMax: JOURNAL_BYTES_MAX }))!

function cpuUs(since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

// --- how fast --------------------------------------------------------------------------------------------------------

let saved = 0

/** Saves of as many entities, each once; those that wait for room wait as an entity would. */
async function saveAll(storage: EntityStorage, journal?: FileJournal): Promise<void> {
  const queue = new SaveQueue(storage, { clock: realClock, log: silentLog, writesMax: WRITES_MAX, journal })
  for (let n = 0; n < SAVES; n++)
    void queue.save('Player', `player${n}`, players[n], { schema: 1, epoch: 1, no: ++saved })
  const { left } = await queue.drain(120_000)
  if (left > 0) throw new Error(`${left} saves did not arrive`)
}

interface Round {
  readonly perSecond: number
  readonly perCpuSecond: number
}

async function round(storage: EntityStorage, journal?: FileJournal): Promise<Round> {
  const before = process.cpuUsage()
  const began = performance.now()
  await saveAll(storage, journal)
  const seconds = (performance.now() - began) / 1000
  return { perSecond: SAVES / seconds, perCpuSecond: (SAVES / cpuUs(before)) * 1e6 }
}

async function saves(name: string, options: Partial<StorageOptions>): Promise<void> {
  const unset = { url: '', db: '', startNodes: [], directory: '', baseDirectory: folder, log: silentLog }
  const storage = await openStorage({ type: name, ...unset, ...options })
  const journal = await openJournal()
  await saveAll(storage)
  const alone: Round[] = []
  const journaled: Round[] = []
  for (let n = 0; n < ROUNDS; n++) {
    alone.push(await round(storage))
    journaled.push(await round(storage, journal))
  }
  await journal.close()
  await storage.close()
  const scenario = `storage: ${SAVES} entities of 650 bytes saved to ${name}`
  const figure = (metric: string, unit: string, rounds: Round[], of: (one: Round) => number) =>
    report({ scenario, metric, unit, ...spread(rounds.map(of)) })
  figure('rows', '1/s', alone, ({ perSecond }) => perSecond)
  figure('saves, each second of CPU of the game', '1/CPU-s', alone, ({ perCpuSecond }) => perCpuSecond)
  figure('the same with a journal', '1/CPU-s', journaled, ({ perCpuSecond }) => perCpuSecond)
}

await saves('memory', {})
await saves('sqlite', { url: 'a.db' })
await saves('filesystem', { directory: 'entities' })
for (const [name, start] of [
  ['redis', startRedis],
  ['redis_cluster', startRedisCluster],
  ['postgres', startPostgres],
  ['mongodb', startMongodb],
] as const) {
  const service = await start()
  if (!service) {
    remark(`${name} is not installed`)
    continue
  }
  const url = 'url' in service ? service.url : ''
  const startNodes = 'startNodes' in service ? service.startNodes : []
  await saves(name, { url, startNodes })
  await service.stop()
}

// --- what a save costs -------------------------------------------------------------------------------------------------

/** Microseconds of CPU for each save, main thread and helpers. */
async function costUs(journal?: FileJournal): Promise<number> {
  const before = process.cpuUsage()
  await saveAll(unkept, journal)
  return cpuUs(before) / SAVES
}

function encodingUs(): number {
  const before = process.cpuUsage()
  for (let n = 0; n < SAVES; n++) encodeDocument(players[n])
  return cpuUs(before) / SAVES
}

const journal = await openJournal()
await costUs(journal)
const encoding: number[] = []
const without: number[] = []
const withJournal: number[] = []
for (let n = 0; n < ROUNDS; n++) {
  encoding.push(encodingUs())
  without.push(await costUs())
  withJournal.push(await costUs(journal))
}
await journal.close()
const middle = (values: number[]) => spread(values).value
const cost = `storage: one save of 650 bytes`
report({ scenario: cost, metric: 'the document as JSON text alone', unit: 'µs', ...spread(encoding) })
report({ scenario: cost, metric: 'through the queue, to nowhere', unit: 'µs', ...spread(without) })
report({ scenario: cost, metric: 'the same with a journal', unit: 'µs', ...spread(withJournal) })
report({ scenario: cost, metric: 'the journal', unit: 'µs', value: middle(withJournal) - middle(without) })
report({ scenario: cost, metric: 'ratio to the text alone', unit: '×', value: middle(withJournal) / middle(encoding) })

// --- how long a game stands still ----------------------------------------------------------------------------------------

class Player extends entity({
  attrs: {
    name: attr('', 'persistent'),
    level: attr(1, 'persistent'),
    hp: attr(100, 'persistent'),
    gold: attr(0, 'persistent'),
    exp: attr(123_456, 'persistent'),
    guild: attr('the knights of the round table', 'persistent'),
    skills: list(integer, 'persistent'),
    bag: map(value, 'persistent'),
  },
}) {}

/** 10,000 entities become due in one moment. The longest that anything else had to wait, and the 99th percentile. */
async function standstill(): Promise<{ readonly p99Ms: number; readonly maxMs: number }> {
  const ENTITIES = 10_000
  const storage = await openStorage({
    type: 'sqlite',
    url: join(folder, `pause${++folders}.db`),
    db: '',
    startNodes: [],
    directory: '',
    baseDirectory: folder,
    log: silentLog,
  })
  const kept = await openJournal()
  const world = newWorld(game([Player]), realClock, {
    storage,
    saveIntervalMs: 500,
    saves: { writesMax: WRITES_MAX, journal: kept },
  })
  worldStarted(world)
  world.start()
  const players = Array.from({ length: ENTITIES }, (_, n) => world.game.create(Player, player(n) as never))
  while (world.saves.depth > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const before = world.saves.written
  for (const one of players) one.attrs.gold++
  // What making them dirty took is not what saving them takes.
  await new Promise((resolve) => setImmediate(resolve))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  while (world.saves.written - before < ENTITIES) await new Promise((resolve) => setTimeout(resolve, 5))
  delay.disable()
  world.stopTime()
  await kept.close()
  await storage.close()
  // The monitor counts its own beat of a millisecond in.
  return { p99Ms: delay.percentile(99) / 1e6 - 1, maxMs: delay.max / 1e6 - 1 }
}

const pauses: Awaited<ReturnType<typeof standstill>>[] = []
for (let n = 0; n < ROUNDS; n++) pauses.push(await standstill())
const pause = 'storage: 10,000 entities due at once, to SQLite with a journal'
report({
  scenario: pause,
  metric: 'the game late, p99',
  unit: 'ms',
  ...spread(pauses.map(({ p99Ms }) => p99Ms)),
  atMost: 5,
})
report({ scenario: pause, metric: 'the game late, at most', unit: 'ms', ...spread(pauses.map(({ maxMs }) => maxMs)) })

// --- after a crash -----------------------------------------------------------------------------------------------------

async function replay(): Promise<number> {
  const path = fresh()
  const crashed = await openJournal(path, 0)
  await Promise.all(
    Array.from({ length: 10_000 }, (_, n) =>
      crashed.append('Player', `player${n}`, Row.of(player(n), { schema: 1, epoch: 1, no: 1 })),
    ),
  )
  await crashed.close()
  const began = performance.now()
  const storage = await openStorage({
    type: 'sqlite',
    url: `${path}.db`,
    db: '',
    startNodes: [],
    directory: '',
    baseDirectory: folder,
    log: silentLog,
  })
  const left = await openJournal(path)
  const queue = new SaveQueue(storage, { clock: realClock, log: silentLog, writesMax: WRITES_MAX, journal: left })
  queue.adopt(left.left)
  await queue.drain(60_000)
  const seconds = (performance.now() - began) / 1000
  if (queue.written !== 10_000) throw new Error(`${queue.written} rows were replayed`)
  await left.close()
  await storage.close()
  return seconds
}

const replays: number[] = []
for (let n = 0; n < ROUNDS; n++) replays.push(await replay())
const restart = 'storage: a journal of 10,000 entities after a crash'
report({ scenario: restart, metric: 'read and written to SQLite in', unit: 's', ...spread(replays), atMost: 1 })

rmSync(folder, { recursive: true, force: true })
process.exit()
