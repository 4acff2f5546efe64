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
import { FRAME_HEADER_BYTES, type PacketReader } from '../wire/packet.ts'
import { frameOf } from '../wire/table.ts'
import { onBrowserEvent } from './browser.ts'
import type { ConnectionState } from './connection.ts'
import { ProtocolError } from './errors.ts'
import { Greeting } from './greeting.ts'
import { KeptBytes } from './kept-bytes.ts'
import type { Latency } from './latency.ts'
import type { Line, LineOwner } from './line.ts'
import { Pulse } from './pulse.ts'
import { ServerClock } from './server-clock.ts'
import type { ByteStream } from './stream.ts'
import type { Targets } from './targets.ts'

/** A connection on which the gate does not answer the hello for so long is given up, */
const WELCOME_MS_MAX = 10_000
/**
 * and one that does not come about, by which the hello has not even left, after so long at the first try, twice that at the
 * second, and so on: a machine that is gone answers nothing, and at another gate the player is not kept for ever.
 */
const REACH_MS = 3_000
/** How long a gate that sends us on may take to acknowledge what was said, before we go all the same. */
const MOVE_MS_MAX = 2_000

/** And how long, when we are welcome elsewhere, the last of what was said to us by it may take to come. */
const LAST_MS_MAX = 1_000

export interface SessionLineOptions {
  readonly targets: Targets
  readonly clock: Clock
  readonly latency: Latency
  /** How long it goes on trying beyond the time for which the server keeps the session. */
  readonly tryMs: number
}

export class SessionLine implements Line {
  state: ConnectionState = 'connecting'
  readonly serverClock: ServerClock
  readonly #owner: LineOwner
  readonly #options: SessionLineOptions
  readonly #kept = new KeptBytes()
  readonly #pulse: Pulse
  readonly #over = new AbortController()
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
  /** The gate has sent us on: nothing is said there until we are welcome elsewhere, or are not. */
  #holds = false
  /** We are welcome there: what has come since, while what was said here before has yet to come. */
  #early: Uint8Array[] | undefined

