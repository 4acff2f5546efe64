// What a game looks like to its client, inferred from the server's classes; those are only ever imported as types.
import type { ClientSignatures, EntityClass, ServerCalls, VisibleAttrs } from '../entity/contract.ts'
import type { SPACE_TYPE } from '../wire/client-wire.ts'
import type { Data } from '../wire/codec.ts'
import type { Path } from './attr-tree.ts'
import type { ConnectionEvent, LineState } from './line.ts'
import type { Position, ServerMethods, SpaceMirror } from './mirror.ts'
import type { Counters } from './observer.ts'

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
  /** Calls a method of any entity by name: `mirror.server.method()` is the typed way. */
  call(entityId: string, method: string, ...args: unknown[]): void
  /** Says all that was said and ends it for good: the server does not keep the player for a return. */
  close(): void
  /**
   * How it is connected. A session (see `connect`) is `lost` between two connections: what is called meanwhile is sent
   * when there is one again. A plain client is open until it is closed.
   */
  readonly connection: LineState
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
