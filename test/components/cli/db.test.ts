// Tests of `goworld db`: what it shows of a store, and that whatever a store holds comes through an export unchanged.
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open as openHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { db } from '../../../components/cli/db.ts'
import { LINE_BYTES_MAX, linesOf } from '../../../components/cli/db-lines.ts'
import { Progress } from '../../../components/cli/db-progress.ts'
import { openStores } from '../../../components/game/stores.ts'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { silentLog } from '../../../engine/base/log.ts'
import { readConfig } from '../../../engine/config/config.ts'
import { openStorage } from '../../../engine/storage/backends.ts'
import { encodeJournalRow } from '../../../engine/storage/journal-file.ts'
import { Row } from '../../../engine/storage/row.ts'
import type { Document, EntityStorage } from '../../../engine/storage/storage.ts'
import { HOSTILE_NAMES } from '../../engine/storage/conformance.ts'
import { Program, ROOT, run, until } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const LAUNCHER = join(ROOT, 'components/cli/goworld')

/** What Node makes of the sources, for all the processes of this file: most of the time of a short one. */
const CACHE = mkdtempSync(join(tmpdir(), 'gw-cache-'))
const env = { NODE_COMPILE_CACHE: CACHE }
afterAll(() => rmSync(CACHE, { recursive: true }))

type Rows = readonly (readonly [type: string, id: string, data: Document, no?: number])[]

/** A folder with a.ini, of SQLite, and files.ini, of files. */
class Folder {
  readonly path = tempFolder()

  constructor() {
    writeFileSync(join(this.path, 'a.ini'), '[storage]\ntype=sqlite\nurl=a.db\n')
    writeFileSync(join(this.path, 'b.ini'), '[storage]\ntype=sqlite\nurl=b.db\n')
    writeFileSync(join(this.path, 'files.ini'), '[storage]\ntype=filesystem\ndirectory=files\n')
  }

  file(name: string): string {
    return join(this.path, name)
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8')
  }

  async with<T>(ini: string, use: (storage: EntityStorage) => Promise<T>): Promise<T> {
    const config = readConfig(this.file(ini))
    const storage = await openStorage({ ...config.storage, baseDirectory: config.dir, log: silentLog })
    try {
      return await use(storage)
    } finally {
      await storage.close()
    }
  }

  seed(ini: string, rows: Rows): Promise<unknown> {
    return this.with(ini, (storage) =>
      Promise.all(
        rows.map(([type, id, data, no = 1]) => storage.write(type, id, Row.of(data, { schema: 3, epoch: 2, no }))),
      ),
    )
  }

  db(ini: string, ...args: string[]) {
    return run(LAUNCHER, ['db', ...args, '-configfile', ini], { cwd: this.path, env })
  }

  /** What is said of a mistake, by this process. */
  async refused(ini: string, ...args: string[]): Promise<string> {
    const error = await db.invoke([...args, '-configfile', this.file(ini)]).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OperatorError)
    return (error as Error).message
  }

  begin(ini: string, ...args: string[]): Program {
    return new Program(LAUNCHER, ['db', ...args, '-configfile', ini], { cwd: this.path, env })
  }

  /** A game that runs with these configurations. */
  claimGame(): void {
    onTestFinished(new RunFolder(this.path).claim({ role: 'game', id: 1 }))
  }

  pipe(name: string): string {
    execFileSync('mkfifo', [this.file(name)])
    return this.file(name)
  }
}

const HEROES: Rows = [
  ['Avatar', 'ann', { level: 3, gold: 12n }],
  ['Avatar', 'bob', { bytes: new Uint8Array([1, 2]) }],
  ['Monster', 'orc', {}],
]

const line = (type: string, id: string, data: string, no = 1) =>
  `{"type":${JSON.stringify(type)},"id":${JSON.stringify(id)},"schema":3,"epoch":2,"no":${no},"data":${data}}\n`

