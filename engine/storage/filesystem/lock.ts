// The lock of a folder that several processes write to. It is a lock of the operating system on a file, by way of
// SQLite, so it ends with the process that holds it, however that ends, and nothing has to be found stale.
//
//     every store that is open   SHARED     who could have it EXCLUSIVE knows that there is no other
//     who puts files in place    RESERVED   one at a time, beside those who share
//
// Nothing is written to the file once it is made: taking the lock and giving it back are a few system calls (8 µs on a
// local disk), made on the spot. Whoever finds it taken tries again, as SQLite would, but without standing still.
import type { DatabaseSync } from 'node:sqlite'
import { scheduler } from 'node:timers/promises'
import { messageOf } from '../../base/errors.ts'
import { StorageError } from '../errors.ts'
import { loadSqlite } from '../sqlite/node-sqlite.ts'

const SQLITE_BUSY = 5
/** Held for the time of a few renames; a disk that is stuck may hold up others for so long. */
const WAIT_LIMIT_MS = 5000
const PAUSE_MS = 2

export class FolderLock {
  readonly #path: string
  readonly #waitLimitMs: number
  readonly #turns: DatabaseSync
  readonly #presence: DatabaseSync

  private constructor(path: string, waitLimitMs: number) {
    this.#path = path
    this.#waitLimitMs = waitLimitMs
    const { DatabaseSync } = loadSqlite()
    this.#turns = new DatabaseSync(path, { timeout: 0 })
    try {
      this.#presence = new DatabaseSync(path, { timeout: 0 })
    } catch (error) {
      this.#turns.close()
      throw error
    }
  }

  /** Opens, or makes, the lock file. When no other process has it open, `whenAlone` is run, with all others kept out. */
  static async open(path: string, whenAlone: () => Promise<void>, waitLimitMs = WAIT_LIMIT_MS): Promise<FolderLock> {
    let lock: FolderLock | undefined
    try {
      lock = new FolderLock(path, waitLimitMs)
      await lock.#enter(whenAlone)
      return lock
    } catch (error) {
      lock?.close()
      throw error instanceof StorageError ? error : new StorageError(`${path}: ${messageOf(error)}`)
    }
  }

  /** Runs `work` while nobody else runs theirs. Not to be called again before it is done. */
  async hold<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#retry(() => this.#turns.exec('BEGIN IMMEDIATE'))
    try {
      return await work()
    } finally {
      this.#turns.exec('ROLLBACK')
    }
  }

  close(): void {
    this.#turns.close()
    this.#presence.close()
  }

  async #enter(whenAlone: () => Promise<void>): Promise<void> {
    // An empty file would be filled at each lock.
    await this.#retry(() => {
      if (this.#turns.prepare('PRAGMA user_version').get()!['user_version'] !== 0) return
      this.#turns.exec('BEGIN EXCLUSIVE')
      this.#turns.exec('PRAGMA user_version = 1; COMMIT')
    })
    if (isFree(() => this.#turns.exec('BEGIN EXCLUSIVE'))) {
      try {
        await whenAlone()
      } finally {
        this.#turns.exec('ROLLBACK')
      }
    }
    await this.#retry(() => {
      if (!this.#presence.isTransaction) this.#presence.exec('BEGIN')
      this.#presence.prepare('SELECT count(*) FROM sqlite_schema').get()
    })
  }

  async #retry(action: () => void): Promise<void> {
    for (let attempt = 1; !isFree(action); attempt++) {
      if (attempt * PAUSE_MS > this.#waitLimitMs) {
        throw new StorageError(`${this.#path}: another process holds the lock for more than ${this.#waitLimitMs} ms`)
      }
      await scheduler.wait(PAUSE_MS)
    }
  }
}

/** Does it, unless the lock is another's. */
function isFree(action: () => void): boolean {
  try {
    action()
    return true
  } catch (error) {
    if (((error as { errcode?: number }).errcode ?? 0) % 256 !== SQLITE_BUSY) throw error
    return false
  }
}
