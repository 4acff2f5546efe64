// Tests of the launchers and their flags: what an operator sees who gets something wrong, and who gets it right.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Program, ROOT, run } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const LAUNCHERS = {
  dispatcher: 'components/dispatcher/dispatcher',
  gate: 'components/gate/gate',
  goworld: 'components/cli/goworld',
  test_game: 'examples/test_game/test_game',
  leaderboard: 'examples/leaderboard/leaderboard',
  nil_game: 'examples/nil_game/nil_game',
  test_client: 'examples/test_client/test_client',
}
const at = (launcher: keyof typeof LAUNCHERS) => join(ROOT, LAUNCHERS[launcher])

/** A folder with a goworld.ini whose addresses are free. */
function serverFolder(more = ''): string {
  const folder = tempFolder()
  const lines = [
    '[dispatcher1]',
    'listen_addr=unix:d.link',
    'http_addr=127.0.0.1:0',
    '[game1]',
    'http_addr=',
    '[gate1]',
    'listen_addr=127.0.0.1:0',
    'http_addr=127.0.0.1:0',
    more,
  ]
  writeFileSync(join(folder, 'goworld.ini'), lines.join('\n'))
  return folder
}

describe.each(Object.keys(LAUNCHERS) as (keyof typeof LAUNCHERS)[])('the launcher of %s', (name) => {
  test('runs by its path, from another folder and through a link', async () => {
    const folder = tempFolder()
    symlinkSync(at(name), join(folder, 'link'))
    for (const file of [at(name), './link']) {
      const { code, out, err } = await run(file, ['-help'], { cwd: folder })
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(out).toContain(name === 'goworld' ? 'goworld start' : 'Usage')
    }
  })

  test('answers an unknown flag with one line and exit code 2', async () => {
    const { code, out, err } = await run(at(name), [name === 'goworld' ? 'strat' : '-nonsense', 'x'])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/^\w+: unknown (flag -nonsense|command strat; did you mean start\?).*\n$/)
  })
})

describe('a launcher', () => {
  /** A repository with nothing in it but a launcher. */
  function bareRepository(): string {
    const folder = tempFolder()
    for (const file of ['components/gate/gate', 'components/cli/node.sh', 'components/gate/main.ts'])
      cpSync(join(ROOT, file), join(folder, file))
    return folder
  }

  test('says so when nothing is installed', async () => {
    const folder = bareRepository()
    const { code, err } = await run(join(folder, 'components/gate/gate'))
    expect(code).toBe(2)
    expect(err).toBe(`gate: the dependencies are not installed: run npm ci in ${folder}\n`)
  })

  test('falls back to the Node.js of the system, if that is new enough', async () => {
    const folder = bareRepository()
    mkdirSync(join(folder, 'node_modules/commander'), { recursive: true })
    const node = join(folder, 'node')
    const env = { PATH: `${folder}:${process.env.PATH}` }
    writeFileSync(node, '#!/bin/sh\necho v20.18.0\n', { mode: 0o755 })
    const old = await run(join(folder, 'components/gate/gate'), [], { env })
    expect(old.code).toBe(2)
    expect(old.err).toBe(`gate: Node.js 24 or newer is wanted, ${node} is v20.18.0: run npm ci in ${folder}\n`)
    writeFileSync(node, '#!/bin/sh\n[ "$1" = --version ] && echo v24.1.0 || echo "$2 $3"\n', { mode: 0o755 })
    const young = await run(join(folder, 'components/gate/gate'), ['-gid', '1'], { env })
    expect(young).toMatchObject({ code: 0, out: `${folder}/components/gate/main.ts -gid\n` })
  })

  test('becomes the process: its pid and its signals', async () => {
    const folder = serverFolder()
    const dispatcher = new Program(at('dispatcher'), [], { cwd: folder })
    await dispatcher.said(' up ')
    expect(readFileSync(join(folder, '.goworld/dispatcher1.pid'), 'utf8').split('\n')[0]).toBe(String(dispatcher.pid))
    dispatcher.kill('SIGTERM')
    expect(await dispatcher.ended).toMatchObject({ code: 0, signal: null })
  })
})

