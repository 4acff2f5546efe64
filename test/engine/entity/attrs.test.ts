// Attributes and what clients hear of them: after any sequence of operations the client's copy equals the server's.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boolean, integer, number, string } from '../../../engine/base/check.ts'
import {
  type AttrMap,
  asPath,
  listAppend,
  listPop,
  listSet,
  mapClear,
  mapDelete,
  mapSet,
} from '../../../engine/client/attr-tree.ts'
import { type AttrChange, AttrLayout, Attrs } from '../../../engine/entity/attrs.ts'
import { ListAttr, MapAttr, value } from '../../../engine/entity/collections.ts'
import { attr, list, map, optional, record } from '../../../engine/entity/contract.ts'
import type { Data } from '../../../engine/wire/codec.ts'
import { AUDIENCE_ALL, AUDIENCE_OWN } from '../../../engine/wire/messages.ts'
import { clientMessage } from './client-message.ts'

const ID = 'entity0000000001'

class Host {
  readonly id = ID
  gone = false
  isSeen = true
  touched = 0
  unsaved = 0
  attrsTouched() {
    this.touched++
  }
  attrsUnsaved() {
    this.unsaved++
  }
}

function make(
  specs: Parameters<typeof AttrLayoutOf>[0],
  given: Record<string, unknown> = {},
): { attrs: any; host: Host } {
  const host = new Host()
  const layout = AttrLayoutOf(specs)
  const attrs = new layout.accessors(host, layout)
  Attrs.fill(attrs, given)
  return { attrs, host }
}
const AttrLayoutOf = (specs: ConstructorParameters<typeof AttrLayout>[1]) => new AttrLayout('Test', specs)

function flush(attrs: Attrs): (AttrChange & { message: Record<string, unknown> })[] {
  const changes: AttrChange[] = []
  Attrs.flush(attrs, (change) => changes.push(change))
  return changes.map((change) => ({ ...change, message: clientMessage(change.type, change.body) }))
}

/** What a client does with a change. */
function apply(mirror: AttrMap, { message }: { message: Record<string, unknown> }): void {
  const path = asPath(message['path'] as Data)
  const given = message['value'] as Data
  switch (message['name']) {
    case 'mapSet':
      return mapSet(mirror, path, message['key'] as string, given)
    case 'mapDelete':
      return mapDelete(mirror, path, message['key'] as string)
    case 'mapClear':
      return void mapClear(mirror, path)
    case 'listSet':
      return listSet(mirror, path, message['index'] as number, given)
    case 'listPop':
      return void listPop(mirror, path)
    case 'listAppend':
      return void listAppend(mirror, path, given)
    default:
      throw new Error(`${message['name']} is no change of an attribute`)
  }
}

test('scalar writes between two flushes are one change with the last value; equal writes are none', () => {
  const { attrs } = make({ hp: attr(1, 'allClients'), gold: attr(0, 'client'), secret: attr(0, 'persistent') })
  attrs.hp = 2
  attrs.hp = 3
  attrs.gold = 7
  attrs.secret = 9
  const changes = flush(attrs)
  expect(changes.map(({ message }) => [message['path'], message['key'], message['value']])).toEqual([
    [null, 'hp', 3],
    [null, 'gold', 7],
  ])
  expect(changes.map((change) => change.audience)).toEqual([AUDIENCE_ALL, AUDIENCE_OWN])
  attrs.hp = 3
  expect(Attrs.pending(attrs)).toBe(false)
})

test('what is written while nobody sees it waits for nobody, and is there all the same', () => {
  const { attrs, host } = make({ bag: map(integer, 'allClients', 'persistent'), log: list(integer, 'client') })
  host.isSeen = false
  attrs.bag.set('coins', 3)
  attrs.log.push(1, 2)
  expect(Attrs.pending(attrs)).toBe(false)
  expect([host.touched, host.unsaved]).toEqual([3, 1])
  expect(Attrs.plain(attrs)).toEqual({ bag: { coins: 3 }, log: [1, 2] })
})

