// A client's side: bytes that come over its line become messages to its world; calls and moves become frames. Nothing
// that arrives is thrown past it: what the server gets wrong is counted and told by kind, what a hook throws is logged.
//
//     open ── close(), a frame too long, a server that does not read ──> closing ── the line has ended ──> closed
//       └────────────────────────── the line has ended ──────────────────────────────────────────────────────^
import type { Clock } from '../base/clock.ts'
import { messageOf, WireError } from '../base/errors.ts'
import { isId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import { isThenable } from '../base/thenable.ts'
import { clientMessages as messages, sessionMessages } from '../wire/client-wire.ts'
import { writeArgs } from '../wire/codec.ts'
import { FrameReader } from '../wire/frame.ts'
import { getU16, PacketReader, PacketWriter } from '../wire/packet.ts'
import { writeRecord } from '../wire/sync.ts'
import type { ConnectionEvent, ConnectionState } from './connection.ts'
import { ProtocolError } from './errors.ts'
import type { Expected, Expecting } from './expectations.ts'
import type { HookTable } from './hooks.ts'
import type { Latency } from './latency.ts'
import type { Line, LineOwner } from './line.ts'
import type { MirrorEntity, SpaceMirror } from './mirror.ts'
import type { Motion, MotionFigures, MotionMaker, MotionOwner } from './motion.ts'
import { newCounters, type Observer } from './observer.ts'
import { OwnMovement } from './own-movement.ts'
import type { PredictOptions, Predictor } from './predictor.ts'
import type { SmoothOptions } from './shown.ts'
import { World, type WorldOwner } from './world.ts'

export interface SessionOptions {
  readonly observer: Observer
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  /** A longer frame ends the session. */
  readonly frameBytesMax: number
  /** How much may wait, for a server that does not read or a connection that is lost, before the session ends. */
  readonly outBytesMax: number
  /** Between two places of the player that are sent; 0 = each is, at once. */
  readonly moveIntervalMs: number
  readonly latency: Latency
  /** What draws; without it, mirrors are drawn where they are, and nothing is predicted. */
  readonly motion?: MotionMaker | undefined
}

/** While this much waits to be sent, moves are not: the next one will tell more. */
const MOVE_WAITING_BYTES_MAX = 64 * 1024

// Frames are made here and copied out: sessions are many, and what each sends is little.
const writer = new PacketWriter(1024)
const reader = new PacketReader()
const NO_PINGS = new Float64Array(0)

export class Session implements WorldOwner, LineOwner, MotionOwner {
  readonly counters = newCounters()
  readonly clock: Clock
  readonly #options: SessionOptions
  readonly #world: World
  readonly #movement: OwnMovement
  readonly #onClose: ((reason: string) => void)[] = []
  readonly #onConnection: ((event: ConnectionEvent) => void)[] = []
  readonly #line: Line
  #frames: FrameReader
  #state: 'open' | 'closing' | 'closed' = 'open'
  #reason = ''

  /** `line` makes what the session goes over, which may end at once. */
  constructor(line: (owner: LineOwner) => Line, options: SessionOptions) {
    this.#options = options
    this.clock = options.clock
    this.#world = new World(this, options.observer)
    this.#world.motion = options.motion?.(this)
    this.#movement = new OwnMovement(this, options.clock, options.moveIntervalMs)
    this.#frames = this.#newFrames()
    this.handlers.set(sessionMessages.restated.code, (message) => this.#restated(message))
    this.#line = line(this)
  }

  get handlers(): Map<number, (reader: PacketReader) => void> {
    return this.#world.handlers
  }

  known(message: PacketReader, what: string): MirrorEntity {
    return this.#world.known(message, what)
  }

  get entities(): ReadonlyMap<string, MirrorEntity> {
    return this.#world.entities
  }

  get player(): MirrorEntity | undefined {
    return this.#world.player
  }

  get space(): SpaceMirror | undefined {
    return this.#world.space
  }

  get playerId(): string {
    return this.#world.player?.id ?? ''
  }

  get connection(): ConnectionState {
    return this.#state === 'closed' ? 'closed' : this.#line.state
  }

  get ping(): number {
    return this.#line.serverClock?.pingMs ?? Number.NaN
  }

  get jitter(): number {
    return this.#line.serverClock?.jitterMs ?? Number.NaN
  }

  get pings(): Readonly<Float64Array> {
    return this.#line.serverClock?.pings ?? NO_PINGS
  }

  get serverTime(): number {
    return this.#line.serverClock?.timeMs ?? Number.NaN
  }

  get takesMoves(): boolean {
    return this.#state === 'open' && this.#line.bufferedBytes <= MOVE_WAITING_BYTES_MAX
  }

  /** Why the session is over, or undefined. */
  get closed(): string | undefined {
    return this.#state === 'closed' ? this.#reason : undefined
  }

  on(type: string, hooks: HookTable): void {
    this.#world.hooks.add(type, hooks)
  }

  onClose(handler: (reason: string) => void): void {
    if (this.#state === 'closed') this.#tell('client.onClose', handler, this.#reason)
    else this.#onClose.push(handler)
  }

  onConnection(handler: (event: ConnectionEvent) => void): void {
    this.#onConnection.push(handler)
  }

  reconnect(): void {
    if (this.#state === 'open') this.#line.reconnect()
  }

  simulateLatency(ms: number, jitterMs = 0, loss = 0): void {
    this.#options.latency.set(ms, jitterMs, loss)
  }

  /** Calls a method of any entity on the server. Throws TypeError for what cannot be said. */
  call(entityId: string, method: string, ...args: unknown[]): void {
    if (!isId(entityId)) throw new TypeError(`'${entityId}' is no entity id`)
    if (this.#state === 'open') this.#sendCall(messages.callFromClient.code, entityId, method, args)
  }

  sendInput(entityId: string, head: readonly number[], method: string, args: readonly unknown[]): boolean {
    const isOpen = this.#state === 'open'
    if (isOpen) this.#sendCall(sessionMessages.input.code, entityId, method, args, head)
    return isOpen
  }

  /** Moves the client's own player; see `OwnMovement`. */
  move(x: number, y: number, z: number, yaw: number): boolean {
    const player = this.#world.player
    if (!player || this.#state !== 'open') return false
    player.steer(x, y, z, yaw)
    if (this.#movement.move(player, x, y, z, yaw)) return true
    this.counters.droppedMoves++
    return false
  }

  sendPlace(player: MirrorEntity, x: number, y: number, z: number, yaw: number): void {
    writer.at = 0
    const start = writer.beginFrame(messages.positionFromClient.code)
    writeRecord(writer, player.id, x, y, z, yaw)
    writer.endFrame(start)
    this.#send(false)
  }

  frame(nowMs?: number): void {
    this.#motion.time.frame(nowMs)
  }

  smooth(type: string, options: SmoothOptions): void {
    this.#motion.smooth(type, options)
  }

  predict<S extends object, I>(type: string, options: PredictOptions<S, I>): Predictor<S, I> {
    return this.#motion.predict(type, options)
  }

  expectSpawn(type: string, expecting: Expecting<never[]> = {}): Expected {
    return this.#motion.expect(type, undefined, expecting)
  }

  expectCall(type: string, method: string, expecting: Expecting<never[]> = {}): Expected {
    return this.#motion.expect(type, method, expecting)
  }

  get motion(): MotionFigures {
    return this.#motion.figures
  }

  get #motion(): Motion {
    const { motion } = this.#world
    if (!motion)
      throw new TypeError('this client has no motion: connect(…, { motion }) with that of goworld/client/motion')
    return motion
  }

  /** Says all that was said, then ends the connection. */
  close(): void {
    this.#stop('closed')
  }

  report(error: ProtocolError): void {
    this.counters.protocolErrors++
    if (error.kind === 'unknown entity') this.counters.unknownEntities++
    const { observer } = this.#options
    if (observer.onProtocolError) this.#tell('observer.onProtocolError', (e) => observer.onProtocolError?.(e), error)
  }

  hookFailed(where: string, error: unknown): void {
    this.counters.hookErrors++
    const stack = error instanceof Error ? error.stack : String(error)
    this.#options.log.error(`${where}: ${stack}`)
  }

  nowMs(): number {
    return this.#options.clock.wallMs()
  }

  take(chunk: Uint8Array): void {
    if (this.#state !== 'open') return
    this.counters.bytesIn += chunk.length
    try {
      this.#frames.push(chunk)
    } catch (error) {
      // Only a length that cannot be gets here: where the next frame begins is not known any more.
      this.report(new ProtocolError('wire', messageOf(error)))
      this.#stop(messageOf(error))
    }
  }

  ownPlaced(): void {
    // Where it was to be said to be is of before.
    this.#movement.forget()
    this.#line.heed()
  }

  begin(isOther: boolean): void {
    this.#frames = this.#newFrames()
    this.#movement.forget()
    if (isOther) this.#world.clear()
    else this.#world.restate()
  }

  tell(state: ConnectionEvent['state'], reason = '', attempt = 1, nextTryMs = 0, missed = false): void {
    const event = { state, attempt, nextTryMs, reason, missed }
    for (const handler of this.#onConnection) this.#tell('client.onConnection', handler, event)
    if (state === 'open') this.#movement.flush()
  }

  ended(reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#reason ||= reason
    this.#movement.forget()
    this.tell('closed', this.#reason)
    for (const handler of this.#onClose) this.#tell('client.onClose', handler, this.#reason)
  }

  #newFrames(): FrameReader {
    return new FrameReader((bytes, start, end) => this.#frame(bytes, start, end), {
      maxBytes: this.#options.frameBytesMax,
    })
  }

  #restated(message: PacketReader): void {
    const missed = message.bool()
    message.finish()
    this.#world.restated()
    this.tell('restated', '', 1, 0, missed)
  }

  #frame(bytes: Uint8Array, start: number, end: number): boolean {
    this.counters.framesIn++
    const type = getU16(bytes, start)
    try {
      this.#world.take(type, reader.reset(bytes, start + 2, end))
    } catch (error) {
      if (error instanceof ProtocolError) this.report(error)
      else if (error instanceof WireError) this.report(new ProtocolError('wire', `message ${type}: ${error.message}`))
      else this.hookFailed(this.#world.hooks.running, error)
    }
    return this.#state === 'open'
  }

  /** `head`: what stands in front of the method. */
  #sendCall(code: number, entityId: string, method: string, args: readonly unknown[], head: readonly number[] = []) {
    this.#movement.flush()
    writer.at = 0
    const start = writer.beginFrame(code)
    writer.id(entityId)
    for (const number of head) writer.u32(number)
    writer.varstr(method)
    writeArgs(writer, args)
    writer.endFrame(start)
    this.#send(true)
  }

  #send(isCall: boolean): void {
    this.#line.send(writer.copy(), isCall)
    if (this.#line.waitingBytes > this.#options.outBytesMax)
      this.#stop(this.#line.state === 'open' ? 'the server does not read' : 'too much was said without a connection')
  }

  #stop(reason: string): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#reason = reason
    this.#movement.forget()
    this.#line.close(reason)
  }

  /** Runs what the author gave; should it fail, now or later, that is logged and all else goes on. */
  #tell<T>(where: string, handler: (value: T) => unknown, value: T): void {
    try {
      const result = handler(value)
      if (isThenable(result)) result.then(undefined, (error) => this.hookFailed(where, error))
    } catch (error) {
      this.hookFailed(where, error)
    }
  }
}
