// The journal on a real disk: what it keeps over a crash, what it lets go of, and what happens when the disk says no.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { realClock } from '../../../engine/base/clock.ts'
import { MemoryLog } from '../../../engine/base/log.ts'
import { JournalFull, StorageError } from '../../../engine/storage/errors.ts'
import { FileJournal, type FileJournalOptions } from '../../../engine/storage/journal.ts'
import { decodeJournal, encodeJournalRow, type JournalRow } from '../../../engine/storage/journal-file.ts'
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
        const { rows, end } = decodeJournal(bytes)
        expect(end).toBe(bytes.length)
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

  it('that is cut off or damaged ends what can be read, and hurts none before it', () => {
    const bytes = Buffer.concat([1, 2, 3].map((no) => encodeJournalRow({ type: 'A', id: `i${no}`, row: row(no) })))
    const third = bytes.length / 3
    for (let end = 0; end <= bytes.length; end++) {
      expect(decodeJournal(bytes.subarray(0, end)).rows).toHaveLength(Math.floor(end / third))
    }
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << (at % 8)
      expect(decodeJournal(damaged).rows).toHaveLength(Math.floor(at / third))
    }
    expect(decodeJournal(Buffer.alloc(1000)).rows).toEqual([])
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
})
