// Who is in a space, counted by class: as if each were looked at.
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { entity, space } from '../../../components/game/goworld.ts'
import type { Entity } from '../../../engine/entity/entity.ts'
import { Members } from '../../../engine/entity/members.ts'
import { Harness } from './harness.ts'

let open: Harness | undefined
afterEach(() => open?.stop())

class Wolf {}
class Sheep {}

test('after any comings and goings, of those that are there and of others, they are counted as they are', () => {
  const all = [new Wolf(), new Wolf(), new Sheep(), new Sheep(), new Sheep()] as Entity[]
  const step = fc.tuple(fc.boolean(), fc.nat({ max: all.length - 1 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const members = new Members()
      const plain = new Set<Entity>()
      for (const [comes, which] of steps) {
        const one = all[which]!
        if (comes) expect(members.add(one)).toBe(members)
        else expect(members.delete(one)).toBe(plain.has(one))
        if (comes) plain.add(one)
        else plain.delete(one)
        expect([...members]).toEqual([...plain])
        for (const type of [Wolf, Sheep])
          expect(members.count(type.name)).toBe([...plain].filter((member) => member instanceof type).length)
        expect(members.count('Ghost')).toBe(0)
      }
    }),
  )
})

test('a space counts those of the class itself, and no longer those that have left or are gone', async () => {
  class Meadow extends space({}) {}
  class Animal extends entity({}) {}
  class Dog extends Animal {}
  const h = new Harness([Meadow, Animal, Dog])
  open = h
  const meadow = h.game.createSpace(Meadow, 1)
  const counts = () => [Animal, Dog, Meadow].map((type) => meadow.count(type))
  expect(counts()).toEqual([0, 0, 0])
  const animals = [h.game.create(Animal), h.game.create(Dog), h.game.create(Dog)]
  for (const one of animals) await one.enterSpace(meadow, { x: 0, y: 0, z: 0 })
  expect(counts()).toEqual([1, 2, 0])
  await animals[1]!.enterSpace(h.game.nilSpace, { x: 0, y: 0, z: 0 })
  animals[2]!.destroy()
  expect(counts()).toEqual([1, 0, 0])
})
