// The disk under the filesystem store: whole files written, looked at and made to last, a limited number at a time.
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { StorageError } from '../errors.ts'
import { Row, type RowHead } from '../row.ts'

/** Node does this work on four threads unless told otherwise: more at once would only keep DNS and logs waiting. */
const FILES_OPEN_MAX = 16
/** Folders known to be on the disk; beyond it they are looked at anew. */
const FOLDERS_KNOWN_MAX = 10_000
const NEW = '.new'

const HEAD_BYTES = 256
const NUMBER = '\\s*(\\d{1,16})\\s*'
/** People mend files by hand, and their tools put spaces. */
const HEAD = new RegExp(
  `^\\s*\\{\\s*"schema"\\s*:${NUMBER},\\s*"epoch"\\s*:${NUMBER},\\s*"no"\\s*:${NUMBER},\\s*"data"\\s*:\\s*(?=\\{)`,
)
const TAIL = /\}\s*\}\s*$/

export class Files {
  readonly #directory: string
  readonly #mark = `${process.pid}-${randomBytes(6).toString('hex')}`
  #files = 0
  #open = 0
  readonly #waiting: (() => void)[] = []
  readonly #known = new Set<string>()
  readonly #syncs = new Map<string, FolderSync>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Makes the folder of the store, but not those above: a path that was mistyped is no new world. */
  async create(): Promise<void> {
    for (const folder of [this.#directory, join(this.#directory, NEW)]) {
      const made = await this.#at(folder, () => mkdir(folder).then(() => true, allow('EEXIST', false)))
      if (made) await this.sync(dirname(folder))
    }
  }

  /** Removes what was being written when a process died. For when no process writes. */
  async sweep(): Promise<void> {
    const folder = join(this.#directory, NEW)
    const left = await this.#at(folder, () => readdir(folder))
    for (const name of left) await this.#at(join(folder, name), () => rm(join(folder, name), { force: true }))
  }

  /** Writes a row to a file that is not in its place yet, and makes it last. Resolves to its path. */
  async writeNew({ schema, epoch, no, text }: Row): Promise<string> {
    const path = join(this.#directory, NEW, `${this.#mark}-${++this.#files}`)
    await this.#at(path, async () => {
      const file = await open(path, 'wx')
      try {
        await file.writeFile(`{"schema":${schema},"epoch":${epoch},"no":${no},"data":${text}}\n`)
        await file.datasync()
      } catch (error) {
        await rm(path, { force: true }).catch(() => {})
        throw error
      } finally {
        await file.close()
      }
    })
    return path
  }

  /** `sync` of its folder makes it last. */
  async move(from: string, to: string): Promise<void> {
    await this.#at(to, () => rename(from, to)).catch((error) => {
      // Somebody may have removed it: the next write makes it anew.
      this.#known.delete(dirname(to))
      throw error
    })
  }

  /** Of what will not be used. */
  async drop(path: string): Promise<void> {
    await this.#at(path, () => rm(path, { force: true })).catch(() => {})
  }

  /** Resolves to whether there was one. `sync` of its folder makes it last. */
  remove(path: string): Promise<boolean> {
    return this.#at(path, () => unlink(path).then(() => true, allow('ENOENT', false)))
  }

  exists(path: string): Promise<boolean> {
    return this.#at(path, () => stat(path).then(() => true, allow('ENOENT', false)))
  }

  /** Undefined when there is no such file. Rejects for one that is damaged. */
  async readHead(path: string): Promise<RowHead | undefined> {
    return this.#at(path, async () => {
      const file = await open(path).catch(allow('ENOENT', undefined))
      if (!file) return undefined
      try {
        const { size } = await file.stat()
        const start = await readPart(file, 0, Math.min(size, HEAD_BYTES))
        const end = await readPart(file, Math.max(0, size - HEAD_BYTES), Math.min(size, HEAD_BYTES))
        if (!TAIL.test(end)) throw damaged(path)
        return headOf(start, path).head
      } finally {
        await file.close()
      }
    })
  }

  /** Undefined when there is no such file. Rejects for one that is damaged. */
  async readRow(path: string, what: string): Promise<Row | undefined> {
    const bytes = await this.#at(path, () => readFile(path).catch(allow('ENOENT', undefined)))
    if (!bytes) return undefined
    if (!isUtf8(bytes)) throw damaged(path)
    const all = bytes.toString().trimEnd()
    const { head, length } = headOf(all, path)
    const text = all.slice(length, -1).trimEnd()
    if (!all.endsWith('}') || !text.endsWith('}')) throw damaged(path)
    return Row.stored(text, head, `${what} in ${path}`)
  }

  /** Makes a folder inside the store, and all above it, and makes them last. */
  async createFolder(folder: string): Promise<void> {
    if (this.#known.has(folder)) return
    await this.#at(folder, () => mkdir(folder, { recursive: true }))
    for (let above = folder; above !== this.#directory; ) {
      above = dirname(above)
      await this.sync(above)
    }
    if (this.#known.size >= FOLDERS_KNOWN_MAX) this.#known.clear()
    this.#known.add(folder)
  }

  /**
   * Makes what was renamed, made or removed in the folder last. One that is under way may have begun too early for who
   * asks now: all who ask meanwhile share the next.
   */
  sync(folder: string): Promise<void> {
    const running = this.#syncs.get(folder)
    if (!running) {
      const started: FolderSync = { done: this.#syncNow(folder), next: undefined }
      this.#syncs.set(folder, started)
      return started.done
    }
    running.next ??= running.done.catch(() => {}).then(() => this.sync(folder))
    return running.next
  }

  /** Runs `work` on `path` when few enough others are under way. What fails becomes a StorageError that names it. */
  async #at<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#open >= FILES_OPEN_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#open++
    try {
      return await work()
    } catch (error) {
      throw storageError(path, error)
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#open--
    }
  }

  async #syncNow(folder: string): Promise<void> {
    try {
      await this.#at(folder, async () => {
        const handle = await open(folder)
        try {
          // Some network disks know no such thing for folders.
          await handle.sync().catch(allow('EINVAL', undefined))
        } finally {
          await handle.close()
        }
      })
    } finally {
      this.#syncs.delete(folder)
    }
  }
}

interface FolderSync {
  readonly done: Promise<void>
  next: Promise<void> | undefined
}

export function storageError(path: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error
  // `ENOSPC: no space left on device, write`: the path is said before it, so that it is there for every error.
  const [, code, reason] = /^([A-Z0-9]+): (.*?),/.exec(messageOf(error)) ?? []
  return new StorageError(`${path}: ${reason === undefined ? messageOf(error) : `${reason} (${code})`}`)
}

const damaged = (path: string) => new StorageError(`${path}: the file is damaged: mend or remove it`)

function headOf(text: string, path: string): { head: RowHead; length: number } {
  const [all, ...numbers] = HEAD.exec(text.slice(0, HEAD_BYTES)) ?? []
  const [schema, epoch, no] = numbers.map(Number)
  if (all === undefined || !Number.isSafeInteger(no)) throw damaged(path)
  return { head: { schema: schema!, epoch: epoch!, no: no! }, length: all.length }
}

async function readPart(file: FileHandle, position: number, length: number): Promise<string> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(length), position })
  return buffer.toString('latin1', 0, bytesRead)
}

/** For `catch`: `instead` for errors of that code. */
const allow =
  <Instead>(code: string, instead: Instead) =>
  (error: NodeJS.ErrnoException): Instead => {
    if (error.code === code) return instead
    throw error
  }
