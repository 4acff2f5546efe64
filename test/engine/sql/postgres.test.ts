// SQL for authors on a real PostgreSQL: by the suite of all, and what is its own: types, outages, passwords.
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { PostgresSql } from '../../../engine/sql/postgres.ts'
import { freePort } from '../../free-port.ts'
import { startPostgres } from '../../services/postgres.ts'
import { describeSql } from './conformance.ts'

const server = await startPostgres()
afterAll(() => server?.stop())

const open = async (limitMs = 4000) => new PostgresSql({ url: await server!.freshDatabase(), pool: 3, limitMs })

async function opened(limitMs?: number): Promise<PostgresSql> {
  const sql = await open(limitMs)
  onTestFinished(() => sql.close())
  return sql
}

describe.skipIf(!server)('postgres', () => {
  describeSql('postgres', { open, slow: 'SELECT pg_sleep(30)', bytes: 'BYTEA', bigint: 'BIGINT' })

  it('gives what JavaScript has no exact form for as its text', async () => {
    const sql = await opened()
    const { rows } = await sql.query(
      `SELECT 0.10::numeric AS price, '{"a": 1}'::jsonb AS doc, '{1,2}'::int[] AS list, 1.5::real AS r, 2::smallint AS s,
        '2026-01-02 03:04:05+00'::timestamptz AT TIME ZONE 'UTC' AS at, count(*) AS n, true AS yes, sum(n) AS sum
        FROM generate_series(1, 3) AS n`,
    )
    expect(rows).toEqual([
      {
        price: '0.10',
        doc: '{"a": 1}',
        list: '{1,2}',
        r: 1.5,
        s: 2,
        at: '2026-01-02 03:04:05',
        n: 3,
        yes: true,
        sum: 6,
      },
    ])
  })

  it('does not repeat a parameter that it could not read', async () => {
    const sql = await opened()
    const call = sql.query('SELECT $1::int AS n', ['my secret'])
    await expect(call).rejects.toThrow('invalid input syntax for type integer: a parameter in: SELECT $1::int AS n')
  })

  it('is connected to again when its server comes back', async () => {
    const sql = await opened()
    await sql.query('CREATE TABLE t (a INT)')
    const begun = Promise.withResolvers<void>()
    const broken = sql.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (1)')
      begun.resolve()
      await tx.query('SELECT pg_sleep(60)')
    })
    const failed = expect(broken).rejects.toMatchObject({ name: 'SqlError' })
    await begun.promise
    await server!.kill()
    await failed
    await expect(sql.query('SELECT 1')).rejects.toThrow(/^postgres 127\.0\.0\.1:\d+\/world\d+: /)
    await server!.restart()
    const count = () => sql.query('SELECT a FROM t').then(({ count }) => count)
    await expect.poll(() => count().catch(() => undefined), { timeout: 20_000 }).toBe(0)
  })

  it('that hangs costs a query its time, and not for ever', async () => {
    const sql = await opened(300)
    await sql.query('SELECT 1')
    server!.pause()
    try {
      await expect(sql.query('SELECT 1')).rejects.toThrow('it took longer than 300 ms')
    } finally {
      server!.resume()
    }
    expect((await sql.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })
})

it('a PostgreSQL that is not there is named, without the password', async () => {
  const port = await freePort()
  const sql = new PostgresSql({ url: `postgres://ann:secret@127.0.0.1:${port}/world`, pool: 1, limitMs: 1000 })
  await expect(sql.query('SELECT 1')).rejects.toThrow(
    `postgres 127.0.0.1:${port}/world: connect ECONNREFUSED 127.0.0.1:${port}`,
  )
  await sql.close()
  expect(() => new PostgresSql({ url: 'postgres://ann:secret@[', pool: 1, limitMs: 1000 })).toThrow(
    /^postgres: the url cannot be read \(ERR_INVALID_URL\)$/,
  )
})
