// What entities cost a game that holds 1,000, 10,000 and 100,000 of them, with some 39 others around each: bytes of memory,
// making and destroying one, and the CPU of a tick in which one in a hundred moves while the others sleep. A bare entity
// has three attributes and is in no space; a plain one has six, is in a space and sees others; a full one has a list and a
// map of five items each and a timer as well. One in ten of those in a space has a client, so that nearly all are seen by
// one; those that move have one.
//
//     make bench ONLY=entities          JSON=1 for an object a line
import { setTimeout as sleep } from 'node:timers/promises'
import { attr, entity, game, integer, list, map, space, string } from '../components/game/goworld.ts'
import { VirtualClock } from '../engine/base/clock.ts'
import { seededRandom } from '../engine/base/random.ts'
import type { Entity } from '../engine/entity/entity.ts'
import type { World } from '../engine/entity/world.ts'
import { median, report } from './kit/report.ts'
import { bytesInUse, collectGarbage, cpuSince, newWorld, RADIUS, sideFor } from './kit/world.ts'

const SIZES = [1000, 10_000, 100_000]
const SPACE_MAX = 10_000
/** So many are made, or destroyed, before the saves that come of it are waited for. */
const BATCH = 1000
const TICK_MS = 100
/** One in so many moves. */
const ASLEEP = 100
const WINDOWS = 31
const MOVES_A_WINDOW = 5000
const STILL_TICKS_A_WINDOW = 1000
const COMPILED_MS = 100
/** After that long nobody has anything left to save. */
const SAVED_MS = 1_000_000
/** So long that no timer of an entity comes up meanwhile. */
const TIMER_MS = 86_400_000

const scalars = {
  name: attr('somebody', 'allClients', 'persistent'),
  level: attr(7, 'allClients', 'persistent'),
  hp: attr(100, 'allClients'),
  gold: attr(1000, 'client', 'persistent'),
  x: attr(0.5, 'persistent'),
  busy: attr(false),
} as const

class Field extends space({}) {}

class Bare extends entity({ attrs: { name: attr('somebody'), level: attr(7), hp: attr(100) } }) {}

class Plain extends entity({ aoi: RADIUS, attrs: scalars }) {}

class Full extends entity({
  aoi: RADIUS,
  attrs: {
    ...scalars,
    skills: list(integer, 'client', 'persistent'),
    bag: map(string, 'client', 'persistent'),
  },
}) {
  rest() {}
}

const definition = game([Bare, Plain, Full, Field])

type Make = (world: World, n: number) => Entity

const bare: Make = (world, n) => world.game.create(Bare, { name: `avatar ${n}` })

const plain = (size: number) => inSpaces(size, (world, n) => world.game.create(Plain, { name: `avatar ${n}` }))

const full = (size: number) =>
  inSpaces(size, (world, n) => {
    const avatar = world.game.create(Full, { name: `avatar ${n}` })
    avatar.attrs.skills.push(1, 2, 3, 4, 5)
    for (let slot = 0; slot < 5; slot++) avatar.attrs.bag.set(`slot${slot}`, `item ${slot}`)
    avatar.every(TIMER_MS, avatar.rest)
    return avatar
  })

/** Puts what `make` makes into as few spaces as will do, at random. */
function inSpaces(size: number, make: Make): Make {
  const random = seededRandom(3)
  const members = Math.min(size, SPACE_MAX)
  const side = sideFor(members)
  let field: Field
  return (world, n) => {
    if (n % members === 0) field = world.game.createSpace(Field, 1 + n / members)
    const made = make(world, n)
    if (n % 10 === 0)
      world.find(made.id)!.client = { gateId: 1, clientId: String(n).padStart(16, '0'), handed: 0, session: '' }
    void made.enterSpace(field, { x: random() * side, y: 0, z: random() * side })
    return made
  }
}

/** A world with so many entities; beside it, what they cost. */
class Population {
  readonly clock = new VirtualClock()
  readonly world = newWorld(definition, this.clock)
  readonly entities: Entity[] = []
  /** Of each entity. */
  bytes = 0
  createUs = 0

  static async of(size: number, make: Make): Promise<Population> {
    // The compiler works beside us, and may for a moment hold on to the population before.
    await sleep(COMPILED_MS)
    const population = new Population()
    const { world, entities } = population
    world.start()
    const bytesBefore = bytesInUse()
    const before = process.cpuUsage()
    for (let n = 0; n < size; n++) {
      entities.push(make(world, n))
      if (n % BATCH === BATCH - 1) await population.#saved()
    }
    population.createUs = (cpuSince(before) * 1e6) / size
    // Nor do the first positions wait any more.
    world.movement.flush()
    world.flushAttrs()
    population.bytes = (bytesInUse() - bytesBefore) / size
    return population
  }

