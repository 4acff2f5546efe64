// Pages of the names in a folder of the filesystem store, in order.
//
//     folder, unordered ─read once─> the next 20,000 ids ─> page ─> page ─> … ─> read once more
//
// So a walk over n entities reads the folder n / 20,000 times (a million names take about a second), and memory is
// bounded. What is kept serves only who goes on where the last page ended, soon, and while this process writes nothing.
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { realClock } from '../../base/clock.ts'
import { compareKeys } from '../key.ts'
import { storageError } from './files.ts'
import { idOf, isPiece, typeFolder, typeOf } from './names.ts'

/** What other processes write meanwhile may be missed for so long. */
const KEPT_MS = 5000
const ENTRIES_AT_ONCE = 1024

interface Kept {
  readonly type: string
  readonly after: string
  readonly ids: readonly string[]
  /** Whether there are none behind these. */
  readonly last: boolean
  readonly readAt: number
}

export class Listing {
  readonly #directory: string
  readonly #idsKept: number
  #kept: Kept | undefined
  #changes = 0

  constructor(directory: string, idsKept = 20_000) {
    this.#directory = directory
    this.#idsKept = idsKept
  }

  async ids(type: string, after: string, limit: number): Promise<string[]> {
    const changes = this.#changes
    let from = this.#kept
    const serves =
      from?.type === type &&
      from.after === after &&
      (from.last || from.ids.length >= limit) &&
      realClock.now() - from.readAt < KEPT_MS
    if (!serves) from = await this.#read(type, after, Math.max(limit, this.#idsKept))
    const { ids, last, readAt } = from!
    const page = ids.slice(0, limit)
    const rest = ids.slice(limit)
    if (changes === this.#changes) {
      this.#kept = rest.length > 0 ? { type, after: page.at(-1)!, ids: rest, last, readAt } : undefined
    }
    return page
  }

  async types(): Promise<string[]> {
    const types: string[] = []
    for await (const folder of entriesIn(this.#directory)) {
      const type = folder.startsWith('.') ? undefined : typeOf(folder)
      if (type !== undefined && (await this.#hasAny(type))) types.push(type)
    }
    return types.sort(compareKeys)
  }

  /** To be called when an entity has come or gone. */
  changed(): void {
    this.#changes++
    this.#kept = undefined
  }

  /** The first `limit` ids behind `after`. */
  async #read(type: string, after: string, limit: number): Promise<Kept> {
    const readAt = realClock.now()
    let ids: string[] = []
    let bound: string | undefined
    const shorten = () => {
      // A name may be met twice in a folder that changes meanwhile.
      ids = [...new Set(ids)].sort(compareKeys)
      if (ids.length <= limit) return
      ids.length = limit
      bound = ids.at(-1)
    }
    for await (const file of entriesIn(join(this.#directory, typeFolder(type)))) {
      const id = idOf(file)
      if (id === undefined || compareKeys(id, after) <= 0) continue
      if (bound !== undefined && compareKeys(id, bound) > 0) continue
      ids.push(id)
      if (ids.length >= 2 * limit) shorten()
    }
    shorten()
    return { type, after, ids, last: bound === undefined, readAt }
  }

  async #hasAny(type: string): Promise<boolean> {
    for await (const file of entriesIn(join(this.#directory, typeFolder(type))))
      if (idOf(file) !== undefined) return true
    return false
  }
}

/** All paths inside a folder, with those that were too long for one name put together; none when it is not there. */
async function* entriesIn(folder: string, before = ''): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(join(folder, before), { bufferSize: ENTRIES_AT_ONCE })) {
      if (isPiece(name)) yield* entriesIn(folder, `${before}${name}/`)
      else yield `${before}${name}`
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A file among the folders is somebody's note.
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw storageError(join(folder, before), error)
  }
}