describe('goworld db', () => {
  test('lists types and ids, and shows an entity', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    const [types, ids, ann, none] = await Promise.all([
      folder.db('a.ini', 'types'),
      folder.db('a.ini', 'ids', 'Avatar'),
      folder.db('a.ini', 'get', 'Avatar', 'ann'),
      folder.db('a.ini', 'get', 'Avatar', 'orc'),
    ])
    expect(types.out).toBe('Avatar\nMonster\n')
    expect(ids.out).toBe('ann\nbob\n')
    const data = { level: 3, gold: { $bigint: '12' } }
    const shown = { type: 'Avatar', id: 'ann', schema: 3, epoch: 2, no: 1, data }
    expect(ann).toMatchObject({ code: 0, out: `${JSON.stringify(shown, null, 2)}\n` })
    expect(none).toMatchObject({ code: 1, out: '', err: 'goworld: there is no Avatar orc\n' })
  })

  test('finds the store of a game by its folder', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    renameSync(folder.file('a.ini'), folder.file('goworld.ini'))
    const db = (...args: string[]) => run(LAUNCHER, ['db', ...args, folder.path], { env })
    expect((await db('types')).out).toBe('Avatar\nMonster\n')
    expect((await db('ids', 'Avatar')).out).toBe('ann\nbob\n')
    expect((await db('get', 'Avatar', 'ann')).out).toContain('"level": 3')
    expect((await db('delete', 'Avatar', 'bob', '-yes')).out).toBe('deleted Avatar bob\n')
    expect((await db('export', folder.file('all'))).code).toBe(0)
    expect(await db('import', folder.file('all'))).toMatchObject({ code: 0 })
    expect((await db('ids', 'Avatar')).out).toBe('ann\n')
  })

  test('lists as many ids as are asked for', async () => {
    const folder = new Folder()
    const ids = Array.from({ length: 2500 }, (_, n) => `n${String(n).padStart(4, '0')}`)
    await folder.seed(
      'a.ini',
      ids.map((id) => ['Avatar', id, {}]),
    )
    const some = await folder.db('a.ini', 'ids', 'Avatar', '-after', 'n0009', '--limit', '2')
    expect(some).toMatchObject({ code: 0, out: 'n0010\nn0011\n', err: 'there are more: see -after, -limit and -all\n' })
    expect((await folder.db('a.ini', 'ids', 'Avatar')).out.split('\n')).toHaveLength(1001)
    const all = await folder.db('a.ini', 'ids', 'Avatar', '-all')
    expect(all.out.trimEnd().split('\n')).toEqual(ids)
    expect(all.err).toBe('')
  })

  test('shows names that are no words in quotes, and understands them', async () => {
    const folder = new Folder()
    const ids = ['a b', 'a\nb', '"q"', '-x', '-DashedId0123456', 'a\0b', '怪物']
    await folder.seed(
      'a.ini',
      ids.map((id) => ['A type', id, { id }]),
    )
    const { out } = await folder.db('a.ini', 'ids', 'A type')
    const shown = out.trimEnd().split('\n')
    expect(shown).toEqual(['"\\"q\\""', '-DashedId0123456', '"-x"', '"a\\u0000b"', '"a\\nb"', '"a b"', '怪物'])
    const gets = shown.slice(0, 4).map((word) => folder.db('a.ini', 'get', 'A type', word))
    const got = (await Promise.all(gets)).map((got) => JSON.parse(got.out))
    expect(got.map(({ data }) => data.id)).toEqual(['"q"', '-DashedId0123456', '-x', 'a\0b'])
  })

  test('deletes an entity, when that is said twice', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    expect(await folder.refused('a.ini', 'delete', 'Avatar', 'ann')).toBe(
      'Avatar ann would be deleted for good: -yes does it',
    )
    expect(await folder.db('a.ini', 'delete', 'Avatar', 'ann', '--yes')).toMatchObject({
      code: 0,
      out: 'deleted Avatar ann\n',
    })
    expect((await folder.db('a.ini', 'ids', 'Avatar')).out).toBe('bob\n')
    expect((await folder.db('a.ini', 'delete', 'Avatar', 'ann', '--yes')).code).toBe(1)
  })
})

