// How the cost grows: clients that move in one field at the same density, from 250 to 4000; then a thousand of them over
// more games and dispatchers. Says the exponent of CPU against clients (1 is linear) and draws both (bench/growth.svg).
//
//     make bench ONLY=growth          JSON=1 for an object a line, SECONDS=10 for longer
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { measure, over } from './kit/measure.ts'
import { plot } from './kit/plot.ts'
import { remark, report } from './kit/report.ts'

const AOI = 50
const SEEN = 33
const CLIENTS = [250, 500, 1000, 2000, 4000]
const DEPLOYMENTS = [
  { games: 1, dispatchers: 1 },
  { games: 2, dispatchers: 1 },
  { games: 4, dispatchers: 1 },
  { games: 2, dispatchers: 2 },
]
const EXPONENT_MAX = 1.1

/** Each game has a field of its own: those who are on it are as near to each other as everywhere. */
async function cpuOf(clients: number, { games, dispatchers }: (typeof DEPLOYMENTS)[number]) {
  const side = Math.sqrt(((clients / games) * Math.PI * AOI * AOI) / SEEN)
  const { windows } = await measure({
    game: join(import.meta.dirname, 'kit/crowd-game'),
    flags: ['-games', String(games), '-dispatchers', String(dispatchers)],
    env: { CROWD_AOI: String(AOI), CROWD_SIDE: String(side) },
    crowd: { clients, does: 'walk' },
  })
  return {
    cpu: over(windows, ({ allCpu }) => allCpu),
    records: over(windows, ({ records, seconds }) => records / seconds),
    p99Ms: over(windows, ({ p99Ms }) => p99Ms),
  }
}

/** The slope of the line through the points, both axes by their logarithms. */
function exponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const mean = (at: 0 | 1) => logs.reduce((sum, point) => sum + point[at], 0) / logs.length
  const [meanX, meanY] = [mean(0), mean(1)]
  const slope = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return slope / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}

const points: [number, number][] = []
const scenario = `growth: clients that move at 10 Hz, ~${SEEN} seen by each`
for (const clients of CLIENTS) {
  const { cpu, records, p99Ms } = await cpuOf(clients, DEPLOYMENTS[0]!)
  points.push([clients, cpu.value])
  report({ scenario, metric: `${clients} clients`, unit: 'CPU', ...cpu })
  report({ scenario, metric: `${clients} clients, records`, unit: '1/s', ...records })
  report({ scenario, metric: `${clients} clients, p99`, unit: 'ms', ...p99Ms })
}
// Where the machine has no more to give, the cost stops growing with the load.
const enough = points.filter(([, cpu]) => cpu < 1)
if (enough.length < points.length) remark(`from ${points[enough.length]![0]} clients on the machine is full`)
report({ scenario, metric: 'exponent', value: exponent(enough), unit: '', atMost: EXPONENT_MAX })
for (const deployment of DEPLOYMENTS) {
  const { games, dispatchers } = deployment
  const { cpu, p99Ms } = await cpuOf(1000, deployment)
  const name = `1000 clients, ${games} games, ${dispatchers} dispatchers`
  report({ scenario, metric: name, unit: 'CPU', ...cpu })
  report({ scenario, metric: `${name}, p99`, unit: 'ms', ...p99Ms })
}
writeFileSync(
  join(import.meta.dirname, 'growth.svg'),
  plot({
    title: `CPU of the server, clients that move at 10 Hz and see ~${SEEN} others each`,
    x: 'clients',
    y: 'CPU (cores)',
    lines: [
      { name: 'measured', points },
      { name: 'linear', points: points.map(([clients]) => [clients, (points[0]![1] / points[0]![0]) * clients]) },
    ],
  }),
)
