// A client's stream that is compressed: what it says and hears, and what it says of a server that does not speak snappy.
import { expect, test } from 'vitest'
import { chunkOf, SnappyReader } from '../../../engine/base/snappy-stream.ts'
import { compressed } from '../../../engine/client/compressed.ts'
import type { ByteStream } from '../../../engine/client/stream.ts'

function open() {
  const written: Uint8Array[] = []
  let isClosed = 0
  let data: (chunk: Uint8Array) => void = () => {}
  let over: (reason: string, onPurpose?: boolean) => void = () => {}
  const stream = compressed({
    bufferedBytes: 77,
    write: (bytes) => void written.push(bytes),
    onData(handler) {
      data = handler
    },
    onClose(handler) {
      over = handler
    },
    close: () => isClosed++,
  } satisfies ByteStream)
  const heard: Buffer[] = []
  const reasons: unknown[] = []
  stream.onData((chunk) => void heard.push(Buffer.from(chunk)))
  stream.onClose((...why) => void reasons.push(why))
  return {
    stream,
    written,
    heard,
    reasons,
    closes: () => isClosed,
    says: (bytes: Uint8Array) => data(bytes),
    ends: (reason: string, onPurpose?: boolean) => over(reason, onPurpose),
  }
}

test('what is said is one stream, and stays as it is until it has left', () => {
  const { stream, written } = open()
  const said = [Buffer.from('hello'), Buffer.alloc(150_000, 'world '), Buffer.from('x'.repeat(3000))]
  for (const bytes of said) stream.write(bytes)
  expect(written).toHaveLength(1 + 3 + 1)
  const got: Buffer[] = []
  const reader = new SnappyReader((some) => got.push(Buffer.from(some)) > 0)
  for (const bytes of written) reader.push(bytes)
  expect(Buffer.concat(got).equals(Buffer.concat(said))).toBe(true)
  expect(stream.bufferedBytes).toBe(77)
})

test('what is heard is taken apart, and the end is passed on', () => {
  const { stream, heard, reasons, closes, says, ends } = open()
  const chunk = chunkOf(Buffer.from('hello'), 0, 5, true).slice()
  says(chunk.subarray(0, 12))
  says(chunk.subarray(12))
  expect(heard.map(String)).toEqual(['hello'])
  stream.close()
  expect(closes()).toBe(1)
  ends('gone', true)
  expect(reasons).toEqual([['gone', true]])
})

test('a server that does not speak snappy is left, and the reason says what it may be', () => {
  const { heard, reasons, closes, says, ends } = open()
  says(Buffer.from([60, 0, 0, 0, 0xea, 3]))
  says(chunkOf(Buffer.from('hello'), 0, 5, true))
  expect([heard.length, closes()]).toEqual([0, 1])
  ends('closed')
  expect(reasons).toEqual([['the server does not speak snappy: is compress_connection set there?', undefined]])
})

test('a server that speaks it badly is left, and the reason says how', () => {
  const { reasons, says, ends } = open()
  const chunk = chunkOf(Buffer.from('hello'), 0, 5, true).slice()
  chunk[chunk.length - 1]! ^= 1
  says(chunk)
  ends('closed')
  expect(reasons).toEqual([['the server sent a chunk with a wrong checksum', undefined]])
})
