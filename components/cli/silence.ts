// Processes that run and answer nobody, such as a game in an endless loop: whatever they are asked for, nothing comes of it.
import { askControl, NoAnswer } from '../process/control.ts'
import { nameOf, type RunFolder } from '../process/run-folder.ts'
import type { Running } from './ending.ts'
import { say } from './screen.ts'
import { callable, shellWord } from './server.ts'

/** Those that are alive and do not answer, in the order in which they were given. */
export async function silentOf(run: RunFolder, running: readonly Running[]): Promise<Running[]> {
  const silent = await Promise.all(running.map((one) => isSilent(run, one)))
  return running.filter((_, at) => silent[at])
}

/** One without a control channel starts, or is being swapped: that is another matter. */
function isSilent(run: RunFolder, one: Running): Promise<boolean> {
  return askControl(run.socketPath(one.name), 'status').then(
    () => false,
    (error) => error instanceof NoAnswer && one.alive(),
  )
}

/** Says so, and what to do. */
export function saySilent(folder: string, { name, pid }: Running): void {
  const goworld = callable('components/cli/goworld')
  const words = [`kill ${shellWord(folder)} ${nameOf(name)}`, `start -missing ${shellWord(folder)}`]
  const anew = words.map((word) => `${goworld} ${word}`).join(' && ')
  say(`${nameOf(name)} (pid ${pid}) is silent: its log says since when; to start it anew: ${anew}`)
}
