// Snappy's blocks: what is compressed comes back, and no bytes, however wrong, do more than be refused.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../../engine/base/errors.ts'
import { seededRandom } from '../../../engine/base/random.ts'
import {
  Bench,
  BLOCK_BYTES_MAX,
  blockBytesMax,
  compressBlock,
  decompressBlock,
  lengthOfBlock,
  SLACK_BYTES,
} from '../../../engine/base/snappy.ts'
import { anyBytes, KINDS } from './snappy-samples.ts'

const TARGET = BLOCK_BYTES_MAX + SLACK_BYTES
const END = TARGET + blockBytesMax(BLOCK_BYTES_MAX)
const bench = new Bench(END + SLACK_BYTES)

function compressed(bytes: Uint8Array): Uint8Array {
  bench.bytes.set(bytes)
  const end = compressBlock(bench, 0, bytes.length, TARGET)
  expect(end).toBeLessThanOrEqual(TARGET + blockBytesMax(bytes.length))
  expect(Buffer.compare(bench.bytes.subarray(0, bytes.length), bytes)).toBe(0)
  return bench.bytes.slice(TARGET, end)
}

const GUARD = 0xa7
const reading = new Bench(300_000)

/** Reads a block from the middle of memory, and sees to it that all around is left alone. */
function decompressed(block: Uint8Array): Uint8Array {
  const from = 1000
  const at = from + block.length + SLACK_BYTES + 1000
  reading.bytes.fill(GUARD, 0, at + BLOCK_BYTES_MAX + 2 * SLACK_BYTES)
  reading.bytes.set(block, from)
  const length = lengthOfBlock(reading.bytes, from, from + block.length)
  try {
    decompressBlock(reading, from, from + block.length, at, length)
    return reading.bytes.slice(at, at + length)
  } finally {
    const isLeft = (start: number, end: number) => reading.bytes.subarray(start, end).every((byte) => byte === GUARD)
    expect(isLeft(0, from)).toBe(true)
    expect(Buffer.compare(reading.bytes.subarray(from, from + block.length), block)).toBe(0)
    expect(isLeft(from + block.length, at)).toBe(true)
    // What is copied by words may go on for three bytes.
    expect(isLeft(at + length + 3, at + length + SLACK_BYTES)).toBe(true)
  }
}

const same = (a: Uint8Array, b: Uint8Array) => expect(Buffer.compare(a, b)).toBe(0)

describe('a round trip', () => {
  test('leaves bytes of any kind and length as they were', () => {
    fc.assert(
      fc.property(anyBytes(BLOCK_BYTES_MAX), (bytes) => {
        same(decompressed(compressed(bytes)), bytes)
      }),
      { numRuns: 400 },
    )
  })

  test.each(Object.keys(KINDS))('leaves %s of every small length and of the largest as they were', (kind) => {
    for (let length = 1; length < 300; length++) {
      const bytes = KINDS[kind]!(length, length)
      same(decompressed(compressed(bytes)), bytes)
    }
    const bytes = KINDS[kind]!(BLOCK_BYTES_MAX, 5)
    same(decompressed(compressed(bytes)), bytes)
  })

  test('takes nothing from the block before, though the table still knows where things were there', () => {
    const first = KINDS['noise']!(5000, 1)
    const wanted = compressed(first)
    compressed(KINDS['text']!(60_000, 2))
    compressed(first.slice(100))
    same(compressed(first), wanted)
  })
})

test('two thousand million bytes later it compresses as well as before', () => {
  const text = KINDS['text']!(10_000, 1)
  const { length } = compressed(text)
  bench.bytes.fill(0, 0, BLOCK_BYTES_MAX)
  for (let bytes = 0; bytes <= 2 ** 31; bytes += BLOCK_BYTES_MAX) compressBlock(bench, 0, BLOCK_BYTES_MAX, TARGET)
  expect(compressed(text)).toHaveLength(length)
  same(decompressed(compressed(text)), text)
})

test('what says the same again and again becomes much shorter; noise becomes hardly longer', () => {
  expect(compressed(new Uint8Array(BLOCK_BYTES_MAX)).length).toBeLessThan(BLOCK_BYTES_MAX / 20)
  expect(compressed(KINDS['text']!(10_000, 1)).length).toBeLessThan(6000)
  expect(compressed(KINDS['positions']!(32_000, 1)).length).toBeLessThan(24_000)
  expect(compressed(KINDS['noise']!(BLOCK_BYTES_MAX, 1)).length).toBeLessThan(BLOCK_BYTES_MAX + 20)
})

