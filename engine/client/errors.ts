// What a server may get wrong towards a client, by kind, so that tools can count it.

export type ProtocolErrorKind =
  /** Bytes that do not follow the protocol. */
  | 'wire'
  /** A message type that no client knows. */
  | 'unknown message'
  /** Something about an entity that the client was not told of. */
  | 'unknown entity'
  /** An entity, a player or a space where there is one already. */
  | 'duplicate'
  /** A change that does not fit the attributes as the client has them. */
  | 'mirror'
  /** A message that names another client. */
  | 'misdelivered'
  /** A call of a method that would hide one of the SDK's own hooks. */
  | 'reserved method'

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly kind: ProtocolErrorKind

  constructor(kind: ProtocolErrorKind, message: string) {
    super(message)
    this.kind = kind
  }
}
