// A look into a SQLite file from the thread that asks, for whoever starts: threads of its own take a tenth of a second to be
// there, and mostly the file is as it should be.
import { accessSync, constants } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { loadSqlite } from './node-sqlite.ts'

/**
 * Whether the file is there, may be written, and `sql` finds a row in it. Waits for nobody, whoever writes meanwhile; false when
 * anything is otherwise, and then those who can wait say what.
 */
export function glance(path: string, sql: string): boolean {
  let database: DatabaseSync | undefined
  try {
    // One that is not there would be made.
    accessSync(path, constants.W_OK)
    database = new (loadSqlite().DatabaseSync)(path, { timeout: 0 })
    const isWal = database.prepare('PRAGMA journal_mode').get()?.['journal_mode'] === 'wal'
    return isWal && database.prepare(sql).get() !== undefined
  } catch {
    return false
  } finally {
    if (database?.isOpen) database.close()
  }
}