describe('an operator is told in one line', () => {
  test.each([
    [['get', 'Avatar'], '<id> is missing'],
    [['get', 'Avatar', 'ann', 'bob'], 'bob: no such folder'],
    [['get', 'Avatar', 'ann', '.', 'bob'], 'unexpected argument "bob"'],
    [['expor', 'x'], 'unknown command db expor; did you mean export?'],
    [['ids', 'Avatar', '-limit', '0'], 'flag -limit=0: must be a whole number of at least 1'],
    [['ids', 'Avatar', '-limit', '1', '-all'], 'flags -all and -limit exclude each other'],
    [['get', '"Avatar', 'x'], '"Avatar: a name that begins with a quotation mark must be a JSON string'],
    [['types'], `[storage] type=sqlite url=FOLDER/a.db: there is no store yet`],
    [['import', 'none.jsonl'], 'none.jsonl: no such file'],
    [['import', '.'], '.: cannot be read: it is a folder'],
  ])('about db %j', async (args, message) => {
    const folder = new Folder()
    expect(await folder.refused('a.ini', ...args)).toBe(message.replace('FOLDER', folder.path))
  })

  test('about a store or an output that cannot be opened', async () => {
    const folder = new Folder()
    writeFileSync(folder.file('a.db'), 'no database '.repeat(1000))
    const { code, out, err } = await folder.db('a.ini', 'types')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toBe(
      `goworld: [storage] type=sqlite url=${folder.file('a.db: ')}${folder.file('a.db')}: file is not a database\n`,
    )
    writeFileSync(folder.file('memory.ini'), '[storage]\ntype=memory\n')
    expect(await folder.refused('memory.ini', 'types')).toBe('[storage] type=memory: nothing is kept to look into')
    await folder.seed('b.ini', HEROES)
    expect(await folder.refused('b.ini', 'export', folder.path)).toBe(`${folder.path} is a folder: name a file`)
    expect(await folder.refused('b.ini', 'export', '/no/x')).toMatch(/^\/no\/x: cannot be written: ENOENT/)
    expect(await folder.refused('b.ini', 'export', 'x', '-type', 'Avatr')).toBe(
      'there are no entities of type Avatr; did you mean Avatar?',
    )
  })
})

describe('a password is shown to nobody', () => {
  test.each([
    ['type=redis_cluster\nstart_nodes_1=redis://me:SEC/RET@127.0.0.1:1', 'start_nodes_1: not of the form'],
    [
      'type=redis_cluster\nstart_nodes_1=redis://me:SECRET@127.0.0.1:1\nstart_nodes_2=redis://me:SEC%40RET@127.0.0.1:2',
      'start_nodes=redis://me:***@127.0.0.1:1,redis://me:***@127.0.0.1:2: redis 127.0.0.1:1, 127.0.0.1:2: connect ',
    ],
    [
      'type=postgres\nurl=postgres://127.0.0.1:1/x?user=me&password=SEC/RET',
      'url=postgres://127.0.0.1:1/x?user=me&password=***: postgres 127.0.0.1:1/x',
    ],
    ['type=postgres\nurl=postgres://me:SEC/RET@127.0.0.1:1/x', 'url=postgres://me:***@127.0.0.1:1/x: '],
    ['type=mongodb\nurl=mongodb://me:SEC@RET@127.0.0.1:1/x', 'url=mongodb://me:***@127.0.0.1:1/x: '],
  ])('of [storage] %j', async (ini, message) => {
    const folder = new Folder()
    writeFileSync(folder.file('s.ini'), `[storage]\n${ini}\n`)
    const said = await folder.refused('s.ini', 'types')
    expect(said).toContain(message)
    expect(said).not.toMatch(/SEC|RET/)
  })
})

test('a game that cannot open its stores does not show the password either', async () => {
  const folder = new Folder()
  const url = 'url=postgres://127.0.0.1:1/x?user=me&password=SEC@RET'
  writeFileSync(folder.file('g.ini'), `[storage]\ntype=memory\n[kvdb]\ntype=memory\n[sql]\ntype=postgres\n${url}\n`)
  const error = await openStores(readConfig(folder.file('g.ini')), silentLog).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(OperatorError)
  expect((error as Error).message).toMatch(/^\[sql\] type=postgres url=postgres:\/\/127\.0\.0\.1:\*\*\*: /)
  expect((error as Error).message).not.toMatch(/SEC|RET/)
})

