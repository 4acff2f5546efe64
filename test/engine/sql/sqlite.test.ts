// SQL for authors on SQLite: by the suite of all, and what is its own: `?`, readers beside the writer, other processes.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SqliteSql } from '../../../engine/sql/sqlite.ts'
import { openStorage } from '../../../engine/storage/backends.ts'
import { get, put } from '../storage/conformance.ts'
import { storeOptions } from '../storage/options.ts'
import { temporaryDirectory } from '../storage/temporary.ts'
import { describeSql } from './conformance.ts'

describeSql('sqlite', {
  open: async (limitMs = 4000) => new SqliteSql({ path: join(temporaryDirectory(), 'a.db'), pool: 3, limitMs }),
  // Some two seconds: a thread ends when its statement does, and the test waits for it.
  slow: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15000000) SELECT max(i) AS m FROM n',
  bytes: 'BLOB',
  bigint: 'BIGINT',
})

function opened(pool = 3, directory = temporaryDirectory()): SqliteSql & { readonly path: string } {
  const path = join(directory, 'a.db')
  const sql = new SqliteSql({ path, pool, limitMs: 4000 })
  onTestFinished(() => sql.close())
  return Object.assign(sql, { path })
}

describe('SQLite', () => {
  it('takes ? for parameters too, but not both kinds, nor others', async () => {
    const sql = opened()
    await sql.query('CREATE TABLE t (a, b)')
    await sql.query('INSERT INTO t VALUES (?, ?)', [1, 'x?'])
    expect((await sql.query(`SELECT b FROM t WHERE a = ? AND b <> '?'`, [1])).rows).toEqual([{ b: 'x?' }])
    for (const [text, message] of [
      ['SELECT ? + $1', 'parameters are either ? or $1'],
      ['SELECT :name', ':name is no parameter'],
      ['SELECT @name', '@name is no parameter'],
      ['SELECT $name', '$name is no parameter'],
      ['SELECT ?1', '?1 is no parameter'],
      ['SELECT ?', '1 parameters are wanted, and 2 are given'],
      ['SELECT $3', '3 parameters are wanted, and 2 are given'],
    ] as const) {
      await expect(sql.query(text, [1, 2])).rejects.toThrow(message)
    }
    expect((await sql.query('SELECT $2 AS b', [1, 2])).rows).toEqual([{ b: 2 }])
  })

  it('takes whole numbers for whole, and others not', async () => {
    const sql = opened()
    const { rows } = await sql.query('SELECT typeof($1) AS a, typeof($2) AS b, typeof($3) AS c, $1 / 2 AS half', [
      5,
      0.5,
      5n,
    ])
    expect(rows).toEqual([{ a: 'integer', b: 'real', c: 'integer', half: 2 }])
  })

  it('takes a trigger for one statement', async () => {
    const sql = opened()
    await sql.query('CREATE TABLE t (a)')
    await sql.query('CREATE TABLE log (a)')
    await sql.query('CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END;')
    await sql.query('INSERT INTO t VALUES (7)')
    expect((await sql.query('SELECT a FROM log')).rows).toEqual([{ a: 7 }])
  })

  it('reads while a transaction writes, with one connection only after it', async () => {
    for (const pool of [3, 1]) {
      const sql = opened(pool)
      await sql.query('CREATE TABLE t (a)')
      const seen: string[] = []
      let read: Promise<unknown> | undefined
      await sql.transaction(async (tx) => {
        await tx.query('INSERT INTO t VALUES (1)')
        read = sql.query('SELECT a FROM t').then(({ count }) => seen.push(`read ${count}`))
        if (pool > 1) await read
        seen.push('committing')
      })
      await read
      expect(seen).toEqual(pool > 1 ? ['read 0', 'committing'] : ['committing', 'read 1'])
    }
  })

  it('shares the file of the entities: neither stops the other', async () => {
    const directory = temporaryDirectory()
    const storage = await openStorage(storeOptions('sqlite', { url: 'a.db', baseDirectory: directory }))
    onTestFinished(() => storage.close())
    const sql = opened(3, directory)
    await sql.query('CREATE TABLE t (a)')
    let saved: Promise<unknown> | undefined
    await sql.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (1)')
      // It waits for the transaction, in its own thread.
      saved = put(storage, 'Avatar', 'A', { level: 1 })
      await tx.query('INSERT INTO t VALUES (2)')
    })
    await saved
    expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 1 })
    expect((await sql.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 2 }])
    expect((await sql.query(`SELECT data ->> 'level' AS level FROM entities`)).rows).toEqual([{ level: 1 }])
  })

  it('says when another process keeps the file locked', async () => {
    const directory = temporaryDirectory()
    const sql = new SqliteSql({ path: join(directory, 'a.db'), pool: 2, limitMs: 400 })
    onTestFinished(() => sql.close())
    await sql.query('CREATE TABLE t (a)')
    const beside = new DatabaseSync(join(directory, 'a.db'))
    onTestFinished(() => beside.close())
    beside.exec('BEGIN IMMEDIATE')
    await expect(sql.query('INSERT INTO t VALUES (1)')).rejects.toMatchObject({ name: 'SqlError', code: '5' })
    await expect(sql.transaction(async () => {})).rejects.toThrow('database is locked in: BEGIN IMMEDIATE')
    beside.exec('ROLLBACK')
    await sql.query('INSERT INTO t VALUES (1)')
  })

  it('tells who waits, in a transaction, for a query that waits for the transaction', async () => {
    const sql = new SqliteSql({ path: join(temporaryDirectory(), 'a.db'), pool: 2, limitMs: 1000 })
    onTestFinished(() => sql.close())
    await sql.query('CREATE TABLE t (a)')
    const call = sql.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (1)')
      await sql.query('INSERT INTO t VALUES (2)')
    })
    await expect(call).rejects.toThrow('a query in it that is not made with tx waits for the transaction itself')
    await expect.poll(async () => (await sql.query('SELECT a FROM t')).rows, { timeout: 20_000 }).toEqual([{ a: 2 }])
  })

  it('reads a long text in good time', async () => {
    const sql = opened()
    const long = "it''s ".repeat(300_000)
    const { rows } = await sql.query(`SELECT length('${long}') AS n, $1 AS a`, [1])
    expect(rows).toEqual([{ n: 1_500_000, a: 1 }])
    await expect(sql.query(`SELECT '${long}`)).rejects.toThrow('unrecognized token')
  })

  it('names the file that cannot be opened', async () => {
    const directory = join(temporaryDirectory(), 'none')
    const sql = new SqliteSql({ path: join(directory, 'a.db'), pool: 2, limitMs: 4000 })
    onTestFinished(() => sql.close())
    await expect(sql.query('SELECT 1')).rejects.toThrow(`${directory}/a.db: unable to open database file`)
  })
})
