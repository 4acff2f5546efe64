// How long a call takes from a client to its entity and back: client -> gate -> dispatcher -> game and the same way home,
// through the real processes, and what it costs them.
//
//     make bench ONLY=echo          JSON=1 for an object a line, SECONDS=10 WINDOWS=9 for longer, ROW=2 for one row
import { join } from 'node:path'
import { bareSockets } from './kit/bare-sockets.ts'
import type { CrowdOptions } from './kit/crowd.ts'
import { reportCpu, timed } from './kit/machine.ts'
import { chosen, LONG_WARM_UP_MS, measure, over, reportServer, type Window } from './kit/measure.ts'
import { report } from './kit/report.ts'

/** About as many as a call of echo and its answer are on the wire. */
const CALL_BYTES = 60
const GAME = join(import.meta.dirname, 'kit/crowd-game')

interface Row {
  readonly name: string
  readonly crowd: Omit<CrowdOptions, 'gate'>
  /** What GoWorld took, and what we want to take at most. */
  readonly bounds: readonly (readonly [metric: Metric, goworld: number, atMost: number])[]
  /** Calls for each second of CPU. */
  readonly perCpuSecond?: readonly [goworld: number, atLeast: number]
}

const METRICS = {
  p50: { metric: 'client -> entity -> client, p50', unit: 'ms', of: ({ p50Ms }: Window) => p50Ms },
  p90: { metric: 'p90', unit: 'ms', of: ({ p90Ms }: Window) => p90Ms },
  p99: { metric: 'p99', unit: 'ms', of: ({ p99Ms }: Window) => p99Ms },
  cpu: { metric: 'server', unit: 'CPU', of: ({ allCpu }: Window) => allCpu },
}
type Metric = keyof typeof METRICS

const ROWS: readonly Row[] = [
  {
    name: '100 clients call ten times a second',
    crowd: { clients: 100, does: 'echo', perSecond: 10 },
    bounds: [
      ['p50', 11.2, 1],
      ['p99', 17.8, 3],
      ['cpu', 0.13, 0.13],
    ],
  },
  {
    name: '1000 clients call ten times a second',
    crowd: { clients: 1000, does: 'echo', perSecond: 10 },
    bounds: [
      ['p50', 15.1, 4],
      ['p99', 22, 10],
      ['cpu', 0.32, 0.25],
    ],
  },
  {
    name: '200 clients, each with 64 calls under way',
    crowd: { clients: 200, does: 'flood', outstanding: 64 },
    bounds: [],
    perCpuSecond: [209_000, 320_000],
  },
  {
    name: 'one client, one call at a time',
    crowd: { clients: 1, does: 'flood', outstanding: 1 },
    bounds: [['p50', 11.1, 0.4]],
  },
]

for (const { name, crowd, bounds, perCpuSecond } of chosen(ROWS)) {
  const scenario = `echo: ${name}`
  const [measured, slowness] = await timed(() => measure({ game: GAME, crowd, warmUpMs: LONG_WARM_UP_MS }))
  const { windows } = measured
  for (const [key, { metric, unit, of }] of Object.entries(METRICS)) {
    const bound = bounds.find(([its]) => its === key)
    const figure = { scenario, metric, unit, ...over(windows, of) }
    if (!bound) report(figure)
    else if (key === 'cpu') reportCpu({ ...figure, goworld: bound[1], atMost: bound[2] }, slowness)
    else report({ ...figure, goworld: bound[1], atMost: bound[2] })
  }
  report({ scenario, metric: 'calls', unit: '1/s', ...over(windows, ({ answers, seconds }) => answers / seconds) })
  const perCpu = over(windows, ({ answers, seconds, allCpu }) => answers / seconds / allCpu)
  const bound = perCpuSecond && { goworld: perCpuSecond[0], atLeast: perCpuSecond[1] }
  report({ scenario, metric: 'calls a second of CPU', unit: '1/s', ...perCpu, ...bound })
  reportServer(scenario, measured)
  if (crowd.does !== 'echo') continue
  // The gate's reads and writes, with nothing done in between.
  const { clients, perSecond = 10 } = crowd
  const floor = await bareSockets({ clients, perSecond, inBytes: CALL_BYTES, outBytes: CALL_BYTES })
  report({ scenario, metric: 'bare sockets that read and write as much', value: floor, unit: 'CPU' })
  const gate = over(windows, ({ cpu }) => cpu.gate).value
  report({ scenario, metric: 'the gate beside them', value: gate / floor, unit: '×' })
}
