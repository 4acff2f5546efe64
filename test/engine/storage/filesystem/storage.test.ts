// The filesystem backend: by the suite of all, and what is its own: names, crashes, several processes, a full disk.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStorage } from '../../../../engine/storage/backends.ts'
import { Listing } from '../../../../engine/storage/filesystem/listing.ts'
import { FolderLock } from '../../../../engine/storage/filesystem/lock.ts'
import { idFile, idOf, typeFolder, typeOf } from '../../../../engine/storage/filesystem/names.ts'
import { Row } from '../../../../engine/storage/row.ts'
import type { EntityStorage } from '../../../../engine/storage/storage.ts'
import { describeStorage, get, HOSTILE_NAMES, put } from '../conformance.ts'
import { storeOptions } from '../options.ts'
import { temporaryDirectory } from '../temporary.ts'

const open = (directory: string) => openStorage(storeOptions('filesystem', { baseDirectory: directory }))

describeStorage('filesystem', () => open(temporaryDirectory()))

async function opened(directory: string): Promise<EntityStorage> {
  const storage = await open(directory)
  onTestFinished(() => storage.close())
  return storage
}

const messageOfRejected = (call: Promise<unknown>) =>
  call.then(
    () => 'it resolved',
    (error: Error) => `${error.name}: ${error.message}`,
  )

const ENGINE = join(import.meta.dirname, '../../../../engine')
const url = (file: string) => JSON.stringify(pathToFileURL(join(ENGINE, file)).href)

/** A program of its own with `storage` open on the folder, `put` and `say`. */
function script(directory: string, body: string): string {
  const path = join(temporaryDirectory(), 'script.mjs')
  writeFileSync(
    path,
    `import { writeSync } from 'node:fs'
    import { FilesystemStorage } from ${url('storage/filesystem/storage.ts')}
    import { Row } from ${url('storage/row.ts')}
    const storage = await FilesystemStorage.open(${JSON.stringify(join(directory, 'entities'))})
    const put = (id, no, data) => storage.write('Avatar', id, Row.of(data, { schema: 1, epoch: 1, no }))
    const say = (line) => writeSync(1, line + '\\n')
    ${body}`,
  )
  return path
}

const NODE = [process.execPath, '--disable-warning=ExperimentalWarning']
const env = { PATH: process.env['PATH'] }

describe('the name of a file', () => {
  it('can be read, where the name of the entity can', () => {
    expect(typeFolder('Avatar')).toBe('Avatar')
    expect(typeFolder('SpaceService')).toBe('SpaceService~21')
    expect(typeFolder('avatar')).toBe('avatar~0')
    expect(idFile('bob')).toBe('bob.json')
    expect(idFile('aK3_x-Zq01234567')).toBe('aK3_x-Zq01234567~42.json')
    expect(idFile('../a b')).toBe('%2e.%2fa%20b.json')
  })

  it('is one of its own on every disk, and tells the name again', () => {
    const name = fc.oneof(
      fc.constantFrom(...HOSTILE_NAMES, '~', '+', '%2e', 'a~1', 'a+', '.json', '.new', '.lock', 'CON', 'x'.repeat(255)),
      fc.stringMatching(/^[aAbB]{1,4}$/),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 63 }),
      fc.constant('怪'.repeat(85)),
    )
    const property = fc.property(name, name, (a, b) => {
      expect(typeOf(typeFolder(a))).toBe(a)
      expect(idOf(idFile(a))).toBe(a)
      for (const path of [typeFolder(a), idFile(a)]) {
        expect(path).toMatch(/^[\w%~+/.-]+$/)
        expect(path).not.toMatch(/^\.|\/\.|\/\//)
        for (const piece of path.split('/')) expect(piece.length).toBeLessThan(143)
      }
      if (a !== b) {
        expect(typeFolder(a).toLowerCase()).not.toBe(typeFolder(b).toLowerCase())
        expect(idFile(a).toLowerCase()).not.toBe(idFile(b).toLowerCase())
      }
    })
    fc.assert(property, { numRuns: 2000 })
  })

  it('that is none of ours is passed over', async () => {
    const directory = temporaryDirectory()
    const storage = await opened(directory)
    await put(storage, 'Avatar', 'bob', {})
    const folder = join(directory, 'entities')
    for (const file of ['README.md', 'Notes', 'x+', 'Avatar/notes.txt', 'Avatar/Bob.json', 'Avatar/%zz.json'])
      writeFileSync(join(folder, file), '')
    mkdirSync(join(folder, 'Empty'))
    expect(await storage.types()).toEqual(['Avatar'])
    expect(await storage.list('Avatar')).toEqual(['bob'])
  })

  it('of 255 bytes that all must be escaped still is one', async () => {
    const storage = await opened(temporaryDirectory())
    const [type, id] = ['怪'.repeat(85), `${'é'.repeat(127)}A`]
    await put(storage, type, id, { a: 1 })
    await put(storage, type, `${'é'.repeat(127)}a`, { a: 2 })
    expect(await get(storage, type, id)).toEqual({ a: 1 })
    expect(await storage.types()).toEqual([type])
    expect(await storage.list(type)).toEqual([id, `${'é'.repeat(127)}a`])
    await storage.delete(type, id)
    await storage.delete(type, `${'é'.repeat(127)}a`)
    expect(await storage.types()).toEqual([])
  })
})

