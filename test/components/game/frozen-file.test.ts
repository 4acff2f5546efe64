// The file of a frozen game: whole, or refused in one line that names it; written at once, or not at all.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  describeFrozen,
  type FrozenGame,
  FrozenReader,
  FrozenWriter,
  type KnownOfProcess,
  readFrozen,
  retireFrozen,
  syncFrozen,
  writeFrozen,
} from '../../../components/game/frozen-file.ts'
import { ENGINE_VERSION } from '../../../components/process/engine-version.ts'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { VirtualClock } from '../../../engine/base/clock.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { encode } from '../../../engine/wire/codec.ts'
import { tempFolder } from '../../temp-folder.ts'

const KNOWN: KnownOfProcess = {
  process: 'process000000001',
  ready: true,
  gates: [
    [1, 'gate000000000001'],
    [2, 'gate000000000002'],
  ],
  gameId: 1,
  gameVersion: '1.2',
  frozenMs: Date.UTC(2027, 0, 15, 8),
}
const game = (chunks: readonly Uint8Array[]): FrozenGame => describeFrozen(KNOWN, chunks)
const SMALL = game([new Uint8Array([1, 2, 3]), new Uint8Array(0), Buffer.from('x')])

const file = () => join(tempFolder(), 'game1.freeze')
function written(frozen: FrozenGame = SMALL): { path: string; bytes: Buffer } {
  const path = file()
  writeFrozen(path, frozen)
  return { path, bytes: readFileSync(path) }
}
/** A file with a right checksum, whatever else is in it. */
function sealed(header: readonly [version: number, count: number, ...lengths: number[]], ...chunks: Uint8Array[]) {
  const [version, ...numbers] = header
  const bytes = Buffer.alloc(6 + 4 * numbers.length)
  bytes.write('GWFZ')
  bytes.writeUInt16LE(version, 4)
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(number, 6 + 4 * at)
  const content = Buffer.concat([bytes, ...chunks])
  return Buffer.concat([content, createHash('sha256').update(content).digest()])
}
/** What an operator gets to read. */
function refusal(path: string): string {
  try {
    readFrozen(path)
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError)
    const { message } = error as Error
    expect(message.split('\n')).toHaveLength(1)
    expect(message.startsWith(path)).toBe(true)
    return message.slice(path.length)
  }
  return 'it was restored'
}
function refusalOf(bytes: Uint8Array, path = file()): string {
  writeFileSync(path, bytes)
  return refusal(path)
}

describe('a frozen game', () => {
  test('comes back from its file as it was', () => {
    const { path } = written()
    const { process, chunks } = readFrozen(path)
    expect(process).toEqual({
      process: 'process000000001',
      ready: true,
      gates: KNOWN.gates,
      frozenAt: '2027-01-15T08:00:00.000Z',
      engine: ENGINE_VERSION,
      gameVersion: '1.2',
      gameId: 1,
      entities: 2,
      sizes: { world: 3, entities: 1 },
    })
    expect(chunks.map((chunk) => [...chunk])).toEqual([[1, 2, 3], [], [120]])
  })

  test('may have nothing in it, or chunks of any bytes', () => {
    const path = file()
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.boolean(), (chunks, ready) => {
        writeFrozen(path, describeFrozen({ ...KNOWN, ready, gates: [], gameVersion: undefined }, chunks))
        const back = readFrozen(path)
        expect([back.process.ready, back.process.gates, back.process.gameVersion]).toEqual([ready, [], ''])
        expect(back.chunks.map((chunk) => [...chunk])).toEqual(chunks.map((chunk) => [...chunk]))
      }),
      { numRuns: 30 },
    )
  })

  test('may be large', () => {
    const chunks = [new Uint8Array(5_000_000).fill(7), ...Array.from({ length: 20_000 }, (_, n) => Buffer.from(`${n}`))]
    const back = readFrozen(written(game(chunks)).path)
    expect(back.chunks).toHaveLength(20_001)
    expect([back.chunks[0]!.length, `${back.chunks[20_000]}`]).toEqual([5_000_000, '19999'])
  })

  test('comes back from wherever its chunks lay in memory', () => {
    const one = Buffer.from(Array.from({ length: 100 }, (_, at) => at))
    const cuts = fc.array(fc.tuple(fc.nat(99), fc.nat(20)), { maxLength: 30 })
    const side = [one.subarray(0, 10), one.subarray(10, 10), one.subarray(10, 30), one.subarray(30)]
    const path = file()
    const comesBack = (chunks: readonly Uint8Array[]) => {
      writeFrozen(path, game(chunks))
      expect(readFrozen(path).chunks.map((chunk) => [...chunk])).toEqual(chunks.map((chunk) => [...chunk]))
    }
    for (const chunks of [side, side.toReversed(), [...side, ...side]]) comesBack(chunks)
    fc.assert(
      fc.property(cuts, (list) => comesBack(list.map(([at, length]) => one.subarray(at, at + length)))),
      { numRuns: 30 },
    )
  })

  test('can be forced to the disk later', async () => {
    const path = file()
    writeFrozen(path, SMALL, { sync: false })
    expect(readFrozen(path).chunks).toHaveLength(3)
    await syncFrozen(path)
    await expect(syncFrozen(`${path}.gone`)).rejects.toThrow(`${path}.gone could not be forced to the disk: ENOENT`)
  })

  test('is read by its owner only', () => {
    const before = process.umask(0)
    try {
      expect(statSync(written().path).mode & 0o777).toBe(0o600)
    } finally {
      process.umask(before)
    }
  })

  test('is not restored twice: the file is put aside', () => {
    const { path, bytes } = written()
    retireFrozen(path, 3, new VirtualClock())
    expect(refusal(path)).toBe(': there is no frozen game to restore')
    expect(readFileSync(retired(path)[0]!)).toEqual(bytes)
  })
})

