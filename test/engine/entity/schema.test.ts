// What newer code makes of what older code saved: step by step, or not at all; and nothing is lost that was not dropped.
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  attr,
  type EntityClass,
  entity,
  integer,
  list,
  optional,
  type SavedData,
  type SchemaMigration,
  service,
  space,
} from '../../../components/game/goworld.ts'
import { serviceId } from '../../../engine/base/id.ts'
import { Attrs } from '../../../engine/entity/attrs.ts'
import type { EntityCore } from '../../../engine/entity/core.ts'
import { freezeWorld } from '../../../engine/entity/freezing.ts'
import { restoreWorld } from '../../../engine/entity/restoring.ts'
import { type SavedEntity, saveEntity } from '../../../engine/entity/saved-entity.ts'
import { SpaceCore } from '../../../engine/entity/space-core.ts'
import { encodeDocument } from '../../../engine/storage/document.ts'
import { Row } from '../../../engine/storage/row.ts'
import { decode, encode } from '../../../engine/wire/codec.ts'
import { client, Harness } from './harness.ts'

let open: Harness[] = []
afterEach(() => {
  for (const harness of open) harness.stop()
  open = []
})
function start(types: readonly EntityClass[], options: ConstructorParameters<typeof Harness>[1] = {}): Harness {
  const harness = new Harness(types, options)
  open.push(harness)
  return harness
}

const ID = 'avatar..........'
/** What was saved in the version `schema`. */
const put = (h: Harness, schema: number, data: unknown, type = 'Avatar', id = ID) =>
  h.storage.write(type, id, Row.of(data, { schema, epoch: 1, no: 1 }))
const stored = async (h: Harness, type = 'Avatar', id = ID) => {
  const row = (await h.storage.read(type, id))!
  return { schema: row.schema, data: row.data }
}
let epoch = 1
async function load(h: Harness, type = 'Avatar', id = ID): Promise<EntityCore> {
  await h.world.loadHere(type, id, ++epoch)
  const core = h.world.find(id)
  if (!core) throw new Error('it was not loaded')
  return core
}
/** Why it was not loaded. */
async function refusal(h: Harness, type = 'Avatar', id = ID): Promise<string> {
  h.take()
  await h.world.loadHere(type, id, ++epoch)
  expect(h.world.find(id)).toBeUndefined()
  expect(h.take().at(-1)).toEqual({ name: 'entityGone', values: { entityId: id, epoch } })
  return h.log.matching('error', 'cannot be loaded').at(-1)!.split('\n')[0]!
}
/** Saves it and takes it away. */
async function end(h: Harness, core: EntityCore): Promise<void> {
  core.attrsUnsaved()
  h.world.destroy(core)
  await h.settle()
}
const plain = (core: EntityCore) => Attrs.plain(core.attrs)

/** As it goes over the wire, or into a file. */
const carried = (core: EntityCore): SavedEntity => decode(encode(saveEntity(core))) as unknown as SavedEntity
/** It leaves `from` for `to`. */
function move(from: Harness, core: EntityCore, to: Harness): EntityCore {
  const saved = carried(core)
  from.world.discard(core)
  return arrive(to, saved)
}
function arrive(h: Harness, saved: SavedEntity): EntityCore {
  const data = encode({ entity: saved, spaceId: '', at: [0, 0, 0] })
  h.world.migration.arrive({ entityId: saved.id, epoch: ++epoch, data })
  return h.world.find(saved.id)!
}
function freeze(h: Harness): Uint8Array[] {
  h.world.flushAttrs()
  return freezeWorld(h.world).map((chunk) => chunk.slice())
}
function restored(chunks: readonly Uint8Array[], types: readonly EntityClass[]): Harness {
  const h = start(types, { starts: false })
  h.world.standStill()
  restoreWorld(h.world, chunks)
  h.world.goOn()
  return h
}

// --- the class of several times --------------------------------------------------------------------------------------

