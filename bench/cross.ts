// Entities that call each other across two games: game -> dispatcher -> game. How many calls a second of CPU, and how long
// a call and the call that answers it take.
//
//     make bench ONLY=cross          JSON=1 for an object a line, SECONDS=10 WINDOWS=9 for longer
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../engine/client/client.ts'
import { tcpStream } from '../engine/client/tcp.ts'
import { SECONDS, WINDOWS } from './kit/measure.ts'
import type * as pingGame from './kit/ping-game/ping-game.ts'
import { report, spread } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const WARM_UP_MS = 3000

interface Rates {
  /** Calls a second; each round trip is two. */
  readonly calls: number
  readonly cpu: number
}

/** With so many round trips under way. */
async function rates(outstanding: number): Promise<Rates[]> {
  const server = new BenchServer(join(import.meta.dirname, 'kit/ping-game'), { flags: ['-games', '2'] })
  const client = connect<typeof pingGame>(tcpStream(server.gate))
  try {
    let told: (count: number) => void = () => {}
    const ready = Promise.withResolvers<() => void>()
    client.on('Account', {
      created() {
        this.server.begin(outstanding)
        ready.resolve(() => this.server.tell())
      },
      answered: (count) => told(count),
    })
    const ask = await ready.promise
    const answered = () =>
      new Promise<{ count: number; ms: number }>((resolve) => {
        told = (count) => resolve({ count, ms: performance.now() })
        ask()
      })
    await sleep(WARM_UP_MS)
    const windows: Rates[] = []
    for (let n = 0; n < WINDOWS; n++) {
      const cpu = server.cpuSeconds()
      const before = await answered()
      await sleep(SECONDS * 1000)
      const after = await answered()
      const seconds = (after.ms - before.ms) / 1000
      windows.push({
        calls: (2 * (after.count - before.count)) / seconds,
        cpu: (server.cpuSeconds() - cpu) / seconds,
      })
    }
    return windows
  } finally {
    client.close()
    server.stop()
  }
}

const over = (windows: readonly Rates[], of: (rates: Rates) => number) => spread(windows.map(of))

const many = await rates(1000)
const scenario = 'cross: entity to entity across two games, 1000 under way'
report({ scenario, metric: 'calls', unit: '1/s', ...over(many, ({ calls }) => calls), goworld: 530_000 })
report({ scenario, metric: 'server', unit: 'CPU', ...over(many, ({ cpu }) => cpu), goworld: 1.57 })
report({
  scenario,
  metric: 'calls a second of CPU',
  unit: '1/s',
  ...over(many, ({ calls, cpu }) => calls / cpu),
  goworld: 337_000,
  atLeast: 500_000,
})
report({
  scenario: 'cross: entity to entity across two games, one at a time',
  metric: 'there and back',
  unit: 'ms',
  ...over(await rates(1), ({ calls }) => 2000 / calls),
  goworld: 8.8,
  atMost: 0.4,
})
process.exit()
