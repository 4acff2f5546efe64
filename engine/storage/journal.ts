// What a game has saved and the store has not confirmed yet, in files of its own machine: after a crash the next process
// writes it to the store. Rows are appended; a file whose rows are all confirmed, or replaced by newer ones, is done.
//
//     append ─> gathered ──end of turn──> written ──every fsyncMs──> on the disk: the save counts as kept
//                                            │
//     <folder>/lock                          v
//     <folder>/1.journal  done, removed   <folder>/2.journal  3 rows left   <folder>/3.journal  the current one
//
// One process at a time has the folder (file-lock.ts). All input and output is asynchronous, one operation at a time.
import { type FileHandle, mkdir, open, readdir, readFile, truncate, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Scheduled } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { JournalFull, StorageError } from './errors.ts'
import { decodeJournal, encodeJournalRow, type JournalRow } from './journal-file.ts'
import { isEarlier, type Row } from './row.ts'
import { FileLock } from './sqlite/file-lock.ts'

/** What the save queue needs of a journal. */
export interface Journal {
  /**
   * Keeps a row in place of an earlier one of the same entity. Resolves when it is on the disk; rejects with JournalFull
   * or StorageError when it cannot be kept.
   */
  append(type: string, id: string, row: Row): Promise<void>
  /** The store has this row, or will never take it: it need not be kept any more, unless a later one is. */
  confirm(type: string, id: string, row: Row): void
}

export interface FileJournalOptions {
  readonly clock: Clock
  readonly log: Log
  /** How often what was written is forced to the disk; 0: after every write. */
  readonly fsyncMs: number
  readonly bytesMax: number
  /** A file that is larger is followed by the next. */
  readonly fileBytesMax?: number
}

interface JournalFile {
  readonly path: string
  readonly handle: FileHandle | undefined
  bytes: number
  /** Rows in it that are the newest of their entity and not confirmed. */
  live: number
}

interface Kept extends JournalRow {
  readonly bytes: number
  /** Where it is; undefined until it is written. */
  file: JournalFile | undefined
  /** What it replaces, which stays where it is until this is on the disk. */
  replaced: Kept | undefined
  released: boolean
}

/** Rows that go to the file together, and those who wait for them. */
interface Batch {
  readonly kept: Kept[]
  readonly chunks: Buffer[]
  readonly done: PromiseWithResolvers<void>
}

const FILE_BYTES_MAX = 8 * 1024 * 1024
const SUFFIX = '.journal'

export class FileJournal implements Journal {
  /** Appends that could not be kept. */
  failures = 0
  readonly #folder: string
  readonly #options: FileJournalOptions
  readonly #lock: FileLock
  /** The newest row of each entity, by type and id. */
  readonly #live = new Map<string, Kept>()
  #liveBytes = 0
  #left: readonly JournalRow[] = []
  #compacting = false
  /** The oldest first; the last one is written to, unless it is of an earlier process. */
  readonly #files: JournalFile[] = []
  #number = 0
  #gathered: Batch | undefined
  /** Written, and not forced to the disk yet. */
  #unsynced: Batch[] = []
  #work: Promise<void> = Promise.resolve()
  #alarm: Scheduled | undefined
  #failing = false
  #closed = false

  private constructor(folder: string, options: FileJournalOptions, lock: FileLock) {
    this.#folder = folder
    this.#options = options
    this.#lock = lock
  }

  /**
   * Makes the folder if need be, and reads what is there. Undefined when another process has it. Rejects with
   * StorageError when it cannot be read or written.
   */
  static async open(folder: string, options: FileJournalOptions): Promise<FileJournal | undefined> {
    try {
      await mkdir(folder, { recursive: true })
      const lock = FileLock.take(join(folder, 'lock'))
      if (!lock) return undefined
      try {
        const journal = new FileJournal(folder, options, lock)
        await journal.#read()
        return journal
      } catch (error) {
        lock.release()
        throw error
      }
    } catch (error) {
      throw new StorageError(`the journal in ${folder}: ${messageOf(error)}`, { cause: error })
    }
  }

  /** What a process before this one has left, the newest row of each entity. They are kept until they are confirmed. */
  get left(): readonly JournalRow[] {
    return this.#left
  }

  /** Rows that are kept. */
  get rows(): number {
    return this.#live.size
  }