/** Version 1: what it has is `hp` and `gold`. */
const older = () => {
  class Avatar extends entity({
    attrs: { hp: attr(100, 'allClients', 'persistent'), gold: attr(0, 'persistent'), target: attr('') },
  }) {}
  return Avatar
}
/** Version 3: gold is in a purse since 2, and hp is called health since 3. */
const newer = () => {
  class Avatar extends entity({
    version: 3,
    migrations: {
      2: (saved) => {
        saved['purse'] = [saved['gold'] ?? 0]
        delete saved['gold']
      },
      3: ({ hp, ...rest }) => ({ ...rest, ...(hp !== undefined && { health: hp }) }),
    },
    attrs: { health: attr(100, 'allClients', 'persistent'), purse: list(integer, 'persistent'), target: attr('') },
  }) {}
  return Avatar
}
/** A class with these migrations, and one attribute that they may use. */
const migrating = (...migrations: SchemaMigration[]) => {
  class Avatar extends entity({
    version: migrations.length + 1,
    migrations: Object.fromEntries(migrations.map((migration, at) => [at + 2, migration])),
    attrs: { seen: attr([] as unknown, 'persistent') },
  }) {}
  return Avatar
}
/** What `Avatar` is without most of what was saved. */
const plainer = (drops: readonly string[] = []) => {
  class Avatar extends entity({ attrs: { hp: attr(100, 'persistent'), target: attr('nobody', 'client') }, drops }) {}
  return Avatar
}

describe('a row of an older version', () => {
  test('goes through every step from its own on, in their order', async () => {
    const note =
      (n: number) =>
      ({ seen = [] }: SavedData) => ({ seen: [...seen, n] })
    const h = start([migrating(note(2), note(3), note(4))])
    for (const [schema, seen] of [
      [1, [2, 3, 4]],
      [2, [3, 4]],
      [3, [4]],
      [4, []],
    ] as const) {
      const id = `avatar.........${schema}`
      await put(h, schema, {}, 'Avatar', id)
      expect(plain(await load(h, 'Avatar', id))).toEqual({ seen })
    }
  })

  test('is stored in the new form with the next save, and not before', async () => {
    const h = start([newer()], { saveIntervalMs: 1000 })
    await put(h, 1, { hp: 7, gold: 30 })
    const avatar = await load(h)
    expect([plain(avatar), avatar.unsaved]).toEqual([{ health: 7, purse: [30], target: '' }, true])
    await h.clock.advance(999)
    expect(await stored(h)).toEqual({ schema: 1, data: { hp: 7, gold: 30 } })
    await h.clock.advance(1)
    expect(await stored(h)).toEqual({ schema: 3, data: { health: 7, purse: [30] } })
    h.world.destroy(avatar)
    await h.settle()
    const again = await load(h)
    expect([plain(again), again.unsaved]).toEqual([{ health: 7, purse: [30], target: '' }, false])
  })

  test('is stored when the entity is destroyed before', async () => {
    const h = start([newer()])
    await put(h, 2, { hp: 7, purse: [1] })
    h.world.destroy(await load(h))
    await h.settle()
    expect(await stored(h)).toEqual({ schema: 3, data: { health: 7, purse: [1] } })
  })

  test('may be one of GoWorld, which is a first one', async () => {
    const h = start([newer()])
    await put(h, 0, { hp: 7, gold: 30 })
    expect(plain(await load(h))).toEqual({ health: 7, purse: [30], target: '' })
    const same = start([older()])
    await put(same, 0, { hp: 7 })
    const avatar = await load(same)
    expect([plain(avatar), avatar.unsaved]).toEqual([{ hp: 7, gold: 0, target: '' }, false])
  })

  test('may have any attribute missing', async () => {
    const h = start([newer()])
    await put(h, 1, {})
    expect(plain(await load(h))).toEqual({ health: 100, purse: [0], target: '' })
  })

  test('leads to what the class must be able to take', async () => {
    const h = start([migrating(() => ({ seen: () => {} }))])
    await put(h, 1, { seen: 1 })
    expect(await refusal(h)).toMatch('attribute seen: an attribute cannot hold')
    expect(await stored(h)).toEqual({ schema: 1, data: { seen: 1 } })
  })

  test('can be handed on by a migration that gives what is no attribute: it is kept, if it can be stored', async () => {
    const h = start([migrating((saved) => ({ ...saved, born: 7, when: new Date(0), none: undefined }))])
    await put(h, 1, {})
    await end(h, await load(h))
    expect((await stored(h)).data).toEqual({ seen: [], born: 7 })
    expect(
      h.log.matching('warn', 'Avatar.when is no attribute any more, and when: a Date cannot be stored'),
    ).toHaveLength(1)
  })
})

