// The page about the client SDK is true: the game in it runs, and its client loses its connection and says what it should.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Program, ROOT, run } from './program.ts'
import { tempFolder } from './temp-folder.ts'

const PAGE = readFileSync(join(ROOT, 'docs/client.md'), 'utf8')
const INI = '[gate1]\nlisten_addr=127.0.0.1:0\nhttp_addr=127.0.0.1:0\n[game1]\nhttp_addr=\nlog_file=\n'

test('the game of the page runs over a WebSocket, and its client goes on where it was cut', async () => {
  const folder = join(tempFolder(), 'garden')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(ROOT, join(folder, 'node_modules/goworld'))
  for (const [, name, source] of PAGE.matchAll(/```ts (\S+)\n([\s\S]*?)```/g))
    writeFileSync(join(folder, name!), source!)
  writeFileSync(join(folder, 'goworld.ini'), INI)
  const server = new Program(join(ROOT, 'components/cli/goworld'), ['dev', folder])
  await server.said('is up')
  const [gate] = /ws:\/\/[^\s/]+/.exec(server.out)!
  expect(await run(process.execPath, [join(folder, 'visit.ts'), gate])).toMatchObject({
    code: 0,
    out: 'open\nAda is here\nroses: 1\n1 roses\nlost\nopen\nroses: 2\n2 roses\nroses: 3\n3 roses\nclosed\n',
  })
  server.kill('SIGINT')
  expect((await server.ended).code).toBe(0)
})