describe('a file', () => {
  it('is a line of JSON with the text of the document as it is', async () => {
    const directory = temporaryDirectory()
    const storage = await opened(directory)
    await storage.write('Avatar', 'bob', Row.stored('{"b":-0, "a":1e2}', { schema: 3, epoch: 7, no: 42 }, ''))
    const line = '{"schema":3,"epoch":7,"no":42,"data":{"b":-0, "a":1e2}}\n'
    expect(readFileSync(join(directory, 'entities/Avatar/bob.json'), 'utf8')).toBe(line)
    expect((await storage.read('Avatar', 'bob'))!.text).toBe('{"b":-0, "a":1e2}')
  })

  it('may be mended by hand', async () => {
    const directory = temporaryDirectory()
    const storage = await opened(directory)
    await put(storage, 'Avatar', 'bob', { level: 1 }, { epoch: 1, no: 5 })
    const text = JSON.stringify({ schema: 2, epoch: 1, no: 5, data: { level: 2, bag: {} } }, null, 4)
    writeFileSync(join(directory, 'entities/Avatar/bob.json'), `\n${text}\n\n`)
    expect(await storage.read('Avatar', 'bob')).toMatchObject({ schema: 2, epoch: 1, no: 5 })
    expect(await get(storage, 'Avatar', 'bob')).toEqual({ level: 2, bag: {} })
    expect(await put(storage, 'Avatar', 'bob', {}, { epoch: 1, no: 4 })).toBe(false)
    expect(await put(storage, 'Avatar', 'bob', {}, { epoch: 1, no: 6 })).toBe(true)
  })

  it.each([
    ['empty', ''],
    ['cut off', '{"schema":1,"epoch":1,"no":1,"data":{"a":{"b":1}'],
    ['another one', '{"level":1}'],
    ['without a document', '{"schema":1,"epoch":1,"no":1,"data":[{}]}'],
    ['zeros', '\0'.repeat(4096)],
    ['with a number that is none', '{"schema":1,"epoch":1,"no":9999999999999999,"data":{}}'],
  ])('that is damaged (%s) is named, is not overwritten, and can be deleted', async (_, text) => {
    const directory = temporaryDirectory()
    const storage = await opened(directory)
    await put(storage, 'Avatar', 'bob', {})
    const path = join(directory, 'entities/Avatar/bob.json')
    writeFileSync(path, text)
    const said = `StorageError: ${path}: the file is damaged: mend or remove it`
    expect(await messageOfRejected(storage.read('Avatar', 'bob'))).toBe(said)
    expect(await messageOfRejected(put(storage, 'Avatar', 'bob', { a: 1 }))).toBe(said)
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(readdirSync(join(directory, 'entities/.new'))).toEqual([])
    await storage.delete('Avatar', 'bob')
    expect(await put(storage, 'Avatar', 'bob', {})).toBe(true)
  })

  it('that is damaged inside its document, or is no UTF-8, is named', async () => {
    const directory = temporaryDirectory()
    const storage = await opened(directory)
    await put(storage, 'Avatar', 'bob', {})
    const path = join(directory, 'entities/Avatar/bob.json')
    writeFileSync(path, '{"schema":1,"epoch":1,"no":1,"data":{"a":"b}}')
    expect(await messageOfRejected(get(storage, 'Avatar', 'bob'))).toContain(`Avatar bob in ${path} cannot be read`)
    writeFileSync(path, Buffer.from('{"schema":1,"epoch":1,"no":1,"data":{"a":"\xff"}}', 'latin1'))
    expect(await messageOfRejected(storage.read('Avatar', 'bob'))).toContain('the file is damaged')
  })
})

