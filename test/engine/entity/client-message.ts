// A client's message rebuilt from what a game gives to a gate: the type, and what follows the client's id.
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'

const byCode = new Map(Object.entries(clientMessages).map(([name, message]) => [message.code, { name, message }]))

export function clientMessage(type: number, body: Uint8Array): Record<string, unknown> {
  const { name, message } = byCode.get(type)!
  const writer = new PacketWriter()
  if ('clientId' in message.fields) {
    writer.u16(0)
    writer.id('c'.repeat(16))
  }
  writer.raw(body)
  const {
    gateId: _gate,
    clientId: _client,
    ...fields
  } = message.read(writer.copy(), 0, writer.at) as Record<string, unknown>
  return { name, ...fields }
}
