// Holds the AOI to a model that compares everybody with everybody.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../engine/base/random.ts'
import { Aoi, type AoiEvents } from '../../../engine/entity/aoi.ts'

interface Body {
  x: number
  z: number
  radius: number
}

const pair = (watcher: number, subject: number) => `${watcher} sees ${subject}`

/** Who sees whom, by the definition. */
class Model {
  readonly bodies = new Map<number, Body>()
  readonly hysteresis: number
  seen = new Set<string>()

  constructor(hysteresis: number) {
    this.hysteresis = hysteresis
  }

  update(): void {
    const seen = new Set<string>()
    for (const [watcher, a] of this.bodies) {
      if (a.radius === 0) continue
      for (const [subject, b] of this.bodies) {
        if (watcher === subject) continue
        const dx = a.x - b.x
        const dz = a.z - b.z
        const far = this.seen.has(pair(watcher, subject)) ? a.radius + this.hysteresis : a.radius
        if (dx * dx + dz * dz <= far * far) seen.add(pair(watcher, subject))
      }
    }
    this.seen = seen
  }

  forget(slot: number): void {
    this.bodies.delete(slot)
    this.update()
  }
}

/** An AOI, its model, and what was told: whatever is told must be true, new, and of somebody who is there. */
class Harness {
  readonly aoi: Aoi
  readonly model: Model
  readonly told = new Set<string>()
  readonly log: string[] = []
  react: () => void = () => {}
  readonly #removing = new Set<number>()
  // Bodies whose slot is not known yet: the first event tells, or the answer of `add`.
  #arriving: Body | undefined

  constructor(hysteresis = 0) {
    this.model = new Model(hysteresis)
    const events: AoiEvents = {
      onEnter: (watcher, subject) => this.#onEvent(watcher, subject, true),
      onLeave: (watcher, subject) => this.#onEvent(watcher, subject, false),
    }
    this.aoi = new Aoi(events, { hysteresis })
  }

  get slots(): number[] {
    return [...this.model.bodies.keys()]
  }

