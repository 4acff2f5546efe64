// Tests of what a game in an endless loop is to the commands: none of them waits for it, and it is ended by its name.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { statusOf } from '../../../components/process/child.ts'
import { until } from '../../program.ts'
import { GameFolder } from './game-folder.ts'

/** Game 1 stands still from when there is a file `now` in its folder. */
const SOURCE = `
  import { existsSync } from 'node:fs'
  import { entity, game, space } from 'goworld'
  class Account extends entity({}) {
    onCreated() {
      this.every(50, this.think)
    }
    think() {
      if (existsSync('now')) for (;;);
    }
  }
  class Nil extends space({}) {
    onGameReady() {
      if (this.game.id === 1) this.game.create(Account)
    }
  }
  export default game([Account, Nil], { nilSpace: Nil })`

const NAME = { role: 'game', id: 1 } as const

async function standingStill(): Promise<GameFolder> {
  const game = new GameFolder({ source: SOURCE, ini: '[game1]\nlog_file=game.log\n' })
  expect(await game.command('start', '-d', '-games', '2')).toMatchObject({ code: 0 })
  game.write('now', '')
  await until(async () => !(await statusOf(game.run, NAME)), 'the game stands still')
  return game
}

test('a game in an endless loop is named in its log, is not swapped, and makes way for another', async () => {
  const game = await standingStill()
  const pid = game.pidOf('game')
  const path = game.path
  const silent = `game1 \\(pid ${pid}\\) is silent: .*: .*goworld kill ${path} game1 && .*goworld start -missing ${path}`
  const other = game.pidOf('game', 2)
  const { code, out } = await game.command('reload')
  expect({ code, out }).toMatchObject({
    code: 1,
    out: expect.stringMatching(new RegExp(`^${silent}\ngame2 rehearsed`)),
  })
  expect(out).toMatch(/^game2 swapped/m)
  expect(game.pidOf('game', 2)).not.toBe(other)
  const missing = await game.command('start', '-missing')
  expect(missing).toMatchObject({ code: 1, out: expect.stringMatching(new RegExp(`^${silent}\n$`)) })
  const log = () => readFileSync(join(path, 'game.log'), 'utf8')
  await until(() => /ERROR game1 stands still for \d+ s, in Account<.{16}>\.think: /.test(log()), 'the log says where')
  expect(existsSync(join(path, 'now'))).toBe(true)
  expect(await game.command('kill', 'game1')).toMatchObject({ code: 0, out: 'killed game1\n' })
  expect(game.running).toEqual(['dispatcher1', 'game2', 'gate1'])
})

test('what is killed by its name is started again, beside the others', async () => {
  const game = new GameFolder()
  await game.command('start', '-d', '-games', '2')
  const before = [game.pidOf('dispatcher'), game.pidOf('game', 1)]
  expect(await game.command('kill', 'game2', 'gate1')).toMatchObject({ code: 0, out: 'killed game2, gate1\n' })
  expect(game.running).toEqual(['dispatcher1', 'game1'])
  expect(await game.command('start', '-missing')).toMatchObject({ code: 0 })
  expect([game.pidOf('dispatcher'), game.pidOf('game', 1)]).toEqual(before)
  expect(await game.command('status')).toMatchObject({ code: 0 })
})

test('single processes are stopped in order; names of none are refused before anything happens', async () => {
  const game = new GameFolder()
  await game.command('start', '-d', '-games', '2')
  expect(await game.command('stop', 'game2', 'gate7')).toMatchObject({
    code: 1,
    out: `gate7 does not run in ${game.run.path}\n`,
  })
  expect(await game.command('kill', 'game')).toMatchObject({
    code: 2,
    err: 'goworld: "game" is no process: name it as in game1, gate1 or dispatcher1\n',
  })
  expect(game.running).toEqual(['dispatcher1', 'game1', 'game2', 'gate1'])
  const stopped = await game.command('stop', 'game2', 'gate1')
  expect(stopped).toMatchObject({ code: 0, out: 'stopping gate1\nstopping game2\nstopped\n' })
  expect(game.running).toEqual(['dispatcher1', 'game1'])
})
