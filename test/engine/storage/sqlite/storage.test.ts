// The SQLite backend: by the suite of all, and what is its own: the file, the worker, and who shares them.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { MemoryLog, silentLog } from '../../../../engine/base/log.ts'
import { openKvdb } from '../../../../engine/kvdb/backends.ts'
import { openStorage } from '../../../../engine/storage/backends.ts'
import { StorageError } from '../../../../engine/storage/errors.ts'
import { SqliteClient, shareSqliteClient } from '../../../../engine/storage/sqlite/client.ts'
import { SqliteStorage } from '../../../../engine/storage/sqlite/storage.ts'
import { WriteTurns } from '../../../../engine/storage/sqlite/write-turns.ts'
import { describeStorage, get, put } from '../conformance.ts'
import { storeOptions } from '../options.ts'
import { temporaryDirectory } from '../temporary.ts'

const open = (directory: string) => openStorage(storeOptions('sqlite', { url: 'a.db', baseDirectory: directory }))

describeStorage('sqlite', () => open(temporaryDirectory()))

const TABLE = { sql: 'CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT NOT NULL)', parameters: [] }
const insert = (k: string, v: string | null = k) => ({ sql: 'INSERT INTO t VALUES (?, ?)', parameters: [k, v] })
const SELECT = 'SELECT k FROM t ORDER BY k'

/** A client of its own, with a table `t`. */
async function openClient(log = new MemoryLog(), path = join(temporaryDirectory(), 'a.db')) {
  const client = new SqliteClient(path, log)
  onTestFinished(() => client.close())
  await client.write(TABLE)
  return client
}

/** Opens the file beside the client, as another process would. */
function openBeside(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  onTestFinished(() => {
    if (database.isOpen) database.close()
  })
  return database
}

const messageOfRejected = (call: Promise<unknown>) =>
  call.then(
    () => 'it resolved',
    (error: Error) => `${error.name}: ${error.message}`,
  )

describe('a SQLite file', () => {
  it('is opened by a look when it is as it should be: no thread is started, whoever writes meanwhile', async () => {
    const directory = temporaryDirectory()
    const options = { baseDirectory: directory, url: 'a.db' }
    for (const store of [await open(directory), await openKvdb(storeOptions('sqlite', options))]) await store.close()
    const beside = openBeside(join(directory, 'a.db'))
    beside.exec('BEGIN IMMEDIATE')
    const posted = vi.spyOn(Worker.prototype, 'postMessage')
    onTestFinished(() => posted.mockRestore())
    for (const store of [await open(directory), await openKvdb(storeOptions('sqlite', options))]) await store.close()
    expect(posted).not.toHaveBeenCalled()
  })

  it('has everything when it is opened again', async () => {
    const directory = temporaryDirectory()
    const first = await open(directory)
    await put(first, 'Avatar', 'A', { level: 1, bytes: new Uint8Array([1]) })
    await first.close()
    expect(readdirSync(directory)).toEqual(['a.db'])
    const second = await open(directory)
    expect(await get(second, 'Avatar', 'A')).toStrictEqual({ level: 1, bytes: new Uint8Array([1]) })
    await second.close()
  })

  it('can be read by any SQLite tool, while the game runs', async () => {
    const directory = temporaryDirectory()
    const storage = await open(directory)
    onTestFinished(() => storage.close())
    await put(storage, 'Avatar', 'A', { bag: { gold: 7 } })
    const beside = openBeside(join(directory, 'a.db'))
    expect(beside.prepare(`SELECT type, id, data ->> '$.bag.gold' AS gold FROM entities`).all()).toEqual([
      { type: 'Avatar', id: 'A', gold: 7 },
    ])
    expect(beside.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
  })

  it('is made, but not its folder: a path that was mistyped is no new world', async () => {
    const directory = temporaryDirectory()
    await (await open(directory)).close()
    expect(existsSync(join(directory, 'a.db'))).toBe(true)
    expect(await messageOfRejected(open(join(directory, 'new')))).toMatch(/unable to open database file$/)
    expect(existsSync(join(directory, 'new'))).toBe(false)
  })

  it('that is none is named, and hurts nothing else', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'a.db'), 'this is no database, but a text that is long enough'.repeat(100))
    expect(await messageOfRejected(open(directory))).toBe(
      `StorageError: ${join(directory, 'a.db')}: file is not a database`,
    )
    expect(await messageOfRejected(open(join(directory, 'a.db')))).toMatch(/^StorageError: .*a\.db/)
  })

  it('tells which entity somebody broke in it', async () => {
    const directory = temporaryDirectory()
    const storage = await open(directory)
    onTestFinished(() => storage.close())
    openBeside(join(directory, 'a.db')).exec(`INSERT INTO entities VALUES ('Avatar', 'A', '{"level":', 1, 1, 1)`)
    expect(await messageOfRejected(get(storage, 'Avatar', 'A'))).toContain('Avatar A cannot be read')
  })

  it('is opened by many at once while it is new', async () => {
    const path = join(temporaryDirectory(), 'a.db')
    const storages = await Promise.all(
      Array.from({ length: 4 }, () => SqliteStorage.open(new SqliteClient(path, silentLog))),
    )
    await Promise.all(storages.map((storage, n) => put(storage, 'Avatar', `A${n}`, { n })))
    expect(await storages[0]!.list('Avatar')).toEqual(['A0', 'A1', 'A2', 'A3'])
    await Promise.all(storages.map((storage) => storage.close()))
  })
})

