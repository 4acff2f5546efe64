// `goworld reload`: new code for a server while people play. Each game is frozen and restored by a new process, one game
// after another: what is for the one that is being swapped waits at the dispatchers, and the others go on.
//
//     game1: asked ─> frozen, its process gone ─> started with -restore ─> ready ─> game2: …
//              └ fails: it goes on as before         └ fails: its frozen file stays for another try
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { realClock } from '../../engine/base/clock.ts'
import { OperatorError } from '../../engine/base/errors.ts'
import { Child, type Status, statusOf } from '../process/child.ts'
import { askControl } from '../process/control.ts'
import { PROCESS_ID_MAX } from '../process/flags.ts'
import { nameOf, type ProcessId, RunFolder } from '../process/run-folder.ts'
import { command } from './command.ts'
import { type Running, runningOf, sendSignal } from './ending.ts'
import { Interrupts } from './interrupts.ts'
import { say, sayFor, sayFrozen } from './screen.ts'
import {
  callable,
  commandsOf,
  findServer,
  gameFolder,
  gameModule,
  SERVER_FLAGS,
  shellWord,
  writeConfig,
} from './server.ts'

/** A game waits up to a minute for open requests (`freeze_wait_ms`), and then writes its file. */
const FREEZE_LIMIT_MS = 120_000
const RESTORE_LIMIT_MS = 60_000
const POLL_MS = 25
const LOG_LINES_MAX = 20
const LOG_BYTES_MAX = 64 * 1024

export const reload = command({
  name: 'reload',
  about: 'Swaps the code of a running server: freezes and restores each game, one after another.',
  positionals: '<game folder>',
  flags: {
    game: { type: 'int', min: 1, max: PROCESS_ID_MAX, help: 'the id of a game: only this one' },
    configfile: { type: 'string', help: `${SERVER_FLAGS.configfile.help}; unless given, that of the running game` },
  },
  async run({ game, configfile }, [folder]) {
    const run = new RunFolder(gameFolder(folder!))
    const swaps = await plan(folder!, run, game, configfile)
    if (swaps.length === 0) {
      process.exitCode = 1
      return say(game === undefined ? `no game runs in ${run.path}` : `game${game} does not run in ${run.path}`)
    }
    const interrupts = new Interrupts(() => say('stopping after this game; once more stops at once'))
    interrupts.second.addEventListener('abort', () => {
      sayFrozen(run)
      process.exit(130)
    })
    for (const [at, swap] of swaps.entries()) {
      const rest = swaps.slice(at + 1).map(({ name }) => nameOf(name))
      const failed = !((await freeze(run, swap)) && (await restore(run, swap)))
      if (failed) process.exitCode = 1
      else if (interrupts.count > 0 && rest.length > 0) process.exitCode = 130
      else continue
      if (rest.length > 0) say(`not reloaded: ${rest.join(', ')}`)
      return
    }
  },
})

interface Swap {
  readonly name: ProcessId
  /** Undefined when it is frozen already, such as after a restore that failed. */
  readonly running: Running | undefined
  /** The main of the game and its arguments. */
  readonly command: readonly string[]
  readonly cwd: string
  /** Where its log goes. */
  readonly log: string
  /** What an operator types to try this one again. */
  readonly again: string
}

/** Looks for what could go wrong with any game before the first is frozen. */
async function plan(folder: string, run: RunFolder, only: number | undefined, configfile: string | undefined) {
  const alive = run.processes().filter((one) => one.alive)
  const frozen = run.frozen()
  const games = [...alive.filter(({ role }) => role === 'game'), ...frozen]
    .filter(({ id }) => only === undefined || id === only)
    .sort((a, b) => a.id - b.id)
  if (alive.length === 0 && games.length > 0) {
    throw new OperatorError(`only frozen games in ${run.path}: goworld start -restore ${shellWord(folder)} starts them`)
  }
  const swaps: Swap[] = []
  for (const { role, id } of games) {
    const name = { role, id }
    const found = alive.find((one) => one.role === role && one.id === id)
    const file = configfile ?? (await configOf(run, [name, ...alive]))
    const server = findServer(folder, { configfile: file })
    if (!server.config.gameIds.includes(id)) {
      throw new OperatorError(
        `${nameOf(name)} is not in ${server.config.path}; name its configuration with -configfile`,
      )
    }
    const configPath = writeConfig(server)
    const commands = commandsOf(server, gameModule(server.folder), configPath)
    const { command } = commands.find((one) => one.name.role === role && one.name.id === id)!
    const words = [callable('components/cli/goworld'), 'reload', folder, '-game', String(id)]
    if (configfile !== undefined) words.push('-configfile', configfile)
    swaps.push({
      name,
      running: found && runningOf(run, found),
      command,
      cwd: server.folder,
      log: server.config.game(id).logFile || run.outPath(name),
      again: words.map(shellWord).join(' '),
    })
  }
  return swaps
}

