// The client SDK's door: a connection to a gate, and what a game looks like through it. Runs in browsers as in Node.
//
//     const game = connect<typeof server>('ws://127.0.0.1:14001')
//     game.on('Avatar', {
//       created() { this.server.say(`hello from ${this.attrs.name}`) },   calls the server
//       heard(from, line) { … },                                          called by the server
//       changed: { room(room) { … } },
//     })
import { type Clock, realClock } from '../base/clock.ts'
import { OperatorError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { machineRandom, type Random } from '../base/random.ts'
import { SESSION_SUBPROTOCOL } from '../wire/client-wire.ts'
import type { ProtocolError } from './errors.ts'
import type { Game } from './game.ts'
import { Latency } from './latency.ts'
import { PlainLine } from './line.ts'
import type { MotionMaker } from './motion.ts'
import type { Observer } from './observer.ts'
import { Session } from './session.ts'
import { SessionLine } from './session-line.ts'
import { type ByteStream, webSocketStream } from './stream.ts'
import { Targets } from './targets.ts'

export type { Place } from '../base/place.ts'
export type { Data } from '../wire/codec.ts'
export type { CallArguments } from './call-arguments.ts'
export type { ConnectionEvent } from './connection.ts'
export { ProtocolError, type ProtocolErrorKind } from './errors.ts'
export type { Expected, Expecting, Rejected } from './expectations.ts'
export type { AnyMirror, Game, Hooks, Mirror, Space, UntypedHooks } from './game.ts'
export { MirrorEntity, type Position, SpaceMirror } from './mirror.ts'
export type { MotionFigures } from './motion.ts'
export type { Counters, Observer } from './observer.ts'
export type { PredictOptions, Predictor } from './predictor.ts'
export type { SmoothOptions } from './shown.ts'
export type { ByteStream } from './stream.ts'
export { webSocketStream } from './stream.ts'

export interface ConnectOptions {
  /** Hears of everything, raw. Without one, protocol errors are logged. */
  readonly observer?: Observer
  readonly clock?: Clock
  /** Where errors of hooks go; the console unless given. */
  readonly log?: Pick<Log, 'error'>
  readonly frameBytesMax?: number
  /** How much that was said may wait to be taken; beyond it the client is closed. 4 MiB unless given. */
  readonly outBytesMax?: number
  /** Of a plain client: how long it may be silent before it sends a heartbeat; 0 = as long as it likes. */
  readonly heartbeatMs?: number
  /** False: GoWorld's protocol alone, over one connection. What a stream that is handed in has, unless this is true. */
  readonly session?: boolean
  /**
   * How long a session goes on trying beyond the time for which the server keeps the player (and at the first connection
   * altogether): it then begins another. 30 s unless given; Infinity = for ever.
   */
  readonly tryMs?: number
  /** Between two places of the player that are sent, however often it moves; 100 unless given, 0 = all are. */
  readonly moveIntervalMs?: number
  /**
   * `motion` of goworld/client/motion: draws entities between their places, predicts the player. Without it they are shown
   * where they were last: bots and tools need nothing else.
   */
  readonly motion?: MotionMaker
  /** Of waiting times and simulated networks; the machine's unless given. */
  readonly random?: Random
}

/** Where a gate is: the URL of its WebSocket door (in a page that the gate serves: `/ws`), or what makes a connection to it (see `goworld/client/tcp`). */
export type Target = string | (() => ByteStream)

/**
 * Connects to a gate, and begins a session: when the connection is lost, it connects again, to the same gate or to another
 * of the targets, and all goes on (docs/design.md, section 5). A stream that is handed in is one connection, over which
 * GoWorld's protocol is spoken and nothing else; so is any with `session: false`.
 */
export function connect<M = unknown>(
  target: Target | ByteStream | readonly Target[],
  options: ConnectOptions = {},
): Game<M> {
  const log = options.log ?? console
  const clock = options.clock ?? realClock
  const random = options.random ?? machineRandom
  const isSession = options.session ?? !isStream(target)
  const targets = isStream(target) ? [once(target)] : [target].flat().map((one) => streamsTo(one, isSession))
  if (targets.length === 0) throw new OperatorError('cannot connect: there is no target')
  const latency = new Latency(clock, random)
  const session = new Session(
    (owner) =>
      isSession
        ? new SessionLine(owner, {
            clock,
            latency,
            tryMs: options.tryMs ?? 30_000,
            targets: new Targets(targets, random),
          })
        : new PlainLine(owner, latency.over(targets[0]!()), clock, options.heartbeatMs ?? 10_000),
    {
      observer: options.observer ?? { onProtocolError: (error: ProtocolError) => log.error(String(error)) },
      clock,
      log,
      latency,
      frameBytesMax: options.frameBytesMax ?? 16 * 1024 * 1024,
      outBytesMax: options.outBytesMax ?? 4 * 1024 * 1024,
      moveIntervalMs: options.moveIntervalMs ?? 100,
      motion: options.motion,
    },
  )
  // The classes are known to the compiler only: there is nothing of them here that could be checked.
  return session as unknown as Game<M>
}

const isStream = (target: Target | ByteStream | readonly Target[]): target is ByteStream =>
  typeof target === 'object' && !Array.isArray(target)

function streamsTo(target: Target, isSession: boolean): () => ByteStream {
  if (typeof target === 'function') return target
  const url = urlOf(target)
  return () => webSocketStream(url, isSession ? SESSION_SUBPROTOCOL : undefined)
}

function urlOf(target: string): string {
  if (/^wss?:/.test(target)) return target
  const { location } = globalThis as { location?: { readonly href: string } }
  // http becomes ws, https wss.
  if (target.startsWith('/') && location) return new URL(target, location.href).href.replace(/^http/, 'ws')
  throw new OperatorError(`cannot connect to '${target}': ws:// or wss:// is wanted, or goworld/client/tcp`)
}

/** One connection, and no other after it. */
function once(stream: ByteStream): () => ByteStream {
  let isTaken = false
  return () => {
    if (isTaken) throw new OperatorError('no other connection was given')
    isTaken = true
    return stream
  }
}
