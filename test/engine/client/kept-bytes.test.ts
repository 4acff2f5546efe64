// What is kept of a session's stream until it is acknowledged: byte by byte, and over the end of what 32 bits count.
import { expect, it } from 'vitest'
import { seededRandom } from '../../../engine/base/random.ts'
import { KeptBytes } from '../../../engine/client/kept-bytes.ts'

const bytes = (...values: number[]) => new Uint8Array(values)

it('is said again from wherever the peer has it to', () => {
  for (let offset = 0; offset <= 6; offset++) {
    const kept = new KeptBytes()
    kept.add(bytes(1, 2, 3), true)
    expect(kept.next()).toEqual(bytes(1, 2, 3))
    kept.add(bytes(4), true)
    kept.add(bytes(5, 6), true)
    expect(kept.next()).toEqual(bytes(4, 5, 6))
    expect(kept.next()).toBeUndefined()
    kept.add(bytes(7), true)
    expect(kept.rewind(offset)).toBe(true)
    expect(kept.next(), `from ${offset}`).toEqual(bytes(1, 2, 3, 4, 5, 6, 7).subarray(offset))
    expect(kept.next()).toBeUndefined()
  }
})

it('refuses what the peer cannot have, or had once and has forgotten; old news are none', () => {
  const kept = new KeptBytes()
  kept.add(bytes(1, 2, 3), true)
  expect(kept.taken(1)).toBe(false)
  kept.next()
  expect(kept.taken(4)).toBe(false)
  expect(kept.taken(3)).toBe(true)
  expect(kept.bytes).toBe(0)
  expect(kept.taken(1)).toBe(true)
  expect(kept.rewind(2)).toBe(false)
  expect(kept.rewind(4)).toBe(false)
  expect(kept.rewind(3)).toBe(true)
})

it('counts calls by whether a connection had them', () => {
  const kept = new KeptBytes()
  kept.add(bytes(1, 1), true)
  kept.add(bytes(2, 2), false)
  kept.next()
  kept.add(bytes(3, 3), true)
  kept.next()
  kept.add(bytes(4, 4), true)
  kept.add(bytes(5, 5), false)
  // The half of a call is no call.
  kept.taken(1)
  expect(kept.unsureCalls).toBe(2)
  kept.taken(2)
  expect(kept.unsureCalls).toBe(1)
  expect(kept.anew()).toBe(1)
  expect(kept.bytes).toBe(4)
  expect(kept.next()).toEqual(bytes(4, 4, 5, 5))
  expect(kept.taken(4)).toBe(true)
  kept.add(bytes(6), true)
  kept.add(bytes(7), false)
  expect(kept.dropWaiting()).toBe(1)
  expect(kept.bytes).toBe(0)
})

it('counts modulo 2^32', () => {
  const kept = new KeptBytes()
  const large = new Uint8Array(2 ** 29)
  let offset = 0
  for (let n = 0; n < 10; n++) {
    kept.add(large, false)
    kept.next()
    offset = (offset + large.length) >>> 0
    expect(kept.taken(offset)).toBe(true)
  }
  expect(kept.bytes).toBe(0)
  kept.add(bytes(1, 2, 3), true)
  kept.next()
  expect(kept.rewind(offset + 1)).toBe(true)
  expect(kept.next()).toEqual(bytes(2, 3))
})

it('is the same as a plain list of bytes', () => {
  const random = seededRandom(7)
  const kept = new KeptBytes()
  const said: number[] = []
  let taken = 0
  let written = 0
  for (let step = 0; step < 5000; step++) {
    const dice = random()
    if (dice < 0.5) {
      const frame = Array.from({ length: 1 + random() * 5 }, () => Math.floor(random() * 256))
      said.push(...frame)
      kept.add(bytes(...frame), true)
    } else if (dice < 0.8) {
      expect(kept.next() ?? bytes()).toEqual(bytes(...said.slice(written)))
      written = said.length
    } else if (dice < 0.95) {
      taken += Math.floor(random() * (written - taken + 1))
      expect(kept.taken(taken)).toBe(true)
    } else {
      taken += Math.floor(random() * (written - taken + 1))
      expect(kept.rewind(taken)).toBe(true)
      expect(kept.next() ?? bytes()).toEqual(bytes(...said.slice(taken)))
      written = said.length
    }
    expect(kept.bytes).toBeGreaterThanOrEqual(said.length - taken)
    expect(kept.bytes).toBeLessThan(said.length - taken + 6)
  }
})

it('leaves in pieces that a gate takes as messages, each of whole frames', () => {
  const kept = new KeptBytes()
  for (let frame = 0; frame < 100; frame++) kept.add(new Uint8Array(1000).fill(frame), true)
  kept.add(new Uint8Array(50_000), true)
  kept.add(bytes(1), true)
  const pieces: number[] = []
  for (let piece = kept.next(); piece; piece = kept.next()) pieces.push(piece.length)
  expect(pieces).toEqual([...Array(6).fill(16_000), 4000, 50_000, 1])
  expect([kept.bytes, kept.unsureCalls]).toEqual([150_001, 102])
  expect(kept.rewind(100_500)).toBe(true)
  expect(kept.next()).toHaveLength(49_500)
})
