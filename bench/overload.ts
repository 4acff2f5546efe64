// More than a server can do, for a minute, and what is left of it five seconds later: twice the calls that the game can
// answer, more positions than can be sent, clients that call as fast as they can. Memory is bounded, nobody is closed,
// and whoever does nothing wrong is served.
//
//     make bench ONLY=overload          JSON=1 for an object a line, DURATION=10 for shorter, ROW=2 for one row
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Crowd, type CrowdFigures, type CrowdOptions } from './kit/crowd.ts'
import { chosen } from './kit/measure.ts'
import { report } from './kit/report.ts'
import { BenchServer, type ServerOptions } from './kit/server.ts'

const DURATION = Number(process.env['DURATION'] ?? 60)
const WARM_UP_MS = 3000
const CALM_SECONDS = 4
const OVER_AFTER_MS = 5000
/** Of each process. */
const MEMORY_MAX_MB = 512
const GAME = join(import.meta.dirname, 'kit/crowd-game')
const AOI = 50
const WALKERS = 4000
const SEEN = 66

interface Row {
  readonly name: string
  readonly server?: ServerOptions
  readonly crowd: Omit<CrowdOptions, 'gate'>
  /** Others, who call ten times a second: what they hear of it. */
  readonly bystanders?: number
  /** How long calls, or positions, take when it is over. */
  readonly afterMs: number
}

const ROWS: readonly Row[] = [
  {
    name: 'twice the calls that the game can answer (1 ms of work each, 2000 a second, 8 under way each)',
    crowd: { clients: 200, does: 'echo', perSecond: 10, workMs: 1, outstanding: 8 },
    afterMs: 20,
  },
  {
    name: `${WALKERS} clients move at 10 Hz, ~${SEEN} seen by each`,
    server: {
      env: { CROWD_AOI: String(AOI), CROWD_SIDE: String(Math.sqrt((WALKERS * Math.PI * AOI * AOI) / SEEN)) },
    },
    crowd: { clients: WALKERS, does: 'walk' },
    afterMs: 200,
  },
  {
    name: '10 clients call as fast as they can, client_rate_max=500',
    server: { gateIni: ['client_rate_max=500'] },
    crowd: { clients: 10, does: 'flood', outstanding: 1000 },
    bystanders: 100,
    afterMs: 20,
  },
]

async function figuresOver(crowd: Crowd, seconds: number): Promise<CrowdFigures> {
  crowd.begin()
  await sleep(seconds * 1000)
  return crowd.end()
}

/** The largest that each process has been, in MB. */
function largestMb(server: BenchServer): number {
  const peaks = server.statuses().map(({ pid }) => {
    const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kb) / 1000
  })
  return Math.max(...peaks)
}

for (const { name, server: how, crowd: options, bystanders, afterMs } of chosen(ROWS)) {
  const scenario = `overload: ${name}, for ${DURATION} s`
  const server = new BenchServer(GAME, how)
  const crowds: Crowd[] = []
  const come = async (more: Omit<CrowdOptions, 'gate'>) => {
    const crowd = await Crowd.start({ ...more, gate: server.gate })
    crowds.push(crowd)
    return crowd
  }
  try {
    const others = bystanders ? await come({ clients: bystanders, does: 'echo', perSecond: 10 }) : undefined
    if (others) {
      await sleep(WARM_UP_MS)
      const { p99Ms } = await figuresOver(others, CALM_SECONDS)
      report({ scenario, metric: 'calls of others before, p99', value: p99Ms, unit: 'ms' })
    }
    const crowd = await come(options)
    await sleep(WARM_UP_MS)
    others?.begin()
    const { p50Ms, p99Ms, answers, records, seconds } = await figuresOver(crowd, DURATION)
    report({ scenario, metric: 'done', value: (answers + records) / seconds, unit: '1/s' })
    report({ scenario, metric: 'meanwhile, p50', value: p50Ms, unit: 'ms' })
    report({ scenario, metric: 'meanwhile, p99', value: p99Ms, unit: 'ms' })
    if (others) {
      const { p99Ms: theirs } = await others.end()
      report({ scenario, metric: 'calls of others meanwhile, p99', value: theirs, unit: 'ms', atMost: afterMs })
    }
    report({
      scenario,
      metric: 'memory of the largest process',
      value: largestMb(server),
      unit: 'MB',
      atMost: MEMORY_MAX_MB,
    })
    crowd.ease()
    await sleep(OVER_AFTER_MS)
    const after = await figuresOver(others ?? crowd, CALM_SECONDS)
    report({ scenario, metric: 'five seconds after it, p99', value: after.p99Ms, unit: 'ms', atMost: afterMs })
  } finally {
    for (const crowd of crowds) await crowd.stop()
    server.stop()
  }
}
