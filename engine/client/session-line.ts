// A line that outlives its connections. Each one begins with a hello and a welcome, and goes on with the session's two
// byte streams where the last one was cut; or, where that cannot be, with everything said anew.
//
//     connecting ──welcome──> open ──no connection──> lost ──welcome──> open
//         │                    ^ └─ moveOn: another greeting beside the connection, which then takes its place
//         │                    │
//         └── wait, next target, hello ── again and again, until the session is too long lost
//
//     any of them ── close(), the gate's farewell, a close with a reason ──> closed
import type { Clock, Scheduled } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { sessionMessages as messages, RESUMED } from '../wire/client-wire.ts'
import { readData } from '../wire/codec.ts'
import { FRAME_HEADER_BYTES, type PacketReader, PacketWriter } from '../wire/packet.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { onBrowserEvent } from './browser.ts'
import { ProtocolError } from './errors.ts'
import { Greeting } from './greeting.ts'
import { KeptBytes } from './kept-bytes.ts'
import type { Latency } from './latency.ts'
import type { ConnectionEvent, Line, LineOwner, LineState } from './line.ts'
import { Pings } from './pings.ts'
import { ServerClock } from './server-clock.ts'
import type { ByteStream } from './stream.ts'
import type { Targets } from './targets.ts'

/** A connection on which the gate does not answer the hello for so long is given up. */
const WELCOME_MS_MAX = 10_000
/** How long a gate that sends us on may take to acknowledge what was said, before we go all the same. */
const MOVE_MS_MAX = 2_000

export interface SessionLineOptions {
  readonly targets: Targets
  readonly clock: Clock
  readonly latency: Latency
  /** How long it goes on trying beyond the time for which the server keeps the session. */
  readonly tryMs: number
}

export class SessionLine implements Line {
  readonly serverClock: ServerClock
  readonly #owner: LineOwner
  readonly #options: SessionLineOptions
  readonly #kept = new KeptBytes()
  readonly #acks: Acknowledgements
  readonly #pings: Pings
  readonly #unlisten: readonly (() => void)[]
  #state: LineState = 'connecting'
  #token = ''
  #graceMs = 0
  /** Whether there ever was a session. */
  #begun = false
  #stream: ByteStream | undefined
  #greeting: Greeting | undefined
  /** For the next try, for the answer to the hello, or for leaving a gate. */
  #timer: Scheduled | undefined
  #attempt = 1
  #lostMs: number
  /** How much of what comes has come before. */
  #again = 0
  /** The gate has sent us on; and nothing more is said there. */
  #moves = false
  #holds = false
  /** Why the owner has closed it. */
  #closing: string | undefined

