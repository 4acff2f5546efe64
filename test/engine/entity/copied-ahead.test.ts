// A game that is copied ahead and frozen later: what is restored of both is what it was in the end, whatever happened between.
import { deserialize, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  attr,
  type EntityClass,
  entity,
  integer,
  list,
  map,
  service,
  space,
  value,
} from '../../../components/game/goworld.ts'
import { nilSpaceId, serviceId } from '../../../engine/base/id.ts'
import type { EntityCore } from '../../../engine/entity/core.ts'
import { Copied, copyWorld, freezeWorld } from '../../../engine/entity/freezing.ts'
import { freshInputs } from '../../../engine/entity/inputs.ts'
import { Restoring, restoreWorld } from '../../../engine/entity/restoring.ts'
import type { SavedEntity } from '../../../engine/entity/saved-entity.ts'
import { decode } from '../../../engine/wire/codec.ts'
import { client, Harness } from './harness.ts'

/** Objects that were made of each class that says so. */
let made: string[] = []

class Lobby extends space({ attrs: { visits: attr(0), doors: map(integer) }, kept: ['guests'] }) {
  guests = new Set<string>()
  override onInit() {
    made.push('Lobby')
  }
}
class Field extends space({ attrs: { weather: attr('dry', 'allClients') }, history: 500 }) {}
class Avatar extends entity({
  aoi: 20,
  attrs: {
    hp: attr(100, 'allClients', 'persistent'),
    bag: map(value, 'allClients'),
    steps: list(integer, 'client'),
  },
  kept: ['luck', 'friends'],
}) {
  luck = 0
  friends: string[] | undefined = undefined
  tick(by: number) {
    this.attrs.hp -= by
  }
}
class Monster extends entity({ aoi: 10, attrs: { rage: attr(0, 'allClients') } }) {
  override onInit() {
    made.push(this.id)
  }
  roar() {
    this.attrs.rage++
  }
}
class Stone extends entity({ aoi: 0, attrs: { moss: attr(0, 'allClients') } }) {}
class Picture extends entity({ attrs: { pixels: attr(new Uint8Array(2)), layers: map(value) } }) {}
class Mail extends service({ attrs: { sent: attr(0) } }) {}
const TYPES: readonly EntityClass[] = [Lobby, Field, Avatar, Monster, Stone, Picture, Mail]
const OPTIONS = { nilSpace: Lobby, aoiHysteresis: 5, saveIntervalMs: 500, reconnectGraceMs: 60_000 }

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
  made = []
})
function start(starts = true): Harness {
  const harness = new Harness(TYPES, { ...OPTIONS, starts })
  open.push(harness)
  return harness
}

const idOf = (name: string) => name.padEnd(16, '.')
const find = (h: Harness, name: string): EntityCore | undefined => h.world.find(idOf(name))
function make(h: Harness, type: EntityClass, name: string, spaceKind = 0): void {
  if (!find(h, name)) h.world.create(h.world.kindOf(type), {}, { id: idOf(name), spaceKind })
}
const avatarOf = (h: Harness, name: string) => find(h, name)?.entity as unknown as Avatar | undefined
function enter(h: Harness, name: string, room: string, x: number, z: number): void {
  const core = find(h, name)
  if (core && find(h, room)) void h.world.enterSpace(core, idOf(room), { x, y: 0, z }).catch(() => {})
}

const copies = (chunks: readonly Uint8Array[]) => chunks.map((chunk) => chunk.slice())
async function copied(h: Harness): Promise<{ chunks: Uint8Array[]; copied: Copied }> {
  const of = new Copied()
  return { chunks: copies(await copyWorld(h.world, async () => {}, of)), copied: of }
}
/** Another process at the same moment. */
async function another(h: Harness): Promise<Harness> {
  const there = start(false)
  await there.clock.advance(h.clock.now())
  there.world.standStill()
  return there
}