describe('a batch', () => {
  it('has the requests of one turn, in one transaction', async () => {
    const client = await openClient()
    const beside = openBeside(client.path)
    // A read inside the batch sees the writes before it; another connection sees none or all.
    const all = Promise.all([client.write(insert('a')), client.read(SELECT), client.write(insert('b'))])
    const [, seen] = await all
    expect(seen).toEqual([{ k: 'a' }])
    expect(beside.prepare(SELECT).all()).toHaveLength(2)
  })

  it('goes on when one of its requests fails', async () => {
    const client = await openClient()
    const calls = [
      client.write(insert('a')),
      client.write(insert('a')),
      client.write(insert('b'), insert('c'), insert('c')),
      client.write(insert('d', null)),
      client.read('SELECT nothing FROM nowhere'),
      client.write({ sql: 'this is no SQL', parameters: [] }),
      client.write({ sql: 'INSERT INTO t VALUES (?, ?)', parameters: ['e', {} as unknown as string] }),
      client.write({ sql: 'INSERT INTO t VALUES (?, ?)', parameters: ['f', 'f', 'too many'] }),
      client.write(insert('g'), insert('h')),
    ]
    const settled = await Promise.allSettled(calls)
    expect(settled.map(({ status }) => (status === 'fulfilled' ? 'F' : 'R')).join('')).toBe('FRRRRRRRF')
    for (const result of settled) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(StorageError)
    expect(await client.read(SELECT)).toEqual([{ k: 'a' }, { k: 'g' }, { k: 'h' }])
  })

  it('that cannot be sent rejects, and the next one is sent', async () => {
    const client = await openClient()
    const unsendable = client.write(insert('a', (() => {}) as unknown as string))
    expect(await messageOfRejected(unsendable)).toMatch(/^StorageError: .*could not be cloned/)
    await client.write(insert('b'))
    expect(await client.read(SELECT)).toEqual([{ k: 'b' }])
  })

  it('that cannot be committed rejects each of its requests, and the next one succeeds', async () => {
    const client = await openClient()
    await client.write({
      sql: 'CREATE TABLE child (k TEXT REFERENCES t (k) DEFERRABLE INITIALLY DEFERRED)',
      parameters: [],
    })
    const calls = [
      client.write(insert('a')),
      // Foreign keys that are checked at the end: the statement succeeds, and COMMIT fails.
      client.write({ sql: 'INSERT INTO child VALUES (?)', parameters: ['none'] }),
      client.read(SELECT),
    ]
    for (const call of calls) expect(await messageOfRejected(call)).toContain('FOREIGN KEY constraint failed')
    await client.write(insert('b'))
    expect(await client.read(SELECT)).toEqual([{ k: 'b' }])
  })

  it('rejects by name when the disk is full, and succeeds when it is not', async () => {
    const client = await openClient()
    await client.write({ sql: 'PRAGMA max_page_count = 10', parameters: [] })
    const calls = [client.write(insert('a')), client.write(insert('b', 'x'.repeat(1_000_000)))]
    expect(await messageOfRejected(calls[1]!)).toMatch(/^StorageError: .*database or disk is full/)
    await Promise.allSettled(calls)
    const limit = 'PRAGMA max_page_count = 1000000'
    await client.write({ sql: limit, parameters: [] })
    await client.write(insert('c'))
    expect(await client.read(`SELECT k FROM t WHERE k = 'c'`)).toEqual([{ k: 'c' }])
  })

  it('waits for another process that is writing', async () => {
    const client = await openClient()
    const beside = openBeside(client.path)
    beside.exec(`BEGIN IMMEDIATE; INSERT INTO t VALUES ('beside', '')`)
    let state = 'waiting'
    const write = client.write(insert('a')).then(
      () => (state = 'written'),
      (error) => (state = String(error)),
    )
    // Who only reads is not held up; these round trips also give the write the time to fail, if it would not wait.
    const reader = new SqliteClient(client.path, silentLog)
    for (let times = 0; times < 100; times++) expect(await reader.read(SELECT)).toEqual([])
    await reader.close()
    expect(state).toBe('waiting')
    beside.exec('COMMIT')
    await write
    expect(state).toBe('written')
    expect(await client.read(SELECT)).toEqual([{ k: 'a' }, { k: 'beside' }])
  })

  it('rejects by name when the file stays locked', async () => {
    const client = await openClient()
    const beside = openBeside(client.path)
    beside.exec('BEGIN IMMEDIATE')
    const calls = [client.write(insert('a')), client.write(insert('b'))]
    for (const call of calls) expect(await messageOfRejected(call)).toMatch(/^StorageError: .*database is locked/)
    beside.exec('ROLLBACK')
    await client.write(insert('c'))
    expect(await client.read(SELECT)).toEqual([{ k: 'c' }])
  })
})

