// One client of the gate: its connection, cut into frames, and what the gate knows of it.
//
//     waiting ──deployment ready──> booting ──bindPlayer──> bound ──connection closed──> gone
//             (no entity yet)               (boot entity asked for)       any state may end there
import { messageOf, WireError } from '../../engine/base/errors.ts'
import type { Connection } from '../../engine/net/connection.ts'
import { FrameReader } from '../../engine/wire/frame.ts'
import type { Output } from './output.ts'
import type { View } from './views.ts'

export type ClientState = 'waiting' | 'booting' | 'bound' | 'gone'

export interface ClientOwner {
  /** A whole frame: type and fields. Answers false when the client is not heard any more. */
  frame(client: Client, bytes: Uint8Array, start: number, end: number): boolean
  /** The client announced a frame of a length that is not allowed. */
  badLength(client: Client, message: string): void
  /** The connection is over. */
  closed(client: Client, reason: string): void
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
  readonly id: string
  /** The characters of the id. */
  readonly idBytes: Uint8Array
  readonly output: Output
  readonly connection: Connection
  state: ClientState = 'waiting'
  /** Whom the games are told has lost its client: the boot entity, then whoever was bound last. */
  entityId: string
  /** Boot entities that were asked for and given up: what comes of them is not wanted any more. */
  readonly givenUp = new Set<string>()
  /** The entity that the client plays, as long as a game says so. */
  player: View | undefined
  /** Whether positions of the player are taken from the client. */
  syncing = false
  /** Which refusals were logged; see `refusals.ts`. */
  refused = 0

  // For `heartbeat.ts`, which looks now and then.
  heard = true
  heardMs: number
  bootedMs = 0
  /** When the frame that is still unfinished was first seen so, or -1. */
  unfinishedMs = -1

  readonly #owner: ClientOwner
  readonly #frames: FrameReader

  constructor(
    { slot, id, bootId }: ClientIdentity,
    connection: Connection,
    output: Output,
    owner: ClientOwner,
    { packetBytesMax, nowMs }: { readonly packetBytesMax: number; readonly nowMs: number },
  ) {
    this.slot = slot
    this.id = id
    this.idBytes = Uint8Array.from(id, (character) => character.charCodeAt(0))
    this.entityId = bootId
    this.connection = connection
    this.output = output
    this.heardMs = nowMs
    this.#owner = owner
    // A later protocol's hello, a rate limit: they would sit here, between the frame and its handler.
    this.#frames = new FrameReader((bytes, start, end) => owner.frame(this, bytes, start, end), {
      maxBytes: packetBytesMax,
    })
  }

  /** Begins to listen. TLS and compression would have wrapped the connection before it got here. */
  open(): void {
    const { connection, output } = this
    connection.handle({
      data: (chunk) => this.#receive(chunk),
      drain: () => output.written(),
      close: (reason) => this.#owner.closed(this, reason),
    })
  }

  get remote(): string {
    return this.connection.remote
  }

  /** Bytes of a frame, or of a message that carries it, that has not arrived whole. */
  get unfinishedBytes(): number {
    return this.#frames.waitingBytes + (this.connection.unfinishedBytes ?? 0)
  }

  #receive(chunk: Uint8Array): void {
    if (this.state === 'gone') return
    try {
      this.#frames.push(chunk)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#owner.badLength(this, messageOf(error))
    }
  }
}
