// A dispatcher that is killed and started again under fifty strict bots, in processes of their own: nobody is thrown out,
// nobody sees anything wrong, and what was on its way through it is all that is lost.
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Summary } from '../../../examples/test_client/report.ts'
import { GameFolder } from '../../components/cli/game-folder.ts'
import { Program, ROOT, run, until } from '../../program.ts'

const CLIENT = join(ROOT, 'examples/test_client/test_client')
const DISPATCHER = join(ROOT, 'components/dispatcher/dispatcher')
const BOTS = 50
const FLAGS = ['-N', String(BOTS), '-json', '-quiet', '-think', '600']

const summaryOf = (out: string) => JSON.parse(out.trimEnd().split('\n').at(-1)!) as Summary

test('50 bots play on when their dispatcher is killed and started again, and strict ones find nothing', async () => {
  const source = join(ROOT, 'examples/test_game')
  const game = new GameFolder({ source: "export { default } from './test_game.ts'\n" })
  for (const file of readdirSync(source).filter((name) => name.endsWith('.ts')))
    cpSync(join(source, file), join(game.path, file))
  const started = await game.command('start', '-d', '-games', '2')
  expect(started.code).toBe(0)
  const [, gate] = /tcp:\/\/(\S+)/.exec(started.out)!
  const bots = new Program(CLIENT, [...FLAGS, '-duration', '14', '-server', gate!])
  const clients = async () => {
    const { out } = await game.command('status', '-json')
    const { processes } = JSON.parse(out) as { processes: { role: string; clients: number; ready: boolean }[] }
    return processes.find(({ role }) => role === 'gate')!.clients
  }
  await until(async () => (await clients()) === BOTS, 'all bots to be in')

  process.kill(game.pidOf('dispatcher'), 'SIGKILL')
  await until(() => !game.running.includes('dispatcher1'), 'the dispatcher to be gone')
  const again = await run(DISPATCHER, ['-d', '-configfile', game.run.configPath], { cwd: game.path })
  expect(again.code).toBe(0)
  await until(async () => (await game.command('status')).code === 0, 'the server to be whole again')
  // Nobody had to come again.
  expect(await clients()).toBe(BOTS)

  const played = await bots.ended
  const summary = summaryOf(played.out)
  // Nothing that a client is told is wrong; who waited for an answer that was lost has waited for it in vain, once.
  expect(summary).toMatchObject({ bots: BOTS, connected: BOTS, errors: 0 })
  expect(summary.timeouts).toBeLessThanOrEqual(BOTS)

  const strict = await run(CLIENT, [...FLAGS, '-strict', '-duration', '6', '-server', gate!])
  expect({ code: strict.code, err: strict.err }).toEqual({ code: 0, err: '' })
  expect(summaryOf(strict.out)).toMatchObject({ connected: BOTS, errors: 0, timeouts: 0 })
  expect((await game.command('stop')).code).toBe(0)
})