describe('a read', () => {
  const GET = 'SELECT v FROM t WHERE k = ?'

  it('of another row waits for no write, and no lock', async () => {
    const client = await openClient()
    await client.write(insert('a'))
    const beside = openBeside(client.path)
    beside.exec('BEGIN IMMEDIATE')
    let state = 'waiting'
    const write = client.write(insert('b')).then(() => (state = 'written'))
    // In the turn of the write, and while it is under way.
    for (let times = 0; times < 3; times++) expect(await client.read(GET, 'a')).toEqual([{ v: 'a' }])
    expect(state).toBe('waiting')
    beside.exec('ROLLBACK')
    await write
  })

  it('behind a write of its row sees it, in the same turn and later', async () => {
    const client = await openClient()
    const beside = openBeside(client.path)
    beside.exec('BEGIN IMMEDIATE')
    const write = client.write(insert('b'))
    const reads = [client.read(GET, 'b')]
    expect(await client.read(GET, 'a')).toEqual([])
    // The write is under way by now.
    reads.push(client.read(GET, 'b'), client.read(SELECT))
    beside.exec('ROLLBACK')
    expect(await Promise.all(reads)).toEqual([[{ v: 'b' }], [{ v: 'b' }], [{ k: 'b' }]])
    await write
  })

  it('sees what was written before it, and nothing that was written after it', async () => {
    const client = await openClient()
    const keys = ['a', 'b', 'c']
    await client.write(...keys.map((key) => insert(key, '0')))
    const set = 'UPDATE t SET v = ? WHERE k = ?'
    const now = new Map(keys.map((key) => [key, '0']))
    const faults: string[] = []
    const calls: Promise<unknown>[] = []
    const expectRead = (sql: string, parameters: string[], wanted: unknown) => {
      const text = JSON.stringify(wanted)
      const check = (rows: unknown) => {
        if (JSON.stringify(rows) !== text) faults.push(`${sql}: ${JSON.stringify(rows)}, and not ${text}`)
      }
      calls.push(client.read(sql, ...parameters).then(check))
    }
    for (let n = 1; n <= 3000; n++) {
      const key = keys[(n * 7) % 3]!
      if ((n * n) % 5 < 2) {
        now.set(key, `v${n}`)
        calls.push(client.write({ sql: set, parameters: [`v${n}`, key] }))
      } else if (n % 11 === 0) {
        const all = 'SELECT v FROM t WHERE k >= ? ORDER BY k'
        expectRead(
          all,
          ['a'],
          keys.map((one) => ({ v: now.get(one) })),
        )
      } else expectRead(GET, [key], [{ v: now.get(key) }])
      if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
      if (n % 50 === 0) await calls.at(-1)
    }
    await Promise.all(calls)
    expect(faults).toEqual([])
  })
})

