// The contract of an entity class: what it has, who may call it, what its client understands. Everything that the
// compiler knows of a class, on the server and in the client SDK, is inferred from here; nothing is generated.
import { type Check, idText } from '../base/check.ts'
import type { Data } from '../wire/codec.ts'
import type { AttrValue, ListAttr, MapAttr, RecordAttr } from './collections.ts'
import type { Space } from './space.ts'

/**
 * Who gets to see an attribute: the entity's own client, or all clients that see the entity; and whether it is
 * saved. Without a flag it stays in the game and is gone with the entity.
 */
export type Flag = 'client' | 'allClients' | 'persistent'

/** An entity's id. A plain string is not one: text from outside comes in through `entityId(text)`. */
export type EntityId<T = any> = string & { readonly __entity: T }

/** Text as an id: throws unless it has an id's form (16 printable characters). */
export function entityId<T>(text: string): EntityId<T> {
  if (!idText(text)) throw new TypeError(`'${text}' is no entity id: 16 characters are wanted`)
  return text as EntityId<T>
}

/** A value that the author may read but not change in place: assign a new one instead. */
export type ReadOnly<T> = T extends (infer E)[]
  ? readonly ReadOnly<E>[]
  : T extends Uint8Array
    ? T
    : T extends object
      ? { readonly [K in keyof T]: ReadOnly<T[K]> }
      : T

// --- attributes ------------------------------------------------------------------------------------------------

type AttrKind = 'value' | 'optional' | 'map' | 'list' | 'record'

export interface AttrSpec<T = any, Plain = any, F extends Flag = Flag, K extends AttrKind = AttrKind> {
  readonly kind: K
  readonly flags: readonly F[]
  /** For values. Copied for each instance. */
  readonly initial?: Plain
  /** For maps and lists: what they hold. */
  readonly element?: Element
  /** For records. */
  readonly fields?: Readonly<Record<string, AttrSpec>>
  // Only for the compiler: what the author reads, and what may be given at creation.
  readonly __read?: T
}
/** What a map or list holds: a check for plain values, or a nested map, list or record. */
export type Element = Check<any> | AttrSpec

type ElementOf<E> = E extends Check<infer T> ? ReadOnly<T> : E extends AttrSpec<infer T, any, any> ? T : never
/** What may be put in: where anything goes, plain maps and lists do too. */
type PlainOf<E> =
  E extends Check<infer T> ? (AttrValue extends T ? T | Data : T) : E extends AttrSpec<any, infer P, any> ? P : never

/** A value: number, string, boolean, or anything MessagePack can say, replaced as a whole. */
export const attr = <T, const F extends readonly Flag[]>(
  initial: T,
  ...flags: F
): AttrSpec<ReadOnly<T>, T, F[number], 'value'> => ({
  kind: 'value',
  initial,
  flags,
})

/** A value that is not there until it is first written, and can be deleted by writing `undefined`. */
export const optional = <T, const F extends readonly Flag[]>(
  _check: Check<T>,
  ...flags: F
): AttrSpec<ReadOnly<T> | undefined, T | undefined, F[number], 'optional'> => ({ kind: 'optional', flags })

/** A map with string keys. Each change of one key travels and is saved on its own. */
export const map = <E extends Element, const F extends readonly Flag[]>(
  element: E,
  ...flags: F
): AttrSpec<MapAttr<ElementOf<E>, PlainOf<E>>, Readonly<Record<string, PlainOf<E>>>, F[number], 'map'> => ({
  kind: 'map',
  element,
  flags,
})

/** A list that grows and shrinks at its end. */
export const list = <E extends Element, const F extends readonly Flag[]>(
  element: E,
  ...flags: F
): AttrSpec<ListAttr<ElementOf<E>, PlainOf<E>>, readonly PlainOf<E>[], F[number], 'list'> => ({
  kind: 'list',
  element,
  flags,
})

type Specs = Readonly<Record<string, AttrSpec>>
type PlainFields<R extends Specs> = { -readonly [K in keyof R]?: R[K] extends AttrSpec<any, infer P, any> ? P : never }

