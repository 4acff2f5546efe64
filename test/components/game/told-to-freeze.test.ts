// `-restore` that follows the signal at once, while the game that was told to freeze is at it still; with real processes.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Program, until } from '../../program.ts'
import { GameFolder } from '../cli/game-folder.ts'

const SOURCE = (frozen = '') => `
  import { entity, game, space } from 'goworld'
  class Account extends entity({ attrs: {} }) {}
  class Extra extends entity({}) {}
  class Nil extends space({}) {
    onGameReady() {
      for (let n = 0; n < 3; n++) this.game.create(Account)
      this.game.create(Extra)
    }
    async onFrozen() { ${frozen} }
  }
  export default game([Account, Extra, Nil], { nilSpace: Nil })`

async function started(source: string): Promise<GameFolder> {
  const game = new GameFolder({ source })
  await game.command('start', '-d')
  return game
}
/** The same command as that of the running game, with -restore. */
function restore(game: GameFolder, ...more: string[]): Program {
  const command = readFileSync(`/proc/${game.pidOf('game')}/cmdline`, 'utf8')
    .split('\0')
    .slice(0, -1)
    .filter((word) => word !== '-restore')
  return new Program(command[0]!, [...command.slice(1), '-restore', ...more], { cwd: game.path })
}
const statusOf = async (game: GameFolder) => {
  const { processes } = JSON.parse((await game.command('status', '-json')).out) as {
    processes: Record<string, unknown>[]
  }
  return processes.find(({ role }) => role === 'game')
}

test('a game is restored by a command that was given before it was frozen', async () => {
  const game = await started(SOURCE('await new Promise((resolve) => setTimeout(resolve, 500))'))
  const before = game.pidOf('game')
  process.kill(before, 'SIGUSR1')
  const restored = restore(game)
  await until(
    async () => (await statusOf(game))?.['ready'] === true && game.pidOf('game') !== before,
    'the restored game',
  )
  expect(await statusOf(game)).toMatchObject({ pid: restored.pid, entities: 5 })
  expect(game.run.frozen()).toEqual([])
})

test('who is to restore a game, and is there in time, is handed it by the one that plays on until then', async () => {
  const game = await started(SOURCE())
  const restored: Program[] = []
  const isHandedOver = () =>
    [readFileSync(game.run.outPath({ role: 'game', id: 1 }), 'utf8'), ...restored.map(({ text }) => text)].some(
      (text) => text.includes('handed over to its successor'),
    )
  // On a machine that is busy enough it comes too late, now and then.
  for (let tries = 0; tries < 5 && !isHandedOver(); tries++) {
    const before = game.pidOf('game')
    process.kill(before, 'SIGUSR1')
    restored.push(restore(game))
    await until(
      async () => (await statusOf(game))?.['ready'] === true && game.pidOf('game') !== before,
      'the restored game',
    )
    expect(await statusOf(game)).toMatchObject({ pid: restored.at(-1)!.pid, entities: 5 })
  }
  expect(isHandedOver()).toBe(true)
  expect(game.run.frozen()).toEqual([])
  // What it was is put aside, as after any restore.
  expect(readdirSync(game.run.path).filter((name) => /^game1\.frozen\.\d/.test(name)).length).toBeGreaterThan(0)
})

test('a game whose new code cannot go on from it is frozen all the same, and waits for better code', async () => {
  const game = await started(SOURCE())
  writeFileSync(game.module, SOURCE().replaceAll('Extra', 'Other'))
  process.kill(game.pidOf('game'), 'SIGUSR1')
  const { code, err } = await restore(game).ended
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/the frozen game cannot be restored: .*this game has no class Extra/),
  ])
  expect(game.run.frozen()).toEqual([{ role: 'game', id: 1 }])
  expect(readdirSync(game.run.path).filter((name) => /copy|tmp/.test(name))).toEqual([])
  writeFileSync(game.module, SOURCE())
  expect(await game.command('reload')).toMatchObject({ code: 0, out: expect.stringMatching(/^game1 restored after/) })
  expect(await statusOf(game)).toMatchObject({ ready: true, entities: 5 })
})

test('the same in the background', async () => {
  const game = await started(SOURCE())
  const before = game.pidOf('game')
  const restored = restore(game, '-d')
  process.kill(before, 'SIGUSR1')
  expect(await restored.ended).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^game1 runs in the background, pid/),
  })
  expect(await statusOf(game)).toMatchObject({ ready: true, entities: 5 })
})

test('a game that cannot be frozen goes on, and who would restore it is told why', async () => {
  const game = await started(
    SOURCE("await new Promise((resolve) => setTimeout(resolve, 1000)); throw new Error('not now')"),
  )
  const before = game.pidOf('game')
  process.kill(before, 'SIGUSR1')
  const { code, err } = await restore(game).ended
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(
      /^game: game1 goes on, it could not be frozen: an onFrozen threw \(.*: not now\): goworld reload/,
    ),
  ])
  expect(await statusOf(game)).toMatchObject({ pid: before, ready: true })
})

test('a game that nobody has told to freeze stays the only one', async () => {
  const game = await started(SOURCE())
  const { code, err } = await restore(game).ended
  expect([code, err]).toEqual([2, expect.stringContaining('game1 runs already in')])
  expect(await statusOf(game)).toMatchObject({ ready: true, entities: 5 })
})
