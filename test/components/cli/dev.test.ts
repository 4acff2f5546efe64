// Tests of `goworld dev`, with a real process and real files.
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Program, ROOT, until } from '../../program.ts'
import { GameFolder } from './game-folder.ts'

const NIL_GAME = join(ROOT, 'examples/nil_game/nil_game.ts')
const timesUp = (program: Program) => program.out.match(/ is up; saving/g)?.length ?? 0

describe('goworld dev', () => {
  test('runs a whole server in one process, until Ctrl-C', async () => {
    const game = new GameFolder()
    const dev = game.begin('dev')
    await dev.said(/dev1 +tcp:.*healthz/)
    expect(game.running).toEqual(['dev1'])
    const { processes } = JSON.parse((await game.command('status', '-json')).out)
    expect(processes).toMatchObject([{ role: 'dev', state: 'ready', entities: 1, clients: 0 }])
    dev.kill('SIGINT')
    expect((await dev.ended).code).toBe(0)
    expect(game.running).toEqual([])
  })

  test('starts anew when a file of the game is saved, and only then', async () => {
    const game = new GameFolder()
    mkdirSync(join(game.path, 'rooms'))
    const dev = game.begin('dev')
    await until(() => timesUp(dev) === 1, 'the first start')
    const pid = game.pidOf('dev')
    writeFileSync(join(game.path, 'notes.txt'), 'not a source')
    writeFileSync(join(game.path, 'rooms/hall.ts'), 'export const seats = 5\n')
    await until(() => timesUp(dev) === 2, 'the second start')
    expect(dev.out).toContain(`${join('rooms', 'hall.ts')} was saved: starting anew`)
    expect(dev.out).not.toContain('notes.txt')
    expect(game.pidOf('dev')).not.toBe(pid)
  })

  test('starts anew each time when an editor renames a new file over the old one', async () => {
    const game = new GameFolder()
    const dev = game.begin('dev')
    for (let times = 1; times <= 3; times++) {
      await until(() => timesUp(dev) === times, 'the next start')
      copyFileSync(NIL_GAME, `${game.module}~`)
      renameSync(`${game.module}~`, game.module)
    }
    await until(() => timesUp(dev) === 4, 'the last start')
  })

  test('shows a mistake, and tries again at the next save', async () => {
    const game = new GameFolder()
    const dev = game.begin('dev')
    await until(() => timesUp(dev) === 1, 'the first start')
    writeFileSync(game.module, `${readFileSync(game.module, 'utf8')}\nthis is (no TypeScript\n`)
    await dev.said('save a file to try again')
    expect(dev.out).toContain('SyntaxError')
    expect(dev.out).toContain('this is (no TypeScript')
    copyFileSync(NIL_GAME, game.module)
    await until(() => timesUp(dev) === 2, 'the second start')
  })

  test('leaves nothing running when it is killed', async () => {
    const game = new GameFolder()
    const dev = game.begin('dev')
    await until(() => timesUp(dev) === 1, 'the first start')
    dev.kill('SIGKILL')
    await until(() => game.running.length === 0, 'the server has noticed')
  })
})
