// How a connection of a session begins: our hello goes out, and the gate answers with its welcome, or with a farewell.
// What follows that belongs to the session's stream.
import { FEATURES, sessionMessages as messages, SESSION_VERSION } from '../wire/client-wire.ts'
import { FrameReader } from '../wire/frame.ts'
import { getU16 } from '../wire/packet.ts'
import { frameOf, type ValuesOf } from '../wire/table.ts'
import type { ByteStream } from './stream.ts'

/** What the client asks the gate for: bits of FEATURES. */
export const FEATURES_WANTED = FEATURES.compactPositions

const ANSWER_BYTES_MAX = 64 * 1024

export class Greeting {
  readonly stream: ByteStream
  readonly sentMs: number
  /** How much of the gate's stream the hello says has come. */
  readonly received: number
  welcome: ValuesOf<typeof messages.welcome.fields> | undefined
  /** Why the gate will not have us. */
  farewell: string | undefined
  readonly #frames = new FrameReader((bytes, start, end) => this.#frame(bytes, start, end), {
    maxBytes: ANSWER_BYTES_MAX,
  })

  constructor(stream: ByteStream, sentMs: number, token: string, playerId: string, received: number) {
    this.stream = stream
    this.sentMs = sentMs
    this.received = received
    const hello = { version: SESSION_VERSION, features: FEATURES_WANTED, token, playerId, received }
    stream.write(frameOf(messages.hello, hello))
  }

  /** Takes what comes until there is an answer; answers what has come behind it. Throws WireError for what cannot be one. */
  push(chunk: Uint8Array): Uint8Array {
    return chunk.subarray(this.#frames.push(chunk))
  }

  #frame(bytes: Uint8Array, start: number, end: number): boolean {
    const type = getU16(bytes, start)
    if (type === messages.welcome.code) this.welcome = messages.welcome.read(bytes, start + 2, end)
    else if (type === messages.farewell.code) this.farewell = messages.farewell.read(bytes, start + 2, end).reason
    // Until it has read the hello, a gate takes us for a client of GoWorld's.
    else return true
    return false
  }
}