describe('a migration', () => {
  test('that throws ends the load, and the row is as it was', async () => {
    const h = start([
      migrating(
        (saved) => {
          saved['bag'].sword = 1
        },
        (saved) => {
          saved['bag'].sword.edge.sharp = true
        },
      ),
    ])
    await put(h, 1, { bag: { sword: 0 } })
    expect(await refusal(h)).toMatch(
      `Avatar<${ID}>: its migration to version 3 threw: Cannot set properties of undefined`,
    )
    expect(await stored(h)).toEqual({ schema: 1, data: { bag: { sword: 0 } } })
    // And the same once more, when what was wrong is put right.
    const right = start([
      migrating(
        (saved) => saved,
        () => {},
      ),
    ])
    await put(right, 1, (await stored(h)).data)
    expect(plain(await load(right))).toEqual({ seen: [] })
  })

  test.each([
    ['null', null, 'null'],
    ['a list', [], 'an instance of Array'],
    ['a number', 5, '5'],
    ['false', false, 'false'],
    ['a string', 'saved', 'saved'],
    ['a promise', Promise.resolve({}), 'an instance of Promise'],
    ['a map', new Map(), 'an instance of Map'],
    ['bytes', new Uint8Array(1), 'an instance of Uint8Array'],
  ])('that returns %s ends the load, and the row is as it was', async (_, made, what) => {
    const h = start([
      migrating(
        () => {},
        () => made as never,
      ),
    ])
    await put(h, 1, { seen: 1 })
    expect(await refusal(h)).toMatch(
      `Avatar<${ID}>: its migration to version 3 returned ${what}: a plain object is wanted`,
    )
    expect(await stored(h)).toEqual({ schema: 1, data: { seen: 1 } })
  })

  test('may return an object without a prototype', async () => {
    const h = start([migrating((saved) => Object.assign(Object.create(null), saved, { seen: 2 }))])
    await put(h, 1, { seen: 1 })
    expect(plain(await load(h))).toEqual({ seen: 2 })
  })
})

describe('what a newer version has saved', () => {
  test('is refused, and stays as it is', async () => {
    const h = start([newer()])
    await put(h, 4, { health: 7, wings: 2 })
    expect(await refusal(h)).toMatch(`Avatar<${ID}> was saved by version 4 of its class, this code knows 3`)
    expect(await stored(h)).toEqual({ schema: 4, data: { health: 7, wings: 2 } })
  })

  test('is refused on its way from another game, which is told', () => {
    const from = start([newer()])
    const saved = carried(from.world.create(from.world.kinds.get('Avatar')!, {}))
    const to = start([older()])
    to.take()
    expect(arrive(to, saved)).toBeUndefined()
    const reason = `Avatar<${saved.id}> was saved by version 3 of its class, this code knows 1`
    expect(to.take()).toEqual([{ name: 'refuseEntity', values: { entityId: saved.id, epoch, reason } }])
  })

  test('is refused out of a freeze, which is not restored', () => {
    const h = start([newer()])
    h.world.create(h.world.kinds.get('Avatar')!, {}, { id: ID })
    const chunks = freeze(h)
    expect(() => restored(chunks, [older()])).toThrow(`was saved by version 3 of its class, this code knows 1`)
    expect(plain(restored(chunks, [newer()]).world.find(ID)!)).toEqual({ health: 100, purse: [], target: '' })
  })
})