describe('the folder', () => {
  it('is made, but not the one above it', async () => {
    const directory = join(temporaryDirectory(), 'new')
    const path = join(directory, 'entities')
    expect(await messageOfRejected(open(directory))).toBe(`StorageError: ${path}: no such file or directory (ENOENT)`)
    expect(existsSync(directory)).toBe(false)
  })

  it('that is a file, or holds a file where a type should be, is named', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'entities'), '')
    expect(await messageOfRejected(open(directory))).toMatch(
      /^StorageError: .*entities\/.new: not a directory \(ENOTDIR\)/,
    )
    rmSync(join(directory, 'entities'))
    const storage = await opened(directory)
    writeFileSync(join(directory, 'entities/Avatar'), '')
    expect(await messageOfRejected(put(storage, 'Avatar', 'A', {}))).toMatch(
      /^StorageError: .*Avatar: file already exists/,
    )
    expect(await messageOfRejected(get(storage, 'Avatar', 'A'))).toMatch(/^StorageError: .*A~1.json: not a directory/)
  })

  it('has everything when it is opened again', async () => {
    const directory = temporaryDirectory()
    const first = await open(directory)
    await put(first, 'Avatar', 'A', { bytes: new Uint8Array([1]) })
    await first.close()
    expect(await get(await opened(directory), 'Avatar', 'A')).toStrictEqual({ bytes: new Uint8Array([1]) })
  })

  it('of a type that was removed while the store is open is made anew', async () => {
    const directory = temporaryDirectory()
    const storage = await opened(directory)
    await put(storage, 'Avatar', 'A', {})
    rmSync(join(directory, 'entities/Avatar'), { recursive: true })
    expect(await messageOfRejected(put(storage, 'Avatar', 'A', {}))).toMatch(/^StorageError: .*A~1.json: no such file/)
    expect(await put(storage, 'Avatar', 'A', {})).toBe(true)
  })

  it('is swept of what was left when the last process died, once no other has it open', async () => {
    const directory = temporaryDirectory()
    const first = await open(directory)
    const left = join(directory, 'entities/.new/1-0-1')
    writeFileSync(left, '{"schema":1,"ep')
    const second = await open(directory)
    expect(existsSync(left)).toBe(true)
    expect(await second.types()).toEqual([])
    await first.close()
    await second.close()
    await opened(directory)
    expect(existsSync(left)).toBe(false)
  })

  it('may be open several times', async () => {
    const directory = temporaryDirectory()
    const [a, b] = [await opened(directory), await opened(directory)]
    const order = Array.from({ length: 200 }, (_, n) => (n * 67) % 200)
    await Promise.all(order.map((no) => put(no % 2 ? a! : b!, 'Avatar', 'A', { no }, { epoch: 1, no })))
    expect(await get(a!, 'Avatar', 'A')).toEqual({ no: 199 })
    expect(await get(b!, 'Avatar', 'A')).toEqual({ no: 199 })
    expect(await a!.list('Avatar')).toEqual(['A'])
    await b!.delete('Avatar', 'A')
    expect(await a!.exists('Avatar', 'A')).toBe(false)
  })

  it('whose lock is not given back is named', async () => {
    const path = join(temporaryDirectory(), '.lock')
    const locks = [await FolderLock.open(path, async () => {}, 50), await FolderLock.open(path, async () => {}, 50)]
    onTestFinished(() => locks.forEach((lock) => lock.close()))
    const over = Promise.withResolvers<void>()
    const held = locks[0]!.hold(() => over.promise)
    expect(await messageOfRejected(locks[1]!.hold(async () => {}))).toBe(
      `StorageError: ${path}: another process holds the lock for more than 50 ms`,
    )
    over.resolve()
    await held
    expect(await locks[1]!.hold(async () => 'ours')).toBe('ours')
  })

  it('whose lock file is none is named', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'entities'))
    writeFileSync(join(directory, 'entities/.lock'), 'not a lock '.repeat(1000))
    expect(await messageOfRejected(open(directory))).toBe(
      `StorageError: ${join(directory, 'entities/.lock')}: file is not a database`,
    )
  })
})

