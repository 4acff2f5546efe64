// Tests of components/process/log-line.ts: what a line of the log looks like to people.
import { describe, expect, test } from 'vitest'
import { formatLogLine } from '../../../components/process/log-line.ts'

const line = (fields: object) =>
  formatLogLine(
    JSON.stringify({ level: 'info', time: Date.UTC(2026, 0, 31, 12), name: 'game1', msg: 'ready', ...fields }),
    { color: false, short: false },
  )

describe('a line of the log', () => {
  test('says when, how bad, who and what, then the fields', () => {
    expect(line({ games: 2, at: 'tcp://127.0.0.1:14000', why: 'two words' })).toBe(
      '2026-01-31T12:00:00.000Z INFO  game1 ready games=2 at=tcp://127.0.0.1:14000 why="two words"\n',
    )
  })

  test('has the stack of an error in lines of its own', () => {
    const stack = 'Error: no\n    at f (game.ts:1:1)'
    expect(line({ level: 'error', error: { type: 'Error', message: 'no', stack } })).toBe(
      '2026-01-31T12:00:00.000Z ERROR game1 ready\n    Error: no\n        at f (game.ts:1:1)\n',
    )
  })

  test('lets no client write a line of its own, or to the terminal', () => {
    const forged = line({ msg: 'said hi\n2026-01-31T12:00:00.000Z ERROR game1 forged\x1b[2J', name: 'a\rb' })
    expect(
      forged
        .split('\n')
        .slice(1, -1)
        .every((text) => text.startsWith('    ')),
    ).toBe(true)
    expect(forged).not.toContain('\x1b')
    expect(forged).not.toContain('\r')
  })

  test('is short for a reader who knows the day and the name', () => {
    const json = JSON.stringify({ level: 'info', time: 0, name: 'gate1', msg: 'up', pid: 5 })
    expect(formatLogLine(json, { color: false, short: true })).toBe('00:00:00.000 INFO  up pid=5\n')
  })

  test('has colours only when asked for', () => {
    const json = JSON.stringify({ level: 'warn', time: 0, name: 'gate1', msg: 'slow' })
    expect(formatLogLine(json, { color: true, short: false })).toContain('\x1b[33mWARN ')
    expect(formatLogLine(json, { color: false, short: false })).not.toContain('\x1b')
  })
})
