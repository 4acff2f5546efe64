// Tests that a store moves to every kind of server and back, unchanged, by `goworld db` alone.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openStorage } from '../../../engine/storage/backends.ts'
import { Row } from '../../../engine/storage/row.ts'
import type { Document } from '../../../engine/storage/storage.ts'
import { HOSTILE_NAMES } from '../../engine/storage/conformance.ts'
import { storeOptions } from '../../engine/storage/options.ts'
import { ROOT, run } from '../../program.ts'
import { startMongodb } from '../../services/mongodb.ts'
import { startPostgres } from '../../services/postgres.ts'
import { startRedis, startRedisCluster } from '../../services/redis.ts'
import { tempFolder } from '../../temp-folder.ts'

const LAUNCHER = join(ROOT, 'components/cli/goworld')

interface Running {
  /** What [storage] says to get there. */
  readonly ini: string
  stop(): Promise<void>
}

const SERVERS: Readonly<Record<string, () => Promise<Running | undefined>>> = {
  async redis() {
    const redis = await startRedis()
    return redis && { ini: `url=${redis.url}`, stop: () => redis.stop() }
  },
  async redis_cluster() {
    const cluster = await startRedisCluster()
    const lines = cluster?.startNodes.map((node, at) => `start_nodes_${at + 1}=${node}`)
    return cluster && { ini: lines!.join('\n'), stop: () => cluster.stop() }
  },
  async postgres() {
    const postgres = await startPostgres()
    return postgres && { ini: `url=${await postgres.freshDatabase()}`, stop: () => postgres.stop() }
  },
  async mongodb() {
    const mongodb = await startMongodb()
    return mongodb && { ini: `url=${mongodb.url}\ndb=${mongodb.freshDatabase()}`, stop: () => mongodb.stop() }
  },
}

/** What would show any difference. */
const DOCUMENTS: readonly Document[] = [
  {},
  { name: 'Ann', level: 3, hp: 0.1, dead: false, pet: null, bag: [1, [2], { gold: 3 }] },
  { $a: -0, b: 2n ** 80n, c: new Uint8Array([0, 255]), d: '\u2028\0\ud800\r\n"\\', '': [[], {}], 'a.b': 1e21 / 1e20 },
  JSON.parse('{"__proto__":1,"10":3,"2":4,"b":1,"a":2,"constructor":{"$x":null,"$bytes":"AA"}}') as Document,
  { text: '怪'.repeat(300_000), bytes: new Uint8Array(100_000).fill(7) },
  { small: 5e-324, large: 2 ** 51 + 0.5, exact: Number.MAX_SAFE_INTEGER, whole: 1, half: 1.5 },
]

async function seed(folder: string): Promise<number> {
  const storage = await openStorage(storeOptions('sqlite', { url: 'a.db', baseDirectory: folder }))
  let rows = 0
  for (const [at, document] of DOCUMENTS.entries()) {
    const head = { schema: at, epoch: 2 ** 32 - 1 - at, no: Number.MAX_SAFE_INTEGER - at }
    for (const id of [`plain${at}`, `-DashedId012345${at}`]) {
      await storage.write('Avatar', id, Row.of(document, head))
      rows++
    }
  }
  for (const name of HOSTILE_NAMES) {
    await storage.write(name, 'A', Row.of({ name }, { schema: 0, epoch: 0, no: 0 }))
    await storage.write('Hostile', name, Row.of({ name }, { schema: 0, epoch: 0, no: 0 }))
    rows += 2
  }
  const many = Array.from({ length: 1500 }, (_, n) =>
    storage.write('Monster', `m${n}`, Row.of({ n }, { schema: 1, epoch: 1, no: n })),
  )
  await Promise.all(many)
  await storage.close()
  return rows + many.length
}

// Each server has a listener or two for the end of this process.
process.setMaxListeners(50)
const started = await Promise.all(
  Object.entries(SERVERS).map(async ([type, start]) => ({ type, server: await start() })),
)
afterAll(() => Promise.all(started.map(({ server }) => server?.stop())))

describe.each(started)('$type', ({ type, server }) => {
  test.skipIf(!server)('gives back what it was given, byte for byte', async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'a.ini'), '[storage]\ntype=sqlite\nurl=a.db\n')
    writeFileSync(join(folder, 'there.ini'), `[storage]\ntype=${type}\n${server!.ini}\n`)
    writeFileSync(join(folder, 'b.ini'), '[storage]\ntype=sqlite\nurl=b.db\n')
    const rows = await seed(folder)
    for (const [from, file, to] of [
      ['a', '1.jsonl', 'there'],
      ['there', '2.jsonl', 'b'],
      ['b', '3.jsonl', undefined],
    ]) {
      const exported = await run(LAUNCHER, ['db', 'export', file!, '-configfile', `${from}.ini`], { cwd: folder })
      expect(exported.err).toMatch(new RegExp(`^exported ${rows.toLocaleString('en-US')} rows in [^;]*\n$`))
      if (to === undefined) continue
      const imported = await run(LAUNCHER, ['db', 'import', file!, '-configfile', `${to}.ini`], { cwd: folder })
      expect(imported.err).toMatch(new RegExp(`^imported ${rows.toLocaleString('en-US')} rows in [^;]*\n$`))
    }
    const [first, second, third] = ['1', '2', '3'].map((name) => readFileSync(join(folder, `${name}.jsonl`), 'utf8'))
    const lines = second!.split('\n')
    // One line, and not a megabyte, where they differ.
    expect(
      first!
        .split('\n')
        .find((line, at) => line !== lines[at])
        ?.slice(0, 500),
    ).toBeUndefined()
    expect(second === first).toBe(true)
    expect(third === first).toBe(true)
  })
})

test('a server that is not there is named in one line', async () => {
  const folder = tempFolder()
  const nowhere = '127.0.0.1:1'
  const programs = Object.entries({
    redis: `url=redis://${nowhere}`,
    redis_cluster: `start_nodes_1=${nowhere}`,
    postgres: `url=postgres://${nowhere}/goworld`,
    mongodb: `url=mongodb://${nowhere}/`,
  }).map(async ([type, ini]) => {
    writeFileSync(join(folder, `${type}.ini`), `[storage]\ntype=${type}\n${ini}\n`)
    const ended = await run(LAUNCHER, ['db', 'types', '-configfile', `${type}.ini`], { cwd: folder })
    return { type, ...ended }
  })
  for (const { type, code, out, err } of await Promise.all(programs)) {
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(new RegExp(`^goworld: \\[storage\\] type=${type} .*${nowhere}.*\n$`))
    // What there is to mend: nobody listens.
    expect(err).toContain('ECONNREFUSED')
  }
})
