// What a session tells, raw, and what it counts: cheap enough for a bot among thousands.
import type { CallArguments } from './call-arguments.ts'
import type { ProtocolError } from './errors.ts'
import type { MirrorEntity } from './mirror.ts'

export interface Observer {
  onCreated?(entity: MirrorEntity): void
  onDestroyed?(entity: MirrorEntity): void
  onChanged?(entity: MirrorEntity, attr: string): void
  /** The entity still is where it was before. */
  onPosition?(entity: MirrorEntity, x: number, y: number, z: number, yaw: number): void
  onCall?(entity: MirrorEntity, method: string, args: CallArguments): void
  /** A call on whatever player each of the chosen clients has; also while this one has none. */
  onFiltered?(method: string, args: CallArguments): void
  onProtocolError?(error: ProtocolError): void
}

export const newCounters = () => ({
  framesIn: 0,
  bytesIn: 0,
  framesOut: 0,
  bytesOut: 0,
  /** Position records. */
  positions: 0,
  /** Messages about entities that the client was not told of. */
  unknownEntities: 0,
  protocolErrors: 0,
  hookErrors: 0,
  /** Calls that no hook and no observer wanted. */
  unheardCalls: 0,
  /** Moves not sent because too much waited, or the connection was lost; the latest is sent when it can be. */
  droppedMoves: 0,
  /** Calls that were on their way when the session went on elsewhere: they may have run or not. */
  unsureCalls: 0,
  /** Calls made while the connection was lost, to what is gone with the session. */
  droppedCalls: 0,
})

export type Counters = ReturnType<typeof newCounters>
