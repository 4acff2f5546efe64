// Logins: a thousand clients come, fifty at a time; the first entity of each makes another and gives it the client. They
// come and go until the server is warm, as one is that has run for a minute; what a cold one does stands beside it.
//
//     make bench ONLY=login          JSON=1 for an object a line, WINDOWS=9 for more runs
import { join } from 'node:path'
import { Crowd } from './kit/crowd.ts'
import { WINDOWS } from './kit/measure.ts'
import { median, report, spread } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const CLIENTS = 1000
const AT_A_TIME = 50
/** They come so often before it counts, and then so often. */
const WARM_UP = 25
const COUNTED = 5

const perSecond: number[] = []
const coldPerSecond: number[] = []
const cpuMs: number[] = []
for (let n = 0; n < WINDOWS; n++) {
  const server = new BenchServer(join(import.meta.dirname, 'kit/crowd-game'), { inMemory: true })
  try {
    const rehearsals = WARM_UP + COUNTED - 1
    const before = server.cpuSeconds()
    const crowd = {
      gate: server.gate,
      does: 'stand',
      logsIn: true,
      atATime: AT_A_TIME,
      rehearsals,
    } as const
    const all = await Crowd.start({ ...crowd, clients: CLIENTS })
    perSecond.push(CLIENTS / median(all.startSeconds.slice(-COUNTED)))
    coldPerSecond.push(CLIENTS / all.startSeconds[0]!)
    cpuMs.push(((server.cpuSeconds() - before) * 1000) / CLIENTS / (rehearsals + 1))
    await all.stop()
  } finally {
    server.stop()
  }
}
const scenario = `login: ${CLIENTS} clients, ${AT_A_TIME} at a time`
report({ scenario, metric: 'logins', unit: '1/s', ...spread(perSecond), goworld: 2950, atLeast: 5000 })
report({
  scenario,
  metric: 'the first thousand of a server that has just started',
  unit: '1/s',
  ...spread(coldPerSecond),
})
report({ scenario, metric: 'server, each, with leaving and all of the warm-up', unit: 'ms', ...spread(cpuMs) })
