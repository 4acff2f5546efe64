// A client as GoWorld's chat room published one in 2017, by its bytes: a call is message 12, of the gate's messages it knows
// four, and in a call to filtered clients it reads key, value, method and arguments, with no operator in front.
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { readArgs, readData, writeArgs } from '../../../engine/wire/codec.ts'
import { FrameReader } from '../../../engine/wire/frame.ts'
import { getU16, PacketReader, PacketWriter } from '../../../engine/wire/packet.ts'

const [CALL, CREATE, DESTROY, CALLED, CALLED_FILTERED] = [12, 1002, 1003, 1009, 1501]
/** The gate's number and the client's id. */
const ADDRESS_BYTES = 2 + 16

export class OldClient {
  /** `Type.method(arguments)` of each call, by the type of the entity that was called. */
  readonly heard: string[] = []
  readonly types = new Map<string, string>()
  player: { readonly id: string; readonly type: string; readonly attrs: unknown } | undefined
  readonly #socket: WebSocket

  static async connect(url: string): Promise<OldClient> {
    const client = new OldClient(new WebSocket(url))
    await once(client.#socket, 'open')
    return client
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    onTestFinished(() => socket.close())
    const frames = new FrameReader((bytes, start, end) => this.#receive(bytes, start, end), { maxBytes: 1 << 20 })
    socket.onmessage = ({ data }) => frames.push(new Uint8Array(data as ArrayBuffer))
  }

  callServer(method: string, ...args: unknown[]): void {
    const writer = new PacketWriter()
    const start = writer.beginFrame(CALL)
    writer.id(this.player!.id)
    writer.varstr(method)
    writeArgs(writer, args)
    writer.endFrame(start)
    this.#socket.send(writer.copy() as Uint8Array<ArrayBuffer>)
  }

  #receive(bytes: Uint8Array, start: number, end: number): undefined {
    const type = getU16(bytes, start)
    const reader = new PacketReader().reset(bytes, start + 2, end)
    if (type !== CALLED_FILTERED) reader.skip(ADDRESS_BYTES)
    if (type === CREATE) this.#create(reader)
    else if (type === DESTROY) this.#destroy(reader)
    else if (type === CALLED) this.#called(this.types.get(reader.id())!, reader)
    else if (type === CALLED_FILTERED) {
      reader.varstr()
      reader.varstr()
      this.#called(this.player!.type, reader)
    }
  }

  #create(reader: PacketReader): void {
    const isPlayer = reader.u8() !== 0
    const id = reader.id()
    const type = reader.varstr()
    reader.skip(4 * 4)
    const attrs = readData(reader)
    this.types.set(id, type)
    if (isPlayer) this.player = { id, type, attrs }
  }

  #destroy(reader: PacketReader): void {
    reader.varstr()
    const id = reader.id()
    this.types.delete(id)
    if (this.player?.id === id) this.player = undefined
  }

  #called(type: string, reader: PacketReader): void {
    const method = reader.varstr()
    this.heard.push(`${type}.${method}(${readArgs(reader).join(', ')})`)
  }
}
