// Positions: clients that walk in one field, each saying where it is ten times a second, each hearing of those near it.
// How many records are delivered, what that costs the server, and how old they are when they arrive.
//
//     make bench ONLY=sync          JSON=1 for an object a line, SECONDS=10 WINDOWS=9 for longer, ROW=2 for one row
import { join } from 'node:path'
import { RECORD_BYTES } from '../engine/wire/sync.ts'
import { bareSockets } from './kit/bare-sockets.ts'
import { reportCpu, timed } from './kit/machine.ts'
import { chosen, LONG_WARM_UP_MS, measure, over, reportServer, type Window } from './kit/measure.ts'
import { report } from './kit/report.ts'

const AOI = 50
const GAME = join(import.meta.dirname, 'kit/crowd-game')

interface Row {
  readonly clients: number
  /** How many others each sees, on average. */
  readonly seen: number
  /** How much farther each sees what it sees already. */
  readonly hysteresis?: number
  readonly goworld?: { readonly cpu: number; readonly p50Ms?: number; readonly p99Ms?: number }
  readonly target?: { readonly cpu: number; readonly p50Ms?: number; readonly p99Ms?: number }
}

const ROWS: readonly Row[] = [
  {
    clients: 1000,
    seen: 33,
    goworld: { cpu: 0.37, p50Ms: 141, p99Ms: 196 },
    target: { cpu: 0.19, p50Ms: 60, p99Ms: 115 },
  },
  { clients: 2000, seen: 33, goworld: { cpu: 0.76 }, target: { cpu: 0.38 } },
  { clients: 1000, seen: 98, goworld: { cpu: 0.57 }, target: { cpu: 0.25 } },
  // GoWorld has no such thing.
  { clients: 1000, seen: 98, hysteresis: 2 },
]

for (const { clients, seen, hysteresis = 0, goworld, target } of chosen(ROWS)) {
  const side = Math.sqrt((clients * Math.PI * AOI * AOI) / seen)
  const [measured, slowness] = await timed(() =>
    measure({
      game: GAME,
      env: { CROWD_AOI: String(AOI), CROWD_HYSTERESIS: String(hysteresis), CROWD_SIDE: String(side) },
      crowd: { clients, does: 'walk' },
      warmUpMs: LONG_WARM_UP_MS,
    }),
  )
  const { windows } = measured
  const scenario = `sync: ${clients} clients move at 10 Hz, ~${seen} seen by each${hysteresis ? `, hysteresis ${hysteresis}` : ''}`
  const figure = (metric: string, unit: string, of: (window: Window) => number) => ({
    scenario,
    metric,
    unit,
    ...over(windows, of),
  })
  const server = figure('server', 'CPU', ({ allCpu }) => allCpu)
  reportCpu({ ...server, ...(goworld && { goworld: goworld.cpu }), ...(target && { atMost: target.cpu }) }, slowness)
  report(figure('records delivered', '1/s', ({ records, seconds }) => records / seconds))
  report(figure('CPU a record', 'µs', ({ records, seconds, allCpu }) => (allCpu * seconds * 1e6) / records))
  report({
    ...figure('mover to watcher, p50', 'ms', ({ p50Ms }) => p50Ms),
    ...(goworld?.p50Ms && { goworld: goworld.p50Ms }),
    ...(target?.p50Ms && { atMost: target.p50Ms }),
  })
  report(figure('p90', 'ms', ({ p90Ms }) => p90Ms))
  report({
    ...figure('p99', 'ms', ({ p99Ms }) => p99Ms),
    ...(goworld?.p99Ms && { goworld: goworld.p99Ms }),
    ...(target?.p99Ms && { atMost: target.p99Ms }),
  })
  reportServer(scenario, measured)
  // The gate's reads and writes, with nothing done in between.
  const outBytes = Math.round(RECORD_BYTES * seen)
  const floor = await bareSockets({ clients, perSecond: 10, inBytes: 4 + 2 + RECORD_BYTES, outBytes })
  report({ scenario, metric: 'bare sockets that read and write as much', value: floor, unit: 'CPU' })
  const gate = over(windows, ({ cpu }) => cpu.gate).value
  report({ scenario, metric: 'the gate beside them', value: gate / floor, unit: '×' })
}
