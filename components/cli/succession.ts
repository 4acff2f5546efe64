// How one process of a server is swapped for one of new code, and what is said of it: its successor is started, takes its
// place, or fails, and then the old one goes on.
import { execFile } from 'node:child_process'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { realClock } from '../../engine/base/clock.ts'
import { Child, type Status, statusOf } from '../process/child.ts'
import { nameOf, type RunFolder } from '../process/run-folder.ts'
import type { Running } from './ending.ts'
import { say, sayFor } from './screen.ts'
import { saySilent, silentOf } from './silence.ts'
import type { Swap, SwapRole } from './swaps.ts'

const REHEARSAL_LIMIT_MS = 60_000
/** A game waits up to a minute for open requests (`freeze_wait_ms`). */
const SUCCEED_LIMIT_MS = 150_000
const RESTORE_LIMIT_MS = 60_000
const POLL_MS = 25
const LOG_LINES_MAX = 20
const LOG_BYTES_MAX = 64 * 1024

/** Resolves to whether a process with the new code has its place; if not, it has said why. */
export function swapOne(run: RunFolder, swap: Swap, drop: boolean): Promise<boolean> {
  return swap.running ? succeed(run, swap, swap.running, drop) : restore(run, swap)
}

const SAY_TIMES: Readonly<Record<SwapRole, (name: Swap['name'], status: Status) => void>> = {
  dispatcher(name, { entities, swap }) {
    const { blackoutMs, bytes, takeMs, restoreMs, leaveMs, returnMs, peers, missing } = swap as Record<string, number>
    say(`${nameOf(name)} swapped: away for ${blackoutMs} ms, ${entities} entities, ${megabytes(bytes)} MB`)
    const back = missing ? `${peers! - missing} of ${peers} links are back` : `${peers} links are back`
    sayFor(name, `taken over in ${takeMs} ms, restored ${restoreMs}, left ${leaveMs}, back ${returnMs}: ${back}`)
  },
  gate(name, { swap }) {
    const { closedMs, joinMs, sessions, others, drainSeconds } = swap as Record<string, number>
    say(`${nameOf(name)} swapped: nobody could connect for ${closedMs} ms, joined in ${joinMs} ms`)
    const left = others ? `${others} others may play on for ${drainSeconds} s where they are` : 'there are no others'
    sayFor(name, `${sessions} clients with a session go over to it; ${left}`)
  },
  game(name, { entities, swap }) {
    const { blackoutMs, bytes, ...steps } = swap as Record<string, number>
    const { waitMs, freezeMs, restoreMs, leaveMs, returnMs } = steps
    say(`${nameOf(name)} swapped: away for ${blackoutMs} ms, ${entities} entities, ${megabytes(bytes)} MB`)
    sayFor(
      name,
      `waited for promises ${waitMs} ms, frozen ${freezeMs}, restored ${restoreMs}, left ${leaveMs}, back ${returnMs}`,
    )
    for (const note of (swap as { notes?: readonly string[] }).notes ?? []) sayFor(name, note)
  },
}

async function succeed(run: RunFolder, swap: Swap, running: Running, drop: boolean): Promise<boolean> {
  const { name, command, cwd, log } = swap
  const flags = drop && name.role === 'game' ? ['-drop'] : []
  if (name.role === 'game' && !(await rehearse(run, swap, running, flags))) return false
  const wasReady = (await statusOf(run, name))?.ready === true
  const logBytes = sizeOf(log)
  const child = new Child(name, run, { command: [...command, '-succeed', ...flags], cwd, appends: true })
  child.unref()
  let last: Status | undefined
  // Whether all others are there is another matter.
  const hasPlace = (status: Status) => {
    last = status
    return status.swap !== undefined
  }
  if (await child.until(hasPlace, SUCCEED_LIMIT_MS)) {
    SAY_TIMES[name.role](name, last!)
    return true
  }
  const why = child.end ?? `does not have its place after ${SUCCEED_LIMIT_MS / 1000} s`
  if (child.end === undefined) {
    // Who has the place already is the one that knows what there is: killed, all of it would be lost.
    if (!run.find({ role: 'next', id: child.pid })?.alive) {
      say(`${nameOf(name)} is another process now, pid ${child.pid}, and does not answer: see its log`)
      return false
    }
    child.signal('SIGKILL')
  }
  say(`${nameOf(name)} is not swapped: its successor ${why}`)
  for (const line of new Set([...child.lastLines, ...linesFrom(log, logBytes)])) sayFor(name, line)
  await goesOn(run, swap, running, wasReady)
  return false
}

/** Resolves to whether the new code can go on from a copy of the game; if not, it has said why. */
async function rehearse(run: RunFolder, swap: Swap, old: Running, flags: readonly string[]): Promise<boolean> {
  const { name, command, cwd } = swap
  const args = [...process.execArgv, ...command, '-rehearse', ...flags]
  const running = promisify(execFile)(process.execPath, args, {
    cwd,
    timeout: REHEARSAL_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  try {
    const { stdout } = await running
    const { entities, bytes, restoreMs } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, number>
    say(`${nameOf(name)} rehearsed: ${entities} entities, ${megabytes(bytes)} MB, in ${restoreMs} ms`)
    return true
  } catch (error) {
    const { killed, stderr = '', message } = error as { killed?: boolean; stderr?: string; message: string }
    const why = killed
      ? `it took longer than ${REHEARSAL_LIMIT_MS / 1000} s`
      : 'the new code cannot go on from what is there'
    const silent = (await silentOf(run, [old])).length > 0
    say(`${nameOf(name)} is not swapped${silent ? '' : ', and goes on as it was'}: ${why}`)
    // What execFile says of one that it has killed is its command.
    for (const line of lastLines(stderr || (killed ? '' : message))) sayFor(name, line)
    if (silent) saySilent(cwd, old)
    return false
  }
}

/** Without the frames of Node's own: a whole stack of them would leave no room for what is wrong. */
const lastLines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !/^\s+at .*\bnode:internal\//.test(line))
    .slice(-LOG_LINES_MAX)

/** Says whether the old process is as well as it was. */
async function goesOn(run: RunFolder, swap: Swap, running: Running, wasReady: boolean): Promise<void> {
  const { name } = swap
  const end = realClock.now() + RESTORE_LIMIT_MS
  const isWell = (said: Status) => name.role === 'dispatcher' || !wasReady || said.ready === true
  while (running.alive() && realClock.now() < end) {
    const said = await statusOf(run, name)
    if (said?.pid === running.pid && isWell(said)) {
      const others = wasReady || name.role === 'dispatcher' ? '' : ': not ready, before and now'
      return say(`${nameOf(name)} goes on as it was${others}`)
    }
    await sleep(POLL_MS)
  }
  say(`${nameOf(name)} ${running.alive() ? 'is not ready' : 'has ended'}: see its log`)
  sayFrozenStill(run, swap)
}

function sayFrozenStill(run: RunFolder, { name, again }: Swap): void {
  if (name.role !== 'game' || !run.frozen().some(({ id }) => id === name.id)) return
  say(`${nameOf(name)} stays frozen in ${run.frozenPath(name)}; to try again: ${again}`)
}

/** A game that is frozen. Resolves to whether it is back; if not, it has said why, and what to do. */
async function restore(run: RunFolder, swap: Swap): Promise<boolean> {
  const { name, command, cwd } = swap
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
  sayFrozenStill(run, swap)
  return false
}

const megabytes = (bytes = 0): string => (bytes / 1e6).toFixed(2)

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
