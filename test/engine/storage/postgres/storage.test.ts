// The PostgreSQL backend on a real server: by the suite of all, and what is its own: batches, outages, many at once.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { MemoryLog, silentLog } from '../../../../engine/base/log.ts'
import { openStorage } from '../../../../engine/storage/backends.ts'
import { NotStorable, StorageError } from '../../../../engine/storage/errors.ts'
import { fromPostgresText, PostgresClient, toPostgresText } from '../../../../engine/storage/postgres/client.ts'
import { Row } from '../../../../engine/storage/row.ts'
import type { EntityStorage } from '../../../../engine/storage/storage.ts'
import { freePort } from '../../../free-port.ts'
import { ROOT, run } from '../../../program.ts'
import { ask, GUARDED, startPostgres } from '../../../services/postgres.ts'
import { tempFolder } from '../../../temp-folder.ts'
import { describeStorage, get, put } from '../conformance.ts'
import { storeOptions } from '../options.ts'

const server = await startPostgres()
afterAll(() => server?.stop())

const PUT = {
  name: 'put',
  text: 'INSERT INTO things VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET n = excluded.n',
}
const READ = { name: 'read', text: 'SELECT n FROM things' }

const SOON = { timeout: 20_000 }
const open = (url: string, log = new MemoryLog()) => openStorage(storeOptions('postgres', { url, log }))

async function opened(url: string, log?: MemoryLog): Promise<EntityStorage> {
  const storage = await open(url, log)
  onTestFinished(() => storage.close())
  return storage
}

/** That the server had to break up. A connection says what it has met at the latest when it ends. */
async function deadlocksIn(url: string): Promise<unknown> {
  const others = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
  await expect.poll(() => ask(url, others), SOON).toEqual([])
  const [row] = await ask(url, `SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()`)
  return row!['deadlocks']
}

const rejection = (call: Promise<unknown>): Promise<Error> =>
  call.then(
    () => new Error('it resolved'),
    (error: Error) => error,
  )

