// What a compressed connection does beside what every connection does (transports.test.ts): what waits is counted where it waits,
// whoever pauses is given no more, and a peer that speaks something else is told from one that speaks badly.
import { expect, test, vi } from 'vitest'
import { chunkOf, SnappyReader } from '../../../engine/base/snappy-stream.ts'
import type { Connection, ConnectionHandlers } from '../../../engine/net/connection.ts'
import { SnappyConnection } from '../../../engine/net/snappy.ts'

/** What a compressed connection stands on, played by the test. */
class Wire implements Connection {
  readonly remote = 'wire'
  readonly protocol = 'spoken'
  readonly said: string[] = []
  readonly writes: { bytes: Uint8Array; done: (() => void) | undefined }[] = []
  bufferedBytes = 0
  unfinishedBytes = 3
  waitingBytes = 5
  handlers!: ConnectionHandlers

  handle(handlers: ConnectionHandlers): void {
    this.handlers = handlers
  }
  write(bytes: Uint8Array, done?: () => void): void {
    this.writes.push({ bytes, done })
    this.bufferedBytes += bytes.length
  }
  pause(): void {
    this.said.push('pause')
  }
  resume(): void {
    this.said.push('resume')
  }
  close(reason?: string, isForNow?: boolean): void {
    this.said.push(`close ${reason} ${isForNow}`)
  }
  destroy(reason?: string): void {
    this.said.push(`destroy ${reason}`)
  }
}

function open(more: Partial<ConnectionHandlers> = {}) {
  const wire = new Wire()
  const connection = new SnappyConnection(wire)
  const heard: Buffer[] = []
  const closed: string[] = []
  connection.handle({
    data: (chunk) => void heard.push(Buffer.from(chunk)),
    close: (reason) => void closed.push(reason),
    ...more,
  })
  return { wire, connection, heard, closed }
}

const text = (of: string) => Buffer.from(of)
const bytesOf = (heard: readonly Uint8Array[]) => Buffer.concat(heard).toString()
/** The chunks of a stream, each by itself. */
const chunks = (...parts: Uint8Array[]) => parts.map((part, at) => chunkOf(part, 0, part.length, at === 0).slice())

test('what is written is done with at once, leaves as chunks of 64 KiB, and counts until it is taken', () => {
  const { wire, connection } = open()
  const bytes = Buffer.alloc(150_000, 'a line of text that is said again and again, ')
  const done = vi.fn()
  connection.write(bytes, done)
  expect(done).toHaveBeenCalledOnce()
  bytes.fill(0)
  expect(wire.writes).toHaveLength(3)
  expect(connection.bufferedBytes).toBe(wire.writes.reduce((sum, write) => sum + write.bytes.length, 0))
  expect(connection.bufferedBytes).toBeLessThan(20_000)
  // It says only once what it is.
  expect(wire.writes.map(({ bytes: [first] }) => first)).toEqual([0xff, 0, 0])
  const got: Buffer[] = []
  const reader = new SnappyReader((some) => got.push(Buffer.from(some)) > 0)
  for (const write of wire.writes) reader.push(write.bytes)
  expect(Buffer.concat(got).equals(Buffer.alloc(150_000, 'a line of text that is said again and again, '))).toBe(true)
  expect([connection.copies, connection.remote, connection.protocol]).toEqual([true, 'wire', 'spoken'])
})

test('a buffer is written to again only when it was taken', () => {
  const { wire, connection } = open()
  for (let n = 0; n < 4; n++) connection.write(text(`line ${n}`))
  const before = wire.writes.map(({ bytes }) => Buffer.from(bytes).toString('hex'))
  expect(new Set(wire.writes.map(({ bytes }) => bytes.buffer)).size).toBe(4)
  wire.writes[2]!.done!()
  connection.write(text('line 5'))
  expect(wire.writes[4]!.bytes.buffer).toBe(wire.writes[2]!.bytes.buffer)
  for (const n of [0, 1, 3]) expect(Buffer.from(wire.writes[n]!.bytes).toString('hex')).toBe(before[n])
})

test('who is done with a write may write more, and that comes behind it', () => {
  const { wire, connection } = open()
  connection.write(text('first, '), () => connection.write(text('second')))
  const got: Buffer[] = []
  const reader = new SnappyReader((some) => got.push(Buffer.from(some)) > 0)
  for (const write of wire.writes) reader.push(write.bytes)
  expect(bytesOf(got)).toBe('first, second')
})

test('after the end nothing is written, and all is done with', () => {
  for (const end of ['close', 'destroy', 'gone'] as const) {
    const { wire, connection, closed } = open()
    if (end === 'gone') wire.handlers.close('cut')
    else connection[end]('enough')
    const done = vi.fn()
    connection.write(text('late'), done)
    expect([done.mock.calls.length, wire.writes.length]).toEqual([1, 0])
    expect(closed).toEqual(end === 'gone' ? ['cut'] : [])
  }
  const { wire, connection } = open()
  connection.close('come again', true)
  expect(wire.said).toEqual(['close come again true'])
})

test('what waits is counted: of a chunk that is cut off, and what the connection below has', () => {
  const { wire, connection, heard } = open()
  const [begin, one] = chunks(text('the first chunk'), text('the second chunk'))
  wire.handlers.data(begin!)
  expect([connection.unfinishedBytes, connection.waitingBytes]).toEqual([3, 5])
  wire.handlers.data(one!.subarray(0, 10))
  expect([connection.unfinishedBytes, connection.waitingBytes]).toEqual([13, 5])
  wire.handlers.data(one!.subarray(10))
  expect([connection.unfinishedBytes, bytesOf(heard)]).toEqual([3, 'the first chunkthe second chunk'])
})

