// A gate of one session for tests, byte by byte: it greets, keeps what it has said until it is acknowledged, goes on where
// a stream was cut, and cuts its connections wherever a test wants.
import type { VirtualClock } from '../../../engine/base/clock.ts'
import type { ByteStream } from '../../../engine/client/stream.ts'
import { clientMessages, RESUMED, sessionMessages } from '../../../engine/wire/client-wire.ts'
import { FrameReader } from '../../../engine/wire/frame.ts'
import { getU16, PacketWriter } from '../../../engine/wire/packet.ts'
import type { ValuesOf } from '../../../engine/wire/table.ts'
import { CLIENT } from './gate-side.ts'

const messages = { ...clientMessages, ...sessionMessages }
type Messages = typeof messages
type Name = keyof Messages
type Addressed = { gateId: number; clientId: string }
type Values<N extends Name> = Omit<ValuesOf<Messages[N]['fields']>, keyof Addressed>
export type Heard = { name: Name; values: Record<string, unknown> }
type Hello = ValuesOf<typeof sessionMessages.hello.fields>

/** How a hello is answered: in one of the ways of RESUMED, with a farewell, with what is no message, or not at all. */
export type Answer = keyof typeof RESUMED | 'farewell' | 'nonsense' | 'silence'

export interface SessionGateOptions {
  /** Of each chunk, one way. */
  readonly latencyMs?: number
  readonly graceMs?: number
  /** What its clock is ahead of ours. */
  readonly skewMs?: number
  /** After so long it acknowledges what has come. */
  readonly takenMs?: number
  readonly clientId?: string
}

/** One connection, as the gate has it. */
interface Wire {
  isOpen: boolean
  greeted: boolean
  toClient(bytes: Uint8Array): void
  /** Both ends hear of it. */
  break(reason: string, onPurpose?: boolean): void
}

export class SessionGate {
  readonly hellos: Hello[] = []
  /** What the client has said in its stream, without acknowledgements and pings. */
  readonly heard: Heard[] = []
  /** When a `received` came, and for how much. */
  readonly acks: { ms: number; bytes: number; chunk: number }[] = []
  /** Chunks that have come of the client. */
  chunks = 0
  pings = 0
  /** Answers hellos; a known token's goes on as a stream unless this says otherwise. */
  answer: (hello: Hello) => Answer | undefined = () => undefined
  /** Runs when a session begins anew: says what the client is to know. */
  began: (how: Answer) => void = () => {}
  isDown = false
  /** Nothing comes and nothing goes, and nobody is told. */
  isDeaf = false
  /** Connections break when so many bytes in all have gone that way. */
  cutDownAt = Number.POSITIVE_INFINITY
  cutUpAt = Number.POSITIVE_INFINITY
  downBytes = 0
  upBytes = 0
  token = ''
  readonly #clock: VirtualClock
  readonly #options: Required<SessionGateOptions>
  #wire: Wire | undefined
  #sessions = 0
  #out = new PacketWriter()
  #acked = 0
  #received = 0
  #taken = 0
  #takenDue = false
  #frames = this.#newFrames()

  constructor(clock: VirtualClock, options: SessionGateOptions = {}) {
    this.#clock = clock
    this.#options = { latencyMs: 5, graceMs: 15_000, skewMs: 0, takenMs: 50, clientId: CLIENT, ...options }
  }

  get isConnected(): boolean {
    return this.#wire !== undefined
  }

  /** Calls that have come, by their arguments. */
  get calls(): unknown[] {
    return this.heard.filter(({ name }) => name === 'callFromClient').map(({ values }) => values['args'])
  }

