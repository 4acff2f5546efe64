// A world by itself, for benchmarks of what a game costs inside: it says everything to nobody and saves into nothing, its
// clock stands still until it is moved, and chance is the same every time.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Clock, VirtualClock } from '../../engine/base/clock.ts'
import { IdMaker } from '../../engine/base/id.ts'
import { silentLog } from '../../engine/base/log.ts'
import { seededRandom } from '../../engine/base/random.ts'
import { Turn } from '../../engine/base/turn.ts'
import type { GameDefinition } from '../../engine/entity/definition.ts'
import { nowhere } from '../../engine/entity/nowhere.ts'
import { World, type WorldOptions } from '../../engine/entity/world.ts'
import { MemoryKvdb } from '../../engine/kvdb/memory.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'

/** How far entities see, and how many others each then has around it. */
export const RADIUS = 100
const NEIGHBOURS = 39

/** The side of a square that holds so many entities, each with that many around it. */
export const sideFor = (entities: number): number => Math.sqrt((entities * Math.PI * RADIUS ** 2) / NEIGHBOURS)

export function newWorld(
  { types }: GameDefinition,
  clock: Clock = new VirtualClock(),
  more: Partial<WorldOptions> = {},
): World {
  const world = new World({
    gameId: 1,
    types,
    clock,
    turn: new Turn(clock),
    log: silentLog,
    ids: new IdMaker(clock, seededRandom(1)),
    random: seededRandom(2),
    cluster: nowhere(),
    storage: unkept,
    kvdb: new MemoryKvdb(),
    saveIntervalMs: 600_000,
    ...more,
  })
  world.gates.add(1)
  return world
}

/** Takes everything and keeps nothing. */
export const unkept: EntityStorage = {
  write: async () => true,
  read: async () => undefined,
  exists: async () => false,
  list: async () => [],
  types: async () => [],
  delete: async () => {},
  close: async () => {},
}

setFlagsFromString('--expose-gc')
export const collectGarbage = runInNewContext('gc') as () => void

/** Memory of what is still in use: the heap, and what lies outside of it, buffers among that. */
export function bytesInUse(): number {
  // The second time takes the buffers whose arrays the first has freed.
  collectGarbage()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** CPU seconds of what `work` does. */
export function cpuOf<T>(work: () => T): { seconds: number; result: T } {
  const before = process.cpuUsage()
  const result = work()
  return { seconds: cpuSince(before), result }
}

/** CPU seconds since `process.cpuUsage()` said `before`. */
export function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