  constructor(owner: LineOwner, options: SessionLineOptions) {
    const { clock } = options
    this.#owner = owner
    this.#options = options
    this.#lostMs = clock.now()
    this.serverClock = new ServerClock(clock)
    this.#pulse = new Pulse(
      { say: (frame) => this.send(frame, false), silent: () => this.#lost('the gate is silent') },
      clock,
      this.serverClock,
    )
    owner.handlers.set(messages.taken.code, (reader) => this.#taken(reader))
    owner.handlers.set(messages.pong.code, (reader) => this.#pong(reader))
    owner.handlers.set(messages.moveOn.code, () => this.#moveOn())
    owner.handlers.set(messages.farewell.code, (reader) => this.#end(reader.varstr()))
    const { signal } = this.#over
    // Phones let connections die unseen while a page is not.
    for (const type of ['online', 'visibilitychange'] as const)
      onBrowserEvent(type, signal, () => (this.#stream ? this.#pulse.begin() : this.reconnect()))
    // A page that is put aside may be shown again: then the session goes on.
    onBrowserEvent('pagehide', signal, ({ persisted }) => persisted || this.close('the page is gone'))
    this.#connect()
  }

  get waitingBytes(): number {
    return this.#kept.bytes
  }

  get bufferedBytes(): number {
    return this.#writes ? this.#stream!.bufferedBytes : Number.POSITIVE_INFINITY
  }

  send(frame: Uint8Array, isCall: boolean): void {
    if (this.#writes && this.#pulse.isRipe) this.#keep(this.#pulse.acknowledge(), false)
    this.#keep(frame, isCall)
    this.#write()
  }

  heed(): void {
    this.#pulse.isRipe = true
  }

  close(reason: string): void {
    this.#holds = false
    this.send(frameOf(messages.farewell, { reason }), false)
    this.#end(reason)
  }

  reconnect(): void {
    if (this.#greeting) return
    if (this.#stream) {
      this.#drop()
      this.#isLost('it is replaced', 0)
    }
    this.#connect()
  }

  // ── Connections ──────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    const { clock, latency, targets } = this.#options
    const reachMs = Math.min(REACH_MS * this.#attempt, WELCOME_MS_MAX)
    this.#wait(reachMs, () => this.#reached(WELCOME_MS_MAX - reachMs))
    try {
      const stream = latency.over(targets.open())
      const { playerId } = this.#owner
      const greeting = new Greeting(stream, clock.now(), this.#token, playerId, this.#pulse.received)
      this.#greeting = greeting
      stream.onData((chunk) => this.#came(greeting, chunk))
      stream.onClose((reason, onPurpose) => this.#closed(greeting, reason, onPurpose))
    } catch (error) {
      this.#failed(messageOf(error))
    }
  }

  /** It has had its time to come about: the gate has `leftMs` more to answer. */
  #reached(leftMs: number): void {
    if (this.#greeting!.stream.bufferedBytes > 0) this.#failed('the gate cannot be reached')
    else this.#wait(leftMs, () => this.#failed('the gate does not answer'))
  }

  #came(greeting: Greeting, chunk: Uint8Array): void {
    if (this.#stream === greeting.stream) return this.#heard(chunk)
    if (this.#greeting !== greeting) return
    if (this.#early) return void this.#early.push(chunk.slice())
    try {
      const rest = greeting.push(chunk)
      if (greeting.farewell !== undefined) return this.#end(greeting.farewell)
      if (greeting.welcome?.resumed === RESUMED.player && this.#holds && this.#stream) {
        // The gate that has sent us on lets us go when it has said all that our player's game had said by it.
        this.#early = [rest.slice()]
        return this.#wait(LAST_MS_MAX, () => this.#goOver())
      }
      if (greeting.welcome && this.#begin(greeting)) this.#heard(rest)
    } catch (error) {
      this.#owner.report(new ProtocolError('wire', `instead of a welcome: ${messageOf(error)}`))
      this.#failed(messageOf(error))
    }
  }

  /** Leaves the gate that has sent us on. */
  #goOver(): void {
    const greeting = this.#greeting!
    const early = this.#early!
    if (!this.#begin(greeting)) return
    for (const chunk of early) if (this.#stream === greeting.stream) this.#heard(chunk)
  }

  /** A welcome has come. Answers whether the connection is still wanted when all have heard of it. */
  #begin({ welcome, stream, received, sentMs }: Greeting): boolean {
    const { token, resumed, serverMs, graceMs, received: taken } = welcome!
    const goesOn = resumed === RESUMED.stream
    if (resumed > RESUMED.player || (goesOn && !this.#kept.rewind(taken))) {
      // What the gate has and what it has not cannot be known any more.
      this.#token = ''
      throw new ProtocolError('wire', `a session resumed as ${resumed}, from byte ${taken}`)
    }
    const restarts = resumed === RESUMED.no && this.#begun
    this.#stopTrying()
    this.#stream?.close()
    this.#stream = stream
    this.state = 'open'
    this.#begun = true
    this.#holds = false
    this.#attempt = 1
    this.#token = token
    this.#graceMs = graceMs
    this.#again = goesOn ? (this.#pulse.received - received) >>> 0 : 0
    this.#pulse.told(received)
    if (!goesOn) this.#beginAnew(resumed === RESUMED.no, restarts)
    this.serverClock.sample(sentMs, Number(serverMs))
    if (restarts && this.#stream === stream) this.#owner.tell('restarted')
    if (this.#stream === stream) this.#owner.tell('open')
    // Whoever has heard of it may have ended it.
    if (this.#stream !== stream) return false
    this.#write()
    this.#pulse.begin()
    return true
  }

  #beginAnew(isOther: boolean, restarts: boolean): void {
    const { counters } = this.#owner
    this.#pulse.received = 0
    this.#pulse.told(0)
    this.serverClock.forgetSamples()
    counters.unsureCalls += this.#kept.anew()
    // It was meant for what is gone.
    if (restarts) counters.droppedCalls += this.#kept.dropWaiting()
    this.#owner.begin(isOther)
  }

  #closed(greeting: Greeting, reason: string, onPurpose = false): void {
    const isCurrent = this.#stream === greeting.stream
    if (!isCurrent && this.#greeting !== greeting) return
    if (isCurrent && this.#early) return this.#goOver()
    if (onPurpose) this.#end(reason)
    else if (isCurrent) this.#lost(reason)
    else this.#failed(reason)
  }

  #lost(reason: string): void {
    this.#drop()
    // On its way to another gate already, it is as good as there, unless that comes to nothing.
    if (!this.#greeting) this.#tryLater(reason)
  }

  /** There is no connection any more; what it took is kept until it is known to have arrived. */
  #drop(): void {
    const stream = this.#stream
    this.#stream = undefined
    this.#holds = false
    this.#attempt = 1
    this.#lostMs = this.#options.clock.now()
    this.#pulse.stop()
    stream?.close()
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
      this.#pulse.begin()
    }
    this.#tryLater(reason)
  }

  #tryLater(reason: string): void {
    const waitMs = this.#options.targets.waitMs(this.#attempt)
    this.#wait(waitMs, () => (this.#stream ? this.#hold() : this.#connect()))
    if (!this.#stream) this.#isLost(reason, waitMs)
  }

  #isLost(reason: string, waitMs: number): void {
    if (this.#begun) this.state = 'lost'
    this.#owner.tell(this.state, reason, this.#attempt, waitMs)
  }

  #stopTrying(): void {
    this.#timer?.cancel()
    this.#greeting = undefined
    this.#early = undefined
  }

  #end(reason: string): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    const streams = [this.#stream, this.#greeting?.stream]
    this.#stream = undefined
    this.#stopTrying()
    this.#pulse.stop()
    this.#over.abort()
    for (const stream of streams) stream?.close()
    this.#owner.ended(reason)
  }

  #wait(ms: number, action: () => void): void {
    this.#timer?.cancel()
    // Nothing else keeps a program of Node's from ending while there is no connection.
    this.#timer = this.#options.clock.after(ms, action, true)
  }

  // ── The streams ──────────────────────────────────────────────────────────────────────────────────────────────────

  #heard(chunk: Uint8Array): void {
    const known = Math.min(this.#again, chunk.length)
    this.#again -= known
    this.#pulse.came(chunk.length - known)
    this.#owner.take(chunk.subarray(known))
    if (this.#writes) this.#pulse.heed()
  }

  get #writes(): boolean {
    return this.#stream !== undefined && !this.#holds
  }

  #keep(frame: Uint8Array, isCall: boolean): void {
    this.#owner.counters.framesOut++
    this.#owner.counters.bytesOut += frame.length
    this.#kept.add(frame, isCall)
  }

  #write(): void {
    if (!this.#writes) return
    const stream = this.#stream!
    for (let bytes = this.#kept.next(); bytes; bytes = this.#kept.next()) stream.write(bytes)
  }

  // ── What is said about the session ───────────────────────────────────────────────────────────────────────────────

  #taken(reader: PacketReader): void {
    this.#pulse.cameControl(FRAME_HEADER_BYTES + reader.left)
    const bytes = reader.u32()
    reader.finish()
    if (!this.#kept.taken(bytes)) throw new ProtocolError('wire', `${bytes} bytes taken, which were not said`)
    if (this.#holds && !this.#greeting && this.#kept.unsureCalls === 0) this.#connect()
  }

  #pong(reader: PacketReader): void {
    this.#pulse.cameControl(FRAME_HEADER_BYTES + reader.left)
    const no = reader.u32()
    const serverMs = Number(readData(reader))
    reader.finish()
    this.#pulse.ponged(no, serverMs)
  }

  #moveOn(): void {
    if (this.#holds || this.#greeting) return
    this.#options.targets.next()
    this.#hold()
  }

  /** Says nothing more here until the gate has all calls: then it is not in doubt whether they ran. */
  #hold(): void {
    if (this.#pulse.isRipe) this.send(this.#pulse.acknowledge(), false)
    this.#holds = true
    this.#pulse.stop()
    if (this.#kept.unsureCalls === 0) this.#connect()
    else this.#wait(MOVE_MS_MAX, () => this.#connect())
  }
}