describe('an export', () => {
  test('has a line for each entity, in byte order', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES.toReversed())
    const { code, out, err } = await folder.db('a.ini', 'export', 'out.jsonl')
    expect({ code, out }).toEqual({ code: 0, out: '' })
    expect(err).toMatch(/^exported 3 rows in \d+\.\d s, [\d,]+\/s\n$/)
    const lines = [
      line('Avatar', 'ann', '{"level":3,"gold":{"$bigint":"12"}}'),
      line('Avatar', 'bob', '{"bytes":{"$bytes":"AQI="}}'),
      line('Monster', 'orc', '{}'),
    ]
    expect(folder.read('out.jsonl')).toBe(lines.join(''))
    const [all, one, two] = await Promise.all(
      [[], ['-type', 'Monster'], ['-type', 'Monster', '--type=Avatar']].map((more) =>
        folder.db('a.ini', 'export', '-', ...more),
      ),
    )
    expect(all!.out).toBe(lines.join(''))
    expect(one!.out).toBe(lines[2])
    expect(two!.out).toBe(lines.join(''))
  })

  test('goes through any store unchanged, whatever it holds', async () => {
    const folder = new Folder()
    const rows = HOSTILE_NAMES.flatMap((type) => HOSTILE_NAMES.map((id, n) => [type, id, { type, id }, n] as const))
    await folder.seed('a.ini', [
      ...rows,
      ...HEROES,
      [
        'Avatar',
        'everything',
        { $a: -0, b: 2n ** 80n, c: new Uint8Array([0, 255]), d: '\u2028\ud800\r\n\0"', e: [[], {}] },
      ],
      ['Avatar', 'keys', JSON.parse('{"__proto__":1,"":2,"10":3,"constructor":{"$x":null}}')],
      ['Avatar', 'large', { text: '怪'.repeat(300_000), bytes: new Uint8Array(200_000).fill(7) }],
      ['Avatar', 'late', {}, Number.MAX_SAFE_INTEGER],
      ['x'.repeat(255), '怪'.repeat(85), {}],
    ])
    await folder.db('a.ini', 'export', '1.jsonl')
    expect((await folder.db('files.ini', 'import', '1.jsonl')).err).toMatch(/^imported 264 rows in [^;]*\n$/)
    await folder.db('files.ini', 'export', '2.jsonl')
    await folder.db('b.ini', 'import', '2.jsonl')
    await folder.db('b.ini', 'export', '3.jsonl')
    expect(folder.read('1.jsonl').split('\n')).toHaveLength(265)
    expect(folder.read('2.jsonl') === folder.read('1.jsonl')).toBe(true)
    expect(folder.read('3.jsonl') === folder.read('1.jsonl')).toBe(true)
    const [before, after] = await Promise.all(
      ['a.ini', 'b.ini'].map((ini) => folder.with(ini, (storage) => storage.read('Avatar', 'everything'))),
    )
    expect(after!.data).toStrictEqual(before!.data)
  })

  test('replaces the file of before when it is whole, also through a link', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    writeFileSync(folder.file('real.jsonl'), 'old')
    symlinkSync('real.jsonl', folder.file('link.jsonl'))
    await folder.db('a.ini', 'export', 'link.jsonl')
    expect(folder.read('real.jsonl').split('\n')).toHaveLength(4)
    expect(readdirSync(folder.path).filter((name) => name.endsWith('.part'))).toEqual([])
    expect((await folder.db('a.ini', 'export', '/dev/null')).code).toBe(0)
    expect(execFileSync('stat', ['-c', '%F', '/dev/null'], { encoding: 'utf8' })).toBe('character special file\n')
  })

  test('of what cannot be read names it, and leaves the file of before', async () => {
    const folder = new Folder()
    await folder.seed('files.ini', HEROES)
    const damaged = folder.file('files/Avatar/bob.json')
    writeFileSync(damaged, '{"schema":1,"epo')
    writeFileSync(folder.file('out.jsonl'), 'old')
    const failed = await folder.db('files.ini', 'export', 'out.jsonl')
    expect(failed).toMatchObject({ code: 1, err: `goworld: ${damaged}: the file is damaged: mend or remove it\n` })
    expect(folder.read('out.jsonl')).toBe('old')
    const skipped = await folder.db('files.ini', 'export', 'out.jsonl', '-skip-bad')
    expect(skipped.code).toBe(1)
    expect(skipped.err).toContain(`goworld: left out: ${damaged}`)
    expect(skipped.err).toMatch(/exported 2 rows in .*; 1 row left out\n$/)
    // Broken inside the document.
    writeFileSync(damaged, '{"schema":1,"epoch":1,"no":1,"data":{"a":"}}')
    expect((await folder.db('files.ini', 'export', 'out.jsonl')).err).toContain(damaged)
  })

  test('writes nothing that an import refuses', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    const database = new DatabaseSync(folder.file('a.db'))
    const add = database.prepare('INSERT INTO entities (type, id, data, schema, epoch, no) VALUES (?, ?, ?, ?, ?, ?)')
    const BAD_ROWS: [id: string, data: string, reason: string, no?: bigint | string][] = [
      ['large', '{"a":12345678901234567890}', 'could not be imported: a: 12345678901234567000, a whole number beyond'],
      ['twice', '{"a":1,"a":2}', 'could not be imported: the key "a" is there twice'],
      ['hex', '{"a":{"$bigint":"0x10"}}', 'could not be imported: {"$bigint":"0x10"} is no whole number'],
      ['late', '{}', 'Avatar late: ', 2n ** 63n - 1n],
      ['negative', '{}', 'could not be imported: schema, epoch or no is', -1n],
      ['word', '{}', 'could not be imported: schema, epoch or no is', 'x'],
    ]
    for (const [id, data, , no = 1n] of BAD_ROWS) add.run('Avatar', id, data, 1, 1, no)
    add.run('Avatar', 'spaced', '{ "a" :\n1.0, "b": "\\u0061" }', 1, 1, 1)
    const failed = await folder.db('a.ini', 'export', 'out.jsonl')
    expect(failed.code).toBe(1)
    expect(failed.err).toContain('Avatar hex could not be imported')
    expect(existsSync(folder.file('out.jsonl'))).toBe(false)
    const { code, err } = await folder.db('a.ini', 'export', 'out.jsonl', '-skip-bad')
    expect(code).toBe(1)
    for (const [id, , reason] of BAD_ROWS) {
      const said = err.split('\n').find((one) => one.includes(`Avatar ${id}`))
      expect(said, id).toContain(reason)
    }
    expect(err).toMatch(/exported 4 rows in .*; 6 rows left out\n$/)
    expect((await folder.db('b.ini', 'import', 'out.jsonl')).err).toMatch(/^imported 4 rows in [^;]*\n$/)
    database.close()
  })

  test('of a store with names that are no text has all the others', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    const database = new DatabaseSync(folder.file('a.db'))
    const add = database.prepare("INSERT INTO entities (type, id, data) VALUES (?, ?, '{}')")
    add.run('Avatar', new Uint8Array([1, 2]))
    add.run(new Uint8Array([3]), 'ann')
    database.close()
    expect((await folder.db('a.ini', 'types')).out).toBe('Avatar\nMonster\n')
    expect((await folder.db('a.ini', 'ids', 'Avatar')).out).toBe('ann\nbob\n')
    const { code, out } = await folder.db('a.ini', 'export', '-')
    expect(code).toBe(0)
    expect(out.split('\n')).toHaveLength(4)
  })

  test('says which journals are not in it', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    const row = Row.of({ level: 4 }, { schema: 3, epoch: 2, no: 9 })
    const journal = (game: string, content: string | Buffer) => {
      mkdirSync(folder.file(`goworld-journal/${game}`), { recursive: true })
      writeFileSync(folder.file(`goworld-journal/${game}/lock`), 'x')
      writeFileSync(folder.file(`goworld-journal/${game}/1.journal`), content)
    }
    journal('game1', encodeJournalRow({ type: 'Avatar', id: 'ann', row }))
    journal('game2', '')
    const { code, err } = await folder.db('a.ini', 'export', 'out.jsonl')
    expect(code).toBe(0)
    expect(err.split('\n')[0]).toBe(
      `goworld: ${folder.file('goworld-journal/game1')} has saves that are not exported: start the server and stop it, and they are in the store`,
    )
    expect(err.split('\n')[1]).toMatch(/^exported 3 rows/)
    // Of a game that runs it is nothing special.
    folder.claimGame()
    expect((await folder.db('a.ini', 'export', 'out.jsonl')).err).not.toContain('journal')
  })

  test('that is interrupted leaves nothing', async () => {
    const folder = new Folder()
    await folder.seed('files.ini', HEROES)
    // A file that never ends, until somebody writes to it.
    const stuck = folder.pipe('files/Avatar/cat.json')
    for (const interrupts of [1, 2]) {
      const program = folder.begin('files.ini', 'export', 'out.jsonl')
      await until(() => readdirSync(folder.path).some((name) => name.endsWith('.part')), 'the export has begun')
      program.kill('SIGINT')
      await program.said('stopping')
      if (interrupts === 2) program.kill('SIGINT')
      // Whoever opens it for writing waits until it is being read.
      const pipe = await openHandle(stuck, 'w')
      await pipe.writeFile('{"schema":1,"epoch":1,"no":1,"data":{}}').catch(() => {})
      await pipe.close()
      expect((await program.ended).code).toBe(130)
      expect(readdirSync(folder.path).filter((name) => name.includes('out.jsonl'))).toEqual([])
    }
  })

  test('ends when nobody reads it any more', async () => {
    const folder = new Folder()
    await folder.seed(
      'a.ini',
      Array.from({ length: 2000 }, (_, n) => ['Avatar', `n${n}`, { text: 'x'.repeat(1000) }]),
    )
    const script = `"${LAUNCHER}" db export - -configfile a.ini | head -c 10`
    const { code, err } = await run('sh', ['-c', script], { cwd: folder.path, env })
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })
})