describe.skipIf(!server)('postgres', () => {
  let shared = ''
  beforeAll(async () => {
    shared = await server!.freshDatabase()
  })

  describeStorage('postgres', async () => {
    const storage = await open(shared)
    await ask(shared, 'TRUNCATE entities')
    return storage
  })

  describe('a database', () => {
    it('has everything when it is opened again', async () => {
      const url = await server!.freshDatabase()
      const first = await open(url)
      await put(first, 'Avatar', 'A', { level: 1 })
      await first.close()
      expect(await get(await opened(url), 'Avatar', 'A')).toEqual({ level: 1 })
    })

    it('shows what is saved to any SQL tool, to the byte', async () => {
      const url = await server!.freshDatabase()
      const storage = await opened(url)
      await put(storage, 'Avatar', 'A', { bag: { gold: 7 } })
      await put(storage, 'Avatar', 'B', { text: '\0 \ud800 é', list: [1, -0, 0.1] })
      expect(await ask(url, `SELECT data -> 'bag' ->> 'gold' AS gold FROM entities WHERE id = 'A'`)).toEqual([
        { gold: '7' },
      ])
      expect(await ask(url, `SELECT data::text AS text FROM entities WHERE id = 'B'`)).toEqual([
        { text: String.raw`{"text":"\u0000 \ud800 é","list":[1,-0,0.1]}` },
      ])
    })

    it('gets its tables from many games that start at once', async () => {
      const url = await server!.freshDatabase()
      const storages = await Promise.all(Array.from({ length: 20 }, () => opened(url)))
      await Promise.all(storages.map((storage, n) => put(storage, 'Avatar', `A${n}`, { n })))
      expect(await storages[0]!.list('Avatar')).toHaveLength(20)
    })

    it('may be one in which only an administrator makes tables, once they are there', async () => {
      const url = await server!.freshDatabase()
      const guest = url.replace('goworld@', 'guest@')
      await ask(url, `DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
      expect(String(await rejection(open(guest)))).toMatch(/^StorageError: .*permission denied for schema public/)
      await opened(url)
      await ask(url, 'GRANT ALL ON entities TO guest')
      const storage = await opened(guest)
      await put(storage, 'Avatar', 'A', { level: 1 })
      expect(await get(storage, 'Avatar', 'A')).toEqual({ level: 1 })
    })

    it.each([
      ['(id INT)', 'it has no column type'],
      ['(type TEXT COLLATE "C", id TEXT COLLATE "C", data JSONB)', 'its column data is jsonb, and must be json'],
      ['(type TEXT COLLATE "C", id TEXT COLLATE "POSIX")', 'its column id must be COLLATE "C"'],
      ['(LIKE ours INCLUDING DEFAULTS)', 'its primary key must be (type, id)'],
      ['(LIKE ours INCLUDING DEFAULTS, PRIMARY KEY (id, type))', 'its primary key must be (type, id)'],
      ['(LIKE ours INCLUDING ALL, name TEXT NOT NULL)', 'its column name must be set'],
    ])('with a table of that name that is not ours, %s, is refused at once', async (table, why) => {
      const url = await server!.freshDatabase()
      await (await open(url)).close()
      await ask(url, `ALTER TABLE entities RENAME TO ours; CREATE TABLE entities ${table}`)
      const name = new URL(url).pathname.slice(1)
      const error = String(await rejection(open(url)))
      expect(error).toMatch(new RegExp(`^StorageError: postgres [0-9.:]+/${name}: table entities is not ours: `))
      expect(error.split('not ours: ')[1]).toBe(why)
    })

    it('may have columns that an administrator added', async () => {
      const url = await server!.freshDatabase()
      await (await open(url)).close()
      await ask(url, `ALTER TABLE entities ADD saved_at TIMESTAMPTZ NOT NULL DEFAULT now(), ADD note TEXT`)
      expect(await put(await opened(url), 'Avatar', 'A', {})).toBe(true)
    })

    it('must be in UTF-8', async () => {
      await ask(server!.url, `CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`)
      const error = await rejection(open(server!.url.replace(/postgres$/, 'latin')))
      expect(String(error)).toMatch(/^StorageError: .*\/latin: the encoding is LATIN1, and must be UTF8$/)
    })

    it('goes from type to type, and not over all entities', async () => {
      const url = await server!.freshDatabase()
      const storage = await open(url)
      await ask(url, `INSERT INTO entities SELECT 'T' || n % 3, n::text, '{}' FROM generate_series(1, 50000) AS n`)
      await ask(url, 'VACUUM ANALYZE entities')
      await ask(url, 'SELECT pg_stat_reset()')
      expect(await storage.types()).toEqual(['T0', 'T1', 'T2'])
      // A connection says what it has read at the latest when it ends.
      await storage.close()
      await expect
        .poll(() => ask(url, `SELECT idx_tup_read::int AS n FROM pg_stat_user_indexes WHERE idx_tup_read > 0`), SOON)
        .toEqual([{ n: expect.toSatisfy((n: number) => n < 100) }])
    })
  })

  describe('a batch', () => {
    it('goes on when one of its rows is refused', async () => {
      const storage = await opened(await server!.freshDatabase())
      const head = { schema: 1, epoch: 1, no: 1 }
      const good = (n: number) => storage.write('Avatar', `A${n}`, Row.of({ n }, head))
      const bad = (n: number) => storage.write('Avatar', `A${n}`, Row.stored('{"half":', head, 'A'))
      const calls = Array.from({ length: 300 }, (_, n) => (n % 50 === 7 ? bad(n) : good(n)))
      const settled = await Promise.allSettled(calls)
      for (const [n, result] of settled.entries()) {
        if (n % 50 !== 7) expect(result).toEqual({ status: 'fulfilled', value: true })
        else expect(result).toMatchObject({ status: 'rejected', reason: expect.any(NotStorable) })
      }
      expect(await storage.list('Avatar')).toHaveLength(294)
    })

    it('is done but for the row that somebody holds locked', async () => {
      const url = await server!.freshDatabase()
      const storage = await opened(url)
      await put(storage, 'Avatar', 'A5', {})
      const held = ask(url, `BEGIN; UPDATE entities SET schema = 9; SELECT pg_sleep(30); ROLLBACK`).catch(() => {})
      await expect
        .poll(() => ask(url, `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`), SOON)
        .toHaveLength(1)
      const settled = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) => put(storage, 'Avatar', `A${n}`, { n })),
      )
      const refused = settled.flatMap((result, n) => (result.status === 'rejected' ? [[n, result.reason]] : []))
      expect(refused).toEqual([[5, expect.any(StorageError)]])
      await ask(url, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)
      await held
      expect(await put(storage, 'Avatar', 'A5', { n: 5 })).toBe(true)
    })

    it('that meets those of other games on the same rows is done all the same', async () => {
      const url = await server!.freshDatabase()
      const storages = await Promise.all([open(url), open(url), open(url)])
      const ids = Array.from({ length: 40 }, (_, n) => `A${n}`)
      for (let round = 0; round < 5; round++) {
        // Each in an order of its own, so that they would wait for one another in a ring.
        const writes = storages.flatMap((storage, who) =>
          ids.map((_, n) => put(storage, 'Avatar', ids[(n * (7 + who * 4)) % 40]!, { round })),
        )
        await Promise.all(writes)
      }
      expect(await storages[0]!.list('Avatar')).toHaveLength(40)
      for (const storage of storages) await storage.close()
      expect(await deadlocksIn(url)).toBe(0)
    })
  })

  describe('a server', () => {
    it('that is killed and comes back has all that was acknowledged, and works again', async () => {
      const log = new MemoryLog()
      const storage = await opened(await server!.freshDatabase(), log)
      const acknowledged = new Map<string, number>()
      let rejected = 0
      let going = true
      const writer = async (id: string) => {
        for (let no = 1; going; no++) {
          try {
            await storage.write('Avatar', id, Row.of({ no }, { schema: 1, epoch: 1, no }))
            acknowledged.set(id, no)
          } catch (error) {
            expect(error).toBeInstanceOf(StorageError)
            rejected++
          }
          // Who is refused at once tries again in the next turn.
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const ids = Array.from({ length: 30 }, (_, n) => `A${n}`)
      const writers = ids.map(writer)
      for (let round = 0; round < 3; round++) {
        const before = new Map(acknowledged)
        await expect.poll(() => ids.every((id) => (acknowledged.get(id) ?? 0) > (before.get(id) ?? 0)), SOON).toBe(true)
        await server!.kill()
        await server!.restart()
      }
      const last = new Map(acknowledged)
      await expect.poll(() => ids.every((id) => acknowledged.get(id)! > last.get(id)!), SOON).toBe(true)
      going = false
      await Promise.all(writers)
      expect(rejected).toBeGreaterThan(0)
      for (const id of ids) expect((await storage.read('Avatar', id))!.no).toBeGreaterThanOrEqual(acknowledged.get(id)!)
      expect(log.matching('error', 'the database fails').length).toBeGreaterThan(0)
      expect(log.matching('info', 'the database works again').length).toBeGreaterThan(0)
    })

    it('that ends our connections is connected to again', async () => {
      const storage = await opened(await server!.freshDatabase())
      await put(storage, 'Avatar', 'A', { n: 1 })
      await server!.dropConnections()
      await expect.poll(() => put(storage, 'Avatar', 'A', { n: 2 }).catch(() => false), SOON).toBe(true)
      expect(await get(storage, 'Avatar', 'A')).toEqual({ n: 2 })
    })

    it('that hangs costs each call its limit and no more, and nothing when it goes on', async () => {
      const tables = { things: { columns: { name: 'text', n: 'bigint' }, key: ['name'] } } as const
      const client = await PostgresClient.open({
        url: await server!.freshDatabase(),
        lanes: 1,
        log: silentLog,
        tables,
        callLimitMs: 1000,
      })
      onTestFinished(() => client.close())
      const put = (n: number) => client.write('', [{ statement: PUT, values: ['A', n] }])
      const read = () => client.read('', READ)
      await put(1)
      server!.pause()
      const beganMs = performance.now()
      try {
        const first = rejection(put(2))
        // In the middle of the first, so that these wait behind it.
        await new Promise((resolve) => setImmediate(resolve))
        const errors = await Promise.all([first, rejection(put(3)), rejection(read())])
        for (const error of errors) expect(String(error)).toMatch(/^StorageError: postgres .*: no answer in time$/)
        expect(performance.now() - beganMs).toBeLessThan(3000)
      } finally {
        server!.resume()
      }
      // What was given up was never done.
      expect(await read()).toEqual([{ n: '1' }])
      await put(4)
      expect(await read()).toEqual([{ n: '4' }])
    })

    it('that asks for a password is told it, and no message has it', async () => {
      const url = await server!.freshDatabase()
      await (await open(url)).close()
      await ask(url, `GRANT ALL ON entities TO ${GUARDED.user}`)
      const as = (password: string) => url.replace('goworld@', `${GUARDED.user}:${password}@`)
      const storage = await opened(as(GUARDED.password))
      await put(storage, 'Avatar', 'A', {})
      const error = await rejection(open(as('wrong-horse')))
      const where = `127.0.0.1:${new URL(url).port}${new URL(url).pathname}`
      expect(String(error)).toBe(
        `StorageError: postgres ${where}: password authentication failed for user "${GUARDED.user}"`,
      )
      for (const bad of ['postgres://ann:wrong-horse@[', 'postgres://ann:wrong-horse@127.0.0.1:99999999/x']) {
        const text = String(await rejection(open(bad)))
        expect(text).toMatch(/^StorageError: postgres: the url cannot be read/)
        expect(text).not.toContain('horse')
      }
    })

    it('without the database is no store', async () => {
      const error = await rejection(open(server!.url.replace(/postgres$/, 'nowhere')))
      expect(String(error)).toMatch(
        /^StorageError: postgres 127\.0\.0\.1:\d+\/nowhere: database "nowhere" does not exist$/,
      )
    })
  })
})

describe.skipIf(!server)('the process', () => {
  const script = (url: string, last: string) => `
    import { openStorage } from ${JSON.stringify(pathToFileURL(join(ROOT, 'engine/storage/backends.ts')).href)}
    import { openKvdb } from ${JSON.stringify(pathToFileURL(join(ROOT, 'engine/kvdb/backends.ts')).href)}
    import { openSql } from ${JSON.stringify(pathToFileURL(join(ROOT, 'engine/sql/backends.ts')).href)}
    const log = { debug() {}, info() {}, warn: console.error, error: console.error, child: () => log }
    const options = { type: 'postgres', url: '${url}', collection: 'kv', pool: 2, timeLimitMs: 4000, log }
    const storage = await openStorage(options)
    const kvdb = await openKvdb(options)
    const sql = await openSql(options)
    await kvdb.put('a', '1')
    ${last}`

  it.each([
    ['goes on while something is asked', `void kvdb.get('a').then((value) => process.stdout.write(value))`, '1'],
    ['goes on while a query runs', `void sql.query('SELECT pg_sleep(0.2)').then(() => process.stdout.write('2'))`, '2'],
    ['ends when nothing is', '', ''],
    ['ends when all is closed', 'await storage.close(); await kvdb.close(); await sql.close()', ''],
  ])('%s', async (_what, last, out) => {
    const path = join(tempFolder(), 'script.mjs')
    writeFileSync(path, script(await server!.freshDatabase(), last))
    expect(await run(process.execPath, [path])).toMatchObject({ code: 0, out, err: '' })
  })
})

describe('a PostgreSQL', () => {
  it('that is not there is named, without the password', async () => {
    const port = await freePort()
    const error = await rejection(open(`postgres://ann:secret@127.0.0.1:${port}/world`))
    expect(String(error)).toBe(`StorageError: postgres 127.0.0.1:${port}/world: connect ECONNREFUSED 127.0.0.1:${port}`)
  })
})

describe('text for PostgreSQL', () => {
  const texts = [
    '',
    '\0',
    '\0\0',
    '\0\x01',
    '\x01',
    '\x01\0',
    '\x01\x01',
    '\x01\x02',
    '\x02',
    'a',
    'a\0',
    'a\x01',
    'aa',
    'é',
  ]

  it('comes back as it was, and has no NUL', () => {
    for (const text of texts) {
      expect(toPostgresText(text)).not.toContain('\0')
      expect(fromPostgresText(toPostgresText(text))).toBe(text)
    }
  })

  it('has the order of the text', () => {
    for (const a of texts) {
      for (const b of texts) {
        const [forA, forB] = [toPostgresText(a), toPostgresText(b)]
        expect(Buffer.compare(Buffer.from(forA), Buffer.from(forB))).toBe(
          Buffer.compare(Buffer.from(a), Buffer.from(b)),
        )
      }
    }
  })
})