/** A nested group of named attributes. */
export const record = <const R extends Specs, const F extends readonly Flag[]>(
  fields: R,
  ...flags: F
): AttrSpec<RecordAttr<AttrsOf<R>>, PlainFields<R>, F[number], 'record'> => ({ kind: 'record', fields, flags })

type Writable<R extends Specs> = { [K in keyof R]: R[K]['kind'] extends 'value' | 'optional' ? K : never }[keyof R]
/** What `attrs` is made of: values may be assigned, maps, lists and records are changed through their methods. */
export type AttrsOf<R extends Specs> = {
  -readonly [K in Writable<R>]: R[K] extends AttrSpec<infer T, any, any> ? T : never
} & { readonly [K in Exclude<keyof R, Writable<R>>]: R[K] extends AttrSpec<infer T, any, any> ? T : never }

// --- calls -----------------------------------------------------------------------------------------------------

export type Signatures = Readonly<Record<string, (...args: any[]) => void>>
export type Exposed = Readonly<Record<string, readonly Check<any>[]>>

/** What was saved of an entity, plain, by the names of its attributes. */
export type SavedData = Record<string, any>
/** Makes what one version of a class saved into what the next one saves: changes it in place, or returns another. */
export type SchemaMigration = (saved: SavedData) => SavedData | void

export interface Contract {
  readonly attrs?: Specs
  /** Methods that the entity's own client may call, each with the checks of its arguments. */
  readonly ownClient?: Exposed
  /** Methods that every client may call that knows the entity's id. */
  readonly allClients?: Exposed
  /** What the entity's client understands: signatures, for the compiler. */
  readonly client?: Signatures
  /**
   * Which methods of `ownClient` are inputs (`game.predict` of goworld/client), and how many of each a second are run, of which
   * a second's worth may come at once: `{ steer: 22 }`. What is more is not run, numbered or not. A tenth more than a client
   * sends in earnest: no two clocks are the same.
   */
  readonly inputs?: Readonly<Record<string, number>>
  /** Of a space: for how many milliseconds it remembers where everybody was, for `seenBy`. Without: it does not. */
  readonly history?: number
  /** How far it sees, in units on the XZ plane; 0 = it is seen and sees nothing. Without: it has no part in AOI. */
  readonly aoi?: number
  /**
   * Of a space: how exactly our own clients hear where its entities are; 1/64 without. The power of two at or below it is what
   * counts. A coarser one is fewer bytes: far away at sea half a unit may do.
   */
  readonly positionStep?: number
  /** Saved even when no attribute is `persistent`. */
  readonly persistent?: boolean
  /**
   * Fields of the class that survive freeze and migration: anything that structured clone can copy (Map, Set, Date, plain
   * objects), not entities, functions or `#private` fields.
   */
  readonly kept?: readonly string[]
  /** Of a service: how many there are of it, each for a part of the keys; 1 without. */
  readonly shards?: number
  /** The version of what it saves, from 1 up; 1 without. What an older one saved is upgraded by `migrations`. */
  readonly version?: number
  /**
   * Each by the version that it leads to, one for every version from 2 to `version`:
   *
   *     version: 3,
   *     migrations: {
   *       2: ({ gold = 0, ...rest }) => ({ ...rest, purse: { gold } }),
   *       3: (saved) => {
   *         delete saved['mood']
   *       },
   *     },
   *
   * Any attribute may be missing: a row in storage has the persistent ones that were set, an entity that comes from another
   * game or out of a freeze has the others too. What throws or returns anything but a plain object leaves all as it was.
   */
  readonly migrations?: Readonly<Record<number, SchemaMigration>>
  /**
   * What was saved once and is to go: attributes, kept fields, and methods of which timers are dropped. What was persistent
   * and is no attribute of the class any more stays in storage as it is, unless it is named here. An attribute that is not `persistent` any more takes what is stored of it, once: it is not
   * in the next save.
   */
  readonly drops?: readonly string[]
}

