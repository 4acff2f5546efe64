// The journal on a real disk: what it keeps over a crash, what it lets go of, and what happens when the disk says no.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { storeOf } from '../../../components/game/stores.ts'
import { realClock } from '../../../engine/base/clock.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { JournalFull, NotStorable, StorageError } from '../../../engine/storage/errors.ts'
import { FileJournal, type FileJournalOptions } from '../../../engine/storage/journal.ts'
import {
  encodeJournalRow,
  encodeJournalStore,
  JournalFileReader,
  type JournalRow,
} from '../../../engine/storage/journal-file.ts'
import { Row } from '../../../engine/storage/row.ts'
import { anyDocument } from './documents.ts'
import { temporaryDirectory } from './temporary.ts'

const row = (no: number, data: object = { no }, epoch = 1) => Row.of(data, { schema: 1, epoch, no })

async function open(folder: string, options: Partial<FileJournalOptions> = {}): Promise<FileJournal> {
  const given = { clock: realClock, log: new MemoryLog(), fsyncMs: 0, bytesMax: 1 << 26, ...options }
  const journal = (await FileJournal.open(folder, given))!
  onTestFinished(() => journal.close())
  return journal
}

/** What the next process finds. */
async function leftIn(folder: string): Promise<Record<string, unknown>> {
  const journal = await open(folder)
  const left = Object.fromEntries(journal.left.map(({ id, row: { data } }) => [id, data]))
  await journal.close()
  return left
}

/** All that can be read of a file. */
function read(bytes: Buffer) {
  const reader = new JournalFileReader(bytes)
  const rows: JournalRow[] = []
  for (let one = reader.next(); one; one = reader.next()) rows.push(one)
  const { store, damagedBytes, cutBytes } = reader
  return { rows, ids: rows.map(({ id }) => id), store, damagedBytes, cutBytes }
}

interface Disk extends Pick<FileHandle, 'datasync' | 'sync' | 'truncate'> {
  write(bytes: Buffer, at: number, length: number, position: number): Promise<unknown>
}

/** What files do, until the test is over: for a disk that is slow or broken. Answers what they did. */
async function withDisk(change: (real: Disk) => Partial<Record<keyof Disk, unknown>>): Promise<() => void> {
  const probe = await openFile(import.meta.filename)
  const disk = Object.getPrototypeOf(probe) as Disk
  await probe.close()
  const { write, datasync, sync, truncate } = disk
  const real = { write, datasync, sync, truncate }
  Object.assign(disk, change(real))
  const mend = () => void Object.assign(disk, real)
  onTestFinished(mend)
  return mend
}

const files = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.journal'))
const bytesOf = (folder: string) => files(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

describe('a row in a journal file', () => {
  it('is read as it was written, whatever it is', () => {
    const any = fc.record({
      type: fc.string({ unit: 'grapheme' }),
      id: fc.string({ unit: 'grapheme' }),
      data: anyDocument,
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), (all) => {
        const head = { schema: 7, epoch: 4_000_000_000, no: Number.MAX_SAFE_INTEGER }
        const written = all.map(({ type, id, data }) => ({ type, id, row: Row.of(data, head) }))
        const bytes = Buffer.concat(written.map(encodeJournalRow))
        const { rows, damagedBytes, cutBytes } = read(bytes)
        expect(damagedBytes + cutBytes).toBe(0)
        const plain = ({ type, id, row: { text, schema, epoch, no } }: JournalRow) => ({
          type,
          id,
          text,
          schema,
          epoch,
          no,
        })
        expect(rows.map(plain)).toEqual(written.map(plain))
      }),
    )
  })

  const ids = ['i0', 'i1', 'i2']
  const bytes = Buffer.concat(ids.map((id, no) => encodeJournalRow({ type: 'A', id, row: row(no) })))
  const third = bytes.length / 3

  it('that is cut off ends what can be read, and hurts none before it', () => {
    for (let end = 0; end <= bytes.length; end++) {
      const found = read(bytes.subarray(0, end))
      expect(found.ids).toEqual(ids.slice(0, Math.floor(end / third)))
      expect(found).toMatchObject({ damagedBytes: 0, cutBytes: end % third })
    }
  })

  it('that is damaged, whichever bit of it, costs no other', () => {
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      const lost = Math.floor((bit >> 3) / third)
      const found = read(damaged)
      expect(found.ids).toEqual(ids.filter((_, no) => no !== lost))
      expect(found).toMatchObject({ damagedBytes: third, cutBytes: 0 })
    }
  })

  it('is found behind whatever else is there, and behind bytes that are missing', () => {
    expect(read(Buffer.alloc(1000))).toMatchObject({ ids: [], damagedBytes: 1000, cutBytes: 0 })
    expect(read(Buffer.concat([Buffer.alloc(1000, 0xff), bytes])).ids).toEqual(ids)
    for (let from = 1; from < third; from++) expect(read(bytes.subarray(from)).ids).toEqual(['i1', 'i2'])
  })

  it('stands behind the name of its store', () => {
    const found = read(Buffer.concat([encodeJournalStore('type=redis db=ä'), bytes]))
    expect(found).toMatchObject({ ids, store: 'type=redis db=ä', damagedBytes: 0, cutBytes: 0 })
  })
})