  constructor(owner: LineOwner, options: SessionLineOptions) {
    const { clock } = options
    this.#owner = owner
    this.#options = options
    this.#lostMs = clock.now()
    this.serverClock = new ServerClock(clock)
    this.#acks = new Acknowledgements(clock, () => this.#acknowledge())
    this.#pings = new Pings({ ping: (no) => this.#ping(no), silent: () => this.#silent() }, clock, this.serverClock)
    owner.handlers.set(messages.taken.code, (reader) => this.#taken(reader))
    owner.handlers.set(messages.pong.code, (reader) => this.#pong(reader))
    owner.handlers.set(messages.moveOn.code, (reader) => this.#moveOn(reader))
    owner.handlers.set(messages.farewell.code, (reader) => this.#leave(reader.varstr()))
    this.#unlisten = [
      onBrowserEvent('online', () => (this.#stream ? this.#pings.begin() : this.reconnect())),
      // A page that is put aside may be shown again: then the session goes on.
      onBrowserEvent('pagehide', ({ persisted }) => persisted || this.close('the page is gone')),
    ]
    this.#connect()
  }

  get state(): LineState {
    return this.#state
  }

  get waitingBytes(): number {
    return this.#kept.bytes
  }

  get bufferedBytes(): number {
    return this.#stream && !this.#holds ? this.#stream.bufferedBytes : Number.POSITIVE_INFINITY
  }

  send(frame: Uint8Array, isCall: boolean, takesAck = this.#acks.rides): void {
    if (this.#closing !== undefined || this.#state === 'closed') return
    this.#count(frame)
    const writes = this.#stream !== undefined && !this.#holds
    this.#kept.add(writes && takesAck ? this.#withAck(frame) : frame, isCall)
    if (writes) this.#write()
  }

  close(reason: string): void {
    if (this.#closing !== undefined || this.#state === 'closed') return
    this.#holds = false
    this.#say(messages.farewell.write, { reason })
    this.#closing = reason
    this.#stopTrying()
    this.#pings.stop()
    this.#acks.stop()
    if (this.#stream) this.#stream.close()
    else this.#end(reason)
  }

  reconnect(): void {
    if (this.#closing !== undefined || this.#state === 'closed' || this.#greeting) return
    const stream = this.#stream
    if (stream) {
      this.#drop()
      stream.close()
      this.#tell('lost', 'it is replaced')
    }
    this.#connect()
  }

  // ── Connections ──────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    const { clock, latency, targets } = this.#options
    this.#timer?.cancel()
    try {
      const stream = latency.over(targets.open())
      const { playerId } = this.#owner
      const greeting = new Greeting(stream, clock.now(), {
        token: this.#token,
        playerId,
        received: this.#acks.received,
      })
      this.#greeting = greeting
      stream.onData((chunk) => this.#came(greeting, chunk))
      stream.onClose((reason, onPurpose = false) => this.#ended(greeting, reason, onPurpose))
    } catch (error) {
      return this.#failed(messageOf(error))
    }
    this.#timer = clock.after(WELCOME_MS_MAX, () => this.#failed('the gate does not answer'))
  }

  #came(greeting: Greeting, chunk: Uint8Array): void {
    if (this.#stream === greeting.stream) return this.#heard(chunk)
    if (this.#greeting !== greeting) return
    try {
      if (!greeting.push(chunk)) return
    } catch (error) {
      this.#owner.report(new ProtocolError('wire', `instead of a welcome: ${messageOf(error)}`))
      return this.#failed(messageOf(error))
    }
    if (greeting.farewell !== undefined) return this.#leave(greeting.farewell)
    if (this.#begin(greeting)) this.#heard(greeting.restOf(chunk))
  }

  /** A welcome has come. Answers whether the connection is still wanted when all have heard of it. */
  #begin(greeting: Greeting): boolean {
    const { token, resumed, received, serverMs, graceMs } = greeting.welcome!
    const goesOn = resumed === RESUMED.stream
    if (resumed > RESUMED.player || (goesOn && !this.#kept.rewind(received))) {
      this.#owner.report(new ProtocolError('wire', `a session resumed as ${resumed}, from byte ${received}`))
      // What the gate has and what it has not cannot be known any more.
      this.#token = ''
      this.#failed('the gate has lost the thread')
      return false
    }
    const { stream } = greeting
    const before = this.#stream
    const isOther = resumed === RESUMED.no
    const restarts = isOther && this.#begun
    this.#stopTrying()
    this.#stream = stream
    before?.close()
    this.#state = 'open'
    this.#begun = true
    this.#moves = this.#holds = false
    this.#attempt = 1
    this.#token = token
    this.#graceMs = graceMs
    if (goesOn) {
      this.#again = (this.#acks.received - greeting.received) >>> 0
      this.#acks.told(greeting.received)
    } else this.#beginAnew(isOther, restarts)
    const time = Number(serverMs)
    if (Number.isFinite(time)) this.serverClock.sample(greeting.sentMs, time)
    if (restarts && this.#has(stream)) this.#tell('restarted')
    if (this.#has(stream)) this.#tell('open')
    // Whoever has heard of it may have ended it.
    if (!this.#has(stream)) return false
    this.#write()
    this.#pings.begin()
    return true
  }

  #has(stream: ByteStream): boolean {
    return this.#stream === stream && this.#closing === undefined
  }

  #beginAnew(isOther: boolean, restarts: boolean): void {
    const { counters } = this.#owner
    this.#again = 0
    this.#acks.begin()
    this.serverClock.forgetSamples()
    counters.unsureCalls += this.#kept.anew()
    // It was meant for what is gone.
    if (restarts) counters.droppedCalls += this.#kept.dropUnwritten()
    this.#owner.begin(isOther)
  }

  #ended(greeting: Greeting, reason: string, onPurpose: boolean): void {
    const isCurrent = this.#stream === greeting.stream
    if (!isCurrent && this.#greeting !== greeting) return
    if (this.#closing !== undefined) return this.#end(this.#closing)
    if (onPurpose) return this.#end(reason)
    if (!isCurrent) return this.#failed(reason)
    this.#lost(reason)
  }

  /** There is no connection any more; what it took is kept until it is known to have arrived. */
  #lost(reason: string): void {
    this.#drop()
    if (!this.#greeting && !this.#moves) return this.#tryLater(reason)
    this.#tell('lost', reason)
    // On its way to another gate, it does not wait for this one any more.
    if (!this.#greeting) this.#connect()
  }

  #drop(): void {
    this.#stream = undefined
    this.#state = 'lost'
    this.#holds = false
    this.#attempt = 1
    this.#lostMs = this.#options.clock.now()
    this.#pings.stop()
    this.#acks.stop()
  }

  /** A try has come to nothing. */
  #failed(reason: string): void {
    const { clock, targets, tryMs } = this.#options
    const greeting = this.#greeting
    this.#stopTrying()
    greeting?.stream.close()
    targets.next()
    if (!this.#stream && clock.now() - this.#lostMs > this.#graceMs + tryMs) return this.#end(reason)
    this.#attempt++
    if (this.#holds) {
      this.#holds = false
      this.#write()
      this.#pings.begin()
    }
    this.#tryLater(reason)
  }

  #tryLater(reason: string): void {
    const { clock, targets } = this.#options
    const waitMs = targets.waitMs(this.#attempt)
    this.#timer?.cancel()
    this.#timer = clock.after(waitMs, () => (this.#stream ? this.#hold() : this.#connect()))
    if (!this.#stream) this.#tell(this.#state, reason, waitMs)
  }

  #stopTrying(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#greeting = undefined
  }

  #leave(reason: string): void {
    const streams = [this.#stream, this.#greeting?.stream]
    this.#end(this.#closing ?? reason)
    for (const stream of streams) stream?.close()
  }

  #end(reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#stream = undefined
    this.#stopTrying()
    this.#pings.stop()
    this.#acks.stop()
    for (const unlisten of this.#unlisten) unlisten()
    this.#owner.ended(reason)
  }

  // ── The streams ──────────────────────────────────────────────────────────────────────────────────────────────────

  #heard(chunk: Uint8Array): void {
    const known = Math.min(this.#again, chunk.length)
    this.#again -= known
    const fresh = known > 0 ? chunk.subarray(known) : chunk
    this.#pings.heard()
    if (fresh.length === 0) return
    this.#acks.came(fresh.length)
    this.#owner.take(fresh)
    this.#acks.heed()
  }

  #write(): void {
    const bytes = this.#kept.next()
    if (bytes) this.#stream?.write(bytes)
  }

  #say<T>(write: (writer: PacketWriter, values: T) => void, values: T): void {
    if (!this.#stream || this.#holds) return
    const writer = new PacketWriter(32)
    write(writer, values)
    this.send(writer.written(), false, this.#acks.unsaidBytes > 0)
  }

  #acknowledge(): void {
    if (this.#stream && !this.#holds) this.send(this.#acks.frame(), false)
  }

  #withAck(frame: Uint8Array): Uint8Array {
    const ack = this.#acks.frame()
    this.#count(ack)
    const both = new Uint8Array(ack.length + frame.length)
    both.set(ack)
    both.set(frame, ack.length)
    return both
  }

  #count(frame: Uint8Array): void {
    this.#owner.counters.framesOut++
    this.#owner.counters.bytesOut += frame.length
  }

  // ── What is said about the session ───────────────────────────────────────────────────────────────────────────────

  #ping(no: number): void {
    this.#say(messages.ping.write, { no })
  }

  #silent(): void {
    const stream = this.#stream!
    this.#lost('the gate is silent')
    stream.close()
  }

  #taken(reader: PacketReader): void {
    this.#acks.cameControl(FRAME_HEADER_BYTES + reader.left)
    const bytes = reader.u32()
    reader.finish()
    if (!this.#kept.taken(bytes)) throw new ProtocolError('wire', `${bytes} bytes taken, which were not said`)
    if (this.#holds && !this.#greeting && this.#kept.unsureCalls === 0) this.#connect()
  }

  #pong(reader: PacketReader): void {
    this.#acks.cameControl(FRAME_HEADER_BYTES + reader.left)
    const no = reader.u32()
    const serverMs = Number(readData(reader))
    reader.finish()
    if (Number.isFinite(serverMs)) this.#pings.ponged(no, serverMs)
  }

  #moveOn(reader: PacketReader): void {
    reader.varstr()
    reader.finish()
    if (this.#moves) return
    this.#moves = true
    this.#options.targets.next()
    this.#hold()
  }

  /** Says nothing more here until the gate has all calls: then it is not in doubt whether they ran. */
  #hold(): void {
    if (this.#acks.unsaidBytes > 0) this.#acknowledge()
    this.#holds = true
    this.#pings.stop()
    if (this.#kept.unsureCalls === 0) return this.#connect()
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(MOVE_MS_MAX, () => this.#connect())
  }

  #tell(state: ConnectionEvent['state'], reason = '', nextTryMs = 0): void {
    this.#owner.tell({ state, attempt: this.#attempt, nextTryMs, reason, missed: false })
  }
}
