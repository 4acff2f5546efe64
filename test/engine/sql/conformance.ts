// What SQL for authors must do on every database. A database's test file calls describeSql.
import { describe, expect, it, onTestFinished } from 'vitest'
import { type SqlDatabase, SqlError } from '../../../engine/sql/sql.ts'

export interface SqlUnderTest {
  /** A database with nothing in it, whose transactions may take `limitMs`. */
  open(limitMs?: number): Promise<SqlDatabase>
  /** A query that takes much longer than `LIMIT_MS`. */
  readonly slow: string
  /** Types of columns. */
  readonly bytes: string
  readonly bigint: string
}

/** Short, where a test waits for it to be over. */
export const LIMIT_MS = 1000
const PLENTY_MS = 20_000

export function describeSql(name: string, { open, slow, bytes, bigint }: SqlUnderTest): void {
  async function opened(limitMs = PLENTY_MS): Promise<SqlDatabase> {
    const sql = await open(limitMs)
    onTestFinished(() => sql.close())
    await sql.query(`CREATE TABLE things (name VARCHAR(100) PRIMARY KEY, n ${bigint}, bytes ${bytes}, weight FLOAT)`)
    return sql
  }

  const names = async (sql: SqlDatabase) =>
    (await sql.query<{ name: string }>('SELECT name FROM things ORDER BY name')).rows.map((row) => row.name)
  const insert = (sql: Pick<SqlDatabase, 'query'>, thing: string, n = 0) =>
    sql.query('INSERT INTO things (name, n) VALUES ($1, $2)', [thing, n])
  const rejection = (call: Promise<unknown>): Promise<Error> =>
    call.then(
      () => new Error('it resolved'),
      (error: Error) => error,
    )

  describe(`${name}: a query`, () => {
    it('gives rows and their count, and what it wrote', async () => {
      const sql = await opened()
      expect(sql.kind).toBe(name)
      expect(await insert(sql, 'sword', 1)).toEqual({ rows: [], count: 1 })
      expect(await insert(sql, 'bow', 2)).toEqual({ rows: [], count: 1 })
      const all = await sql.query<{ name: string; n: number }>('SELECT name, n FROM things ORDER BY n')
      expect(all).toEqual({
        rows: [
          { name: 'sword', n: 1 },
          { name: 'bow', n: 2 },
        ],
        count: 2,
      })
      expect(await sql.query('UPDATE things SET n = n + 1 WHERE n > $1', [0])).toEqual({ rows: [], count: 2 })
      expect(await sql.query('CREATE TABLE more (a INT)')).toEqual({ rows: [], count: 0 })
      const deleted = await sql.query('DELETE FROM things WHERE name = $1 RETURNING n', ['bow'])
      expect(deleted).toEqual({ rows: [{ n: 3 }], count: 1 })
    })

    it('takes a parameter several times, and in any order', async () => {
      const sql = await opened()
      await sql.query('INSERT INTO things (name, n) VALUES ($2, $1), ($3, $1)', [5, 'a', 'b'])
      const { rows } = await sql.query(
        `SELECT name, n AS "$1" FROM things -- not $9\nWHERE name <> '$7' AND n = $1`,
        [5],
      )
      expect(rows).toEqual([
        { name: 'a', $1: 5 },
        { name: 'b', $1: 5 },
      ])
    })

    it('keeps values as they are', async () => {
      const sql = await opened()
      const whole = [0, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n]
      for (const n of whole) {
        await sql.query('INSERT INTO things (name, n) VALUES ($1, $2)', [`${n}`, n])
        const { rows } = await sql.query('SELECT n FROM things WHERE n = $1', [n])
        expect(rows).toEqual([{ n }])
      }
      // A bigint that a number can hold comes back as one.
      await sql.query('INSERT INTO things (name, n) VALUES ($1, $2)', ['five', 5n])
      const raw = Uint8Array.from({ length: 256 }, (_, n) => n)
      for (const value of [raw, new Uint8Array(0)]) {
        await sql.query('UPDATE things SET bytes = $1, weight = $2 WHERE name = $3', [value, 0.1, 'five'])
        const { rows } = await sql.query('SELECT n, bytes, weight FROM things WHERE name = $1', ['five'])
        expect(rows).toStrictEqual([{ n: 5, bytes: value, weight: 0.1 }])
      }
      await sql.query('UPDATE things SET bytes = $1, n = $2', [null, null])
      expect((await sql.query('SELECT n, bytes FROM things LIMIT 1')).rows).toEqual([{ n: null, bytes: null }])
      expect((await sql.query('SELECT name FROM things WHERE 1 = 1 AND weight > $1', [-1e300])).count).toBe(1)
      await sql.query('UPDATE things SET weight = $1', [1e300])
      expect((await sql.query('SELECT weight FROM things LIMIT 1')).rows).toEqual([{ weight: 1e300 }])
    })

    it('takes values as they are when it is asked', async () => {
      const sql = await opened()
      const [raw, parameters] = [new Uint8Array([1, 2]), ['a', new Uint8Array()] as [string, Uint8Array]]
      parameters[1] = raw
      const asked = sql.query('INSERT INTO things (name, bytes) VALUES ($1, $2)', parameters)
      raw[0] = 9
      parameters[0] = 'b'
      await asked
      const { rows } = await sql.query('SELECT name, bytes FROM things')
      expect(rows).toStrictEqual([{ name: 'a', bytes: new Uint8Array([1, 2]) }])
    })

    it('takes booleans', async () => {
      const sql = await opened()
      await sql.query('CREATE TABLE flags (name VARCHAR(9), up BOOLEAN)')
      await sql.query('INSERT INTO flags VALUES ($1, $2), ($3, $4)', ['a', true, 'b', false])
      const { rows } = await sql.query('SELECT name, up FROM flags WHERE up = $1', [true])
      expect(rows.map(({ name, up }) => [name, Boolean(up)])).toEqual([['a', true]])
    })

    it('never takes a parameter for a part of the statement', async () => {
      const sql = await opened()
      const hostile = [
        `'; DROP TABLE things; --`,
        `" OR 1=1 --`,
        `') ON CONFLICT DO NOTHING; DELETE FROM things; --`,
        '$1',
        '?',
        '\\',
        `\\'; DROP TABLE things; --`,
        'é😀',
        '%',
        '',
      ]
      for (const text of hostile) await insert(sql, text)
      for (const text of hostile) {
        expect((await sql.query('SELECT name FROM things WHERE name = $1', [text])).rows).toEqual([{ name: text }])
      }
      expect((await names(sql)).length).toBe(hostile.length)
    })

    it('is one statement', async () => {
      const sql = await opened()
      await insert(sql, 'a')
      const several = ['SELECT 1; DELETE FROM things', 'DELETE FROM things; SELECT 1', `SELECT ';'; DROP TABLE things`]
      for (const text of several) expect(await rejection(sql.query(text))).toBeInstanceOf(SqlError)
      expect(await names(sql)).toEqual(['a'])
      expect((await sql.query('SELECT name FROM things; -- one;')).count).toBe(1)
    })

    it('leaves transactions to `transaction`', async () => {
      const sql = await opened()
      for (const text of ['BEGIN', 'commit', ' ROLLBACK', '-- well\nbegin immediate', '/* ; */ START TRANSACTION']) {
        expect(String(await rejection(sql.query(text)))).toMatch(/^SqlError: \w+ is for sql.transaction to say/)
      }
    })

    it('finds the word that would end a transaction behind any comment', async () => {
      const sql = await opened()
      const ends = ['/* a /* b */ c */ COMMIT', '/* a /* b */ COMMIT', '-- a\rCOMMIT', "PREPARE /* */ TRANSACTION 'a'"]
      for (const text of ends) {
        const call = sql.transaction(async (tx) => {
          await insert(tx, 'a')
          await tx.query(text)
        })
        expect(String(await rejection(call))).toMatch(/COMMIT is for sql.transaction to say|would end the transaction/)
      }
      expect(await names(sql)).toEqual([])
      expect((await sql.query('/* COMMIT /* */ -- */\n SELECT 1 AS one').catch(() => ({ count: 1 }))).count).toBe(1)
    })

    it('is no COPY', async () => {
      const sql = await opened()
      for (const text of ['COPY things FROM STDIN', '/**/copy things TO STDOUT'])
        expect(String(await rejection(sql.query(text)))).toContain('COPY is no query: use INSERT and SELECT in: ')
      expect(await names(sql)).toEqual([])
    })

    it('that fails is named by its text, without its parameters', async () => {
      const sql = await opened()
      await insert(sql, 'secret sword')
      const twice = await rejection(insert(sql, 'secret sword'))
      expect(twice).toBeInstanceOf(SqlError)
      expect(twice.message).toContain('in: INSERT INTO things (name, n) VALUES ($1, $2)')
      expect((twice as SqlError).code).toMatch(/^(23505|1555)$/)
      const wrong = await rejection(sql.query('SELECT nothing FROM nowhere WHERE a = $1', ['secret sword']))
      expect(wrong.message).toContain('nowhere')
      for (const { message } of [twice, wrong]) expect(message).not.toContain('secret')
      expect((await rejection(sql.query(`SELECT ${'x'.repeat(10_000)}`))).message.length).toBeLessThan(11_000)
      // The connection is as good as before.
      expect(await names(sql)).toEqual(['secret sword'])
    })

    it('refuses parameters that are none', async () => {
      const sql = await opened()
      const bad = [undefined, new Date(0), {}, [1], Number.NaN, Infinity, 2 ** 53, 2n ** 63n, '\ud800', () => 1]
      for (const value of bad) {
        const error = await rejection(sql.query('SELECT name FROM things WHERE name = $1', [value as never]))
        expect(error).toBeInstanceOf(SqlError)
        expect(error.message).toMatch(/^parameter 1 (is|holds) .* in: SELECT/)
      }
      for (const parameters of [[], ['a', 'b']]) {
        expect(await rejection(sql.query('SELECT name FROM things WHERE name = $1', parameters))).toBeInstanceOf(
          SqlError,
        )
      }
      expect(await rejection(sql.query('SELECT name FROM things', 'abc' as never))).toBeInstanceOf(SqlError)
      expect(await rejection(sql.query(undefined as never))).toBeInstanceOf(SqlError)
    })

    it('of which there are many at once is answered', async () => {
      const sql = await opened()
      await Promise.all(Array.from({ length: 200 }, (_, n) => insert(sql, `thing ${n}`, n)))
      const found = await Promise.all(
        Array.from({ length: 200 }, (_, n) => sql.query('SELECT n FROM things WHERE name = $1', [`thing ${n}`])),
      )
      expect(found.map(({ rows }) => rows[0]!['n'])).toEqual(Array.from({ length: 200 }, (_, n) => n))
    })

    it('beyond those that may wait is refused', async () => {
      const sql = await opened()
      const settled = await Promise.allSettled(Array.from({ length: 1500 }, (_, n) => insert(sql, `thing ${n}`)))
      const refused = settled.filter((result) => result.status === 'rejected')
      expect(refused.length).toBeGreaterThan(400)
      expect(String(refused[0]!.reason)).toBe('SqlError: 1000 queries wait for the database already')
      expect((await names(sql)).length).toBe(1500 - refused.length)
    })

    it('that is slow holds up no tick, and is ended', async () => {
      const sql = await opened(LIMIT_MS)
      let ticks = 0
      const tick = setInterval(() => ticks++, 5)
      onTestFinished(() => clearInterval(tick))
      const error = await rejection(sql.query(slow))
      expect(String(error)).toMatch(/^SqlError: .*it took longer than 1000 ms in: /)
      // On a busy machine there are fewer; a game that is held up has none.
      expect(ticks).toBeGreaterThan(5)
      await insert(sql, 'a')
      expect(await names(sql)).toEqual(['a'])
    })
  })

  describe(`${name}: a transaction`, () => {
    it('is there as a whole when its function resolves', async () => {
      const sql = await opened()
      const value = await sql.transaction(async (tx) => {
        await insert(tx, 'a')
        await insert(tx, 'b')
        expect((await tx.query('SELECT name FROM things')).count).toBe(2)
        return 'done'
      })
      expect(value).toBe('done')
      expect(await names(sql)).toEqual(['a', 'b'])
    })

    it('was never there when its function throws', async () => {
      const sql = await opened()
      const failure = new Error('the author changed their mind')
      const call = sql.transaction(async (tx) => {
        await insert(tx, 'a')
        throw failure
      })
      expect(await rejection(call)).toBe(failure)
      expect(await names(sql)).toEqual([])
      const thrown = sql.transaction(() => {
        throw failure
      })
      expect(await rejection(thrown)).toBe(failure)
      await insert(sql, 'a')
    })

    it('was never there when one of its statements fails, also when that is caught', async () => {
      const sql = await opened()
      await insert(sql, 'a')
      const call = sql.transaction(async (tx) => {
        await insert(tx, 'b')
        await insert(tx, 'a').catch(() => {})
        expect(String(await rejection(insert(tx, 'c')))).toContain('an earlier statement of the transaction failed')
      })
      const error = await rejection(call)
      expect(String(error)).toMatch(/^SqlError: the transaction was rolled back: .*things/)
      expect((error as SqlError).code).toMatch(/^(23505|1555)$/)
      expect(await names(sql)).toEqual(['a'])
    })

    it('waits for the statements that nobody awaited', async () => {
      const sql = await opened()
      await sql.transaction(async (tx) => {
        for (const thing of ['a', 'b', 'c']) void insert(tx, thing)
      })
      expect(await names(sql)).toEqual(['a', 'b', 'c'])
      const call = sql.transaction(async (tx) => {
        void insert(tx, 'd').catch(() => {})
        void insert(tx, 'a').catch(() => {})
      })
      expect(String(await rejection(call))).toContain('the transaction was rolled back')
      expect(await names(sql)).toEqual(['a', 'b', 'c'])
    })

    it('takes no statements once it is over', async () => {
      const sql = await opened()
      let late: Pick<SqlDatabase, 'query'> | undefined
      await sql.transaction(async (tx) => {
        late = tx
      })
      expect(String(await rejection(insert(late!, 'a')))).toBe('SqlError: the transaction is over')
      expect(await names(sql)).toEqual([])
    })

    it('is not seen by others before it is committed', async () => {
      const sql = await opened()
      await insert(sql, 'a', 1)
      await sql.transaction(async (tx) => {
        await tx.query('UPDATE things SET n = 2')
        await insert(tx, 'b')
        expect((await sql.query('SELECT name, n FROM things')).rows).toEqual([{ name: 'a', n: 1 }])
      })
      expect((await sql.query('SELECT n FROM things ORDER BY name')).rows).toEqual([{ n: 2 }, { n: 0 }])
    })

    it('loses no count, among many at once', async () => {
      const sql = await opened()
      await insert(sql, 'count', 0)
      const add = () =>
        sql.transaction(async (tx) => {
          const add = 'UPDATE things SET n = n + 1 WHERE name = $1 RETURNING n'
          const { rows } = await tx.query<{ n: number }>(add, ['count'])
          await tx.query('INSERT INTO things (name, n) VALUES ($1, $2)', [`count ${rows[0]!.n}`, rows[0]!.n])
        })
      await Promise.all(Array.from({ length: 60 }, add))
      expect((await sql.query('SELECT n FROM things WHERE name = $1', ['count'])).rows).toEqual([{ n: 60 }])
      expect((await names(sql)).length).toBe(61)
    })

    it('of a parameter that is none is rolled back', async () => {
      const sql = await opened()
      const call = sql.transaction(async (tx) => {
        await insert(tx, 'a')
        await tx.query('SELECT $1', [undefined as never]).catch(() => {})
      })
      expect(String(await rejection(call))).toContain('the transaction was rolled back: parameter 1 is undefined')
      expect(await names(sql)).toEqual([])
    })

    it('that is forgotten is rolled back, and holds up nobody for longer', async () => {
      const sql = await opened(LIMIT_MS)
      let tx: Pick<SqlDatabase, 'query'> | undefined
      const forgotten = rejection(
        sql.transaction(async (its) => {
          tx = its
          await insert(its, 'a')
          await new Promise(() => {})
        }),
      )
      expect(String(await forgotten)).toMatch(/^SqlError: the transaction was rolled back: it took longer than 1000 ms/)
      await expect
        .poll(
          () =>
            insert(sql, 'a').then(
              () => true,
              () => false,
            ),
          { timeout: 20_000 },
        )
        .toBe(true)
      expect(String(await rejection(insert(tx!, 'b')))).toContain('rolled back')
      expect(await names(sql)).toEqual(['a'])
    })

    it('whose statement is slow is rolled back', async () => {
      const sql = await opened(LIMIT_MS)
      const call = sql.transaction(async (tx) => {
        await insert(tx, 'a')
        await tx.query(slow)
      })
      expect(String(await rejection(call))).toMatch(/^SqlError: .*it took longer than 1000 ms/)
      await expect.poll(() => names(sql).catch(() => undefined), { timeout: 20_000 }).toEqual([])
    })
  })

  describe(`${name}: closing`, () => {
    it('rolls back what is not committed, and refuses what comes after', async () => {
      const sql = await opened()
      const begun = Promise.withResolvers<void>()
      const call = rejection(
        sql.transaction(async (tx) => {
          await insert(tx, 'a')
          begun.resolve()
          await new Promise((resolve) => setImmediate(resolve))
          for (;;) await tx.query('SELECT 1')
        }),
      )
      await begun.promise
      await sql.close()
      expect(await call).toBeInstanceOf(SqlError)
      expect(String(await rejection(sql.query('SELECT 1')))).toBe('SqlError: the database is closed')
      expect(String(await rejection(sql.transaction(async () => {})))).toBe('SqlError: the database is closed')
      await sql.close()
    })
  })
}
