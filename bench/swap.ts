// New code under a running game: for how long it is away for players who call it ten times a second, by `goworld reload`
// and by SIGUSR1 with `-restore` at once; the same of its dispatcher; and whether a call of all that were made was lost or
// answered twice.
//
//     make bench ONLY=swap          JSON=1 for an object a line, ROW=1 for one row, WINDOWS=9 for more swaps
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Crowd } from './kit/crowd.ts'
import { chosen, WINDOWS } from './kit/measure.ts'
import { report, spread } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const GOWORLD = join(import.meta.dirname, '../components/cli/goworld')
/** What is under way arrives by then. */
const REST_MS = 1500
/** Whatever has no answer by then, on a machine however busy, is lost. */
const ANSWERED_WITHIN_MS = 60_000

interface Row {
  readonly bots: number
  readonly others: number
  readonly goworldMs: number
  readonly reloadMs: number
  readonly restoreMs: number
}

const ROWS: readonly Row[] = [
  { bots: 200, others: 0, goworldMs: 33, reloadMs: 20, restoreMs: 250 },
  { bots: 1000, others: 0, goworldMs: 62, reloadMs: 35, restoreMs: 280 },
  { bots: 200, others: 10_000, goworldMs: 834, reloadMs: 60, restoreMs: 300 },
  { bots: 1000, others: 10_000, goworldMs: 1105, reloadMs: 80, restoreMs: 330 },
]

/** Whoever waits for a dispatcher is not to notice it. */
const DISPATCHER_MS = 50

const STEPS = ['waited for promises', 'frozen', 'restored', 'left', 'back'] as const

interface Said {
  readonly awayMs: number
  readonly megabytes: number
  /** Milliseconds, in the order of STEPS. */
  readonly steps: readonly number[]
}

/** What `goworld reload` says of it. */
function reload(server: BenchServer): Said {
  const out = execFileSync(GOWORLD, ['reload', server.folder], { encoding: 'utf8' })
  const [, away, megabytes] = /away for (\d+) ms, \d+ entities, ([\d.]+) MB/.exec(out)!
  const line = /waited for promises.*/.exec(out)![0]
  const steps = STEPS.map((step) => Number(new RegExp(`${step} (\\d+)`).exec(line)![1]))
  return { awayMs: Number(away), megabytes: Number(megabytes), steps }
}

function reloadDispatcher(server: BenchServer): number {
  const out = execFileSync(GOWORLD, ['reload', server.folder, '-dispatcher', '1'], { encoding: 'utf8' })
  return Number(/away for (\d+) ms/.exec(out)![1])
}

/** As by hand: a signal, and at once the same command with -restore. */
function freezeAndRestore(server: BenchServer): void {
  const { pid } = server.statuses().find(({ role }) => role === 'game')!
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  const plain = command.filter((word) => word !== '-succeed' && word !== '-restore')
  const env = Object.fromEntries(
    readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .slice(0, -1)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
  process.kill(pid, 'SIGUSR1')
  spawn(plain[0]!, [...plain.slice(1), '-restore'], {
    cwd: server.folder,
    env,
    detached: true,
    stdio: 'ignore',
  }).unref()
}

for (const { bots, others, goworldMs, reloadMs, restoreMs } of chosen(ROWS)) {
  const env = { CROWD_OTHERS: String(others), CROWD_SIDE: String(others > 0 ? 1500 : 1000), CROWD_AOI: '50' }
  const server = new BenchServer(join(import.meta.dirname, 'kit/crowd-game'), { env })
  try {
    const crowd = await Crowd.start({ gate: server.gate, clients: bots, does: 'echo', perSecond: 10 })
    await sleep(3000)
    const swaps: Said[] = []
    const worst: number[] = []
    const dispatchers: number[] = []
    const worstByDispatcher: number[] = []
    const restored: number[] = []
    for (let n = 0; n < WINDOWS; n++) {
      crowd.begin()
      swaps.push(reload(server))
      await sleep(REST_MS)
      const figures = await crowd.end()
      worst.push(figures.maxMs)
    }
    for (let n = 0; n < WINDOWS; n++) {
      crowd.begin()
      dispatchers.push(reloadDispatcher(server))
      await sleep(REST_MS)
      worstByDispatcher.push((await crowd.end()).maxMs)
    }
    for (let n = 0; n < WINDOWS; n++) {
      crowd.begin()
      freezeAndRestore(server)
      await sleep(REST_MS * 2)
      restored.push((await crowd.end()).maxMs)
    }
    const open = await crowd.rest(ANSWERED_WITHIN_MS)
    await crowd.stop()
    const scenario = `swap: ${bots} clients call ten times a second, ${others} other entities`
    report({
      scenario,
      metric: 'goworld reload: away for',
      unit: 'ms',
      ...spread(swaps.map(({ awayMs }) => awayMs)),
      goworld: goworldMs,
      atMost: reloadMs,
    })
    report({ scenario, metric: 'the call that waited the longest', unit: 'ms', ...spread(worst) })
    report({
      scenario,
      metric: 'SIGUSR1, -restore: the call that waited the longest',
      unit: 'ms',
      ...spread(restored),
      atMost: restoreMs,
    })
    const ofDispatcher = 'goworld reload -dispatcher 1'
    report({ scenario, metric: `${ofDispatcher}: away for`, unit: 'ms', ...spread(dispatchers), atMost: DISPATCHER_MS })
    report({ scenario, metric: `${ofDispatcher}: the longest call`, unit: 'ms', ...spread(worstByDispatcher) })
    report({ scenario, metric: 'calls that were lost', unit: '', value: Math.max(0, open), atMost: 0 })
    report({ scenario, metric: 'calls that were answered twice', unit: '', value: Math.max(0, -open), atMost: 0 })
    for (const [at, step] of STEPS.entries())
      report({ scenario, metric: `of which ${step}`, unit: 'ms', ...spread(swaps.map(({ steps }) => steps[at]!)) })
    report({ scenario, metric: 'the state', unit: 'MB', value: swaps.at(-1)!.megabytes })
  } finally {
    server.stop()
  }
}
