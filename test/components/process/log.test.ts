// Tests of components/process/log.ts: pino behind the engine's Log.
import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openLog } from '../../../components/process/log.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { tempFolder } from '../../temp-folder.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = tempFolder()
  file = join(folder, 'game.log')
})
afterEach(() => void vi.unstubAllEnvs())

const open = (level: 'debug' | 'info' | 'warn' | 'error' = 'info', name = 'game1') =>
  openLog({ name, level, file, stderr: false })

describe('the log', () => {
  test('leaves out what is below its level', () => {
    const log = open('warn')
    log.debug('one')
    log.info('two')
    log.warn('three')
    log.error('four')
    log.close()
    expect(readFileSync(file, 'utf8').match(/one|two|three|four/g)).toEqual(['three', 'four'])
  })

  test('is appended to by several processes', () => {
    const first = open('info', 'game1')
    const second = open('info', 'game2')
    first.info('a')
    second.info('b')
    first.info('c')
    for (const log of [first, second]) log.close()
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => line.split(/\s+/).slice(2).join(' '))).toEqual(['game1 a', 'game2 b', 'game1 c'])
  })

  test('says the fields of its child with each line', () => {
    const log = open()
    log.child({ avatar: 'x1' }).info('moved', { to: 5 })
    log.close()
    expect(readFileSync(file, 'utf8')).toMatch(/game1 moved avatar=x1 to=5\n$/)
  })

  test('tells the stack of an error', () => {
    const log = open()
    log.error('failed', { error: new Error('no luck') })
    log.close()
    expect(readFileSync(file, 'utf8')).toMatch(/failed\n {4}Error: no luck\n\s+at /)
  })

  test('is JSON for machines when asked for', () => {
    vi.stubEnv('GOWORLD_LOG', 'json')
    const log = open()
    log.info('ready', { games: 2 })
    log.close()
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      level: 'info',
      name: 'game1',
      msg: 'ready',
      games: 2,
      time: expect.any(Number),
    })
  })

  test('swallows what comes after its end', () => {
    const log = open()
    log.close()
    log.info('too late')
    log.close()
    expect(readFileSync(file, 'utf8')).toBe('')
  })

  describe('when its file is rotated', () => {
    let clock: VirtualClock
    let log: ReturnType<typeof openLog>
    beforeEach(() => {
      clock = new VirtualClock()
      log = openLog({ name: 'game1', level: 'info', file, stderr: false }, clock)
      log.info('before')
    })
    afterEach(() => log.close())
    const words = (path: string) => readFileSync(path, 'utf8').match(/before|between|after|again/g)

    test('goes on in a new one within a second, time after time', async () => {
      renameSync(file, `${file}.1`)
      log.info('between')
      await clock.advance(1000)
      log.info('after')
      expect([words(`${file}.1`), words(file)]).toEqual([['before', 'between'], ['after']])
      renameSync(file, `${file}.1`)
      writeFileSync(file, '')
      await clock.advance(1000)
      log.info('again')
      expect([words(`${file}.1`), words(file)]).toEqual([['after'], ['again']])
    })

    test('goes on in the same one when that was copied and truncated', async () => {
      truncateSync(file)
      await clock.advance(1000)
      log.info('after')
      expect(readFileSync(file, 'utf8')).toMatch(/^\d.* after\n$/)
    })

    test('goes on in the old one while there can be no new one', async () => {
      renameSync(file, `${file}.1`)
      mkdirSync(file)
      await clock.advance(1000)
      log.info('between')
      rmSync(file, { recursive: true })
      await clock.advance(1000)
      log.info('after')
      expect([words(`${file}.1`), words(file)]).toEqual([['before', 'between'], ['after']])
    })
  })

  test('refuses a file that cannot be written, by name', () => {
    const settings = { name: 'game1', level: 'info', file: join(folder, 'missing', 'game.log'), stderr: false } as const
    expect(() => openLog(settings)).toThrow(OperatorError)
    expect(() => openLog(settings)).toThrow(/log_file=.*missing/)
  })
})
