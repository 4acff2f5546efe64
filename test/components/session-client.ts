// A client with a session, as bare as can be: it keeps both of its streams whole, so that tests can cut them anywhere and
// look at every byte.
import type { VirtualClock } from '../../engine/base/clock.ts'
import type { Connection } from '../../engine/net/connection.ts'
import { clientMessages, RESUMED, SESSION_VERSION, sessionMessages } from '../../engine/wire/client-wire.ts'
import { FrameReader } from '../../engine/wire/frame.ts'
import { getU16, PacketWriter } from '../../engine/wire/packet.ts'
import type { ValuesOf } from '../../engine/wire/table.ts'

const TABLE = { ...clientMessages, ...sessionMessages }
type Table = typeof TABLE
export type TableName = keyof Table
type TableValues<N extends TableName> = ValuesOf<Table[N]['fields']>

const NAMES = new Map(Object.entries(TABLE).map(([name, { code }]) => [code, name as TableName]))

export interface HeardFrame {
  readonly name: TableName
  readonly values: Record<string, unknown>
}

export class SessionClient {
  connection: Connection | undefined
  /** How many connections have ended. */
  closings: string[] = []
  token = ''
  graceMs = 0
  playerId = ''
  /** Answers to hellos: one of RESUMED, or the reason of a farewell. */
  answers: (number | string)[] = []
  /** Frames of the gate's stream. */
  heard: HeardFrame[] = []
  /** All of the gate's stream, and all of ours, since the session began or was said anew. */
  stream: number[] = []
  said: number[] = []
  taken = 0
  /** Whether it says what has come by itself. */
  acknowledges = true
  /** Takes that much of what comes, then nothing: the rest is lost with the connection. */
  deafAfter = Number.POSITIVE_INFINITY
  /** Of what it says, that much leaves: the rest is lost with the connection. */
  muteAfter = Number.POSITIVE_INFINITY
  readonly #clock: VirtualClock
  readonly #dial: () => Promise<Connection>
  #frames = this.#reader()

  constructor(clock: VirtualClock, dial: () => Promise<Connection>) {
    this.#clock = clock
    this.#dial = dial
  }

  /** Connects and says hello; resolves when that is answered. */
  async connect(hello: Partial<TableValues<'hello'>> = {}): Promise<this> {
    const answers = this.answers.length
    await this.greet(hello)
    await this.#clock.until(() => this.answers.length > answers, 60_000, 'a hello to be answered')
    return this
  }

  /** The same, without waiting for an answer. */
  async greet(hello: Partial<TableValues<'hello'>> = {}): Promise<void> {
    await this.open()
    this.hello(hello)
  }

  /** Says bytes, sensible or not. */
  async write(bytes: readonly number[]): Promise<void> {
    if (!this.connection) await this.open()
    this.connection?.write(Uint8Array.from(bytes))
  }

  /** Connects, and says nothing. */
  async open(): Promise<void> {
    const dialing = this.#dial()
    await this.#clock.advance(2)
    const connection = await dialing
    this.connection = connection
    const before = new FrameReader((bytes, start, end) => this.#answer(connection, bytes, start, end), {
      maxBytes: 1 << 20,
    })
    this.#answeredBytes = 0
    let pushed = 0
    let isAnswered = false
    connection.handle({
      data: (chunk) => {
        if (this.connection !== connection) return
        if (isAnswered) return this.#came(chunk)
        pushed += chunk.length
        const answers = this.answers.length
        before.push(chunk)
        if (this.answers.length === answers) return
        isAnswered = true
        this.#came(chunk.subarray(chunk.length - (pushed - this.#answeredBytes)))
      },
      close: (reason) => {
        this.closings.push(reason)
        if (this.connection === connection) this.connection = undefined
      },
    })
  }

  hello(hello: Partial<TableValues<'hello'>> = {}): void {
    const { token, playerId } = this
    const received = this.stream.length >>> 0
    const usual = { version: SESSION_VERSION, features: 0, token, playerId, received }
    this.connection?.write(this.#frame('hello', { ...usual, ...hello }))
  }

  /** The connection breaks: what is on its way either way is lost. */
  drop(): void {
    const { connection } = this
    this.connection = undefined
    connection?.destroy('dropped')
  }

  say<N extends TableName>(name: N, values: TableValues<N>): void {
    const frame = this.#frame(name, values)
    const leaves = Math.max(0, this.muteAfter - this.said.length)
    this.said.push(...frame)
    this.connection?.write(frame.subarray(0, leaves))
  }

  call(method: string, ...args: unknown[]): void {
    this.say('callFromClient', { entityId: this.playerId, method, args: args as never })
  }

  acknowledge(): void {
    this.say('received', { bytes: this.stream.length >>> 0 })
  }

  of<N extends TableName>(name: N): TableValues<N>[] {
    return this.heard.filter((one) => one.name === name).map(({ values }) => values as unknown as TableValues<N>)
  }

  get names(): TableName[] {
    return this.heard.map(({ name }) => name)
  }

  hears(name: TableName, count = 1): Promise<void> {
    return this.#clock.until(() => this.of(name).length >= count, 60_000, `a session hears ${name} (${count})`)
  }

  isClosed(): Promise<void> {
    return this.#clock.until(() => this.connection === undefined, 60_000, 'a session loses its connection')
  }

  #answeredBytes = 0

  /** Frames in front of the welcome are for a client that has not said hello. */
  #answer(connection: Connection, bytes: Uint8Array, start: number, end: number): boolean {
    this.#answeredBytes += 4 + end - start
    const type = getU16(bytes, start)
    if (type === sessionMessages.farewell.code) {
      this.answers.push(sessionMessages.farewell.read(bytes, start + 2, end).reason)
      return false
    }
    if (type !== sessionMessages.welcome.code) return true
    const { token, resumed, received, graceMs } = sessionMessages.welcome.read(bytes, start + 2, end)
    this.token = token
    this.graceMs = graceMs
    if (resumed !== RESUMED.stream) {
      this.stream = []
      this.said = []
      this.taken = 0
      this.#frames = this.#reader()
    } else connection.write(Uint8Array.from(this.said.slice(received)))
    this.answers.push(resumed)
    return false
  }

  #came(chunk: Uint8Array): void {
    const taken = chunk.subarray(0, Math.max(0, this.deafAfter - this.stream.length))
    if (taken.length === 0) return
    this.stream.push(...taken)
    const before = this.heard.length
    this.#frames.push(taken)
    const news = this.heard.slice(before).some(({ name }) => name !== 'taken')
    if (this.acknowledges && news && this.connection) this.acknowledge()
  }

  #reader(): FrameReader {
    const take = (bytes: Uint8Array, start: number, end: number) => {
      const frame = bytes.slice(start, end)
      const name = NAMES.get(getU16(frame, 0))!
      const values = TABLE[name].read(frame, 2, frame.length) as Record<string, unknown>
      this.heard.push({ name, values })
      if (name === 'taken') this.taken = values['bytes'] as number
      if (name === 'createEntity' && values['isPlayer']) this.playerId = values['entityId'] as string
      return undefined
    }
    return new FrameReader(take, { maxBytes: 1 << 26 })
  }

  #frame<N extends TableName>(name: N, values: TableValues<N>): Uint8Array {
    const writer = new PacketWriter()
    TABLE[name].write(writer, values as never)
    return writer.copy()
  }
}
