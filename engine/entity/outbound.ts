// What a world needs of the cluster: somewhere to write packets for an entity or for a gate. The real one is `Cluster`;
// tests hand in their own.
import type { MessageName, Values } from '../wire/messages.ts'
import type { PacketWriter } from '../wire/packet.ts'

export interface PacketSink {
  /** Whether there is a session: what is written without one is lost. */
  readonly up: boolean
  readonly out: PacketWriter
  /** Where the newest frame begins that has not left, or -1. Who has written it may go on with it, and call `end` again. */
  readonly lastFrame: number
  /** Begins a frame; what is then written to `out` is its fields, `end()` completes it. */
  begin(type: number): number
  end(): void
  send<N extends MessageName>(name: N, values: Values<N>): void
}

export interface Outbound {
  /** The link to the dispatcher that knows this entity. */
  toEntity(id: string): PacketSink
  /** The link by which all that is for this gate goes. */
  toGate(gateId: number): PacketSink
  /** A link by which answers get to this game. */
  toGame(gameId: number): PacketSink
  /** The link to the dispatcher that keeps this key of the registry. */
  toKey(key: string): PacketSink
}
