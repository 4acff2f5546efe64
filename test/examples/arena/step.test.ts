// The step of the arena's players: the same on both ends, never into walls, and nothing in it that a wire could not say.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ArenaMap, MAPS } from '../../../examples/arena/shared/maps.ts'
import { type Controls, DASH, PLAYER_RADIUS, type PlayerState, step } from '../../../examples/arena/shared/step.ts'
import { isClear, pushOut, rayLength } from '../../../examples/arena/shared/walls.ts'

const TINY = 1e-4
const controls: fc.Arbitrary<Controls> = fc.record({
  moveX: fc.integer({ min: -100, max: 100 }),
  moveZ: fc.integer({ min: -100, max: 100 }),
  aim: fc.integer({ min: 0, max: 3599 }),
  buttons: fc.integer({ min: 0, max: 3 }),
})
/** An order is held for a while, as people do. */
const way = fc.array(fc.tuple(controls, fc.integer({ min: 1, max: 40 })), { maxLength: 12 })
const mapAndStart = fc.constantFrom(...MAPS).chain((map) => fc.tuple(fc.constant(map), fc.constantFrom(...map.starts)))

const stateAt = ({ x, z }: { x: number; z: number }): PlayerState => ({ x, z, yaw: 0, dash: 0, isAlive: true })

/** How deep a circle is in the walls. */
function depth(map: ArenaMap, { x, z }: { x: number; z: number }, radius: number): number {
  const inBoxes = map.boxes.map((wall) => {
    const dx = Math.max(0, Math.abs(x - wall.x) - wall.halfWidth)
    const dz = Math.max(0, Math.abs(z - wall.z) - wall.halfDepth)
    return radius - Math.hypot(dx, dz)
  })
  const inPillars = map.pillars.map((wall) => wall.radius + radius - Math.hypot(x - wall.x, z - wall.z))
  return Math.max(...inBoxes, ...inPillars, Math.abs(x) + radius - map.halfWidth, Math.abs(z) + radius - map.halfDepth)
}

function walk(map: ArenaMap, state: PlayerState, orders: readonly (readonly [Controls, number])[], each = () => {}) {
  for (const [order, times] of orders) {
    for (let n = 0; n < times; n++) {
      step(state, order, map)
      each()
    }
  }
  return state
}

test('nobody is ever inside a wall, wherever and however they walk', () => {
  fc.assert(
    fc.property(mapAndStart, way, ([map, start], orders) => {
      const state = stateAt(start)
      walk(map, state, orders, () => expect(depth(map, state, PLAYER_RADIUS)).toBeLessThan(TINY))
    }),
  )
})

test('the same inputs lead to the same place to the last bit, in one go or cut and told over a wire', () => {
  fc.assert(
    fc.property(mapAndStart, way, ([map, start], orders) => {
      const whole = walk(map, stateAt(start), orders)
      let told = stateAt(start)
      for (const order of orders) {
        walk(map, told, [order])
        // What the other end hears of it: f32, and attributes.
        told = { ...told, x: Math.fround(told.x), z: Math.fround(told.z), yaw: Math.fround(told.yaw) }
      }
      expect(told).toEqual(whole)
      expect(Math.fround(whole.x)).toBe(whole.x)
      expect(Math.fround(whole.z)).toBe(whole.z)
    }),
  )
})

test('no order is faster than a walk, and a dash is over soon', () => {
  fc.assert(
    fc.property(mapAndStart, way, ([map, start], orders) => {
      const state = stateAt(start)
      let { x, z } = state
      let dashed = 0
      let steps = 0
      walk(map, state, orders, () => {
        const units = Math.hypot(state.x - x, state.z - z)
        steps++
        if (units > 0.2) dashed++
        // A corner may push a little further than somebody dashes.
        expect(units).toBeLessThan(1)
        ;({ x, z } = state)
      })
      expect(dashed).toBeLessThanOrEqual(Math.ceil(steps / 44) * 6)
    }),
  )
})

describe('a step', () => {
  const [court] = MAPS as [ArenaMap]
  const right = { moveX: 100, moveZ: 0, aim: 0, buttons: 0 }

  test('of somebody who stands changes nothing but where they look', () => {
    const state = stateAt({ x: 8, z: 21 })
    step(state, { moveX: 0, moveZ: 0, aim: 900, buttons: DASH }, court)
    expect(state).toEqual({ ...stateAt({ x: 8, z: 21 }), yaw: 90 })
  })

  test('of the dead moves nobody', () => {
    const state = { ...stateAt({ x: 8, z: 21 }), isAlive: false }
    step(state, { ...right, aim: 900 }, court)
    expect(state).toEqual({ ...stateAt({ x: 8, z: 21 }), isAlive: false })
  })

  test('takes wild numbers for full speed', () => {
    const [usual, wild] = [stateAt({ x: 8, z: 21 }), stateAt({ x: 8, z: 21 })]
    step(usual, right, court)
    step(wild, { ...right, moveX: Number.MAX_SAFE_INTEGER }, court)
    expect(wild).toEqual(usual)
  })
})

describe('walls', () => {
  test('let somebody out who is in the middle of one', () => {
    for (const map of MAPS) {
      for (const { x, z } of [...map.boxes, ...map.pillars]) {
        const place = { x, z }
        pushOut(map, place, PLAYER_RADIUS)
        expect(depth(map, place, PLAYER_RADIUS)).toBeLessThan(TINY)
      }
    }
  })

  test('stop a shot where it meets them, and not before', () => {
    fc.assert(
      fc.property(mapAndStart, fc.double({ min: 0, max: 7, noNaN: true }), ([map, { x, z }], angle) => {
        const [dx, dz] = [Math.cos(angle), Math.sin(angle)]
        const length = rayLength(map, x, z, dx, dz, 50)
        for (let part = 0; part < 1; part += 0.05)
          expect(depth(map, { x: x + dx * length * part, z: z + dz * length * part }, 0)).toBeLessThan(TINY)
        if (length < 50)
          expect(depth(map, { x: x + dx * (length + 1e-3), z: z + dz * (length + 1e-3) }, 0)).toBeGreaterThan(-TINY)
      }),
    )
  })

  test('leave every spot free, and every portal to be reached', () => {
    for (const map of MAPS) {
      for (const spot of [...map.starts, ...map.pads, ...map.portals, ...map.nests])
        expect([map.name, spot, depth(map, spot, 1) < 0]).toEqual([map.name, spot, true])
      for (const portal of map.portals)
        expect(
          [...map.starts, ...map.pads].some((spot) => isClear(map, spot.x, spot.z, portal.x, portal.z, PLAYER_RADIUS)),
        ).toBe(true)
    }
  })
})
