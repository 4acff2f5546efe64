// The journals of the games of this machine: each game keeps its own, and sees to it that what games that died have left in
// theirs is written to the store.
//
//     again and again ─> goworld-journal/game2 ─> its lock ─> rows ─> store ─> journalReplayed to the dispatchers
//                           │ ^                     │           └──store away──> lock given back, again in a while
//                           │ └──────in a while─────┘ another game, or game 2 itself, has it
//                           └─> are all of them empty, or in the hands of games that are there? ─> journalsClear
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log } from '../../engine/base/log.ts'
import { FileJournal, type FileJournalOptions, type Journal } from '../../engine/storage/journal.ts'
import type { JournalRow } from '../../engine/storage/journal-file.ts'
import { entityKey } from '../../engine/storage/key.ts'
import { isEarlier, type SaveVersion } from '../../engine/storage/row.ts'
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
  /** The games that have one on this machine. */
  list(): readonly number[]
  /** That of another game; `used`: a living process has it, `none`: it is not of this machine. */
  open(gameId: number): Promise<OpenJournal | 'used' | 'none'>
}

const LOOK_MS = 100
/** How long a game that starts waits for whoever has its journal: none has it for longer than TRY_MS at a time. */
const OWN_WITHIN_MS = 15_000
const FOLDER = /^game([1-9]\d*)$/

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
    list: () =>
      existsSync(folder) ? readdirSync(folder).flatMap((name) => FOLDER.exec(name)?.slice(1).map(Number) ?? []) : [],
    async open(id) {
      if (!existsSync(folderOf(id))) return 'none'
      return (await FileJournal.open(folderOf(id), options)) ?? 'used'
    },
  }
}

/** How long a journal of another game is had at a time, so that the game itself never waits long for it. */
const TRY_MS = 3000
const PAUSE_FIRST_MS = 500
const PAUSE_MAX_MS = 4000
/** How often it is looked after those that are not clear, and after all. */
const BEAT_MS = 1000
const ALL_BEATS = 5
/** Whoever stops has its journal for a moment longer than it is there. */
const BRIEFLY_MS = 2000

export interface JournalWatchOptions {
  readonly clock: Clock
  readonly log: Log
  readonly storage: EntityStorage
  readonly journals: Journals
  readonly gameId: number
  readonly writesMax: number
  /** How long it counts when a journal is in the hands of a process that is not there, or cannot be read. */
  readonly limitMs: number
  /** Whether a dispatcher has said that the game is there, and may be believed. */
  readonly isHere: (gameId: number) => boolean
  /** All that a game that died had kept is in the store. */
  readonly replayed: (gameId: number) => void
  /** `clear` is another. */
  readonly changed: (clear: boolean) => void
}

/** The journal of another game. */
interface Watched {
  /** `foreign`: what is in it is for another store. */
  state: 'unknown' | 'clear' | 'used' | 'left' | 'unreadable' | 'foreign'
  sinceMs: number
  isTried: boolean
  /** The game is gone, and nobody has been told yet what became of its journal. */
  isLost: boolean
  notBeforeMs: number
  pauseMs: number
  /** What of it is in the store by now: it need not be written again. */
  readonly stored: Map<string, SaveVersion>
  /** What was begun in the last attempt may not be at its end. */
  queue: SaveQueue | undefined
  /** Ends the attempt. */
  end: (() => void) | undefined
}

/** Writes what dead games have left in the journals of this machine to the store, for as long as it takes. */
export class JournalWatch {
  readonly #options: JournalWatchOptions
  readonly #others = new Map<number, Watched>()
  readonly #tries = new Set<Promise<void>>()
  #ownIsClear = false
  #said: boolean | undefined
  #beats = 0
  #beat: Scheduled | undefined
  #stopped = false

  constructor(options: JournalWatchOptions) {
    this.#options = options
  }

  /** Every journal of this machine is empty, or in the hands of a game that is there and says so of its own. */
  get clear(): boolean {
    return this.#ownIsClear && this.#ids().every((id) => this.#isClear(id))
  }

  /** Looks at all of them, and again and again from now on. Resolves when each has been tried once. */
  async start(): Promise<void> {
    await this.#look(() => true)
    this.#beatLater()
  }

  /** What the process before this one had left in our own is in the store. */
  ownCleared(): void {
    this.#ownIsClear = true
    this.tell()
  }

  /** A game is there: from now on it is its journal, and not what it was. */
  came(gameId: number): void {
    const one = this.#others.get(gameId)
    if (one?.state === 'clear') this.#enter(one, 'unknown')
    this.tell()
  }

