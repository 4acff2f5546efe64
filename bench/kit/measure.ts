// One scenario: a whole server in processes of its own and a crowd in another; what the server used while the crowd did
// something, over several windows of the same length.
import { setTimeout as sleep } from 'node:timers/promises'
import { Crowd, type CrowdFigures, type CrowdOptions } from './crowd.ts'
import { type Figure, remark, report, spread } from './report.ts'
import { BenchServer, type ProcessStatus, type ServerOptions } from './server.ts'

const ROLES = ['dispatcher', 'game', 'gate'] as const
type Role = (typeof ROLES)[number]

export const SECONDS = Number(process.env['SECONDS'] ?? 4)
export const WINDOWS = Number(process.env['WINDOWS'] ?? 5)
/** Until the code that runs a few times a millisecond is compiled. */
const WARM_UP_MS = Number(process.env['WARM_UP_MS'] ?? 15_000)
/** Until it is for good. */
export const LONG_WARM_UP_MS = Number(process.env['WARM_UP_MS'] ?? 40_000)
/** A crowd that is busier, or later, than this is what is measured. */
const CROWD_CPU_MAX = 0.9
const CROWD_DELAY_MAX_MS = 20

/** All rows of a benchmark, or the one that ROW says: 1 is the first. */
export const chosen = <T>(rows: readonly T[]): readonly T[] => {
  const row = Number(process.env['ROW'] ?? 0)
  return row > 0 ? rows.slice(row - 1, row) : rows
}

/** What happened in one window. */
export interface Window extends CrowdFigures {
  /** Seconds of CPU for each second. */
  readonly cpu: Readonly<Record<Role, number>>
  readonly allCpu: number
}

export interface Measured {
  readonly windows: readonly Window[]
  /** What the processes said at the end. */
  readonly processes: readonly ProcessStatus[]
}

export interface Scenario extends ServerOptions {
  /** The folder of the game, in bench/kit. */
  readonly game: string
  readonly crowd: Omit<CrowdOptions, 'gate'>
  readonly warmUpMs?: number
}

/** Runs it. Rejects when a client is closed. */
export async function measure({ game, crowd: options, warmUpMs = WARM_UP_MS, ...how }: Scenario): Promise<Measured> {
  const server = new BenchServer(game, { inMemory: true, ...how })
  let crowd: Crowd | undefined
  try {
    crowd = await Crowd.start({ ...options, gate: server.gate })
    await sleep(warmUpMs)
    const windows: Window[] = []
    for (let n = 0; n < WINDOWS; n++) windows.push(await window(server, crowd))
    return { windows, processes: server.statuses() }
  } finally {
    await crowd?.stop()
    server.stop()
  }
}

async function window(server: BenchServer, crowd: Crowd): Promise<Window> {
  const before = ROLES.map((role) => server.cpuSeconds(role))
  crowd.begin()
  await sleep(SECONDS * 1000)
  const figures = await crowd.end()
  const cpu = ROLES.map((role, at) => (server.cpuSeconds(role) - before[at]!) / figures.seconds)
  const [dispatcher, game, gate] = cpu as [number, number, number]
  return { ...figures, cpu: { dispatcher, game, gate }, allCpu: dispatcher + game + gate }
}

/** Of all windows the median, with the least and the most. */
export function over(
  windows: readonly Window[],
  of: (window: Window) => number,
): Pick<Figure, 'value' | 'low' | 'high'> {
  return spread(windows.map(of))
}

/** What every scenario says at its end: CPU by role, memory, event loops, and whether the crowd kept up. */
export function reportServer(scenario: string, { windows, processes }: Measured): void {
  for (const role of ROLES)
    report({ scenario, metric: `of which ${role}`, unit: 'CPU', ...over(windows, ({ cpu }) => cpu[role]) })
  for (const role of ROLES) {
    const its = processes.filter((process) => process.role === role)
    const rssBytes = its.reduce((sum, process) => sum + process.rssBytes, 0)
    report({ scenario, metric: `memory of ${role}`, value: rssBytes / 1e6, unit: 'MB' })
    const delayMs = Math.max(...its.map(({ loopDelayMs }) => loopDelayMs))
    report({ scenario, metric: `event loop of ${role}, p99 late`, value: delayMs, unit: 'ms' })
  }
  report({ scenario, metric: 'to clients', unit: 'MB/s', ...over(windows, (one) => one.bytesIn / one.seconds / 1e6) })
  const busy = over(windows, ({ cpuSeconds, seconds }) => cpuSeconds / seconds)
  report({ scenario, metric: 'the crowd itself', unit: 'CPU', ...busy })
  const late = over(windows, ({ loopDelayP99Ms }) => loopDelayP99Ms)
  if (busy.value > CROWD_CPU_MAX || late.value > CROWD_DELAY_MAX_MS)
    remark(
      `the crowd is the bottleneck: ${busy.value.toFixed(2)} CPU, its event loop ${late.value.toFixed(0)} ms late at p99`,
    )
}