/** Of an entity; shards, history and positionStep are not for it. */
export type EntityContract = Omit<Contract, 'shards' | 'history' | 'positionStep'>
/** Of a space, which no client plays. */
export type SpaceContract = Omit<Contract, 'shards' | 'inputs'>
/** Of a service: no client ever sees it. */
export type ServiceContract = Pick<
  Contract,
  'attrs' | 'persistent' | 'kept' | 'shards' | 'version' | 'migrations' | 'drops'
>
/** A contract, if it has nothing that is not in `Allowed`: the compiler looks for that only where nothing is inferred. */
export type Exactly<C, Allowed> = C & Readonly<Record<Exclude<keyof C, keyof Allowed>, never>>

export type ContractAttrs<C extends Contract> = C['attrs'] extends Specs ? AttrsOf<C['attrs']> : {}
/** What may be given when an entity is created. */
export type InitialAttrs<C extends Contract> = C['attrs'] extends Specs ? PlainFields<C['attrs']> : {}
export type ClientCalls<C extends Contract> = C['client'] extends Signatures ? OneWay<C['client']> : {}
/** The same methods, called and not awaited. */
export type OneWay<S> = {
  readonly [K in keyof S]: S[K] extends (...args: infer A) => any ? (...args: A) => void : never
}

/** A class made by `entity(…)`, `space(…)` or `service(…)`. */
export interface EntityClass<E = any, C extends Contract = any> {
  new (): E
  readonly contract: C
  readonly prototype: E
  readonly name: string
}
export type ContractOf<E> = E extends { readonly __contract?: infer C } ? (C extends Contract ? C : Contract) : Contract

export type ExposedOf<C> = (C extends { readonly ownClient: infer O extends Exposed } ? O : {}) &
  (C extends { readonly allClients: infer A extends Exposed } ? A : {})

type Arguments<C> = C extends readonly Check<any>[]
  ? { -readonly [I in keyof C]: C[I] extends Check<infer T> ? T : never }
  : never[]

/** What is wrong with a class: a contract's method that is missing or takes other arguments than clients may send. */
export type Wrong<T extends EntityClass> = {
  [K in keyof ExposedOf<T['contract']>]: K extends keyof Space
    ? `${K & string}() belongs to the engine: clients may not call it`
    : K extends keyof InstanceType<T>
      ? InstanceType<T>[K] extends (...args: infer P) => unknown
        ? Arguments<ExposedOf<T['contract']>[K]> extends P
          ? never
          : `${K & string}() does not take the arguments its contract lets clients send`
        : `${K & string} is in the contract but is not a method`
      : `${K & string}() is in the contract but not in the class`
}[keyof ExposedOf<T['contract']>]
/** The class itself when nothing is wrong with it, else a message for the compiler to show. */
export type Sound<T> = T extends EntityClass ? ([Wrong<T>] extends [never] ? T : Wrong<T>) : never

// --- what the client SDK infers ----------------------------------------------------------------------------------

type IsVisible<S extends AttrSpec> = [Extract<S['flags'][number], 'client' | 'allClients'>] extends [never]
  ? false
  : true
/** A map, list or record as the client has it: plain and read-only. */
type Mirrored<T> =
  T extends MapAttr<infer V, any>
    ? { readonly [key: string]: Mirrored<V> }
    : T extends ListAttr<infer V, any>
      ? readonly Mirrored<V>[]
      : T extends RecordAttr<infer R>
        ? { readonly [K in keyof R]: Mirrored<R[K]> }
        : T
/** The attributes that a client gets to see. */
export type VisibleAttrs<T extends EntityClass> = T['contract']['attrs'] extends infer A extends Specs
  ? {
      readonly [K in keyof A as IsVisible<A[K]> extends true ? K : never]: A[K] extends AttrSpec<infer V, any, any>
        ? Mirrored<V>
        : never
    }
  : {}
/** The methods that a client may call. */
export type ServerCalls<T extends EntityClass> = {
  readonly [K in keyof ExposedOf<T['contract']> & keyof InstanceType<T>]: InstanceType<T>[K] extends (
    ...args: infer A
  ) => unknown
    ? (...args: A) => void
    : never
}
/** The methods that the server calls on a client. */
export type ClientSignatures<T extends EntityClass> = T['contract']['client'] extends infer S extends Signatures
  ? S
  : {}
