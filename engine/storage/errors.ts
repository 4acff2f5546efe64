// The ways in which a store, or the way to it, says no.

/** The store failed: disk full, locked for too long, worker stopped, closed. The same request may succeed later. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
}

/** The value, id or key itself is refused. Trying again is of no use; the message names the path or the key. */
export class NotStorable extends Error {
  override readonly name = 'NotStorable'
}

/** The journal cannot take a save, and the store does not take it either: the entity counts as unsaved. */
export class JournalFull extends Error {
  override readonly name = 'JournalFull'
}

/** A later placement of the entity has saved since: what it saved stays, and this is not written. */
export class SaveOutdated extends Error {
  override readonly name = 'SaveOutdated'
}
