// `goworld db import`: writes the lines of an export to a store. It may be done again, wholly or from where it stopped:
// what is there already stays as it is.
import { createReadStream, open, statSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import { NotStorable, StorageError } from '../../engine/storage/errors.ts'
import { Row, type SaveVersion } from '../../engine/storage/row.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'
import { decodeLine, LINE_BYTES_MAX, type Line, linesOf, reasonOf } from './db-lines.ts'
import { count, Progress } from './db-progress.ts'
import { configOf, gamesOf, note, STORE_FLAGS, tell, withStore } from './db-store.ts'
import { shownName, verb } from './db-verb.ts'
import { Interrupts } from './interrupts.ts'

/** Enough for a store that takes many writes at once; large documents are limited by their size. */
const WRITES_MAX = 64
const WRITES_CHARACTERS_MAX = 64 * 1024 * 1024
const READ_BYTES = 1024 * 1024
/** A game that runs may save an entity while it is replaced. */
const REPLACES_MAX = 10

export const importVerb = verb({
  name: 'import',
  about: 'Writes the lines of an export to the store; - is standard input. What is stored of a later save is kept.',
  words: ['<file>'],
  flags: {
    force: {
      type: 'bool',
      help: 'overwrite what is later too, as a save behind it, and import although a game runs',
    },
    'skip-bad': { type: 'bool', help: 'leave out lines that cannot be read, and say which' },
    ...STORE_FLAGS,
  },
  async run(flags, [path, folder]) {
    const config = await configOf(flags, folder)
    const games = gamesOf(config)
    if (games.length > 0) {
      const line = `${games.join(', ')} would overwrite what is imported`
      if (!flags.force) throw new OperatorError(`${line}: goworld stop ends it, or force it with -force`)
      tell(line)
    }
    const { chunks, bytesTotal, close } = await openSource(path!)
    await withStore(config, { makes: true }, async (storage) => {
      const progress = new Progress({ screen: process.stderr, bytesTotal })
      const interrupts = new Interrupts(() => {
        progress.clear()
        note('stopping; once more stops at once')
      })
      interrupts.second.addEventListener('abort', () => process.exit(130))
      const run = new Import(storage, progress, { force: flags.force, skipBad: flags['skip-bad'], onStop: close })
      void interrupts.first.then(() => run.stop('interrupted', 130))
      try {
        await run.all(chunks)
      } catch (error) {
        // The source failed, or was closed because of a stop.
        run.stop(`${path}: ${messageOf(error)}`, 1)
      }
      await run.settled()
      progress.clear()
      if (run.end) {
        tell(`${run.end.why}; it may be imported again`)
        process.exitCode = run.end.exitCode
      }
      note(run.summary())
    }).finally(close)
  },
})

interface Source {
  readonly chunks: AsyncIterable<Buffer>
  /** Unknown of a pipe. */
  readonly bytesTotal: number | undefined
  close(): void
}

async function openSource(path: string): Promise<Source> {
  if (path === '-') return pipeSource(process.stdin)
  try {
    const stats = statSync(path)
    if (stats.isDirectory()) throw new Error('it is a folder')
    // A file stream over a pipe could not be closed while nothing comes.
    if (stats.isFIFO()) return pipeSource(new Socket({ fd: await promisify(open)(path, 'r'), writable: false }))
    const stream = createReadStream(path, { highWaterMark: READ_BYTES })
    return { ...pipeSource(stream), bytesTotal: stats.isFile() ? stats.size : undefined }
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new OperatorError(`${path}: ${missing ? 'no such file' : `cannot be read: ${messageOf(error)}`}`)
  }
}

function pipeSource(stream: Readable): Source {
  // An error before anybody reads; who reads gets it as well.
  stream.on('error', () => {})
  return { chunks: stream, bytesTotal: undefined, close: () => void stream.destroy() }
}

interface ImportOptions {
  readonly force: boolean
  readonly skipBad: boolean
  /** For a source from which nothing may come for long. */
  readonly onStop: () => void
}

class Import {
  /** Why it stopped before its time. */
  end: { readonly why: string; readonly exitCode: number } | undefined
  readonly #storage: EntityStorage
  readonly #progress: Progress
  readonly #options: ImportOptions
  #kept = 0
  #bad = 0
  /** Under way, by type and id: two lines of one entity are written one after the other. */
  readonly #writes = new Map<string, Promise<void>>()
  #characters = 0

  constructor(storage: EntityStorage, progress: Progress, options: ImportOptions) {
    this.#storage = storage
    this.#progress = progress
    this.#options = options
  }

  /** Resolves when every line was looked at, or when there is a reason to stop. */
  async all(chunks: AsyncIterable<Buffer>): Promise<void> {
    let number = 0
    for await (const bytes of linesOf(chunks)) {
      number++
      if (this.end) return
      this.#progress.add(0, (bytes?.length ?? LINE_BYTES_MAX) + 1)
      if (bytes && isBlank(bytes)) continue
      const line = this.#decode(number, bytes)
      if (line) await this.#begin(number, line)
    }
  }

  stop(why: string, exitCode: number): void {
    if (this.end) return
    this.end = { why, exitCode }
    this.#options.onStop()
  }

  async settled(): Promise<void> {
    await Promise.all(this.#writes.values())
  }

  summary(): string {
    const more = [
      this.#kept > 0 && `${count(this.#kept, 'row')} kept, as what is stored is later`,
      this.#bad > 0 && this.#options.skipBad && `${count(this.#bad, 'bad line')} left out`,
    ].filter(Boolean)
    return [`imported ${this.#progress.summary()}`, ...more].join('; ')
  }

  #decode(number: number, bytes: Buffer | undefined): Line | undefined {
    try {
      if (!bytes) throw new Error(`it has more than ${LINE_BYTES_MAX} bytes`)
      return decodeLine(bytes)
    } catch (error) {
      this.#refuse(number, reasonOf(error))
    }
  }

  #refuse(number: number, why: string): void {
    this.#bad++
    const line = `line ${number} cannot be imported: ${why}`
    if (!this.#options.skipBad) return this.stop(line, 1)
    this.#progress.clear()
    tell(line)
  }

  /** Resolves when there is room for the next. */
  async #begin(number: number, line: Line): Promise<void> {
    const key = `${line.type}\0${line.id.length}\0${line.id}`
    await this.#writes.get(key)
    const characters = line.row.text.length
    this.#characters += characters
    const write = this.#write(number, line).finally(() => {
      this.#writes.delete(key)
      this.#characters -= characters
    })
    this.#writes.set(key, write)
    while (this.#writes.size >= WRITES_MAX || this.#characters > WRITES_CHARACTERS_MAX) {
      await Promise.race(this.#writes.values())
    }
  }

  async #write(number: number, { type, id, row }: Line): Promise<void> {
    try {
      if (await this.#writeOver({ type, id, row })) this.#progress.add(1, 0)
      else this.#kept++
    } catch (error) {
      if (error instanceof NotStorable) return this.#refuse(number, error.message)
      if (!(error instanceof StorageError)) throw error
      this.stop(`line ${number} (${shownName(type)} ${shownName(id)}) was not written: ${error.message}`, 1)
    }
  }

  async #writeOver({ type, id, row }: Line): Promise<boolean> {
    if (await this.#storage.write(type, id, row)) return true
    if (!this.#options.force) return false
    return this.#replaceLater({ type, id, row })
  }

  /**
   * The version of what is there only grows: what is imported gets one behind it. So there is no moment in which the row
   * is missing, and nothing of before, such as a journal that is replayed, comes over it.
   */
  async #replaceLater({ type, id, row }: Line): Promise<boolean> {
    for (let tries = 0; tries < REPLACES_MAX; tries++) {
      const stored = await this.#storage.read(type, id)
      // Imported before.
      if (stored?.text === row.text && stored.schema === row.schema) return true
      const version = stored ? behind(stored) : row
      const later = Row.stored(row.text, { ...version, schema: row.schema }, `${type} ${id}`)
      if (await this.#storage.write(type, id, later)) return true
    }
    throw new StorageError('others save it again and again')
  }
}

const NO_MAX = Number.MAX_SAFE_INTEGER

/** A save of the same version is written over; so the last of all stays what it is. */
const behind = ({ epoch, no }: SaveVersion): SaveVersion => ({ epoch, no: Math.min(no + 1, NO_MAX) })

const BLANK_BYTES_MAX = 100

const isBlank = (bytes: Buffer): boolean => bytes.length <= BLANK_BYTES_MAX && bytes.toString('latin1').trim() === ''
