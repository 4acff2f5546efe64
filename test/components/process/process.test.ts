// Tests of components/process/process.ts: the life of a process, with real processes.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { askControl } from '../../../components/process/control.ts'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { Program, until } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const NAME = { role: 'gate', id: 1 } as const

function start(what: string, folder = tempFolder()) {
  const program = new Program(process.execPath, [join(import.meta.dirname, 'fixture.ts'), what], { cwd: folder })
  const run = new RunFolder(folder)
  return {
    program,
    run,
    folder,
    up: () => program.said(' up '),
    log: () => readFileSync(join(folder, 'fixture.log'), 'utf8'),
  }
}

describe('a process', () => {
  test('tells all about itself on its control channel and by HTTP', async () => {
    const { program, run, up } = start('')
    await up()
    const status = await askControl(run.socketPath(NAME), 'status')
    expect(status).toMatchObject({ role: 'gate', id: 1, pid: program.pid, ready: true, stopping: false, clients: 3 })
    const { http, tcp } = status.addresses as Record<string, string>
    expect(tcp).toBe('tcp://127.0.0.1:14000')
    expect(await (await fetch(http!)).json()).toEqual({ ready: true, name: 'gate1' })
    expect(await (await fetch(http!.replace('healthz', 'status'))).json()).toMatchObject({ clients: 3 })
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'stops in order on %s and leaves nothing behind',
    async (signal) => {
      const { program, run, up, log } = start('')
      await up()
      program.kill(signal)
      expect(await program.ended).toMatchObject({ code: 0, signal: null })
      expect(log()).toContain(`stopping: ${signal}`)
      expect(run.processes()).toEqual([])
      expect(existsSync(run.socketPath(NAME))).toBe(false)
    },
  )

  test('stops when it is asked to', async () => {
    const { program, run, up } = start('')
    await up()
    await askControl(run.socketPath(NAME), 'stop')
    expect((await program.ended).code).toBe(0)
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at once on a second %s', async (signal, code) => {
    const { program, run, up } = start('hangs')
    await up()
    program.kill(signal)
    await program.said('stopping')
    expect(await askControl(run.socketPath(NAME), 'status')).toMatchObject({ stopping: true, ready: false })
    program.kill(signal)
    expect((await program.ended).code).toBe(code)
    expect(run.processes()).toEqual([])
  })

  test('is not hurried by one signal that comes after it was asked to stop', async () => {
    const { program, run, up } = start('hangs')
    await up()
    await askControl(run.socketPath(NAME), 'stop')
    await program.said('stopping')
    program.kill('SIGTERM')
    for (let asked = 0; asked < 20; asked++)
      expect(await askControl(run.socketPath(NAME), 'status')).toMatchObject({ stopping: true })
    program.kill('SIGTERM')
    expect((await program.ended).code).toBe(143)
  })

  test('says so with its exit code when it could not stop in order', async () => {
    const { program, up, log } = start('fails to stop')
    await up()
    program.kill('SIGTERM')
    expect((await program.ended).code).toBe(1)
    expect(log()).toContain('did not stop in order: the disk is full')
  })

  test('opens no inspector on SIGUSR1', async () => {
    const { program, run, up } = start('')
    await up()
    program.kill('SIGUSR1')
    await program.said(/WARN {2}gate1 SIGUSR1: only a game can be frozen/)
    expect(program.text).not.toContain('Debugger')
    expect(await askControl(run.socketPath(NAME), 'status')).toMatchObject({ ready: true, freezing: false })
  })

  test('says which configuration it reads', async () => {
    const { run, up, folder } = start('')
    await up()
    expect(await askControl(run.socketPath(NAME), 'status')).toMatchObject({ configfile: join(folder, 'goworld.ini') })
  })

  test.each([
    ['throws', 'uncaught exception: '],
    ['rejects', 'unhandled rejection: nobody caught this'],
  ])('does not end without a word when something in it %s', async (what, said) => {
    const { program, run, log } = start(what)
    expect((await program.ended).code).toBe(1)
    expect(log()).toContain(said)
    expect(log()).toMatch(/\n {4}\w*Error: .*\n\s+at /)
    expect(run.processes()).toEqual([])
  })

  test('tells the operator in one line what is wrong', async () => {
    const { program } = start('is misused')
    const { code, err } = await program.ended
    expect(code).toBe(2)
    expect(err.trimEnd().split('\n').at(-1)).toBe('fixture: gate1: that will not do')
  })

  test('does not start twice in one folder', async () => {
    const first = start('')
    await first.up()
    const { code, err } = await start('', first.folder).program.ended
    expect(code).toBe(2)
    expect(err).toContain(`gate1 runs already in ${first.run.path}, pid ${first.program.pid}`)
    expect(await askControl(first.run.socketPath(NAME), 'status')).toMatchObject({ pid: first.program.pid })
  })

  test('takes the place of one that was killed', async () => {
    const first = start('')
    await first.up()
    first.program.kill('SIGKILL')
    await first.program.ended
    expect(first.run.find(NAME)).toMatchObject({ alive: false })
    const second = start('', first.folder)
    await second.up()
    expect(await askControl(second.run.socketPath(NAME), 'status')).toMatchObject({ pid: second.program.pid })
  })

  test('puts the warnings of its configuration into the log', async () => {
    const { up, log } = start('')
    await up()
    expect(log()).toMatch(/WARN {2}gate1 a warning/)
  })

  test('is not held up by a reader that has stopped reading', async () => {
    const { program, run, log } = start('floods')
    program.process.stderr!.removeAllListeners('data').pause()
    await until(() => existsSync(run.socketPath(NAME)) && log().includes('20000 of 20000'), 'the flood is over')
    expect(await askControl(run.socketPath(NAME), 'status')).toMatchObject({ ready: true })
    program.kill('SIGTERM')
    await until(() => run.processes().length === 0, 'it has stopped')
  })

  test('goes on when nobody reads its output any more', async () => {
    const { program, run, up } = start('')
    await up()
    program.process.stderr!.destroy()
    program.process.stdout!.destroy()
    program.kill('SIGUSR1')
    program.kill('SIGUSR1')
    expect(await askControl(run.socketPath(NAME), 'status')).toMatchObject({ ready: true })
  })
})
