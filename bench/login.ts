// Logins: a thousand clients come, fifty at a time; the first entity of each makes another and gives it the client.
//
//     make bench ONLY=login          JSON=1 for an object a line, WINDOWS=5 for more runs
import { join } from 'node:path'
import { Crowd } from './kit/crowd.ts'
import { WINDOWS } from './kit/measure.ts'
import { report, spread } from './kit/report.ts'
import { BenchServer } from './kit/server.ts'

const CLIENTS = 1000
const AT_A_TIME = 50
const REHEARSALS = 3

const perSecond: number[] = []
const cpuMs: number[] = []
for (let n = 0; n < WINDOWS; n++) {
  const server = new BenchServer(join(import.meta.dirname, 'kit/crowd-game'))
  try {
    const rounds = REHEARSALS + 1
    const before = server.cpuSeconds()
    const crowd = {
      gate: server.gate,
      does: 'stand',
      logsIn: true,
      atATime: AT_A_TIME,
      rehearsals: REHEARSALS,
    } as const
    const all = await Crowd.start({ ...crowd, clients: CLIENTS })
    perSecond.push(CLIENTS / all.startSeconds)
    cpuMs.push(((server.cpuSeconds() - before) * 1000) / CLIENTS / rounds)
    await all.stop()
  } finally {
    server.stop()
  }
}
const scenario = `login: ${CLIENTS} clients, ${AT_A_TIME} at a time`
report({ scenario, metric: 'logins', unit: '1/s', ...spread(perSecond), goworld: 2950, atLeast: 5000 })
report({ scenario, metric: 'server, each, rehearsals and leaving with it', unit: 'ms', ...spread(cpuMs) })
