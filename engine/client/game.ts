// What a game looks like to its client, inferred from the server's classes; those are only ever imported as types.
import type { Place } from '../base/place.ts'
import type { ClientSignatures, EntityClass, ServerCalls, VisibleAttrs } from '../entity/contract.ts'
import type { SPACE_TYPE } from '../wire/client-wire.ts'
import type { Data } from '../wire/codec.ts'
import type { Path } from './attr-tree.ts'
import type { ConnectionEvent, ConnectionState } from './connection.ts'
import type { Expected, Expecting } from './expectations.ts'
import type { Position, ServerMethods, SpaceMirror } from './mirror.ts'
import type { MotionFigures } from './motion.ts'
import type { Counters } from './observer.ts'
import type { PredictOptions, Predictor } from './predictor.ts'
import type { SmoothOptions } from './shown.ts'

/** The entity classes among what a server module exports. */
type Classes<M> = { readonly [K in keyof M as M[K] extends EntityClass ? K : never]: M[K] }
type AnyAttrs = { readonly [attr: string]: Data }

/** The client's picture of one of the server's entities. A game of unknown classes has untyped ones. */
export interface Mirror<T = unknown, Type extends string = string> {
  readonly id: string
  readonly type: Type
  /** Whether it is this client's player. */
  readonly isOwn: boolean
  readonly attrs: T extends EntityClass ? VisibleAttrs<T> : AnyAttrs
  /** Its methods on the server. A call is one message; what comes of it, the server calls back. */
  readonly server: T extends EntityClass ? ServerCalls<T> : ServerMethods
  readonly position: Readonly<Position>
  readonly yaw: number
  /**
   * Where it is to be drawn now: between the places that are known, or as it is predicted (docs/prediction.md); without a
   * `motion` (see `connect`), where it was last. With one, the same object each time.
   */
  readonly shown: Readonly<Place>
  /** How long it has been there to be drawn, in milliseconds: what has just come into view may fade in. */
  readonly shownForMs: number
  /** Draws it from there on, and over to its own place: where something that stood for it was drawn until now. */
  showFrom(x: number, y: number, z: number, yaw?: number): void
  /** The space that the player and all that it sees are in. */
  readonly space: Space | undefined
}

export type Space = Pick<SpaceMirror, 'id' | 'kind'> & { readonly attrs: AnyAttrs }

/** What the client does when something happens to entities of one class, and what the server may call on them. */
export type Hooks<T extends EntityClass> = {
  created?(): void
  destroyed?(): void
  /**
   * By attribute: runs after each change of it, also of what lies inside. `place` says where: the keys and indexes from
   * the attribute inwards, [] when it is the attribute itself.
   */
  readonly changed?: { readonly [K in keyof VisibleAttrs<T>]?: (value: VisibleAttrs<T>[K], place: Path) => void }
} & Partial<Omit<ClientSignatures<T>, 'created' | 'destroyed' | 'changed'>>

export type UntypedHooks = {
  created?(): void
  destroyed?(): void
  readonly changed?: { readonly [attr: string]: (value: Data, place: Path) => void }
} & { readonly [method: string]: unknown }

type TypeName<M> = unknown extends M ? string : (keyof Classes<M> & string) | typeof SPACE_TYPE
type HooksFor<M, K> = unknown extends M
  ? UntypedHooks & ThisType<Mirror>
  : K extends keyof Classes<M> & string
    ? Classes<M>[K] extends infer T extends EntityClass
      ? Hooks<T> & ThisType<Mirror<T, K>>
      : never
    : UntypedHooks & ThisType<Space & Mirror>
/** A mirror of any class: `type` tells which. */
export type AnyMirror<M> = unknown extends M
  ? Mirror
  : { [K in keyof Classes<M> & string]: Mirror<Classes<M>[K], K> }[keyof Classes<M> & string]

/** A mirror of one class of a game. */
export type MirrorOf<M, K> = unknown extends M
  ? Mirror
  : K extends keyof Classes<M> & string
    ? Mirror<Classes<M>[K], K>
    : Mirror
/** The class of that name, among those of a server module. */
type ClassOf<M, K> = unknown extends M ? never : K extends keyof Classes<M> & string ? Classes<M>[K] : never
/** By method, what the server calls it with. */
type Told<M, K> = [ClassOf<M, K>] extends [never]
  ? { readonly [method: string]: unknown[] }
  : ClassOf<M, K> extends infer T extends EntityClass
    ? { readonly [N in keyof ClientSignatures<T>]: ArgumentsOf<ClientSignatures<T>[N]> }
    : never