  add(x: number, z: number, radius: number): number {
    this.#arriving = { x, z, radius }
    const slot = this.aoi.add(x, z, radius)
    if (this.#arriving) this.#arrive(slot)
    return slot
  }

  move(slot: number, x: number, z: number): void {
    Object.assign(this.model.bodies.get(slot)!, { x, z })
    this.model.update()
    this.aoi.move(slot, x, z)
  }

  setRadius(slot: number, radius: number): void {
    this.model.bodies.get(slot)!.radius = radius
    this.model.update()
    this.aoi.setRadius(slot, radius)
  }

  remove(slot: number): void {
    this.model.forget(slot)
    this.#removing.add(slot)
    this.aoi.remove(slot)
    this.#removing.delete(slot)
    for (const text of this.told) expect(text.split(' ')).not.toContain(String(slot))
  }

  /** Everything that can be asked answers as the model does, and so does what was told. */
  check(): void {
    const { aoi, model, told } = this
    expect([...told].sort()).toEqual([...model.seen].sort())
    expect(aoi.count).toBe(model.bodies.size)
    for (const a of this.slots) {
      const others = this.slots.filter((b) => b !== a)
      const seen = others.filter((b) => model.seen.has(pair(a, b))).sort()
      expect(this.slots.filter((b) => aoi.sees(a, b)).sort()).toEqual(seen)
      expect(collect((visit) => aoi.forEachSeen(a, visit))).toEqual(seen)
      expect(aoi.seenCount(a)).toBe(seen.length)
    }
  }

  #arrive(slot: number): void {
    expect(this.model.bodies.has(slot) || this.#removing.has(slot)).toBe(false)
    this.model.bodies.set(slot, this.#arriving!)
    this.#arriving = undefined
    this.model.update()
  }

  #onEvent(watcher: number, subject: number, enters: boolean): void {
    if (this.#arriving) this.#arrive(this.model.bodies.has(watcher) ? subject : watcher)
    const text = pair(watcher, subject)
    this.log.push(enters ? `+ ${text}` : `- ${text}`)
    expect(this.told.has(text)).toBe(!enters)
    expect(this.model.seen.has(text)).toBe(enters)
    expect(this.aoi.sees(watcher, subject)).toBe(enters)
    for (const slot of [watcher, subject]) {
      if (!this.model.bodies.has(slot)) expect([!enters, this.#removing.has(slot)]).toEqual([true, true])
    }
    if (enters) this.told.add(text)
    else this.told.delete(text)
    this.react()
  }
}

function collect(walk: (visit: (slot: number) => void) => void): number[] {
  const slots: number[] = []
  walk((slot) => slots.push(slot))
  return slots.sort()
}

// Multiples of 5 make many distances that are exactly a radius: 3-4-5 triangles, straight lines, the same point.
const lattice = fc.integer({ min: -8, max: 8 }).map((n) => n * 5)
const coordinate = fc.oneof(
  { weight: 12, arbitrary: lattice },
  { weight: 4, arbitrary: fc.double({ min: -60, max: 60, noNaN: true }) },
  { weight: 2, arbitrary: lattice.map((n) => 1e7 + n) },
  { weight: 1, arbitrary: lattice.map((n) => -3e9 + n / 3) },
  { weight: 1, arbitrary: fc.double({ noDefaultInfinity: true, noNaN: true }) },
)
const radius = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(5, 10, 25, 25, 25, 50) },
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.double({ min: 0, max: 64, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(1e-200, 1e-3, 5_000, 2e7, 1e20, 1e150) },
)
const hysteresis = fc.constantFrom(0, 0, 5, 2.5, 1000)
const step = fc.record({
  verb: fc.constantFrom('add', 'add', 'move', 'move', 'move', 'nudge', 'nudge', 'setRadius', 'remove'),
  who: fc.nat(),
  x: coordinate,
  z: coordinate,
  radius,
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function take(harness: Harness, { verb, who, x, z, radius }: Step): void {
  const { slots } = harness
  if ((verb === 'add' && slots.length < 24) || slots.length === 0) {
    harness.add(x, z, radius)
    return
  }
  const slot = slots[who % slots.length]!
  if (verb === 'remove') harness.remove(slot)
  else if (verb === 'setRadius') harness.setRadius(slot, radius)
  else if (verb === 'move' || verb === 'add') harness.move(slot, x, z)
  else {
    const body = harness.model.bodies.get(slot)!
    harness.move(slot, body.x + (who % 3) - 1, body.z + (who % 5) / 2 - 1)
  }
}

describe('against a model that compares everybody with everybody', () => {
  test('any history leads to the same relation, told by events that alternate', () => {
    fc.assert(
      fc.property(hysteresis, fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), (margin, steps) => {
        const harness = new Harness(margin)
        for (const each of steps) {
          take(harness, each)
          harness.check()
        }
        for (const slot of harness.slots) harness.remove(slot)
        harness.check()
      }),
      { numRuns: 150 },
    )
  })

  // Long enough for the grids to change to other cells, on maps where the first cells are too large or too small.
  test.each([
    { side: 100, hysteresis: 0 },
    { side: 2000, hysteresis: 10 },
    { side: 20_000, hysteresis: 1 },
    { side: 3, hysteresis: 0 },
  ])('entities that walk for long on a map of $side, with a hysteresis of $hysteresis', ({ side, hysteresis }) => {
    const count = 120
    const random = seededRandom(side)
    const told = new Uint8Array(count * count)
    const expected = new Uint8Array(count * count)
    let wrong = 0
    const tell = (pair: number, before: number, after: number) => {
      if (told[pair] !== before) wrong++
      told[pair] = after
    }
    const aoi = new Aoi(
      {
        onEnter: (watcher, subject) => tell(watcher * count + subject, 0, 1),
        onLeave: (watcher, subject) => tell(watcher * count + subject, 1, 0),
      },
      { hysteresis },
    )
    const bodies: Body[] = []
    const look = (watcher: number, subject: number) => {
      const a = bodies[watcher]!
      const b = bodies[subject]!
      const pair = watcher * count + subject
      const far = expected[pair] === 1 ? a.radius + hysteresis : a.radius
      const dx = a.x - b.x
      const dz = a.z - b.z
      expected[pair] = a.radius > 0 && dx * dx + dz * dz <= far * far ? 1 : 0
      if (expected[pair] !== told[pair]) wrong++
    }
    const lookAround = (slot: number) => {
      for (let other = 0; other < bodies.length; other++) {
        if (other === slot) continue
        look(slot, other)
        look(other, slot)
      }
    }
    for (let slot = 0; slot < count; slot++) {
      const radius = slot % 5 === 0 ? 0 : slot % 17 === 0 ? 400 : 20 + random() * 5
      bodies.push({ x: random() * side, z: random() * side, radius })
      expect(aoi.add(bodies[slot]!.x, bodies[slot]!.z, radius)).toBe(slot)
      lookAround(slot)
    }
    for (let steps = 0; steps < 30_000; steps++) {
      const slot = Math.floor(random() * count)
      const stride = random() < 0.02 ? side / 2 : 3
      const body = bodies[slot]!
      body.x += (random() - 0.5) * stride
      body.z += (random() - 0.5) * stride
      aoi.move(slot, body.x, body.z)
      lookAround(slot)
    }
    expect(wrong).toBe(0)
  })
})

describe('who sees whom', () => {
  test('a distance of exactly the radius is seen, the next larger is not', () => {
    const harness = new Harness()
    harness.add(0, 0, 5)
    harness.add(3, 4, 0)
    harness.add(-5, 0, 0)
    harness.add(5.000000000000001, 0, 0)
    harness.check()
    expect(harness.log).toEqual(['+ 0 sees 1', '+ 0 sees 2'])
  })

  test('radius 0 sees nobody, not even on the same point, and is seen', () => {
    const harness = new Harness()
    harness.add(1, 1, 0)
    harness.add(1, 1, 0)
    harness.add(1, 1, 0.5)
    harness.check()
    expect(harness.log).toEqual(['+ 2 sees 0', '+ 2 sees 1'])
    harness.setRadius(2, 0)
    harness.check()
    expect(harness.told.size).toBe(0)
  })

  test('with hysteresis what is seen is seen to the further radius, and what is not only from the nearer', () => {
    const harness = new Harness(10)
    const watcher = harness.add(0, 0, 100)
    const subject = harness.add(105, 0, 0)
    for (const x of [101, 100, 105, 110, 110.1, 105, 100]) harness.move(subject, x, 0)
    harness.setRadius(watcher, 91)
    harness.setRadius(watcher, 90)
    harness.setRadius(watcher, 89)
    harness.setRadius(watcher, 95)
    harness.check()
    expect(harness.log).toEqual(['+ 0 sees 1', '- 0 sees 1', '+ 0 sees 1', '- 0 sees 1'])
  })

  test('a removed slot leaves no hysteresis to the next in it', () => {
    const harness = new Harness(10)
    const watcher = harness.add(0, 0, 100)
    const subject = harness.add(100, 0, 0)
    harness.move(subject, 105, 0)
    harness.remove(subject)
    expect(harness.add(105, 0, 0)).toBe(subject)
    expect(harness.aoi.sees(watcher, subject)).toBe(false)
    harness.check()
  })

  test('one who sees the whole map and those who see little share it', () => {
    const harness = new Harness()
    for (let n = 0; n < 30; n++) harness.add(n * 100, 0, 50)
    const boss = harness.add(1450, 0, 5000)
    harness.check()
    expect(harness.aoi.seenCount(boss)).toBe(30)
    harness.move(boss, -3550, 0)
    harness.check()
    expect(harness.aoi.seenCount(boss)).toBe(15)
  })

  test('nobody is met twice by one who moves among radii of all sizes', () => {
    const harness = new Harness()
    for (const radius of [1e20, 1e150, 5e-324]) harness.add(0, 0, radius)
    harness.move(2, 0, 5)
    harness.check()
    for (const radius of [5, 1e7, 1e13, 1e14]) harness.add(0, 0, radius)
    harness.move(2, 1, 1e6)
    harness.move(3, 2, 1e6)
    harness.check()
    const tiny = new Harness()
    for (const radius of [1e-200, 1e-200, 0]) tiny.add(0, 0, radius)
    for (const x of [-1.6e-162, 0, -1e-150, 0]) tiny.move(2, x, 0)
    tiny.check()
  })

  test('a crowd on one point comes apart', () => {
    const harness = new Harness()
    for (let n = 0; n < 60; n++) harness.add(0, 0, 100)
    harness.check()
    for (let n = 0; n < 60; n += 2) harness.move(n, 1000, n)
    harness.check()
    for (const slot of harness.slots) harness.remove(slot)
    harness.check()
  })
})

describe('events', () => {
  test('the leaves are told before the enters, and first those of who sees it', () => {
    const harness = new Harness()
    harness.add(0, 0, 10)
    harness.add(100, 0, 10)
    const mover = harness.add(5, 0, 10)
    harness.log.length = 0
    harness.move(mover, 95, 0)
    expect(harness.log).toEqual(['- 0 sees 2', '- 2 sees 0', '+ 1 sees 2', '+ 2 sees 1'])
    harness.log.length = 0
    harness.remove(mover)
    expect(harness.log).toEqual(['- 1 sees 2', '- 2 sees 1'])
  })

  test('a visitor may begin another walk', () => {
    const harness = new Harness()
    for (let n = 0; n < 4; n++) harness.add(n, 0, 10)
    const walks: string[] = []
    harness.aoi.forEachSeen(0, (one) => harness.aoi.forEachSeen(one, (other) => walks.push(`${one} ${other}`)))
    expect(walks.sort()).toEqual(['1 0', '1 2', '1 3', '2 0', '2 1', '2 3', '3 0', '3 1', '3 2'])
  })

  test('a handler may look, and not change anything', () => {
    const harness = new Harness()
    harness.add(0, 0, 10)
    harness.add(1, 0, 10)
    const { aoi } = harness
    let refused = 0
    harness.react = () => {
      expect(aoi.seenCount(0)).toBe(0)
      for (const change of [
        () => aoi.add(0, 0, 1),
        () => aoi.move(1, 5, 5),
        () => aoi.setRadius(0, 3),
        () => aoi.remove(1),
      ])
        expect(change).toThrow('cannot be changed while it tells')
      refused++
    }
    harness.move(0, 50, 0)
    expect(refused).toBe(2)
    harness.react = () => {}
    harness.move(0, 2, 0)
    harness.check()
  })
})

describe('slots', () => {
  test('freed slots are used again before new ones', () => {
    const harness = new Harness()
    const slots = Array.from({ length: 100 }, (_, n) => harness.add(n, n, 3))
    expect(slots).toEqual(Array.from({ length: 100 }, (_, n) => n))
    for (const slot of [17, 99, 0]) harness.remove(slot)
    expect([0, 1, 2].map((n) => harness.add(n, 0, 3)).sort((a, b) => a - b)).toEqual([0, 17, 99])
    expect(harness.add(0, 0, 0)).toBe(100)
    harness.check()
  })
})

describe('bad input', () => {
  const notFinite = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]

  test('what is not a position, a radius or an entity is refused and changes nothing', () => {
    const harness = new Harness(1)
    harness.add(0, 0, 10)
    harness.add(3, 0, 10)
    harness.log.length = 0
    const { aoi } = harness
    for (const bad of notFinite) {
      expect(() => aoi.add(bad, 0, 1)).toThrow(RangeError)
      expect(() => aoi.add(0, bad, 1)).toThrow(RangeError)
      expect(() => aoi.move(0, bad, 0)).toThrow(RangeError)
      expect(() => aoi.move(0, 0, bad)).toThrow(RangeError)
    }
    for (const bad of [...notFinite, -1, 1e151]) {
      expect(() => aoi.add(0, 0, bad)).toThrow(RangeError)
      expect(() => aoi.setRadius(0, bad)).toThrow(RangeError)
      expect(() => new Aoi({ onEnter() {}, onLeave() {} }, { hysteresis: bad })).toThrow(RangeError)
    }
    for (const slot of [-1, 2, 1.5, 1e9, Number.NaN]) {
      expect(() => aoi.move(slot, 0, 0)).toThrow(`slot ${slot}`)
      expect(() => aoi.setRadius(slot, 1)).toThrow(RangeError)
      expect(() => aoi.remove(slot)).toThrow(RangeError)
      expect([aoi.has(slot), aoi.sees(slot, 0), aoi.sees(0, slot)]).toEqual([false, false, false])
      expect(aoi.seenCount(slot)).toBe(0)
      aoi.forEachSeen(slot, () => expect.unreachable())
    }
    expect(harness.log).toEqual([])
    harness.check()
  })

  test('an entity is removed once', () => {
    const harness = new Harness()
    const slot = harness.add(0, 0, 1)
    harness.remove(slot)
    expect(() => harness.aoi.remove(slot)).toThrow(RangeError)
    expect(harness.add(0, 0, 1)).toBe(slot)
    expect(harness.add(0, 0, 1)).not.toBe(slot)
    harness.check()
  })
})
