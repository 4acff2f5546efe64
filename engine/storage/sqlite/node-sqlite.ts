// SQLite, as Node has it.
import type { DatabaseSync } from 'node:sqlite'
import { realClock } from '../../base/clock.ts'

export const SQLITE_BUSY = 5

const POLL_MS = 1
const nothing = new Int32Array(new SharedArrayBuffer(4))

/**
 * Does `action` as soon as no lock of another connection is in its way; throws what it throws when `limitMs` are over. It
 * looks every millisecond: SQLite by itself looks less and less often, and so misses the moments between the
 * transactions of one who is busy. For connections without a timeout of their own. Blocks the thread.
 */
export function onceUnlocked<T>(limitMs: number, action: () => T): T {
  const endMs = realClock.now() + limitMs
  for (;;) {
    try {
      return action()
    } catch (error) {
      if (!isBusy(error) || realClock.now() >= endMs) throw error
      Atomics.wait(nothing, 0, 0, POLL_MS)
    }
  }
}

const isBusy = (error: unknown) => ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_BUSY

/**
 * Readers and a writer do not wait for one another then. Waits for others that start on the same fresh file, `busyMs` at
 * the most: SQLite does not use its own busy timeout here. Throws when WAL is not possible.
 */
export function enterWal(database: DatabaseSync, busyMs: number): void {
  onceUnlocked(busyMs, () => {
    const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']
    if (mode !== 'wal') throw new Error(`WAL is not possible here (the journal stays ${mode}; a network disk?)`)
    database.exec('PRAGMA synchronous = NORMAL')
  })
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
