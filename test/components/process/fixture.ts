// A process of ours with a part that does as the test says: `fixture.ts <what> [folder of its log]`.
import '../../../components/signals.ts'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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

/** These are games; the others are gates. */
const FREEZES: Readonly<Record<string, () => Promise<void>>> = {
  freezes: async () => {},
  'freezes when told': told,
  'fails to freeze': fail,
  'fails to freeze when told': () => told().then(fail),
  'is signalled early': async () => {},
  'is signalled while it starts': async () => {},
}

async function fail(): Promise<void> {
  throw new Error('the disk is full')
}

/** Until the test puts a file into our folder. */
async function told(): Promise<void> {
  while (!existsSync('told')) await sleep(10)
}

async function signalOurselves(): Promise<void> {
  let heard = false
  process.once('SIGUSR1', () => {
    heard = true
  })
  process.kill(process.pid, 'SIGUSR1')
  while (!heard) await sleep(1)
}

if (what === 'is signalled early') await signalOurselves()

const freeze = FREEZES[what]
let log: Log

void runProgram('fixture', async () => {
  const settings = {
    httpAddr: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    logFile: join(folder, 'fixture.log'),
    logStderr: true,
    logLevel: 'info',
  } as const
  await runProcess(
    { role: freeze ? 'game' : 'gate', id: 1 },
    { warnings: ['a warning'], dir: process.cwd(), path: 'goworld.ini' },
    settings,
    { log: undefined },
    async (tools) => {
      log = tools.log
      if (what === 'is signalled while it starts') await signalOurselves()
      if (what === 'is misused') throw new OperatorError('gate1: that will not do')
      return {
        ready: true,
        addresses: { tcp: 'tcp://127.0.0.1:14000' },
        status: () => ({ clients: 3, pid: 'not yours to say' }),
        stop: STOPS[what] ?? (async () => {}),
        ...(freeze && { freeze }),
      }
    },
  )
  if (what === 'floods') for (let line = 0; line <= LINES; line++) log.info(`${line} of ${LINES} `.padEnd(200, '.'))
  if (what === 'throws') setTimeout(() => JSON.parse('{'), 0)
  if (what === 'rejects') void Promise.reject(new Error('nobody caught this'))
})
