// A process of ours with a part that does as the test says: `fixture.ts <what> [folder of its log]`.
import '../../../components/signals.ts'
import { join } from 'node:path'
import { runProcess } from '../../../components/process/process.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import type { Log } from '../../../engine/base/log.ts'
import { runProgram } from '../../../engine/config/program.ts'

const [what = '', folder = '.'] = process.argv.slice(2)

const LINES = 20_000

const STOPS: Readonly<Record<string, () => Promise<void>>> = {
  hangs: () => new Promise(() => {}),
  'fails to stop': async () => {
    throw new Error('the disk is full')
  },
}

let log: Log

void runProgram('fixture', async () => {
  const settings = {
    httpAddr: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    logFile: join(folder, 'fixture.log'),
    logStderr: true,
    logLevel: 'info',
  } as const
  await runProcess(
    { role: 'gate', id: 1 },
    { warnings: ['a warning'], dir: process.cwd() },
    settings,
    { log: undefined },
    async (tools) => {
      log = tools.log
      if (what === 'is misused') throw new OperatorError('gate1: that will not do')
      return {
        ready: true,
        addresses: { tcp: 'tcp://127.0.0.1:14000' },
        status: () => ({ clients: 3, pid: 'not yours to say' }),
        stop: STOPS[what] ?? (async () => {}),
      }
    },
  )
  if (what === 'floods') for (let line = 0; line <= LINES; line++) log.info(`${line} of ${LINES} `.padEnd(200, '.'))
  if (what === 'throws') setTimeout(() => JSON.parse('{'), 0)
  if (what === 'rejects') void Promise.reject(new Error('nobody caught this'))
})