  /** What the files take up. */
  get bytes(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  append(type: string, id: string, row: Row): Promise<void> {
    if (this.#closed) return Promise.reject(new StorageError('the journal is closed'))
    const chunk = encodeJournalRow({ type, id, row })
    if (this.#liveBytes + chunk.length > this.#options.bytesMax) return Promise.reject(this.#full())
    this.#gather({ type, id, row }, chunk)
    const { done } = this.#gathered!
    this.#compact()
    return done.promise
  }

  confirm(type: string, id: string, row: Row): void {
    const key = keyOf(type, id)
    const kept = this.#live.get(key)
    if (!kept || isEarlier(row, kept.row)) return
    this.#live.delete(key)
    this.#liveBytes -= kept.bytes
    release(kept)
    this.#tidyLater()
  }

  /** Resolves when all that was appended is on the disk, and the folder is free for another process. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#alarm?.cancel()
    this.#flush()
    await this.#then(() => this.#sync())
    await this.#then(() => this.#tidy())
    for (const { handle } of this.#files) await handle?.close()
    this.#lock.release()
  }

  // --- what is kept --------------------------------------------------------------------------------------------------

  #full(): JournalFull {
    const { bytesMax, log } = this.#options
    this.failures++
    if (!this.#failing) log.error('the journal is full', { folder: this.#folder, bytes: this.#liveBytes })
    this.#failing = true
    return new JournalFull(`the journal in ${this.#folder} is full: ${bytesMax} bytes wait for the store`)
  }

  /** When the files are much more than what is kept in them, that is written anew, and they are done. */
  #compact(): void {
    const { fileBytesMax = FILE_BYTES_MAX } = this.#options
    if (this.#compacting || this.bytes <= 2 * Math.max(this.#liveBytes, 4 * fileBytesMax)) return
    this.#compacting = true
    for (const kept of [...this.#live.values()]) if (kept.file) this.#gather(kept, encodeJournalRow(kept))
    const over = () => {
      this.#compacting = false
    }
    this.#gathered!.done.promise.then(over, over)
  }

  #gather({ type, id, row }: JournalRow, chunk: Buffer): void {
    if (!this.#gathered) {
      this.#gathered = { kept: [], chunks: [], done: Promise.withResolvers() }
      this.#gathered.done.promise.catch(() => {})
      this.#options.clock.defer(() => this.#flush())
    }
    const key = keyOf(type, id)
    const replaced = this.#live.get(key)
    const kept: Kept = { type, id, row, bytes: chunk.length, file: undefined, replaced, released: false }
    this.#live.set(key, kept)
    this.#liveBytes += kept.bytes - (replaced?.bytes ?? 0)
    this.#gathered.kept.push(kept)
    this.#gathered.chunks.push(chunk)
  }

  /** What these would have replaced is what is kept. */
  #fail(batches: readonly Batch[], error: unknown): void {
    const { code } = error as { code?: string }
    const { log } = this.#options
    const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    const message = `the journal in ${this.#folder}: ${messageOf(error)}`
    if (!this.#failing) log.error('the journal cannot be written', { folder: this.#folder, error: messageOf(error) })
    this.#failing = true
    for (const { kept, done } of batches.toReversed()) {
      this.failures += kept.length
      for (const one of kept.toReversed()) this.#undo(one)
      done.reject(full ? new JournalFull(message, { cause: error }) : new StorageError(message, { cause: error }))
    }
  }

  #undo(one: Kept): void {
    const key = keyOf(one.type, one.id)
    const { replaced } = one
    one.replaced = undefined
    if (one.file) one.file.live--
    one.file = undefined
    const newest = this.#live.get(key)
    if (newest === one) {
      this.#liveBytes += (replaced?.bytes ?? 0) - one.bytes
      if (replaced) this.#live.set(key, replaced)
      else this.#live.delete(key)
      return
    }
    // A newer one stands on it: that replaces what this would have.
    for (let above = newest; above; above = above.replaced) if (above.replaced === one) above.replaced = replaced
  }

  // --- files ---------------------------------------------------------------------------------------------------------

  #then(action: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(action)
    return this.#work
  }

  #flush(): void {
    const batch = this.#gathered
    if (!batch) return
    this.#gathered = undefined
    void this.#then(() => this.#write(batch))
  }

  async #write(batch: Batch): Promise<void> {
    const bytes = Buffer.concat(batch.chunks)
    let file: JournalFile | undefined
    try {
      file = await this.#current()
      await writeAll(file.handle!, bytes, file.bytes)
      file.bytes += bytes.length
    } catch (error) {
      // What may be there of it is cut off by the next write, which begins in the same place.
      this.#fail([batch], error)
      return
    }
    for (const kept of batch.kept) {
      if (kept.released) continue
      kept.file = file
      file.live++
    }
    this.#unsynced.push(batch)
    const { clock, fsyncMs } = this.#options
    if (fsyncMs === 0 || this.#closed) {
      await this.#sync()
      return this.#files.length > 1 ? this.#tidy() : undefined
    }
    this.#alarm ??= clock.after(fsyncMs, () => {
      this.#alarm = undefined
      void this.#then(() => this.#sync()).then(() => this.#then(() => this.#tidy()))
    })
  }

  async #sync(): Promise<void> {
    const batches = this.#unsynced
    if (batches.length === 0) return
    this.#unsynced = []
    const file = this.#files.at(-1)
    try {
      await file?.handle?.datasync()
    } catch (error) {
      // Nobody knows what is on the disk: what comes next goes to another file.
      this.#fail(batches, error)
      this.#files.push({ path: '', handle: undefined, bytes: 0, live: 0 })
      return
    }
    if (this.#failing) this.#options.log.info('the journal can be written again', { folder: this.#folder })
    this.#failing = false
    for (const { kept, done } of batches) {
      for (const one of kept) {
        if (one.replaced) release(one.replaced)
        one.replaced = undefined
      }
      done.resolve()
    }
  }

  async #current(): Promise<JournalFile> {
    const last = this.#files.at(-1)
    const { fileBytesMax = FILE_BYTES_MAX } = this.#options
    if (last?.handle && (last.bytes < fileBytesMax || last.live === 0)) return last
    // What the last one has is on the disk before anything is written behind it.
    await this.#sync()
    const path = join(this.#folder, `${++this.#number}${SUFFIX}`)
    const file = { path, handle: await open(path, 'wx'), bytes: 0, live: 0 }
    await syncFolder(this.#folder)
    this.#files.push(file)
    return file
  }

  /** Once the store is behind nothing any more, nothing need be left of the files. */
  #tidyLater(): void {
    if (this.#closed || this.#live.size > 0 || this.#alarm) return
    this.#alarm = this.#options.clock.after(Math.max(this.#options.fsyncMs, 10), () => {
      this.#alarm = undefined
      void this.#then(() => this.#sync()).then(() => this.#then(() => this.#tidy()))
    })
  }

  /** Removes the files that are done; the current one is emptied. */
  async #tidy(): Promise<void> {
    try {
      for (const file of this.#files.slice(0, -1)) {
        if (file.live > 0) continue
        this.#files.splice(this.#files.indexOf(file), 1)
        await file.handle?.close()
        if (file.path !== '') await unlink(file.path)
      }
      const last = this.#files.at(-1)
      if (!last || last.live > 0 || last.bytes === 0 || this.#unsynced.length > 0 || this.#gathered) return
      if (last.handle) await last.handle.truncate(0)
      else await truncate(last.path, 0)
      last.bytes = 0
    } catch (error) {
      this.#options.log.error('the journal cannot be tidied', { folder: this.#folder, error: messageOf(error) })
    }
  }

  async #read(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(SUFFIX))
    const numbers = names.map((name) => Number.parseInt(name, 10)).sort((a, b) => a - b)
    for (const number of numbers) {
      const path = join(this.#folder, `${number}${SUFFIX}`)
      const content = await readFile(path)
      const { rows, end } = decodeJournal(content)
      if (end < content.length)
        this.#options.log.warn('the end of a journal file cannot be read', { path, bytes: content.length - end })
      const file: JournalFile = { path, handle: undefined, bytes: content.length, live: 0 }
      this.#files.push(file)
      for (const { type, id, row, bytes } of rows) {
        const key = keyOf(type, id)
        const before = this.#live.get(key)
        if (before && isEarlier(row, before.row)) continue
        if (before) release(before)
        this.#live.set(key, { type, id, row, bytes, file, replaced: undefined, released: false })
        this.#liveBytes += bytes - (before?.bytes ?? 0)
        file.live++
      }
      this.#number = number
    }
    this.#left = [...this.#live.values()]
    if (this.#live.size === 0) await this.#tidy()
  }
}

const keyOf = (type: string, id: string): string => `${type.length}:${type}${id}`

/** It need not be in its file any more, nor what it was to replace in theirs. */
function release(kept: Kept): void {
  for (let one: Kept | undefined = kept; one; one = one.replaced) {
    if (one.file) one.file.live--
    one.file = undefined
    one.released = true
  }
  kept.replaced = undefined
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}

/** A new file is there after a power failure only when its folder is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
