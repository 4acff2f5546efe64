// `goworld db export`: every entity as a line, types and ids in byte order, so that equal stores make equal files.
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import { suggestion } from '../../engine/config/suggestion.ts'
import { StorageError } from '../../engine/storage/errors.ts'
import { compareKeys } from '../../engine/storage/key.ts'
import type { Row } from '../../engine/storage/row.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'
import { checkLine, encodeLine, type Line } from './db-lines.ts'
import { count, Progress } from './db-progress.ts'
import { OutputGone, openSink, type Sink } from './db-sink.ts'
import { configOf, gamesOf, journalsLeft, note, STORE_FLAGS, tell, withStore } from './db-store.ts'
import { shownName, verb } from './db-verb.ts'
import { Interrupts } from './interrupts.ts'

/** Rows that are read at once, ahead of the one that is written: enough to hide the way to a server and back. */
const READS_MAX = 16
/** Behind a row of more than a million characters: several of 16 million would fill the memory. */
const LARGE_CHARACTERS = 1_000_000
const LARGE_READS_MAX = 2

export const exportVerb = verb({
  name: 'export',
  about: 'Writes every entity to a file, a line of JSON each; - is standard output.',
  words: ['<file>'],
  flags: {
    type: { type: 'string', help: 'only entities of this type; may be given several times' },
    'skip-bad': { type: 'bool', help: 'leave out entities that cannot be read, and say which' },
    ...STORE_FLAGS,
  },
  several: ['type'],
  async run(flags, [path, folder], several) {
    const config = await configOf(flags, folder)
    const games = gamesOf(config)
    if (games.length > 0) tell(`${games.join(', ')} may save meanwhile: the export is not of one moment`)
    for (const folder of journalsLeft(config)) {
      tell(`${folder} has saves that are not exported: start the server and stop it, and they are in the store`)
    }
    await withStore(config, { makes: false }, async (storage) => {
      const types = await typesOf(storage, several['type']!)
      // The lines themselves come to the terminal.
      const shown = path === '-' && process.stdout.isTTY
      const progress = new Progress({ screen: shown ? { write() {} } : process.stderr })
      const interrupts = new Interrupts(() => {
        progress.clear()
        note('stopping; once more stops at once')
      })
      interrupts.second.addEventListener('abort', () => process.exit(130))
      // From now on there may be a file that nobody is to find.
      const sink = await openSink(path!)
      let leftOut = 0
      const onBad = (error: StorageError) => {
        progress.clear()
        leftOut++
        tell(`left out: ${error.message}`)
      }
      let whole = false
      try {
        whole = await writeLines(storage, types, sink, {
          progress,
          interrupts,
          onBad: flags['skip-bad'] ? onBad : undefined,
        })
        if (whole) await sink.finish()
      } catch (error) {
        whole = false
        if (!(error instanceof OutputGone)) throw error
        process.exitCode = 1
        return
      } finally {
        progress.clear()
        if (!whole) await sink.abandon()
      }
      if (!whole) {
        process.exitCode = 130
        return tell('interrupted: nothing is exported')
      }
      if (leftOut > 0) process.exitCode = 1
      note(`exported ${progress.summary()}${leftOut > 0 ? `; ${count(leftOut, 'row')} left out` : ''}`)
    })
  },
})

interface Work {
  readonly progress: Progress
  readonly interrupts: Interrupts
  /** Hears of rows that are left out; without it, there may be none. */
  readonly onBad: ((error: StorageError) => void) | undefined
}

async function typesOf(storage: EntityStorage, wanted: readonly string[]): Promise<string[]> {
  const types = await storage.types()
  if (wanted.length === 0) return types
  const missing = wanted.find((type) => !types.includes(type))
  if (missing === undefined) return [...new Set(wanted)].sort(compareKeys)
  throw new OperatorError(`there are no entities of type ${shownName(missing)}${suggestion(missing, types)}`)
}

/** Resolves to false when it was interrupted. */
async function writeLines(
  storage: EntityStorage,
  types: readonly string[],
  sink: Sink,
  { progress, interrupts, onBad }: Work,
): Promise<boolean> {
  for (const type of types) {
    for await (const line of linesOfType(storage, type, onBad)) {
      if (interrupts.count > 0) return false
      const text = encodeLine(line)
      await sink.write(text)
      progress.add(1, text.length)
    }
  }
  return interrupts.count === 0
}

async function* linesOfType(storage: EntityStorage, type: string, onBad: Work['onBad']): AsyncGenerator<Line> {
  let readsMax = READS_MAX
  const reads: { id: string; row: Promise<Row | undefined> }[] = []
  const next = async (): Promise<Line | undefined> => {
    const { id, row } = reads.shift()!
    // One that was deleted meanwhile is not exported; one that is damaged is found here, and not when it is imported.
    const check = (read: Row | undefined): Line | undefined => read && checked({ type, id, row: read })
    try {
      return check(await row)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      if (!onBad) throw named(error, type, id)
      // When it is the store that fails, nothing is left out for that.
      await storage.exists(type, id)
      try {
        return check(await storage.read(type, id))
      } catch {
        onBad(named(error, type, id))
      }
    }
  }
  for await (const id of idsOf(storage, type)) {
    const row = storage.read(type, id)
    // Its turn comes later, or never.
    row.catch(() => {})
    reads.push({ id, row })
    while (reads.length >= readsMax) {
      const line = await next()
      if (!line) continue
      readsMax = line.row.text.length > LARGE_CHARACTERS ? LARGE_READS_MAX : READS_MAX
      yield line
    }
  }
  while (reads.length > 0) {
    const line = await next()
    if (line) yield line
  }
}

/** By what an import checks it. */
function checked(line: Line): Line {
  try {
    checkLine(line)
    return line
  } catch (error) {
    if (error instanceof StorageError) throw error
    const name = `${shownName(line.type)} ${shownName(line.id)}`
    throw new StorageError(`what is stored as ${name} could not be imported: ${messageOf(error)}`)
  }
}

/** A store may say what is wrong, and not with which row. */
const named = (error: StorageError, type: string, id: string): StorageError =>
  [`${type} ${id}`, `${type}/${id}`].some((name) => error.message.includes(name))
    ? error
    : new StorageError(`${shownName(type)} ${shownName(id)}: ${error.message}`, { cause: error })

/** All ids behind `after`, page by page. */
export async function* idsOf(storage: EntityStorage, type: string, after = ''): AsyncGenerator<string> {
  for (;;) {
    const page = await storage.list(type, { after })
    yield* page
    if (page.length === 0) return
    after = page.at(-1)!
  }
}
