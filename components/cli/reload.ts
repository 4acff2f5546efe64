// `goworld reload`: new code for a server while people play, one game after another; what is for the one that is being
// swapped waits at the dispatchers, and the others go on.
//
//     game1: the new code restores a copy of it ─> a successor is loaded and stands by ─> game1 freezes, it restores ─> ready
//              └ fails: nothing has happened           └ fails, whenever: the old process goes on     (swap-channel.ts)
//
//     a game that is frozen already: started with -restore ─> ready
//                                         └ fails: its frozen file stays for another try
import { execFile } from 'node:child_process'
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { realClock } from '../../engine/base/clock.ts'
import { OperatorError } from '../../engine/base/errors.ts'
import { Child, type Status, statusOf } from '../process/child.ts'
import { PROCESS_ID_MAX } from '../process/flags.ts'
import { nameOf, type ProcessId, RunFolder } from '../process/run-folder.ts'
import { command } from './command.ts'
import { type Running, runningOf } from './ending.ts'
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

const REHEARSAL_LIMIT_MS = 60_000
/** A game waits up to a minute for open requests (`freeze_wait_ms`). */
const SUCCEED_LIMIT_MS = 150_000
const RESTORE_LIMIT_MS = 60_000
const POLL_MS = 25
const LOG_LINES_MAX = 20
const LOG_BYTES_MAX = 64 * 1024

export const reload = command({
  name: 'reload',
  about: 'Swaps the code of a running server, one game after another, while people play.',
  positionals: '<game folder>',
  flags: {
    drop: { type: 'bool', help: 'though the new code has no place for all that is there: what it says is dropped' },
    game: { type: 'int', min: 1, max: PROCESS_ID_MAX, help: 'the id of a game: only this one' },
    configfile: { type: 'string', help: `${SERVER_FLAGS.configfile.help}; unless given, that of the running game` },
  },
  async run({ game, configfile, drop }, [folder]) {
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
      const failed = !(swap.running ? await succeed(run, swap, swap.running, drop) : await restore(run, swap))
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
  // Who is frozen comes first: whoever is on the way there waits, and what it has left cannot be swapped as long.
  const games = [...frozen, ...alive.filter(({ role }) => role === 'game')].filter(
    ({ id }) => only === undefined || id === only,
  )
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

/** Resolves to whether a process with the new code has its place; if not, it has said why, and the old one goes on. */
async function succeed(run: RunFolder, swap: Swap, running: Running, drop: boolean): Promise<boolean> {
  const { name, command, cwd, log } = swap
  const flags = drop ? ['-drop'] : []
  const rehearsed = await rehearse(swap, flags)
  if (!rehearsed) return false
  const logBytes = sizeOf(log)
  const child = new Child(name, run, { command: [...command, '-succeed', ...flags], cwd, appends: true })
  child.unref()
  let last: Status | undefined
  const isReady = (status: Status) => {
    last = status
    return status.ready === true
  }
  if (await child.until(isReady, SUCCEED_LIMIT_MS)) {
    sayTimes(name, last!)
    return true
  }
  if (child.end === undefined) child.signal('SIGKILL')
  const why = child.end ?? `is not ready after ${SUCCEED_LIMIT_MS / 1000} s`
  say(`${nameOf(name)} is not swapped: its successor ${why}`)
  for (const line of new Set([...child.lastLines, ...linesFrom(log, logBytes)])) sayFor(name, line)
  await goesOn(run, name, running)
  return false
}

/** Resolves to whether the new code can go on from a copy of the game; if not, it has said why. */
async function rehearse({ name, command, cwd }: Swap, flags: readonly string[]): Promise<boolean> {
  const args = [...process.execArgv, ...command, '-rehearse', ...flags]
  const running = promisify(execFile)(process.execPath, args, {
    cwd,
    timeout: REHEARSAL_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  try {
    const { stdout } = await running
    const { entities, bytes, restoreMs } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, number>
    say(`${nameOf(name)} rehearsed: ${entities} entities, ${((bytes ?? 0) / 1e6).toFixed(2)} MB, in ${restoreMs} ms`)
    return true
  } catch (error) {
    const { killed, stderr = '', message } = error as { killed?: boolean; stderr?: string; message: string }
    const why = killed
      ? `it took longer than ${REHEARSAL_LIMIT_MS / 1000} s`
      : 'the new code cannot go on from what is there'
    say(`${nameOf(name)} is not swapped, and goes on as it was: ${why}`)
    for (const line of (stderr || message).trimEnd().split('\n').slice(-LOG_LINES_MAX)) sayFor(name, line)
    return false
  }
}

function sayTimes(name: ProcessId, { entities, swap }: Status): void {
  const { blackoutMs, bytes, ...steps } = swap as Record<string, number>
  const { waitMs, freezeMs, restoreMs, leaveMs, returnMs } = steps
  say(`${nameOf(name)} swapped: away for ${blackoutMs} ms, ${entities} entities, ${((bytes ?? 0) / 1e6).toFixed(2)} MB`)
  sayFor(
    name,
    `waited for promises ${waitMs} ms, frozen ${freezeMs}, restored ${restoreMs}, left ${leaveMs}, back ${returnMs}`,
  )
}

/** Says whether the old process is well. */
async function goesOn(run: RunFolder, name: ProcessId, running: Running): Promise<void> {
  const end = realClock.now() + RESTORE_LIMIT_MS
  while (running.alive() && realClock.now() < end) {
    const said = await statusOf(run, name)
    if (said?.pid === running.pid && said.ready === true) return say(`${nameOf(name)} goes on as it was`)
    await sleep(POLL_MS)
  }
  say(`${nameOf(name)} ${running.alive() ? 'is not ready' : 'has ended'}: see its log`)
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
