// The section [sql]: which database the game code reaches, and what an operator is told who gets it wrong.
import { expect, it } from 'vitest'
import { formatConfig } from '../../../components/cli/effective-config.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { parseConfig } from '../../../engine/config/config.ts'

const parse = (text: string) => parseConfig(text, { path: '/srv/goworld.ini' })

it('follows [storage] unless it says otherwise', () => {
  expect(parse('').sql).toEqual({ type: 'auto', url: '', pool: 4, timeLimitMs: 4000 })
  expect(parse('[sql]\ntype=none').sql).toMatchObject({ type: 'none', url: '' })
})

it('has a file beside goworld.ini, or the URL of a server', () => {
  expect(parse('[sql]\ntype=sqlite').sql.url).toBe('/srv/goworld.db')
  expect(parse('[sql]\ntype=sqlite\nurl=scores.db').sql.url).toBe('/srv/scores.db')
  expect(parse('[sql]\ntype=postgres').sql.url).toBe('postgres://127.0.0.1:5432/goworld')
  expect(parse('[sql]\ntype=postgres\nurl=postgres://db/x').sql.url).toBe('postgres://db/x')
})

it.each([
  ['type=mysql', 'must be one of auto, sqlite, postgres, none'],
  ['type=postgres\nurl=scores.db', 'url=scores.db: is no URL, for type=postgres'],
  ['type=sqlite\nurl=postgres://db/x', 'must be the path of a file, for type=sqlite'],
  ['pool=0', 'pool=0: must be a whole number from 1 to 100'],
])('refuses %j in one line', (text, message) => {
  const parsing = () => parse(`[sql]\n${text}`)
  expect(parsing).toThrow(OperatorError)
  expect(parsing).toThrow(message)
})

it('reads the same in the configuration that goworld start makes', () => {
  for (const text of [
    '',
    '[sql]\ntype=postgres\nurl=postgres://ann:a#b;c@db/x\npool=9\ntime_limit_ms=100',
    '[sql]\ntype=sqlite',
  ]) {
    const config = parse(text)
    expect(parseConfig(formatConfig(config), { path: '/elsewhere/goworld.ini' }).sql).toEqual(config.sql)
  }
})
