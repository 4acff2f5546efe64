// SQL for authors on SQLite: by the suite of all, and what is its own: `?`, readers beside the writer, other processes.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import { SqliteSql } from '../../../engine/sql/sqlite.ts'
import { openStorage } from '../../../engine/storage/backends.ts'
import { ROOT } from '../../program.ts'
import { get, put } from '../storage/conformance.ts'
import { storeOptions } from '../storage/options.ts'
import { temporaryDirectory } from '../storage/temporary.ts'
import { describeSql } from './conformance.ts'

const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS m FROM n'

describeSql('sqlite', {
  open: async (limitMs = 4000) => new SqliteSql({ path: join(temporaryDirectory(), 'a.db'), pool: 3, limitMs }),
  slow: ENDLESS,
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

  it('is in turn with the entities: no save and no load waits for many transactions', async () => {
    const directory = temporaryDirectory()
    const options = storeOptions('sqlite', { url: 'a.db', baseDirectory: directory })
    const storage = await openStorage(options)
    const kvdb = await openKvdb(options)
    onTestFinished(async () => {
      await storage.close()
      await kvdb.close()
    })
    const sql = opened(3, directory)
    await sql.query('CREATE TABLE t (a)')
    await sql.query('INSERT INTO t VALUES (0)')
    let stop = false
    let transactions = 0
    const loop = async () => {
      while (!stop) {
        await sql.transaction(async (tx) => {
          await tx.query('UPDATE t SET a = a + 1')
          await new Promise((resolve) => setTimeout(resolve, 20))
        })
        transactions++
      }
    }
    const loops = [loop(), loop(), loop(), loop()]
    for (let n = 0; n < 50; n++) {
      await put(storage, 'Avatar', 'A', { n })
      expect(await get(storage, 'Avatar', 'A')).toEqual({ n })
      await kvdb.put('a', `${n}`)
      expect(await kvdb.get('a')).toBe(`${n}`)
    }
    stop = true
    await Promise.all(loops)
    // They had their turns, too.
    expect(transactions).toBeGreaterThan(50)
  }, 20_000)

  it('holds up no load, however long a transaction takes, with a save waiting for it', async () => {
    const directory = temporaryDirectory()
    const storage = await openStorage(storeOptions('sqlite', { url: 'a.db', baseDirectory: directory }))
    onTestFinished(() => storage.close())
    await put(storage, 'Avatar', 'A', { level: 1 })
    const sql = opened(3, directory)
    let state = 'waiting'
    await sql.transaction(async (tx) => {
      await tx.query('CREATE TABLE t (a)')
      void put(storage, 'Avatar', 'B', {}).then(() => (state = 'saved'))
      for (let n = 0; n < 3; n++) expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 1 })
      expect(state).toBe('waiting')
    })
    await expect.poll(() => state).toBe('saved')
  })

  it('reads beside a transaction what begins with WITH and only reads', async () => {
    const sql = opened()
    await sql.query('CREATE TABLE t (a)')
    const one = 'WITH RECURSIVE "insert"(i) AS (SELECT 1), two AS (SELECT 2) SELECT i FROM "insert"'
    await sql.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (1)')
      expect((await sql.query(one)).rows).toEqual([{ i: 1 }])
    })
    const insert = 'WITH n AS (SELECT 2 AS i) INSERT INTO t SELECT i FROM n RETURNING a'
    expect((await sql.query(insert)).rows).toEqual([{ a: 2 }])
  })

  it('gives nobody a connection that was changed', async () => {
    const directory = temporaryDirectory()
    const storage = await openStorage(storeOptions('sqlite', { url: 'a.db', baseDirectory: directory }))
    onTestFinished(() => storage.close())
    const sql = opened(3, directory)
    await sql.query('CREATE TABLE t (a)')
    await sql.transaction(async (tx) => {
      await tx.query('PRAGMA locking_mode = EXCLUSIVE')
      await tx.query('INSERT INTO t VALUES (1)')
    })
    await sql.query('PRAGMA recursive_triggers = 1')
    await put(storage, 'Avatar', 'A', {})
    expect((await sql.query('PRAGMA recursive_triggers')).rows).toEqual([{ recursive_triggers: 0 }])
    expect((await sql.query('SELECT a FROM t')).count).toBe(1)
  })

  it('goes on when a statement has rolled back the transaction itself', async () => {
    const sql = opened()
    await sql.query('CREATE TABLE t (a PRIMARY KEY)')
    const call = sql.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (1)')
      await tx.query('INSERT OR ROLLBACK INTO t VALUES (1)')
    })
    await expect(call).rejects.toThrow('UNIQUE constraint failed')
    await sql.query('INSERT INTO t VALUES (1)')
    expect((await sql.query('SELECT a FROM t')).rows).toEqual([{ a: 1 }])
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

