// What the AOI costs: nanoseconds of CPU an operation with its events, and bytes an entity. Beside it, in the same run,
// a plain exact reference (a grid with a list a cell, a set of seen entities a watcher): the ratio holds on any machine.
//
//     make bench ONLY=aoi           a line a figure
//     JSON=1 make bench ONLY=aoi    a JSON object a line
import { seededRandom } from '../engine/base/random.ts'
import { Aoi, type AoiEvents } from '../engine/entity/aoi.ts'
import { report } from './kit/report.ts'
import { collectGarbage } from './kit/world.ts'

const REPEATS = 7
const COUNT = 10_000
const RADIUS = 100
// A circle of that radius holds 39 others.
const SIDE = Math.sqrt((COUNT * Math.PI * RADIUS * RADIUS) / 39)

interface Interest {
  add(x: number, z: number, radius: number): number
  remove(slot: number): void
  move(slot: number, x: number, z: number): void
}

let told = 0
const counting: AoiEvents = {
  onEnter: () => void told++,
  onLeave: () => void told++,
}

/** The plain reference. All radii are alike; it looks at all in the nine cells around, before and after. */
class PlainGrid implements Interest {
  readonly #cells = new Map<number, number[]>()
  readonly #at: { x: number; z: number; seen: Set<number> }[] = []

  add(x: number, z: number): number {
    const slot = this.#at.push({ x, z, seen: new Set() }) - 1
    this.#settle(slot)
    this.#cellAt(x, z).push(slot)
    return slot
  }

  remove(slot: number): void {
    this.#takeOut(slot)
    this.#at[slot]!.x = 1e12
    this.#settle(slot)
  }

  move(slot: number, x: number, z: number): void {
    this.#takeOut(slot)
    this.#at[slot]!.x = x
    this.#at[slot]!.z = z
    this.#settle(slot)
    this.#cellAt(x, z).push(slot)
  }

  #settle(slot: number): void {
    const { x, z, seen } = this.#at[slot]!
    for (const other of seen) if (!this.#isNear(slot, other)) this.#tell(slot, other, false)
    for (let dx = -RADIUS; dx <= RADIUS; dx += RADIUS) {
      for (let dz = -RADIUS; dz <= RADIUS; dz += RADIUS) {
        for (const other of this.#cellAt(x + dx, z + dz)) {
          if (other !== slot && !seen.has(other) && this.#isNear(slot, other)) this.#tell(slot, other, true)
        }
      }
    }
  }

  #isNear(a: number, b: number): boolean {
    const dx = this.#at[a]!.x - this.#at[b]!.x
    const dz = this.#at[a]!.z - this.#at[b]!.z
    return dx * dx + dz * dz <= RADIUS * RADIUS
  }

  #tell(a: number, b: number, enters: boolean): void {
    if (enters) {
      this.#at[a]!.seen.add(b)
      this.#at[b]!.seen.add(a)
      counting.onEnter(a, b)
      counting.onEnter(b, a)
    } else {
      this.#at[a]!.seen.delete(b)
      this.#at[b]!.seen.delete(a)
      counting.onLeave(a, b)
      counting.onLeave(b, a)
    }
  }

  #takeOut(slot: number): void {
    const cell = this.#cellAt(this.#at[slot]!.x, this.#at[slot]!.z)
    cell.splice(cell.indexOf(slot), 1)
  }

  #cellAt(x: number, z: number): number[] {
    const key = Math.floor(x / RADIUS) * 1_000_003 + Math.floor(z / RADIUS)
    const cell = this.#cells.get(key)
    if (cell) return cell
    const empty: number[] = []
    this.#cells.set(key, empty)
    return empty
  }
}

/** A world under measure: its entities are in slots 0 to `count` - 1. */
class Field {
  readonly interest: Interest
  readonly random = seededRandom(1)
  readonly x: number[] = []
  readonly z: number[] = []

  constructor(interest: Interest) {
    this.interest = interest
  }

  get count(): number {
    return this.x.length
  }

  enter(count: number, side: number, radius: number): void {
    for (let n = 0; n < count; n++) {
      const x = this.random() * side
      const z = this.random() * side
      this.x.push(x)
      this.z.push(z)
      this.interest.add(x, z, radius)
    }
  }

  /** Moves `times` entities, in turn from `first`, by up to 1 along both axes. */
  walk(times: number, first = 0, count = this.count): void {
    for (let n = 0; n < times; n++) {
      const slot = first + (n % count)
      this.x[slot]! += this.random() * 2 - 1
      this.z[slot]! += this.random() * 2 - 1
      this.interest.move(slot, this.x[slot]!, this.z[slot]!)
    }
  }

  teleport(times: number, side: number): void {
    for (let n = 0; n < times; n++) {
      const slot = n % this.count
      this.x[slot] = this.random() * side
      this.z[slot] = this.random() * side
      this.interest.move(slot, this.x[slot]!, this.z[slot]!)
    }
  }

  leave(): void {
    for (let slot = 0; slot < this.count; slot++) this.interest.remove(slot)
  }
}

interface Figure {
  readonly ns: number
  readonly events: number
}

/** Runs the scenario again and again in a fresh world; answers the median of each of its stages. */
function measure(interest: () => Interest, run: (field: Field, stage: Stage) => void): Map<string, Figure> {
  const runs = new Map<string, Figure[]>()
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    collectGarbage()
    run(new Field(interest()), (name, operations, work) => {
      told = 0
      const before = process.cpuUsage()
      work()
      const { user, system } = process.cpuUsage(before)
      const figures = runs.get(name) ?? []
      runs.set(name, figures)
      figures.push({ ns: ((user + system) * 1000) / operations, events: told / operations })
    })
  }
  return new Map([...runs].map(([name, figures]) => [name, median(figures)]))
}