describe('a list', () => {
  it('shows what was written or deleted between two pages', async () => {
    const storage = await opened(temporaryDirectory())
    for (const id of ['a', 'b', 'd', 'e']) await put(storage, 'Avatar', id, {})
    expect(await storage.list('Avatar', { limit: 2 })).toEqual(['a', 'b'])
    await put(storage, 'Avatar', 'c', {})
    expect(await storage.list('Avatar', { after: 'b', limit: 1 })).toEqual(['c'])
    await storage.delete('Avatar', 'd')
    expect(await storage.list('Avatar', { after: 'c', limit: 1 })).toEqual(['e'])
  })

  it('is whole also where there are more than are kept of it', async () => {
    const folder = temporaryDirectory()
    mkdirSync(join(folder, 'Avatar'))
    const ids = Array.from({ length: 1000 }, (_, n) => `n${String((n * 379) % 1000).padStart(4, '0')}`)
    for (const id of ids) writeFileSync(join(folder, 'Avatar', `${id}.json`), '')
    const listing = new Listing(folder, 50)
    const seen: string[] = []
    for (;;) {
      const page = await listing.ids('Avatar', seen.at(-1) ?? '', 7)
      if (page.length === 0) break
      seen.push(...page)
    }
    expect(seen).toEqual(ids.sort())
    expect(await listing.ids('Avatar', 'n0989', 5)).toEqual(['n0990', 'n0991', 'n0992', 'n0993', 'n0994'])
    expect(await listing.ids('Avatar', 'n0994', 500)).toHaveLength(5)
    expect(await listing.ids('Avatar', '', 900)).toHaveLength(900)
  })
})

