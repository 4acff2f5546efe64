// Errors with a name that callers can tell apart, and the one that an operator sees.

/** The operator got something wrong (a flag, a key of goworld.ini, a port in use): one line, exit code 2. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}

/** A write to an entity that was destroyed, has left for another game, or was never restored. */
export class EntityGone extends Error {
  override readonly name = 'EntityGone'
}

/** Bytes that do not follow the protocol: too long, cut off, or of an unknown form. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/** An engine promise (kvdb, ask, enterSpace) whose time limit passed. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut'
}

/** No answer came in time: what was asked for may have been done or not. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

/** What was asked for was not done: there was nobody to ask, or no way there. */
export class Undelivered extends Error {
  override readonly name = 'Undelivered'
}

/** Whoever was asked could not do it; the message is that of its error. */
export class AskFailed extends Error {
  override readonly name = 'AskFailed'
}

/** The game is being frozen: what it still waits for, the restored one will not hear of. */
export class GameFrozen extends Error {
  override readonly name = 'GameFrozen'
}

/** We did it: a broken invariant of the engine itself. The process stops rather than go on with it. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