type Stage = (name: string, operations: number, work: () => void) => void

const median = (figures: Figure[]) => figures.sort((a, b) => a.ns - b.ns)[figures.length >> 1]!

function plaza(field: Field, stage: Stage): void {
  stage('enter', COUNT, () => field.enter(COUNT, SIDE, RADIUS))
  field.walk(COUNT)
  stage('move ±1', COUNT * 10, () => field.walk(COUNT * 10))
  stage('teleport', COUNT, () => field.teleport(COUNT, SIDE))
  stage('leave', COUNT, () => field.leave())
}

function crowd(field: Field, stage: Stage): void {
  const size = 2000
  stage('enter', size, () => field.enter(size, 0, RADIUS))
  field.walk(size)
  stage('move ±1', size * 2, () => field.walk(size * 2))
  const away = 50
  stage('one goes far away', away, () => {
    for (let slot = 0; slot < away; slot++) field.interest.move(slot, 1000 * slot + 1000, 1000)
  })
  stage('leave', size, () => field.leave())
}

const boss =
  (bossRadius: number) =>
  (field: Field, stage: Stage): void => {
    field.enter(COUNT, SIDE, RADIUS / 2)
    if (bossRadius > 0) field.enter(1, SIDE, bossRadius)
    field.walk(COUNT)
    stage('move ±1 of the others', COUNT * 10, () => field.walk(COUNT * 10, 0, COUNT))
    if (bossRadius > 0) stage('move ±1 of the boss', 1000, () => field.walk(1000, COUNT, 1))
  }

function items(field: Field, stage: Stage): void {
  field.enter(COUNT - 1000, SIDE, 0)
  field.enter(1000, SIDE, RADIUS)
  field.walk(COUNT * 10)
  stage('move ±1 of one with radius 0', COUNT * 10, () => field.walk(COUNT * 10, 0, COUNT - 1000))
  stage('move ±1 of one with radius 100', COUNT * 10, () => field.walk(COUNT * 10, COUNT - 1000, 1000))
}

function wide(field: Field, stage: Stage): void {
  field.enter(COUNT, SIDE, RADIUS * 5)
  field.walk(COUNT * 10)
  stage('move ±1', COUNT * 2, () => field.walk(COUNT * 2))
}

function scenarios(): void {
  const ours = (hysteresis: number) => () => new Aoi(counting, { hysteresis })
  const plain = measure(() => new PlainGrid(), plaza)
  compare(MAIN, measure(ours(0), plaza), plain)
  compare('the same, hysteresis 10', measure(ours(10), plaza))
  compare(
    '2,000 on one point, radius 100',
    measure(ours(0), crowd),
    measure(() => new PlainGrid(), crowd),
  )
  const without = measure(ours(0), boss(0))
  compare(
    '10,000, radius 50 (ratio: to the same without the boss), a boss with 5,000',
    measure(ours(0), boss(5000)),
    without,
  )
  compare('9,000 with radius 0, 1,000 with 100', measure(ours(0), items))
  compare('10,000, radius 500, 970 seen', measure(ours(0), wide))
}

function memory(): void {
  const cases = { '39 seen': SIDE, 'nobody near': SIDE * 100 }
  for (const [who, side] of Object.entries(cases)) {
    for (const hysteresis of [0, 10]) {
      const scenario = `AOI: 10,000, ${who}, hysteresis ${hysteresis}`
      report({ scenario, metric: 'memory an entity', value: bytesAnEntity(side, hysteresis), unit: 'bytes' })
    }
  }
}

function bytesAnEntity(side: number, hysteresis: number): number {
  const before = bytesInUse()
  const field = new Field(new Aoi(counting, { hysteresis }))
  field.enter(COUNT, side, RADIUS)
  field.walk(COUNT * 20)
  const bytes = bytesInUse() - before
  // Here it is still in use.
  field.leave()
  return Math.round(bytes / COUNT)
}

function bytesInUse(): number {
  // The second time takes the buffers whose arrays the first has freed.
  collectGarbage()
  collectGarbage()
  // The AOI keeps everything in typed arrays.
  return process.memoryUsage().arrayBuffers
}

const MAIN = '10,000, radius 100, 39 seen'
/** GoWorld's exact list. */
const BOUNDS: Readonly<Record<string, { readonly goworld: number; readonly atMost: number }>> = {
  enter: { goworld: 41, atMost: 4 },
  'move ±1': { goworld: 15.2, atMost: 0.7 },
}

function compare(title: string, figures: Map<string, Figure>, reference?: Map<string, Figure>): void {
  const scenario = `AOI: ${title}`
  for (const [stage, { ns, events }] of figures) {
    const bounds = title === MAIN ? BOUNDS[stage] : undefined
    report({ scenario, metric: `${stage}, CPU`, value: ns / 1000, unit: 'µs', ...bounds })
    report({ scenario, metric: `${stage}, events`, value: events, unit: 'each' })
    const plain = reference?.get(stage)?.ns
    if (plain === undefined) continue
    report({ scenario, metric: `${stage}, reference`, value: plain / 1000, unit: 'µs' })
    report({ scenario, metric: `${stage}, ratio of the reference to it`, value: plain / ns, unit: '×' })
  }
}

scenarios()
memory()
