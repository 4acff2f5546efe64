// The test of docs/testing.md is true: it stands beside its game, is found there, and passes.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT, run } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const SERVER = `
import { attr, entity, game } from 'goworld'
export class Account extends entity({ ownClient: { start: [] } }) {
  start() { this.giveClientTo(this.game.create(Angler)) }
  override onClientDisconnected() { this.destroy() }
}
export class Angler extends entity({ attrs: { fish: attr(0, 'client'), caught: attr(0) }, ownClient: { fish: [] } }) {
  fish() {
    this.attrs.fish++
    this.attrs.caught++
  }
}
export const definition = game([Account, Angler])
`

test('a game has its test beside it', async () => {
  const [, source] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs/testing.md'), 'utf8'))!
  const folder = join(tempFolder(), 'pond')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(ROOT, join(folder, 'node_modules/goworld'))
  symlinkSync(join(ROOT, 'node_modules/vitest'), join(folder, 'node_modules/vitest'))
  writeFileSync(join(folder, 'server.ts'), SERVER)
  writeFileSync(join(folder, 'anglers.test.ts'), source!)
  const vitest = [join(ROOT, 'node_modules/.bin/vitest'), 'run', 'anglers.test.ts', '--root', folder]
  const { code, out } = await run(process.execPath, [...vitest, '--config', join(ROOT, 'vitest.config.ts')], {
    env: { GOWORLD_SEED: '', GOWORLD_SEEDS: '2', NO_COLOR: '1' },
  })
  expect(out).toMatch(/Tests +1 passed/)
  expect(code).toBe(0)
})
