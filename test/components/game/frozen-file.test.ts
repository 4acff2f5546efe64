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
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type FrozenGame, readFrozen, retireFrozen, writeFrozen } from '../../../components/game/frozen-file.ts'
import { OperatorError } from '../../../engine/base/errors.ts'
import { tempFolder } from '../../temp-folder.ts'

const PROCESS: FrozenGame['process'] = {
  process: 'process000000001',
  ready: true,
  gates: [
    [1, 'gate000000000001'],
    [2, 'gate000000000002'],
  ],
  frozenAt: '2027-01-15T08:00:00.000Z',
}
const SMALL: FrozenGame = { process: PROCESS, chunks: [new Uint8Array([1, 2, 3]), new Uint8Array(0), Buffer.from('x')] }

const file = () => join(tempFolder(), 'game1.freeze')
function written(game: FrozenGame = SMALL): { path: string; bytes: Buffer } {
  const path = file()
  writeFrozen(path, game)
  return { path, bytes: readFileSync(path) }
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
    expect(process).toEqual(PROCESS)
    expect(chunks.map((chunk) => [...chunk])).toEqual([[1, 2, 3], [], [120]])
  })

  test('may have nothing in it, or chunks of any bytes', () => {
    const path = file()
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.boolean(), (chunks, ready) => {
        writeFrozen(path, { process: { ...PROCESS, ready, gates: [] }, chunks })
        const back = readFrozen(path)
        expect([back.process.ready, back.process.gates]).toEqual([ready, []])
        expect(back.chunks.map((chunk) => [...chunk])).toEqual(chunks.map((chunk) => [...chunk]))
      }),
      { numRuns: 30 },
    )
  })

  test('may be large', () => {
    const chunks = [new Uint8Array(5_000_000).fill(7), ...Array.from({ length: 20_000 }, (_, n) => Buffer.from(`${n}`))]
    const back = readFrozen(written({ process: PROCESS, chunks }).path)
    expect(back.chunks).toHaveLength(20_001)
    expect([back.chunks[0]!.length, `${back.chunks[20_000]}`]).toEqual([5_000_000, '19999'])
  })

  test('is read by its owner only', () => {
    const before = process.umask(0)
    try {
      expect(statSync(written().path).mode & 0o777).toBe(0o600)
    } finally {
      process.umask(before)
    }
  })

  test('is not restored twice: the file is put aside, over one that was before', () => {
    const { path, bytes } = written()
    writeFileSync(`${path}.old`, 'older')
    retireFrozen(path)
    expect(refusal(path)).toBe(': there is no frozen game to restore')
    expect(readFileSync(`${path}.old`)).toEqual(bytes)
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
  })

  test('when it is empty, or something else', () => {
    const foreign = ['', 'GWFZ', 'hello', 'SQLite format 3\0'.repeat(100), 'gwfz'.repeat(100), '\0'.repeat(1000)]
    for (const text of foreign) expect(refusalOf(Buffer.from(text))).toBe(' is not restored: it is no frozen game')
  })

  test('when it is of another version of the engine, however well it is', () => {
    const { bytes } = written()
    for (const version of [0, 2, 0xffff]) {
      bytes.writeUInt16LE(version, 4)
      const content = bytes.subarray(0, -32)
      createHash('sha256').update(content).digest().copy(bytes, content.length)
      expect(refusalOf(bytes)).toBe(` is not restored: it has version ${version}, and this engine reads version 1`)
    }
  })

  test('when it is cut off anywhere', () => {
    const { path, bytes } = written()
    for (let length = 0; length < bytes.length; length++) {
      const why = refusalOf(bytes.subarray(0, length), path)
      expect([length, why]).toEqual([
        length,
        length < 42
          ? ' is not restored: it is no frozen game'
          : ' is not restored: it is damaged: its checksum is wrong',
      ])
    }
  })

  test('when any bit of it is another', () => {
    const { path, bytes } = written()
    for (let at = 0; at < bytes.length; at++) {
      const bit = 1 << (at % 8)
      bytes[at]! ^= bit
      expect([at, refusalOf(bytes, path)]).not.toEqual([at, 'it was restored'])
      bytes[at]! ^= bit
    }
    expect(refusalOf(bytes, path)).toBe('it was restored')
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
    expect(() => writeFrozen(path, { process: PROCESS, chunks: [new Uint8Array(100)] })).toThrow(
      `${path} could not be written: ENOSPC`,
    )
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
