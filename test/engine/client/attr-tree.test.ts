// The attributes of a mirror against a plain model: the same changes, whatever they are, must give the same tree.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { connect, type ProtocolError } from '../../../engine/client/client.ts'
import type { Data } from '../../../engine/wire/codec.ts'
import { frame, GateSide } from './gate-side.ts'

const ID = 'avatar0000000001'

// The model: maps are Maps, so that no key means anything to it; written without a look at the mirror.
type Model = Map<string, Model> | Model[] | null | boolean | number | string
type Path = (string | number)[]

const toModel = (value: unknown): Model =>
  Array.isArray(value)
    ? value.map(toModel)
    : typeof value === 'object' && value !== null
      ? new Map(Object.entries(value).map(([key, inner]) => [key, toModel(inner)]))
      : (value as Model)

/** All maps and lists of the model, each with its path. */
function* branches(model: Model, path: Path = []): Generator<{ at: Map<string, Model> | Model[]; path: Path }> {
  if (model instanceof Map) {
    yield { at: model, path }
    for (const [key, inner] of model) yield* branches(inner, [key, ...path])
  } else if (Array.isArray(model)) {
    yield { at: model, path }
    for (const [index, inner] of model.entries()) yield* branches(inner, [index, ...path])
  }
}

const key = fc.oneof(fc.constantFrom('a', 'b', '0', '__proto__', 'constructor', 'toString', 'length'), fc.string())
const safeKey = key.filter((text) => text !== '__proto__')
const value: fc.Arbitrary<Data> = fc.letrec<{ value: Data }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(safeKey, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value
const step = fc.record({
  branch: fc.nat(),
  what: fc.constantFrom('set', 'set', 'set', 'delete', 'clear', 'append', 'append', 'pop'),
  key,
  index: fc.nat(),
  value,
})

describe('the attributes of a mirror', () => {
  it('follow any sequence of changes as a plain model does', () => {
    fc.assert(
      fc.property(
        fc.dictionary(safeKey, value, { maxKeys: 4 }),
        fc.array(step, { maxLength: 30 }),
        (initial, steps) => {
          const { gate, game, errors, changed } = client(initial as Record<string, Data>)
          const model = toModel(initial) as Map<string, Model>
          for (const { branch, what, key, index, value } of steps) {
            const all = [...branches(model)]
            const { at, path } = all[branch % all.length]!
            const wirePath: Data = path.length === 0 ? null : path
            const before = changed.length
            let root: string | undefined = path.length === 0 ? key : String(path.at(-1))
            if (at instanceof Map) {
              const known = at.size > 0 ? [...at.keys()][index % at.size]! : undefined
              if (what === 'delete' && known !== undefined) {
                at.delete(known)
                if (path.length === 0) root = known
                gate.send('mapDelete', { entityId: ID, path: wirePath, key: known })
              } else if (what === 'clear') {
                if (path.length === 0) root = undefined
                at.clear()
                gate.send('mapClear', { entityId: ID, path: wirePath })
              } else {
                at.set(key, toModel(value))
                gate.send('mapSet', { entityId: ID, path: wirePath, key, value })
              }
            } else if (what === 'pop' && at.length > 0) {
              at.pop()
              gate.send('listPop', { entityId: ID, path: wirePath })
            } else if (what === 'set' && at.length > 0) {
              at[index % at.length] = toModel(value)
              gate.send('listSet', { entityId: ID, path: wirePath, index: index % at.length, value })
            } else {
              at.push(toModel(value))
              gate.send('listAppend', { entityId: ID, path: wirePath, value })
            }
            if (root !== undefined) expect(changed.slice(before)).toEqual([root])
          }
          expect(errors).toEqual([])
          expect(toModel(game.player!.attrs)).toEqual(model)
          expect(Object.prototype).not.toHaveProperty('a')
        },
      ),
      { numRuns: 500 },
    )
  })

  const attrs = { list: [1, { inner: [] }], map: { a: { b: 1 } }, text: 'text', bytes: new Uint8Array([1]) }
  it.each([
    ['a path to nothing', frame('mapSet', { entityId: ID, path: ['nowhere'], key: 'a', value: 1 })],
    ['a path through nothing', frame('mapSet', { entityId: ID, path: ['a', 'nowhere'], key: 'a', value: 1 })],
    [
      'a path through an inherited property',
      frame('mapSet', { entityId: ID, path: ['__proto__'], key: 'a', value: 1 }),
    ],
    ['a path through a text', frame('listAppend', { entityId: ID, path: [0, 'text'], value: 1 })],
    ['a path through bytes', frame('listSet', { entityId: ID, path: ['bytes'], index: 0, value: 1 })],
    ['a map operation on a list', frame('mapClear', { entityId: ID, path: ['list'] })],
    ['a list operation on a map', frame('listPop', { entityId: ID, path: ['map'] })],
    ['a list operation on the root', frame('listAppend', { entityId: ID, path: null, value: 1 })],
    ['an index past the end of a list', frame('listSet', { entityId: ID, path: ['list'], index: 2, value: 1 })],
    ['an index past the end in a path', frame('mapClear', { entityId: ID, path: [2, 'list'] })],
    ['an index below 0 in a path', frame('mapClear', { entityId: ID, path: [-1, 'list'] })],
    ['a key into a list', frame('mapClear', { entityId: ID, path: ['1', 'list'] })],
    ['a pop from an empty list', frame('listPop', { entityId: ID, path: ['inner', 1, 'list'] })],
    ['a delete of what is not there', frame('mapDelete', { entityId: ID, path: ['map'], key: 'z' })],
    ['a delete of what is inherited', frame('mapDelete', { entityId: ID, path: null, key: 'toString' })],
    ['a path that is no list', frame('mapClear', { entityId: ID, path: 'map' })],
    ['a path with a broken number', frame('mapClear', { entityId: ID, path: [0.5, 'list'] })],
  ])('refuse %s, and stay as they were', (_what, bytes) => {
    const { gate, game, errors, changed } = client(attrs)
    const before = structuredClone(game.player!.attrs)
    gate.push(bytes)
    expect(errors.map(({ kind }) => kind)).toEqual(['mirror'])
    expect(game.counters.protocolErrors).toBe(1)
    expect(game.player!.attrs).toEqual(before)
    expect(changed).toEqual([])
    gate.send('mapSet', { entityId: ID, path: null, key: 'text', value: 'goes on' })
    expect(game.player!.attrs['text']).toBe('goes on')
  })

  it('tell of each root attribute that a clear of all has removed', () => {
    const { gate, game, changed } = client({ a: 1, b: 2 })
    gate.send('mapClear', { entityId: ID, path: null })
    expect(changed).toEqual(['a', 'b'])
    expect(game.player!.attrs).toEqual({})
  })
})

function client(attrs: Record<string, Data>) {
  const errors: ProtocolError[] = []
  const changed: string[] = []
  const gate = new GateSide()
  const game = connect(gate, {
    observer: {
      onChanged: (_entity, attr) => void changed.push(attr),
      onProtocolError: (error) => void errors.push(error),
    },
    heartbeatMs: 0,
  })
  gate.create(ID, 'Avatar', attrs, true)
  return { gate, game, errors, changed }
}
