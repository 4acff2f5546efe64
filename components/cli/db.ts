// `goworld db`: looks into the store of a server, and moves what is in it to another.
import { OperatorError } from '../../engine/base/errors.ts'
import { HelpRequested } from '../../engine/config/flags.ts'
import { suggestion } from '../../engine/config/suggestion.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'
import type { Command } from './command.ts'
import { exportVerb, idsOf } from './db-export.ts'
import { importVerb } from './db-import.ts'
import { OutputGone, standardOutput } from './db-sink.ts'
import { configOf, gamesOf, note, STORE_FLAGS, tell, withStore } from './db-store.ts'
import { readName, shownName, verb } from './db-verb.ts'
import { say } from './screen.ts'

const types = verb({
  name: 'types',
  about: 'Lists the types of which there are entities.',
  words: [],
  flags: STORE_FLAGS,
  run: async (flags, [folder]) =>
    withStore(await configOf(flags, folder), { makes: false }, async (storage) => {
      for (const type of await storage.types()) say(shownName(type))
    }),
})

const IDS = 1000

const ids = verb({
  name: 'ids',
  about: 'Lists the ids of a type, in byte order.',
  words: ['<type>'],
  flags: {
    after: { type: 'string', help: 'only ids behind this one' },
    limit: { type: 'int', min: 1, help: `how many; ${IDS} unless told` },
    all: { type: 'bool', help: 'all of them' },
    ...STORE_FLAGS,
  },
  async run(flags, [type, folder]) {
    if (flags.all && flags.limit !== undefined) throw new OperatorError('flags -all and -limit exclude each other')
    const limit = flags.all ? Number.POSITIVE_INFINITY : (flags.limit ?? IDS)
    const names = [type!, flags.after ?? ''].map(readName) as [string, string]
    await withStore(await configOf(flags, folder), { makes: false }, (storage) => list(storage, ...names, limit))
  },
})

async function list(storage: EntityStorage, type: string, after: string, limit: number): Promise<void> {
  const sink = standardOutput()
  let left = limit
  try {
    for await (const id of idsOf(storage, type, after)) {
      if (left-- === 0) {
        note('there are more: see -after, -limit and -all')
        break
      }
      await sink.write(`${shownName(id)}\n`)
    }
    await sink.finish()
  } catch (error) {
    if (!(error instanceof OutputGone)) throw error
    process.exitCode = 1
  }
}

const get = verb({
  name: 'get',
  about: 'Prints an entity, with the version of its save. Exit code 1 when there is none.',
  words: ['<type>', '<id>'],
  flags: STORE_FLAGS,
  async run(flags, [one, other, folder]) {
    const [type, id] = [one!, other!].map(readName) as [string, string]
    await withStore(await configOf(flags, folder), { makes: false }, async (storage) => {
      const row = await storage.read(type, id)
      if (!row?.data) return sayNone(type, id)
      const { schema, epoch, no, text } = row
      say(JSON.stringify({ type, id, schema, epoch, no, data: JSON.parse(text) }, null, 2))
    })
  },
})

const remove = verb({
  name: 'delete',
  about: 'Deletes an entity for good.',
  words: ['<type>', '<id>'],
  flags: { yes: { type: 'bool', help: 'do it' }, ...STORE_FLAGS },
  async run(flags, [one, other, folder]) {
    const [type, id] = [one!, other!].map(readName) as [string, string]
    const name = `${shownName(type)} ${shownName(id)}`
    if (!flags.yes) throw new OperatorError(`${name} would be deleted for good: -yes does it`)
    const config = await configOf(flags, folder)
    const games = gamesOf(config)
    if (games.length > 0) tell(`${games.join(', ')} may save it again`)
    await withStore(config, { makes: false }, async (storage) => {
      if (!(await storage.exists(type, id))) return sayNone(type, id)
      await storage.delete(type, id)
      say(`deleted ${name}`)
    })
  },
})

function sayNone(type: string, id: string): void {
  tell(`there is no ${shownName(type)} ${shownName(id)}`)
  process.exitCode = 1
}

const VERBS: Readonly<Record<string, Command>> = {
  types,
  ids,
  get,
  export: exportVerb,
  import: importVerb,
  delete: remove,
}

export const db: Command = {
  about: 'Looks into the store of entities, and moves it to another; goworld help db lists how.',
  usage: 'db <command>',
  async invoke([name, ...argv]) {
    if (name === undefined || ['-h', '-help', '--help', 'help'].includes(name)) throw new HelpRequested(helpText())
    const found = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined
    if (!found) {
      const known = suggestion(name, Object.keys(VERBS)) || '; try goworld help db'
      throw new OperatorError(`unknown command db ${name}${known}`)
    }
    // Whoever reads may have seen enough.
    if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => {})
    await found.invoke(argv)
  },
}

function helpText(): string {
  const width = Math.max(...Object.values(VERBS).map(({ usage }) => usage.length))
  const lines = Object.values(VERBS).map(({ usage, about }) => `  goworld db ${usage.padEnd(width)}  ${about}`)
  return `The entities of the store in goworld.ini, in the file that -configfile names, or in that of the game in a folder.\n\n${lines.join('\n')}

To move a server to another store: export with its goworld.ini, import with one that names the other.
goworld db export -help prints the flags of a command.\n`
}