test('what is put into an empty map is in no other', () => {
  const { attrs } = make({ bag: map(value), box: map(value) })
  attrs.bag.set('coins', 3)
  attrs.bag.map('nested')
  expect(Attrs.plain(attrs)).toEqual({ bag: { coins: 3, nested: {} }, box: {} })
})

test('more than 31 attributes are flushed too', () => {
  const { attrs } = make(Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`a${n}`, attr(0, 'client')])))
  for (let n = 0; n < 80; n++) attrs[`a${n}`] = n + 1
  const mirror: AttrMap = {}
  for (const change of flush(attrs)) apply(mirror, change)
  expect(mirror).toEqual(Attrs.plain(attrs))
  expect(Attrs.pending(attrs)).toBe(false)
})

test('nested operations keep their order and say paths innermost first, as in GoWorld', () => {
  const { attrs } = make({ complexAttr: map(value, 'client') })
  const deep = attrs.complexAttr.map('key1').list('key2')
  deep.push(true)
  deep.pushList().pushMap().set('finalkey', 'iamhere')
  attrs.complexAttr.clear()
  expect(flush(attrs).map(({ message: { entityId: _, ...rest } }) => rest)).toEqual([
    { name: 'mapSet', path: ['complexAttr'], key: 'key1', value: {} },
    { name: 'mapSet', path: ['key1', 'complexAttr'], key: 'key2', value: [] },
    { name: 'listAppend', path: ['key2', 'key1', 'complexAttr'], value: true },
    { name: 'listAppend', path: ['key2', 'key1', 'complexAttr'], value: [] },
    { name: 'listAppend', path: [1, 'key2', 'key1', 'complexAttr'], value: {} },
    { name: 'mapSet', path: [0, 1, 'key2', 'key1', 'complexAttr'], key: 'finalkey', value: 'iamhere' },
    { name: 'mapClear', path: ['complexAttr'] },
  ])
})

test('an optional attribute is unset until written, and deleted by undefined', () => {
  const { attrs } = make({ guild: optional(string, 'client', 'persistent') })
  expect(Attrs.plain(attrs)).toEqual({})
  attrs.guild = 'red'
  attrs.guild = undefined
  attrs.guild = 'blue'
  expect(flush(attrs).map(({ message }) => [message['name'], message['value']])).toEqual([
    ['mapSet', 'red'],
    ['mapDelete', undefined],
    ['mapSet', 'blue'],
  ])
})

test('records are typed groups: assigned as properties, nested lists through methods', () => {
  const { attrs, host } = make({ stats: record({ speed: attr(3), runes: list(integer) }, 'allClients', 'persistent') })
  attrs.stats.speed = 5
  attrs.stats.runes.push(1, 2)
  expect(host.unsaved).toBeGreaterThan(0)
  expect(Attrs.plain(attrs)).toEqual({ stats: { speed: 5, runes: [1, 2] } })
  expect(flush(attrs).map(({ message }) => [message['path'], message['key'] ?? message['value']])).toEqual([
    [['stats'], 'speed'],
    [['runes', 'stats'], 1],
    [['runes', 'stats'], 2],
  ])
  expect(() => attrs.stats.set('sped', 1)).toThrow("a record has no 'sped'")
})

test('defaults are made for each instance', () => {
  const specs = { at: attr({ x: 1 }), bag: map(number), tags: list(string) }
  const first = make(specs).attrs
  const second = make(specs).attrs
  first.bag.set('a', 1)
  first.tags.push('t')
  expect(Attrs.plain(second)).toEqual({ at: { x: 1 }, bag: {}, tags: [] })
  expect(() => {
    first.at.x = 2
  }).toThrow()
})

