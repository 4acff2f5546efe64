// A server as a command names it: the game's folder and module, the configuration, and the processes that these make.
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { OperatorError } from '../../engine/base/errors.ts'
import { type Config, parseConfig, readConfig } from '../../engine/config/config.ts'
import type { FlagSpec } from '../../engine/config/flags.ts'
import { PROCESS_ID_MAX, REPOSITORY } from '../process/flags.ts'
import { nameOf, type ProcessId, RunFolder } from '../process/run-folder.ts'
import { type Deployment, defaultIni, formatConfig, withDeployment } from './effective-config.ts'

const count = (what: string, min: number) =>
  ({ type: 'int', min, max: PROCESS_ID_MAX, help: `how many ${what}, before what the file says` }) as const

export const SERVER_FLAGS = {
  configfile: { type: 'string', help: 'the configuration; without it goworld.ini of the game, here, or of the engine' },
  dispatchers: count('dispatchers', 1),
  games: count('games', 1),
  gates: count('gates', 0),
} as const satisfies FlagSpec

export interface ServerFlags {
  readonly configfile?: string | undefined
  readonly dispatchers?: number | undefined
  readonly games?: number | undefined
  readonly gates?: number | undefined
}

/** The folder of a game, without symbolic links: its processes must all find the same run folder. */
export function gameFolder(path: string): string {
  if (!existsSync(path)) throw new OperatorError(`${path}: no such folder`)
  if (!statSync(path).isDirectory()) throw new OperatorError(`${path} is not a folder: name the folder of the game`)
  return realpathSync(path)
}

/** The module of a game: `<folder>/<its name>.ts`, else `<folder>/game.ts`. */
export function gameModule(folder: string): string {
  const candidates = [join(folder, `${basename(folder)}.ts`), join(folder, 'game.ts')]
  const found = candidates.find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new OperatorError(`${folder} has no game: neither ${candidates.map((path) => basename(path)).join(' nor ')}`)
}

export interface Server {
  readonly folder: string
  readonly run: RunFolder
  readonly config: Config
  /** The file that the processes read; undefined when it has to be made (`writeConfig`). */
  readonly configPath: string | undefined
}

/** Reads what is configured. `forced` is a deployment that wins over flags and file. */
export const findServer = (path: string, flags: ServerFlags, forced?: Deployment): Server =>
  withPages(configured(path, flags, forced))

function configured(path: string, flags: ServerFlags, forced: Deployment | undefined): Server {
  const folder = gameFolder(path)
  const run = new RunFolder(folder)
  const candidates = [join(folder, 'goworld.ini'), 'goworld.ini', join(REPOSITORY, 'goworld.ini')]
  const file = flags.configfile ?? candidates.find((candidate) => existsSync(candidate))
  if (file === undefined) {
    const ini = defaultIni(forced ?? deploymentOf(flags, { dispatchers: 1, games: 1, gates: 1 }), run)
    return { folder, run, config: parseConfig(ini, { path: join(folder, 'goworld.ini') }), configPath: undefined }
  }
  const config = readConfig(file)
  const { desiredDispatchers, desiredGames, desiredGates } = config.deployment
  const written = { dispatchers: desiredDispatchers, games: desiredGames, gates: desiredGates }
  const wanted = forced ?? deploymentOf(flags, written)
  // Processes find their run folder by their goworld.ini: one that lies elsewhere is copied into ours.
  const ours = RunFolder.of(config).path === run.path
  if (ours && isDeepStrictEqual(wanted, written)) return { folder, run, config, configPath: resolve(file) }
  const ini = withDeployment(readFileSync(file, 'utf8'), file, wanted)
  return { folder, run, config: parseConfig(ini, { path: file }), configPath: undefined }
}

const deploymentOf = (flags: ServerFlags, standard: Deployment): Deployment => ({
  dispatchers: flags.dispatchers ?? standard.dispatchers,
  games: flags.games ?? standard.games,
  gates: flags.gates ?? standard.gates,
})

