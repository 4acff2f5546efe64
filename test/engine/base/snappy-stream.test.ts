// Snappy's streams: what is written comes out however it is cut, what Go has written is understood, and what is no stream is refused.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../engine/base/crc32c.ts'
import { WireError } from '../../../engine/base/errors.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import { BLOCK_BYTES_MAX } from '../../../engine/base/snappy.ts'
import { chunkOf, isSnappy, SnappyReader } from '../../../engine/base/snappy-stream.ts'
import { anyBytes, KINDS } from './snappy-samples.ts'

function streamOf(bytes: Uint8Array, chunkBytes = BLOCK_BYTES_MAX): Buffer {
  const chunks: Uint8Array[] = []
  for (let from = 0; from === 0 || from < bytes.length; from += chunkBytes)
    chunks.push(chunkOf(bytes, from, Math.min(from + chunkBytes, bytes.length), from === 0).slice())
  return Buffer.concat(chunks)
}

/** Reads a stream in pieces of the lengths that are said. What was shown is spoiled afterwards, as by a socket that reads on. */
function read(stream: Uint8Array, pieceBytes: () => number = () => stream.length) {
  const got: Buffer[] = []
  const reader = new SnappyReader((bytes) => {
    got.push(Buffer.from(bytes))
    bytes.fill(0xee)
    return true
  })
  for (let at = 0; at < stream.length; ) {
    const piece = new Uint8Array(stream.subarray(at, at + Math.max(1, Math.floor(pieceBytes()))))
    expect(reader.push(piece)).toBe(piece.length)
    at += piece.length
    piece.fill(0xee)
  }
  return { bytes: Buffer.concat(got), pieces: got, reader }
}

const BEGIN = Buffer.from('ff060000734e61507059', 'hex')
function chunk(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type, body.length, body.length >>> 8, body.length >>> 16]), body])
}
function plain(bytes: Uint8Array): Buffer {
  const crc = crc32c(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
  const sum = Buffer.alloc(4)
  sum.writeInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) | 0)
  return chunk(1, Buffer.concat([sum, bytes]))
}
const HELLO = Buffer.from('hello')

test('bytes of any kind come out as they went in, in chunks of any size and cut anywhere', () => {
  fc.assert(
    fc.property(
      anyBytes(200_000),
      fc.integer({ min: 1, max: BLOCK_BYTES_MAX }),
      fc.nat(),
      (bytes, chunkBytes, seed) => {
        const random = seededRandom(seed)
        // A hundred chunks are enough.
        const stream = streamOf(bytes, Math.max(chunkBytes, Math.ceil(bytes.length / 100)))
        const most = random() < 0.5 ? 100_000 : 300
        const { bytes: got, reader } = read(stream, () => random() * most)
        expect(got.equals(bytes)).toBe(true)
        expect(reader.waitingBytes).toBe(0)
      },
    ),
    { numRuns: 150 },
  )
})

test('a stream that comes byte by byte is read, and what waits is never more than has come', () => {
  const bytes = KINDS['text']!(3000, 1)
  const stream = streamOf(bytes, 700)
  const got: Buffer[] = []
  const reader = new SnappyReader((some) => got.push(Buffer.from(some)) > 0)
  let most = 0
  for (let at = 0; at < stream.length; at++) {
    reader.push(stream.subarray(at, at + 1))
    most = Math.max(most, reader.waitingBytes)
  }
  expect(Buffer.concat(got).equals(bytes)).toBe(true)
  expect(most).toBeGreaterThan(100)
  expect(most).toBeLessThan(700)
  expect(reader.waitingBytes).toBe(0)
})

test('what can be compressed is, and what cannot goes as it is', () => {
  const text = streamOf(KINDS['text']!(10_000, 1))
  expect([text[10], text.length < 6000]).toEqual([0, true])
  const noise = streamOf(KINDS['noise']!(10_000, 1))
  expect([noise[10], noise.length]).toEqual([1, BEGIN.length + 8 + 10_000])
  // A tenth less is not worth the trouble, a fifth is.
  const mixed = (zeros: number) => Buffer.concat([KINDS['noise']!(10_000 - zeros, 1), Buffer.alloc(zeros)])
  expect([streamOf(mixed(1100))[10], streamOf(mixed(2000))[10]]).toEqual([1, 0])
  const little = streamOf(Buffer.from('aaaaaaaaaaaaaaaa'))
  expect([little[10], little.length]).toEqual([1, BEGIN.length + 8 + 16])
})

