// Small pieces of bytes that are cut from larger ones.
import { expect, test } from 'vitest'
import { pieceOf } from '../../../engine/base/slab.ts'

test('pieces are copies, whatever becomes of what they were copied from, and of each other', () => {
  const lengths = [0, 1, 40, 2047, 2048, 2049, 9000, 3]
  const pieces: Uint8Array[] = []
  for (let n = 0; n < 400; n++) {
    const source = new Uint8Array(lengths[n % lengths.length]!).fill(n)
    pieces.push(pieceOf(source))
    source.fill(255)
  }
  for (const [n, piece] of pieces.entries()) expect(piece).toEqual(new Uint8Array(lengths[n % lengths.length]!).fill(n))
})

test('many small ones share memory, and none of them much', () => {
  const pieces = Array.from({ length: 1000 }, () => pieceOf(new Uint8Array(40)))
  const memory = new Set(pieces.map(({ buffer }) => buffer))
  expect(memory.size).toBeLessThan(20)
  for (const { byteLength } of memory) expect(byteLength).toBeLessThanOrEqual(8192)
})