/** All that can be seen of an entity from outside, besides what is saved of it. */
function seen(core: EntityCore): unknown {
  const ids = (ones: Iterable<{ readonly id: string }>) => [...ones].map(({ id }) => id).sort()
  const around = core.space && core.aoiRadius > 0 ? ids(core.space.seenBy(core)) : []
  const members = 'members' in core ? ids(core.members as Set<{ readonly id: string }>) : []
  return [around, members, [1, 2].map((gateId) => core.watchers[gateId] ?? 0), core.client, core.space?.id]
}
function stateOf(h: Harness): unknown {
  const [header, ...entities] = copies(freezeWorld(h.world)).map((chunk) => decode(chunk)) as unknown as [
    Record<string, unknown>,
    ...SavedEntity[],
  ]
  for (const { parts } of entities as { parts: Record<string, unknown> }[]) {
    // The same text may be two different clones.
    const kept = parts['kept'] as { cloned?: Uint8Array } | undefined
    if (kept?.cloned) parts['kept'] = deserialize(kept.cloned)
  }
  const pairs = Object.entries(header['lingering'] as Record<string, string[]>).map(([space, ids]) => [
    space,
    ids.map((id, at) => (at % 2 === 0 ? `${id} sees ${ids[at + 1]}` : '')).sort(),
  ])
  return {
    registry: header['registry'],
    lingering: pairs.sort(),
    timers: h.world.timers.size,
    entities: entities.sort((a, b) => (a.id < b.id ? -1 : 1)).map((saved) => [saved, seen(h.world.find(saved.id)!)]),
  }
}