test('several chunks that come at once are handed on together, up to 64 KiB', () => {
  expect(read(streamOf(KINDS['text']!(5000, 1), 10)).pieces.map(({ length }) => length)).toEqual([5000])
  const lengths = read(streamOf(KINDS['text']!(200_000, 1), 30_000)).pieces.map(({ length }) => length)
  expect(lengths).toEqual([60_000, 60_000, 60_000, 20_000])
})

describe('streams that Go has written', () => {
  /**
   * Made by github.com/golang/snappy v0.0.4: of `raw` (base64, or so many zeros), in writes of several lengths, by
   * snappy.NewBufferedWriter(&out), with a Flush now and then, or by snappy.NewWriter(&out); then Close.
   */
  const lines = readFileSync(join(import.meta.dirname, '../../golden/snappy.jsonl'), 'utf8')
    .trim()
    .split('\n')
  const golden = lines.map((line) => JSON.parse(line) as { name: string; raw: string | number; stream: string })

  test.each(golden)('$name is understood', ({ raw, stream }) => {
    const wanted = typeof raw === 'number' ? Buffer.alloc(raw) : Buffer.from(raw, 'base64')
    const random = seededRandom(2)
    expect(read(Buffer.from(stream, 'base64')).bytes.equals(wanted)).toBe(true)
    expect(read(Buffer.from(stream, 'base64'), () => random() * 50).bytes.equals(wanted)).toBe(true)
  })

  test('there are some of either writer', () => {
    expect(golden.length).toBeGreaterThan(5)
    expect(golden.every(({ stream }) => isSnappy(Buffer.from(stream, 'base64')))).toBe(true)
  })
})

test('what is to be skipped is, however long, and is kept nowhere', () => {
  const skipped = [
    chunk(0x80, HELLO),
    chunk(0xfd, Buffer.alloc(70_000, 1)),
    chunk(0xfe, Buffer.alloc(3)),
    chunk(0x90, Buffer.alloc(0)),
  ]
  const stream = Buffer.concat([
    BEGIN,
    plain(HELLO),
    ...skipped,
    plain(HELLO),
    BEGIN,
    plain(HELLO),
    plain(Buffer.alloc(0)),
  ])
  const { bytes, reader } = read(stream)
  expect(bytes.toString()).toBe('hellohellohello')
  const count = skipped.reduce((sum, { length }) => sum + length, 0)
  expect(reader.skippedBytes).toBe(count + BEGIN.length + 8)
  const random = seededRandom(3)
  const cut = read(stream, () => random() * 30)
  expect([cut.bytes.toString(), cut.reader.skippedBytes]).toEqual(['hellohellohello', reader.skippedBytes])

  const long = new SnappyReader(() => true)
  long.push(BEGIN)
  long.push(Buffer.from([0x85, 0xff, 0xff, 0xff]))
  const piece = new Uint8Array(1 << 16)
  for (let left = 0xff_ffff; left > 0; left -= piece.length) {
    expect(long.push(piece.subarray(0, left))).toBe(Math.min(left, piece.length))
    expect(long.waitingBytes).toBe(0)
  }
  const got: string[] = []
  const after = new SnappyReader((some) => got.push(Buffer.from(some).toString()) > 0)
  after.push(Buffer.concat([BEGIN, Buffer.from([0x85, 0xff, 0xff, 0xff]), Buffer.alloc(0xff_ffff), plain(HELLO)]))
  expect(got).toEqual(['hello'])
})

test('a reader that is told to stop goes on later where it was', () => {
  const bytes = KINDS['text']!(300_000, 1)
  const stream = streamOf(bytes, 40_000)
  const got: Buffer[] = []
  const reader = new SnappyReader((some) => {
    got.push(Buffer.from(some))
    return false
  })
  let pushes = 0
  for (let at = 0; at < stream.length; pushes++) {
    const before = got.length
    at += reader.push(stream.subarray(at, at + 65_536))
    // What it has in hand when it stops, and no more.
    expect(got.length - before).toBeLessThanOrEqual(1)
  }
  expect(Buffer.concat(got).equals(bytes)).toBe(true)
  // Eight chunks, of which no two fit.
  expect(pushes).toBeGreaterThanOrEqual(7)
})

test('a reader may be read by what another one is heard by', () => {
  const [outer, inner] = [KINDS['text']!(60_000, 1), KINDS['text']!(60_000, 2)]
  let right = 0
  const reader = new SnappyReader((some) => {
    if (read(streamOf(inner)).bytes.equals(inner) && Buffer.compare(some, outer) === 0) right++
    return true
  })
  reader.push(streamOf(outer))
  expect(right).toBe(1)
})

