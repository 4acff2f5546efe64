// Tests of components/process/freezing.ts: how a process freezes, with real processes.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Child } from '../../../components/process/child.ts'
import { askControl } from '../../../components/process/control.ts'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { Program, until } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const GAME1 = { role: 'game', id: 1 } as const
const GATE1 = { role: 'gate', id: 1 } as const
const FIXTURE = join(import.meta.dirname, 'fixture.ts')

function start(what: string) {
  const folder = tempFolder()
  const program = new Program(process.execPath, [FIXTURE, what], { cwd: folder })
  const run = new RunFolder(folder)
  return {
    program,
    run,
    up: () => program.said(' up '),
    ask: (question: 'status' | 'stop' | 'freeze') => askControl(run.socketPath(GAME1), question),
    /** What waits for it, goes on. */
    tell: () => writeFileSync(join(folder, 'told'), ''),
    log: () => readFileSync(join(folder, 'fixture.log'), 'utf8'),
  }
}

describe('a game', () => {
  test('freezes on SIGUSR1, and leaves neither pid file nor socket', async () => {
    const { program, run, up, log } = start('freezes')
    await up()
    program.kill('SIGUSR1')
    expect(await program.ended).toMatchObject({ code: 0, signal: null })
    expect(log()).toMatch(/INFO {2}game1 freezing: SIGUSR1\n.*INFO {2}game1 frozen\n$/)
    expect(run.processes()).toEqual([])
    expect(existsSync(run.socketPath(GAME1))).toBe(false)
  })

  test('freezes when it is asked to, which is answered before it is done', async () => {
    const { program, up, ask, tell } = start('freezes when told')
    await up()
    expect(await ask('freeze')).toEqual({})
    expect(await ask('status')).toMatchObject({ freezing: true, ready: false, stopping: false })
    tell()
    expect((await program.ended).code).toBe(0)
  })

  test('goes on when it could not be frozen, and can be asked again', async () => {
    const { program, run, up, ask, log } = start('fails to freeze')
    await up()
    for (const times of [1, 2]) {
      expect(await ask('freeze')).toEqual({})
      await until(() => log().match(/not frozen, it goes on: the disk is full\n/g)?.length === times, 'it has failed')
      const status = await ask('status')
      expect(status).toMatchObject({ freezing: false, ready: true, freezeError: 'the disk is full' })
    }
    program.kill('SIGTERM')
    expect((await program.ended).code).toBe(0)
    expect(run.processes()).toEqual([])
  })

  test('freezes once, however often it is asked', async () => {
    const { program, up, ask, tell, log } = start('freezes when told')
    await up()
    program.kill('SIGUSR1')
    await program.said('freezing: SIGUSR1')
    program.kill('SIGUSR1')
    await program.said('SIGUSR1: it is being frozen already')
    expect(await ask('freeze')).toEqual({})
    tell()
    expect((await program.ended).code).toBe(0)
    expect(log().match(/ freezing: /g)).toHaveLength(1)
  })

  test.each(['is signalled early', 'is signalled while it starts'])('that %s, freezes when it is up', async (what) => {
    const { program, log } = start(what)
    expect((await program.ended).code).toBe(0)
    expect(log()).toMatch(/ up pid=.*\n.* freezing: SIGUSR1\n.* frozen\n$/)
  })

  test('finishes its freeze before it stops', async () => {
    const { program, up, tell, log } = start('freezes when told')
    await up()
    program.kill('SIGUSR1')
    await program.said('freezing: SIGUSR1')
    program.kill('SIGTERM')
    await program.said('SIGTERM: the freeze is finished first')
    tell()
    expect((await program.ended).code).toBe(0)
    expect(log()).toMatch(/ frozen\n$/)
    expect(log()).not.toContain('stopping')
  })

  test('stops in order when its freeze has failed meanwhile', async () => {
    const { program, up, ask, tell, log } = start('fails to freeze when told')
    await up()
    await ask('freeze')
    await ask('stop')
    expect(await ask('status')).toMatchObject({ freezing: true, stopping: true })
    expect(await ask('freeze')).toEqual({ error: 'it is stopping already' })
    tell()
    expect((await program.ended).code).toBe(0)
    expect(log()).toMatch(/not frozen, it goes on: the disk is full\n[\s\S]*stopping: asked to\n.*stopped\n$/)
  })

  test('ends at once on a second SIGTERM, freeze or no freeze', async () => {
    const { program, run, up } = start('freezes when told')
    await up()
    program.kill('SIGUSR1')
    await program.said('freezing: SIGUSR1')
    program.kill('SIGTERM')
    await program.said('the freeze is finished first')
    program.kill('SIGTERM')
    expect((await program.ended).code).toBe(143)
    expect(run.processes()).toEqual([])
  })

  test('freezes on SIGHUP where no terminal controls it', async () => {
    const folder = tempFolder()
    const lines: string[] = []
    const onLine = (line: string) => void lines.push(line)
    // In a session of its own.
    const child = new Child(GAME1, new RunFolder(folder), { command: [FIXTURE, 'freezes'], cwd: folder, onLine })
    onTestFinished(() => child.signal('SIGKILL'))
    expect(await child.until(({ ready }) => ready === true, 30_000)).toBe(true)
    child.signal('SIGHUP')
    await child.ended
    expect(child.exitCode).toBe(0)
    expect(lines.join('\n')).toMatch(/freezing: SIGHUP\n.*frozen/)
  })

  // Of util-linux, which most Linux systems have: it runs a command at a terminal of its own.
  const script = process.platform === 'linux' && spawnSync('script', ['-V']).status === 0
  test.skipIf(!script)('stops in order when the terminal that controls it is closed', async () => {
    const folder = tempFolder()
    const command = `'${process.execPath}' '${FIXTURE}' freezes`
    onTestFinished(() => {
      const left = new RunFolder(folder).find(GAME1)
      if (left?.alive) process.kill(left.pid, 'SIGKILL')
    })
    const terminal = new Program('script', ['-qec', command, '/dev/null'], { cwd: folder })
    await terminal.said(' up ')
    terminal.kill('SIGKILL')
    const log = () => readFileSync(join(folder, 'fixture.log'), 'utf8')
    await until(() => /stopping: SIGHUP\n.*stopped\n$/.test(log()), 'it has stopped')
    expect(log()).not.toContain('freezing')
  })
})

test('what is no game cannot be frozen, and says so', async () => {
  const folder = tempFolder()
  const gate = new Program(process.execPath, [FIXTURE, ''], { cwd: folder })
  await gate.said(' up ')
  const path = new RunFolder(folder).socketPath(GATE1)
  expect(await askControl(path, 'freeze')).toEqual({ error: 'only a game can be frozen' })
  expect(await askControl(path, 'status')).toMatchObject({ ready: true, freezing: false })
})