  /** A game is not there any more, or nobody can say. */
  doubt(gameId: number, isLost: boolean): void {
    if (this.#stopped || gameId === this.#options.gameId) return
    const one = this.#watched(gameId)
    one.isLost ||= isLost
    one.notBeforeMs = 0
    one.sinceMs = this.#options.clock.now()
    if (one.state !== 'left') one.state = 'unknown'
    this.tell()
    void this.#look((id) => id === gameId).then(() => this.#beatLater())
  }

  /** Says whether they are clear, when that has changed. */
  tell(): void {
    const { clear } = this
    if (this.#stopped || clear === this.#said) return
    this.#said = clear
    this.#options.changed(clear)
  }

  /** Lets go of all but our own. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#beat?.cancel()
    for (const { end } of this.#others.values()) end?.()
    await Promise.all(this.#tries)
  }

  #ids(): readonly number[] {
    const { journals, gameId } = this.#options
    return journals.list().filter((id) => id !== gameId)
  }

  #isClear(id: number): boolean {
    const { clock, limitMs, isHere } = this.#options
    const { state, sinceMs } = this.#others.get(id) ?? { state: 'unknown', sinceMs: clock.now() }
    if (state === 'clear' || state === 'foreign') return true
    if (state === 'left') return false
    // Nobody can do anything about the others, and nobody waits for ever.
    return isHere(id) || clock.now() - sinceMs >= limitMs
  }

  #watched(id: number): Watched {
    const known = this.#others.get(id)
    if (known) return known
    const one: Watched = {
      state: 'unknown',
      sinceMs: this.#options.clock.now(),
      isTried: false,
      isLost: false,
      notBeforeMs: 0,
      pauseMs: PAUSE_FIRST_MS,
      stored: new Map(),
      queue: undefined,
      end: undefined,
    }
    this.#others.set(id, one)
    return one
  }

  #enter(one: Watched, state: Watched['state']): void {
    if (one.state !== state) one.sinceMs = this.#options.clock.now()
    one.state = state
  }

  // --- again and again -----------------------------------------------------------------------------------------------

  #beatLater(): void {
    if (this.#stopped) return
    this.#beat?.cancel()
    const { clock } = this.#options
    const now = clock.now()
    const soon = this.#ids().some((id) => {
      const one = this.#others.get(id)
      return one?.state === 'used' && !this.#isClear(id) && now - one.sinceMs < BRIEFLY_MS
    })
    this.#beat = clock.after(soon ? LOOK_MS : BEAT_MS, () => {
      const looksAtAll = ++this.#beats % ALL_BEATS === 0
      void this.#look((id) => looksAtAll || !this.#options.isHere(id))
      this.#beatLater()
    })
  }

  async #look(which: (id: number) => boolean): Promise<void> {
    await Promise.all(
      this.#ids()
        .filter(which)
        .map((id) => this.#try(id)),
    )
    this.tell()
  }

  async #try(id: number): Promise<void> {
    const one = this.#watched(id)
    if (this.#stopped || one.isTried || this.#options.clock.now() < one.notBeforeMs) return
    // A store that does not answer is not asked for more and more.
    if (one.queue && one.queue.status().writing > 0) return
    one.isTried = true
    const trying = this.#open(id, one).finally(() => {
      one.isTried = false
      this.#tries.delete(trying)
    })
    this.#tries.add(trying)
    await trying
  }

  async #open(id: number, one: Watched): Promise<void> {
    const { log, journals } = this.#options
    try {
      const journal = await journals.open(id)
      if (typeof journal !== 'string') return await this.#replay(id, one, journal)
      // Whoever is to hear of it hears nothing: it may be on another machine.
      this.#enter(one, journal === 'used' ? 'used' : 'clear')
    } catch (error) {
      const state = error instanceof OperatorError ? 'foreign' : 'unreadable'
      if (one.state !== state) log.error(`the journal of game ${id} cannot be replayed: ${messageOf(error)}`)
      this.#enter(one, state)
      this.#pause(one)
    }
  }

  async #replay(id: number, one: Watched, journal: OpenJournal): Promise<void> {
    const { log } = this.#options
    const rows = journal.left.filter((row) => {
      const stored = one.stored.get(entityKey(row.type, row.id))
      const isNew = !stored || isEarlier(stored, row.row)
      if (!isNew) journal.confirm(row.type, row.id, row.row)
      return isNew
    })
    const isFirst = one.state !== 'left'
    const left = rows.length === 0 ? 0 : await this.#write(one, journal, rows)
    await journal.close()
    if (this.#stopped) return
    if (left > 0) {
      if (isFirst) log.error(`${left} of ${rows.length} saves of game ${id}, which died, wait for the store`)
      return this.#pause(one)
    }
    const saves = one.stored.size
    if (saves > 0) log.info(`${saves} saves of game ${id}, which died, are in the store`)
    const isNews = saves > 0 || one.isLost
    one.stored.clear()
    one.isLost = false
    one.pauseMs = PAUSE_FIRST_MS
    this.#enter(one, 'clear')
    if (isNews) this.#options.replayed(id)
  }

  /** Resolves to how many are not in the store when the time is over. */
  async #write(one: Watched, journal: OpenJournal, rows: readonly JournalRow[]): Promise<number> {
    const { clock, log, storage, writesMax } = this.#options
    this.#enter(one, 'left')
    this.tell()
    const noting: Journal = {
      append: (type, id, row) => journal.append(type, id, row),
      confirm(type, id, row) {
        one.stored.set(entityKey(type, id), { epoch: row.epoch, no: row.no })
        journal.confirm(type, id, row)
      },
      refused: (type, id, row, error) => journal.refused?.(type, id, row, error),
    }
    if (this.#stopped) return rows.length
    const queue = new SaveQueue(storage, { clock, log, writesMax, journal: noting })
    queue.adopt(rows)
    const ended = new Promise<void>((resolve) => {
      one.end = resolve
    })
    await Promise.race([queue.drain(TRY_MS), ended])
    one.end = undefined
    queue.stop()
    one.queue = queue
    return queue.depth
  }

  #pause(one: Watched): void {
    one.notBeforeMs = this.#options.clock.now() + one.pauseMs
    one.pauseMs = Math.min(2 * one.pauseMs, PAUSE_MAX_MS)
  }
}
