// Entities as files, one each: to be looked at, copied and put under version control with the tools one has.
//
//     <directory>/Avatar/aK3_x-Zq01234567~c5.json    {"schema":1,"epoch":7,"no":42,"data":{…}}
//                 .new/                               what is being written
//                 .lock                               who writes (filesystem-lock.ts)
//
// The form of names is that of names.ts, the form of `data` that of ../document.ts.
//
//     write ─> whole file in .new, fsync ─┐         ┌ stored is later ─> dropped
//     write ─> whole file in .new, fsync ─┴─> lock ─┴─> rename ─> unlock ─> fsync of the folder ─> resolved
//
// A crash or a power failure leaves the old value or the new one, and one that was acknowledged stays. The lock is held
// for the look at what is stored and the rename, of all writes that wait for it; one fsync of a folder serves all
// that were renamed in it. So a write costs two fsyncs (1 ms where the disk takes half a one), and many at once share
// the second. Several processes may write to one folder; all must see its locks, which network disks may not give.
// While they run, the folder must not be removed: whoever has it open refuses to write from then on.
import { dirname, join } from 'node:path'
import { StorageError } from '../errors.ts'
import { isEarlier, type Row } from '../row.ts'
import type { EntityStorage, ListOptions } from '../storage.ts'
import { checkEntityName, checkListOptions } from '../storage.ts'
import { Files } from './files.ts'
import { Listing } from './listing.ts'
import { FolderLock } from './lock.ts'
import { idFile, typeFolder } from './names.ts'

/** Others wait for the lock meanwhile. */
const MOVES_AT_ONCE_MAX = 64
/** Writes that wait for a stuck disk are held in memory; each counts for a few more than its text has. */
const WAITING_CHARACTERS_MAX = 256 * 1024 * 1024
const WRITE_CHARACTERS = 500

/** A file that is written, and not yet where it belongs. */
interface Move {
  readonly row: Row
  readonly from: string
  readonly to: string
  readonly moved: PromiseWithResolvers<boolean>
}

export class FilesystemStorage implements EntityStorage {
  readonly #directory: string
  readonly #files: Files
  readonly #listing: Listing
  readonly #lock: FolderLock
  /** The last call for each entity that has one under way, by its path. */
  readonly #last = new Map<string, Promise<unknown>>()
  readonly #underWay = new Set<Promise<unknown>>()
  #moves: Move[] = []
  #moving = false
  #waitingCharacters = 0
  #closed: Promise<void> | undefined

  private constructor(directory: string, files: Files, lock: FolderLock) {
    this.#directory = directory
    this.#files = files
    this.#listing = new Listing(directory)
    this.#lock = lock
  }

  /** Makes the folder if need be, but not those above it. */
  static async open(directory: string): Promise<FilesystemStorage> {
    const files = new Files(directory)
    await files.create()
    const lock = await FolderLock.open(join(directory, '.lock'), () => files.sweep())
    return new FilesystemStorage(directory, files, lock)
  }

  async write(type: string, id: string, row: Row): Promise<boolean> {
    const path = this.#path(type, id)
    if (this.#waitingCharacters > WAITING_CHARACTERS_MAX) {
      throw new StorageError(`${this.#directory}: too many writes wait for the disk`)
    }
    const characters = row.text.length + WRITE_CHARACTERS
    this.#waitingCharacters += characters
    try {
      return await this.#inOrder(path, () => this.#write(path, row))
    } finally {
      this.#waitingCharacters -= characters
    }
  }

  async read(type: string, id: string): Promise<Row | undefined> {
    const path = this.#path(type, id)
    return this.#inOrder(path, () => this.#files.readRow(path, `${type} ${id}`))
  }

  async exists(type: string, id: string): Promise<boolean> {
    const path = this.#path(type, id)
    return this.#inOrder(path, () => this.#files.exists(path))
  }

  async list(type: string, options: ListOptions = {}): Promise<string[]> {
    const { after, limit } = checkListOptions(type, options)
    return this.#track(() => this.#listing.ids(type, after, limit))
  }

  async types(): Promise<string[]> {
    return this.#track(() => this.#listing.types())
  }

  /** Also of a file that is damaged. */
  async delete(type: string, id: string): Promise<void> {
    const path = this.#path(type, id)
    await this.#inOrder(path, async () => {
      if (!(await this.#files.remove(path))) return
      this.#listing.changed()
      await this.#files.sync(dirname(path))
    })
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#underWay).then(() => this.#lock.close())
    return this.#closed
  }

  #path(type: string, id: string): string {
    checkEntityName(type, id)
    return join(this.#directory, typeFolder(type), idFile(id))
  }

  /** Runs `work` when all that was asked before of the same file is done. */
  #inOrder<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
    return this.#track(() => {
      const before = this.#last.get(path)
      const done = before ? before.then(work, work) : work()
      this.#last.set(path, done)
      const forget = () => {
        if (this.#last.get(path) === done) this.#last.delete(path)
      }
      done.then(forget, forget)
      return done
    })
  }

  /** `close` waits for it. */
  #track<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed) throw new StorageError(`${this.#directory}: the storage is closed`)
    const done = work()
    this.#underWay.add(done)
    const forget = () => this.#underWay.delete(done)
    done.then(forget, forget)
    return done
  }

  async #write(path: string, row: Row): Promise<boolean> {
    const folder = dirname(path)
    await this.#files.createFolder(folder)
    const from = await this.#files.writeNew(row)
    try {
      const moved = Promise.withResolvers<boolean>()
      this.#moves.push({ row, from, to: path, moved })
      if (!this.#moving) void this.#moveAll()
      const written = await moved.promise
      if (!written) await this.#files.drop(from)
      // Also when another's is later: whoever drops this save relies on that one.
      await this.#files.sync(folder)
      return written
    } catch (error) {
      await this.#files.drop(from)
      throw error
    }
  }

  async #moveAll(): Promise<void> {
    this.#moving = true
    while (this.#moves.length > 0) {
      const moves = this.#moves.splice(0, MOVES_AT_ONCE_MAX)
      await this.#lock
        .hold(() => Promise.all(moves.map((move) => this.#move(move))))
        .catch((error) => {
          for (const { moved } of moves) moved.reject(error)
        })
    }
    this.#moving = false
  }

  /** Never rejects. Two moves at once are of two entities. */
  async #move({ row, from, to, moved }: Move): Promise<void> {
    try {
      const stored = await this.#files.readHead(to)
      const isLate = stored !== undefined && isEarlier(row, stored)
      if (!isLate) {
        await this.#files.move(from, to)
        this.#listing.changed()
      }
      moved.resolve(!isLate)
    } catch (error) {
      moved.reject(error)
    }
  }
}