describe('an operator is told in one line', () => {
  test.each([
    ['gate', [], 'gate: flag -gid is required'],
    ['nil_game', [], 'game: flag -gid is required'],
    ['nil_game', ['-sid', '0'], 'game: flag -gid=0: must be a whole number from 1 to 1000'],
    ['gate', ['-gid', '7'], 'gate: goworld.ini: there is no gate7: [deployment] desired_gates=1'],
    ['gate', ['-gid', '1', '-log', 'loud'], 'gate: flag -log=loud: must be one of debug, info, warn, error'],
    [
      'dispatcher',
      ['-configfile', 'no.ini'],
      'dispatcher: no.ini: no such file; make one with: cp goworld.ini.sample no.ini',
    ],
    ['dispatcher', ['extra'], 'dispatcher: unexpected argument "extra"'],
    ['goworld', ['start'], 'goworld: <game folder> is missing'],
    ['goworld', ['start', 'nowhere'], 'goworld: nowhere: no such folder'],
    ['goworld', ['reload', 'nowhere'], 'goworld: nowhere: no such folder'],
    ['goworld', ['reload', '.', '-game', '0'], 'goworld: flag -game=0: must be a whole number from 1 to 1000'],
    ['goworld', ['build'], 'goworld: nothing is built: the sources run as they are; try goworld start'],
    ['goworld', ['start', '.', '-games', '0'], 'goworld: flag -games=0: must be a whole number from 1 to 1000'],
  ] as const)('%s %j', async (launcher, args, line) => {
    const { code, out, err } = await run(at(launcher), args, { cwd: serverFolder() })
    expect({ code, out, err }).toEqual({ code: 2, out: '', err: `${line}\n` })
  })

  test('about a game to restore that is not frozen', async () => {
    const folder = serverFolder()
    const { code, err } = await run(at('nil_game'), ['-sid', '1', '-restore'], { cwd: folder })
    expect(code).toBe(2)
    expect(err).toBe(`game: ${join(folder, '.goworld/game1.frozen')}: there is no frozen game to restore\n`)
  })

  test('about a key that is not known', async () => {
    const folder = serverFolder('[storage]\ntipe=sqlite')
    const { code, err } = await run(at('gate'), ['-gid', '1'], { cwd: folder })
    expect({ code, err }).toEqual({
      code: 2,
      err: 'gate: goworld.ini:10: [storage] tipe=sqlite: [storage] has no key tipe; did you mean type?\n',
    })
  })

  test('about an address that is in use', async () => {
    const taken = createServer()
    onTestFinished(() => void taken.close())
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port))
    })
    const folder = tempFolder()
    const used = `127.0.0.1:${port}`
    const line = (who: string) =>
      `${who}: ${who}1 listen_addr: cannot listen on ${used}: the address is in use by another process\n`
    const config = (role: string) => {
      const path = join(folder, `${role}.ini`)
      writeFileSync(path, `[${role}_common]\nlisten_addr=${used}\nlog_stderr=no\n`)
      return path
    }
    const dispatcher = await run(at('dispatcher'), ['-configfile', config('dispatcher')], { cwd: folder })
    expect({ code: dispatcher.code, err: dispatcher.err }).toEqual({ code: 2, err: line('dispatcher') })
    const gate = await run(at('gate'), ['-gid', '1', '-configfile', config('gate')], { cwd: folder })
    expect({ code: gate.code, err: gate.err }).toEqual({ code: 2, err: line('gate') })
  })
})

describe('an operator is told in one line also', () => {
  test.each([
    ['300.1.1.1:45000', 'the address is not known to this machine'],
    ['unix:/nodir/x.sock', 'the address lies in a folder that is not there'],
  ])('about an address like %s', async (address, reason) => {
    const folder = serverFolder()
    writeFileSync(join(folder, 'c.ini'), `[gate1]\nlisten_addr=${address}\nhttp_addr=\nlog_stderr=no\n`)
    const { code, err } = await run(at('gate'), ['-gid', '1', '-configfile', 'c.ini'], { cwd: folder })
    expect({ code, err }).toEqual({
      code: 2,
      err: `gate: gate1 listen_addr: cannot listen on ${address}: ${reason}\n`,
    })
  })
})

test('processes that are run by hand belong to the server of their goworld.ini, wherever they are started', async () => {
  const folder = serverFolder()
  writeFileSync(join(folder, 'game.ts'), '')
  const elsewhere = tempFolder()
  const dispatcher = new Program(at('dispatcher'), ['-configfile', join(folder, 'goworld.ini')], { cwd: elsewhere })
  await dispatcher.said(' up ')
  const status = await run(at('goworld'), ['status', folder, '-json'], { cwd: elsewhere })
  expect(JSON.parse(status.out)).toMatchObject({ processes: [{ role: 'dispatcher', pid: dispatcher.pid }] })
  expect(await run(at('goworld'), ['stop', folder], { cwd: elsewhere })).toMatchObject({ code: 0 })
  expect((await dispatcher.ended).code).toBe(0)
})

describe('-d', () => {
  test('leaves the process in the background and says its pid', async () => {
    const folder = serverFolder('[dispatcher_common]\nlog_file=d.log')
    const { code, out } = await run(at('dispatcher'), ['-d'], { cwd: folder })
    const pid = Number(/^dispatcher1 runs in the background, pid (\d+), log .*d\.log\n$/.exec(out)?.[1])
    onTestFinished(() => void process.kill(pid, 'SIGKILL'))
    expect(code).toBe(0)
    expect(readFileSync(join(folder, 'd.log'), 'utf8')).toContain(`up pid=${pid}`)
    const again = await run(at('dispatcher'), ['-d'], { cwd: folder })
    expect(again.err).toContain(`dispatcher1 runs already in ${folder}/.goworld, pid ${pid}`)
  })

  test('fails as the process in the foreground would', async () => {
    const folder = serverFolder('[dispatcher_common]\nlog_file=/nowhere/d.log')
    const { code, err } = await run(at('dispatcher'), ['-d'], { cwd: folder })
    expect(code).toBe(2)
    expect(err).toContain('log_file=/nowhere/d.log')
  })
})
