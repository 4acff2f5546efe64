// Strict bots against a whole server of test_game in processes of its own, several of each kind, which are swapped one after
// the other while the bots play.
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Summary } from '../../../examples/test_client/report.ts'
import { THINGS } from '../../../examples/test_client/things.ts'
import { GameFolder } from '../../components/cli/game-folder.ts'
import { Program, ROOT, until } from '../../program.ts'

const CLIENT = join(ROOT, 'examples/test_client/test_client')
const SOCKETS = ['dispatcher2', 'gate1', 'gate2'].map((n) => `[${n}]\nlisten_addr=unix:${n}.link\n`)

function testGame(): GameFolder {
  const source = join(ROOT, 'examples/test_game')
  const game = new GameFolder({ source: "export { default } from './test_game.ts'\n", ini: SOCKETS.join('') })
  for (const file of readdirSync(source).filter((name) => name.endsWith('.ts')))
    cpSync(join(source, file), join(game.path, file))
  return game
}

test('50 strict bots play while all three games are reloaded under them, and notice nothing', {
  timeout: 120_000,
}, async () => {
  const game = testGame()
  const server = game.begin('start', '-games', '3', '-gates', '2', '-dispatchers', '2')
  await server.said('stop: ')

  // A game that was frozen by hand is away until a process has been loaded, for which a busy machine takes its time.
  const flags = ['-strict', '-json', '-think', '600', '-N', '50', '-duration', '20', '-limit', '15']
  flags.push('-configfile', game.run.configPath)
  const bots = new Program(CLIENT, flags)
  await bots.said('50/50 bots')
  const pids = [1, 2, 3].map((id) => game.pidOf('game', id))
  process.kill(pids[1]!, 'SIGUSR1')
  await until(() => game.run.frozen().length === 1, 'game 2 is frozen')
  const reloaded = await game.command('reload')
  expect(reloaded).toEqual({ code: 0, signal: null, out: expect.anything(), err: '' })
  expect(reloaded.out.match(/game\d (restored|swapped)/g)).toEqual(['game2 restored', 'game1 swapped', 'game3 swapped'])
  expect([1, 2, 3].filter((id) => pids.includes(game.pidOf('game', id)))).toEqual([])
  expect({ code: bots.process.exitCode, text: bots.text }).toEqual({ code: null, text: expect.anything() })

  const { code, out, err } = await bots.ended
  expect({ code, err: err.replaceAll(/^.*bots.*\n/gm, '') }).toEqual({ code: 0, err: '' })
  const summary = JSON.parse(out.trimEnd().split('\n').at(-1)!) as Summary
  expect(summary).toMatchObject({ bots: 50, connected: 50, errors: 0, timeouts: 0 })
  expect(Object.keys(summary.things).sort()).toEqual([...THINGS.map(({ name }) => name), 'Login'].sort())
  expect((await game.command('stop')).code).toBe(0)
  expect(server.text).not.toMatch(/(^| )ERROR /)
})

test('40 strict bots play while dispatchers and games are reloaded under them, twice, and notice nothing', {
  timeout: 120_000,
}, async () => {
  const game = testGame()
  const server = game.begin('start', '-games', '2', '-gates', '2', '-dispatchers', '2')
  await server.said('stop: ')
  const flags = ['-strict', '-json', '-think', '300', '-N', '40', '-duration', '20', '-limit', '15']
  const bots = new Program(CLIENT, [...flags, '-configfile', game.run.configPath])
  await bots.said('40/40 bots')
  for (let times = 0; times < 2; times++) {
    for (const id of ['1', '2']) {
      const reloaded = await game.command('reload', '-dispatcher', id, '-game', id)
      expect(reloaded).toEqual({ code: 0, signal: null, out: expect.anything(), err: '' })
      expect(reloaded.out.match(/^\w+ swapped/gm)).toEqual([`dispatcher${id} swapped`, `game${id} swapped`])
      expect(reloaded.out).not.toMatch(/\d of \d links/)
    }
  }
  const { code, out, err } = await bots.ended
  expect({ code, err: err.replaceAll(/^.*bots.*\n/gm, '') }).toEqual({ code: 0, err: '' })
  const summary = JSON.parse(out.trimEnd().split('\n').at(-1)!) as Summary
  expect(summary).toMatchObject({ bots: 40, connected: 40, errors: 0, timeouts: 0 })
  expect((await game.command('stop')).code).toBe(0)
  expect(server.text).not.toMatch(/(^| )ERROR |is gone|is over/)
})
