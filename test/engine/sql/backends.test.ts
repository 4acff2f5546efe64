// Which database the code of a game gets, by what goworld.ini says.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openSql, type SqlOptions } from '../../../engine/sql/backends.ts'
import { freePort } from '../../free-port.ts'
import { temporaryDirectory } from '../storage/temporary.ts'

async function open(options: Partial<SqlOptions>) {
  const unset = { type: 'auto', url: '', pool: 2, timeLimitMs: 4000, storage: { type: 'memory', url: '' } }
  const sql = await openSql({ baseDirectory: '', ...unset, ...options })
  onTestFinished(() => sql.close())
  return sql
}

it('auto is the file of the entities, opened when it is asked for', async () => {
  const directory = temporaryDirectory()
  const sql = await open({ storage: { type: 'sqlite', url: 'a.db' }, baseDirectory: directory })
  expect(sql.kind).toBe('sqlite')
  expect(existsSync(join(directory, 'a.db'))).toBe(false)
  expect((await sql.query('SELECT $1 AS a', [1])).rows).toEqual([{ a: 1 }])
  expect(existsSync(join(directory, 'a.db'))).toBe(true)
})

it('auto is the server of the entities, which need not be there yet', async () => {
  const port = await freePort()
  const sql = await open({ storage: { type: 'postgres', url: `postgres://127.0.0.1:${port}/world` } })
  expect(sql.kind).toBe('postgres')
  await expect(sql.query('SELECT 1')).rejects.toThrow('ECONNREFUSED')
})

it.each([
  ['auto', 'memory'],
  ['auto', 'redis'],
  ['none', 'sqlite'],
])('%s beside %s is none, and says so', async (type, storage) => {
  const sql = await open({ type, storage: { type: storage, url: 'a.db' } })
  expect(sql.kind).toBe('none')
  for (const call of [sql.query('SELECT 1'), sql.transaction(async () => {})])
    await expect(call).rejects.toMatchObject({ name: 'SqlError', message: expect.stringContaining('no SQL database') })
})

it('a database that is named must be there at the start', async () => {
  const directory = temporaryDirectory()
  await expect(open({ type: 'sqlite', url: join(directory, 'none/a.db') })).rejects.toThrow('unable to open')
  const port = await freePort()
  await expect(open({ type: 'postgres', url: `postgres://127.0.0.1:${port}/world` })).rejects.toThrow('ECONNREFUSED')
  const sql = await open({ type: 'sqlite', url: 'b.db', baseDirectory: directory })
  expect(existsSync(join(directory, 'b.db'))).toBe(true)
  expect(sql.kind).toBe('sqlite')
})
