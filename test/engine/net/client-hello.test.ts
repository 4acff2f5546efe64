// A hello, however it is cut: whole with its last byte and not before, and what is none is told with the first byte that says so.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClientHello } from '../../../engine/net/client-hello.ts'

const record = (body: Uint8Array, type = 22) =>
  Buffer.concat([Buffer.from([type, 3, 1, body.length >> 8, body.length & 255]), body])

/** A message of so many bytes, its header among them. */
function message(bytes: number): Buffer {
  const said = Buffer.alloc(bytes, 7)
  said.writeUInt32BE((1 << 24) + bytes - 4)
  return said
}

test('is whole with its last byte, whatever its records and its pieces', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 4, max: 3000 }),
      fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
      (bytes, recordSizes, pieceSizes) => {
        const said = message(bytes)
        const records: Buffer[] = []
        for (let at = 0, n = 0; at < bytes; n++) {
          const size = recordSizes[n % recordSizes.length]!
          records.push(record(said.subarray(at, at + size)))
          at += size
        }
        const all = Buffer.concat(records)
        const hello = new ClientHello()
        for (let at = 0, n = 0; at < all.length; n++) {
          expect([hello.isWhole, hello.length]).toEqual([false, at])
          const size = pieceSizes[n % pieceSizes.length]!
          hello.add(all.subarray(at, at + size))
          at += size
        }
        expect([hello.isWhole, hello.fault]).toEqual([true, undefined])
        expect(hello.take().equals(all)).toBe(true)
      },
    ),
  )
})

test('keeps what comes behind it', () => {
  const hello = new ClientHello()
  const all = Buffer.concat([record(message(600)), Buffer.alloc(5000, 'more')])
  hello.add(all.subarray(0, 605))
  hello.add(all.subarray(605))
  expect([hello.isWhole, hello.fault, hello.take().equals(all)]).toEqual([true, undefined, true])
})

test.each([
  ['words', Buffer.from('GET / HTTP/1.1'), 'it says "GET /"'],
  ['an alert', record(Buffer.from([2, 40]), 21), 'it says "\\u0015'],
  ['a hello of SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1]), 'it says'],
  ['an empty record', record(Buffer.alloc(0)), 'a record of 0 bytes'],
  [
    'an empty record behind another',
    Buffer.concat([record(message(99).subarray(0, 9)), record(Buffer.alloc(0))]),
    'a record of 0 bytes',
  ],
  ['a record of more than there may be in one', Buffer.from([22, 3, 1, 0x40, 1]), 'a record of 16385 bytes'],
  ['another message', record(Buffer.from([2, 0, 0, 1, 1])), 'a message of type 2, and not a hello'],
  [
    'something else after the first record',
    Buffer.concat([record(message(99).subarray(0, 9)), Buffer.from('hello')]),
    'it says "hello"',
  ],
])('%s is none', (_, said, fault) => {
  const hello = new ClientHello()
  for (const byte of said) hello.add(Buffer.from([byte]))
  expect([hello.isWhole, hello.fault]).toEqual([false, expect.stringContaining(fault)])
})

test('takes no more memory than twice what was said, in however small pieces', () => {
  const hello = new ClientHello()
  const said = record(message(16_000))
  const before = process.memoryUsage().arrayBuffers
  for (let at = 0; at < 15_000; at++) hello.add(said.subarray(at, at + 1))
  expect(hello.length).toBe(15_000)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(80_000)
})
