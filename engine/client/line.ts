// What is between a session and its gate: a line takes frames and hands over the bytes that come. `PlainLine` is one
// connection that speaks GoWorld's protocol; `session-line.ts` has the one that outlives its connections.
import type { Clock, Scheduled } from '../base/clock.ts'
import { clientMessages } from '../wire/client-wire.ts'
import type { PacketReader } from '../wire/packet.ts'
import { frameOf } from '../wire/table.ts'
import type { ConnectionEvent, ConnectionState } from './connection.ts'
import type { ProtocolError } from './errors.ts'
import type { Counters } from './observer.ts'
import type { ServerClock } from './server-clock.ts'
import type { ByteStream } from './stream.ts'

export interface LineOwner {
  readonly counters: Counters
  /** By type: what comes for the line. */
  readonly handlers: Map<number, (reader: PacketReader) => void>
  readonly playerId: string
  /** Bytes of the gate's stream. */
  take(chunk: Uint8Array): void
  /** The stream begins anew; everything is said once more until `restated`, or (`isOther`) it is another session's. */
  begin(isOther: boolean): void
  tell(state: ConnectionEvent['state'], reason?: string, attempt?: number, nextTryMs?: number): void
  report(error: ProtocolError): void
  /** The line is over for good. */
  ended(reason: string): void
}

export interface Line {
  readonly state: ConnectionState
  /** How much was said and may have to wait, or to be said again. */
  readonly waitingBytes: number
  /** How much of it waits to leave; nothing leaves while it is infinite. */
  readonly bufferedBytes: number
  readonly serverClock: ServerClock | undefined
  /** Says a whole frame, which nobody changes any more. Calls are counted when their fate is not known. */
  send(frame: Uint8Array, isCall: boolean): void
  /** The gate waits to know that what has come was heard: that goes in front of what is said next. */
  heed(): void
  /** Ends it for good; what was said is still sent. */
  close(reason: string): void
  /** Tries at once instead of later; an open connection is replaced. */
  reconnect(): void
}

export class PlainLine implements Line {
  readonly serverClock = undefined
  readonly #owner: LineOwner
  readonly #stream: ByteStream
  readonly #clock: Clock
  readonly #heartbeatMs: number
  #state: ConnectionState = 'open'
  #heartbeat: Scheduled | undefined

  /** A heartbeat is sent `heartbeatMs` after the last frame; 0 = never. */
  constructor(owner: LineOwner, stream: ByteStream, clock: Clock, heartbeatMs: number) {
    this.#owner = owner
    this.#stream = stream
    this.#clock = clock
    this.#heartbeatMs = heartbeatMs
    stream.onData((chunk) => owner.take(chunk))
    stream.onClose((reason) => {
      this.#heartbeat?.cancel()
      this.#state = 'closed'
      owner.ended(reason)
    })
    if (heartbeatMs > 0) this.#beatLater(0)
  }

  get state(): ConnectionState {
    return this.#state
  }

  get waitingBytes(): number {
    return this.#stream.bufferedBytes
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes
  }

  send(frame: Uint8Array): void {
    this.#owner.counters.framesOut++
    this.#owner.counters.bytesOut += frame.length
    this.#stream.write(frame)
  }

  heed(): void {}

  close(): void {
    this.#heartbeat?.cancel()
    this.#stream.close()
  }

  reconnect(): void {}

  #beatLater(framesBefore: number): void {
    const { counters } = this.#owner
    this.#heartbeat = this.#clock.after(this.#heartbeatMs, () => {
      if (counters.framesOut === framesBefore) this.send(frameOf(clientMessages.heartbeat, {}))
      if (this.#state === 'open') this.#beatLater(counters.framesOut)
    })
  }
}