describe('an entity of an older version', () => {
  const made = (h: Harness) =>
    h.world.create(h.world.kinds.get('Avatar')!, { hp: 7, gold: 3, target: 'wolf' }, { id: ID })
  const now = { health: 7, purse: [3], target: 'wolf' }

  test('that comes from another game is upgraded as it lives, and saved in the new form', async () => {
    const from = start([older()])
    const avatar = made(from)
    await from.settle()
    expect([avatar.unsaved, 'version' in saveEntity(avatar)]).toEqual([false, false])
    const to = start([newer()], { saveIntervalMs: 1000 })
    const there = move(from, avatar, to)
    expect([plain(there), there.unsaved]).toEqual([now, true])
    await to.clock.advance(1000)
    expect(await stored(to)).toEqual({ schema: 3, data: { health: 7, purse: [3] } })
    // As it is, it goes on to the next.
    expect(saveEntity(there).version).toBe(3)
    const further = move(to, there, start([newer()]))
    expect([plain(further), further.unsaved]).toEqual([now, false])
  })

  test('comes so out of a freeze too', async () => {
    const h = start([older()])
    made(h)
    await h.settle()
    const after = restored(freeze(h), [newer()])
    const there = after.world.find(ID)!
    expect([plain(there), there.unsaved]).toEqual([now, true])
    await after.clock.advance(60_000)
    expect(await stored(after)).toEqual({ schema: 3, data: { health: 7, purse: [3] } })
  })

  test('may have been saved before there were versions, with all of its attributes in one', async () => {
    const h = start([older()])
    const { version: _, ...saved } = carried(made(h))
    const { transient, leftovers: __, attrs, ...parts } = saved.parts
    const all = { ...(attrs as SavedData), ...(transient as SavedData) }
    const before = { ...saved, parts: { ...parts, attrs: all } }
    expect(all).toEqual({ hp: 7, gold: 3, target: 'wolf' })
    expect(plain(arrive(start([older()]), before))).toEqual(all)
    expect(plain(arrive(start([newer()]), before))).toEqual(now)
    expect(arrive(start([plainer()]), before).leftovers).toEqual({ gold: 3 })
  })

  test('shows its migrations all of its attributes, and what is left over', async () => {
    const seen: SavedData[] = []
    const h = start([older()])
    await put(h, 1, { gold: 3, mood: 'low' })
    const avatar = await load(h)
    const data = ({ gold, mood, hp, target }: SavedData) => ({ gold, mood, hp, target })
    move(h, avatar, start([migrating((saved) => void seen.push(data(saved)))]))
    expect(seen).toEqual([{ gold: 3, mood: 'low', hp: 100, target: '' }])
  })

  test('is not made when a migration throws: its game gets it back, and nothing is restored', () => {
    const broken = migrating(() => {
      throw new RangeError('too old')
    })
    const h = start([older()])
    const avatar = made(h)
    const to = start([broken])
    to.take()
    expect(arrive(to, carried(avatar))).toBeUndefined()
    const reason = `Avatar<${ID}>: its migration to version 2 threw: too old`
    expect(to.take()).toEqual([{ name: 'refuseEntity', values: { entityId: ID, epoch, reason } }])
    expect(() => restored(freeze(h), [broken])).toThrow(reason)
  })

  test('is not made of what its migrations have left in another form than the class has', () => {
    class Avatar extends entity({ version: 2, migrations: { 2: () => {} }, attrs: { gold: list(integer) } }) {}
    const h = start([older()])
    const saved = carried(made(h))
    const to = start([Avatar])
    expect(arrive(to, saved)).toBeUndefined()
    expect(to.log.matching('warn', 'attribute gold: a list is wanted')).toHaveLength(1)
  })

  test('that cannot be made again is saved as the version that it is of', async () => {
    const h = start([newer()])
    await put(h, 3, { health: 7, purse: [1], mood: 'low' })
    const avatar = await load(h)
    const saved = carried(avatar)
    h.world.discard(avatar)
    h.world.loseEntity(saved, new Error('no'))
    await h.settle()
    expect(await stored(h)).toEqual({ schema: 3, data: { health: 7, purse: [1], mood: 'low' } })
  })
})