  /** Connects a client: what `connect` takes. */
  readonly connect = (): ByteStream => {
    const { latencyMs } = this.#options
    let onData: (chunk: Uint8Array) => void = () => {}
    let onClose: (reason: string, onPurpose?: boolean) => void = () => {}
    const wire: Wire = {
      isOpen: true,
      greeted: false,
      toClient: (bytes) =>
        this.#pass(wire, bytes, 'down', (chunk) => {
          if (this.isDeaf) return
          const shared = new Uint8Array(chunk)
          onData(shared)
          shared.fill(0xee)
        }),
      break: (reason, onPurpose) => {
        if (!wire.isOpen) return
        wire.isOpen = false
        if (this.#wire === wire) this.#wire = undefined
        this.#clock.after(latencyMs, () => onClose(reason, onPurpose))
      },
    }
    this.#clock.after(latencyMs, () => {
      if (this.isDown) wire.break('cannot connect')
    })
    const hello = this.#greeter(wire)
    return {
      bufferedBytes: 0,
      write: (bytes) =>
        this.#pass(wire, bytes, 'up', (chunk) => {
          if (this.isDeaf) return
          this.chunks++
          if (wire.greeted) this.#came(wire, chunk)
          else hello(chunk)
        }),
      onData: (handler) => {
        onData = handler
      },
      onClose: (handler) => {
        onClose = handler
      },
      close: () => this.#clock.after(latencyMs, () => wire.break('closed by the client')),
    }
  }

  /** Says something in the session's stream. */
  send<N extends Name>(name: N, values: Values<N>): void {
    const start = this.#out.at
    messages[name].write(this.#out, { gateId: 1, clientId: this.#options.clientId, ...values } as never)
    this.#wire?.toClient(this.#out.bytes.slice(start, this.#out.at))
  }

  create(entityId: string, type: string, attrs: Record<string, unknown> = {}, isPlayer = false, x = 1): void {
    this.send('createEntity', { isPlayer, entityId, type, x, y: 2, z: 3, yaw: 0.5, attrs: attrs as never })
  }

  /** The connection is lost. */
  drop(): void {
    this.#wire?.break('lost')
  }

  /** The gate closes it, and says that it means it. */
  close(reason: string): void {
    this.#wire?.break(reason, true)
  }

  /** It does not know any more how much has come. */
  forget(): void {
    this.#received = 0
  }

  #pass(wire: Wire, bytes: Uint8Array, way: 'down' | 'up', deliver: (chunk: Uint8Array) => void): void {
    const chunk = new Uint8Array(bytes)
    this.#clock.after(this.#options.latencyMs, () => {
      if (!wire.isOpen) return
      const isDown = way === 'down'
      const left = isDown ? this.cutDownAt - this.downBytes : this.cutUpAt - this.upBytes
      const count = Math.min(left, chunk.length)
      if (isDown) this.downBytes += count
      else this.upBytes += count
      if (count > 0) deliver(chunk.subarray(0, count))
      if (left > chunk.length) return
      if (isDown) this.cutDownAt = Number.POSITIVE_INFINITY
      else this.cutUpAt = Number.POSITIVE_INFINITY
      wire.break('cut')
    })
  }

  /** Takes chunks until the hello is whole. */
  #greeter(wire: Wire): (chunk: Uint8Array) => void {
    let pushed = 0
    let read = 0
    let hello: Hello | undefined
    const frames = new FrameReader(
      (bytes, start, end) => {
        read += 4 + end - start
        hello = sessionMessages.hello.read(bytes, start + 2, end)
        return false
      },
      { maxBytes: 1024 },
    )
    return (chunk) => {
      pushed += chunk.length
      frames.push(chunk)
      if (!hello) return
      wire.greeted = true
      this.hellos.push(hello)
      this.#greet(wire, hello)
      const rest = chunk.subarray(chunk.length - (pushed - read))
      if (rest.length > 0) this.#came(wire, rest)
    }
  }

  #greet(wire: Wire, hello: Hello): void {
    const isKnown = hello.token !== '' && hello.token === this.token
    const how = this.answer(hello) ?? (isKnown ? 'stream' : 'no')
    if (how === 'silence') return
    if (how === 'nonsense') return wire.toClient(new Uint8Array(64).fill(255))
    if (how === 'farewell') {
      const writer = new PacketWriter()
      sessionMessages.farewell.write(writer, { reason: 'not here' })
      return wire.toClient(writer.copy())
    }
    // A connection that is replaced is dead.
    this.#wire?.break('replaced')
    this.#wire = wire
    if (how !== 'stream') {
      this.token = `token ${++this.#sessions}`
      this.#out = new PacketWriter()
      this.#acked = this.#received = this.#taken = 0
      this.#frames = this.#newFrames()
    } else if (hello.received < this.#acked || hello.received > this.#out.at)
      throw new Error(`the client has ${hello.received} of ${this.#out.at} bytes, and acknowledged ${this.#acked}`)
    const writer = new PacketWriter()
    sessionMessages.welcome.write(writer, {
      token: this.token,
      features: 0,
      resumed: RESUMED[how],
      received: this.#received,
      serverMs: this.#clock.wallMs() + this.#options.skewMs,
      graceMs: this.#options.graceMs,
    })
    if (how === 'stream') writer.raw(this.#out.bytes, hello.received, this.#out.at)
    wire.toClient(writer.copy())
    if (how !== 'stream') this.began(how)
  }

  #came(wire: Wire, chunk: Uint8Array): void {
    if (wire !== this.#wire) return
    this.#received += chunk.length
    this.#frames.push(chunk)
    if (this.#takenDue) return
    this.#takenDue = true
    this.#clock.after(this.#options.takenMs, () => {
      this.#takenDue = false
      if (this.#received > this.#taken && this.#wire) this.send('taken', { bytes: this.#received })
      this.#taken = this.#received
    })
  }

  #newFrames(): FrameReader {
    return new FrameReader((bytes, start, end) => this.#frame(bytes, start, end), { maxBytes: 1024 * 1024 })
  }

  #frame(bytes: Uint8Array, start: number, end: number): undefined {
    const code = getU16(bytes, start)
    const [name, message] = Object.entries(messages).find(([, one]) => one.code === code)!
    const values: Record<string, unknown> = message.read(bytes, start + 2, end)
    if (name === 'received') {
      const count = values['bytes'] as number
      if (count < this.#acked || count > this.#out.at) throw new Error(`${count} of ${this.#out.at} bytes received`)
      this.#acked = count
      this.acks.push({ ms: this.#clock.now(), bytes: count, chunk: this.chunks })
    } else if (name === 'ping') {
      this.pings++
      this.send('pong', { no: values['no'] as number, serverMs: this.#clock.wallMs() + this.#options.skewMs })
    } else this.heard.push({ name: name as Name, values })
  }
}
