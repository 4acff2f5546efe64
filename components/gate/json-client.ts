// JSON clients: those that speak JSON over a text WebSocket and know nothing of the binary protocol. To the gate each is
// a connection like any other; to the client there is nothing but calls, its own and those of its player.
//
//     {"type":"Say","data":"eyJ0…"} ──> callFromClient: its player, Say, one argument ──> gate
//     {"type":"said","data":"eyJ0…"} <── callOnClient, callFiltered: its player        <── gate
//                                        attributes, positions, other entities: dropped
//
// `data` is base64 of JSON, or that JSON as it is unless it is a string. Without it a call has no argument. Until the gate
// names the player (createEntity), and from its end (destroyEntity) to the next, what the client says waits.
import type { Server } from 'node:http'
import { messageOf, WireError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Connection } from '../../engine/net/connection.ts'
import { serveWebSocket, type WebSocketDoor } from '../../engine/net/websocket.ts'
import { ADDRESSED_HEADER_BYTES, clientMessages } from '../../engine/wire/client-wire.ts'
import { readArgs, writeArgs } from '../../engine/wire/codec.ts'
import { FrameReader } from '../../engine/wire/frame.ts'
import { FRAME_HEADER_BYTES, getU16, PacketReader, PacketWriter } from '../../engine/wire/packet.ts'
import { formatExact, parseExact } from './exact-json.ts'
import type { ClientHandlers } from './line.ts'

/** Enough for a client that says all it has to say as soon as it is connected; who says more does not listen. */
const WAITING_MAX = 64
/** Of messages that wait behind a first one. */
const WAITING_BYTES_MAX = 1024 * 1024
/** What the codec takes. */
const DEPTH_MAX = 64
/** The gate's own frames are as long as they are. */
const GATE_FRAME_BYTES_MAX = 2 ** 32
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
/** The gate's and the client's ids, in front of what is meant for one client. */
const ADDRESS_BYTES = ADDRESSED_HEADER_BYTES - FRAME_HEADER_BYTES

/** Each costs the client its connection, or that message only. */
export const JSON_REFUSALS = {
  // The connection.
  webSocket: 'a WebSocket message that is not taken',
  tooEarly: 'too much was said before it had a player',
  unreadable: 'its game said something that cannot be read',
  // The message.
  malformed: 'a message that cannot be read',
} as const

export type JsonRefusal = keyof typeof JSON_REFUSALS

// Used from the begin of a call to its end, and by nobody in between.
const writer = new PacketWriter()
const reader = new PacketReader()

/** A text connection, as the gate understands it. Each chunk and each write of `inner` is one message. */
export class JsonClient implements Connection {
  /** Which refusals were logged. */
  readonly refused = new Set<JsonRefusal>()
  readonly #inner: Connection
  readonly #refusals: JsonRefusals
  readonly #frames: FrameReader
  #handlers: ClientHandlers | undefined
  /** The id of its player. */
  #player: string | undefined
  readonly #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #over = false
  /** What the frames of the write that is being taken come to. */
  #messages: Buffer[] = []

