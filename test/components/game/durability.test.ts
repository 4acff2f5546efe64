// What a game has acknowledged is in its database in the end: with real processes that are killed, and a database that is
// away while the game plays on.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { silentLog } from '../../../engine/base/log.ts'
import { openStorage } from '../../../engine/storage/backends.ts'
import type { EntityStorage } from '../../../engine/storage/storage.ts'
import { storeOptions } from '../../engine/storage/options.ts'
import { until } from '../../program.ts'
import { startRedis } from '../../services/redis.ts'
import { GameFolder } from '../cli/game-folder.ts'

/** Twenty banks save a number each, again and again; `acked` has what was acknowledged, a line each. */
const SOURCE = `
import { appendFileSync, existsSync } from 'node:fs'
import { attr, entity, game, space } from 'goworld'

const here = (name) => new URL(name, import.meta.url)

class Account extends entity({}) {}

class Bank extends entity({ attrs: { gold: attr(0, 'persistent') } }) {
  async earn() {
    this.attrs.gold++
    const { gold } = this.attrs
    try {
      await this.save()
      appendFileSync(here('acked'), this.id + ' ' + gold + '\\n')
    } catch (error) {
      appendFileSync(here('failed'), error.name + '\\n')
    }
  }
}

class Nil extends space({}) {
  onGameReady() {
    if (existsSync(here('quiet'))) return
    const banks = Array.from({ length: 20 }, () => this.game.create(Bank, {}))
    this.game.every(10, () => {
      for (const bank of banks) void bank.earn()
    })
  }
}

export default game([Account, Bank], { nilSpace: Nil })
`

/** The newest acknowledged value of each. */
function acked(folder: string): Map<string, number> {
  const path = join(folder, 'acked')
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  return new Map(lines.map((line) => line.split(' ')).map(([id, gold]) => [id!, Number(gold)]))
}

const total = (folder: string) => [...acked(folder).values()].reduce((sum, gold) => sum + gold, 0)

async function earnsOn(folder: string): Promise<void> {
  const before = total(folder)
  await until(() => total(folder) > before + 400, 'saves to be acknowledged')
}

async function expectAllStored(folder: string, storage: EntityStorage): Promise<void> {
  for (const [id, gold] of acked(folder)) {
    const stored = (await storage.read('Bank', id))?.data as { gold: number } | undefined
    expect(stored?.gold).toBeGreaterThanOrEqual(gold)
  }
}

async function startAgain(game: GameFolder): Promise<void> {
  const server = game.begin('start')
  await server.said('stop: ')
  server.kill('SIGTERM')
  await server.ended
}

test('kill -9 of a game whose database does not answer: the next start takes what was acknowledged there', {
  timeout: 120_000,
}, async () => {
  const game = new GameFolder({ source: SOURCE })
  const server = game.begin('start')
  await server.said('stop: ')
  await earnsOn(game.path)
  const path = join(game.path, 'goworld.db')
  // The game may be writing just now.
  const lock = new DatabaseSync(path, { timeout: 5000 })
  lock.exec('BEGIN IMMEDIATE')
  await earnsOn(game.path)
  process.kill(game.pidOf('game'), 'SIGKILL')
  await until(() => !game.running.includes('game1'), 'the game to be dead')
  lock.close()
  server.kill('SIGTERM')
  await server.ended
  const behind = new DatabaseSync(path, { readOnly: true })
  const stored = behind.prepare(`SELECT sum(data ->> '$.gold') AS gold FROM entities WHERE type = 'Bank'`).get()
  behind.close()
  expect(stored!['gold'] as number).toBeLessThan(total(game.path))

  await startAgain(game)
  const storage = await openStorage(storeOptions('sqlite', { url: path }))
  await expectAllStored(game.path, storage)
  await storage.close()
  expect(existsSync(join(game.path, 'failed'))).toBe(false)
})

test('Redis killed and away while the game plays on, then the game killed too: nothing acknowledged is missing', {
  timeout: 120_000,
}, async ({ skip }) => {
  const redis = await startRedis()
  if (!redis) return skip()
  try {
    const game = new GameFolder({ source: SOURCE, ini: `[storage]\ntype=redis\nurl=${redis.url}\n` })
    const server = game.begin('start')
    await server.said('stop: ')
    await earnsOn(game.path)
    await redis.kill()
    await earnsOn(game.path)
    await redis.restart()
    await earnsOn(game.path)
    await redis.kill()
    await earnsOn(game.path)
    process.kill(game.pidOf('game'), 'SIGKILL')
    await until(() => !game.running.includes('game1'), 'the game to be dead')
    server.kill('SIGTERM')
    await server.ended
    await redis.restart()
    await startAgain(game)
    const storage = await openStorage({ ...storeOptions('redis', { url: redis.url }), log: silentLog })
    await expectAllStored(game.path, storage)
    await storage.close()
    expect(existsSync(join(game.path, 'failed'))).toBe(false)
  } finally {
    await redis.stop()
  }
})