describe('a writer', () => {
  it('finds the moments between the transactions of a process that is busy', async () => {
    const client = await openClient()
    const script = `
      const database = new (require('node:sqlite').DatabaseSync)(process.argv[1], { timeout: 10000 })
      const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
      for (;;) {
        database.exec('BEGIN IMMEDIATE')
        sleep(100)
        database.exec('COMMIT')
        sleep(3)
        process.stdout.write('.')
      }`
    const busy = spawn(process.execPath, ['-e', script, client.path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(busy, 'exit')
    onTestFinished(async () => {
      busy.kill('SIGKILL')
      await ended
    })
    await once(busy.stdout, 'data')
    // Who looks every 100 ms, as SQLite does, misses most of them, and some write fails.
    for (let n = 0; n < 20; n++) await client.write(insert(`${n}`))
  }, 20_000)
})

describe('turns at a file', () => {
  it('are given in the order in which they were asked for, by whatever name', async () => {
    const directory = temporaryDirectory()
    const [one, other] = [WriteTurns.of(join(directory, 'a.db')), WriteTurns.of(join(directory, 'b/../a.db'))]
    const order: string[] = []
    const first = (await one.take(1000))!
    const taken = async (name: string, turns: WriteTurns) => {
      const turn = await turns.take(1000)
      order.push(name)
      return turn!
    }
    const [second, third] = [taken('second', other), taken('third', one)]
    expect(await other.take(1)).toBe(undefined)
    expect(order).toEqual([])
    first.end()
    first.end()
    ;(await second).end()
    ;(await third).end()
    expect(order).toEqual(['second', 'third'])
    ;(await other.take(1000))!.end()
  })
})

describe('the worker', () => {
  it('that dies rejects what it was doing, and the next request has a new one', async () => {
    const log = new MemoryLog()
    const client = await openClient(log)
    const beside = openBeside(client.path)
    // Locked, so that the worker is in the middle of the request when it dies.
    beside.exec('BEGIN IMMEDIATE')
    const sends = vi.spyOn(Worker.prototype, 'postMessage')
    onTestFinished(() => sends.mockRestore())
    const calls = [client.write(insert('a')), client.read(SELECT)]
    const rejected = calls.map(messageOfRejected)
    await expect.poll(() => sends.mock.calls.length).toBe(1)
    const crash = client.crash()
    beside.exec('ROLLBACK')
    for (const message of await Promise.all(rejected)) {
      expect(message).toMatch(/^StorageError: .*the database worker stopped/)
    }
    await crash
    await client.write(insert('b'))
    expect(await client.read(SELECT)).toEqual([{ k: 'b' }])
    expect(log.matching('error', 'the database worker stopped')).toHaveLength(1)
  })

  it('that dies again and again loses nothing that was acknowledged', async () => {
    const client = await openClient()
    const acknowledged: string[] = []
    let rejected = 0
    for (let round = 0; round < 5; round++) {
      const writes = Array.from({ length: 20 }, (_, n) => {
        const key = `${round}-${String(n).padStart(2, '0')}`
        return client.write(insert(key)).then(
          () => acknowledged.push(key),
          () => rejected++,
        )
      })
      if (round % 2 === 0) await writes[0]
      await client.crash()
      await Promise.all(writes)
    }
    await client.write(insert('last'))
    const stored = (await client.read(SELECT)).map(({ k }) => k)
    expect(stored).toEqual(expect.arrayContaining(acknowledged))
    expect(acknowledged.length + rejected).toBe(100)
  })

  it('is one for the entities and the keys of one file, until both are closed', async () => {
    const directory = temporaryDirectory()
    const client = shareSqliteClient(join(directory, 'a.db'), silentLog)
    const sends = vi.spyOn(client, 'write')
    const storage = await open(directory)
    const kvdb = await openKvdb(storeOptions('sqlite', { url: 'a.db', baseDirectory: directory }))
    await client.close()
    await put(storage, 'Avatar', 'A', {})
    await kvdb.put('a', '1')
    expect(sends).toHaveBeenCalledTimes(4)
    await storage.close()
    await storage.close()
    expect(await kvdb.get('a')).toBe('1')
    await kvdb.close()
    const again = shareSqliteClient(join(directory, 'a.db'), silentLog)
    expect(again).not.toBe(client)
    await again.close()
  })

  const script = (last: string) => `
    import { openStorage } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../../engine/storage/backends.ts')).href)}
    const log = { debug() {}, info() {}, warn: console.error, error: console.error, child: () => log }
    const storage = await openStorage({ type: 'sqlite', url: 'a.db', baseDirectory: process.argv[2], log })
    const { Row } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../../engine/storage/row.ts')).href)})
    const row = Row.of({ level: 1 }, { schema: 1, epoch: 1, no: 1 })
    await storage.write('Avatar', 'A', row)
    process.stdout.write((await storage.read('Avatar', 'A')).text + '\\n')
    ${last}`

  it.each([
    ['closed', 'await storage.close()'],
    ['idle', ''],
  ])('does not keep the process when %s, and prints nothing', (_state, last) => {
    const directory = temporaryDirectory()
    const path = join(directory, 'script.mjs')
    writeFileSync(path, script(last))
    const { status, stdout, stderr } = spawnSync(process.execPath, [path, directory], {
      encoding: 'utf8',
      timeout: 50_000,
      env: { PATH: process.env['PATH'] },
    })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '{"level":1}\n', stderr: '' })
  })

  it('holds the process until what was asked is done', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'script.mjs')
    writeFileSync(path, script(`void storage.write('Avatar', 'B', row).then(() => process.stdout.write('written'))`))
    const { stdout } = spawnSync(process.execPath, [path, directory], { encoding: 'utf8', timeout: 50_000 })
    expect(stdout).toBe('{"level":1}\nwritten')
  })
})

describe('a client', () => {
  it('refuses by name when it is closed', async () => {
    const client = new SqliteClient(join(temporaryDirectory(), 'a.db'), silentLog)
    await client.close()
    await client.close()
    expect(await messageOfRejected(client.read('SELECT 1'))).toMatch(/^StorageError: .*is closed/)
  })

  it('refuses by name when too much waits for the disk', async () => {
    const client = await openClient()
    const value = 'x'.repeat(16 * 1024 * 1024)
    const reads = Array.from({ length: 20 }, () => client.read('SELECT length(?) AS n', value))
    const settled = await Promise.allSettled(reads)
    const refused = settled.filter((result) => result.status === 'rejected')
    expect(refused.length).toBe(4)
    expect(String(refused[0]!.reason)).toContain('too many requests wait for the disk')
    expect(await client.read('SELECT length(?) AS n', value)).toEqual([{ n: value.length }])
  })
})
