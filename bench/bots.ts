// Strict bots of test_client on a server of test_game (one dispatcher, one game, one gate): whether they get through
// without an error, how long the things take that they do, and what that costs the server. Its world chat reaches everybody.
//
//     make bench ONLY=bots          JSON=1 for an object a line, DURATION=60 for shorter, ROW=1 for one row
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Summary } from '../examples/test_client/report.ts'
import { reportCpu, timed } from './kit/machine.ts'
import { chosen } from './kit/measure.ts'
import { type Figure, remark, report, spread } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const DURATION = Number(process.env['DURATION'] ?? 120)
const EXAMPLES = join(import.meta.dirname, '../examples')
/** By then all have logged in, and what is called often has been compiled: that takes a server half a minute. */
const WARM_UP_SHARE = 0.5
/** The last one is not over before the bots are. */
const WINDOWS = 6
const WINDOW_MS = (DURATION * (1 - WARM_UP_SHARE) * 1000) / (WINDOWS + 0.5)
const ROLES = ['dispatcher', 'game', 'gate']
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

/** What each role takes while bots play, in several windows. */
async function watch(server: BenchServer, playing: Promise<unknown>): Promise<number[][]> {
  const windows: number[][] = []
  let over = false
  const isOver = () => {
    over = true
  }
  playing.then(isOver, isOver)
  await sleep(DURATION * WARM_UP_SHARE * 1000)
  while (!over && windows.length < WINDOWS) {
    const before = ROLES.map((role) => server.cpuSeconds(role))
    const beganMs = performance.now()
    await sleep(WINDOW_MS)
    const seconds = (performance.now() - beganMs) / 1000
    if (!over) windows.push(ROLES.map((role, at) => (server.cpuSeconds(role) - before[at]!) / seconds))
  }
  return windows
}

async function playAndWatch(bots: number): Promise<{ summary: Summary; windows: number[][] }> {
  const server = new BenchServer(join(EXAMPLES, 'test_game'), { inMemory: true })
  try {
    const playing = play(server, bots)
    const windows = await watch(server, playing)
    return { summary: await playing, windows }
  } finally {
    server.stop()
  }
}

for (const { bots, goworld, target } of chosen(ROWS)) {
  const scenario = `bots: ${bots} strict ones for ${DURATION} s`
  const [{ summary, windows }, slowness] = await timed(() => playAndWatch(bots))
  const { errors, timeouts, connected, things, sync, botLag } = summary
  const say = (metric: string, unit: string, figure: Omit<Figure, 'scenario' | 'metric' | 'unit'>) =>
    report({ scenario, metric, unit, ...figure })
  say('connected at the end', '', { value: connected, atLeast: bots })
  say('errors', '', { value: errors, atMost: 0 })
  say('timeouts', '', { value: timeouts, atMost: 0 })
  const { Login, ...others } = things
  const done = Object.entries(others)
  if (done.length === 0) continue
  const [slowest, its] = done.reduce((worst, one) => (one[1].p50Ms > worst[1].p50Ms ? one : worst))
  say('p50 of the slowest thing', `ms (${slowest})`, {
    value: its.p50Ms,
    ...(goworld && { goworld: goworld.ms }),
    atMost: target.ms,
  })
  say('p99 of the worst thing', 'ms', { value: Math.max(...done.map(([, { p99Ms }]) => p99Ms)) })
  say('things done', '1/s', { value: done.reduce((sum, [, { count }]) => sum + count, 0) / DURATION })
  say('login, p50', 'ms', { value: Login?.p50Ms ?? Number.NaN })
  say('position records', '1/s', { value: sync.recordsPerSecond })
  say('mover to watcher, p50', 'ms', { value: sync.p50Ms })
  say('mover to watcher, p99', 'ms', { value: sync.p99Ms })
  if (windows.length === 0) {
    remark('the bots were over before it could be seen what they cost')
    continue
  }
  for (const [at, role] of ROLES.entries()) say(`of which ${role}`, 'CPU', spread(windows.map((cpus) => cpus[at]!)))
  say('the bots themselves late, p99', 'ms', { value: botLag.p99Ms })
  if (botLag.p99Ms > BOTS_LATE_MAX_MS) remark('the bots are the bottleneck')
  const all = spread(windows.map((cpus) => cpus.reduce((sum, cpu) => sum + cpu, 0)))
  const figure = { scenario, metric: 'server', unit: 'CPU', ...all }
  if (goworld && target.cpu) reportCpu({ ...figure, goworld: goworld.cpu, atMost: target.cpu }, slowness)
  else report(figure)
}
