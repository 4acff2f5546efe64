// Games in which things move and change by themselves: clients have them as they were a moment ago, and no longer ago than that.
import { attr, entity, game, map, space, value } from 'goworld'
import { type SimulateOptions, seeds, simulate } from 'goworld/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Recent } from '../../../components/testing/recent.ts'
import { coreOf } from '../../../engine/entity/core.ts'
import { Movement } from '../../../engine/entity/movement.ts'
import { Views } from '../../../engine/entity/views.ts'
import { client, Harness } from '../../engine/entity/harness.ts'

/** So many for each client. */
let monsters = 10

class Account extends entity({ aoi: 50 }) {
  override onClientConnected() {
    const field = this.game.createSpace(Field, 1)
    void this.enterSpace(field)
    for (let n = 0; n < monsters; n++) void this.game.create(Monster, { secret: n }).enterSpace(field)
  }
  override onClientDisconnected() {
    this.destroy()
  }
}

class Field extends space({ attrs: { wind: attr(0, 'allClients') } }) {
  override onCreated() {
    this.every(10, this.blow)
  }
  blow() {
    this.attrs.wind++
  }
}

class Monster extends entity({
  aoi: 0,
  attrs: { hunger: attr(0, 'allClients'), bag: map(value, 'allClients'), secret: attr(0) },
}) {
  /** Each a millisecond later than the one before: at any moment one of them has just changed. */
  override onCreated() {
    this.after(this.attrs.secret, this.wake)
  }
  wake() {
    this.every(30, this.walk)
    this.every(10, this.hunger)
  }
  walk() {
    const { x, y, z } = this.position
    this.position = { x: x > 20 ? 0 : x + 0.3, y, z }
    this.yaw += 0.1
  }
  hunger() {
    this.attrs.hunger++
    this.attrs.bag.set('n', [this.attrs.hunger])
  }
}

const definition = game([Account, Field, Monster])

const walk = (seed: number, options: Partial<SimulateOptions> = {}) =>
  simulate({ definition, bootEntity: 'Account', play: () => {}, seed, seconds: 3, bots: 3, ...options })

afterEach(() => {
  monsters = 10
  vi.restoreAllMocks()
})

describe('what moves and changes by itself', () => {
  test('is on clients as it was a moment ago', async () => {
    for (const seed of seeds(3)) await walk(seed, { sessions: seed % 3 })
  })

  test('is so when all that may go wrong is over', async () => {
    for (const seed of seeds(2)) await walk(seed, { faults: { drops: true, swaps: true, deaths: true, delayMs: 40 } })
  })

  test('and is behind for ever fails all the same', async () => {
    monsters = 1
    vi.spyOn(Movement.prototype, 'tellGates').mockImplementation(() => {})
    await expect(walk(1, { bots: 1, games: 1 })).rejects.toThrow(
      /^attributes: bot \d .* has of Monster<.*> the position \[0,0,0,0\], and it is/,
    )
    vi.restoreAllMocks()
    const { changeAttr } = Views.prototype
    let changes = 0
    vi.spyOn(Views.prototype, 'changeAttr').mockImplementation(function (this: Views, core, change) {
      if (core.kind.name !== 'Monster' || ++changes < 500) changeAttr.call(this, core, change)
    })
    await expect(walk(1, { bots: 1, games: 1 })).rejects.toThrow(
      /^attributes: bot \d .* has of Monster<.*> the attributes /,
    )
  })
})

test('a moment is not long', async () => {
  const h = new Harness([Monster, Field])
  const recent = new Recent(h.clock)
  recent.watch(h.world)
  const monster = h.game.create(Monster)
  const core = coreOf(monster)
  h.world.timers.pause()
  monster.position = { x: 1, y: 0, z: 0 }
  const xs = () => recent.places(core).map(([x]) => x)
  expect(xs()).toEqual([1, 0, 1])
  await h.clock.advance(250)
  monster.position = { x: 2, y: 0, z: 0 }
  expect(xs()).toEqual([2, 0, 1, 2])
  await h.clock.advance(100)
  expect(xs()).toEqual([2, 1, 2])
  await h.clock.advance(200)
  expect(xs()).toEqual([2, 2])
  monster.position = { x: 3, y: 0, z: 0 }
  expect(xs()).toEqual([3, 2, 3])
  await h.clock.advance(301)
  expect(xs()).toEqual([3, 3])

  h.world.players.connect(core, client(1))
  const hungers = () => recent.attrs(core, (at) => at === 0)
  expect(hungers()).toEqual([{ hunger: 0 }])
  monster.attrs.hunger = 1
  await h.settle()
  await h.clock.advance(250)
  monster.attrs.hunger = 2
  await h.settle()
  expect(hungers()).toEqual([{ hunger: 2 }, { hunger: 1 }, { hunger: 2 }])
  await h.clock.advance(400)
  expect(hungers()).toEqual([{ hunger: 2 }, { hunger: 2 }])
  h.stop()
})
