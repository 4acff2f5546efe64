// Maps, lists and records inside attributes. Each change is said to the owner at once, with its path, so that clients
// and storage hear of that change alone. Plain objects and lists that are put in become nested maps and lists.
//
//     attrs.bag ─ MapAttr ─ 'sword' ─ RecordAttr ─ 'runes' ─ ListAttr       path of a rune: ['runes', 'sword', 'bag']
import type { Check } from '../base/check.ts'
import type { AttrSpec, Element } from './contract.ts'

/** What happened to a map or list. `path` leads from it up to the root: innermost key first. */
export interface AttrOwner {
  mapSet(root: number, path: readonly (string | number)[], key: string, value: unknown): void
  mapDelete(root: number, path: readonly (string | number)[], key: string): void
  mapClear(root: number, path: readonly (string | number)[]): void
  listSet(root: number, path: readonly (string | number)[], index: number, value: unknown): void
  listPop(root: number, path: readonly (string | number)[]): void
  listAppend(root: number, path: readonly (string | number)[], value: unknown): void
  /** Throws when the entity may no longer be written to. */
  writable(): void
}

/** Anything that a dynamic map or list may hold. */
export type AttrValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | MapAttr<AttrValue>
  | ListAttr<AttrValue>

/** A map or list that holds whatever is put in: the element of GoWorld's untyped attributes. */
export const value: Check<AttrValue> = Object.assign(
  (candidate: unknown): candidate is AttrValue => candidate !== undefined,
  {
    wants: 'any value',
  },
)

/** Of one attribute: a create message with all of them adds a few, and the wire takes 64. */
const DEPTH_MAX = 48

type Plain = unknown
type Key = string | number

abstract class Collection {
  #owner: AttrOwner | undefined
  #root = -1
  #parent: Collection | undefined
  #key: Key = ''

