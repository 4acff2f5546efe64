// What a reload is to swap: which processes run, how each of them is started, and what could go wrong with any before the
// first is touched.
import { existsSync } from 'node:fs'
import { OperatorError } from '../../engine/base/errors.ts'
import { type Status, statusOf } from '../process/child.ts'
import { nameOf, type ProcessFound, type ProcessId, type RunFolder } from '../process/run-folder.ts'
import { type Running, runningOf } from './ending.ts'
import { isSame } from './names.ts'
import { callable, commandsOf, findServer, gameModule, type Server, shellWord, writeConfig } from './server.ts'

/** What can be swapped, in the order of a reload. */
export type SwapRole = 'dispatcher' | 'gate' | 'game'
export const SWAP_ROLES: readonly SwapRole[] = ['dispatcher', 'gate', 'game']

export interface Swap {
  readonly name: ProcessId & { readonly role: SwapRole }
  /** Undefined when it is a game that is frozen already, such as after a restore that failed. */
  readonly running: Running | undefined
  /** The main of the role and its arguments. */
  readonly command: readonly string[]
  readonly cwd: string
  /** Where its log goes. */
  readonly log: string
  /** What an operator types to try this one again. */
  readonly again: string
}

/** Which processes: all of some roles, and some by their names. */
export interface Wanted {
  readonly roles: readonly SwapRole[]
  readonly names: readonly ProcessId[]
}

/** In the order in which they are to be swapped; throws OperatorError when one of them cannot be. */
export async function plan(folder: string, run: RunFolder, wanted: Wanted, configfile: string | undefined) {
  const alive = run.processes().filter((one) => one.alive)
  const chosen = choose(run, alive, wanted)
  if (alive.length === 0 && chosen.length > 0) {
    throw new OperatorError(`only frozen games in ${run.path}: goworld start -restore ${shellWord(folder)} starts them`)
  }
  const swaps: Swap[] = []
  for (const name of chosen) {
    const found = alive.find((one) => isSame(one, name))
    const file = configfile ?? (await configOf(run, [name, ...alive]))
    const server = findServer(folder, { configfile: file })
    const configPath = writeConfig(server)
    const commands = commandsOf(server, gameModule(server.folder), configPath)
    const mine = commands.find((one) => isSame(one.name, name))
    if (!mine)
      throw new OperatorError(
        `${nameOf(name)} is not in ${server.config.path}; name its configuration with -configfile`,
      )
    const words = [callable('components/cli/goworld'), 'reload', folder, `-${name.role}`, String(name.id)]
    if (configfile !== undefined) words.push('-configfile', configfile)
    swaps.push({
      name,
      running: found && runningOf(run, found),
      command: mine.command,
      cwd: server.folder,
      log: logFileOf(server, name) || run.outPath(name),
      again: words.map(shellWord).join(' '),
    })
  }
  return swaps
}

function choose(run: RunFolder, alive: readonly ProcessFound[], { roles, names }: Wanted): Swap['name'][] {
  // Who is frozen comes first: whoever is on the way there waits, and what it has left cannot be swapped as long.
  const there = [...run.frozen(), ...alive]
  return SWAP_ROLES.flatMap((role) =>
    there
      .filter((one) => one.role === role && (roles.includes(role) || names.some((name) => isSame(one, name))))
      .map(({ id }) => ({ role, id })),
  )
}

/** The configuration as the first says that answers, which is the one itself unless it is frozen; else as it was made. */
export async function configOf(run: RunFolder, processes: readonly ProcessId[]): Promise<string | undefined> {
  for (const name of processes) {
    const said: Status | undefined = await statusOf(run, name)
    if (typeof said?.configfile === 'string') return said.configfile
  }
  return existsSync(run.configPath) ? run.configPath : undefined
}

const logFileOf = ({ config }: Server, { role, id }: Swap['name']): string => config[role](id).logFile
