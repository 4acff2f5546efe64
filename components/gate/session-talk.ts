// What gate and client say to each other about their session: how much has come, what time it is, that it goes on
// elsewhere, that it is over. Acknowledgements alone are no reason to acknowledge.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { sessionMessages } from '../../engine/wire/client-wire.ts'
import { FRAME_HEADER_BYTES, getU32, PacketWriter } from '../../engine/wire/packet.ts'
import type { ValuesOf } from '../../engine/wire/table.ts'
import type { Client } from './client.ts'
import { FrameCopy } from './frame-copy.ts'

type Table = typeof sessionMessages
type Said = 'taken' | 'pong' | 'restated' | 'moveOn' | 'farewell'

/** A client hears at the latest after so long, or when so much has come, how much that is. */
const TAKEN_MS = 1000
const TAKEN_BYTES = 8 * 1024
const NUMBER_BYTES = 4

export class SessionTalk {
  readonly #clock: Clock
  readonly #writer = new PacketWriter(256)
  readonly #frame = new FrameCopy()
  #owing: Client[] = []
  #next: Scheduled | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  stop(): void {
    this.#next?.cancel()
  }

  /** The welcome goes in front of the stream: as bytes of their own. */
  welcome(values: Omit<ValuesOf<Table['welcome']['fields']>, 'serverMs'>): Uint8Array {
    this.#writer.at = 0
    sessionMessages.welcome.write(this.#writer, { ...values, serverMs: this.#clock.wallMs() })
    return this.#writer.copy()
  }

  say<N extends Said>(client: Client, name: N, values: ValuesOf<Table[N]['fields']>): void {
    const writer = this.#writer
    writer.at = 0
    sessionMessages[name].write(writer, values as never)
    this.#frame.set(sessionMessages[name].code, writer.bytes, FRAME_HEADER_BYTES, writer.at)
    client.output.append(this.#frame)
  }

  /** How much of the gate's stream the client has. Answers false for what cannot be. */
  received(client: Client, bytes: Uint8Array, at: number, end: number): boolean {
    const { kept } = client.session!
    client.session!.acks++
    return end - at === NUMBER_BYTES && kept.acknowledge(getU32(bytes, at))
  }

  ping(client: Client, bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at !== NUMBER_BYTES) return false
    this.say(client, 'pong', { no: getU32(bytes, at), serverMs: this.#clock.wallMs() })
    return true
  }

  /** So many frames have come of a client, in one piece or less. */
  came(client: Client, frames: number): void {
    const session = client.session!
    const isNews = frames > session.acks
    session.acks = 0
    if (client.takenBytes - session.toldBytes >= TAKEN_BYTES || session.movesOn) return this.#taken(client)
    if (!isNews || session.owes) return
    session.owes = true
    this.#owing.push(client)
    this.#next ??= this.#clock.after(TAKEN_MS, () => this.#tell())
  }

  /** The session goes on elsewhere: the client wants to know what has come here before it goes. */
  moveOn(client: Client, reason: string): void {
    client.session!.movesOn = true
    this.#taken(client)
    this.say(client, 'moveOn', { reason })
  }

  #tell(): void {
    this.#next = undefined
    const owing = this.#owing
    this.#owing = []
    for (const client of owing) {
      const session = client.session!
      session.owes = false
      // Who is lost hears of it in its next welcome.
      if (client.state !== 'gone' && !session.isLost && client.takenBytes > session.toldBytes) this.#taken(client)
    }
  }

  #taken(client: Client): void {
    client.session!.toldBytes = client.takenBytes
    this.say(client, 'taken', { bytes: client.takenBytes >>> 0 })
  }
}