describe('a statement without an end', () => {
  const limitMs = 500

  it('has no more connections than there may be, and leaves them free', async () => {
    const sql = new SqliteSql({ path: join(temporaryDirectory(), 'a.db'), pool: 2, limitMs })
    onTestFinished(() => sql.close())
    let most = 0
    const processes = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length
    const count = setInterval(() => (most = Math.max(most, processes())), 1)
    onTestFinished(() => clearInterval(count))
    const others = processes()
    for (let times = 0; times < 2; times++) {
      const calls = await Promise.allSettled(Array.from({ length: 3 }, () => sql.query(ENDLESS)))
      for (const call of calls) expect(call.status).toBe('rejected')
    }
    await sql.query('CREATE TABLE t (a)')
    expect(most - others).toBeGreaterThan(0)
    expect(most - others).toBeLessThanOrEqual(2)
  })

  const engine = (path: string) => JSON.stringify(pathToFileURL(join(ROOT, 'engine', path)).href)
  const script = (directory: string, limitMs: number, last: string) => {
    const path = join(directory, 'script.mjs')
    writeFileSync(
      path,
      `import { SqliteSql } from ${engine('sql/sqlite.ts')}
      import { openStorage } from ${engine('storage/backends.ts')}
      import { Row } from ${engine('storage/row.ts')}
      const log = { debug() {}, info() {}, warn: console.error, error: console.error, child: () => log }
      const storage = await openStorage({ type: 'sqlite', url: 'a.db', baseDirectory: ${JSON.stringify(directory)}, log })
      const sql = new SqliteSql({ path: ${JSON.stringify(join(directory, 'a.db'))}, pool: 2, limitMs: ${limitMs} })
      await sql.query('CREATE TABLE t (a)')
      await sql.query('INSERT INTO t VALUES (1)')
      const endless = sql.query(${JSON.stringify(`UPDATE t SET a = (${ENDLESS})`)})
      ${last}`,
    )
    return path
  }
  const count = (path: string) =>
    spawnSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' }).stdout.split(path).length - 1

  it.each([
    ['the game ends by itself', ''],
    ['the game is closed', 'await sql.close()\nawait storage.close()'],
  ])('is ended in time, a save works, and %s', (_how, last) => {
    const directory = temporaryDirectory()
    const path = script(
      directory,
      limitMs,
      `await endless.catch((error) => process.stdout.write(error.message.slice(-60, -50) + '.'))
      await storage.write('Avatar', 'A', Row.of({}, { schema: 1, epoch: 1, no: 1 }))
      process.stdout.write('saved')
      ${last}`,
    )
    const { status, stdout, stderr } = spawnSync(process.execPath, [path], { encoding: 'utf8', timeout: 20_000 })
    expect({ status, stderr, saved: stdout.split('.')[1] }).toEqual({ status: 0, stderr: '', saved: 'saved' })
  })

  it.each([
    ['exits', 'process.exit(7)', 7],
    ['is closed', 'endless.catch(() => {}); await sql.close(); process.exitCode = 7', 7],
    ['is killed', `process.kill(process.pid, 'SIGKILL')`, null],
  ])('does not outlive a game that %s in the middle of it', async (_how, last, code) => {
    const directory = temporaryDirectory()
    const begun = `const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
      const beside = new DatabaseSync(${JSON.stringify(join(directory, 'a.db'))}, { timeout: 0 })
      const isLocked = () => {
        try {
          beside.exec('BEGIN IMMEDIATE; ROLLBACK')
          return false
        } catch { return true }
      }
      while (!isLocked()) await new Promise((resolve) => setTimeout(resolve, 5))
      beside.close()
      process.stdout.write('begun')`
    const path = script(directory, 3_600_000, `${begun}\n${last}`)
    const { status, stdout } = spawnSync(process.execPath, [path], { encoding: 'utf8', timeout: 20_000 })
    expect([status, stdout]).toEqual([code, 'begun'])
    await expect.poll(() => count(join(directory, 'a.db')), { timeout: 10_000 }).toBe(0)
    const beside = new DatabaseSync(join(directory, 'a.db'))
    beside.exec('BEGIN IMMEDIATE; ROLLBACK')
    beside.close()
  })
})