const block = (...bytes: number[]) => Uint8Array.from(bytes)
const literal = (text: string) => [(text.length - 1) << 2, ...Buffer.from(text)]

describe('every form that the format knows', () => {
  test.each([
    ['nothing', block(0), ''],
    ['a literal', block(3, ...literal('abc')), 'abc'],
    ['a literal whose length takes one byte', block(3, 60 << 2, 2, ...Buffer.from('abc')), 'abc'],
    ['a literal whose length takes two bytes', block(3, 61 << 2, 2, 0, ...Buffer.from('abc')), 'abc'],
    ['a literal whose length takes three bytes', block(3, 62 << 2, 2, 0, 0, ...Buffer.from('abc')), 'abc'],
    ['a literal whose length takes four bytes', block(3, 63 << 2, 2, 0, 0, 0, ...Buffer.from('abc')), 'abc'],
    ['a copy with a short offset', block(7, ...literal('abc'), 1, 3), 'abcabca'],
    ['a copy of one byte with a long offset', block(4, ...literal('abc'), 2, 2, 0), 'abcb'],
    ['a copy with an offset of four bytes', block(5, ...literal('abc'), (1 << 2) | 3, 3, 0, 0, 0), 'abcab'],
    ['copies that overlap themselves', block(15, ...literal('ab'), 1, 1, (8 << 2) | 2, 2, 0), 'abbbbbbbbbbbbbb'],
    ['a length that takes more bytes than it needs', block(0x83, 0x80, 0, ...literal('abc')), 'abc'],
  ])('%s is read', (_name, bytes, wanted) => {
    expect(Buffer.from(decompressed(bytes)).toString()).toBe(wanted)
  })
})

describe('what is no block', () => {
  test.each([
    ['nothing at all', block(), 'whose length cannot be read'],
    ['a length without an end', block(0x80, 0x80), 'whose length cannot be read'],
    ['a length of more than 32 bits', block(0x80, 0x80, 0x80, 0x80, 0x80, 1), 'whose length cannot be read'],
    ['a length that is too large', block(0x81, 0x80, 4, 0, 0), '65537 bytes; allowed are 65536'],
    ['a length of four thousand million', block(0xff, 0xff, 0xff, 0xff, 0xf), '4294967295 bytes'],
    ['a literal that is cut off', block(3, 2 << 2, 1, 2), 'cut off'],
    ['a literal’s length that is cut off', block(3, 62 << 2, 2), 'cut off'],
    ['a literal of four thousand million', block(3, 63 << 2, 255, 255, 255, 255, 1), 'cut off'],
    ['a literal that is too long', block(2, ...literal('abc')), 'longer than it says'],
    ['a copy that is too long', block(6, ...literal('abc'), 1, 3), 'longer than it says'],
    ['a copy before there is anything', block(4, 1, 1), 'never said'],
    ['a copy from before the begin', block(7, ...literal('abc'), 1, 4), 'never said'],
    ['a copy from where it stands', block(7, ...literal('abc'), 1, 0), 'never said'],
    ['a copy from far before', block(7, ...literal('abc'), (3 << 2) | 3, 255, 255, 255, 255), 'never said'],
    ['a copy that is cut off', block(7, ...literal('abc'), 1), 'cut off'],
    ['a long copy that is cut off', block(7, ...literal('abc'), 2, 1), 'cut off'],
    ['a longer copy that is cut off', block(7, ...literal('abc'), 3, 1, 0, 0), 'cut off'],
    ['too little', block(9, ...literal('abc')), 'shorter than it says'],
  ])('%s is refused', (_name, bytes, message) => {
    expect(() => decompressed(bytes)).toThrow(WireError)
    expect(() => decompressed(bytes)).toThrow(message)
  })

  test('any bytes are read or refused, and nothing beside them is touched', () => {
    const attempt = (bytes: Uint8Array) => {
      try {
        decompressed(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { numRuns: 2000 })
    // Those that begin well go further.
    const random = seededRandom(4)
    fc.assert(
      fc.property(anyBytes(4000), fc.integer({ min: 1, max: 5 }), (bytes, faults) => {
        const spoiled = compressed(bytes.length === 0 ? block(1) : bytes)
        for (let fault = 0; fault < faults; fault++) {
          const at = Math.floor(random() * spoiled.length)
          spoiled[at] = random() < 0.5 ? spoiled[at]! ^ (1 << (random() * 8)) : random() * 256
        }
        attempt(spoiled)
        attempt(spoiled.slice(0, random() * spoiled.length))
      }),
      { numRuns: 1000 },
    )
  })
})
