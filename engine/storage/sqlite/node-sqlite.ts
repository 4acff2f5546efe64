// SQLite, as Node has it.
import type { DatabaseSync } from 'node:sqlite'

export const SQLITE_BUSY = 5

/**
 * Readers and a writer do not wait for one another then. Waits for others that start on the same fresh file, `busyMs` at
 * the most: SQLite does not use its own busy timeout here. Throws when WAL is not possible.
 */
export function enterWal(database: DatabaseSync, busyMs: number): void {
  const pauseMs = 20
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
      if (mode !== 'wal') throw new Error(`WAL is not possible here (the journal stays ${mode}; a network disk?)`)
      return
    } catch (error) {
      const busy = ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY
      if (!busy || waitedMs > busyMs) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
}

/** Early releases of Node 24 warn that SQLite is experimental. Keeps that one line, and no other, off the terminal. */
export function loadSqlite(): typeof import('node:sqlite') {
  const emitWarning = process.emitWarning
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) {
      Reflect.apply(emitWarning, process, [warning, ...rest])
    }
  }
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}
