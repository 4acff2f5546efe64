// The gate's side of a client's stream, for tests: what the client wrote, and messages to it by name.

import type { ByteStream } from '../../../engine/client/stream.ts'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import type { ValuesOf } from '../../../engine/wire/table.ts'

export const CLIENT = 'client0000000001'
type Messages = typeof clientMessages
type Addressed = { gateId: number; clientId: string }

export class GateSide implements ByteStream {
  bufferedBytes = 0
  closedByClient = false
  readonly written: Uint8Array[] = []
  #onData: (chunk: Uint8Array) => void = () => {}
  #onClose: (reason: string) => void = () => {}

  write(bytes: Uint8Array): void {
    this.written.push(bytes)
  }
  onData(handler: (chunk: Uint8Array) => void): void {
    this.#onData = handler
  }
  onClose(handler: (reason: string) => void): void {
    this.#onClose = handler
  }
  close(): void {
    this.closedByClient = true
    this.#onClose('closed by the client')
  }

  push(chunk: Uint8Array): void {
    const shared = new Uint8Array(chunk)
    this.#onData(shared)
    shared.fill(0xee)
  }
  end(reason: string): void {
    this.#onClose(reason)
  }
  send<N extends keyof Messages>(name: N, values: Omit<ValuesOf<Messages[N]['fields']>, keyof Addressed>): void {
    this.push(frame(name, values))
  }
  create(entityId: string, type: string, attrs: Record<string, unknown> = {}, isPlayer = false): void {
    this.send('createEntity', { isPlayer, entityId, type, x: 1, y: 2, z: 3, yaw: 0.5, attrs: attrs as never })
  }
  /** What the client wrote: each frame's type and fields. */
  heard(): { name: string; values: Record<string, unknown> }[] {
    return this.written.map((bytes) => {
      const [name, message] = Object.entries(clientMessages).find(
        ([, { code }]) => code === bytes[4]! + bytes[5]! * 256,
      )!
      return { name, values: message.read(bytes, 6, bytes.length) }
    })
  }
}

export function frame<N extends keyof Messages>(
  name: N,
  values: Omit<ValuesOf<Messages[N]['fields']>, keyof Addressed>,
  clientId = CLIENT,
): Uint8Array {
  const writer = new PacketWriter()
  clientMessages[name].write(writer, { gateId: 1, clientId, ...values } as never)
  return writer.copy()
}
