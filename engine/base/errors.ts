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

/** We did it: a broken invariant of the engine itself. The process stops rather than go on with it. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