  /** Ties it to an entity (as a root attribute), or to the collection that holds it. */
  attach(parent: Collection | AttrOwner, key: Key, root = -1): void {
    if (this.#parent || this.#owner)
      throw new TypeError('a map or list can be in one place only: put in a copy (toPlain())')
    if (parent instanceof Collection) this.#parent = parent
    else {
      this.#owner = parent
      this.#root = root
    }
    this.#key = key
  }

  /** Cuts it loose: later changes to it are nobody's business. */
  detach(): void {
    this.#owner = undefined
    this.#parent = undefined
  }

  abstract toPlain(): Plain

  toJSON(): Plain {
    return this.toPlain()
  }

  /** Calls `tell` with the owner, the root attribute and the path, if this hangs in an entity. */
  protected told(tell: (owner: AttrOwner, root: number, path: Key[]) => void): void {
    const path: Key[] = [this.#key]
    let at: Collection = this
    while (at.#parent) {
      at = at.#parent
      path.push(at.#key)
    }
    if (at.#owner) tell(at.#owner, at.#root, path)
  }

  /** Throws when the entity is gone, when `given` would lie too deep in it, or when a number in it is none. */
  protected beforeWrite(key?: Key, given?: unknown): void {
    let depth = 1
    let at: Collection = this
    for (; at.#parent; at = at.#parent) depth++
    at.#owner?.writable()
    if (typeof given === 'number') {
      if (given - given !== 0) throw this.#cannotHold([key!], given)
    } else if (typeof given === 'object' && given !== null) {
      const inner = checkInside(given, DEPTH_MAX - depth)
      if (inner) throw this.#cannotHold([...inner.path, key!], inner.wrong)
    }
  }

  /** `path`: innermost key first, from what is put in to here. */
  #cannotHold(path: Key[], wrong: number): TypeError {
    let at: Collection = this
    for (; at.#parent; at = at.#parent) path.push(at.#key)
    const place = path.reverse().join('.')
    return new TypeError(`${at.#owner ? `attribute ${at.#key}.${place}` : `'${place}'`} cannot hold ${wrong}`)
  }
}

/** The entries of maps into which nothing was put yet: nobody writes to it. */
const NO_ENTRIES = new Map<string, unknown>()

/** String keys to values. `V` is what is read, `P` what may be put in. */
export class MapAttr<V = AttrValue, P = unknown> extends Collection {
  #entries = NO_ENTRIES
  readonly #element: Element
  // For the compiler: a map of numbers is not a map of strings.
  declare readonly __put?: (value: P) => void

  constructor(element: Element, initial?: Readonly<Record<string, unknown>>) {
    super()
    this.#element = element
    if (initial) for (const key of Object.keys(initial)) this.put(key, initial[key], true)
  }

  get size(): number {
    return this.#entries.size
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  get(key: string): V | undefined {
    return this.#entries.get(key) as V | undefined
  }

  set(key: string, value: P): void {
    this.put(key, value, false)
  }

  /** Sets `key` unless it is there; answers what is there then. */
  setDefault(key: string, value: P): V {
    if (!this.#entries.has(key)) this.put(key, value, false)
    return this.#entries.get(key) as V
  }

  /** The nested map at `key`, made when there is none. */
  map(key: string): V extends MapAttr<infer I, infer J> ? MapAttr<I, J> : MapAttr {
    return this.#open(key, MapAttr, {}) as never
  }

  /** The nested list at `key`, made when there is none. */
  list(key: string): V extends ListAttr<infer I, infer J> ? ListAttr<I, J> : ListAttr {
    return this.#open(key, ListAttr, []) as never
  }

  /** Whether there was one. */
  delete(key: string): boolean {
    if (!this.#entries.has(key)) return false
    this.beforeWrite()
    release(this.#entries.get(key))
    this.#entries.delete(key)
    this.told((owner, root, path) => owner.mapDelete(root, path, key))
    return true
  }

  /** Deletes `key`; answers what was there, plain. */
  pop(key: string): unknown {
    const popped = plain(this.#entries.get(key))
    this.delete(key)
    return popped
  }

  clear(): void {
    if (this.#entries.size === 0) return
    this.beforeWrite()
    for (const value of this.#entries.values()) release(value)
    this.#entries.clear()
    this.told((owner, root, path) => owner.mapClear(root, path))
  }

  /** Sets every key of `entries`; others stay. */
  assign(entries: Readonly<Record<string, P>>): void {
    for (const key of Object.keys(entries)) this.put(key, entries[key], false)
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys()
  }

  entries(): IterableIterator<[string, V]> {
    return this.#entries.entries() as IterableIterator<[string, V]>
  }

  forEach(visit: (value: V, key: string) => void): void {
    for (const [key, value] of this.#entries) visit(value as V, key)
  }

  override toPlain(): Record<string, unknown> {
    const copy: Record<string, unknown> = {}
    for (const [key, value] of this.#entries) define(copy, key, plain(value))
    return copy
  }

  /** Puts a value in; `quiet` while the map is being filled before anybody knows it. */
  protected put(key: string, value: unknown, quiet: boolean): void {
    this.beforeWrite(key, value)
    // To put it back where it is changes nothing.
    if (value instanceof Collection && value === this.#entries.get(key)) return
    const held = hold(value, this.elementOf(key), key)
    if (!quiet && held === this.#entries.get(key) && !(held instanceof Collection) && this.#entries.has(key)) return
    release(this.#entries.get(key))
    if (held instanceof Collection) held.attach(this, key)
    if (this.#entries === NO_ENTRIES) this.#entries = new Map()
    this.#entries.set(key, held)
    if (!quiet) this.told((owner, root, path) => owner.mapSet(root, path, key, plain(held)))
  }

  protected elementOf(_key: string): Element {
    return this.#element
  }

  #open(key: string, type: typeof MapAttr | typeof ListAttr, empty: unknown): unknown {
    if (!this.#entries.has(key)) this.put(key, empty, false)
    const found = this.#entries.get(key)
    if (!(found instanceof type)) throw new TypeError(`'${key}' is no ${type === MapAttr ? 'map' : 'list'}`)
    return found
  }
}

/** Named attributes in a group: a map whose keys are known to the compiler, read and assigned as properties. */
export type RecordAttr<R> = R & { toPlain(): Record<string, unknown>; readonly __record?: R }

/** Makes the class of a record once per specification. */
export function recordClass(
  fields: Readonly<Record<string, AttrSpec>>,
): new (
  initial?: Readonly<Record<string, unknown>>,
) => MapAttr {
  class FieldsAttr extends MapAttr {
    constructor(initial: Readonly<Record<string, unknown>> = {}) {
      super(value)
      for (const [name, field] of Object.entries(fields)) {
        const isGiven = Object.hasOwn(initial, name) && initial[name] !== undefined
        const given = isGiven ? initial[name] : initialOf(field)
        if (given !== undefined) this.put(name, given, true)
      }
      Object.preventExtensions(this)
    }

    protected override elementOf(key: string): Element {
      const field = fields[key]
      if (!field) throw new TypeError(`a record has no '${key}'; it has ${Object.keys(fields).join(', ')}`)
      return field.kind === 'value' || field.kind === 'optional' ? value : field
    }
  }
  for (const [name, field] of Object.entries(fields)) {
    if (name in MapAttr.prototype) throw new TypeError(`'${name}' is a method of records: choose another name`)
    Object.defineProperty(FieldsAttr.prototype, name, {
      get(this: MapAttr) {
        return this.get(name)
      },
      set(this: MapAttr, next: unknown) {
        if (field.kind !== 'value' && field.kind !== 'optional')
          throw new TypeError(`'${name}' is changed through its methods`)
        if (next === undefined) this.delete(name)
        else this.set(name, next)
      },
    })
  }
  return FieldsAttr
}

/** A list that grows and shrinks at its end. `V` is what is read, `P` what may be put in. */
export class ListAttr<V = AttrValue, P = unknown> extends Collection {
  readonly #items: unknown[]
  readonly #element: Element
  declare readonly __put?: (value: P) => void

  constructor(element: Element, initial: readonly unknown[] = []) {
    super()
    this.#element = element
    this.#items = new Array(initial.length)
    for (let index = 0; index < initial.length; index++) this.#items[index] = this.#hold(initial[index], index)
  }

  get length(): number {
    return this.#items.length
  }

  get(index: number): V | undefined {
    return this.#items[index] as V | undefined
  }

  /** Replaces the item at `index`, which must be there. */
  set(index: number, value: P): void {
    this.beforeWrite(index, value)
    if (!Number.isInteger(index) || index < 0 || index >= this.#items.length)
      throw new RangeError(`index ${index} is not in a list of ${this.#items.length}`)
    if (value instanceof Collection && (value as unknown) === this.#items[index]) return
    const held = hold(value, this.#element, index)
    release(this.#items[index])
    if (held instanceof Collection) held.attach(this, index)
    this.#items[index] = held
    this.told((owner, root, path) => owner.listSet(root, path, index, plain(held)))
  }

  push(...values: P[]): void {
    for (const value of values) this.#append(value)
  }

  /** Takes the last item off; answers it, plain, or undefined from an empty list. */
  pop(): unknown {
    if (this.#items.length === 0) return undefined
    this.beforeWrite()
    const popped = this.#items.pop()
    release(popped)
    this.told((owner, root, path) => owner.listPop(root, path))
    return plain(popped)
  }

  /** Appends a new nested map; answers it. */
  pushMap(): V extends MapAttr<infer I, infer J> ? MapAttr<I, J> : MapAttr {
    this.#append({})
    return this.#items.at(-1) as never
  }

  /** Appends a new nested list; answers it. */
  pushList(): V extends ListAttr<infer I, infer J> ? ListAttr<I, J> : ListAttr {
    this.#append([])
    return this.#items.at(-1) as never
  }

  /** The nested map at `index`. */
  map(index: number): V extends MapAttr<infer I, infer J> ? MapAttr<I, J> : MapAttr {
    return this.#nested(index, MapAttr) as never
  }

  /** The nested list at `index`. */
  list(index: number): V extends ListAttr<infer I, infer J> ? ListAttr<I, J> : ListAttr {
    return this.#nested(index, ListAttr) as never
  }

  /** Makes the list hold these: pops what is too long, sets what differs, appends the rest. */
  assign(values: readonly P[]): void {
    while (this.#items.length > values.length) this.pop()
    for (let index = 0; index < this.#items.length; index++) {
      const next = values[index] as P
      if (this.#items[index] !== next) this.set(index, next)
    }
    for (let index = this.#items.length; index < values.length; index++) this.#append(values[index])
  }

  forEach(visit: (value: V, index: number) => void): void {
    for (let index = 0; index < this.#items.length; index++) visit(this.#items[index] as V, index)
  }

  [Symbol.iterator](): IterableIterator<V> {
    return this.#items[Symbol.iterator]() as IterableIterator<V>
  }

  override toPlain(): unknown[] {
    return this.#items.map(plain)
  }

  #append(value: unknown): void {
    const held = this.#hold(value, this.#items.length)
    this.#items.push(held)
    this.told((owner, root, path) => owner.listAppend(root, path, plain(held)))
  }

  /** What is to be at `index`. */
  #hold(value: unknown, index: number): unknown {
    this.beforeWrite(index, value)
    const held = hold(value, this.#element, index)
    if (held instanceof Collection) held.attach(this, index)
    return held
  }

  #nested(index: number, type: typeof MapAttr | typeof ListAttr): unknown {
    const found = this.#items[index]
    if (!(found instanceof type)) throw new TypeError(`item ${index} is no ${type === MapAttr ? 'map' : 'list'}`)
    return found
  }
}

/** What it is when nothing is given: its default, an empty map, list or record, or undefined. */
export function initialOf(spec: AttrSpec): unknown {
  if (spec.initial !== undefined) return spec.initial
  return spec.kind === 'list' ? [] : spec.kind === 'map' || spec.kind === 'record' ? {} : undefined
}

const recordClasses = new WeakMap<AttrSpec, ReturnType<typeof recordClass>>()

/** The collection that `spec` describes, filled with `initial`. */
export function makeCollection(spec: AttrSpec, initial: unknown): MapAttr | ListAttr {
  if (spec.kind === 'map') return new MapAttr(spec.element!, asMap(initial))
  if (spec.kind === 'list') return new ListAttr(spec.element!, asList(initial))
  let made = recordClasses.get(spec)
  if (!made) {
    made = recordClass(spec.fields!)
    recordClasses.set(spec, made)
  }
  return new made(asMap(initial))
}

/** A value as it is kept inside: nested collections for what is nested, checked and frozen for what is plain. */
function hold(given: unknown, element: Element, place: Key): unknown {
  if (given instanceof Collection) given = given.toPlain()
  if (typeof element !== 'function') {
    if (element.kind !== 'value' && element.kind !== 'optional') return makeCollection(element, given)
    element = value
  }
  if (!element(given)) throw new TypeError(`'${place}': ${element.wants} is wanted, not ${describe(given)}`)
  if (element !== value) return frozen(given)
  if (Array.isArray(given)) return new ListAttr(value, given)
  if (isMap(given)) return new MapAttr(value, given)
  return frozen(given)
}

/**
 * Takes a copy of what could still be changed from outside, and fixes it. Throws TypeError for what cannot be sent, and for NaN
 * and the infinities: whatever else cannot be saved is found when it is.
 */
export function frozen(given: unknown, levels = DEPTH_MAX): unknown {
  switch (typeof given) {
    case 'object':
      break
    case 'number':
      if (given - given !== 0) throw new TypeError(`an attribute cannot hold ${given}`)
      return given
    case 'bigint':
      if (BigInt.asIntN(64, given) === given || BigInt.asUintN(64, given) === given) return given
      throw new TypeError(`an attribute cannot hold ${given}: it does not fit in 64 bits`)
    case 'function':
    case 'symbol':
    case 'undefined':
      throw new TypeError(`an attribute cannot hold ${describe(given)}`)
    default:
      return given
  }
  if (given === null) return given
  if (given instanceof Uint8Array) return new Uint8Array(given)
  if (levels === 0) throw tooDeep()
  if (Array.isArray(given)) return Object.freeze(given.map((item) => frozen(item, levels - 1)))
  if (given instanceof Collection) return frozen(given.toPlain(), levels)
  if (!isMap(given)) throw new TypeError(`an attribute cannot hold ${describe(given)}`)
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(given)) if (given[key] !== undefined) define(copy, key, frozen(given[key], levels - 1))
  return Object.freeze(copy)
}

/** Throws TypeError when `given` is nested in more than `levels`. Answers where a number in it is none, innermost key first. */
function checkInside(given: object, levels: number): { readonly path: Key[]; readonly wrong: number } | undefined {
  if (given instanceof Uint8Array) return undefined
  if (levels <= 0) throw tooDeep()
  const holder = (given instanceof Collection ? given.toPlain() : given) as object
  const items = Object.values(holder)
  for (let at = 0; at < items.length; at++) {
    const item = items[at]
    if (typeof item === 'number') {
      if (item - item !== 0) return { path: [Object.keys(holder)[at]!], wrong: item }
    } else if (typeof item === 'object' && item !== null) {
      const inner = checkInside(item, levels - 1)
      if (!inner) continue
      inner.path.push(Object.keys(holder)[at]!)
      return inner
    }
  }
  return undefined
}

const tooDeep = () => new TypeError(`an attribute cannot be nested deeper than ${DEPTH_MAX} levels`)

/** A kept value as plain data. */
export const plain = (held: unknown): unknown => (held instanceof Collection ? held.toPlain() : held)

const release = (held: unknown): void => {
  if (held instanceof Collection) held.detach()
}

// A key named __proto__ is a key like any other.
const define = (target: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

function isMap(candidate: unknown): candidate is Record<string, unknown> {
  if (typeof candidate !== 'object' || candidate === null) return false
  const prototype = Object.getPrototypeOf(candidate)
  return prototype === Object.prototype || prototype === null
}

function asMap(candidate: unknown): Record<string, unknown> {
  if (isMap(candidate)) return candidate
  throw new TypeError(`a map is wanted, not ${describe(candidate)}`)
}

function asList(candidate: unknown): readonly unknown[] {
  if (Array.isArray(candidate)) return candidate
  throw new TypeError(`a list is wanted, not ${describe(candidate)}`)
}

function describe(candidate: unknown): string {
  if (candidate === null) return 'null'
  if (Array.isArray(candidate)) return 'a list'
  if (typeof candidate === 'object')
    return `a ${candidate.constructor?.name === 'Object' ? 'map' : (candidate.constructor?.name ?? 'map')}`
  return typeof candidate === 'string' ? `'${candidate.slice(0, 40)}'` : String(candidate)
}
