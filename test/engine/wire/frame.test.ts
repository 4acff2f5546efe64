// Frames come out whole however the stream is cut, and what is announced costs nothing before it is there.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader } from '../../../engine/wire/frame.ts'

const frame = (payload: Uint8Array) => {
  const bytes = new Uint8Array(4 + payload.length)
  new DataView(bytes.buffer).setUint32(0, payload.length, true)
  bytes.set(payload, 4)
  return bytes
}
const stream = (payloads: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(payloads.map(frame)))
const payload = (length: number, first = 1) => Uint8Array.from({ length }, (_, at) => first + at)

function reader(limits: { minBytes?: number; maxBytes: number; reusedBytes?: number } = { maxBytes: 1 << 16 }) {
  const got: Buffer[] = []
  const frames = new FrameReader((bytes, start, end) => {
    got.push(Buffer.from(bytes.slice(start, end)))
    return undefined
  }, limits)
  return { frames, got }
}

/** The stream in chunks of their own, which are overwritten as soon as they have been read, as sockets do. */
function feed(frames: FrameReader, bytes: Uint8Array, cuts: readonly number[]): void {
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    const chunk = bytes.slice(from, to)
    frames.push(chunk)
    chunk.fill(0xee)
    from = to
  }
}

describe.each([0, 1 << 16])('frames, with %d bytes kept for the next', (reusedBytes) => {
  const limits = { maxBytes: 1 << 16, reusedBytes }

  test('cut at every byte, and at every two', () => {
    const payloads = [payload(2), payload(300), payload(5, 40), payload(2, 7)]
    const bytes = stream(payloads)
    for (let first = 0; first <= bytes.length; first++) {
      const { frames, got } = reader(limits)
      feed(frames, bytes, [first])
      expect(got).toEqual(payloads.map((each) => Buffer.from(each)))
      expect(frames.waitingBytes).toBe(0)
    }
    for (let first = 0; first <= 24; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const { frames, got } = reader(limits)
        feed(frames, bytes, [first, second])
        expect(got).toHaveLength(payloads.length)
      }
    }
  })

  test('one byte at a time', () => {
    const payloads = [payload(2), payload(70), payload(9)]
    const bytes = stream(payloads)
    const { frames, got } = reader(limits)
    feed(
      frames,
      bytes,
      Array.from({ length: bytes.length }, (_, at) => at),
    )
    expect(got).toEqual(payloads.map((each) => Buffer.from(each)))
  })

  test('in any pieces', () => {
    const payloads = fc.array(fc.uint8Array({ minLength: 2, maxLength: 2000, size: 'max' }), { maxLength: 12 })
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(20_000), { maxLength: 30 }), (sent, places) => {
        const bytes = stream(sent)
        const { frames, got } = reader(limits)
        const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b)
        feed(frames, bytes, cuts)
        expect(got).toEqual(sent.map((each) => Buffer.from(each)))
      }),
    )
  })
})

test('a length that is not allowed is refused as soon as it is known, wherever it is cut', () => {
  for (const length of [0, 1, 101, 0x7fffffff, 0xffffffff]) {
    for (let cut = 0; cut <= 4; cut++) {
      const { frames, got } = reader({ maxBytes: 100 })
      const header = new Uint8Array(4)
      new DataView(header.buffer).setUint32(0, length, true)
      const bytes = new Uint8Array(Buffer.concat([frame(payload(3)), header]))
      expect(() => feed(frames, bytes, [7 + cut])).toThrow(`a frame of ${length} bytes; allowed are 2 to 100`)
      expect(got).toHaveLength(1)
      frames.push(frame(payload(3)))
      expect(got).toHaveLength(1)
    }
  }
})

test('what is announced and not there is not kept room for', () => {
  const { frames } = reader({ maxBytes: 32 << 20 })
  const before = process.memoryUsage().arrayBuffers
  const header = new Uint8Array(4)
  new DataView(header.buffer).setUint32(0, 32 << 20, true)
  frames.push(header)
  frames.push(new Uint8Array(1000))
  expect(frames.waitingBytes).toBe(1004)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
})

test('a reader that has been told to stop reads no further', () => {
  const got: number[] = []
  const frames = new FrameReader((bytes, start) => got.push(bytes[start]!) < 2, { maxBytes: 100 })
  frames.push(stream([payload(2, 1), payload(2, 2), payload(2, 3)]))
  frames.push(frame(payload(2, 4)))
  expect(got).toEqual([1, 2])
})

test('a reader tells how much it has taken, wherever the frame that stops it was cut', () => {
  const bytes = stream([payload(2, 1), payload(2, 2), payload(2, 3)])
  for (let cut = 0; cut < bytes.length; cut++) {
    const got: number[] = []
    const frames = new FrameReader((chunk, start) => got.push(chunk[start]!) < 2, { maxBytes: 100 })
    const taken = frames.push(bytes.slice(0, cut))
    expect(taken).toBe(Math.min(cut, 12))
    expect(taken + frames.push(bytes.slice(cut))).toBe(12)
    expect(got).toEqual([1, 2])
  }
})