describe('what was saved and is no attribute any more', () => {
  const left = { mood: 'low', bag: { '': [1n, -0, { $x: null }] }, blob: new Uint8Array([0, 255]), huge: 2n ** 99n }

  test('stays in storage with every save', async () => {
    const h = start([plainer()])
    await put(h, 1, { hp: 7, ...left })
    let avatar = await load(h)
    for (const hp of [1, 2]) {
      avatar.attrs['hp' as never] = hp as never
      await h.clock.advance(60_000)
      expect(await stored(h)).toEqual({ schema: 1, data: { hp, ...left } })
      await end(h, avatar)
      avatar = await load(h)
    }
    expect(plain(avatar)).toEqual({ hp: 2, target: 'nobody' })
    expect(h.log.matching('warn', '')).toEqual([])
  })

  test('goes along to other games, and through a freeze', async () => {
    const h = start([plainer()])
    await put(h, 1, { hp: 7, ...left })
    const there = start([plainer()])
    move(h, await load(h), there)
    const after = restored(freeze(there), [plainer()])
    const avatar = after.world.find(ID)!
    expect(plain(avatar)).toEqual({ hp: 7, target: 'nobody' })
    await end(after, avatar)
    expect(await stored(after)).toEqual({ schema: 1, data: { hp: 7, ...left } })
  })

  test('begins when an entity comes to newer code, and is the attribute again where code has it still', async () => {
    const from = start([older()])
    const avatar = from.world.create(from.world.kinds.get('Avatar')!, { hp: 7, gold: 30, target: 'wolf' }, { id: ID })
    const there = start([plainer()])
    const moved = move(from, avatar, there)
    expect(plain(moved)).toEqual({ hp: 7, target: 'wolf' })
    const back = move(there, moved, start([older()]))
    expect([plain(back), back.leftovers]).toEqual([{ hp: 7, gold: 30, target: 'wolf' }, undefined])
    const frozen = restored(freeze(open.at(-1)!), [plainer()])
    await end(frozen, frozen.world.find(ID)!)
    expect((await stored(frozen)).data).toEqual({ hp: 7, gold: 30 })
  })

  test('is named when code comes that has no place for it, and not once more', () => {
    const from = start([older()])
    from.world.create(from.world.kinds.get('Avatar')!, { hp: 7, gold: 30, target: 'wolf' }, { id: ID })
    const there = restored(freeze(from), [plainer()])
    const what = 'Avatar.gold was saved, but is no attribute any more'
    expect(there.world.droppedParts.map((one) => one.what)).toEqual([what])
    expect(there.log.matching('warn', what)).toEqual([`${what}: it stays in storage, and nowhere else`])
    expect(restored(freeze(there), [plainer()]).world.droppedParts).toEqual([])
    expect(restored(freeze(from), [plainer(['gold'])]).world.droppedParts).toEqual([])
  })

  test('is gone from the next save on when the class drops it by its name', async () => {
    const h = start([plainer(['mood', 'bag', 'huge', 'never'])])
    await put(h, 1, { hp: 7, ...left })
    const avatar = await load(h)
    expect(avatar.unsaved).toBe(false)
    await end(h, avatar)
    expect((await stored(h)).data).toEqual({ hp: 7, blob: left.blob })
    // Wherever it comes from.
    const keeping = start([plainer()])
    await put(keeping, 1, { hp: 7, mood: 'low' })
    const dropping = start([plainer(['mood'])])
    const moved = move(keeping, await load(keeping), dropping)
    expect(moved.leftovers).toBeUndefined()
  })

  test('can be used by a migration before it is dropped', async () => {
    class Avatar extends entity({
      version: 2,
      migrations: { 2: (saved) => ({ ...saved, seen: saved['mood'] }) },
      drops: ['mood'],
      attrs: { seen: attr('', 'persistent') },
    }) {}
    const h = start([Avatar])
    await put(h, 1, { mood: 'low' })
    await end(h, await load(h))
    expect(await stored(h)).toEqual({ schema: 2, data: { seen: 'low' } })
  })

  test('reaches no client', async () => {
    const h = start([plainer()])
    await put(h, 1, { hp: 7, mood: 'low' })
    const avatar = await load(h)
    h.take()
    h.world.players.connect(avatar, client(1))
    avatar.attrs['target' as never] = 'wolf' as never
    await h.settle()
    const told = h.takeFor(client(1).clientId)
    expect(told.length).toBeGreaterThan(1)
    expect(JSON.stringify(told)).not.toMatch('mood')
  })

  test('is nothing to keep when no save had it, which is said', async () => {
    const from = start([older()])
    const avatar = from.world.create(from.world.kinds.get('Avatar')!, { target: 'wolf' }, { id: ID })
    class Avatar extends entity({ attrs: { hp: attr(1, 'persistent'), gold: attr(0, 'persistent') } }) {}
    const to = start([Avatar])
    expect(move(from, avatar, to).leftovers).toBeUndefined()
    expect(
      to.log.matching('warn', 'Avatar.target was saved, but is no attribute any more: it is left out'),
    ).toHaveLength(1)
  })

  test('is left out when it could not be stored: nothing of the entity could be', async () => {
    const from = start([older()])
    const avatar = from.world.create(from.world.kinds.get('Avatar')!, { gold: 2 ** 53 }, { id: ID })
    const to = start([plainer()])
    const there = move(from, avatar, to)
    expect([plain(there), there.leftovers]).toEqual([{ hp: 100, target: '' }, undefined])
    expect(
      to.log.matching('warn', 'Avatar.gold is no attribute any more, and gold: 9007199254740992, a whole number'),
    ).toHaveLength(1)
  })

  test('is another thing than what the class has and does not save: that is filled in, and no longer stored', async () => {
    const h = start([plainer()])
    await put(h, 1, { hp: 7, target: 'wolf' })
    const avatar = await load(h)
    expect([plain(avatar), avatar.leftovers]).toEqual([{ hp: 7, target: 'wolf' }, undefined])
    await end(h, avatar)
    expect((await stored(h)).data).toEqual({ hp: 7 })
  })

  test('does not fill an attribute that was unset', async () => {
    class Avatar extends entity({ attrs: { mood: optional(integer, 'persistent') } }) {}
    const h = start([Avatar])
    await put(h, 1, { mood: 3, old: 1 })
    const avatar = await load(h)
    avatar.attrs['mood' as never] = undefined as never
    const moved = move(h, avatar, start([Avatar]))
    expect([plain(moved), moved.leftovers]).toEqual([{}, { old: 1 }])
  })

  test('may have any name: those of the engine are none of its own', async () => {
    const names = ['__proto__', 'constructor', 'toString', '_K', '$bytes', '', 'attrs', 'saved']
    const data = Object.fromEntries(names.map((name, at) => [name, at]))
    const h = start([plainer()])
    await put(h, 1, { ...data, hp: 7 })
    const there = start([plainer()])
    const moved = move(h, await load(h), there)
    expect(Object.keys(moved.leftovers!).sort()).toEqual([...names].sort())
    await end(there, moved)
    expect(Object.entries((await stored(there)).data).sort()).toEqual([...Object.entries(data), ['hp', 7]].sort())
  })

  test('is kept exactly, whatever it is', async () => {
    const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', '$bytes', '$', '$bigint', '_K', 'constructor', '7'))
    const { value: tree } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
        fc
          .double({ noNaN: true, noDefaultInfinity: true })
          .filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.constantFrom(null, -0, 0n, 12n),
        fc.bigInt(),
        fc.uint8Array(),
        fc.array(tie('value')),
        fc.array(fc.tuple(key, tie('value'))).map((entries) => Object.fromEntries(entries)),
      ),
    }))
    const row = fc
      .array(
        fc.tuple(
          key.filter((name) => !['hp', 'target'].includes(name)),
          tree,
        ),
      )
      .map((entries): Record<string, unknown> => Object.fromEntries(entries))
    const worlds = [start([plainer()]), start([plainer()])] as const
    await fc.assert(
      fc.asyncProperty(row, async (data) => {
        const [h, there] = worlds
        await h.storage.delete('Avatar', ID)
        await there.storage.delete('Avatar', ID)
        await put(h, 1, data)
        const moved = move(h, await load(h), there)
        const chunks = freeze(there)
        there.world.discard(moved)
        const after = restored(chunks, [plainer()])
        await end(after, after.world.find(ID)!)
        const { hp, ...rest } = (await stored(after)).data
        open.splice(open.indexOf(after), 1)
        after.stop()
        expect([hp, encodeDocument(rest)]).toEqual([100, encodeDocument(data)])
      }),
    )
  })

  test('costs nothing where there is none', async () => {
    const h = start([plainer()])
    await put(h, 1, { hp: 7 })
    const avatar = await load(h)
    expect([avatar.leftovers, saveEntity(avatar).parts['leftovers']]).toEqual([undefined, undefined])
  })
})

