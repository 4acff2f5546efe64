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
import type { ProtocolError } from './errors.ts'
import type { Game } from './game.ts'
import type { Observer } from './observer.ts'
import { Session } from './session.ts'
import { type ByteStream, webSocketStream } from './stream.ts'

export type { Data } from '../wire/codec.ts'
export type { CallArguments } from './call-arguments.ts'
export { ProtocolError, type ProtocolErrorKind } from './errors.ts'
export type { AnyMirror, Game, Hooks, Mirror, Space, UntypedHooks } from './game.ts'
export { MirrorEntity, type Position, SpaceMirror } from './mirror.ts'
export type { Counters, Observer } from './observer.ts'
export type { ByteStream } from './stream.ts'
export { webSocketStream } from './stream.ts'

export interface ConnectOptions {
  /** Hears of everything, raw. Without one, protocol errors are logged. */
  readonly observer?: Observer
  readonly clock?: Clock
  /** Where errors of hooks go; the console unless given. */
  readonly log?: Pick<Log, 'error'>
  readonly frameBytesMax?: number
  readonly outBytesMax?: number
  /** How long the client may be silent before it sends a heartbeat; 0 = as long as it likes. */
  readonly heartbeatMs?: number
}

/**
 * Connects to a gate: by the URL of its WebSocket door (in a page that the gate serves: `/ws`), or over a stream of one's own
 * (see `goworld/client/tcp`).
 */
export function connect<M = unknown>(target: string | ByteStream, options: ConnectOptions = {}): Game<M> {
  const log = options.log ?? console
  const session = new Session(typeof target === 'string' ? streamTo(target) : target, {
    observer: options.observer ?? { onProtocolError: (error: ProtocolError) => log.error(String(error)) },
    clock: options.clock ?? realClock,
    log,
    frameBytesMax: options.frameBytesMax ?? 16 * 1024 * 1024,
    outBytesMax: options.outBytesMax ?? 4 * 1024 * 1024,
    heartbeatMs: options.heartbeatMs ?? 10_000,
  })
  // The classes are known to the compiler only: there is nothing of them here that could be checked.
  return session as unknown as Game<M>
}

function streamTo(url: string): ByteStream {
  if (/^wss?:/.test(url)) return webSocketStream(url)
  const { location } = globalThis as { location?: { readonly href: string } }
  // http becomes ws, https wss.
  if (url.startsWith('/') && location) return webSocketStream(new URL(url, location.href).href.replace(/^http/, 'ws'))
  throw new OperatorError(`cannot connect to '${url}': ws:// or wss:// is wanted, or a stream from goworld/client/tcp`)
}
