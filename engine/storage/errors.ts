// The two ways in which a store says no: the store failed, or what was handed in can never be stored.

/** The store failed: disk full, locked for too long, worker stopped, closed. The same request may succeed later. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
}

/** The value, id or key itself is refused. Trying again is of no use; the message names the path or the key. */
export class NotStorable extends Error {
  override readonly name = 'NotStorable'
}