const retired = (path: string) =>
  readdirSync(join(path, '..'))
    .filter((name) => name.startsWith(`${basename(path)}.`))
    .sort()
    .map((name) => join(path, '..', name))

describe('a game that was copied ahead', () => {
  const COPY = game([Buffer.from('world before'), Buffer.from('a'), Buffer.from('b')])
  const known: KnownOfProcess = { ...KNOWN, entities: 2 }
  const REST = describeFrozen(known, [Buffer.from('world'), Buffer.from('b again')], COPY.chunks)
  const texts = (chunks: readonly Uint8Array[] = []) => chunks.map((chunk) => `${Buffer.from(chunk)}`)
  function begun() {
    const path = file()
    const writer = new FrozenWriter(path, `${path}.ahead`)
    writer.block(COPY)
    return { path, writer }
  }
  function whole() {
    const { path, writer } = begun()
    writer.block(REST)
    writer.finish()
    return path
  }

  test('is read while the rest is yet to come, and with it when it is there', () => {
    const { path, writer } = begun()
    const reader = new FrozenReader(writer.temporary)
    expect(texts(reader.ahead().chunks)).toEqual(['world before', 'a', 'b'])
    expect(existsSync(path)).toBe(false)
    writer.block(REST)
    writer.finish({ sync: false })
    const { chunks, ahead, process } = reader.rest()
    reader.close()
    expect([texts(ahead), texts(chunks)]).toEqual([
      ['world before', 'a', 'b'],
      ['world', 'b again'],
    ])
    expect(process).toEqual(REST.process)
    expect(readdirSync(join(path, '..'))).toEqual([basename(path)])
  })

  test('comes back from its file alone', () => {
    const { chunks, ahead } = readFrozen(whole())
    expect([texts(ahead), texts(chunks)]).toEqual([texts(COPY.chunks), texts(REST.chunks)])
  })

  test('leaves nothing behind when the rest never comes', () => {
    const { path, writer } = begun()
    writer.discard()
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  test('is not taken for a game before the rest is there, nor when any of it is damaged', () => {
    const { writer } = begun()
    expect(refusal(writer.temporary)).toContain('its checksum is wrong')
    writer.discard()
    const path = whole()
    const bytes = readFileSync(path)
    for (let length = 0; length < bytes.length; length += 7)
      expect(refusalOf(bytes.subarray(0, length), path)).not.toBe('it was restored')
    for (let at = 0; at < bytes.length; at++) {
      bytes[at]! ^= 0x10
      expect([at, refusalOf(bytes, path)]).not.toEqual([at, 'it was restored'])
      bytes[at]! ^= 0x10
    }
    expect(refusalOf(bytes, path)).toBe('it was restored')
  })

  test('is refused when what was copied changes before the rest is read', () => {
    const { path, writer } = begun()
    const other = readFileSync(writer.temporary)
    other[other.length - 1]! ^= 1
    const otherPath = file()
    writeFileSync(otherPath, other)
    const reader = new FrozenReader(otherPath)
    reader.ahead()
    writer.block(REST)
    writer.finish()
    writeFileSync(otherPath, Buffer.concat([other, readFileSync(path).subarray(other.length)]))
    expect(() => reader.rest()).toThrow('its checksum is wrong')
    reader.close()
  })
})

describe('of those that were restored', () => {
  /** As in a run folder, where there are other files. */
  function runFolder() {
    const run = new RunFolder(tempFolder())
    run.create()
    const path = run.frozenPath({ role: 'game', id: 1 })
    const others = [
      'game1.pid',
      'game1.frozen.old',
      'game1.frozen.copy',
      'game11.frozen',
      'game11.frozen.20200101T000000.000Z',
    ]
    for (const name of others) writeFileSync(join(run.path, name), '')
    const kept = () => readdirSync(run.path).filter((name) => name.startsWith('game1.frozen.2'))
    const retire = (text: string, count: number, clock: VirtualClock) => {
      writeFileSync(path, text)
      retireFrozen(path, count, clock)
      const left = readdirSync(run.path).filter((name) => others.includes(name))
      expect(left).toEqual(others.toSorted())
    }
    return { run, kept, retire }
  }

  test('the last few are kept, by the time of their restore', async () => {
    const { run, kept, retire } = runFolder()
    const clock = new VirtualClock()
    const names: string[] = []
    for (let n = 0; n < 6; n++) {
      await clock.advance(61_001)
      names.push(`game1.frozen.${new Date(clock.wallMs()).toISOString().replaceAll(/[-:]/g, '')}`)
      retire(`${n}`, 3, clock)
      expect(kept()).toEqual(names.slice(-3))
    }
    expect(names[0]).toMatch(/^game1\.frozen\.\d{8}T\d{6}\.\d{3}Z$/)
    expect(readFileSync(join(run.path, names[5]!), 'utf8')).toBe('5')
    expect(run.frozen()).toEqual([{ role: 'game', id: 11 }])
  })

  test('fewer are kept when fewer are wanted, or none', async () => {
    const { kept, retire } = runFolder()
    const clock = new VirtualClock()
    for (const [count, left] of [
      [5, 1],
      [5, 2],
      [5, 3],
      [2, 2],
      [1, 1],
      [0, 0],
      [0, 0],
      [1000, 1],
    ] as const) {
      await clock.advance(1)
      retire('', count, clock)
      expect(kept()).toHaveLength(left)
    }
  })

  test('none takes the place of another of the same moment', () => {
    const { run, kept, retire } = runFolder()
    const clock = new VirtualClock()
    for (let n = 0; n < 4; n++) retire(`${n}`, 10, clock)
    expect(kept().map((name) => readFileSync(join(run.path, name), 'utf8'))).toEqual(['0', '1', '2', '3'])
  })

  test('the last one is kept when the clock was set back', async () => {
    const { run, kept, retire } = runFolder()
    const late = new VirtualClock()
    await late.advance(3_600_000)
    retire('before', 1, late)
    retire('after', 1, new VirtualClock())
    expect(kept().map((name) => readFileSync(join(run.path, name), 'utf8'))).toEqual(['after'])
  })

  test('one that cannot be removed hinders nothing', () => {
    const { run, kept, retire } = runFolder()
    mkdirSync(join(run.path, 'game1.frozen.20200101T000000.000Z', 'full'), { recursive: true })
    retire('1', 1, new VirtualClock())
    expect(kept()).toHaveLength(2)
  })
})

describe('a file is refused', () => {
  test('when it is not there', () => {
    expect(refusal(file())).toBe(': there is no frozen game to restore')
    expect(refusal(join(tempFolder(), 'no', 'such', 'folder'))).toBe(': there is no frozen game to restore')
  })

  test('when it cannot be read', () => {
    const path = tempFolder()
    expect(refusal(path)).toContain(': cannot be read: EISDIR')
    expect(() => retireFrozen(join(path, 'none'), 1)).toThrow('ENOENT')
  })

  test('when it is empty, or something else', () => {
    const foreign = ['', 'GWFZ', 'hello', 'SQLite format 3\0'.repeat(100), 'gwfz'.repeat(100), '\0'.repeat(1000)]
    for (const text of foreign) expect(refusalOf(Buffer.from(text))).toBe(' is not restored: it is no frozen game')
  })

  test('when it is of another version of the engine, however well it is', () => {
    const { bytes } = written()
    for (const version of [0, 1, 2, 0xffff]) {
      bytes.writeUInt16LE(version, 4)
      const content = bytes.subarray(0, -32)
      createHash('sha256').update(content).digest().copy(bytes, content.length)
      expect(refusalOf(bytes)).toBe(` is not restored: it has version ${version}, and this engine reads version 3`)
    }
  })

  test('when it is cut off anywhere', () => {
    const { path, bytes } = written()
    for (let length = 0; length < bytes.length; length++) {
      const why = refusalOf(bytes.subarray(0, length), path)
      expect([length, why]).toEqual([
        length,
        length < 38
          ? ' is not restored: it is no frozen game'
          : ' is not restored: it is damaged: its checksum is wrong',
      ])
    }
  })

  test('when any bit of it is another', () => {
    const { path, bytes } = written()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect([bit, refusalOf(bytes, path)]).not.toEqual([bit, 'it was restored'])
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
    expect(refusalOf(bytes, path)).toBe('it was restored')
  })

  test('when a count or a length in it lies, though its checksum is right', () => {
    const first = encode(SMALL.process)
    const rest = [Buffer.from([1, 2, 3]), Buffer.from('x')]
    const good = sealed([3, 4, first.length, 3, 0, 1], first, ...rest)
    expect(refusalOf(good)).toBe('it was restored')
    const damaged = /^ is not restored: it is damaged: /
    const headers: [number, number, ...number[]][] = [
      [3, 0],
      [3, 0, first.length, 3, 0, 1],
      [3, 5, first.length, 3, 0, 1],
      [3, 3, first.length, 3, 0, 1],
      [3, 0xffff_ffff, first.length, 3, 0, 1],
      [3, 4, first.length, 3, 0, 2],
      [3, 4, first.length, 3, 0, 0],
      [3, 4, first.length, 3, 0, 0xffff_ffff],
      [3, 4, 0xffff_ffff, 3, 0, 1],
    ]
    for (const header of headers)
      expect([header, refusalOf(sealed(header, first, ...rest))]).toEqual([header, expect.stringMatching(damaged)])
    // All bytes are there, in other chunks.
    for (const lengths of [
      [first.length, 2, 1, 1],
      [first.length, 3, 1],
      [first.length, 4],
      [first.length, 3, 0, 1, 0],
    ]) {
      const bytes = sealed([3, lengths.length, ...lengths], first, ...rest)
      expect([lengths, refusalOf(bytes)]).toEqual([
        lengths,
        ' is not restored: it is damaged: it does not have the entities that it says it has',
      ])
    }
  })

  test('when it does not say what is to be known of its process', () => {
    const { process } = SMALL
    const firsts: unknown[] = [
      null,
      7,
      'process',
      [],
      {},
      ...Object.keys(process).map((key) => ({ ...process, [key]: undefined })),
      { ...process, gates: {} },
      { ...process, sizes: 4 },
      { ...process, ready: 1 },
    ]
    for (const one of firsts) {
      const first = encode(one)
      expect(refusalOf(sealed([3, 1, first.length], first))).toBe(
        ' is not restored: it is damaged: what it says of its process cannot be read',
      )
    }
    expect(refusalOf(sealed([3, 1, 1], Buffer.from([0xc1])))).toContain('what it says of its process cannot be read')
    expect(refusalOf(sealed([3, 1, 0]))).toContain('what it says of its process cannot be read')
  })

  test('when it goes on behind its end', () => {
    const { bytes } = written()
    for (const more of [Buffer.from('x'), Buffer.alloc(32), bytes])
      expect(refusalOf(Buffer.concat([bytes, more]))).toContain('its checksum is wrong')
  })
})

describe('a write that fails', () => {
  const names = (path: string) => readdirSync(join(path, '..')).sort()

  test('leaves nothing where there is no folder', () => {
    const path = join(tempFolder(), 'gone', 'game1.freeze')
    expect(() => writeFrozen(path, SMALL)).toThrow(`${path} could not be written: ENOENT`)
    expect(existsSync(path)).toBe(false)
  })

  test('leaves no temporary file when the name is taken by a folder', () => {
    const path = file()
    mkdirSync(join(path, 'full'), { recursive: true })
    expect(() => writeFrozen(path, SMALL)).toThrow(`${path} could not be written: `)
    expect(names(path)).toEqual(['game1.freeze'])
  })

  test.skipIf(process.platform !== 'linux')('on a disk that is full leaves the old file as it was', () => {
    const { path, bytes } = written()
    symlinkSync('/dev/full', `${path}.tmp`)
    expect(() => writeFrozen(path, game([new Uint8Array(100)]))).toThrow(`${path} could not be written: ENOSPC`)
    expect([readFileSync(path), names(path)]).toEqual([bytes, ['game1.freeze']])
  })

  test.skipIf(process.getuid?.() === 0)(
    'in a folder that is not to be written to leaves the old file as it was',
    () => {
      const { path, bytes } = written()
      const folder = join(path, '..')
      chmodSync(folder, 0o500)
      try {
        expect(() => writeFrozen(path, SMALL)).toThrow(`${path} could not be written: EACCES`)
        expect([readFileSync(path), names(path)]).toEqual([bytes, ['game1.freeze']])
      } finally {
        chmodSync(folder, 0o700)
      }
    },
  )

  test('of which a temporary file was left does not hinder the next', () => {
    const path = file()
    writeFileSync(`${path}.tmp`, 'half of something that is much longer than what comes'.repeat(100))
    writeFrozen(path, SMALL)
    expect(readFrozen(path).chunks).toHaveLength(3)
    expect(names(path)).toEqual(['game1.freeze'])
  })
})
