// `goworld stop` and `goworld kill`: end what runs of a server, or some processes of it by their names; by its pid files, whoever
// started it.
import { nameOf, type ProcessId, type Role, RunFolder } from '../process/run-folder.ts'
import { command } from './command.ts'
import { endAll, killNow, type Running, runningOf } from './ending.ts'
import { isSame, readProcess } from './names.ts'
import { say, sayFrozen } from './screen.ts'
import { gameFolder } from './server.ts'

export const stop = command({
  name: 'stop',
  about: 'Stops a server in order: gates, games (which save), dispatchers.',
  positionals: '<game folder> [names...]',
  flags: {},
  async run(_, [folder, ...words]) {
    const run = new RunFolder(gameFolder(folder!))
    const names = namesOf(words)
    if (!areThere(run, names)) return
    if (whatRuns(run, names).length === 0) return sayNothingRuns(run)
    // A successor that stands by may be that of a process that is to stop: it has its name soon.
    const list = () => [...whatRuns(run, names), ...(names.length > 0 ? standingBy(run) : [])]
    const inOrder = await endAll(run, list, { tell: say })
    say(inOrder ? 'stopped' : 'stopped, but not all of it in order')
    sayFrozen(run)
    if (!inOrder) process.exitCode = 1
  },
})

export const kill = command({
  name: 'kill',
  about: 'Ends a server at once; what was not saved is lost.',
  positionals: '<game folder> [names...]',
  flags: {},
  async run(_, [folder, ...words]) {
    const run = new RunFolder(gameFolder(folder!))
    const names = namesOf(words)
    if (!areThere(run, names)) return
    const killed: Running[] = []
    // Who was just being swapped may have its place by now: the next round finds it.
    for (let running = whatRuns(run, names); running.length > 0; running = whatRuns(run, names)) {
      // Bots first, and dispatchers last, so that nobody's log fills with the loss of the others.
      for (const one of running.toReversed()) await killNow(run, one)
      killed.unshift(...running)
    }
    if (killed.length === 0) return sayNothingRuns(run)
    say(`killed ${killed.map(({ name }) => nameOf(name)).join(', ')}`)
    sayFrozen(run)
  },
})

function sayNothingRuns(run: RunFolder): void {
  say(`nothing runs in ${run.path}`)
  sayFrozen(run)
}

const NAMED = ['dispatcher', 'game', 'gate', 'drain', 'dev', 'bots'] as const satisfies readonly Role[]

const namesOf = (words: readonly string[]): ProcessId[] => words.map((word) => readProcess(word, NAMED))

/** Whether all of these run; if not, it says which does not, and nothing is to be ended. */
function areThere(run: RunFolder, names: readonly ProcessId[]): boolean {
  const missing = names.find((name) => !run.find(name)?.alive)
  if (!missing) return true
  say(`${nameOf(missing)} does not run in ${run.path}`)
  process.exitCode = 1
  return false
}

/** Processes that live, all or those of these names; what dead ones left is cleared away. */
function whatRuns(run: RunFolder, names: readonly ProcessId[]): Running[] {
  const found = run.processes()
  for (const one of found) if (!one.alive) run.clear(one)
  return found
    .filter((one) => one.alive && (names.length === 0 || names.some((name) => isSame(name, one))))
    .map((one) => runningOf(run, one))
}

function standingBy(run: RunFolder): Running[] {
  const found = run.processes().filter(({ role, alive }) => role === 'next' && alive)
  return found.map((one) => runningOf(run, one))
}
