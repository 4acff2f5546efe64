// Strict bots of test_client on a server of test_game (one dispatcher, one game, one gate): whether they get through
// without an error, how long the things take that they do, and what that costs the server. Its world chat reaches everybody.
//
//     make bench ONLY=bots          JSON=1 for an object a line, DURATION=30 for shorter, ROW=1 for one row
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Summary } from '../examples/test_client/report.ts'
import { reportCpu } from './kit/machine.ts'
import { chosen } from './kit/measure.ts'
import { remark, report } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const DURATION = Number(process.env['DURATION'] ?? 60)
const EXAMPLES = join(import.meta.dirname, '../examples')
const WARM_UP_SHARE = 0.5
const BOTS_LATE_MAX_MS = 20

interface Row {
  readonly bots: number
  readonly goworld?: { readonly cpu: number; readonly ms: number }
  readonly target: { readonly cpu?: number; readonly ms: number }
}

const ROWS: readonly Row[] = [
  { bots: 200, target: { ms: 5 } },
  { bots: 1000, goworld: { cpu: 0.23, ms: 27 }, target: { cpu: 0.23, ms: 5 } },
  { bots: 3000, goworld: { cpu: 0.76, ms: 638 }, target: { cpu: 0.76, ms: 60 } },
]

async function play(server: BenchServer, bots: number): Promise<Summary> {
  const flags = ['-N', bots, '-duration', DURATION, '-server', server.gate, '-strict', '-json', '-quiet'].map(String)
  const played = promisify(execFile)(join(EXAMPLES, 'test_client/test_client'), flags, { maxBuffer: 1 << 26 })
  // With exit code 1 at the first error or timeout: then the figures say which.
  const { stdout, stderr } = await played.catch((error: { stdout: string; stderr: string }) => error)
  if (stderr !== '') remark(stderr.split('\n').slice(0, 5).join('\n'))
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Summary
}

for (const { bots, goworld, target } of chosen(ROWS)) {
  const scenario = `bots: ${bots} strict ones for ${DURATION} s`
  let serverCpu = Number.NaN
  const server = new BenchServer(join(EXAMPLES, 'test_game'), { inMemory: true })
  try {
    const roles = ['dispatcher', 'game', 'gate']
    const cpuNow = () => roles.map((role) => server.cpuSeconds(role))
    let before = cpuNow()
    let beganMs = performance.now()
    // By then all have logged in, and what is called often has been compiled: that takes a server half a minute.
    const steady = setTimeout(
      () => {
        before = cpuNow()
        beganMs = performance.now()
      },
      DURATION * WARM_UP_SHARE * 1000,
    )
    const { errors, timeouts, connected, things, sync, botLag } = await play(server, bots)
    clearTimeout(steady)
    const seconds = (performance.now() - beganMs) / 1000
    const cpus = cpuNow().map((cpu, at) => (cpu - before[at]!) / seconds)
    serverCpu = cpus.reduce((sum, one) => sum + one, 0)
    report({ scenario, metric: 'connected at the end', value: connected, unit: '', atLeast: bots })
    report({ scenario, metric: 'errors', value: errors, unit: '', atMost: 0 })
    report({ scenario, metric: 'timeouts', value: timeouts, unit: '', atMost: 0 })
    const { Login, ...others } = things
    const done = Object.entries(others)
    const count = done.reduce((sum, [, thing]) => sum + thing.count, 0)
    if (done.length === 0) continue
    const [slowest, its] = done.reduce((worst, one) => (one[1].p50Ms > worst[1].p50Ms ? one : worst))
    report({
      scenario,
      metric: 'p50 of the slowest thing',
      value: its.p50Ms,
      unit: `ms (${slowest})`,
      ...(goworld && { goworld: goworld.ms }),
      atMost: target.ms,
    })
    const worst = Math.max(...done.map(([, { p99Ms }]) => p99Ms))
    report({ scenario, metric: 'p99 of the worst thing', value: worst, unit: 'ms' })
    report({ scenario, metric: 'things done', value: count / DURATION, unit: '1/s' })
    report({ scenario, metric: 'login, p50', value: Login?.p50Ms ?? Number.NaN, unit: 'ms' })
    report({ scenario, metric: 'position records', value: sync.recordsPerSecond, unit: '1/s' })
    report({ scenario, metric: 'mover to watcher, p50', value: sync.p50Ms, unit: 'ms' })
    report({ scenario, metric: 'mover to watcher, p99', value: sync.p99Ms, unit: 'ms' })
    for (const [at, role] of roles.entries())
      report({ scenario, metric: `of which ${role}`, value: cpus[at]!, unit: 'CPU' })
    report({ scenario, metric: 'the bots themselves late, p99', value: botLag.p99Ms, unit: 'ms' })
    if (botLag.p99Ms > BOTS_LATE_MAX_MS) remark('the bots are the bottleneck')
  } finally {
    server.stop()
  }
  const figure = { scenario, metric: 'server', value: serverCpu, unit: 'CPU' }
  if (goworld && target.cpu) await reportCpu({ ...figure, goworld: goworld.cpu, atMost: target.cpu })
  else report(figure)
}