describe('an import', () => {
  test('keeps what is stored of a later save, unless forced', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', [
      ['Avatar', 'ann', { old: 1 }, 5],
      ['Avatar', 'bob', { old: 2 }, 5],
    ])
    await folder.seed('b.ini', [
      ['Avatar', 'ann', { newer: 1 }, 6],
      ['Avatar', 'bob', { older: 2 }, 4],
      ['Avatar', 'cat', { other: 3 }, 1],
    ])
    await folder.db('a.ini', 'export', 'a.jsonl')
    const kept = await folder.db('b.ini', 'import', 'a.jsonl')
    expect(kept.code).toBe(0)
    expect(kept.err).toMatch(/^imported 1 row in .*; 1 row kept, as what is stored is later\n$/)
    const now = () =>
      folder.with('b.ini', async (storage) => {
        const ids = await storage.list('Avatar')
        return Promise.all(ids.map(async (id) => (await storage.read('Avatar', id))!.data))
      })
    expect(await now()).toEqual([{ newer: 1 }, { old: 2 }, { other: 3 }])
    const forced = await folder.db('b.ini', 'import', 'a.jsonl', '-force')
    expect(forced.err).toMatch(/^imported 2 rows in [^;]*\n$/)
    expect(await now()).toEqual([{ old: 1 }, { old: 2 }, { other: 3 }])
    const version = async () => (await folder.with('b.ini', (storage) => storage.read('Avatar', 'ann')))!.no
    // Behind the save that it replaced; again, it is there already.
    expect(await version()).toBe(7)
    expect((await folder.db('b.ini', 'import', 'a.jsonl', '-force')).code).toBe(0)
    expect(await version()).toBe(7)
  })

  test('that is forced never leaves an entity out of the store', async () => {
    const folder = new Folder()
    await folder.seed('b.ini', [
      ['Avatar', 'ann', { later: 1 }, 6],
      ['Avatar', 'last', { later: 1 }, Number.MAX_SAFE_INTEGER],
    ])
    // A row that is removed, however briefly, does not come back.
    const database = new DatabaseSync(folder.file('b.db'))
    database.exec(`CREATE TRIGGER stays BEFORE DELETE ON entities BEGIN SELECT RAISE(ABORT, 'it is removed'); END`)
    database.close()
    const lines = [line('Avatar', 'ann', '{"n":1}'), line('Avatar', 'last', '{"n":2}')]
    writeFileSync(folder.file('in.jsonl'), lines.join(''))
    const { code, err } = await folder.db('b.ini', 'import', 'in.jsonl', '-force')
    expect(err).toMatch(/^imported 2 rows in [^;]*\n$/)
    expect(code).toBe(0)
    const rows = await folder.with('b.ini', (storage) =>
      Promise.all(['ann', 'last'].map(async (id) => (await storage.read('Avatar', id))!)),
    )
    expect(rows.map(({ no, data }) => ({ no, data }))).toEqual([
      { no: 7, data: { n: 1 } },
      { no: Number.MAX_SAFE_INTEGER, data: { n: 2 } },
    ])
  })

  test('takes several lines of one entity in their order, spaces, empty lines and other ends of lines', async () => {
    const folder = new Folder()
    const lines = Array.from({ length: 100 }, (_, n) => line('Avatar', 'ann', `{"n":${n}}`, n))
    const spaced = '{ "type": "Avatar", "id": "b\\u006fb", "schema": 0, "epoch": 0, "no": 0, "data": { "a": 1 } }'
    writeFileSync(
      folder.file('in.jsonl'),
      `${lines.join('')}\n\r\n${spaced}\r\n${line('Avatar', 'cat', '{}').trimEnd()}`,
    )
    expect((await folder.db('a.ini', 'import', 'in.jsonl')).code).toBe(0)
    const rows = await folder.with('a.ini', (storage) =>
      Promise.all(['ann', 'bob', 'cat'].map(async (id) => (await storage.read('Avatar', id))!.data)),
    )
    expect(rows).toEqual([{ n: 99 }, { a: 1 }, {}])
  })

  const good = line('Avatar', 'ann', '{}')
  const BAD: [what: string, bytes: string | Buffer, reason: string][] = [
    ['no JSON', 'hello\n', 'it is not {"type":'],
    ['cut off', good.slice(0, -4), 'it is not {"type":'],
    ['cut off inside its data', line('Avatar', 'ann', '{"a":"b'), 'Avatar ann: Unterminated string'],
    ['without a document', line('Avatar', 'ann', '[]'), 'it is not {"type":'],
    ['of a number that no store keeps', line('Avatar', 'ann', '{"a":12345678901234567890}'), 'a: 12345678901234567000'],
    ['of an unknown form', line('Avatar', 'ann', '{"$date":"1"}'), 'Avatar ann: {$date} is no known form'],
    ['with a name that is none', line('', 'ann', '{}'), 'entity type: must not be empty'],
    ['with a name that is too long', line('Avatar', 'x'.repeat(256), '{}'), 'entity id: "xxxx'],
    ['with an epoch that is none', good.replace('"epoch":2', '"epoch":4294967296'), 'schema, epoch or no is too large'],
    ['in another order', good.replace('"schema":3,"epoch":2', '"epoch":2,"schema":3'), 'it is not {"type":'],
    ['not UTF-8', Buffer.from(line('Avatar', '\xff', '{}'), 'latin1'), 'it is not UTF-8'],
    ['with a key twice', line('Avatar', 'ann', '{"b":"a\\"","a":1,"\\u0061" : 2}'), 'the key "\\u0061" is there twice'],
    ['with a key twice, deep inside', line('Avatar', 'ann', '{"a":[{},{"b":{"a":1,"c":[],"a":1}}]}'), 'the key "a" is'],
    ['with a number in another form', line('Avatar', 'ann', '{"a":{"$bigint":"0x10"}}'), '{"$bigint":"0x10"} is no'],
    ['with a number of spaces', line('Avatar', 'ann', '{"a":{"$bigint":" "}}'), '{"$bigint":" "} is no whole number'],
    ['with bytes that are none', line('Avatar', 'ann', '{"a":[{"$bytes":"!!!"}]}'), '{"$bytes":"!!!"} is no base64'],
    ['with bytes in another form', line('Avatar', 'ann', '{"a":{"$bytes":"_-8="}}'), '{"$bytes":"_-8="} is no base64'],
    ['too deep', line('Avatar', 'ann', `${'{"a":'.repeat(95)}1${'}'.repeat(95)}`), 'nested more than'],
  ]

  test('refuses a line that is bad by its number and its reason, and goes on when told to', async () => {
    const folder = new Folder()
    const lines = BAD.map(([, bytes]) => Buffer.concat([Buffer.from(bytes), Buffer.from('\n')]))
    writeFileSync(folder.file('in.jsonl'), Buffer.concat([...lines, Buffer.from(line('Avatar', 'last', '{}'))]))
    const { code, err } = await folder.db('a.ini', 'import', 'in.jsonl', '--skip-bad')
    expect(code).toBe(0)
    const said = err.split('\n')
    // Two have an end of their own, and an empty line behind them.
    for (const [at, [what, , reason]] of BAD.entries()) {
      expect(said[at], what).toMatch(/^goworld: line \d+ cannot be imported: /)
      expect(said[at], what).toContain(reason)
    }
    expect(said[BAD.length]).toMatch(/^imported 1 row in .*; 18 bad lines left out$/)
    expect(await folder.with('a.ini', (storage) => storage.list('Avatar'))).toEqual(['last'])
  })

  test('stops at a line that is bad, with what came before it written', async () => {
    const folder = new Folder()
    const lines = [line('Avatar', 'ann', '{}'), line('Avatar', 'bob', '{}'), 'bad\n', line('Avatar', 'cat', '{}')]
    writeFileSync(folder.file('in.jsonl'), lines.join(''))
    const { code, err } = await folder.db('a.ini', 'import', 'in.jsonl')
    expect(code).toBe(1)
    expect(err).toMatch(/^goworld: line 3 cannot be imported: it is not .*; it may be imported again\nimported 2 rows/)
    expect(await folder.with('a.ini', (storage) => storage.list('Avatar'))).toEqual(['ann', 'bob'])
  })

  test('stops where the store refuses', async () => {
    const folder = new Folder()
    await folder.seed('files.ini', [['Avatar', 'bob', {}]])
    writeFileSync(folder.file('files/Avatar/bob.json'), 'damaged')
    writeFileSync(folder.file('in.jsonl'), line('Avatar', 'bob', '{}'))
    const { code, err } = await folder.db('files.ini', 'import', 'in.jsonl')
    expect(code).toBe(1)
    expect(err).toMatch(/^goworld: line 1 \(Avatar bob\) was not written: .*bob\.json: the file is damaged/)
  })

  test('that is interrupted ends in order, and may be done again', async () => {
    const folder = new Folder()
    const lines = Array.from({ length: 500 }, (_, n) => line('Avatar', `n${String(n).padStart(3, '0')}`, `{"n":${n}}`))
    const pipe = folder.pipe('pipe')
    const program = folder.begin('a.ini', 'import', 'pipe')
    const source = await openHandle(pipe, 'w')
    await source.writeFile(lines.slice(0, 300).join(''))
    await until(() => existsSync(folder.file('a.db')), 'the store is made')
    await folder.with('a.ini', (storage) =>
      until(async () => (await storage.list('Avatar')).length === 300, 'what was sent is imported'),
    )
    program.kill('SIGINT')
    const { code, err } = await program.ended
    await source.close()
    expect(code).toBe(130)
    expect(err).toContain('goworld: interrupted; it may be imported again\nimported 300 rows')
    writeFileSync(folder.file('in.jsonl'), lines.join(''))
    expect((await folder.db('a.ini', 'import', 'in.jsonl')).err).toMatch(/^imported 500 rows in [^;]*\n$/)
    expect((await folder.db('a.ini', 'export', '-')).out).toBe(lines.join(''))
  })

  test('under a game that runs is refused, unless forced', async () => {
    const folder = new Folder()
    await folder.seed('a.ini', HEROES)
    folder.claimGame()
    const exported = await folder.db('a.ini', 'export', 'out.jsonl')
    expect(exported.code).toBe(0)
    expect(exported.err).toMatch(/^goworld: game1 \(pid \d+\) may save meanwhile: the export is not of one moment\n/)
    const refused = await folder.db('b.ini', 'import', 'out.jsonl')
    expect(refused.code).toBe(2)
    expect(refused.err).toMatch(
      /^goworld: game1 \(pid \d+\) would overwrite what is imported: goworld stop ends it, or force it with -force\n$/,
    )
    expect(existsSync(folder.file('b.db'))).toBe(false)
    expect((await folder.db('b.ini', 'import', 'out.jsonl', '-force')).code).toBe(0)
  })
})