  /** Microseconds of a tick in which the first in every `ASLEEP` move (not with `still`): the median of some windows. */
  async tickUs(ticks: number, still: boolean): Promise<number> {
    const { clock, entities } = this
    const random = seededRandom(4)
    const movers = still ? [] : entities.filter((_, n) => n % ASLEEP === 0)
    const windows: number[] = []
    collectGarbage()
    for (let window = 0; window < WINDOWS; window++) {
      const before = process.cpuUsage()
      for (let tick = 0; tick < ticks; tick++) {
        for (const mover of movers) {
          const { x, y, z } = mover.position
          mover.position = { x: x + random() * 2 - 1, y, z: z + random() * 2 - 1 }
        }
        await clock.advance(TICK_MS)
      }
      windows.push((cpuSince(before) * 1e6) / ticks)
    }
    return median(windows)
  }

  /** Flushes positions as a game does. */
  beat(): void {
    this.clock.after(TICK_MS, () => {
      this.world.movement.flush()
      this.beat()
    })
  }

  /** Microseconds of destroying each. */
  async destroyUs(): Promise<number> {
    const { entities } = this
    const before = process.cpuUsage()
    for (let n = 0; n < entities.length; n++) {
      entities[n]!.destroy()
      if (n % BATCH === BATCH - 1) await this.#saved()
    }
    return (cpuSince(before) * 1e6) / entities.length
  }

  async #saved(): Promise<void> {
    this.world.flushAttrs()
    await this.world.saves.drain(1000)
  }
}

/** What each takes up of a population that is gone when this resolves. */
async function bytesOf(size: number, make: Make): Promise<number> {
  const { bytes } = await Population.of(size, make)
  return bytes
}

interface Costs {
  readonly bytes: number
  readonly createUs: number
  readonly stillUs: number
  readonly tickUs: number
  readonly destroyUs: number
}

async function costsOf(size: number): Promise<Costs> {
  const population = await Population.of(size, full(size))
  const { bytes, createUs } = population
  await population.clock.advance(SAVED_MS)
  population.beat()
  const tickUs = await population.tickUs((MOVES_A_WINDOW * ASLEEP) / size, false)
  const stillUs = await population.tickUs(STILL_TICKS_A_WINDOW, true)
  return { bytes, createUs, stillUs, tickUs, destroyUs: await population.destroyUs() }
}

const PLAIN_BYTES_MAX = 2048
/** Whoever looks at all to move one has 2; the rest over 1 is memory that is not in the processor's caches any more. */
const GROWTH_MAX = 1.5
const moved: number[] = []

// What the compiler makes of the code is neither an entity's memory nor its time.
await costsOf(SIZES[0]!)

for (const size of SIZES) {
  const scenario = `entities: ${size.toLocaleString('en')} in one game`
  const memory = (kind: string, value: number, target = {}) =>
    report({ scenario, metric: `memory of a ${kind} entity`, value: Math.round(value), unit: 'bytes', ...target })

  memory('bare', await bytesOf(size, bare))
  memory('plain', await bytesOf(size, plain(size)), { atMost: PLAIN_BYTES_MAX })
  const { bytes, createUs, stillUs, tickUs, destroyUs } = await costsOf(size)
  memory('full', bytes)
  moved.push(tickUs - stillUs)
  report({ scenario, metric: 'create a full one', value: createUs, unit: 'µs' })
  report({ scenario, metric: 'tick while all are asleep', value: stillUs, unit: 'µs', atMost: 100 })
  report({ scenario, metric: 'tick while one in 100 moves', value: tickUs, unit: 'µs' })
  report({ scenario, metric: 'of which each that moves', value: ((tickUs - stillUs) * ASLEEP) / size, unit: 'µs' })
  report({ scenario, metric: 'destroy a full one', value: destroyUs, unit: 'µs' })
}

const [first, last] = [moved[0]!, moved.at(-1)!]
report({
  scenario: `entities: from ${SIZES[0]!.toLocaleString('en')} to ${SIZES.at(-1)!.toLocaleString('en')}`,
  metric: 'growth of a tick with those that move (1 = linear)',
  value: Math.log(last / first) / Math.log(SIZES.at(-1)! / SIZES[0]!),
  unit: '',
  atMost: GROWTH_MAX,
})
process.exit()
