// `goworld stop` and `goworld kill`: end what runs of a server, by its pid files, whoever started it.
import { nameOf, RunFolder } from '../process/run-folder.ts'
import { command } from './command.ts'
import { endAll, killNow, type Running, runningOf } from './ending.ts'
import { say, sayFrozen } from './screen.ts'
import { gameFolder } from './server.ts'

export const stop = command({
  name: 'stop',
  about: 'Stops a server in order: gates, games (which save), dispatchers.',
  positionals: '<game folder>',
  flags: {},
  async run(_, [folder]) {
    const run = new RunFolder(gameFolder(folder!))
    if (whatRuns(run).length === 0) return sayNothingRuns(run)
    const inOrder = await endAll(run, () => whatRuns(run), { tell: say })
    say(inOrder ? 'stopped' : 'stopped, but not all of it in order')
    sayFrozen(run)
    if (!inOrder) process.exitCode = 1
  },
})

export const kill = command({
  name: 'kill',
  about: 'Ends a server at once; what was not saved is lost.',
  positionals: '<game folder>',
  flags: {},
  async run(_, [folder]) {
    const run = new RunFolder(gameFolder(folder!))
    const killed: Running[] = []
    // Who was just being swapped may have its place by now: the next round finds it.
    for (let running = whatRuns(run); running.length > 0; running = whatRuns(run)) {
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

/** Processes that live; what dead ones left is cleared away. */
function whatRuns(run: RunFolder): Running[] {
  const found = run.processes()
  for (const one of found) if (!one.alive) run.clear(one)
  return found.filter(({ alive }) => alive).map((one) => runningOf(run, one))
}
