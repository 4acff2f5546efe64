// The store that a verb of `goworld db` works on: the one of [storage] in a goworld.ini.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, OperatorError } from '../../engine/base/errors.ts'
import type { Log, LogFields } from '../../engine/base/log.ts'
import { type Config, readConfig } from '../../engine/config/config.ts'
import type { FlagSpec } from '../../engine/config/flags.ts'
import { withoutPassword } from '../../engine/config/secrets.ts'
import { openStorage } from '../../engine/storage/backends.ts'
import { NotStorable, StorageError } from '../../engine/storage/errors.ts'
import type { EntityStorage } from '../../engine/storage/storage.ts'
import { COMMON_FLAGS, configFile } from '../process/flags.ts'
import { nameOf, RunFolder } from '../process/run-folder.ts'
import { findServer, gameFolder } from './server.ts'
import { configOf as runningConfigOf } from './swaps.ts'

export const STORE_FLAGS = { configfile: COMMON_FLAGS.configfile } as const satisfies FlagSpec

export interface StoreFlags {
  readonly configfile: string | undefined
}

/** A line for the operator that is no result: standard output may be the export itself. */
export const note = (line: string): void => void process.stderr.write(`${line}\n`)

/** The same, of what is wrong. */
export const tell = (line: string): void => note(`goworld: ${line}`)

/**
 * The configuration that is named or lies here; with the folder of a game that of the server which runs there, else the one that
 * it would be started with.
 */
export async function configOf({ configfile }: StoreFlags, folder: string | undefined): Promise<Config> {
  if (folder === undefined) return readConfig(configFile({ configfile }))
  const run = new RunFolder(gameFolder(folder))
  const running = run.processes().filter(({ alive }) => alive)
  const file = configfile ?? (running.length > 0 ? await runningConfigOf(run, running) : undefined)
  return findServer(folder, { configfile: file }).config
}

/** Runs `use` with the store open. What the store refuses is one line and exit code 1. */
export async function withStore(
  config: Config,
  { makes }: { readonly makes: boolean },
  use: (storage: EntityStorage) => Promise<void>,
): Promise<void> {
  if (config.storage.type === 'memory') throw new OperatorError('[storage] type=memory: nothing is kept to look into')
  if (!makes) requireThere(config)
  const log = new StoreLog()
  const storage = await openStorage({ ...config.storage, baseDirectory: config.dir, log }).catch((error) => {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${placeOf(config)}: ${messageOf(error)}`, { cause: error })
  })
  log.opened = true
  try {
    await use(storage)
  } catch (error) {
    if (!(error instanceof StorageError || error instanceof NotStorable)) throw error
    tell(error.message)
    process.exitCode = 1
  } finally {
    await storage.close()
  }
}

/** What a store has to say while it is used. While it is opened, it is the error that says it. */
class StoreLog implements Log {
  opened = false

  debug(): void {}
  info(): void {}
  warn(message: string, fields: LogFields = {}): void {
    const line = [message, ...Object.entries(fields).map(([key, value]) => `${key}=${value}`)].join(' ')
    if (this.opened) tell(line)
  }
  error(message: string, fields?: LogFields): void {
    this.warn(message, fields)
  }
  child(): Log {
    return this
  }
}

/** The games that write to the store, as far as the run folder beside the goworld.ini tells; `game1 (pid 123)`. */
export function gamesOf(config: Config): string[] {
  const run = RunFolder.of(config)
  const running = run.processes().filter(({ role, alive }) => alive && (role === 'game' || role === 'dev'))
  return [
    ...running.map((one) => `${nameOf(one)} (pid ${one.pid})`),
    ...run.frozen().map((name) => `${nameOf(name)} (frozen)`),
  ]
}

/**
 * The folders of [storage] journal with saves of games that do not run: they come to the store when the games are
 * started again, or a game beside them notices that they died.
 */
export function journalsLeft(config: Config): string[] {
  const { journal } = config.storage
  if (journal === '') return []
  const running = RunFolder.of(config)
    .processes()
    .filter(({ alive }) => alive)
    .map(({ role, id }) => (role === 'dev' ? 'dev' : `${role}${id}`))
  // All games of the configuration are in one process.
  if (running.includes('dev')) return []
  const games = listed(journal).filter((name) => /^game\d+$/.test(name) && !running.includes(name))
  return games.map((name) => join(journal, name)).filter(hasRows)
}

const hasRows = (folder: string): boolean =>
  listed(folder).some((name) => {
    const stats = name.endsWith('.journal') && statSync(join(folder, name), { throwIfNoEntry: false })
    return stats && stats.size > 0
  })

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    // Most have none.
    return []
  }
}

/** A path that was mistyped is not to become an empty store. */
function requireThere(config: Config): void {
  const { type, url, directory } = config.storage
  const path = { sqlite: url, filesystem: directory }[type as string]
  if (path !== undefined && !existsSync(path)) {
    throw new OperatorError(`${placeOf(config)}: there is no store yet`)
  }
}

function placeOf({ storage: { type, url, directory, startNodes } }: Config): string {
  // Whoever looks over one's shoulder need not learn the password.
  const nodes = startNodes.map(withoutPassword).join()
  const place = { filesystem: `directory=${directory}`, redis_cluster: `start_nodes=${nodes}` }[type as string]
  return `[storage] type=${type} ${place ?? `url=${withoutPassword(url)}`}`
}
