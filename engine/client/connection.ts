// How a client is connected, and what it hears when that changes.

/** `lost`: between two connections. */
export type ConnectionState = 'connecting' | 'open' | 'lost' | 'closed'

/** What becomes of the connection. */
export interface ConnectionEvent {
  /**
   * `restarted`: the server knows nothing of the session any more, all mirrors are destroyed, and another begins.
   * `restated`: the server has said everything anew, and hooks have told of what is different.
   */
  readonly state: ConnectionState | 'restarted' | 'restated'
  /** Connecting or lost: the how manieth try is next. */
  readonly attempt: number
  /** In so many milliseconds. */
  readonly nextTryMs: number
  /** Why it is lost or closed. */
  readonly reason: string
  /** Restated: calls of the server may be missing. */
  readonly missed: boolean
}