test('what cannot be kept is refused where it is written', () => {
  const { attrs } = make({
    bag: map(number, 'client'),
    any: map(value),
    scores: list(integer),
    x: attr(0 as unknown, 'client'),
  })
  expect(() => attrs.bag.set('a', 'text')).toThrow("'a': a finite number is wanted, not 'text'")
  expect(() => attrs.scores.push(1.5)).toThrow('an integer is wanted')
  expect(() => attrs.any.set('when', new Date())).toThrow('an attribute cannot hold a Date')
  expect(() => {
    attrs.x = () => 1
  }).toThrow('an attribute cannot hold')
  expect(() => {
    attrs.x = { deep: [new Set()] }
  }).toThrow('an attribute cannot hold a Set')
  expect(() => attrs.scores.set(0, 1)).toThrow('index 0 is not in a list of 0')
  expect(() => {
    attrs.bag = {}
  }).toThrow("'bag' is a map")
  expect(Attrs.pending(attrs)).toBe(false)
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  '%d is refused where it is written, with the name of the attribute',
  (wrong) => {
    const specs = {
      hp: attr(1, 'client'),
      place: attr({ at: [1] } as unknown, 'client'),
      rank: optional(number, 'client'),
      any: map(value, 'client'),
      bag: map(number, 'client'),
      scores: list(value, 'client'),
      looks: record({ hat: attr(1), marks: map(value) }, 'client'),
    }
    const { attrs } = make(specs)
    attrs.any.set('shelf', { rows: [{ a: 1 }] })
    attrs.scores.push(1)
    flush(attrs)
    const before = Attrs.plain(attrs)
    const refused = (write: () => void, place: string) => {
      expect(write).toThrow(TypeError)
      expect(write).toThrow(`attribute ${place} cannot hold ${wrong}`)
    }
    refused(() => (attrs.hp = wrong), 'hp')
    refused(() => (attrs.rank = wrong), 'rank')
    expect(() => (attrs.place = { at: [wrong] })).toThrow(`attribute place: an attribute cannot hold ${wrong}`)
    refused(() => attrs.any.set('a', wrong), 'any.a')
    refused(() => attrs.any.setDefault('a', wrong), 'any.a')
    refused(() => attrs.any.set('a', { b: [1, { c: wrong }] }), 'any.a.b.1.c')
    refused(() => attrs.any.map('shelf').list('rows').map(0).set('a', wrong), 'any.shelf.rows.0.a')
    refused(() => attrs.bag.set('a', wrong), 'bag.a')
    refused(() => attrs.scores.push(wrong), 'scores.1')
    refused(() => attrs.scores.push([wrong]), 'scores.1.0')
    refused(() => attrs.scores.set(0, wrong), 'scores.0')
    refused(() => attrs.scores.assign([wrong]), 'scores.0')
    refused(() => (attrs.looks.hat = wrong), 'looks.hat')
    refused(() => attrs.looks.marks.set('m', wrong), 'looks.marks.m')
    expect(Attrs.plain(attrs)).toEqual(before)
    expect(Attrs.pending(attrs)).toBe(false)
    expect(() => make(specs, { hp: wrong })).toThrow(`attribute hp: an attribute cannot hold ${wrong}`)
    expect(() => make(specs, { any: { a: [wrong] } })).toThrow(`attribute any: 'a.0' cannot hold ${wrong}`)
    expect(() => make(specs, { scores: [[wrong]] })).toThrow(`attribute scores: '0.0' cannot hold ${wrong}`)
    expect(() => make({ hp: attr(wrong) })).toThrow(`attribute hp: an attribute cannot hold ${wrong}`)
  },
)

test('a nested map that was replaced or removed is nobody’s business any more', () => {
  const { attrs } = make({ any: map(value, 'client') })
  const old = attrs.any.map('a')
  attrs.any.set('a', { fresh: true })
  flush(attrs)
  old.set('late', 1)
  expect(flush(attrs)).toEqual([])
  expect(() => new MapAttr(value).set('x', attrs.any.map('a'))).not.toThrow()
  expect(attrs.any.map('a').toPlain()).toEqual({ fresh: true })
})

test('an entity that is gone refuses every write', () => {
  const { attrs, host } = make({ hp: attr(1), bag: map(number), tags: list(string) })
  host.gone = true
  expect(() => {
    attrs.hp = 2
  }).toThrow('gone')
  expect(() => attrs.bag.set('a', 1)).toThrow('gone')
  expect(() => attrs.tags.push('a')).toThrow('gone')
})

// --- the client's copy after any sequence ------------------------------------------------------------------------------

const scalar = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
  fc.boolean(),
  fc.constant(null),
)
const plainValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 4 }), tie('value'), { maxKeys: 3 }),
  ),
})).value
const operation = fc.record({
  kind: fc.constantFrom(
    'set',
    'delete',
    'clear',
    'push',
    'pop',
    'assign',
    'setDefault',
    'setIndex',
    'scalar',
    'optional',
    'flush',
  ),
  pick: fc.array(fc.nat(5), { minLength: 4, maxLength: 4 }),
  key: fc.constantFrom('a', 'b', '__proto__', 'c'),
  given: plainValue,
})

