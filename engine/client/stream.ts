// How bytes reach a gate and come back. Whatever carries them in order will do; a WebSocket is at hand everywhere,
// `tcp.ts` has sockets for Node, and tests hand in their own.

export interface ByteStream {
  /** Bytes written that have not left yet. */
  readonly bufferedBytes: number
  /** Nobody changes the bytes from now on. Never throws; ignored once closed. Never calls `onData` in return. */
  write(bytes: Uint8Array): void
  /** Chunks may be cut anywhere, and are as they are until the handler returns. Set once, before the first arrives. */
  onData(handler: (chunk: Uint8Array) => void): void
  /** Called once, with why: also when the connection never came about. `onPurpose`: the peer said that this is the end. */
  onClose(handler: (reason: string, onPurpose?: boolean) => void): void
  /** What was written is still sent. */
  close(): void
}

/** The path of a gate's WebSocket door, taken when the URL names none. */
const GATE_PATH = '/ws'

/** Why a WebSocket ends other than on purpose (RFC 6455, 7.4): a page or server goes away, no reason, no close at all, trouble. */
const LOST = [1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015]

/** What makes one: that of browsers and Node, or one that is like it. */
export type WebSocketMaker = new (url: URL, subprotocol?: string) => WebSocket

/** A stream over a WebSocket (binary messages), for browsers and Node alike. */
export function webSocketStream(url: string, subprotocol?: string, Socket: WebSocketMaker = WebSocket): ByteStream {
  const target = new URL(url)
  if (target.pathname === '/') target.pathname = GATE_PATH
  const socket = new Socket(target, subprotocol)
  socket.binaryType = 'arraybuffer'

  // Until the socket is open what is written waits here; the session bounds it by `bufferedBytes`.
  let early: Uint8Array[] | undefined = []
  let earlyBytes = 0
  let onData: (chunk: Uint8Array) => void = () => {}
  let onClose: (reason: string, onPurpose?: boolean) => void = () => {}
  let failure = ''
  let isOver = false

  socket.onopen = () => {
    for (const bytes of early ?? []) socket.send(bytes as Uint8Array<ArrayBuffer>)
    early = undefined
    earlyBytes = 0
  }
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) return onData(new Uint8Array(data))
    failure = 'the server sent text'
    isOver = true
    socket.close()
  }
  socket.onerror = () => {
    failure ||= early ? `cannot connect to ${socket.url}` : 'the connection failed'
  }
  socket.onclose = ({ code, reason }) => {
    early = undefined
    const why = failure || reason || (code === 1000 || code === 1005 ? 'closed' : `closed with code ${code}`)
    onClose(why, isOver || !LOST.includes(code))
  }

  return {
    get bufferedBytes() {
      return earlyBytes + socket.bufferedAmount
    },
    write(bytes) {
      if (early) {
        early.push(bytes)
        earlyBytes += bytes.length
      } else if (socket.readyState === socket.OPEN) socket.send(bytes as Uint8Array<ArrayBuffer>)
    },
    onData(handler) {
      onData = handler
    },
    onClose(handler) {
      onClose = handler
    },
    close: () => socket.close(),
  }
}
