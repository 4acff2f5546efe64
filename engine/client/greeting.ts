// How a connection of a session begins: our hello goes out, and the gate answers with its welcome, or with a farewell.
// What follows that belongs to the session's stream.
import { sessionMessages as messages, SESSION_VERSION } from '../wire/client-wire.ts'
import { FrameReader } from '../wire/frame.ts'
import { getU16, PacketWriter } from '../wire/packet.ts'
import type { ValuesOf } from '../wire/table.ts'
import type { ByteStream } from './stream.ts'

/** What the client asks the gate for: bits of FEATURES. */
export const FEATURES_WANTED = 0

const ANSWER_BYTES_MAX = 64 * 1024
const LENGTH_BYTES = 4

export type Welcome = ValuesOf<typeof messages.welcome.fields>

export class Greeting {
  readonly stream: ByteStream
  readonly sentMs: number
  /** How much of the gate's stream the hello says has come. */
  readonly received: number
  welcome: Welcome | undefined
  /** Why the gate will not have us. */
  farewell: string | undefined
  readonly #frames: FrameReader
  #pushedBytes = 0
  #readBytes = 0

  constructor(stream: ByteStream, sentMs: number, { token, playerId, received }: Omit<Hello, 'version' | 'features'>) {
    this.stream = stream
    this.sentMs = sentMs
    this.received = received
    this.#frames = new FrameReader((bytes, start, end) => this.#frame(bytes, start, end), {
      maxBytes: ANSWER_BYTES_MAX,
    })
    const writer = new PacketWriter(128)
    messages.hello.write(writer, { version: SESSION_VERSION, features: FEATURES_WANTED, token, playerId, received })
    stream.write(writer.written())
  }

  /** Takes what comes until there is an answer; answers whether there is. Throws WireError for what cannot be one. */
  push(chunk: Uint8Array): boolean {
    this.#pushedBytes += chunk.length
    this.#frames.push(chunk)
    return this.welcome !== undefined || this.farewell !== undefined
  }

  /** What of the chunk that brought the answer came behind it. */
  restOf(chunk: Uint8Array): Uint8Array {
    return chunk.subarray(chunk.length - (this.#pushedBytes - this.#readBytes))
  }

  #frame(bytes: Uint8Array, start: number, end: number): boolean {
    this.#readBytes += LENGTH_BYTES + end - start
    const type = getU16(bytes, start)
    if (type === messages.welcome.code) this.welcome = messages.welcome.read(bytes, start + 2, end)
    else if (type === messages.farewell.code) this.farewell = messages.farewell.read(bytes, start + 2, end).reason
    // A gate that has not read the hello yet takes us for a client of GoWorld's.
    else return true
    return false
  }
}

type Hello = ValuesOf<typeof messages.hello.fields>
