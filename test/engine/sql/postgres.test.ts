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

  it('leaves nothing of a session to whoever uses the connection next', async () => {
    const url = await server!.freshDatabase()
    const sql = new PostgresSql({ url, pool: 1, limitMs: 4000 })
    onTestFinished(() => sql.close())
    await sql.query('CREATE TABLE t (a INT)')
    const leaves = [
      'SET search_path TO pg_catalog',
      'SET statement_timeout = 0',
      `SELECT set_config('search_path', 'pg_catalog', false)`,
      'SELECT pg_advisory_lock(7)',
      'PREPARE p AS SELECT 1',
      'LISTEN news',
      'CREATE TEMP TABLE pg_temp.t (b INT)',
      'SELECT 1 AS b INTO TEMP TABLE t',
      "SET bytea_output = 'escape'",
    ]
    const look = `SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS ms,
      (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks, pg_my_temp_schema()::int8 AS temp,
      (SELECT count(*) FROM pg_prepared_statements) AS prepared,
      (SELECT count(*) FROM pg_listening_channels()) AS channels, current_setting('bytea_output') AS bytes`
    const { rows: before } = await sql.query(look)
    expect(before).toMatchObject([{ path: '"$user", public', ms: '4s', locks: 0, prepared: 0, channels: 0 }])
    for (const text of leaves) {
      await sql.query(text)
      const { rows } = await sql.query(look)
      expect([text, { ...rows[0], temp: 0 }]).toEqual([text, { ...before[0], temp: 0 }])
      expect((await sql.query('SELECT a FROM t')).rows).toEqual([])
    }
    await sql.transaction((tx) => tx.query('SET statement_timeout = 0'))
    expect((await sql.query(look)).rows).toMatchObject([{ ms: '4s' }])
    // It is one connection all the time.
    const pid = async () => (await sql.query('SELECT pg_backend_pid() AS pid')).rows
    const one = await pid()
    await sql.query('SET search_path TO public')
    expect(await pid()).toEqual(one)
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