describe('what is no snappy stream', () => {
  const badly = (...chunks: Uint8Array[]) => Buffer.concat([BEGIN, ...chunks])
  const spoiled = plain(HELLO)
  spoiled[4]! ^= 1
  const block = (bytes: number[]) => chunk(0, Buffer.from([0, 0, 0, 0, ...bytes]))
  test.each<[string, Buffer, string]>([
    ['a frame of GoWorld’s', Buffer.from('0200 0000 d107'.replaceAll(' ', ''), 'hex'), 'does not begin'],
    [
      'a frame whose length begins with ff',
      Buffer.concat([Buffer.from([0xff, 0, 0, 0]), Buffer.alloc(255)]),
      'does not begin|255',
    ],
    ['a begin that says something else', Buffer.from('ff060000734e61507058', 'hex'), 'does not begin'],
    ['a chunk without a begin', plain(HELLO), 'does not begin'],
    ['something to be skipped without a begin', chunk(0xfe, HELLO), 'does not begin'],
    ['a second begin that is too long', badly(chunk(0xff, Buffer.from('sNaPpY!'))), '7 bytes; allowed are 6 to 6'],
    ['a second begin that says something else', badly(chunk(0xff, Buffer.from('SnApPy'))), 'does not begin'],
    ['a chunk nobody may skip', badly(chunk(2, HELLO)), 'type 2, which is unknown'],
    ['the last of those', badly(chunk(0x7f, HELLO)), 'type 127, which is unknown'],
    ['a wrong checksum', badly(spoiled), 'wrong checksum'],
    ['a chunk without a checksum', badly(chunk(1, Buffer.alloc(3))), '3 bytes; allowed are 4'],
    ['a compressed chunk without a block', badly(block([])), 'length cannot be read'],
    ['more than 64 KiB as they are', badly(Buffer.from([1, 5, 0, 1])), '65541 bytes; allowed are 4 to 65540'],
    ['more than 64 KiB compressed', badly(block([0x81, 0x80, 4, 0, 0])), '65537 bytes; allowed are 65536'],
    ['a compressed chunk longer than any', badly(Buffer.from([0, 0xcf, 0x2a, 1])), 'allowed are 4 to 76494'],
    ['a block that is cut off', badly(block([5, 4 << 2, 104])), 'cut off'],
  ])('%s is refused, whole and byte by byte', (_name, stream, message) => {
    for (const pieceBytes of [() => stream.length, () => 1]) {
      expect(() => read(stream, pieceBytes)).toThrow(WireError)
      expect(() => read(stream, pieceBytes)).toThrow(new RegExp(message))
    }
  })

  test('says whether it had begun as one', () => {
    const begun = (stream: Buffer) => {
      const reader = new SnappyReader(() => true)
      expect(() => reader.push(stream)).toThrow(WireError)
      return reader.hasBegun
    }
    expect([begun(Buffer.from('02000000d107', 'hex')), begun(badly(spoiled))]).toEqual([false, true])
    expect([isSnappy(BEGIN), isSnappy(BEGIN.subarray(0, 9)), isSnappy(spoiled)]).toEqual([true, false, false])
  })

  test('is refused by nothing but the one error, whatever it is, and no more comes of it than it may hold', () => {
    const random = seededRandom(5)
    fc.assert(
      fc.property(anyBytes(20_000), fc.integer({ min: 0, max: 4 }), (bytes, faults) => {
        const stream = streamOf(bytes, 1 + Math.floor(random() * 5000))
        for (let fault = 0; fault < faults; fault++) {
          const at = Math.floor(random() * stream.length)
          stream[at] = random() < 0.5 ? stream[at]! ^ (1 << (random() * 8)) : random() * 256
        }
        const got: Buffer[] = []
        const reader = new SnappyReader((some) => got.push(Buffer.from(some)) > 0)
        try {
          for (let at = 0; at < stream.length; at += 3000) reader.push(stream.subarray(at, at + 3000))
          if (faults === 0) expect(Buffer.concat(got).equals(bytes)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
          expect(faults).toBeGreaterThan(0)
        }
        // A checksum lets nothing through that was not said; but a chunk may have become one that is to be skipped.
        if (reader.skippedBytes === 0) expect(Buffer.from(bytes).includes(got[0] ?? Buffer.alloc(0))).toBe(true)
        expect(reader.waitingBytes).toBeLessThan(77_000)
      }),
      { numRuns: 600 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        try {
          read(Buffer.concat([BEGIN, bytes]))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