type Act = (h: Harness) => unknown
const name = fc.constantFrom('a', 'b', 'c', 'd')
const room = fc.constantFrom('north', 'south')
const at = fc.integer({ min: 0, max: 40 })
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.tuple(name, at, at).map(
    ([who, x, z]): Act =>
      (h) => {
        const core = find(h, who)
        if (core?.space) h.world.movement.move(core, x, 0, z, 1)
      },
  ),
  fc.tuple(name, room, at, at).map(
    ([who, where, x, z]): Act =>
      (h) =>
        enter(h, who, where, x, z),
  ),
  name.map(
    (who): Act =>
      (h) =>
        make(h, Avatar, who),
  ),
  fc.tuple(name, at).map(
    ([who, by]): Act =>
      (h) =>
        avatarOf(h, who)?.tick(by),
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) =>
        avatarOf(h, who)?.attrs.bag.set(`k${n % 3}`, { deep: [n] } as never),
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) => {
        const bag = avatarOf(h, who)?.attrs.bag
        const deep = (bag?.get(`k${n % 3}`) as { get?: (key: string) => unknown } | undefined)?.get?.('deep')
        ;(deep as { push(one: number): void } | undefined)?.push(n)
      },
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) =>
        avatarOf(h, who)?.attrs.steps.push(n),
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) => {
        const avatar = avatarOf(h, who)
        if (avatar) avatar.luck = n
      },
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) => {
        const avatar = avatarOf(h, who)
        if (avatar) avatar.friends = [...(avatar.friends ?? []), `${n}`]
      },
  ),
  name.map(
    (who): Act =>
      (h) =>
        avatarOf(h, who)?.friends?.push('within'),
  ),
  fc.tuple(name, at).map(
    ([who, ms]): Act =>
      (h) =>
        avatarOf(h, who)?.after(ms * 10, avatarOf(h, who)!.tick, 1),
  ),
  fc.tuple(name, at).map(
    ([who, ms]): Act =>
      (h) =>
        avatarOf(h, who)?.every(50 + ms, avatarOf(h, who)!.tick, 2),
  ),
  name.map(
    (who): Act =>
      (h) =>
        avatarOf(h, who)?.cancel(1),
  ),
  name.map(
    (who): Act =>
      (h) =>
        find(h, who)?.entity.destroy(),
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) => {
        const core = find(h, who)
        if (core && !core.client)
          h.world.views.bind(core, { ...client(n, 1 + (n % 2)), session: n % 3 === 0 ? '' : `s${n}` })
      },
  ),
  name.map(
    (who): Act =>
      (h) => {
        const core = find(h, who)
        if (core?.client) h.world.players.clientGone(core, core.client.clientId)
      },
  ),
  fc.tuple(name, name).map(
    ([from, to]): Act =>
      (h) => {
        const target = avatarOf(h, to)
        const giver = find(h, from)
        if (giver?.client && target && from !== to) avatarOf(h, from)!.giveClientTo(target)
      },
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) =>
        avatarOf(h, who)?.setClientFilter('team', `${n % 2}`),
  ),
  name.map(
    (who): Act =>
      (h) =>
        avatarOf(h, who)?.setClientSyncing(true),
  ),
  fc.tuple(name, at).map(
    ([who, radius]): Act =>
      (h) => {
        const avatar = avatarOf(h, who)
        if (avatar) avatar.aoi = radius
      },
  ),
  fc.constantFrom('orc', 'imp').map(
    (who): Act =>
      (h) =>
        make(h, Monster, who),
  ),
  fc.constantFrom('orc', 'imp').map(
    (who): Act =>
      (h) =>
        (find(h, who)?.entity as unknown as Monster)?.roar(),
  ),
  fc.tuple(fc.constantFrom('orc', 'imp', 'stone'), room, at).map(
    ([who, where, x]): Act =>
      (h) =>
        enter(h, who, where, x, x),
  ),
  fc.tuple(room, at).map(
    ([where, n]): Act =>
      (h) =>
        make(h, Field, where, 1 + n),
  ),
  fc.tuple(room, at).map(
    ([where, n]): Act =>
      (h) => {
        const field = find(h, where)?.entity as unknown as Field | undefined
        if (field) field.attrs.weather = `${n}`
      },
  ),
  name.map(
    (who): Act =>
      (h) => {
        const core = find(h, who)
        if (core?.client) h.world.returns.lost(core, core.client.clientId)
      },
  ),
  at.map(
    (n): Act =>
      (h) => {
        h.world.players.gateDown(1 + (n % 2), client(0).clientId)
        h.world.players.gateUp(1 + (n % 2), client(0).clientId)
      },
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) => {
        const core = find(h, who)
        if (core?.client) core.inputs = freshInputs(core.client.clientId, n, n)
      },
  ),
  fc.tuple(name, at).map(
    ([who, n]): Act =>
      (h) => {
        const core = find(h, who)
        if (core) h.world.migration.goOnCatchingUp(core, n)
      },
  ),
  name.map(
    (who): Act =>
      (h) =>
        void avatarOf(h, who)?.save(),
  ),
  room.map(
    (where): Act =>
      (h) =>
        find(h, where)?.entity.destroy(),
  ),
  at.map(
    (n): Act =>
      (h) =>
        void (h.game.nilSpace as Lobby).guests.add(`${n}`),
  ),
  at.map(
    (n): Act =>
      (h) =>
        h.world.registry.registered(`key${n % 3}`, { value: `${n}`, version: 1 }),
  ),
  at.map(
    (ms): Act =>
      (h) =>
        h.clock.advance(ms * 20),
  ),
)

async function populate(h: Harness): Promise<void> {
  for (const where of ['north', 'south']) make(h, Field, where, 1)
  for (const [n, who] of ['a', 'b', 'c'].entries()) {
    make(h, Avatar, who)
    enter(h, who, 'north', n * 8, 0)
  }
  for (const [n, who] of ['a', 'b'].entries())
    h.world.views.bind(find(h, who)!, { ...client(50 + n, 1 + n), session: who })
  make(h, Stone, 'stone')
  enter(h, 'stone', 'north', 3, 3)
  await h.world.loadHere('Mail', serviceId('Mail'), 50)
  await h.settle()
}

