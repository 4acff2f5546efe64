// What a game has saved and the store has not confirmed yet, in files of its own machine: after a crash the next process
// writes it to the store. Rows are appended; a file whose rows are all confirmed, or replaced by newer ones, is done.
//
//     append ─> gathered ──end of turn──> written ──every fsyncMs──> on the disk: the save counts as kept
//                                            │
//     <folder>/lock                          v
//     <folder>/1.journal  done, removed   <folder>/2.journal  3 rows left   <folder>/3.journal  the current one
//     <folder>/refused    what the store will never take, a line of JSON each
//
// One process at a time has the folder (file-lock.ts). All input and output is asynchronous, one operation at a time.
// Each file says which store its rows are for, and no other gets them. What is damaged is kept, beside what is not.
import { existsSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Scheduled } from '../base/clock.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import type { Log, LogFields } from '../base/log.ts'
import { JournalFull, StorageError } from './errors.ts'
import {
  encodeJournalRow,
  encodeJournalStore,
  JournalFileReader,
  type JournalRow,
  type StoredJournalRow,
} from './journal-file.ts'
import { entityKey } from './key.ts'
import { isEarlier, type Row } from './row.ts'
import { FileLock } from './sqlite/file-lock.ts'

/** What the save queue needs of a journal. */
export interface Journal {
  /**
   * Keeps a row in place of an earlier one of the same entity. Resolves when it is on the disk; rejects with JournalFull
   * or StorageError when it cannot be kept.
   */
  append(type: string, id: string, row: Row): Promise<void>
  /** The store has this row or a later one: it need not be kept any more, unless a later one is. */
  confirm(type: string, id: string, row: Row): void
  /** The store will never take this row: it is kept where people find it. */
  refused?(type: string, id: string, row: Row, error: unknown): void
}

export interface FileJournalOptions {
  readonly clock: Clock
  readonly log: Log
  /** How often what was written is forced to the disk; 0: after every write. */
  readonly fsyncMs: number
  readonly bytesMax: number
  /** A file that is larger is followed by the next. */
  readonly fileBytesMax?: number
  /** The name of the store that the rows are for. A journal with rows for another is not opened. */
  readonly store?: string
}

interface JournalFile {
  readonly path: string
  readonly handle: FileHandle | undefined
  damaged: boolean
  bytes: number
  /** There may be something behind `bytes`, of a write that failed. */
  frayed: boolean
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

/** Rows that go to the file together, one of each entity, and those who wait for them. */
interface Batch {
  readonly kept: Map<string, Kept>
  /** The same, as bytes, until they are written. */
  readonly chunks: Map<string, Buffer>
  bytes: number
  readonly done: PromiseWithResolvers<void>
}

const MIB = 1024 * 1024
const FILE_BYTES_MAX = 8 * MIB
/** Rows that are not on the disk yet: more than a disk takes within `fsyncMs`, little beside what a game has. */
const PENDING_BYTES_MAX = 64 * MIB
/** So much at once, then others have their turn: some milliseconds. */
const SLICE_ROWS = 1000
const SLICE_BYTES = 1 * MIB
/** How often it is said that there is no room. */
const SAY_EVERY_MS = 10_000
const FILE_NAME = /^\d{1,15}\.journal$/

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
  /** Of rows that are gathered, being written, or unsynced. */
  #pendingBytes = 0
  #work: Promise<void> = Promise.resolve()
  #alarm: Scheduled | undefined
  #failing = false
  #saidMs = Number.NEGATIVE_INFINITY
  #refusedFull = false
  #closed = false

  private constructor(folder: string, options: FileJournalOptions, lock: FileLock) {
    this.#folder = folder
    this.#options = options
    this.#lock = lock
  }