  constructor(inner: Connection, refusals: JsonRefusals, greeting?: string) {
    this.#inner = inner
    this.#refusals = refusals
    this.#frames = new FrameReader((bytes, start, end) => this.#hear(bytes, start, end), {
      maxBytes: GATE_FRAME_BYTES_MAX,
    })
    if (greeting !== undefined) inner.write(Buffer.from(greeting))
  }

  get remote(): string {
    return this.#inner.remote
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes
  }

  get unfinishedBytes(): number {
    return this.#inner.unfinishedBytes ?? 0
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  handle(handlers: ClientHandlers): void {
    this.#handlers = handlers
    this.#inner.handle({
      data: (message) => this.#receive(message),
      drain: () => handlers.drain?.(),
      dropped: (bytes) => handlers.dropped?.(bytes),
      close: (reason) => {
        this.#end()
        handlers.close(reason)
      },
    })
  }

  write(bytes: Uint8Array, done?: () => void): void {
    const messages: Buffer[] = []
    this.#messages = messages
    try {
      this.#frames.push(bytes)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#refuse('unreadable', messageOf(error))
    }
    const last = messages.pop()
    for (const message of messages) this.#inner.write(message)
    if (last) this.#inner.write(last, done)
    else done?.()
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  close(reason?: string): void {
    this.#end()
    this.#inner.close(reason)
  }

  destroy(reason?: string): void {
    this.#end()
    this.#inner.destroy(reason)
  }

  // --- from the client -------------------------------------------------------------------------------------------------

  #receive(message: Uint8Array): void {
    if (this.#over) return
    if (this.#player !== undefined && this.#waiting.length === 0) return this.#pass(message, this.#player)
    const bytes = this.#waitingBytes + message.length
    if (this.#waiting.length >= WAITING_MAX || (this.#waiting.length > 0 && bytes > WAITING_BYTES_MAX))
      return this.#refuse('tooEarly', `${this.#waiting.length + 1} messages, ${bytes} bytes`)
    this.#waitingBytes = bytes
    // Its bytes are ours for as long as this call takes.
    this.#waiting.push(new Uint8Array(message))
  }

  #passWaiting(): void {
    // A call may cost it its connection, or its player.
    while (this.#waiting.length > 0 && this.#player !== undefined) {
      const message = this.#waiting.shift()!
      this.#waitingBytes -= message.length
      this.#pass(message, this.#player)
    }
  }

  /** Passes a message on to the gate as a call of the player. */
  #pass(message: Uint8Array, player: string): void {
    try {
      const { method, args } = readCall(message)
      writer.at = 0
      const start = writer.beginFrame(clientMessages.callFromClient.code)
      writer.id(player)
      writer.varstr(method)
      writeArgs(writer, args)
      writer.endFrame(start)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#refusals.add(this, 'malformed', messageOf(error))
      this.#handlers?.dropped?.(message.length)
      return
    }
    this.#handlers?.data(writer.written())
  }

  // --- from the gate ---------------------------------------------------------------------------------------------------

  /** Takes a frame: type and fields. */
  #hear(bytes: Uint8Array, start: number, end: number): undefined {
    reader.reset(bytes, start + 2, end)
    switch (getU16(bytes, start)) {
      case clientMessages.createEntity.code:
        reader.skip(ADDRESS_BYTES)
        if (reader.bool()) this.#play(reader.id())
        return
      case clientMessages.destroyEntity.code:
        reader.skip(ADDRESS_BYTES)
        reader.varstr()
        if (reader.id() === this.#player) this.#player = undefined
        return
      case clientMessages.callOnClient.code:
        reader.skip(ADDRESS_BYTES)
        if (reader.id() === this.#player) this.#say(reader.varstr())
        return
      case clientMessages.callFiltered.code:
        reader.u8()
        reader.varstr()
        reader.varstr()
        if (this.#player !== undefined) this.#say(reader.varstr())
    }
  }

  #play(player: string): void {
    this.#player = player
    // Not now: the gate is in the middle of a write.
    if (this.#waiting.length > 0) queueMicrotask(() => this.#passWaiting())
  }

  /** What is left in the reader are the arguments. */
  #say(type: string): void {
    const args = readArgs(reader)
    const said = args.length === 0 ? { type } : { type, data: Buffer.from(formatExact(args[0])).toString('base64') }
    this.#messages.push(Buffer.from(JSON.stringify(said)))
  }

  // --- its end -----------------------------------------------------------------------------------------------------------

  #end(): void {
    this.#over = true
    this.#player = undefined
    this.#waiting.length = 0
    this.#waitingBytes = 0
  }

  #refuse(reason: JsonRefusal, detail: string): void {
    if (this.#over) return
    this.#refusals.add(this, reason, detail)
    this.close(JSON_REFUSALS[reason])
  }
}

/** Throws WireError, with what is wrong. */
function readCall(message: Uint8Array): { readonly method: string; readonly args: readonly unknown[] } {
  // The map around the data is one more level.
  const said = parseExact(message, DEPTH_MAX + 1)
  if (typeof said !== 'object' || said === null || !('type' in said) || typeof said.type !== 'string')
    throw new WireError('it is no {"type": …, "data": …}')
  if (!('data' in said)) return { method: said.type, args: [] }
  return { method: said.type, args: [typeof said.data === 'string' ? readBase64(said.data) : said.data] }
}

function readBase64(text: string): unknown {
  if (!BASE64.test(text)) throw new WireError('its data is no base64')
  try {
    return parseExact(Buffer.from(text, 'base64'), DEPTH_MAX)
  } catch (error) {
    throw new WireError(`its data: ${messageOf(error)}`)
  }
}

/** What is refused, counted by reason, and logged once per client and reason. */
export class JsonRefusals {
  readonly counts = Object.fromEntries(Object.keys(JSON_REFUSALS).map((reason) => [reason, 0])) as Record<
    JsonRefusal,
    number
  >
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  add(client: Pick<JsonClient, 'remote' | 'refused'>, reason: JsonRefusal, detail: string): void {
    this.counts[reason]++
    if (client.refused.has(reason)) return
    client.refused.add(reason)
    const end = reason === 'malformed' ? ' (dropped; more of them are only counted)' : '; closed'
    this.#log.warn(`JSON client ${client.remote}: ${JSON_REFUSALS[reason]}: ${detail}${end}`)
  }
}

export interface JsonClientsOptions {
  readonly log: Log
  /** A longer message ends its connection. */
  readonly messageBytesMax: number
  /** A text that each client gets as soon as it is connected. */
  readonly greeting?: string | undefined
}

export interface JsonDoor extends WebSocketDoor {
  /** What was refused here, and never came to the gate. */
  readonly refused: Readonly<Record<JsonRefusal, number>>
}

/** Takes JSON clients on `path` of an HTTP server, and hands them to the gate. */
export function serveJsonClients(
  server: Server,
  path: string,
  accept: (connection: Connection) => void,
  { log, messageBytesMax, greeting }: JsonClientsOptions,
): JsonDoor {
  const refusals = new JsonRefusals(log)
  const take = (connection: Connection) => accept(new JsonClient(connection, refusals, greeting))
  const door = serveWebSocket(server, path, take, {
    text: true,
    messageBytesMax,
    // It is over with that: there is nothing to be logged a second time.
    refused: ({ remote }, reason) => refusals.add({ remote, refused: new Set() }, 'webSocket', reason),
  })
  return { refused: refusals.counts, close: () => door.close() }
}
