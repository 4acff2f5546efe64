// The journals of the games of this machine: each game keeps its own, and writes to the store what a game that died has
// left in its.
//
//     gameDown 2 ─> is there goworld-journal/game2? ─> its lock ─> rows ─> store ─> journalReplayed to the dispatchers
//                                      └ another game, or game 2 itself, is at it: look again
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { FileJournal, type FileJournalOptions, type Journal } from '../../engine/storage/journal.ts'
import type { JournalRow } from '../../engine/storage/journal-file.ts'
import { SaveQueue } from '../../engine/storage/save-queue.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'

/** A journal that is ours alone until it is closed. */
export interface OpenJournal extends Journal {
  readonly left: readonly JournalRow[]
  readonly rows: number
  readonly bytes: number
  readonly failures: number
  close(): Promise<void>
}

export interface Journals {
  readonly own: OpenJournal
  /** That of another game; `used`: a living process has it, `none`: it is not of this machine. */
  open(gameId: number): Promise<OpenJournal | 'used' | 'none'>
}

const LOOK_MS = 100
/** How long a game that starts waits for whoever has its journal to be done with it. */
const OWN_WITHIN_MS = 15_000

/** Rejects with OperatorError when another process has the journal, with StorageError when it cannot be used. */
export async function openJournals(folder: string, gameId: number, options: FileJournalOptions): Promise<Journals> {
  const folderOf = (id: number) => join(folder, `game${id}`)
  const { clock } = options
  const end = clock.now() + OWN_WITHIN_MS
  let own = await FileJournal.open(folderOf(gameId), options)
  while (!own) {
    if (clock.now() >= end)
      throw new OperatorError(`${folderOf(gameId)}: another process has this journal: is game ${gameId} running twice?`)
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve))
    own = await FileJournal.open(folderOf(gameId), options)
  }
  return {
    own,
    async open(id) {
      if (!existsSync(folderOf(id))) return 'none'
      return (await FileJournal.open(folderOf(id), options)) ?? 'used'
    },
  }
}

export interface TakeoverOptions {
  readonly clock: Clock
  readonly log: Log
  readonly storage: EntityStorage
  readonly journals: Journals
  readonly writesMax: number
  readonly limitMs: number
}

/**
 * Writes what a dead game has left in its journal to the store. Resolves to whether all of it is there: false when its
 * journal is not of this machine, when a living process has it, or when the store does not take it in time.
 */
export async function takeOver(gameId: number, options: TakeoverOptions): Promise<boolean> {
  const { clock, log, storage, journals, writesMax, limitMs } = options
  const end = clock.now() + limitMs
  let journal: OpenJournal | 'used' | 'none'
  for (;;) {
    try {
      journal = await journals.open(gameId)
    } catch (error) {
      log.error(`the journal of game ${gameId} cannot be replayed: ${messageOf(error)}`)
      return false
    }
    if (journal !== 'used' || clock.now() >= end) break
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve))
  }
  if (typeof journal === 'string') return false
  const queue = new SaveQueue(storage, { clock, log, writesMax, journal })
  const saves = journal.left.length
  queue.adopt(journal.left)
  const { left } = await queue.drain(Math.max(0, end - clock.now()))
  queue.stop()
  await journal.close()
  if (left > 0)
    log.error(`${left} of ${saves} saves of game ${gameId}, which died, stay in its journal until it is started again`)
  else if (saves > 0) log.info(`${saves} saves of game ${gameId}, which died, are in the store`)
  return left === 0
}
