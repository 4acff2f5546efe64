// Tests of components/process/run-folder.ts: who runs, told by pid files.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { tempFolder } from '../../temp-folder.ts'

const GATE1 = { role: 'gate', id: 1 } as const
const GAME1 = { role: 'game', id: 1 } as const
const newFolder = () => new RunFolder(tempFolder())
/** A program that is none of ours and runs until the end of the test. */
async function withStranger(use: (pid: number) => void | Promise<void>) {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  try {
    await use(child.pid!)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

describe('the run folder', () => {
  test('knows the process that claimed a name, until it gives it back', () => {
    const run = newFolder()
    const release = run.claim(GATE1)
    expect(run.find(GATE1)).toEqual({ ...GATE1, pid: process.pid, alive: true })
    release()
    expect(run.find(GATE1)).toBeUndefined()
  })

  test('is nobody else’s to open', () => {
    const run = newFolder()
    run.create()
    if (process.platform !== 'win32') expect(statSync(run.path).mode & 0o077).toBe(0)
  })

  test('says so where it cannot be made', () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'file'), '')
    expect(() => new RunFolder(join(folder, 'file')).create()).toThrow(/the run folder .*\.goworld cannot be made/)
  })

  test('refuses a name whose process lives', () => {
    const run = newFolder()
    run.claim(GATE1)
    expect(() => run.claim(GATE1)).toThrow(`gate1 runs already in ${run.path}, pid ${process.pid}`)
    expect(() => run.claim({ role: 'gate', id: 2 })).not.toThrow()
  })

  test('gives the name of a dead process to the next', async () => {
    const run = newFolder()
    await withStranger((pid) => void run.claim(GATE1, pid))
    expect(run.find(GATE1)?.alive).toBe(false)
    run.claim(GATE1)
    expect(run.find(GATE1)).toMatchObject({ pid: process.pid, alive: true })
  })

  test.each([
    ['that nobody had', () => {}],
    ['of a dead process', (path: string) => writeFileSync(join(path, 'gate1.pid'), `${process.pid}\n1\n`)],
  ])('gives a name %s to one of two that want it at the same moment', async (_whose, leave) => {
    const run = newFolder()
    run.create()
    leave(run.path)
    await withStranger((pid) => {
      class Raced extends RunFolder {
        override refuseSecond(name: typeof GATE1) {
          super.refuseSecond(name)
          run.claim(name, pid)
        }
      }
      const late = new Raced(join(run.path, '..'))
      expect(() => late.claim(GATE1)).toThrow(`gate1 runs already in ${run.path}, pid ${pid}`)
      expect(run.find(GATE1)).toMatchObject({ pid, alive: true })
    })
  })

  test('is not fooled by a program that has the pid of a dead process', async () => {
    const run = newFolder()
    run.create()
    await withStranger((pid) => {
      for (const text of [`${pid}\n1\n`, `${pid}\n`, `${pid}`]) {
        writeFileSync(join(run.path, 'gate1.pid'), text)
        expect(run.find(GATE1)).toEqual({ ...GATE1, pid, alive: false })
      }
    })
  })

  test('lists processes in the order of a start, and nothing else', () => {
    const run = newFolder()
    for (const id of [10, 2]) run.claim({ role: 'gate', id })
    run.claim(GAME1)
    run.claim({ role: 'dispatcher', id: 1 })
    for (const file of ['notes.pid', 'gate.pid', 'gate3.txt']) writeFileSync(join(run.path, file), '1\n')
    writeFileSync(join(run.path, 'gate4.pid'), 'garbage')
    expect(run.processes().map(({ role, id }) => `${role}${id}`)).toEqual(['dispatcher1', 'game1', 'gate2', 'gate10'])
  })

  test('is empty where nothing has run', () => {
    expect(newFolder().processes()).toEqual([])
    expect(new RunFolder('/nowhere/at/all').processes()).toEqual([])
  })

  test('knows the games that are frozen: those with a file and no process', () => {
    const run = newFolder()
    expect(run.frozen()).toEqual([])
    run.create()
    for (const id of [10, 2, 3]) writeFileSync(run.frozenPath({ role: 'game', id }), '')
    for (const file of ['game4.frozen.old', 'game5.frozen.tmp', 'gate1.frozen', 'game.frozen'])
      writeFileSync(join(run.path, file), '')
    run.claim({ role: 'game', id: 3 })
    expect(run.frozen()).toEqual([
      { role: 'game', id: 2 },
      { role: 'game', id: 10 },
    ])
    expect(run.frozenPath(GAME1)).toBe(join(run.path, 'game1.frozen'))
  })

  test('gives a process another name, unless somebody has that', () => {
    const run = newFolder()
    const NEXT = { role: 'next', id: process.pid } as const
    run.claim(GAME1)
    run.claim(NEXT)
    expect(() => run.rename(NEXT, GAME1)).toThrow('game1 runs already')
    expect(run.find(NEXT)).toMatchObject({ alive: true })
    const release = run.rename(NEXT, GATE1)
    expect(run.find(NEXT)).toBeUndefined()
    expect(run.find(GATE1)).toMatchObject({ pid: process.pid, alive: true })
    release()
    expect(run.find(GATE1)).toBeUndefined()
  })

  test('forgets a successor that was killed: it had no place yet', async () => {
    const run = newFolder()
    await withStranger((pid) => void run.claim({ role: 'next', id: pid }, pid))
    expect(run.processes()).toEqual([])
    expect(readdirSync(run.path)).toEqual([])
  })

  test('is not held up by a pid file that a full disk left empty', () => {
    const run = newFolder()
    run.create()
    writeFileSync(join(run.path, 'gate1.pid'), '')
    expect(() => run.claim(GATE1)).not.toThrow()
  })

  test('clears away what a killed process left', () => {
    const run = newFolder()
    run.claim(GATE1)
    writeFileSync(run.socketPath(GATE1), '')
    run.clear(GATE1)
    expect(run.find(GATE1)).toBeUndefined()
    expect(existsSync(run.socketPath(GATE1))).toBe(false)
  })

  test('keeps the paths of its sockets short enough for the system', () => {
    const deep = join(tempFolder(), 'a'.repeat(90))
    mkdirSync(deep)
    const run = new RunFolder(deep)
    expect(Buffer.byteLength(run.socketPath({ role: 'dispatcher', id: 1000 }))).toBeLessThanOrEqual(103)
    expect(run.socketFolder).not.toBe(run.path)
    expect(new RunFolder(deep).socketFolder).toBe(run.socketFolder)
    expect(new RunFolder(`${deep}2`).socketFolder).not.toBe(run.socketFolder)
  })
})