test('whoever pauses in the middle of what has come is given no more until it goes on, and then all in order', async () => {
  const heard: Buffer[] = []
  const { wire, connection } = open({
    data(chunk) {
      heard.push(Buffer.from(chunk))
      connection.pause()
    },
  })
  // A megabyte in a few KiB.
  const parts = Array.from({ length: 16 }, (_, n) => Buffer.alloc(65_536, n + 1))
  const stream = Buffer.concat(chunks(...parts))
  expect(stream.length).toBeLessThan(65_536)
  wire.handlers.data(stream)
  stream.fill(0xee)
  expect(heard.map(({ length }) => length)).toEqual([65_536])
  const waiting = connection.waitingBytes - 5
  expect(waiting).toBeGreaterThan(stream.length * 0.9)
  // What a connection had under way when it was paused.
  const [, more] = chunks(text(''), text('and more'))
  wire.handlers.data(more!)
  expect(connection.waitingBytes - 5).toBe(waiting + more!.length)
  connection.resume()
  expect(heard).toHaveLength(1)
  await vi.waitFor(() => expect(heard).toHaveLength(2))
  expect(wire.said).not.toContain('resume')
  for (let n = 3; n <= 17; n++) {
    connection.resume()
    await vi.waitFor(() => expect(heard).toHaveLength(n))
  }
  expect(Buffer.concat(heard).equals(Buffer.concat([...parts, text('and more')]))).toBe(true)
  expect([connection.waitingBytes, connection.unfinishedBytes]).toEqual([5, 3])
  connection.resume()
  expect(wire.said.at(-1)).toBe('resume')
})

test('the connection below is read again when what waits has been heard', async () => {
  const { wire, connection, heard } = open()
  connection.pause()
  wire.handlers.data(Buffer.concat(chunks(text('hello'))))
  connection.resume()
  expect([heard.length, wire.said]).toEqual([0, ['pause']])
  await vi.waitFor(() => expect([bytesOf(heard), wire.said]).toEqual(['hello', ['pause', 'resume']]))
})

test('whoever pauses again before it goes on is given nothing, and what waits is forgotten with the connection', async () => {
  const { wire, connection, heard } = open()
  connection.pause()
  wire.handlers.data(Buffer.concat(chunks(text('hello'))))
  connection.resume()
  connection.pause()
  await Promise.resolve()
  expect([heard.length, connection.waitingBytes > 5]).toEqual([0, true])
  connection.resume()
  connection.close()
  await Promise.resolve()
  wire.handlers.data(Buffer.concat(chunks(text('hello'))))
  expect([heard.length, connection.waitingBytes]).toEqual([0, 5])
})

test('whoever ends the connection when it hears of something hears of nothing more', () => {
  const heard: Buffer[] = []
  const { wire, connection } = open({
    data(chunk) {
      heard.push(Buffer.from(chunk))
      connection.destroy('enough')
    },
  })
  wire.handlers.data(Buffer.concat(chunks(Buffer.alloc(65_536), Buffer.alloc(65_536), Buffer.alloc(65_536))))
  wire.handlers.data(Buffer.concat(chunks(text('more'))))
  expect([heard.length, connection.waitingBytes, wire.said]).toEqual([1, 5, ['destroy enough']])
})

test.each([
  ['notSnappy', 'does not begin', [text('\u0002\u0000\u0000\u0000..')]],
  ['badSnappy', 'type 5', [...chunks(text('hello')), Buffer.from([5, 0, 0, 0])]],
])('what cannot be understood is refused once as %s, and nothing that follows is heard', (what, detail, parts) => {
  const refused: string[][] = []
  const { wire, connection, heard } = open({ refused: (...why) => void refused.push(why) })
  for (const part of parts) wire.handlers.data(part)
  expect(refused).toEqual([[what, expect.stringContaining(detail)]])
  const before = heard.length
  for (const part of parts) wire.handlers.data(part)
  wire.handlers.data(Buffer.concat(chunks(text('hello'))))
  expect([refused.length, heard.length, wire.said]).toEqual([1, before, []])
  // There may be something to say to it.
  connection.write(text('why'))
  expect(wire.writes).toHaveLength(1)
})

test('where nobody wants to hear of that the connection ends by itself', () => {
  const { wire } = open()
  wire.handlers.data(text('GET / HTTP/1.1\r\n'))
  expect(wire.said).toEqual(['destroy it does not begin as a snappy stream'])
})

test('bytes that are for nobody are counted, those of the connection below too', () => {
  const dropped = vi.fn()
  const { wire, heard } = open({ dropped })
  wire.handlers.data(Buffer.concat(chunks(text('hello'))))
  expect(dropped).not.toHaveBeenCalled()
  wire.handlers.data(Buffer.concat([Buffer.from([0x80, 20, 0, 0]), Buffer.alloc(8)]))
  wire.handlers.data(Buffer.alloc(12))
  wire.handlers.dropped!(7)
  expect([dropped.mock.calls.flat(), heard.length]).toEqual([[12, 12, 7], 1])
})

test('that all is taken is passed on', () => {
  const drain = vi.fn()
  open({ drain }).wire.handlers.drain!()
  expect(drain).toHaveBeenCalledOnce()
  open().wire.handlers.drain!()
})
