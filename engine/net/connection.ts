// A connection as the engine sees it: a stream of bytes both ways, whatever carries it.
import type { Address } from '../base/address.ts'

/** How what has come is not what the connection speaks. */
export type Misspoken = 'notSnappy' | 'badSnappy'

export interface ConnectionHandlers {
  /** Bytes as they came; valid until it returns. */
  data(chunk: Uint8Array): void
  /** All that was written has been taken. */
  drain?(): void
  /** So many bytes have come that are for nobody: the connection has heeded them by itself. */
  dropped?(bytes: number): void
  /** What has come cannot be understood, and nothing that follows is heard: it is to be ended. Without this it ends by itself. */
  refused?(what: Misspoken, detail: string): void
  /** Once, when it is over. */
  close(reason: string): void
}

export interface Connection {
  /** Who is at the other end, for the log. */
  readonly remote: string
  /** Bytes written and not yet taken by the kernel or the peer. */
  readonly bufferedBytes: number
  /** What waits is not what was written, but a copy in another form: who keeps what it has written pays for both. */
  readonly copies?: boolean
  /** Bytes that have come and wait for the rest of what they belong to, where the transport keeps such. */
  readonly unfinishedBytes?: number
  /** Bytes of whole messages that have come and that nobody has been given yet, where the transport keeps such. */
  readonly waitingBytes?: number
  /** What both ends have agreed to speak, where the transport lets them agree. */
  readonly protocol?: string | undefined
  /** Must be called once, as soon as the connection is handed out. */
  handle(handlers: ConnectionHandlers): void
  /** `bytes` must stay as they are until `done`, which may be before this returns, and is called also when the connection closes. Never throws. */
  write(bytes: Uint8Array, done?: () => void): void
  /** Stops reading, and goes on. That the peer is gone may be heard only then. */
  pause(): void
  resume(): void
  /** Ends it, paused or not; what was written is still sent. `isForNow`: the peer is to come again, where the transport can say so. */
  close(reason?: string, isForNow?: boolean): void
  /** Ends it at once. */
  destroy(reason?: string): void
}

export interface Listener {
  /** Where it really listens (the port, when 0 was asked for). */
  readonly address: Address
  /** Listens no more, and the address is free; connections that were made stay. */
  stop(): void
  /** The same, and ends those that are left. */
  close(): Promise<void>
}

export interface Transport {
  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener>
  connect(address: Address): Promise<Connection>
}