type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never
/** The methods that a client may call. */
type MethodName<M, K> = [ClassOf<M, K>] extends [never]
  ? string
  : ClassOf<M, K> extends infer T extends EntityClass
    ? keyof ServerCalls<T> & string
    : never

export interface Game<M = unknown> {
  /** Hooks for all entities of a class, from now on. */
  on<K extends TypeName<M>>(type: K, hooks: HooksFor<M, K>): void
  /** The entity that stands for this client. */
  readonly player: AnyMirror<M> | undefined
  readonly space: Space | undefined
  /** The player and all that it sees, by id. */
  readonly entities: ReadonlyMap<string, AnyMirror<M>>
  /**
   * Moves the player. May be called in every frame: what is sent is the latest, at the agreed rate (`moveIntervalMs`), and
   * in front of the next call. Answers false when there is no player, or when things are such that a later place may be
   * sent instead of this one: too much waits, or the connection is lost.
   */
  move(x: number, y: number, z: number, yaw: number): boolean
  // With a `motion` (see `connect`); without one these throw.
  /** A frame is about to be drawn: all that it shows is of this time, by the clock of `requestAnimationFrame`; now unless told. */
  frame(nowMs?: number): void
  /** How entities of a class are drawn (`mirror.shown`): those that are created from now on. */
  smooth<K extends TypeName<M>>(type: K, options: SmoothOptions<MirrorOf<M, K>>): void
  /** Predicts the own player, whenever it is of this class. */
  predict<K extends TypeName<M>, S extends object, I>(
    type: K,
    options: PredictOptions<S, I, MirrorOf<M, K>> & { readonly method: MethodName<M, K> },
  ): Predictor<S, I, MirrorOf<M, K>>
  /** Waits for an entity of a class that the server is to create, and whose part something plays until then. */
  expectSpawn<K extends TypeName<M>>(type: K, expecting?: Expecting<[entity: MirrorOf<M, K>]>): Expected
  /** Waits for a call of the server on an entity of a class, whose effect is shown already. */
  expectCall<K extends TypeName<M>, N extends keyof Told<M, K> & string>(
    type: K,
    method: N,
    expecting?: Expecting<[entity: MirrorOf<M, K>, ...args: Extract<Told<M, K>[N], unknown[]>]>,
  ): Expected
  /** How well smoothing and prediction go, in numbers. */
  readonly motion: MotionFigures
  /** Calls a method of any entity by name: `mirror.server.method()` is the typed way. */
  call(entityId: string, method: string, ...args: unknown[]): void
  /** Says all that was said and ends it for good: the server does not keep the player for a return. */
  close(): void
  /**
   * How it is connected. A session (see `connect`) is `lost` between two connections: what is called meanwhile is sent
   * when there is one again. A plain client is open until it is closed.
   */
  readonly connection: ConnectionState
  /** Runs whenever that changes, and after each try that comes to nothing. */
  onConnection(handler: (event: ConnectionEvent) => void): void
  /** Tries now, without waiting for the next time; replaces a connection that is open. Nothing to a plain client. */
  reconnect(): void
  /** Milliseconds to the gate and back, smoothed; NaN before it is known, and for plain clients. */
  readonly ping: number
  /** How much that varies, in milliseconds; NaN as above. */
  readonly jitter: number
  /** The last round trips, newest last, NaN where there was none yet. Always the same array; plain clients have an empty one. */
  readonly pings: Readonly<Float64Array>
  /**
   * Milliseconds since 1970 by the server's clock, in fractions; NaN as above. It runs evenly and never back, unless the
   * server's clock was set, or another gate's is wrong, by more than a second.
   */
  readonly serverTime: number
  /**
   * For developers: from now on a message and its answer take `ms` longer, more or less by half of `jitterMs` in each
   * direction, and `loss` (0 to 1) of all chunks come one retransmission late and hold up the rest, as on TCP. 0 = none.
   */
  simulateLatency(ms: number, jitterMs?: number, loss?: number): void
  /** Runs once, with why; also when the connection never came about. */
  onClose(handler: (reason: string) => void): void
  /** Why the connection is over, or undefined. */
  readonly closed: string | undefined
  readonly counters: Readonly<Counters>
}