describe('what was copied ahead, with what has changed since,', () => {
  test('is restored as it was in the end, whatever happened between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 12 }), fc.array(act, { maxLength: 12 }), async (before, between) => {
        const h = start()
        await populate(h)
        for (const one of before) await one(h)
        await h.settle()
        const ahead = await copied(h)
        const there = await another(h)
        const restoring = new Restoring(there.world)
        restoring.read(ahead.chunks)
        restoring.makeAhead()
        const sinceMs = h.clock.now()
        for (const one of between) await one(h)
        await h.settle()
        h.world.standStill()
        await there.clock.advance(h.clock.now() - sinceMs)
        const rest = copies(freezeWorld(h.world, ahead.copied))
        const all = stateOf(h)

        restoring.finish(rest)
        expect(stateOf(there)).toEqual(all)
        expect(there.take()).toEqual([])
        // As out of a file, where nobody had the time to make anything ahead.
        const later = await another(h)
        restoreWorld(later.world, rest, ahead.chunks)
        expect(stateOf(later)).toEqual(all)
        for (const one of open) one.stop()
        open = []
      }),
      { numRuns: 300 },
    )
  })

  test('is little, when little has changed', async () => {
    const h = start()
    await populate(h)
    const { copied: of, chunks } = await copied(h)
    avatarOf(h, 'b')!.tick(1)
    make(h, Avatar, 'late')
    find(h, 'stone')!.entity.destroy()
    // A nil space that keeps a Set may have changed within.
    const [header, ...rest] = freezeWorld(h.world, of).map((chunk) => decode(chunk)) as [
      { gone: string[] },
      ...SavedEntity[],
    ]
    expect(rest.map(({ id }) => id).sort()).toEqual([idOf('b'), idOf('late'), nilSpaceId(1)])
    expect(header.gone).toEqual([idOf('stone')])
    expect(chunks).toHaveLength(1 + 8)
  })

  test('counts as changed where it has bytes, which may be written to by whoever has read them', async () => {
    const h = start()
    for (const name of ['plain', 'deep']) make(h, Picture, name)
    const pictureOf = (on: Harness, name: string) => find(on, name)!.entity as unknown as Picture
    pictureOf(h, 'deep').attrs.layers.set('sky', { of: [new Uint8Array(2)] } as never)
    const sky = (on: Harness) =>
      (pictureOf(on, 'deep').attrs.layers.toPlain() as { sky: { of: Uint8Array[] } }).sky.of[0]!
    await h.settle()
    const ahead = await copied(h)
    pictureOf(h, 'plain').attrs.pixels[1] = 7
    sky(h)[0] = 8
    const there = await another(h)
    restoreWorld(there.world, copies(freezeWorld(h.world, ahead.copied)), ahead.chunks)
    expect([[...pictureOf(there, 'plain').attrs.pixels], [...sky(there)]]).toEqual([
      [0, 7],
      [8, 0],
    ])
  })

  test('is made once where the class has an onInit, and again where what it was made of has changed', async () => {
    const h = start()
    await populate(h)
    make(h, Monster, 'orc')
    const ahead = await copied(h)
    made = []
    const there = await another(h)
    const restoring = new Restoring(there.world)
    restoring.read(ahead.chunks)
    restoring.makeAhead()
    expect([made, find(there, 'orc')]).toEqual([[], undefined])
    const before = find(there, 'a')!
    const other = find(there, 'c')!
    avatarOf(h, 'a')!.tick(3)
    restoring.finish(copies(freezeWorld(h.world, ahead.copied)))
    expect(made.sort()).toEqual(['Lobby', idOf('orc')])
    expect([before.gone, find(there, 'a') === before, find(there, 'c') === other]).toEqual([true, false, true])
    expect(avatarOf(there, 'a')!.attrs.hp).toBe(97)
  })

  test('does not run timers before time goes on, and runs them when they are due', async () => {
    const h = start()
    await populate(h)
    avatarOf(h, 'a')!.after(100, avatarOf(h, 'a')!.tick, 1)
    avatarOf(h, 'b')!.after(100, avatarOf(h, 'b')!.tick, 1)
    const ahead = await copied(h)
    const there = await another(h)
    const restoring = new Restoring(there.world)
    restoring.read(ahead.chunks)
    restoring.makeAhead()
    await h.clock.advance(60)
    await there.clock.advance(60)
    avatarOf(h, 'b')!.after(30, avatarOf(h, 'b')!.tick, 5)
    restoring.finish(copies(freezeWorld(h.world, ahead.copied)))
    await there.clock.advance(60)
    expect([avatarOf(there, 'a')!.attrs.hp, avatarOf(there, 'b')!.attrs.hp]).toEqual([100, 100])
    there.world.goOn()
    await there.clock.advance(0)
    expect([avatarOf(there, 'a')!.attrs.hp, avatarOf(there, 'b')!.attrs.hp]).toEqual([99, 94])
  })

  test('has crontab timers that run once when they are due, however long the freeze takes', async () => {
    const h = start()
    await populate(h)
    const avatar = avatarOf(h, 'a')!
    avatar.cron('0 * * * *', avatar.tick, 1)
    const { cronMs } = find(h, 'a')!.timers![0]!
    const { clock } = h.world
    const wallMs = clock.wallMs.bind(clock)
    let laterMs = 0
    clock.wallMs = () => wallMs() + laterMs++
    const chunks = copies(freezeWorld(h.world))
    const there = await another(h)
    await there.clock.advance(laterMs)
    restoreWorld(there.world, chunks)
    there.world.goOn()
    await there.clock.advance(cronMs - there.clock.wallMs() + 1000)
    expect(avatarOf(there, 'a')!.attrs.hp).toBe(99)
  })

  test('is kept no longer than until it is restored', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const h = start()
    await populate(h)
    const ahead = await copied(h)
    const there = await another(h)
    const restoring = new Restoring(there.world)
    restoring.read(ahead.chunks)
    restoring.makeAhead()
    const before = new WeakRef(find(there, 'a')!)
    h.world.movement.move(find(h, 'a')!, 30, 0, 0, 0)
    restoring.finish(copies(freezeWorld(h.world, ahead.copied)))
    await there.clock.advance(1)
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect([before.deref(), find(there, 'a')?.id]).toEqual([undefined, idOf('a')])
    expect(restoring).toBeInstanceOf(Restoring)
  })

  test('is refused ahead, by name, when this code cannot make it', async () => {
    const h = start()
    await populate(h)
    const { chunks } = await copied(h)
    const there = new Harness([Lobby, Field, Stone, Mail], { ...OPTIONS, starts: false })
    open.push(there)
    const restoring = new Restoring(there.world)
    restoring.read(chunks)
    expect(() => restoring.makeAhead()).toThrow(`Avatar<${idOf('a')}>: this game has no class Avatar`)
  })

  test('is refused as a whole restore is, where what was a space is none any more', async () => {
    const h = start()
    await populate(h)
    const { chunks, copied: of } = await copied(h)
    const rest = copies(freezeWorld(h.world, of))
    class NoField extends entity({ attrs: { weather: attr('dry') } }) {}
    Object.defineProperty(NoField, 'name', { value: 'Field' })
    for (const ahead of [false, true]) {
      const there = new Harness([Lobby, NoField, Avatar, Stone, Mail], { ...OPTIONS, starts: false })
      open.push(there)
      const restoring = new Restoring(there.world)
      restoring.read(chunks)
      if (ahead) restoring.makeAhead()
      expect(() => restoring.finish(rest)).toThrow(`was in the space ${idOf('north')}, which is not there`)
    }
  })
})