describe('a space', () => {
  const ROOM = 'room............'
  const room = () => {
    class Room extends space({
      version: 2,
      migrations: { 2: (saved) => ({ names: Object.keys(saved).sort(), _K: 99 }) },
      attrs: { names: list<any, ['persistent']>(((one: unknown) => typeof one === 'string') as never, 'persistent') },
    }) {}
    return Room
  }

  test('keeps its kind, which migrations neither see nor change', async () => {
    const h = start([room()])
    await put(h, 1, { _K: 5, name: 'hall' }, 'Room', ROOM)
    const core = await load(h, 'Room', ROOM)
    expect([(core as SpaceCore).spaceKind, plain(core), core.leftovers]).toEqual([5, { names: ['name'] }, undefined])
    await end(h, core)
    expect(await stored(h, 'Room', ROOM)).toEqual({ schema: 2, data: { names: ['name'], _K: 5 } })
  })

  test('keeps what is left over and its kind', async () => {
    class Room extends space({ attrs: { name: attr('', 'persistent') } }) {}
    const h = start([Room])
    await put(h, 0, { _K: 5, name: 'hall', rain: true }, 'Room', ROOM)
    await load(h, 'Room', ROOM)
    const after = restored(freeze(h), [Room])
    const core = after.world.find(ROOM)!
    expect(core instanceof SpaceCore && core.spaceKind).toBe(5)
    await end(after, core)
    expect(await stored(after, 'Room', ROOM)).toEqual({ schema: 1, data: { _K: 5, name: 'hall', rain: true } })
  })

  test('is upgraded out of a freeze', () => {
    class Room extends space({ attrs: { name: attr('', 'persistent') } }) {}
    const h = start([Room])
    h.world.create(h.world.kinds.get('Room')!, { name: 'hall' }, { id: ROOM, spaceKind: 5 })
    const core = restored(freeze(h), [room()]).world.find(ROOM) as SpaceCore
    expect([core.spaceKind, plain(core), core.leftovers]).toEqual([5, { names: ['name'] }, undefined])
  })
})