describe('several processes', () => {
  it('that write the same entity leave the latest, and lose none that was acknowledged', async () => {
    const directory = temporaryDirectory()
    const PROCESSES = 4
    const SAVES = 250
    const writers = Array.from({ length: PROCESSES }, async (_, at) => {
      const path = script(
        directory,
        // Versions from the clock, so that no process is ahead and every save has a rival.
        `const next = () => Math.round((performance.timeOrigin + performance.now()) * 1000) * ${PROCESSES} + ${at}
        let no
        for (let save = 0; save < ${SAVES}; save++) {
          no = next()
          const written = await put('a', no, { no })
          const stored = await storage.read('Avatar', 'a')
          if (stored.no < no || stored.data.no !== stored.no) say('lost ' + no)
          if (!written && stored.no <= no) say('refused ' + no)
        }
        say(no)
        await storage.close()`,
      )
      const child = spawn(NODE[0]!, [NODE[1]!, path], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      let out = ''
      child.stdout.on('data', (chunk) => {
        out += chunk
      })
      await once(child, 'close')
      return out.trim()
    })
    const said = await Promise.all(writers)
    for (const line of said) expect(line).toMatch(/^\d+$/)
    const storage = await opened(directory)
    expect((await storage.read('Avatar', 'a'))!.no).toBe(Math.max(...said.map(Number)))
    expect(readdirSync(join(directory, 'entities/.new'))).toEqual([])
  })

  it('that are killed while they write leave the old value or the new one, and no lock', async () => {
    const directory = temporaryDirectory()
    let acknowledged = 0
    for (let round = 0; round < 6; round++) {
      const path = script(
        directory,
        `for (let no = ${acknowledged} + 1; ; no++) {
          const saves = [put('a', no, { no, text: 'x'.repeat(200_000), again: no })]
          for (let n = 0; n < 20; n++) saves.push(put('other' + n, no, { no }))
          await saves[0]
          say(no)
        }`,
      )
      const child = spawn(NODE[0]!, [NODE[1]!, path], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      let out = ''
      child.stdout.on('data', (chunk) => {
        out += chunk
        // Wherever it is then: the rounds end at different places.
        if (out.split('\n').length > 3 + round * 2) child.kill('SIGKILL')
      })
      await once(child, 'close')
      acknowledged = Number(out.split('\n').at(-2))
      const storage = await open(directory)
      const data = (await get(storage, 'Avatar', 'a'))!
      expect(data['no']).toBe(data['again'])
      expect(data['no']).toBeGreaterThanOrEqual(acknowledged)
      expect(data['text']).toHaveLength(200_000)
      for (const id of await storage.list('Avatar')) expect(await get(storage, 'Avatar', id)).toBeDefined()
      expect(readdirSync(join(directory, 'entities/.new'))).toEqual([])
      await storage.close()
    }
  })
})

describe('a process', () => {
  it('opens few files at once, whatever is asked of it', () => {
    const path = script(
      temporaryDirectory(),
      `await Promise.all(Array.from({ length: 1000 }, (_, n) => put('n' + n, 1, { n })))
      const rows = await Promise.all(Array.from({ length: 1000 }, (_, n) => storage.read('Avatar', 'n' + n)))
      say(rows.length)`,
    )
    const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...NODE, path], {
      env,
      encoding: 'utf8',
    })
    expect({ stdout, stderr }).toEqual({ stdout: '1000\n', stderr: '' })
  })

  it('is held until what was asked is done, and not by a store that is idle', () => {
    const directory = temporaryDirectory()
    const path = script(directory, `void put('a', 1, {}).then(() => say('written'))`)
    const { status, stdout, stderr } = spawnSync(NODE[0]!, [NODE[1]!, path], { env, encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'written\n', stderr: '' })
  })

  // A disk of its own, which a process may mount in a user namespace of its own.
  const inOwnMounts = ['-rm', 'sh', '-ec', 'mount -t tmpfs -o size=300k none "$1"; shift; exec "$@"', 'sh']
  const canMount = spawnSync('unshare', [...inOwnMounts, '/mnt', 'true']).status === 0

  it.skipIf(!canMount)('on a full disk is told by name, keeps what there is, and goes on when there is room', () => {
    const directory = temporaryDirectory()
    const path = script(
      directory,
      `await put('a', 1, { n: 1 })
      const big = { text: 'x'.repeat(400_000) }
      for (const no of [2, 3]) say(await put('a', no, big).catch((error) => error.name + ' ' + error.message))
      say((await storage.read('Avatar', 'a')).text)
      say(await put('a', 4, { n: 4 }))
      say((await storage.list('Avatar')).join())
      const { readdirSync } = await import('node:fs')
      say(readdirSync(${JSON.stringify(join(directory, 'entities/.new'))}).length)`,
    )
    const { stdout, stderr } = spawnSync('unshare', [...inOwnMounts, directory, ...NODE, path], {
      env,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    const [first, second, ...rest] = stdout.split('\n')
    for (const line of [first, second]) {
      expect(line).toMatch(/^StorageError .*\/entities\/\.new\/[\w-]+: no space left on device \(ENOSPC\)$/)
    }
    expect(rest).toEqual(['{"n":1}', 'true', 'a', '0', ''])
  })

  it.skipIf(!canMount)('on a disk that became read-only is told by name, and still reads', () => {
    const directory = temporaryDirectory()
    const path = script(
      directory,
      `await put('a', 1, { n: 1 })
      const { execFileSync } = await import('node:child_process')
      const folder = ${JSON.stringify(join(directory, 'entities/.new'))}
      execFileSync('mount', ['--bind', folder, folder])
      execFileSync('mount', ['-o', 'remount,ro,bind', folder])
      say(await put('a', 2, {}).catch((error) => error.name + ' ' + error.message))
      say((await storage.read('Avatar', 'a')).text)`,
    )
    const { stdout, stderr } = spawnSync('unshare', [...inOwnMounts, directory, ...NODE, path], {
      env,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^StorageError .*: read-only file system \(EROFS\)\n\{"n":1\}\n$/)
  })
})