/** Gates serve the pages in the game's folder, unless the file says where they are. */
function withPages(server: Server): Server {
  const { folder, config } = server
  const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const [webRoot, shared] = [join(folder, 'web'), join(folder, 'shared')]
  if (!isFolder(webRoot) || config.gateIds.every((id) => config.gate(id).webRoot !== '')) return server
  const pages = { webRoot, webShared: isFolder(shared) ? shared : '' }
  const gate = (id: number) => {
    const settings = config.gate(id)
    return settings.webRoot === '' ? { ...settings, ...pages } : settings
  }
  return { ...server, config: { ...config, gate }, configPath: undefined }
}

/** A server runs once in its folder; what a dead one left is cleared away. */
export function refuseSecond({ folder, run }: Server): void {
  const found = run.processes()
  const running = found.filter(({ alive }) => alive)
  if (running.length > 0) {
    const names = running.map((one) => `${nameOf(one)} (pid ${one.pid})`).join(', ')
    throw new OperatorError(
      `${folder} runs already: ${names}; goworld stop ends it, ${restoring(run)} starts what has died of it` +
        (run.frozen().length > 0 ? ' and goes on with what is frozen' : ''),
    )
  }
  for (const one of found) run.clear(one)
}

/** How what is frozen is gone on with, beside what runs or where nothing does; where nothing is frozen, how the dead are started. */
export function restoring(run: RunFolder): string {
  const runs = run.processes().some(({ alive }) => alive)
  return `goworld start${runs ? ' -missing' : ''}${run.frozen().length > 0 ? ' -restore' : ''}`
}

/**
 * The games that wait to be restored. To start without them would lose all that they hold, so it is refused unless that is
 * what was asked for.
 */
export function frozenGames({ config, run }: Server, restore: boolean): readonly ProcessId[] {
  const frozen = run.frozen()
  if (!restore && frozen.length > 0) {
    const files = frozen.map((name) => run.frozenPath(name)).join(', ')
    throw new OperatorError(
      `${frozen.map(nameOf).join(', ')} frozen in ${files}: ${restoring(run)} goes on from there, or remove the file`,
    )
  }
  const stray = frozen.find(({ id }) => !config.gameIds.includes(id))
  if (!stray) return frozen
  throw new OperatorError(
    `${run.frozenPath(stray)}: the deployment has no ${nameOf(stray)}; start it with -games ${stray.id}, or remove the file`,
  )
}

/** The file for the processes to read, made now if need be, and the run folder with it. */
export function writeConfig({ config, configPath, run }: Server): string {
  run.create()
  if (configPath !== undefined) return configPath
  writeFileSync(run.configPath, formatConfig(config))
  return run.configPath
}

/** The processes in the order of a start, each with its main and arguments. */
export function commandsOf({ config }: Server, module: string, configPath: string) {
  const main = (role: string) => join(REPOSITORY, 'components', role, 'main.ts')
  const common = ['-configfile', configPath]
  const commands: { name: ProcessId; command: string[] }[] = []
  for (const id of config.dispatcherIds) {
    commands.push({ name: { role: 'dispatcher', id }, command: [main('dispatcher'), '-dispid', String(id), ...common] })
  }
  for (const id of config.gameIds) {
    commands.push({ name: { role: 'game', id }, command: [main('game'), module, '-gid', String(id), ...common] })
  }
  for (const id of config.gateIds) {
    commands.push({ name: { role: 'gate', id }, command: [main('gate'), '-gid', String(id), ...common] })
  }
  return commands
}

/** How to call a program of ours from the shell that called us: by its path, inside the repository. */
export function callable(path: string): string {
  const fromHere = relative(process.cwd(), join(REPOSITORY, path))
  return fromHere.startsWith('..') ? basename(path) : fromHere
}

/** A word of a command line, as a shell reads it. */
export const shellWord = (word: string): string =>
  /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
