// `goworld start`: all processes of a server, in order, each waited for. In the foreground their logs come here and
// Ctrl-C stops them; with -d they stay, for `goworld status` and `goworld stop`. With -missing only those that do not run.
//
//     dispatchers up ─> games up ─> gates up ─> all ready ─> bots ─> … Ctrl-C ─> bots, gates, games, dispatchers stop
import { existsSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { realClock } from '../../engine/base/clock.ts'
import { OperatorError } from '../../engine/base/errors.ts'
import { Child, type Status } from '../process/child.ts'
import { REPOSITORY } from '../process/flags.ts'
import { nameOf, type ProcessFound, type ProcessId, ROLES, RunFolder } from '../process/run-folder.ts'
import { certificateWarnings } from './certificates.ts'
import { command } from './command.ts'
import { endAll, type Running, runningOf } from './ending.ts'
import { Interrupts } from './interrupts.ts'
import { isSame } from './names.ts'
import { bold, say, sayAddresses, sayFor, sayFrozen } from './screen.ts'
import {
  callable,
  commandsOf,
  findServer,
  frozenGames,
  gameFolder,
  gameModule,
  refuseSecond,
  SERVER_FLAGS,
  type Server,
  type ServerFlags,
  shellWord,
  writeConfig,
} from './server.ts'
import { saySilent, silentOf } from './silence.ts'
import { SuccessorsOutput } from './successors-output.ts'
import { configOf } from './swaps.ts'

const START_LIMIT_MS = 60_000
/** Nothing is said of a wait shorter than this. */
const PATIENCE_MS = 3000
const LOOK_MS = 500

export const start = command({
  name: 'start',
  about: 'Starts a server: dispatchers, games, gates.',
  positionals: '<game folder>',
  flags: {
    d: { type: 'bool', help: 'leave it running in the background' },
    missing: { type: 'bool', help: 'only what has died of a server that runs; it stays in the background' },
    restore: { type: 'bool', help: 'go on with the games that are frozen; start the others anew' },
    bots: {
      type: 'int',
      min: 0,
      default: 0,
      help: "how many bots play beside it: those of the game's bots.ts, else test_client's",
    },
    ...SERVER_FLAGS,
  },
  async run(flags, [folder]) {
    const began = realClock.now()
    if (flags.missing && flags.bots > 0) throw new OperatorError('flags -missing and -bots exclude each other')
    const running = flags.missing ? runningIn(folder!) : []
    const server = running.length > 0 ? await serverOf(folder!, running, flags) : findServer(folder!, flags)
    const module = gameModule(server.folder)
    if (!flags.missing || running.some(({ role }) => role === 'dev')) refuseSecond(server)
    const frozen = frozenGames(server, flags.restore)
    const configPath = writeConfig(server)
    const commands = commandsWith(frozen, server, module, configPath)
    const missing = commands.filter(({ name }) => !running.some((one) => isSame(one, name)))
    if (missing.length === 0) return sayAllRun(server, running)
    const background = flags.d || flags.missing
    const warnings = certificateWarnings(
      server.config,
      missing.map(({ name }) => name),
    )
    // In the foreground the gates' own lines are seen.
    if (background) for (const warning of warnings) say(warning)
    const crew = new Crew(server, background)
    const interrupts = new Interrupts(() => say('stopping; once more kills'))
    const up = await crew.start(missing, interrupts)
    if (up && flags.bots > 0) crew.addBots(flags.bots, configPath)
    if (up) {
      const what = running.length > 0 ? missing.map(({ name }) => nameOf(name)).join(', ') : folder
      say(`\n${bold(`${what} is up`)} after ${((realClock.now() - began) / 1000).toFixed(1)} s`)
      sayAddresses(await crew.statuses())
      sayWhatNext(folder!, configPath, { ...flags, d: background })
      if (background) return crew.leave()
      await Promise.race([interrupts.first, crew.ended])
    }
    const inOrder = await crew.end(interrupts)
    if (!up && interrupts.count > 0) process.exitCode = 130
    else if (!up || !inOrder || crew.exitCode !== 0) process.exitCode = crew.exitCode || 1
  },
})

const runningIn = (folder: string): ProcessFound[] =>
  new RunFolder(gameFolder(folder)).processes().filter(({ alive }) => alive)

/** Nothing is missing, but some of it may be of no use. */
async function sayAllRun({ folder, run }: Server, running: readonly ProcessFound[]): Promise<void> {
  const able = running.filter(({ role }) => role !== 'bots' && role !== 'next')
  const silent = await silentOf(
    run,
    able.map((one) => runningOf(run, one)),
  )
  for (const one of silent) saySilent(folder, one)
  if (silent.length > 0) process.exitCode = 1
  else say(`nothing is missing: ${running.map(nameOf).join(', ')} run`)
}

/** A server that runs in part, as it was configured when it was started. Throws OperatorError when it is told otherwise. */
async function serverOf(folder: string, running: readonly ProcessId[], flags: ServerFlags): Promise<Server> {
  const { configfile, dispatchers, games, gates } = flags
  if (dispatchers !== undefined || games !== undefined || gates !== undefined)
    throw new OperatorError('flag -missing: how many of each there are is settled while a server runs')
  const run = new RunFolder(gameFolder(folder))
  return findServer(folder, { configfile: configfile ?? (await configOf(run, running)) })
}

/** The processes in the order of a start; those of frozen games restore them. */
function commandsWith(frozen: readonly ProcessId[], server: Server, module: string, configPath: string) {
  return commandsOf(server, module, configPath).map(({ name, command }) => {
    const restore = frozen.some(({ role, id }) => role === name.role && id === name.id)
    return { name, command: restore ? [...command, '-restore'] : command }
  })
}

/** The processes that one command started. */
class Crew {
  /** Of the first that ended by itself, and not in order; else 0. */
  exitCode = 0
  readonly #children: Child[] = []
  readonly #server: Server
  readonly #background: boolean
  readonly #ended = Promise.withResolvers<void>()
  /** As it was when we last looked. */
  #frozen: ReadonlySet<string> = new Set()
  #up = false
  #ending = false
  #watch: NodeJS.Timeout | undefined
  #successors: SuccessorsOutput | undefined

  constructor(server: Server, background: boolean) {
    this.#server = server
    this.#background = background
  }

  /** Resolves when nothing of the server runs any more but bots. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Resolves to false when it was interrupted, or has failed and has said why. */
  async start(commands: ReturnType<typeof commandsOf>, interrupts: Interrupts): Promise<boolean> {
    for (const role of ROLES) {
      const group = commands.filter(({ name }) => name.role === role)
      const children = group.map(({ name, command }) => this.#spawn(name, command))
      if (!(await this.#wait(children, 'to start', () => true, interrupts))) return false
    }
    if (!(await this.#wait(this.#children, 'to be ready', ({ ready }) => ready === true, interrupts))) return false
    for (const child of this.#children) void child.ended.then(() => this.#lost(child))
    this.#up = true
    const names = commands.map(({ name }) => name)
    if (!this.#background) this.#successors = new SuccessorsOutput(this.#server.run, names, sayFor)
    return true
  }

  addBots(count: number, configPath: string): void {
    const name = { role: 'bots', id: 1 } as const
    const child = this.#spawn(name, [
      ...botsOf(this.#server.folder),
      '-N',
      String(count),
      '-quiet',
      '-configfile',
      configPath,
    ])
    const release = this.#server.run.claim(name, child.pid)
    void child.ended.then(release).then(() => this.#lost(child))
  }

  async statuses(): Promise<Status[]> {
    const statuses = await Promise.all(this.#children.map((child) => child.status()))
    return statuses.filter((status) => status !== undefined)
  }

  /** They go on without us. */
  leave(): void {
    for (const child of this.#children) child.unref()
  }

  /** Resolves to whether all ended by themselves. */
  async end(interrupts: Interrupts): Promise<boolean> {
    this.#ending = true
    clearInterval(this.#watch)
    // A game may be restored while we stop: it is found, too.
    const inOrder = await endAll(this.#server.run, () => this.#running(), { tell: say, hurry: interrupts.second })
    this.#successors?.close()
    sayFrozen(this.#server.run)
    return inOrder
  }

  /** Our children, and, once the server was up, whoever has taken the place of one: a game that was restored. */
  #running(): Running[] {
    const { run } = this.#server
    const children = this.#children.filter((child) => child.alive())
    if (!this.#up) return children
    const found = run.processes().filter(({ alive }) => alive)
    const others = found.filter(({ pid }) => !children.some((child) => child.pid === pid))
    // A gate that was replaced has another name now.
    const running = children.map((child) => {
      const renamed = found.find((one) => one.pid === child.pid && nameOf(one) !== nameOf(child.name))
      return renamed ? runningOf(run, renamed) : child
    })
    return [...running, ...others.map((one) => runningOf(run, one))]
  }

  #spawn(name: ProcessId, command: readonly string[]): Child {
    const { folder, run } = this.#server
    const onLine = this.#background ? undefined : (line: string) => sayFor(name, line)
    const child = new Child(name, run, { command, cwd: folder, ...(onLine && { onLine }) })
    this.#children.push(child)
    return child
  }

  /** Waits until `good` holds of all, telling for whom. One that ends is the end of the start. */
  async #wait(
    children: readonly Child[],
    what: string,
    good: (status: Status) => boolean,
    interrupts: Interrupts,
  ): Promise<boolean> {
    const waiting = new Set(children)
    const over = new AbortController()
    const names = () => [...waiting].map(({ name }) => nameOf(name)).join(', ')
    const tell = setInterval(() => say(`waiting for ${names()} ${what}`), PATIENCE_MS)
    const all = Promise.all(
      children.map(async (child) => {
        if (await child.until(good, START_LIMIT_MS, over.signal)) waiting.delete(child)
        else over.abort()
      }),
    )
    const anyEnd = this.#children.map((child) => child.ended)
    await Promise.race([all, interrupts.first, ...anyEnd])
    over.abort()
    clearInterval(tell)
    await all
    const dead = this.#children.find(({ end }) => end !== undefined)
    if (dead) this.#sayEnd(dead)
    else if (waiting.size > 0 && interrupts.count === 0) {
      say(`${names()}: still not there ${START_LIMIT_MS / 1000} s after it was asked ${what}`)
    }
    return dead === undefined && waiting.size === 0 && interrupts.count === 0
  }

  #sayEnd(child: Child): void {
    this.exitCode = child.exitCode ?? 1
    say(`${nameOf(child.name)} ${child.end} before the server was up`)
    // In the foreground its lines were shown as they came.
    if (this.#background) for (const line of child.lastLines) sayFor(child.name, line)
  }

  /** One that ended later: the others go on, as they would where nobody watches. */
  #lost(child: Child): void {
    if (child.exitCode !== 0 && !this.#ending) {
      this.exitCode ||= child.exitCode ?? 1
      if (!this.#background) say(`${nameOf(child.name)} ${child.end}; the others go on`)
    }
    this.#look()
    // Whoever takes its place is not our child: nobody tells us of its end.
    if (!this.#ending && !this.#background) this.#watch ??= setInterval(() => this.#look(), LOOK_MS)
  }

  /** Tells which games are frozen and which are back, and whether all is over. */
  #look(): void {
    const { run } = this.#server
    const frozen = new Set(run.frozen().map(nameOf))
    const names = this.#running().flatMap(({ name }) => (name.role === 'bots' ? [] : [nameOf(name)]))
    if (!this.#ending && !this.#background) {
      for (const name of frozen.difference(this.#frozen)) say(`${name} is frozen`)
      for (const name of this.#frozen.difference(frozen)) if (names.includes(name)) say(`${name} is back`)
    }
    this.#frozen = frozen
    if (names.length === 0) this.#ended.resolve()
  }
}

/** The program of the bots: a game may bring its own in `bots.ts`, which takes the flags that it is given here. */
function botsOf(folder: string): string[] {
  const own = join(folder, 'bots.ts')
  if (existsSync(own)) return [join(REPOSITORY, 'components/cli/own-bots.ts'), own]
  return [join(REPOSITORY, 'examples/test_client/test_client.ts')]
}

function sayWhatNext(folder: string, configPath: string, { d, bots }: { d: boolean; bots: number }): void {
  const goworld = callable('components/cli/goworld')
  say('')
  if (basename(folder) === 'test_game') {
    const client = `${callable('examples/test_client/test_client')} -N 100 -S ${bots + 1}`
    say(`  play:    ${client} -configfile ${relative(process.cwd(), configPath)}`)
  }
  const named = shellWord(folder)
  say(`  status:  ${goworld} status ${named}`)
  say(`  stop:    ${d ? '' : 'Ctrl-C, or '}${goworld} stop ${named}\n`)
}