  /**
   * Makes the folder if need be, and reads what is there. Undefined when another process has it. Rejects with
   * StorageError when it cannot be read or written, and with OperatorError when its rows are for another store.
   */
  static async open(folder: string, options: FileJournalOptions): Promise<FileJournal | undefined> {
    try {
      await mkdir(folder, { recursive: true })
      const lock = FileLock.take(join(folder, 'lock'))
      if (!lock) return undefined
      try {
        const journal = new FileJournal(folder, options, lock)
        await journal.#read()
        await journal.#mend()
        return journal
      } catch (error) {
        lock.release()
        throw error
      }
    } catch (error) {
      if (error instanceof OperatorError) throw error
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
    const { bytesMax } = this.#options
    const chunk = encodeJournalRow({ type, id, row })
    if (this.#liveBytes + chunk.length > bytesMax)
      return Promise.reject(this.#full(`${bytesMax} bytes wait for the store`))
    const replaced = this.#gathered?.kept.get(entityKey(type, id))?.bytes ?? 0
    if (this.#pendingBytes + chunk.length - replaced > Math.min(bytesMax, PENDING_BYTES_MAX))
      return Promise.reject(this.#full(`${this.#pendingBytes} bytes wait for the disk`))
    this.#gather({ type, id, row }, chunk)
    const { done } = this.#gathered!
    this.#compact()
    return done.promise
  }

  confirm(type: string, id: string, row: Row): void {
    const key = entityKey(type, id)
    const kept = this.#live.get(key)
    if (!kept || isEarlier(row, kept.row)) return
    this.#live.delete(key)
    this.#liveBytes -= kept.bytes
    release(kept)
    if (this.#live.size === 0) this.#left = []
    this.#tidyLater()
  }

  /** It goes over to the file of those that were refused; where that fails it stays in the journal. */
  refused(type: string, id: string, row: Row, error: unknown): void {
    if (!this.#closed) void this.#then(() => this.#writeRefused(type, id, row, error))
  }

  /** Resolves when all that was appended is on the disk, and the folder is free for another process. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#alarm?.cancel()
    this.#flush()
    await this.#then(() => this.#sync())
    await this.#then(() => this.#tidy())
    for (const file of this.#files) {
      try {
        await trim(file)
      } catch (error) {
        this.#untidy(error)
      }
      await file.handle?.close().catch((error: unknown) => this.#untidy(error))
    }
    this.#lock.release()
  }

  // --- what is kept --------------------------------------------------------------------------------------------------

  #full(what: string): JournalFull {
    this.failures++
    this.#say('the journal is full', { bytes: this.#liveBytes, pending: this.#pendingBytes })
    return new JournalFull(`the journal in ${this.#folder} is full: ${what}`)
  }

  /** Once until it is over, and not all the time when it comes and goes. */
  #say(message: string, fields: LogFields): void {
    const { clock, log } = this.#options
    if (this.#failing || clock.now() - this.#saidMs < SAY_EVERY_MS) return
    this.#failing = true
    this.#saidMs = clock.now()
    log.error(message, { folder: this.#folder, ...fields })
  }

  /** When the files are much more than what is kept in them, that is written anew, and they are done. */
  #compact(): void {
    const { fileBytesMax = FILE_BYTES_MAX } = this.#options
    if (this.#compacting || this.bytes <= 2 * Math.max(this.#liveBytes, 4 * fileBytesMax)) return
    this.#compacting = true
    const over = () => {
      this.#compacting = false
    }
    this.#renew([...this.#live.values()]).then(over, over)
  }

  /** Writes those of the rows that are in a file to the current one, some at a time. Rejects when they cannot be. */
  async #renew(rows: readonly Kept[]): Promise<void> {
    for (let at = 0; at < rows.length && !this.#closed; ) {
      for (let count = 0, bytes = 0; at < rows.length && count < SLICE_ROWS && bytes < SLICE_BYTES; at++) {
        const kept = rows[at]!
        if (!kept.file || this.#live.get(entityKey(kept.type, kept.id)) !== kept) continue
        this.#gather(kept, encodeJournalRow(kept))
        count++
        bytes += kept.bytes
      }
      await this.#gathered?.done.promise
    }
  }

  #gather({ type, id, row }: JournalRow, chunk: Buffer): void {
    if (!this.#gathered) {
      this.#gathered = { kept: new Map(), chunks: new Map(), bytes: 0, done: Promise.withResolvers() }
      this.#gathered.done.promise.catch(() => {})
      this.#options.clock.defer(() => this.#flush())
    }
    const key = entityKey(type, id)
    const batch = this.#gathered
    // One that was not written takes its place in the batch, and nobody knows of it any more.
    const waiting = batch.kept.get(key)
    const newest = this.#live.get(key)
    const replaced = waiting ? waiting.replaced : newest
    const kept: Kept = { type, id, row, bytes: chunk.length, file: undefined, replaced, released: false }
    this.#live.set(key, kept)
    this.#liveBytes += kept.bytes - (newest?.bytes ?? 0)
    batch.kept.set(key, kept)
    batch.chunks.set(key, chunk)
    const more = kept.bytes - (waiting?.bytes ?? 0)
    batch.bytes += more
    this.#pendingBytes += more
  }

  /** What these would have replaced is what is kept. */
  #fail(batches: readonly Batch[], error: unknown): void {
    const { code } = error as { code?: string }
    const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    const message = `the journal in ${this.#folder}: ${messageOf(error)}`
    this.#say('the journal cannot be written', { error: messageOf(error) })
    for (const { kept, bytes, done } of batches.toReversed()) {
      this.#pendingBytes -= bytes
      this.failures += kept.size
      for (const one of kept.values()) this.#undo(one)
      done.reject(full ? new JournalFull(message, { cause: error }) : new StorageError(message, { cause: error }))
    }
  }

  #undo(one: Kept): void {
    const key = entityKey(one.type, one.id)
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

  /** What comes until the write begins goes with it. */
  #flush(): void {
    void this.#then(async () => {
      const batch = this.#gathered
      this.#gathered = undefined
      if (batch) await this.#write(batch)
    })
  }

  async #write(batch: Batch): Promise<void> {
    let file: JournalFile
    try {
      file = await this.#current()
      file.frayed = true
      let end = file.bytes
      if (end === 0) end += await writeAll(file.handle!, encodeJournalStore(this.#options.store ?? ''), 0)
      for (const bytes of joined(batch.chunks.values())) end += await writeAll(file.handle!, bytes, end)
      file.bytes = end
      file.frayed = false
    } catch (error) {
      this.#fail([batch], error)
      return
    }
    batch.chunks.clear()
    for (const kept of batch.kept.values()) {
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
      this.#files.push(newFile('', undefined))
      return
    }
    if (this.#failing) this.#options.log.info('the journal can be written again', { folder: this.#folder })
    this.#failing = false
    for (const { kept, bytes, done } of batches) {
      this.#pendingBytes -= bytes
      for (const one of kept.values()) {
        if (one.replaced) release(one.replaced)
        one.replaced = undefined
      }
      done.resolve()
    }
  }

  async #current(): Promise<JournalFile> {
    const last = this.#files.at(-1)
    const { fileBytesMax = FILE_BYTES_MAX } = this.#options
    // One that cannot be cut is not written to any more.
    const sound =
      last !== undefined &&
      (await trim(last).then(
        () => true,
        () => false,
      ))
    if (sound && last.handle && (last.bytes < fileBytesMax || last.live === 0)) return last
    // What the last one has is on the disk before anything is written behind it.
    await this.#sync()
    const path = join(this.#folder, `${++this.#number}.journal`)
    const handle = await open(path, 'wx')
    try {
      await syncFolder(this.#folder)
    } catch (error) {
      await handle.close().catch(() => {})
      await unlink(path).catch(() => {})
      throw error
    }
    const file = newFile(path, handle)
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
      for (const file of this.#files.slice(0, -1)) if (file.live === 0) await this.#remove(file)
      const last = this.#files.at(-1)
      if (!last || last.live > 0 || this.#unsynced.length > 0 || this.#gathered) return
      if (!last.handle) return await this.#remove(last)
      if (last.bytes === 0) return
      last.frayed = true
      last.bytes = 0
      await trim(last)
    } catch (error) {
      this.#untidy(error)
    }
  }

  async #remove(file: JournalFile): Promise<void> {
    this.#files.splice(this.#files.indexOf(file), 1)
    await file.handle?.close()
    if (file.path === '') return
    if (!file.damaged) return unlink(file.path)
    let aside = `${file.path}.damaged`
    for (let n = 2; existsSync(aside); n++) aside = `${file.path}.${n}.damaged`
    await rename(file.path, aside)
    this.#options.log.error('a damaged journal file is put aside: what was good of it is kept', { path: aside })
  }

  #untidy(error: unknown): void {
    this.#options.log.error('the journal cannot be tidied', { folder: this.#folder, error: messageOf(error) })
  }

  async #writeRefused(type: string, id: string, row: Row, error: unknown): Promise<void> {
    const { schema, epoch, no, text } = row
    const { clock, log, store = '', bytesMax } = this.#options
    const path = join(this.#folder, 'refused')
    const at = new Date(clock.wallMs()).toISOString()
    const head = JSON.stringify({ at, error: messageOf(error), store, type, id, schema, epoch, no })
    try {
      const handle = await open(path, 'a')
      try {
        const { size } = await handle.stat()
        if (size + text.length > bytesMax) {
          if (!this.#refusedFull) log.error('there is no room for what the store refuses', { path, bytes: size })
          this.#refusedFull = true
          return
        }
        // Half a line would spoil the next.
        const line = `${head.slice(0, -1)},"data":${text}}\n`
        await handle.writeFile(line).catch((failed) => handle.truncate(size).finally(() => Promise.reject(failed)))
        await handle.datasync()
        if (size === 0) await syncFolder(this.#folder)
      } finally {
        await handle.close()
      }
      log.error('the store will never take a save: it is put aside', { type, id, path })
      this.confirm(type, id, row)
    } catch (failed) {
      log.error('a save that the store will never take cannot be put aside', { type, id, error: messageOf(failed) })
    }
  }

  // --- what is there -------------------------------------------------------------------------------------------------

  async #read(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => FILE_NAME.test(name))
    const numbered = names.map((name) => ({ name, number: Number.parseInt(name, 10) }))
    const stores = new Map<JournalFile, string | undefined>()
    for (const { name, number } of numbered.sort((a, b) => a.number - b.number)) {
      await this.#readFile(join(this.#folder, name), stores)
      this.#number = number
    }
    this.#left = [...this.#live.values()]
    this.#refuseOthers(stores)
  }

  async #readFile(path: string, stores: Map<JournalFile, string | undefined>): Promise<void> {
    const { clock, log } = this.#options
    const reader = new JournalFileReader(await readFile(path))
    const file = newFile(path, undefined)
    this.#files.push(file)
    let rows = 0
    for (let sliceAt = 0, sliceRows = 0, read = reader.next(); read; read = reader.next()) {
      this.#found(read, file)
      rows++
      if (rows - sliceRows < SLICE_ROWS && reader.position - sliceAt < SLICE_BYTES) continue
      await new Promise<void>((resolve) => clock.defer(resolve))
      sliceAt = reader.position
      sliceRows = rows
    }
    const { damagedBytes, cutBytes, position, store } = reader
    if (cutBytes > 0) log.warn('the end of a journal file cannot be read', { path, bytes: cutBytes })
    if (damagedBytes > 0) log.error('a journal file is damaged', { path, bytes: damagedBytes, rows })
    file.bytes = position
    file.damaged = damagedBytes > 0
    stores.set(file, store)
  }

  /** Keeps a row that is in a file, unless there is a later one. */
  #found(read: StoredJournalRow, file: JournalFile): void {
    const key = entityKey(read.type, read.id)
    const before = this.#live.get(key)
    if (before && isEarlier(read.row, before.row)) return
    if (before) release(before)
    this.#live.set(key, { ...read, file, replaced: undefined, released: false })
    this.#liveBytes += read.bytes - (before?.bytes ?? 0)
    file.live++
  }

  /** Rows that go to another store would be lost to their own. */
  #refuseOthers(stores: ReadonlyMap<JournalFile, string | undefined>): void {
    const { store: ours = '' } = this.#options
    const others = new Set<string>()
    let rows = 0
    for (const { file } of this.#live.values()) {
      const theirs = stores.get(file!)
      if (theirs === undefined || theirs === ours) continue
      others.add(theirs)
      rows++
    }
    if (rows === 0) return
    throw new OperatorError(
      `${this.#folder}: ${rows} saves in this journal wait for another store, ${[...others].join(' and ')}, and this ` +
        `one is ${ours}: start once with [storage] as it was, so that they get there, or move this folder away`,
    )
  }

  /** What is good of damaged files is written anew, and they are put aside. */
  async #mend(): Promise<void> {
    const rows = [...this.#live.values()].filter(({ file }) => file?.damaged)
    // It is said, and they stay where they are.
    await this.#renew(rows).catch(() => {})
    await this.#then(() => this.#tidy())
  }
}

const newFile = (path: string, handle: FileHandle | undefined): JournalFile => {
  return { path, handle, damaged: false, bytes: 0, frayed: false, live: 0 }
}

/** It need not be in its file any more, nor what it was to replace in theirs. */
function release(kept: Kept): void {
  for (let one: Kept | undefined = kept; one; one = one.replaced) {
    if (one.file) one.file.live--
    one.file = undefined
    one.released = true
  }
  kept.replaced = undefined
}

/** Cuts off what is behind the good bytes of a file. */
async function trim(file: JournalFile): Promise<void> {
  if (!file.frayed) return
  await file.handle?.truncate(file.bytes)
  file.frayed = false
}

/** Some of them together, so that neither many nor large ones cost much at once. */
function* joined(chunks: Iterable<Buffer>): Generator<Buffer> {
  let some: Buffer[] = []
  let bytes = 0
  for (const chunk of chunks) {
    some.push(chunk)
    bytes += chunk.length
    if (bytes < SLICE_BYTES) continue
    yield Buffer.concat(some)
    some = []
    bytes = 0
  }
  if (some.length > 0) yield Buffer.concat(some)
}

/** Resolves to how many bytes that were: all. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<number> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
  return bytes.length
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