/** The configuration as the first says that answers, which is the game itself unless it is frozen; else as it was made. */
async function configOf(run: RunFolder, processes: readonly ProcessId[]): Promise<string | undefined> {
  for (const name of processes) {
    const said = await statusOf(run, name)
    if (typeof said?.configfile === 'string') return said.configfile
  }
  return existsSync(run.configPath) ? run.configPath : undefined
}

/** Resolves to whether it is frozen and its process gone; if not, it has said why. */
async function freeze(run: RunFolder, { name, running, log }: Swap): Promise<boolean> {
  if (!running) return true
  const began = realClock.now()
  const before = versionOf(run.frozenPath(name))
  const logBytes = sizeOf(log)
  const fail = (why: string) => {
    say(`${nameOf(name)} ${why}`)
    for (const line of linesFrom(log, logBytes)) sayFor(name, line)
    return false
  }
  const answer = await askControl(run.socketPath(name), 'freeze').catch(() => undefined)
  if (answer?.error !== undefined) return fail(`is not frozen: ${answer.error}`)
  if (!answer) sendSignal(running.pid, 'SIGUSR1')
  while (running.alive()) {
    const said = await statusOf(run, name)
    const failed = said?.pid === running.pid && !said.freezing && said.freezeError !== undefined
    if (failed) return fail(`could not be frozen, and goes on: ${said.freezeError}`)
    if (realClock.now() - began > FREEZE_LIMIT_MS) return fail(`is not frozen after ${FREEZE_LIMIT_MS / 1000} s`)
    await sleep(POLL_MS)
  }
  const after = versionOf(run.frozenPath(name))
  if (after === undefined || after === before) return fail('ended, but not frozen')
  say(`${nameOf(name)} frozen after ${secondsSince(began)} s`)
  return true
}

/** Resolves to whether it is back; if not, it has said why, and what to do. */
async function restore(run: RunFolder, { name, command, cwd, again }: Swap): Promise<boolean> {
  const began = realClock.now()
  const child = new Child(name, run, { command: [...command, '-restore'], cwd })
  child.unref()
  let last: Status | undefined
  const isReady = (status: Status) => {
    last = status
    return status.ready === true
  }
  if (await child.until(isReady, RESTORE_LIMIT_MS)) {
    say(`${nameOf(name)} restored after ${secondsSince(began)} s, ${last?.entities} entities`)
    return true
  }
  const end = child.end ?? `is not ready after ${RESTORE_LIMIT_MS / 1000} s, and is left running, pid ${child.pid}`
  say(`${nameOf(name)} ${end}`)
  for (const line of child.lastLines) sayFor(name, line)
  if (run.frozen().some(({ id }) => id === name.id)) {
    say(`${nameOf(name)} stays frozen in ${run.frozenPath(name)}; to try again: ${again}`)
  }
  return false
}

const secondsSince = (began: number): string => ((realClock.now() - began) / 1000).toFixed(2)

/** Another for each file that is written in this place; undefined while there is none. */
function versionOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && `${found.ino} ${found.mtimeMs}`
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** What was written to a log since it had so many bytes. */
function linesFrom(path: string, bytes: number): string[] {
  const end = sizeOf(path)
  const text = Buffer.alloc(Math.min(Math.max(end - bytes, 0), LOG_BYTES_MAX))
  if (text.length === 0) return []
  const file = openSync(path, 'r')
  readSync(file, text, { position: end - text.length })
  closeSync(file)
  return text.toString().trimEnd().split('\n').slice(-LOG_LINES_MAX)
}
