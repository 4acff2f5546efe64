// The attributes of an entity: accessors made once per class from its contract, marks of what was written, and the
// flush that says it to those who may know.
//
//     attrs.hp = 5          a bit in `dirty`          at the flush: the last value
//     attrs.bag.set(…)      an entry in `changes`     at the flush: each change, in order, as encoded when it was made
//
// Changes go out before scalars. Only an optional attribute can be in both: deleting it turns its mark into a change.
import { EntityGone, messageOf } from '../base/errors.ts'
import { clientMessages } from '../wire/client-wire.ts'
import { writeData } from '../wire/codec.ts'
import { AUDIENCE_ALL, AUDIENCE_OWN } from '../wire/messages.ts'
import { PacketWriter } from '../wire/packet.ts'
import { type AttrOwner, frozen, initialOf, makeCollection, plain } from './collections.ts'
import type { AttrSpec } from './contract.ts'

/** Where an entity's attributes report to. */
export interface AttrsHost {
  readonly id: string
  readonly gone: boolean
  /** Whether any client sees it now. Before one begins to, all that waits is flushed. */
  readonly isSeen: boolean
  /** Something that clients may see was written: flush before this turn ends. */
  attrsTouched(): void
  /** Something persistent was written. */
  attrsUnsaved(): void
}

/** One change, ready for the gates: message `type`, `body` = what follows the client's id in it. */
export interface AttrChange {
  readonly audience: number
  readonly type: number
  readonly body: Uint8Array
}

type Path = readonly (string | number)[]

const BITS = 31
const writer = new PacketWriter(1024)

/** What follows from a contract's attributes, made once per class. */
export class AttrLayout {
  readonly names: readonly string[]
  readonly specs: readonly AttrSpec[]
  readonly persistent: readonly boolean[]
  /** AUDIENCE_OWN, AUDIENCE_ALL, or -1 for what no client sees. */
  readonly audience: readonly number[]
  readonly hasPersistent: boolean
  readonly accessors: typeof Attrs

  constructor(typeName: string, specs: Readonly<Record<string, AttrSpec>>) {
    this.names = Object.keys(specs)
    this.specs = Object.values(specs)
    this.persistent = this.specs.map((spec) => spec.flags.includes('persistent'))
    this.audience = this.specs.map((spec) =>
      spec.flags.includes('allClients') ? AUDIENCE_ALL : spec.flags.includes('client') ? AUDIENCE_OWN : -1,
    )
    this.hasPersistent = this.persistent.includes(true)
    this.accessors = accessorClass(typeName, this)
  }
}

/** The base of the accessor classes. Authors see it as the type their contract describes. */
export class Attrs implements AttrOwner {
  readonly #host: AttrsHost
  readonly #layout: AttrLayout
  readonly #values: unknown[]
  #dirty = 0
  // Which of the attributes from the 32nd on are dirty; few classes have so many.
  #dirtyBeyond: Set<number> | undefined
  #changes: AttrChange[] | undefined
  /** How often anything was written since it was filled. */
  #writes = 0

  constructor(host: AttrsHost, layout: AttrLayout) {
    this.#host = host
    this.#layout = layout
    this.#values = new Array(layout.names.length)
  }

  /** Fills in what was given or saved, and defaults for the rest, which stays as it is with `keep`. Nobody is told. */
  static fill(attrs: Attrs, given: Readonly<Record<string, unknown>>, keep = false): void {
    const { names, specs } = attrs.#layout
    for (let index = 0; index < names.length; index++) {
      const spec = specs[index]!
      const name = names[index]!
      const isGiven = Object.hasOwn(given, name) && given[name] !== undefined
      if (keep && !isGiven) continue
      const initial = isGiven ? given[name] : initialOf(spec)
      try {
        if (spec.kind === 'value' || spec.kind === 'optional') {
          attrs.#values[index] = initial === undefined ? undefined : frozen(initial)
        } else {
          const made = makeCollection(spec, plain(initial))
          made.attach(attrs, name, index)
          attrs.#values[index] = made
        }
      } catch (error) {
        throw named(name, error)
      }
    }
  }