describe('a service', () => {
  const MAIL = serviceId('Mail')
  const mail = (migration: SchemaMigration) => {
    class Mail extends service({
      version: 2,
      migrations: { 2: migration },
      drops: ['old'],
      attrs: { sent: attr(0, 'persistent') },
    }) {}
    return Mail
  }

  test('is upgraded, keeps what is left over, and drops what is to go', async () => {
    const h = start([mail(({ sent, ...rest }) => ({ ...rest, sent: sent * 2 }))])
    await put(h, 1, { sent: 4, old: 1, rest: 2 }, 'Mail', MAIL)
    const core = await load(h, 'Mail', MAIL)
    expect(plain(core)).toEqual({ sent: 8 })
    await end(h, core)
    expect(await stored(h, 'Mail', MAIL)).toEqual({ schema: 2, data: { sent: 8, rest: 2 } })
  })

  test('that cannot be is not made anew over what it has saved', async () => {
    const h = start([
      mail(() => {
        throw new Error('not like this')
      }),
    ])
    await put(h, 1, { sent: 4 }, 'Mail', MAIL)
    expect(await refusal(h, 'Mail', MAIL)).toMatch(`Mail<${MAIL}>: its migration to version 2 threw: not like this`)
    await put(h, 3, { sent: 4 }, 'Mail', MAIL)
    expect(await refusal(h, 'Mail', MAIL)).toMatch(
      `Mail<${MAIL}> was saved by version 3 of its class, this code knows 2`,
    )
    expect(await stored(h, 'Mail', MAIL)).toEqual({ schema: 3, data: { sent: 4 } })
  })

  test('begins with none of it when nothing is stored', async () => {
    const h = start([mail(() => ({ sent: 99 }))])
    expect(plain(await load(h, 'Mail', MAIL))).toEqual({ sent: 0 })
  })
})

