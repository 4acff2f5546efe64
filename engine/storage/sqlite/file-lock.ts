// A lock that one process at a time can have, and that the system takes from a process that dies, however it does: the
// write lock of a SQLite file that nothing is ever written to.
import type { DatabaseSync } from 'node:sqlite'
import { loadSqlite, SQLITE_BUSY } from './node-sqlite.ts'

export class FileLock {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Undefined when another has it. Throws when the file cannot be made. */
  static take(path: string): FileLock | undefined {
    const database = new (loadSqlite().DatabaseSync)(path)
    try {
      database.exec('BEGIN EXCLUSIVE')
      return new FileLock(database)
    } catch (error) {
      database.close()
      if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined
      throw error
    }
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}