  /** Fills in again what the class itself has written over while its object was made; that is no change to anybody. */
  static settle(attrs: Attrs, given: Readonly<Record<string, unknown>>): void {
    if (attrs.#writes > 0) Attrs.fill(attrs, given, true)
    attrs.#writes = 0
    Attrs.drop(attrs)
  }

  /** Grows with every write, however deep. */
  static writes(attrs: Attrs): number {
    return attrs.#writes
  }

  /** The attributes for which `wanted` holds, plain; unset ones are left out. */
  static plain(attrs: Attrs, wanted: (index: number) => boolean = () => true): Record<string, unknown> {
    const { names } = attrs.#layout
    const copy: Record<string, unknown> = {}
    for (let index = 0; index < names.length; index++) {
      const held = attrs.#values[index]
      if (held !== undefined && wanted(index)) copy[names[index]!] = plain(held)
    }
    return copy
  }

  /** Whether anything waits for a flush. */
  static pending(attrs: Attrs): boolean {
    return attrs.#dirty !== 0 || attrs.#changes !== undefined || (attrs.#dirtyBeyond?.size ?? 0) > 0
  }

  /** Hands every waiting change to `emit` and forgets it. */
  static flush(attrs: Attrs, emit: (change: AttrChange) => void): void {
    const changes = attrs.#changes
    if (changes) {
      attrs.#changes = undefined
      for (const change of changes) emit(change)
    }
    let dirty = attrs.#dirty
    attrs.#dirty = 0
    while (dirty !== 0) {
      const index = 31 - Math.clz32(dirty & -dirty)
      dirty &= dirty - 1
      emit(attrs.#encodeScalar(index))
    }
    if (!attrs.#dirtyBeyond) return
    const beyond = attrs.#dirtyBeyond
    attrs.#dirtyBeyond = undefined
    for (const index of beyond) emit(attrs.#encodeScalar(index))
  }

  /** Forgets what waits: nobody is there to hear it. */
  static drop(attrs: Attrs): void {
    attrs.#dirty = 0
    attrs.#dirtyBeyond = undefined
    attrs.#changes = undefined
  }

  protected read(index: number): unknown {
    return this.#values[index]
  }

  protected write(index: number, next: unknown): void {
    const type = typeof next
    if (type === 'number') {
      // NaN and the infinities, which no store takes: here the stack still leads to the mistake.
      if ((next as number) - (next as number) !== 0) throw this.#cannotHold(index, next)
    } else if (type !== 'string' && type !== 'boolean' && type !== 'undefined') next = this.#frozen(index, next)
    const before = this.#values[index]
    if (before === next) return
    if (this.#host.gone) throw gone(this.#host)
    this.#writes++
    if (next === undefined) return this.#unset(index)
    this.#values[index] = next
    if (this.#layout.persistent[index]) this.#host.attrsUnsaved()
    if (this.#layout.audience[index]! < 0) return
    if (index < BITS) this.#dirty |= 1 << index
    else {
      this.#dirtyBeyond ??= new Set()
      this.#dirtyBeyond.add(index)
    }
    this.#host.attrsTouched()
  }

  #cannotHold(index: number, next: unknown): TypeError {
    return new TypeError(`attribute ${this.#layout.names[index]} cannot hold ${next}`)
  }

  #frozen(index: number, next: unknown): unknown {
    try {
      return frozen(next)
    } catch (error) {
      throw named(this.#layout.names[index]!, error)
    }
  }

  #unset(index: number): void {
    const { specs, names } = this.#layout
    if (specs[index]!.kind !== 'optional')
      throw new TypeError(`'${names[index]}' cannot be undefined: declare it with optional()`)
    // A client may only be told to delete what it was told of: a set that still waits goes out first.
    const bit = index < BITS ? 1 << index : 0
    if (this.#dirty & bit || this.#dirtyBeyond?.has(index)) this.#wait(this.#encodeScalar(index))
    this.#dirty &= ~bit
    this.#dirtyBeyond?.delete(index)
    this.#values[index] = undefined
    this.mapDelete(index, [], names[index]!)
  }

  #encodeScalar(index: number): AttrChange {
    return this.#change(index, clientMessages.mapSet.code, null, () => {
      writer.varstr(this.#layout.names[index]!)
      writeData(writer, this.#values[index])
    })
  }

  #change(root: number, type: number, path: Path | null, rest: () => void): AttrChange {
    writer.at = 0
    writer.id(this.#host.id)
    writeData(writer, path && path.length > 0 ? path : null)
    rest()
    return { audience: this.#layout.audience[root]!, type, body: writer.copy() }
  }

  #changed(root: number, type: number, path: Path, rest: () => void): void {
    this.#writes++
    if (this.#layout.persistent[root]) this.#host.attrsUnsaved()
    if (this.#layout.audience[root]! < 0) return
    // Whoever begins to see it is told everything anyway.
    if (this.#host.isSeen) this.#wait(this.#change(root, type, path, rest))
    this.#host.attrsTouched()
  }

  #wait(change: AttrChange): void {
    if (this.#changes) this.#changes.push(change)
    else this.#changes = [change]
  }

  mapSet(root: number, path: Path, key: string, value: unknown): void {
    this.#changed(root, clientMessages.mapSet.code, path, () => {
      writer.varstr(key)
      writeData(writer, value)
    })
  }
  mapDelete(root: number, path: Path, key: string): void {
    this.#changed(root, clientMessages.mapDelete.code, path, () => writer.varstr(key))
  }
  mapClear(root: number, path: Path): void {
    this.#changed(root, clientMessages.mapClear.code, path, () => {})
  }
  listSet(root: number, path: Path, index: number, value: unknown): void {
    this.#changed(root, clientMessages.listSet.code, path, () => {
      writer.u32(index)
      writeData(writer, value)
    })
  }
  listPop(root: number, path: Path): void {
    this.#changed(root, clientMessages.listPop.code, path, () => {})
  }
  listAppend(root: number, path: Path, value: unknown): void {
    this.#changed(root, clientMessages.listAppend.code, path, () => writeData(writer, value))
  }
  writable(): void {
    if (this.#host.gone) throw gone(this.#host)
  }
}

const named = (name: string, error: unknown) =>
  new TypeError(`attribute ${name}: ${messageOf(error)}`, { cause: error })

const gone = (host: AttrsHost) => new EntityGone(`entity ${host.id} is gone: its attributes can no longer be written`)

function accessorClass(typeName: string, layout: AttrLayout): typeof Attrs {
  class Accessors extends Attrs {}
  for (let index = 0; index < layout.names.length; index++) {
    const name = layout.names[index]!
    const { kind } = layout.specs[index]!
    if (name in Attrs.prototype) throw new TypeError(`${typeName}: an attribute cannot be called '${name}'`)
    const assignable = kind === 'value' || kind === 'optional'
    Object.defineProperty(Accessors.prototype, name, {
      enumerable: true,
      get(this: Accessors) {
        return this.read(index)
      },
      set(this: Accessors, next: unknown) {
        if (!assignable) throw new TypeError(`'${name}' is a ${kind}: change it through its methods`)
        this.write(index, next)
      },
    })
  }
  return Accessors
}
