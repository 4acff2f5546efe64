// Strict bots of test_client on a server of test_game (one dispatcher, one game, one gate): whether they get through
// without an error, how long the things take that they do, and what that costs the server.
//
//     make bench ONLY=bots          JSON=1 for an object a line, SECONDS=10 for shorter, BOTS=500 for more
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Summary } from '../examples/test_client/report.ts'
import { report } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const BOTS = Number(process.env['BOTS'] ?? 200)
const SECONDS = Number(process.env['SECONDS'] ?? 60)
const EXAMPLES = join(import.meta.dirname, '../examples')
const scenario = `bots: ${BOTS} strict ones for ${SECONDS} s`

async function play(server: BenchServer): Promise<Summary> {
  const flags = ['-N', BOTS, '-duration', SECONDS, '-server', server.gate, '-strict', '-json', '-quiet'].map(String)
  const played = promisify(execFile)(join(EXAMPLES, 'test_client/test_client'), flags, { maxBuffer: 1 << 26 })
  // With exit code 1 at the first error or timeout: then the figures say which.
  const { stdout } = await played.catch((error: { stdout: string }) => error)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Summary
}

const server = new BenchServer(join(EXAMPLES, 'test_game'))
try {
  const { errors, timeouts, connected, things, sync, botLag } = await play(server)
  report({ scenario, metric: 'connected at the end', value: connected, unit: '', atLeast: BOTS })
  report({ scenario, metric: 'errors', value: errors, unit: '', atMost: 0 })
  report({ scenario, metric: 'timeouts', value: timeouts, unit: '', atMost: 0 })
  const { Login, ...others } = things
  const done = Object.entries(others)
  const count = done.reduce((sum, [, thing]) => sum + thing.count, 0)
  const [slowest, its] = done.reduce((worst, one) => (one[1].p50Ms > worst[1].p50Ms ? one : worst))
  report({ scenario, metric: 'things done a second', value: count / SECONDS, unit: '1/s' })
  report({ scenario, metric: `p50 of the slowest thing (${slowest})`, value: its.p50Ms, unit: 'ms', atMost: 5 })
  report({
    scenario,
    metric: 'p99 of the worst thing',
    value: Math.max(...done.map(([, { p99Ms }]) => p99Ms)),
    unit: 'ms',
  })
  report({ scenario, metric: 'login, p50', value: Login?.p50Ms ?? Number.NaN, unit: 'ms' })
  report({ scenario, metric: 'position records', value: sync.recordsPerSecond, unit: '1/s' })
  report({ scenario, metric: 'mover to watcher, p50', value: sync.p50Ms, unit: 'ms' })
  report({ scenario, metric: 'mover to watcher, p99', value: sync.p99Ms, unit: 'ms' })
  for (const role of ['dispatcher', 'game', 'gate'])
    report({ scenario, metric: `CPU of the ${role}`, value: server.cpuSeconds(role) / SECONDS, unit: 's/s' })
  report({ scenario, metric: 'the bots themselves late, p99', value: botLag.p99Ms, unit: 'ms' })
} finally {
  server.stop()
}
