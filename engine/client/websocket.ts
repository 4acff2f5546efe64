// A client's stream over a WebSocket, for Node, where `wss://` is to trust another certificate than Node does by itself. For
// all else a URL will do: `connect('wss://…')`.
import { WebSocket as NodeWebSocket } from 'ws'
import { type ByteStream, webSocketStream as streamOver, type WebSocketMaker } from './stream.ts'
import { checksOf, type TlsOptions } from './trust.ts'

export type { TlsOptions } from './trust.ts'

/** Connects to `wss://host:port` or `ws://host:port`, at the path `/ws` unless the URL has one. */
export function webSocketStream(url: string, options: TlsOptions = {}): ByteStream {
  class Trusting extends NodeWebSocket {
    constructor(target: URL) {
      super(target, { ...checksOf(options), perMessageDeflate: false })
    }
  }
  // It has what that of browsers has, as far as a stream needs it.
  return streamOver(url, undefined, Trusting as unknown as WebSocketMaker)
}