describe('a journal', () => {
  it('has what was appended when it is opened again: the newest of each entity', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder)
    await Promise.all([first.append('Avatar', 'A', row(1)), first.append('Avatar', 'B', row(1))])
    await first.append('Avatar', 'A', row(2))
    await first.close()
    expect(await leftIn(folder)).toEqual({ A: { no: 2 }, B: { no: 1 } })
    // It is kept until it is confirmed.
    expect(await leftIn(folder)).toEqual({ A: { no: 2 }, B: { no: 1 } })
  })

  it('lets go of what is confirmed, and of all of it leaves nothing', async () => {
    const folder = temporaryDirectory()
    const journal = await open(folder)
    await Promise.all(['A', 'B'].map((id) => journal.append('Avatar', id, row(1))))
    journal.confirm('Avatar', 'A', row(1))
    expect(journal.rows).toBe(1)
    journal.confirm('Avatar', 'B', row(2))
    expect(journal.rows).toBe(0)
    await vi.waitFor(() => expect(bytesOf(folder)).toBe(0))
    await journal.append('Avatar', 'C', row(1))
    await journal.close()
    expect(await leftIn(folder)).toEqual({ C: { no: 1 } })
  })

  it('keeps a row while an earlier one of the entity is confirmed', async () => {
    const folder = temporaryDirectory()
    const journal = await open(folder)
    await journal.append('Avatar', 'A', row(1))
    const second = journal.append('Avatar', 'A', row(2))
    journal.confirm('Avatar', 'A', row(1))
    await second
    await journal.close()
    expect(await leftIn(folder)).toEqual({ A: { no: 2 } })
  })

  it('is for one process at a time', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder)
    const options = { clock: realClock, log: new MemoryLog(), fsyncMs: 0, bytesMax: 1 << 20 }
    expect(await FileJournal.open(folder, options)).toBeUndefined()
    await first.close()
    const second = (await FileJournal.open(folder, options))!
    await second.close()
    await expect(second.append('Avatar', 'A', row(1))).rejects.toThrow(StorageError)
  })

  it('that ends in the middle of a row has all before it, and says so', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder)
    await first.append('Avatar', 'A', row(1))
    await first.close()
    appendFileSync(
      join(folder, files(folder)[0]!),
      encodeJournalRow({ type: 'Avatar', id: 'B', row: row(1) }).subarray(0, 30),
    )
    const log = new MemoryLog()
    const second = await open(folder, { log })
    expect(second.left.map(({ id }) => id)).toEqual(['A'])
    expect(log.lines.map(({ message }) => message)).toEqual(['the end of a journal file cannot be read'])
    await second.append('Avatar', 'C', row(1))
    await second.close()
    expect(Object.keys(await leftIn(folder))).toEqual(['A', 'C'])
  })

  it('that is damaged in the middle has all but that, says so loudly, and keeps the damaged file', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder)
    for (const id of ['A', 'B', 'C', 'D']) await first.append('Avatar', id, row(1))
    await first.close()
    const path = join(folder, '1.journal')
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(path, bytes)
    for (const expected of ['1.journal.damaged', '1.journal.2.damaged']) {
      const log = new MemoryLog()
      const second = await open(folder, { log, fsyncMs: 5 })
      expect(second.left.map(({ id }) => id)).toEqual(['A', 'C', 'D'])
      expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
        'error a journal file is damaged',
        'error a damaged journal file is put aside: what was good of it is kept',
      ])
      expect(readFileSync(join(folder, expected))).toEqual(bytes)
      await second.close()
      expect(Object.keys(await leftIn(folder)).sort()).toEqual(['A', 'C', 'D'])
      // Once more, with one of its name that is there already.
      for (const name of files(folder)) execFileSync('rm', [join(folder, name)])
      writeFileSync(path, bytes)
    }
  })

  it('that is damaged on a disk that is full stays as it is until the store has its rows', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder)
    for (const id of ['A', 'B', 'C']) await first.append('Avatar', id, row(1))
    await first.close()
    const path = join(folder, '1.journal')
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(path, bytes)
    const mend = await withDisk(() => ({ write: () => Promise.reject(new Error('no room')) }))
    const second = await open(folder)
    mend()
    expect(readFileSync(path)).toEqual(bytes)
    for (const { id } of second.left) second.confirm('Avatar', id, row(1))
    await second.close()
    expect(bytesOf(folder)).toBe(0)
    expect(readFileSync(`${path}.damaged`)).toEqual(bytes)
  })

  it('takes no notice of files that are not its own', async () => {
    const folder = temporaryDirectory()
    for (const name of ['old.journal', '1.journal.damaged', '2.journal~', '3x.journal', 'refused'])
      writeFileSync(join(folder, name), 'mine')
    const journal = await open(folder)
    expect(journal.left).toEqual([])
    await journal.append('Avatar', 'A', row(1))
    journal.confirm('Avatar', 'A', row(1))
    await journal.close()
    expect(readFileSync(join(folder, 'old.journal'), 'utf8')).toBe('mine')
    expect(readdirSync(folder)).toHaveLength(7)
  })

  it('does not stop the process while it reads much', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder, { fsyncMs: 5 })
    const text = 'x'.repeat(500)
    const all = Array.from({ length: 20_000 }, (_, n) => first.append('Avatar', `A${n}`, row(1, { text })))
    await Promise.all(all)
    await first.close()
    let turns = 0
    const defer = (action: () => void) => {
      turns++
      realClock.defer(action)
    }
    const second = await open(folder, { clock: { ...realClock, defer } })
    expect(second.left).toHaveLength(20_000)
    expect(turns).toBeGreaterThanOrEqual(20)
  })

  it('goes on in another file when one is large, and removes those that are done', async () => {
    const folder = temporaryDirectory()
    const journal = await open(folder, { fileBytesMax: 2000 })
    for (let no = 1; no <= 100; no++) {
      await journal.append('Avatar', 'A', row(no, { no, text: 'x'.repeat(200) }))
      if (no === 1) await journal.append('Avatar', 'stuck', row(1))
    }
    await vi.waitFor(() => expect(files(folder).length).toBeLessThanOrEqual(3))
    journal.confirm('Avatar', 'stuck', row(1))
    await journal.append('Avatar', 'B', row(1))
    await journal.close()
    expect(Object.keys(await leftIn(folder)).sort()).toEqual(['A', 'B'])
    expect(files(folder).length).toBeLessThanOrEqual(2)
  })

  it('writes what it keeps anew before its files grow far beyond it', async () => {
    const folder = temporaryDirectory()
    const journal = await open(folder, { fileBytesMax: 2000, fsyncMs: 1 })
    // One entity in each file is never confirmed: no file is ever done by itself.
    for (let no = 1; no <= 300; no++) {
      const text = 'x'.repeat(500)
      await journal.append('Avatar', `A${no % 4}`, row(no, { text }))
      if (no <= 60) await journal.append('Avatar', `stuck${no}`, row(1, { no }))
      expect(journal.bytes).toBeLessThan(40_000)
    }
    await journal.close()
    const left = await leftIn(folder)
    expect(Object.keys(left)).toHaveLength(64)
    expect(left['stuck60']).toEqual({ no: 60 })
  })

  it('that is full says so by name, once in the log, and takes more when there is room', async () => {
    const log = new MemoryLog()
    const journal = await open(temporaryDirectory(), { log, bytesMax: 1000 })
    await journal.append('Avatar', 'A', row(1, { text: 'x'.repeat(800) }))
    for (const id of ['B', 'C']) {
      const error = await journal
        .append('Avatar', id, row(1, { text: 'x'.repeat(800) }))
        .catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(JournalFull)
      expect((error as Error).message).toMatch(/^the journal in .* is full: 1000 bytes wait for the store$/)
    }
    expect(journal.failures).toBe(2)
    expect(log.lines.map(({ message }) => message)).toEqual(['the journal is full'])
    journal.confirm('Avatar', 'A', row(1))
    await journal.append('Avatar', 'B', row(1, { text: 'x'.repeat(800) }))
  })

  it('in front of a disk that does not answer takes no more than its limit, and one row of each entity', async () => {
    const folder = temporaryDirectory()
    let answer = () => {}
    const answers = new Promise<void>((resolve) => {
      answer = resolve
    })
    let syncs = 0
    await withDisk(({ datasync }) => ({
      async datasync(this: FileHandle) {
        syncs++
        await answers
        return datasync.call(this)
      },
    }))
    const log = new MemoryLog()
    const journal = await open(folder, { log, bytesMax: 100_000 })
    const text = 'x'.repeat(10_000)
    const held = journal.append('Avatar', 'stuck', row(1))
    await vi.waitFor(() => expect(syncs).toBe(1))
    const hot = Array.from({ length: 100 }, (_, n) => journal.append('Avatar', 'hot', row(n, { n, text })))
    const others = Array.from({ length: 20 }, (_, n) => journal.append('Avatar', `A${n}`, row(1, { text })))
    const ends = Promise.allSettled(others)
    answer()
    await Promise.all([held, ...hot])
    const refused = (await ends).filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(12)
    for (const { reason } of refused as PromiseRejectedResult[]) expect(reason).toBeInstanceOf(JournalFull)
    expect(log.matching('error', 'the journal is full')).toHaveLength(1)
    expect(journal.bytes).toBeLessThan(101_000)
    journal.confirm('Avatar', 'A0', row(1))
    await journal.append('Avatar', 'A0', row(2))
    await journal.close()
    expect((await leftIn(folder))['hot']).toEqual({ n: 99, text })
  })

  it('has written and unsynced rows count until they are on the disk', async () => {
    let answer = () => {}
    const answers = new Promise<void>((resolve) => {
      answer = resolve
    })
    await withDisk(({ datasync }) => ({
      async datasync(this: FileHandle) {
        await answers
        return datasync.call(this)
      },
    }))
    const journal = await open(temporaryDirectory(), { bytesMax: 100_000, fsyncMs: 10_000 })
    const text = 'x'.repeat(10_000)
    const all: Promise<void>[] = []
    for (let no = 1; no <= 9; no++) {
      all.push(journal.append('Avatar', 'hot', row(no, { text })))
      await vi.waitFor(() => expect(journal.bytes).toBeGreaterThan(no * 10_000))
    }
    // Not what it keeps, of which there is one row, but what hangs on it.
    await expect(journal.append('Avatar', 'hot', row(10, { text }))).rejects.toThrow('wait for the disk')
    answer()
    await journal.close()
    await Promise.all(all)
  })

  it('cuts off what a write that failed has left, before the next and when it is closed', async () => {
    const folder = temporaryDirectory()
    const path = join(folder, '1.journal')
    const journal = await open(folder)
    await journal.append('Avatar', 'A', row(1))
    const good = readFileSync(path)
    const failing = (text: string) =>
      withDisk(({ write }) => ({
        async write(this: FileHandle, ...[, , , at]: [Buffer, number, number, number]) {
          await write.call(this, Buffer.from(text), 0, text.length, at)
          throw new Error('the disk has failed')
        },
      }))
    let mend = await failing('x'.repeat(10_000))
    await expect(journal.append('Avatar', 'B', row(1))).rejects.toThrow('the disk has failed')
    mend()
    await journal.append('Avatar', 'C', row(1))
    expect(read(readFileSync(path))).toMatchObject({ ids: ['A', 'C'], damagedBytes: 0, cutBytes: 0 })
    journal.confirm('Avatar', 'C', row(1))
    mend = await failing('y')
    await expect(journal.append('Avatar', 'B', row(1))).rejects.toThrow('the disk has failed')
    mend()
    await journal.close()
    expect(readFileSync(path).subarray(0, good.length)).toEqual(good)
    expect(read(readFileSync(path))).toMatchObject({ ids: ['A', 'C'], damagedBytes: 0, cutBytes: 0 })
  })

  it('goes on in another file when the one it has cannot be cut', async () => {
    const folder = temporaryDirectory()
    const journal = await open(folder)
    await journal.append('Avatar', 'A', row(1))
    const mend = await withDisk(() => ({
      write: () => Promise.reject(new Error('the disk has failed')),
      truncate: () => Promise.reject(new Error('the disk has failed')),
    }))
    await expect(journal.append('Avatar', 'B', row(1))).rejects.toThrow('the disk has failed')
    mend()
    await withDisk(() => ({ truncate: () => Promise.reject(new Error('the disk has failed')) }))
    await journal.append('Avatar', 'C', row(1))
    expect(files(folder)).toEqual(['1.journal', '2.journal'])
    await journal.close()
    expect(Object.keys(await leftIn(folder))).toEqual(['A', 'C'])
  })

  it.skipIf(!existsSync('/proc/self/fd'))(
    'leaves no file behind when its folder cannot be forced to the disk',
    async () => {
      const folder = temporaryDirectory()
      const mend = await withDisk(() => ({ sync: () => Promise.reject(new Error('the disk has failed')) }))
      const journal = await open(folder)
      await expect(journal.append('Avatar', 'A', row(1))).rejects.toThrow('the disk has failed')
      expect(files(folder)).toEqual([])
      const targets = readdirSync('/proc/self/fd').map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`)
        } catch {
          return ''
        }
      })
      expect(targets.filter((target) => target.startsWith(folder) && !target.includes('lock'))).toEqual([])
      mend()
      await journal.append('Avatar', 'A', row(1))
      await journal.close()
      expect(await leftIn(folder)).toEqual({ A: { no: 1 } })
    },
  )

  it('gives its folder back when its files cannot be closed', async () => {
    const folder = temporaryDirectory()
    const log = new MemoryLog()
    const journal = await open(folder, { log })
    const handles = new Set<FileHandle>()
    await withDisk(({ datasync }) => ({
      datasync(this: FileHandle) {
        handles.add(this)
        return datasync.call(this)
      },
    }))
    await journal.append('Avatar', 'A', row(1))
    for (const handle of handles) {
      const { close } = handle
      handle.close = async () => {
        await close.call(handle)
        throw new Error('the disk has failed')
      }
    }
    await journal.close()
    expect(log.matching('error', 'cannot be tidied')).toHaveLength(1)
    expect(await leftIn(folder)).toEqual({ A: { no: 1 } })
  })

  it('on a disk that does not take it rejects, keeps what it had, and goes on when it can', async () => {
    const folder = temporaryDirectory()
    const log = new MemoryLog()
    const journal = await open(folder, { log, fileBytesMax: 1 })
    await journal.append('Avatar', 'A', row(1))
    // The next file cannot be made: its name is taken.
    const next = join(folder, '2.journal')
    mkdirSync(next)
    const error = await journal.append('Avatar', 'A', row(2)).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(StorageError)
    expect((error as Error).message).toContain('EEXIST')
    expect(journal.rows).toBe(1)
    await journal.append('Avatar', 'B', row(1))
    await journal.close()
    expect(log.lines.map(({ message }) => message)).toEqual([
      'the journal cannot be written',
      'the journal can be written again',
    ])
    execFileSync('rmdir', [next])
    expect(await leftIn(folder)).toEqual({ A: { no: 1 }, B: { no: 1 } })
  })

  it.skipIf(!existsSync('/dev/full'))('on a full disk rejects by name', async () => {
    const folder = temporaryDirectory()
    execFileSync('ln', ['-s', '/dev/full', join(folder, 'full')])
    const journal = await open(folder)
    // As the first write would: to a device that has no room.
    const { open: openFile } = await import('node:fs/promises')
    const full = await openFile(join(folder, 'full'), 'r+')
    onTestFinished(() => full.close())
    const { FileHandle } = { FileHandle: Object.getPrototypeOf(full) as { write: unknown } }
    const write = FileHandle.write as (...args: unknown[]) => Promise<unknown>
    FileHandle.write = function (this: unknown, ...args: unknown[]) {
      return write.apply(this === full ? this : full, args)
    }
    try {
      await expect(journal.append('Avatar', 'A', row(1))).rejects.toThrow(JournalFull)
    } finally {
      FileHandle.write = write
    }
    await journal.append('Avatar', 'A', row(2))
    expect(journal.rows).toBe(1)
  })

  it('in a folder that cannot be made is refused with its path', async () => {
    const folder = temporaryDirectory()
    writeFileSync(join(folder, 'file'), '')
    const error = await open(join(folder, 'file/journal')).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(StorageError)
    expect((error as Error).message).toContain('file/journal')
  })
})

describe('a journal for one store', () => {
  const store = 'type=sqlite url=../a.db'

  it('is refused to another while it holds rows, and nothing of it is touched', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder, { store, fileBytesMax: 1 })
    await first.append('Avatar', 'A', row(1))
    await first.append('Avatar', 'B', row(1))
    await first.close()
    const before = files(folder).map((name) => readFileSync(join(folder, name)))
    const error = await open(folder, { store: 'type=redis url=redis://b' }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(OperatorError)
    expect((error as Error).message).toBe(
      `${folder}: 2 saves in this journal wait for another store, type=sqlite url=../a.db, and this one is ` +
        'type=redis url=redis://b: start once with [storage] as it was, so that they get there, or move this folder away',
    )
    expect(files(folder).map((name) => readFileSync(join(folder, name)))).toEqual(before)
    const again = await open(folder, { store })
    expect(again.left.map(({ id }) => id).sort()).toEqual(['A', 'B'])
  })

  it('that is empty is for another from then on', async () => {
    const folder = temporaryDirectory()
    const first = await open(folder, { store })
    await first.append('Avatar', 'A', row(1))
    first.confirm('Avatar', 'A', row(1))
    await first.close()
    const second = await open(folder, { store: 'type=redis' })
    expect(second.left).toEqual([])
    await second.append('Avatar', 'B', row(1))
    await second.close()
    await expect(open(folder, { store })).rejects.toThrow('wait for another store, type=redis,')
  })

  it('says so in each file, again when that was emptied', async () => {
    const folder = temporaryDirectory()
    const journal = await open(folder, { store })
    for (let no = 1; no <= 3; no++) {
      await journal.append('Avatar', 'A', row(no))
      expect(read(readFileSync(join(folder, '1.journal')))).toMatchObject({ store, ids: ['A'] })
      journal.confirm('Avatar', 'A', row(no))
      await vi.waitFor(() => expect(bytesOf(folder)).toBe(0))
    }
  })

  it('knows it by all that makes it another, and by no password', () => {
    const storage = { type: 'sqlite', url: '/srv/game/goworld.db', db: '', startNodes: [], directory: '/srv/game/x' }
    const of = (more: object, dir = '/srv/game') =>
      storeOf({ dir, storage: { ...storage, journal: `${dir}/goworld-journal`, ...more } } as never)
    expect(of({})).toBe('type=sqlite url=../goworld.db')
    // Moved, with its journal.
    expect(of({ url: '/mnt/goworld.db' }, '/mnt')).toBe(of({}))
    expect(of({ type: 'filesystem', url: '' })).toBe('type=filesystem directory=../x')
    expect(of({ type: 'postgres', url: 'postgres://me:se@cret@host:1/db' })).toBe(
      'type=postgres url=postgres://host:1/db',
    )
    expect(of({ type: 'redis', url: 'redis://host', db: '2' })).toBe('type=redis url=redis://host db=2')
    const nodes = ['redis://me:secret@b:1', 'me:secret@a:1']
    expect(of({ type: 'redis_cluster', url: '', startNodes: nodes })).toBe(
      'type=redis_cluster start_nodes=a:1,redis://b:1',
    )
  })
})

describe('a save that the store will never take', () => {
  it('goes from the journal to a file for people, on the disk before it is let go of', async () => {
    const folder = temporaryDirectory()
    const log = new MemoryLog()
    const journal = await open(folder, { log, store: 'type=redis' })
    const big = row(7, { gold: 7, name: 'Zoë' })
    await Promise.all([journal.append('Avatar', 'A', big), journal.append('Avatar', 'B', row(1))])
    journal.refused('Avatar', 'A', big, new NotStorable('too big'))
    await vi.waitFor(() => expect(journal.rows).toBe(1))
    await journal.append('Avatar', 'B', row(2))
    journal.refused('Avatar', 'B', row(1), new NotStorable('too small'))
    await journal.close()
    const lines = readFileSync(join(folder, 'refused'), 'utf8').split('\n').slice(0, -1)
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        error: 'too big',
        store: 'type=redis',
        type: 'Avatar',
        id: 'A',
        epoch: 1,
        no: 7,
        data: { gold: 7, name: 'Zoë' },
      },
      { id: 'B', no: 1 },
    ])
    const said = log.lines.filter(({ message }) => message === 'the store will never take a save: it is put aside')
    expect(said).toMatchObject([{ level: 'error', fields: { type: 'Avatar', id: 'A' } }, { fields: { id: 'B' } }])
    // A later one of the entity is still kept.
    const again = await open(folder, { store: 'type=redis' })
    expect(again.left.find(({ id }) => id === 'B')).toMatchObject({ row: { no: 2 } })
  })

  it('stays in the journal when it cannot be put aside', async () => {
    const folder = temporaryDirectory()
    const log = new MemoryLog()
    mkdirSync(join(folder, 'refused'))
    const journal = await open(folder, { log })
    await journal.append('Avatar', 'A', row(1))
    journal.refused('Avatar', 'A', row(1), new NotStorable('too big'))
    await journal.close()
    expect(log.matching('error', 'cannot be put aside')).toHaveLength(1)
    expect(await leftIn(folder)).toEqual({ A: { no: 1 } })
  })
})

describe('what was acknowledged', () => {
  const script = `
    import { FileJournal } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../engine/storage/journal.ts')).href)}
    import { Row } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../engine/storage/row.ts')).href)}
    import { realClock } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../engine/base/clock.ts')).href)}
    const log = { debug() {}, info() {}, warn() {}, error: console.error, child: () => log }
    const journal = await FileJournal.open(process.argv[2], { clock: realClock, log, fsyncMs: 3, bytesMax: 1 << 26, fileBytesMax: 5000 })
    for (let no = 1; ; no++) {
      for (let n = 0; n < 10; n++) {
        const row = Row.of({ no }, { schema: 1, epoch: 1, no })
        journal.append('Avatar', 'A' + n, row).then(() => {
          process.stdout.write(n + ' ' + no + '\\n')
          // Now and then the store has it.
          if ((no + n) % 3 === 0) { process.stdout.write(n + ' ' + no + ' stored\\n'); journal.confirm('Avatar', 'A' + n, row) }
        })
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }`

  it('is there after kill -9 at any moment, or the store had it', { timeout: 120_000 }, async () => {
    for (let round = 0; round < 5; round++) {
      const folder = temporaryDirectory()
      const path = join(folder, 'script.mjs')
      writeFileSync(path, script)
      const child = spawn(process.execPath, [path, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.on('data', (text: Buffer) => {
        said += text
      })
      const wanted = 2000 + round * 1500
      while (said.length < wanted) await once(child.stdout, 'data')
      child.kill('SIGKILL')
      await once(child, 'close')
      const left = await leftIn(folder)
      const acknowledged = new Map<string, number>()
      const stored = new Map<string, number>()
      for (const line of said.split('\n').slice(0, -1)) {
        const [n, no, isStored] = line.split(' ')
        if (isStored) stored.set(`A${n}`, Number(no))
        else acknowledged.set(`A${n}`, Number(no))
      }
      expect(acknowledged.size).toBe(10)
      for (const [id, no] of acknowledged) {
        const found = Math.max((left[id] as { no: number } | undefined)?.no ?? 0, stored.get(id) ?? 0)
        expect(found).toBeGreaterThanOrEqual(no)
      }
      expect(readFileSync(path).length).toBeGreaterThan(0)
    }
  })

  // The disk fails at random, and in the middle of writes; what is synced is what a power failure leaves.
  it.skipIf(!existsSync('/proc/self/fd'))(
    'is there whatever the disk does, after a crash and after a power failure',
    { timeout: 60_000 },
    async () => {
      const end = performance.now() + 5000
      for (let seed = 1; performance.now() < end; seed++) await anyCourse(seed)
    },
  )
})

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

async function anyCourse(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const folder = temporaryDirectory()
  const synced = new Map<string, Buffer>()
  const failRate = random() < 0.5 ? 0 : 0.15
  const pathOf = ({ fd }: FileHandle) => readlinkSync(`/proc/self/fd/${fd}`)
  const turn = () => new Promise((resolve) => setTimeout(resolve))
  const mayFail = () => {
    if (random() < failRate) throw Object.assign(new Error('the disk has failed'), { code: 'ENOSPC' })
  }
  const mend = await withDisk((real) => ({
    async write(this: FileHandle, bytes: Buffer, at: number, length: number, position: number) {
      if (random() < 0.2) await turn()
      const part = random() < failRate ? Math.floor(random() * length) : undefined
      if (part !== undefined) {
        if (part > 0) await real.write.call(this, bytes, at, part, position)
        throw Object.assign(new Error('the disk has failed'), { code: 'ENOSPC' })
      }
      return real.write.call(this, bytes, at, random() < 0.2 ? Math.max(1, length >> 1) : length, position)
    },
    async datasync(this: FileHandle) {
      const bytes = readFileSync(pathOf(this))
      if (random() < 0.3) await turn()
      mayFail()
      synced.set(pathOf(this), bytes)
    },
    async truncate(this: FileHandle, length: number) {
      mayFail()
      await real.truncate.call(this, length)
      const before = synced.get(pathOf(this))
      if (before && random() < 0.5) synced.set(pathOf(this), before.subarray(0, length))
    },
    async sync() {
      mayFail()
    },
  }))
  const ids = ['a', 'b', 'c', 'd']
  const newest = new Map<string, number>()
  const acknowledged = new Map<string, number>()
  const stored = new Map<string, number>()
  const raise = (map: Map<string, number>, id: string, no: number) => map.set(id, Math.max(map.get(id) ?? 0, no))
  const check = (): void => {
    for (const power of [false, true]) {
      const found = new Map(stored)
      for (const name of files(folder)) {
        const path = join(folder, name)
        const bytes = power ? synced.get(path) : contentOf(path)
        // Removed since it was listed, by a thread that runs beside us: what was in it is elsewhere by now.
        if (!power && !bytes) return check()
        for (const { id, row } of read(bytes ?? Buffer.alloc(0)).rows) raise(found, id, row.no)
      }
      for (const [id, no] of acknowledged)
        expect(found.get(id) ?? 0, `${id} of seed ${seed}`).toBeGreaterThanOrEqual(no)
    }
  }
  const fsyncMs = random() < 0.5 ? 0 : 3
  const bytesMax = random() < 0.5 ? 1 << 20 : 1000
  const journal = await open(folder, { fsyncMs, bytesMax, fileBytesMax: 300 })
  const appended: Promise<unknown>[] = []
  for (let steps = 10 + random() * 60; steps > 0; steps--) {
    const id = ids[Math.floor(random() * ids.length)]!
    const no = newest.get(id) ?? 0
    const what = random()
    if (what < 0.6) {
      newest.set(id, no + 1)
      const saved = journal.append('A', id, row(no + 1, { text: 'x'.repeat(random() * 200) }))
      appended.push(
        saved.then(
          () => raise(acknowledged, id, no + 1),
          () => {},
        ),
      )
    } else if (what < 0.8 && no > 0) {
      const some = 1 + Math.floor(random() * no)
      raise(stored, id, some)
      journal.confirm('A', id, row(some))
    } else if (what < 0.95) await turn()
    else check()
  }
  await Promise.all(appended)
  check()
  mend()
  await journal.close()
  const left = await leftIn(folder)
  for (const [id, no] of acknowledged) if (no > (stored.get(id) ?? 0)) expect(left).toHaveProperty(id)
}
