// A cluster of nobody: what a world says to it is lost. For worlds that only try something, and are thrown away.
import { messages } from '../wire/messages.ts'
import { PacketWriter } from '../wire/packet.ts'
import type { Outbound, PacketSink } from './outbound.ts'

export function nowhere(): Outbound {
  const out = new PacketWriter(1024)
  const sink: PacketSink = {
    out,
    up: true,
    lastFrame: -1,
    begin(type) {
      out.at = 0
      return out.beginFrame(type)
    },
    end() {
      out.at = 0
    },
    send(name, values) {
      out.at = 0
      messages[name].write(out, values as never)
    },
  }
  const to = () => sink
  return { toEntity: to, toGate: to, toGame: to, toKey: to }
}
