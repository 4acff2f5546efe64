// The leaderboard as it is played, in `goworld dev`: on the file of the entities, and on a real PostgreSQL.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { GameFolder } from '../../components/cli/game-folder.ts'
import { ROOT, run } from '../../program.ts'
import { ask, startPostgres } from '../../services/postgres.ts'

const EXAMPLE = join(ROOT, 'examples/leaderboard')
const source = readFileSync(join(EXAMPLE, 'leaderboard.ts'), 'utf8')

const server = await startPostgres()
afterAll(() => server?.stop())

/** A server of its own, and how to play on it. */
async function start(ini = '') {
  const game = new GameFolder({ source, ini })
  const dev = game.begin('dev')
  await dev.said(' is up')
  const [, gate] = /tcp:\/\/(\S+)/.exec(dev.out)!
  const play = async (name: string) => {
    const { code, out } = await run(process.execPath, [join(EXAMPLE, 'player.ts'), name, gate!])
    expect(code).toBe(0)
    return out.trim().split('\n')
  }
  return { game, dev, play }
}

test('the best of each player is kept, and the ten best are shown', async () => {
  const { game, dev, play } = await start()
  expect(await play('Ada')).toEqual([
    'Ada: best 30 in 1 rounds',
    'Ada: best 60 in 2 rounds',
    'Ada: best 90 in 3 rounds',
    '1. Ada 90',
  ])
  expect((await play(`x'); DROP TABLE players; --`)).at(-1)).toBe('2. Ada 90')
  expect((await play('Bo')).slice(2)).toEqual([
    'Bo: best 60 in 3 rounds',
    `1. x'); DROP TABLE players; -- 810`,
    '2. Ada 90',
    '3. Bo 60',
  ])
  expect((await play('Ada'))[0]).toBe('Ada: best 90 in 4 rounds')
  dev.kill('SIGINT')
  expect((await dev.ended).code).toBe(0)
  const file = new DatabaseSync(join(game.path, 'goworld.db'))
  expect(file.prepare(`SELECT count(*) AS rounds FROM rounds WHERE name = 'Ada'`).get()).toEqual({ rounds: 6 })
  file.close()
})

describe.skipIf(!server)('on PostgreSQL', () => {
  test('it is the same game', async () => {
    const url = await server!.freshDatabase()
    // All in one database: `[sql]` follows `[storage]`.
    const { play } = await start(['storage', 'kvdb'].map((one) => `[${one}]\ntype=postgres\nurl=${url}\n`).join(''))
    await Promise.all(['Ada', 'Bob', 'Grace'].map(play))
    expect((await play('Linus')).slice(-4)).toEqual(['1. Grace 150', '2. Linus 150', '3. Ada 90', '4. Bob 90'])
    expect(await ask(url, 'SELECT count(*)::int AS rounds FROM rounds')).toEqual([{ rounds: 12 }])
  })

  test('a database that is not there is told to the operator, without its password', async () => {
    const ini = `[sql]\ntype=postgres\nurl=postgres://ann:secret@127.0.0.1:${new URL(server!.url).port}/nowhere\n`
    const game = new GameFolder({ source, ini })
    const dev = game.begin('dev')
    await dev.said(/ECONN|does not exist/)
    expect(dev.text).toContain('url=postgres://ann:***@127.0.0.1')
    expect(dev.text).not.toContain('secret')
  })
})
