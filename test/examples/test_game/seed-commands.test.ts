// The commands that the project was described with, as they were written, in a copy of the repository of its own.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '../../free-port.ts'
import { Program, ROOT, run } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const SOURCES = ['components', 'engine', 'examples', 'Makefile', 'package.json', 'package-lock.json']
// What a server leaves behind when it runs in the repository.
const LEFT_BEHIND = /\.goworld|\.db(-\w+)?$|\.log$/

/** A copy with addresses that are free, where the sample has fixed ones. */
async function copyOfRepository(): Promise<string> {
  const folder = tempFolder()
  for (const name of SOURCES) {
    const filter = (path: string) => !LEFT_BEHIND.test(path)
    cpSync(join(ROOT, name), join(folder, name), { recursive: true, preserveTimestamps: true, filter })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  let sample = readFileSync(join(ROOT, 'goworld.ini.sample'), 'utf8')
  for (const port of ['13000', '23000', '25000', '14000', '24000']) {
    const address = new RegExp(`^;?(?<key>\\w+_addr=)[\\d.]+:${port}$`, 'gm')
    expect(sample).toMatch(address)
    sample = sample.replaceAll(address, `$<key>127.0.0.1:${await freePort()}`)
  }
  writeFileSync(join(folder, 'goworld.ini.sample'), sample)
  return folder
}

/** A folder with an npm that refuses: by a link to them, a real one would take the repository's own packages away. */
function withoutNpm(): string {
  const folder = tempFolder()
  writeFileSync(join(folder, 'npm'), '#!/bin/sh\necho "npm must not run here: $*" >&2\nexit 1\n', { mode: 0o755 })
  return folder
}

test('the commands of the seed bring a server up, and 500 bots play on it without an error', {
  timeout: 120_000,
}, async () => {
  const cwd = await copyOfRepository()
  const env = { PATH: `${withoutNpm()}:${process.env['PATH']}` }
  const begin = (line: string) => {
    const command = line
      // What is installed is linked to, so make may not install. In MAKEFLAGS it does not heed this flag.
      .replace('make ', 'make -o node_modules/.package-lock.json ')
      // So that a signal reaches the last command of the line and not only its shell.
      .replace('&& ', '&& exec ')
    return new Program('sh', ['-c', command], { cwd, env })
  }
  expect(await run('sh', ['-c', 'cp goworld.ini.sample goworld.ini'], { cwd })).toMatchObject({ code: 0 })
  const dispatcher = begin('make dispatcher && components/dispatcher/dispatcher')
  await dispatcher.said(' up ')
  const gate = begin('make gate       && components/gate/gate -gid 1')
  const game = begin('make test_game  && examples/test_game/test_game -sid 1')
  await gate.said('gate 1 is ready')
  const bots = begin('make test_client && examples/test_client/test_client -N 500')
  await bots.said('500/500 bots')
  await bots.said(/500\/500 bots +[1-9]\d* things\/s/)
  bots.kill('SIGINT')
  const { code, out } = await bots.ended
  expect(out).toMatch(/DoEnterRandomSpace +[1-9]/)
  expect(out).toContain('0 errors, 0 timeouts')
  expect(code).toBe(0)
  for (const process of [gate, game, dispatcher]) {
    process.kill('SIGTERM')
    expect(await process.ended).toMatchObject({ code: 0 })
    expect(process.text).not.toMatch(/(^| )ERROR /)
  }
})
