// The SQLite backend: by the suite of all, with a worker for each connection, and with processes of their own.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../engine/base/log.ts'
import { openKvdb } from '../../../engine/kvdb/backends.ts'
import { SqliteKvdb } from '../../../engine/kvdb/sqlite.ts'
import { SqliteClient } from '../../../engine/storage/sqlite/client.ts'
import { storeOptions } from '../storage/options.ts'
import { temporaryDirectory } from '../storage/temporary.ts'
import { describeKvdb } from './conformance.ts'

describeKvdb('sqlite', (count) => {
  const path = join(temporaryDirectory(), 'a.db')
  // Not shared: each store has a client, a worker and a connection of its own, as in another process.
  return Promise.all(Array.from({ length: count }, () => SqliteKvdb.open(new SqliteClient(path, silentLog), 'kv')))
})

const open = (directory: string, collection: string) =>
  openKvdb(storeOptions('sqlite', { url: 'a.db', baseDirectory: directory, collection }))

describe('a SQLite file', () => {
  it('has everything when it is opened again', async () => {
    const directory = temporaryDirectory()
    const first = await open(directory, 'kv')
    await first.put('a', '1')
    await first.close()
    const second = await open(directory, 'kv')
    expect(await second.get('a')).toBe('1')
    await second.close()
  })

  it('has collections that do not see each other, whatever their names', async () => {
    const directory = temporaryDirectory()
    const names = ['__kv__', '__KV__', 'entities', 'sqlite_master', '"; DROP TABLE kv; --', '']
    const stores = await Promise.all(names.map((name) => open(directory, name)))
    await Promise.all(stores.map((store, n) => store.put('a', names[n]!)))
    for (const [n, store] of stores.entries()) {
      expect(await store.getRange('', 'z')).toEqual([{ key: 'a', value: names[n] }])
      await store.close()
    }
  })

  it('gives a key to one of several processes', async () => {
    const directory = temporaryDirectory()
    const script = join(directory, 'script.mjs')
    const backends = pathToFileURL(join(import.meta.dirname, '../../../engine/kvdb/backends.ts')).href
    writeFileSync(
      script,
      `import { openKvdb } from ${JSON.stringify(backends)}
      const log = { debug() {}, info() {}, warn: console.error, error: console.error, child: () => log }
      const [directory, me] = process.argv.slice(2)
      const store = await openKvdb({ type: 'sqlite', url: 'a.db', baseDirectory: directory, collection: 'kv', log })
      const won = []
      for (let n = 0; n < 100; n++) {
        if (await store.getOrPut('name ' + n, me) === undefined) won.push(n)
        for (;;) {
          const now = await store.get('count')
          if (await store.compareAndSet('count', now, String(Number(now ?? 0) + 1))) break
        }
      }
      await store.close()
      process.stdout.write(JSON.stringify(won))`,
    )
    const run = async (me: string) => {
      const { stdout } = await promisify(execFile)(process.execPath, [script, directory, me])
      return JSON.parse(stdout) as number[]
    }
    const won = await Promise.all([run('one'), run('two')])
    expect(won.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n))
    const store = await open(directory, 'kv')
    expect(await store.get('count')).toBe('200')
    await store.close()
  })
})
