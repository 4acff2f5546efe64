// What is kept of a session's stream: whole buffers, until they are acknowledged and written.
import { describe, expect, test } from 'vitest'
import { BufferPool } from '../../../components/gate/buffers.ts'
import { Clients } from '../../../components/gate/clients.ts'
import { FrameCopy } from '../../../components/gate/frame-copy.ts'
import { Held } from '../../../components/gate/held.ts'
import { Kept } from '../../../components/gate/kept.ts'
import { Output } from '../../../components/gate/output.ts'
import { Pipe } from './stage.ts'

const KIB = 1024
const writer = { written() {} }

/** Keeps `lengths`, each filled with its number, as if written already. */
function kept(lengths: readonly number[], { bytesMax = 1024 * KIB, from = 0 } = {}) {
  const pool = new BufferPool()
  const one = new Kept(bytesMax, from)
  for (const [n, length] of lengths.entries()) {
    const buffer = pool.take(length)
    buffer.bytes.fill(n)
    one.add(buffer, length)
  }
  return { one, pool }
}

const written = (one: Kept, offset: number) => {
  const pipe = new Pipe()
  one.writeFrom(offset >>> 0, pipe, writer)
  return pipe.writes.flatMap(({ bytes }) => [...bytes])
}

describe('what is kept', () => {
  test.each([0, 2 ** 31 - 120, 2 ** 32 - 120])('is said again from any byte on, from offset %d', (from) => {
    const lengths = [100, 1, 50, 7]
    const { one } = kept(lengths, { from })
    const all = lengths.flatMap((length, n) => new Array(length).fill(n))
    for (let offset = 0; offset <= all.length; offset++) {
      expect(one.reaches((from + offset) >>> 0)).toBe(true)
      expect(written(one, from + offset)).toEqual(all.slice(offset))
    }
    expect(one.reaches((from + all.length + 1) >>> 0)).toBe(false)
    expect(one.reaches((from - 1) >>> 0)).toBe(false)
    expect(one.acknowledge((from + 120) >>> 0)).toBe(true)
    expect(one.reaches((from + 100) >>> 0)).toBe(false)
    expect(written(one, from + 120)).toEqual(all.slice(120))
    // An older one is no news; what was never said cannot have come.
    expect([one.acknowledge((from + 5) >>> 0), one.acknowledge((from + all.length + 1) >>> 0)]).toEqual([true, false])
    expect(one.acknowledge((from + all.length) >>> 0)).toBe(true)
    expect([one.bytes, written(one, from + all.length)]).toEqual([0, []])
  })

  test('is the newest of it when it is too much', () => {
    const { one } = kept([500, 500, 500, 500], { bytesMax: 1200 })
    expect(one.bytes).toBe(1024)
    expect([one.reaches(999), one.reaches(1000), one.room]).toEqual([false, true, 176])
    // What is acknowledged may be older than that.
    expect(one.acknowledge(700)).toBe(true)
    expect(one.bytes).toBe(1024)
    expect(one.acknowledge(1500)).toBe(true)
    expect(one.bytes).toBe(512)
  })

  test('goes back to the pool when it is acknowledged and no connection has it, whichever is later', () => {
    const { one, pool } = kept([100, 100])
    const [first, second] = [new Pipe(), new Pipe()]
    one.writeFrom(0, first, writer)
    one.writeFrom(50, second, writer)
    one.acknowledge(200)
    expect([one.bytes, pool.keptBytes]).toEqual([0, 0])
    first.take()
    second.take()
    expect(pool.keptBytes).toBe(512)
    second.take()
    expect(pool.keptBytes).toBe(512)
    first.take()
    expect(pool.keptBytes).toBe(1024)
  })
})

function outputOn(pipe: Pipe, bytesMax = 64 * KIB) {
  const touched: Output[] = []
  const overflowed: Output[] = []
  const owner = {
    held: new Held(new Clients()),
    touched: (one: Output) => touched.push(one),
    overflowed: (one: Output) => overflowed.push(one),
  }
  const pool = new BufferPool()
  const output = new Output(0, 'client0000000001', pipe, pool, owner, 1024 * KIB)
  const sessionKept = new Kept(bytesMax)
  output.begin(new Uint8Array(8), sessionKept)
  pipe.take()
  const endTurn = () => {
    for (const one of touched.splice(0)) one.flush()
  }
  return { output, pool, kept: sessionKept, overflowed, endTurn }
}

const frameOf = (length: number) => {
  const frame = new FrameCopy()
  frame.set(1501, new Uint8Array(length).fill(7), 0, length)
  return frame
}

describe('an output without a connection', () => {
  test('begins no batch of positions, and ends the one that it was in', () => {
    const first = new Pipe()
    const { output, endTurn } = outputOn(first)
    expect(output.roomForRecord()).toBeGreaterThanOrEqual(0)
    output.part()
    expect(output.roomForRecord()).toBe(-1)
    output.append(frameOf(10))
    endTurn()
    expect(first.writes).toEqual([])
    const next = new Pipe()
    output.goOn(next, new Uint8Array(8).fill(9), 0)
    endTurn()
    const [welcome, rest] = next.writes.map(({ bytes }) => bytes)
    expect([welcome![0], rest!.length]).toEqual([9, 6 + 32 + 16])
    expect(rest![0]).toBe(2 + 32)
  })

  test('that was told too much says so once, and then keeps nothing', () => {
    const { output, pool, kept, overflowed, endTurn } = outputOn(new Pipe(), 16 * KIB)
    output.append(frameOf(2000))
    endTurn()
    output.part()
    for (let n = 0; n < 20; n++) output.append(frameOf(1000))
    endTurn()
    expect(overflowed).toEqual([output])
    output.giveUp()
    expect([output.queuedBytes, kept.bytes]).toEqual([0, 0])
    const before = pool.keptBytes
    output.append(frameOf(1000))
    output.keepLate(new Uint8Array(32), 0)
    endTurn()
    expect([output.queuedBytes, pool.keptBytes, overflowed.length]).toEqual([0, before, 1])
  })
})