describe('a contract', () => {
  const step = () => {}
  test.each<[Record<string, unknown>, string]>([
    [{ version: 0 }, 'version = 0; a whole number from 1 up is wanted'],
    [{ version: -1 }, 'version = -1'],
    [{ version: 1.5 }, 'version = 1.5'],
    [{ version: '2' }, 'version = 2; a whole number'],
    [{ version: Number.NaN }, 'version = NaN'],
    [{ version: null }, 'version = null'],
    [{ version: 2 }, 'migrations: there is none to version 2'],
    [{ version: 4, migrations: { 2: step, 4: step } }, 'migrations: there is none to version 3'],
    [{ version: 2 ** 40, migrations: { 2: step } }, 'migrations: there is none to version 3'],
    [{ migrations: { 2: step } }, "migrations: '2' is no version from 2 to 1"],
    [{ version: 2, migrations: { 2: step, 3: step } }, "migrations: '3' is no version from 2 to 2"],
    [{ version: 2, migrations: { 1: step, 2: step } }, "migrations: '1' is no version"],
    [{ version: 2, migrations: { 2: step, two: step } }, "migrations: 'two' is no version"],
    [{ version: 2, migrations: { '02': step } }, "migrations: '02' is no version"],
    [{ version: 2, migrations: { 2: step, 1.5: step } }, "migrations: '1.5' is no version"],
    [{ version: 2, migrations: { 2: 'UPDATE' } }, 'migrations: 2 is UPDATE; a function is wanted'],
    [{ version: 2, migrations: { 2: undefined } }, 'migrations: 2 is undefined; a function is wanted'],
    [{ version: 2, migrations: null }, 'migrations = null; functions by their versions are wanted'],
    [{ drops: ['hp'] }, 'drops: hp is an attribute of the class'],
    [{ drops: [7] }, 'drops: 7 is no name'],
    [{ drops: 'mood' }, 'drops = mood; a list of names is wanted'],
    [{ drops: null }, 'drops = null; a list of names is wanted'],
  ])('that has %o is refused at start-up', (wrong, why) => {
    const attrs = { hp: attr(1) }
    class Wrong extends entity({ attrs, ...wrong } as {}) {}
    expect(() => start([Wrong])).toThrow(`Wrong: ${why}`)
    class WrongService extends service({ attrs, ...wrong } as {}) {}
    expect(() => start([WrongService])).toThrow(`WrongService: ${why}`)
  })

  test('of a space cannot have the name under which its kind is saved', () => {
    class Wrong extends space({ attrs: { _K: attr(1) } }) {}
    expect(() => start([Wrong])).toThrow("Wrong: '_K' belongs to the engine")
    class Dropping extends space({ drops: ['_K'] }) {}
    expect(() => start([Dropping])).toThrow("Dropping: '_K' belongs to the engine")
    class Fine extends entity({ attrs: { _K: attr(1) } }) {}
    expect(() => start([Fine])).not.toThrow()
  })

  test('says what a migration takes and gives to the compiler', () => {
    const fine: SchemaMigration[] = [() => {}, (saved) => saved, ({ hp, ...rest }) => ({ ...rest, health: hp })]
    // @ts-expect-error neither in place nor another
    const wrong: SchemaMigration = (saved) => delete saved['hp']
    // @ts-expect-error no plain object
    const none: SchemaMigration = () => null
    expect([...fine, wrong, none]).toHaveLength(5)
  })
})
