// The README is true: the game in it runs with its client, and every file and command that it names is there.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRuns, withFigures } from '../bench/kit/baseline.ts'
import { Program, ROOT, run } from './program.ts'
import { tempFolder } from './temp-folder.ts'

const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const INI = '[gate1]\nlisten_addr=127.0.0.1:0\nhttp_addr=\n[game1]\nhttp_addr=\nlog_file=\n'

test('the game of the README runs, and its client says what it should', async () => {
  const folder = join(tempFolder(), 'hello')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(ROOT, join(folder, 'node_modules/goworld'))
  for (const [, name, source] of README.matchAll(/```ts (\S+)\n([\s\S]*?)```/g))
    writeFileSync(join(folder, name!), source!)
  writeFileSync(join(folder, 'goworld.ini'), INI)
  const server = new Program(join(ROOT, 'components/cli/goworld'), ['dev', folder])
  await server.said('is up')
  const [, gate] = /tcp:\/\/(\S+)/.exec(server.out)!
  expect(await run(process.execPath, [join(folder, 'bot.ts'), gate!])).toMatchObject({
    code: 0,
    out: 'Ada said: hello, world\n',
  })
  server.kill('SIGINT')
  expect((await server.ended).code).toBe(0)
})

test('every path in the README is there', () => {
  // That behind which the README's own example stands.
  const made = ['examples/hello']
  const paths = [...README.matchAll(/(?:components|engine|examples|test|docs)\/[\w./-]*[\w/]/g)].map(([path]) => path)
  expect(paths.length).toBeGreaterThan(30)
  const missing = paths.filter((path) => !made.some((one) => path.startsWith(one)) && !existsSync(join(ROOT, path)))
  expect(missing).toEqual([])
})

test('the figures are those of the accepted run', () => {
  expect(readRuns().length).toBeGreaterThan(50)
  expect(withFigures(README, readRuns())).toBe(README)
})

test('every dependency has its line in the README', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, object>
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  const table = README.slice(README.indexOf('## Dependencies'))
  const named = (name: string) => table.includes(`\`${name}\``) || table.includes(`\`${name.replace(/\/.*/, '/*')}\``)
  expect(names.filter((name) => !named(name))).toEqual([])
})
