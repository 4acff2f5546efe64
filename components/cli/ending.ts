// Ends processes in order: those of one role at once, and the next role when they are gone. Clients go before the
// games that save their players, and the dispatchers last, as the others still talk through them.
//
//     bots ─> gates ─> games ─> dispatchers        each: asked ─> limit ─> killed
//     └ a swap that is under way comes to its end first: whoever has the place then is the one to be stopped
import { setTimeout as sleep } from 'node:timers/promises'
import { realClock } from '../../engine/base/clock.ts'
import { askControl } from '../process/control.ts'
import { nameOf, type ProcessFound, type ProcessId, ROLES, type RunFolder } from '../process/run-folder.ts'

export interface Running {
  readonly name: ProcessId
  readonly pid: number
  alive(): boolean
}

/** A game saves its entities before it ends, and gives that up by itself after 30 seconds. */
const END_LIMIT_MS = 45_000
const POLL_MS = 25

export interface EndOptions {
  readonly tell: (line: string) => void
  /** Cuts the waiting short: all are killed. */
  readonly hurry?: AbortSignal
}

/** Resolves when all that `list` names, again and again, are gone; to false when some had to be killed. */
export async function endAll(run: RunFolder, list: () => readonly Running[], options: EndOptions): Promise<boolean> {
  let inOrder = true
  for (let running = list(); running.length > 0; running = list()) {
    const successors = running.filter(({ name }) => name.role === 'next')
    for (const role of successors.length > 0 ? (['next'] as const) : ROLES.toReversed()) {
      const group = running.filter((one) => one.name.role === role && one.alive())
      if (group.length === 0) continue
      const names = group.map(({ name }) => nameOf(name)).join(', ')
      options.tell(role === 'next' ? 'waiting for the swap that is under way' : `stopping ${names}`)
      inOrder = (await endGroup(run, group, options)) && inOrder
    }
  }
  return inOrder
}

async function endGroup(run: RunFolder, group: readonly Running[], { tell, hurry }: EndOptions): Promise<boolean> {
  const limit = realClock.now() + END_LIMIT_MS
  if (!hurry?.aborted) await Promise.race([Promise.all(group.map((one) => ask(run, one))), aborted(hurry)])
  let left = group
  for (;;) {
    left = left.filter((one) => one.alive())
    if (left.length === 0) return true
    if (hurry?.aborted || realClock.now() >= limit) break
    await sleep(POLL_MS)
  }
  for (const one of left) {
    tell(`${nameOf(one.name)} (pid ${one.pid}) ${hurry?.aborted ? 'is' : 'did not stop in time: it is'} killed`)
    await killNow(run, one)
  }
  return false
}

/** By its control channel, or by a signal where nobody answers. A second signal would stop it without saving. */
async function ask(run: RunFolder, one: Running): Promise<void> {
  if (one.name.role === 'next') return
  if (one.name.role !== 'bots') {
    const asked = await askControl(run.socketPath(one.name), 'stop').then(
      () => true,
      () => false,
    )
    if (asked) return
  }
  if (one.alive()) sendSignal(one.pid, 'SIGTERM')
}

/** At once, without saving; clears away what it leaves. */
export async function killNow(run: RunFolder, one: Running): Promise<void> {
  if (one.alive()) sendSignal(one.pid, 'SIGKILL')
  while (one.alive()) await sleep(POLL_MS)
  run.clear(one.name)
}

/** A process that another command started. */
export function runningOf(run: RunFolder, { role, id, pid }: ProcessFound): Running {
  const name = { role, id }
  return {
    name,
    pid,
    alive() {
      const now = run.find(name)
      return now?.pid === pid && now.alive
    },
  }
}

/** To whom may be gone by now. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const aborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
