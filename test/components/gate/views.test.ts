// Who sees whom, against a plain model of the same.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type View, Views } from '../../../components/gate/views.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { idOf } from './stage.ts'

/** A packet with an id and a type, as `placed` wants them. */
function packetOf(entity: number) {
  const writer = new PacketWriter()
  writer.id(idOf(`entity${entity}`))
  const typeAt = writer.at
  writer.varstr(`Type${entity % 3}`)
  return { bytes: writer.copy(), typeAt, typeEnd: writer.at }
}

class Model {
  readonly views = new Map<number, { epoch: number; gameId: number; own: number; watchers: Set<number> }>()
  tidy(): void {
    for (const [entity, { own, watchers }] of this.views) if (own < 0 && watchers.size === 0) this.views.delete(entity)
  }
}

type Step = readonly [kind: number, entity: number, client: number, epoch: number, gameId: number]
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.integer({ min: 0, max: 9 }),
  fc.nat(7),
  fc.nat(5),
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: 1, max: 3 }),
)

class Pair {
  readonly model = new Model()
  readonly withdrawn: string[] = []
  readonly expected: string[] = []
  readonly players = new Map<number, View>()
  readonly views = new Views((client, view) => void this.withdrawn.push(`${client} ${nameOf(view)}`))

  placed(entity: number, epoch: number, gameId: number): View | undefined {
    const { bytes, typeAt, typeEnd } = packetOf(entity)
    const view = this.views.placed(bytes, 0, epoch, gameId, typeAt, typeEnd)
    const known = this.model.views.get(entity)
    if (!known) this.model.views.set(entity, { epoch, gameId, own: -1, watchers: new Set() })
    else if (epoch > known.epoch) {
      for (const client of known.watchers) this.expected.push(`${client} ${idOf(`entity${entity}`)}`)
      known.watchers.clear()
      known.epoch = epoch
      known.gameId = gameId
    }
    expect(view !== undefined).toBe(!known || epoch >= known.epoch)
    return view
  }

  run([kind, entity, client, epoch, gameId]: Step): void {
    if (kind <= 4) this.#watch(entity, client, epoch, gameId)
    else if (kind <= 6) this.#unwatch(entity, client)
    else if (kind === 7) this.#bind(entity, client, epoch, gameId)
    else if (kind === 8) this.#forget(client)
    else this.#gameDown(gameId)
    this.model.tidy()
    this.compare()
  }

  compare(): void {
    expect(this.views.size).toBe(this.model.views.size)
    let watchings = 0
    for (let entity = 0; entity < 8; entity++) {
      const view = this.views.find(packetOf(entity).bytes, 0)
      const model = this.model.views.get(entity)
      expect(view === undefined).toBe(model === undefined)
      if (!view || !model) continue
      const watchers = [...view.watchers.subarray(0, view.watcherCount)]
      expect({ epoch: view.epoch, gameId: view.gameId, own: view.own, watchers: watchers.sort() }).toEqual({
        ...model,
        watchers: [...model.watchers].sort(),
      })
      expect(nameOf(view)).toBe(idOf(`entity${entity}`))
      watchings += watchers.length
    }
    expect(this.views.watchings).toBe(watchings)
    expect(this.withdrawn.splice(0).sort()).toEqual(this.expected.splice(0).sort())
  }

  #watch(entity: number, client: number, epoch: number, gameId: number): void {
    const view = this.placed(entity, epoch, gameId)
    if (!view) return
    const { watchers } = this.model.views.get(entity)!
    expect(this.views.watch(view, client)).toBe(!watchers.has(client))
    watchers.add(client)
    expect(this.views.watches(view, client)).toBe(true)
    this.views.release(view)
  }

  #unwatch(entity: number, client: number): void {
    const view = this.views.find(packetOf(entity).bytes, 0)
    if (!view) return
    expect(this.views.unwatch(view, client)).toBe(this.model.views.get(entity)!.watchers.delete(client))
    this.views.release(view)
  }

  #bind(entity: number, client: number, epoch: number, gameId: number): void {
    const view = this.placed(entity, epoch, gameId)
    if (!view) return
    // As the gate does: the client's former player first, unless it is the same.
    if (this.players.get(client) !== view) this.#forgetPlayer(client)
    for (const [other, player] of this.players) if (player === view) this.players.delete(other)
    view.own = client
    this.players.set(client, view)
    this.model.views.get(entity)!.own = client
  }

  #forgetPlayer(client: number): void {
    for (const [entity, model] of this.model.views) {
      if (model.own !== client) continue
      model.own = -1
      const view = this.views.find(packetOf(entity).bytes, 0)!
      view.own = -1
      this.views.release(view)
    }
    this.players.delete(client)
  }

  #forget(client: number): void {
    this.views.forget(client, this.players.get(client))
    this.players.delete(client)
    for (const model of this.model.views.values()) {
      model.watchers.delete(client)
      if (model.own === client) model.own = -1
    }
  }

  #gameDown(gameId: number): void {
    const orphans: number[] = []
    for (const [entity, model] of this.model.views) {
      if (model.gameId !== gameId) continue
      for (const client of model.watchers) this.expected.push(`${client} ${idOf(`entity${entity}`)}`)
      model.watchers.clear()
      if (model.own >= 0) orphans.push(model.own)
    }
    expect(this.views.gameDown(gameId).sort()).toEqual(orphans.sort())
  }
}

const nameOf = (view: View) => Buffer.from(view.destroyBody.subarray(view.idAt)).toString('latin1')

describe('views', () => {
  test('are those of a plain model, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const pair = new Pair()
        for (const one of steps) pair.run(one)
      }),
      { numRuns: 300 },
    )
  })

  test('say how to destroy the entity', () => {
    const views = new Views(() => {})
    const { bytes, typeAt, typeEnd } = packetOf(4)
    const view = views.placed(bytes, 0, 1, 1, typeAt, typeEnd)!
    const wanted = new PacketWriter()
    wanted.varstr('Type1')
    wanted.id(idOf('entity4'))
    expect(view.destroyBody).toEqual(wanted.copy())
  })
})