describe('the lines of a stream', () => {
  async function split(chunks: (string | Buffer)[]): Promise<(string | undefined)[]> {
    const lines: (string | undefined)[] = []
    const source = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk)
    })()
    for await (const one of linesOf(source)) lines.push(one?.toString())
    return lines
  }

  test('are the same however it comes in pieces', async () => {
    expect(await split(['a\nb', 'c', '\n', '\nd'])).toEqual(['a', 'bc', '', 'd'])
    expect(await split([...'a\u2028b\nc\n'])).toEqual(['a\u2028b', 'c'])
    expect(await split([])).toEqual([])
  })

  test('are passed over when they are too long, and the next is found', async () => {
    const part = Buffer.alloc(LINE_BYTES_MAX / 7, 'x')
    expect(await split(['a\n', ...Array.from({ length: 8 }, () => part), '\nb\n'])).toEqual(['a', undefined, 'b'])
  })
})

describe('the progress', () => {
  function begin(isTTY: boolean, bytesTotal?: number) {
    const clock = new VirtualClock()
    const written: string[] = []
    const progress = new Progress({ screen: { isTTY, write: (text) => written.push(text) }, clock, bytesTotal })
    return { clock, written, progress }
  }

  test('is one line of a terminal, painted now and then', async () => {
    const { clock, written, progress } = begin(true, 1000)
    for (let step = 0; step < 500; step++) {
      progress.add(5, 1)
      await clock.advance(1)
    }
    expect(written).toHaveLength(5)
    expect(written.at(-1)).toBe('\r[########            ] 40%  2,005 rows  5,013/s  0:00\x1b[K')
    await clock.advance(60_000)
    progress.add(1, 900)
    expect(written.at(-1)).toBe('\r[####################] 100%  2,501 rows  41/s  1:00\x1b[K')
    progress.clear()
    expect(written.at(-1)).toBe('\r\x1b[K')
    expect(progress.summary()).toBe('2,501 rows in 60.5 s, 41/s')
  })

  test('has no bar where the end is not known, and no line where there is no terminal', () => {
    const terminal = begin(true)
    terminal.progress.add(1, 1)
    expect(terminal.written).toEqual(['\r1 row  1,000/s  0:00\x1b[K'])
    const file = begin(false, 1000)
    file.progress.add(1, 1)
    file.progress.clear()
    expect(file.written).toEqual([])
  })
})
