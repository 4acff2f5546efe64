// One client of the gate: its connection, cut into frames, and what the gate knows of it.
//
//     greeting ──hello──> waiting ──deployment ready──> booting ──bindPlayer──> bound ──connection closed──> gone
//        │  (no entity yet)               (boot entity asked for)       │  any state may end there
//        └──hello with a token──> resuming (its player's game is asked) ┘
//
// Who does not begin with a hello begins as waiting. A client with a session outlives its connection: see `sessions.ts`.
import { messageOf, WireError } from '../../engine/base/errors.ts'
import { isSnappy } from '../../engine/base/snappy-stream.ts'
import type { Connection, Misspoken } from '../../engine/net/connection.ts'
import { FrameReader } from '../../engine/wire/frame.ts'
import { Line } from './line.ts'
import type { Output } from './output.ts'
import type { Session } from './session.ts'
import type { View } from './views.ts'

export type ClientState = 'greeting' | 'waiting' | 'booting' | 'resuming' | 'bound' | 'gone'

/** What a client may speak where its gate does not. */
export type OtherSpeech = 'snappy' | 'tls'

export interface ClientOwner {
  /** A whole frame: type and fields. Answers false when the client is not heard any more. */
  frame(client: Client, bytes: Uint8Array, start: number, end: number): boolean
  /** The client announced a frame of a length that is not allowed. */
  badLength(client: Client, message: string): void
  /** It speaks something else than its connection does. */
  misspoken?(client: Client, what: Misspoken | OtherSpeech, detail: string): void
  /** So much has come of the client, in one piece. */
  said?(client: Client, frames: number, bytes: number): void
  /** The connection is over. */
  closed(client: Client, reason: string): void
  /** The same, also of a connection that was somebody else's at the end. */
  lineOver?(remote: string): void
}

export interface ClientIdentity {
  readonly slot: number
  /** The gate's own name for it, which no client ever chooses. */
  readonly id: string
  /** The entity with which it begins. */
  readonly bootId: string
}

export class Client {
  readonly slot: number
  /** Set by `Clients.rename`. */
  id: string
  /** The characters of the id. */
  idBytes: Uint8Array
  readonly output: Output
  state: ClientState = 'waiting'
  /** By which it is heard; one with a session may come by another. */
  line: Line
  /** Whom the games are told has lost its client: the boot entity, then whoever was bound last. */
  entityId: string
  /** Boot entities that were asked for and given up: what comes of them is not wanted any more. */
  readonly givenUp = new Set<string>()
  /** How often it has been handed from one player to another. */
  handed = 0
  /** The entity that the client plays, as long as a game says so. Set by `Clients.setPlayer`. */
  player: View | undefined
  /** The game that has taken its player from it to give it another, or 0. */
  givenBy = 0
  /** Whether positions of the player are taken from the client. */
  syncing = false
  /** Which refusals were logged; see `refusals.ts`. */
  refused = 0

  /** Not read at the moment, for whatever reason. */
  paused = false
  /** Whether a whole frame has come. */
  begun = false
  /** Bytes that have come, since its hello if there was one. */
  takenBytes = 0
  /** Since its hello. */
  session: Session | undefined

  // For `heartbeat.ts`, which looks now and then.
  heard = true
  heardMs: number
  bootedMs = 0
  /** When the frame that is still unfinished was first seen so, or -1. */
  unfinishedMs = -1

  // For `rate-limit.ts`.
  /** Not read at the moment, because it says too much. */
  limited = false
  framesPaidMs = Number.NEGATIVE_INFINITY
  bytesPaidMs = Number.NEGATIVE_INFINITY

  readonly #owner: ClientOwner
  #frames: FrameReader
  readonly #newFrames: () => FrameReader
  /** How many the chunk has that is being read. */
  #frameCount = 0

  constructor(
    { slot, id, bootId }: ClientIdentity,
    connection: Connection,
    output: Output,
    owner: ClientOwner,
    { packetBytesMax, nowMs }: { readonly packetBytesMax: number; readonly nowMs: number },
  ) {
    this.slot = slot
    this.id = id
    this.idBytes = bytesOf(id)
    this.entityId = bootId
    this.line = new Line(connection, this, () => owner.lineOver?.(connection.remote))
    this.output = output
    this.heardMs = nowMs
    this.#owner = owner
    const take = (bytes: Uint8Array, start: number, end: number) => {
      this.#frameCount++
      const isHeard = owner.frame(this, bytes, start, end)
      this.begun = true
      return isHeard
    }
    this.#newFrames = () => new FrameReader(take, { maxBytes: packetBytesMax })
    this.#frames = this.#newFrames()
  }

  get connection(): Connection {
    return this.line.connection
  }

  /** Begins to listen. TLS and compression have wrapped the connection before it got here. */
  open(): void {
    this.line.open()
  }

  get remote(): string {
    return this.connection.remote
  }

  /** Bytes of a frame, or of a message that carries it, that has not arrived whole. */
  get unfinishedBytes(): number {
    return this.#frames.waitingBytes + (this.connection.unfinishedBytes ?? 0)
  }

  /** What it costs in memory, both ways. */
  get memoryBytes(): number {
    const { connection, output } = this
    const held = this.session?.isLost ? 0 : (connection.unfinishedBytes ?? 0) + (connection.waitingBytes ?? 0)
    return output.memoryBytes + this.#frames.waitingBytes + held
  }

  /** The rest of what it has begun to say will not come, or is not wanted. */
  forgetUnfinished(): void {
    this.#frames = this.#newFrames()
  }

  receive(chunk: Uint8Array): void {
    if (this.state === 'gone') return
    if (this.takenBytes === 0) {
      // As a frame it may be one whose end never comes.
      const other = otherSpeech(chunk)
      if (other) return this.misspoken(other, 'it begins so')
    }
    // A message without anything in it, which only WebSockets have, is one too.
    this.#frameCount = chunk.length === 0 ? 1 : 0
    try {
      this.#frames.push(chunk)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#owner.badLength(this, messageOf(error))
    }
    this.takenBytes += chunk.length
    this.#owner.said?.(this, this.#frameCount, chunk.length)
  }

  /** It cannot be understood. */
  misspoken(what: Misspoken | OtherSpeech, detail: string): void {
    this.#owner.misspoken?.(this, what, detail)
  }

  /** The connection has dropped a message by itself. */
  dropped(bytes: number): void {
    this.#owner.said?.(this, 1, bytes)
  }

  /** The connection is over. */
  closed(reason: string): void {
    this.#owner.closed(this, reason)
  }
}

export const bytesOf = (id: string) => Uint8Array.from(id, (character) => character.charCodeAt(0))

/** What it is that begins so, when it is nothing that a gate speaks: as a frame each would be of a type that there is not. */
function otherSpeech(bytes: Uint8Array): OtherSpeech | undefined {
  if (bytes[0] === 0xff && isSnappy(bytes)) return 'snappy'
  // A record of TLS with a handshake in it, the one of a client.
  return bytes[0] === 0x16 && bytes[1] === 3 && bytes[5] === 1 ? 'tls' : undefined
}