/** A collection reached by random steps from the roots. */
function reach(roots: (MapAttr | ListAttr)[], steps: readonly number[]): MapAttr | ListAttr {
  let at = roots[steps[0]! % roots.length]!
  for (const step of steps.slice(1)) {
    const children = [...(at instanceof MapAttr ? [...at.entries()].map(([, child]) => child) : at)]
    const child = children[step]
    if (!(child instanceof MapAttr || child instanceof ListAttr)) break
    at = child
  }
  return at
}

test('the client’s mirror equals the server’s attributes after any sequence of operations', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const { attrs } = make({
        dynamic: map(value, 'client'),
        items: list(value, 'allClients'),
        hp: attr(0, 'allClients'),
        guild: optional(string, 'client'),
        flag: attr(false, 'client'),
      })
      const mirror = structuredClone(Attrs.plain(attrs)) as AttrMap
      const sync = () => {
        for (const change of flush(attrs)) apply(mirror, change)
        expect(mirror).toEqual(Attrs.plain(attrs))
      }
      for (const { kind, pick, key, given } of operations) {
        const at = reach([attrs.dynamic, attrs.items], pick)
        if (kind === 'flush') sync()
        else if (kind === 'scalar') attrs.hp = pick[0]
        else if (kind === 'optional') attrs.guild = pick[1]! % 2 === 0 ? undefined : key
        else if (at instanceof MapAttr) {
          if (kind === 'set') at.set(key, given)
          else if (kind === 'delete') at.delete(key)
          else if (kind === 'clear') at.clear()
          else if (kind === 'pop') at.pop(key)
          else if (kind === 'setDefault') at.setDefault(key, given)
          else if (kind === 'assign') at.assign({ [`${key}1`]: given, b: 1 })
        } else if (kind === 'push') at.push(given)
        else if (kind === 'pop') at.pop()
        else if (kind === 'setIndex' && at.length > 0) at.set(pick[3]! % at.length, given)
        else if (kind === 'assign') at.assign([given, 1, given].slice(0, pick[3]! % 4))
      }
      sync()
    }),
    { numRuns: 500 },
  )
})

test('booleans, bytes and wide integers survive', () => {
  const { attrs } = make({ x: map(value, 'client'), flags: list(boolean, 'client') })
  const mirror = structuredClone(Attrs.plain(attrs)) as AttrMap
  attrs.x.set('bytes', new Uint8Array([1, 2, 3]))
  attrs.x.set('wide', 2 ** 50)
  attrs.flags.push(true, false)
  for (const change of flush(attrs)) apply(mirror, change)
  expect(mirror).toEqual({ x: { bytes: new Uint8Array([1, 2, 3]), wide: 2 ** 50 }, flags: [true, false] })
})
