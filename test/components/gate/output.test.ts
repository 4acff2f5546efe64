// A client that does not read: bounded, harmless to others, and up to date when it reads again.
import { describe, expect, test } from 'vitest'
import { BufferPool } from '../../../components/gate/buffers.ts'
import { Clients } from '../../../components/gate/clients.ts'
import { FrameCopy } from '../../../components/gate/frame-copy.ts'
import { Held } from '../../../components/gate/held.ts'
import { Kept } from '../../../components/gate/kept.ts'
import { Output } from '../../../components/gate/output.ts'
import { SYNC_WATCHERS } from '../../../engine/wire/messages.ts'
import { idOf, Pipe, Stage } from './stage.ts'

const ANN = idOf('ann')
const BOB = idOf('bob')
const KIB = 1024

describe('a slow client', () => {
  test('hears of the latest position of each entity when it reads again, and of every call', async () => {
    const stage = await Stage.start()
    const [slow, quick] = [await stage.player(ANN), await stage.player(BOB)]
    const crowd = Array.from({ length: 100 }, (_, n) => idOf(`npc${n}`))
    for (const id of crowd) stage.show(id, [slow, quick])
    await stage.settle()
    slow.forget()
    quick.forget()
    slow.connection.pause()
    const rounds = 2000
    for (let round = 0; round < rounds; round++) {
      stage.positions(SYNC_WATCHERS, ...crowd.map((id): [string, number] => [id, round]))
      if (round % 10 === 0) stage.callClient(slow, ANN, `${round}`)
      await stage.clock.advance(2)
    }
    expect(stage.gate.status()).toMatchObject({ lagging: 1, clients: 2 })
    // Every 100 ms, of each the newest.
    expect(quick.positions().length).toBeGreaterThanOrEqual(crowd.length * 39)
    slow.connection.resume()
    await slow.hears('callOnClient', rounds / 10)
    await stage.interval()
    expect(slow.of('callOnClient').map(({ method }) => method)).toEqual(
      Array.from({ length: rounds / 10 }, (_, n) => `${n * 10}`),
    )
    expect(slow.positions().length).toBeLessThan(quick.positions().length / 4)
    const latest = new Map(slow.positions())
    for (const id of crowd) expect(latest.get(id)).toBe(rounds - 1)
    // And it is served at once again.
    stage.positions(SYNC_WATCHERS, [crowd[0]!, 9999])
    await stage.interval()
    expect(slow.positions().at(-1)).toEqual([crowd[0], 9999])
    expect(stage.gate.status().lagging).toBe(0)
  })

  test('hears of every change of an attribute and every call, in their order', async () => {
    const stage = await Stage.start({ clientQueueBytesMax: 4 * 1024 * KIB })
    const slow = await stage.player(ANN)
    stage.show(BOB, [slow])
    await slow.hears('createEntity')
    slow.forget()
    slow.connection.pause()
    const rounds = 300
    for (let round = 0; round < rounds; round++) {
      stage.set(BOB, 'hp', round)
      stage.callClient(slow, ANN, `${round}`, 'x'.repeat(KIB))
      stage.positions(SYNC_WATCHERS, [BOB, round])
      await stage.clock.advance(2)
    }
    expect(stage.gate.status().lagging).toBe(1)
    slow.connection.resume()
    await slow.hears('callOnClient', rounds)
    await stage.interval()
    const told = slow.heard.flatMap(({ name, values }) => {
      if (name === 'mapSet') return [values['value']]
      return name === 'callOnClient' ? [values['method']] : []
    })
    expect(told).toEqual(Array.from({ length: rounds }, (_, n) => [n, `${n}`]).flat())
    expect(slow.positions().length).toBeLessThan(rounds / 2)
    expect(slow.positions().at(-1)).toEqual([BOB, rounds - 1])
  })

  test('hears of no position of what it no longer sees', async () => {
    const stage = await Stage.start()
    const slow = await stage.player(ANN)
    const [gone, back, stays] = [idOf('gone'), idOf('back'), idOf('stays')]
    for (const id of [gone, back, stays]) stage.show(id, [slow])
    await stage.settle()
    slow.connection.pause()
    stage.set(ANN, 'filler', 'x'.repeat(40 * KIB))
    await stage.settle()
    stage.positions(SYNC_WATCHERS, [gone, 1], [back, 2], [stays, 3])
    await stage.interval()
    stage.hide(gone, [slow])
    stage.hide(back, [slow])
    stage.show(back, [slow])
    await stage.settle()
    slow.forget()
    slow.connection.resume()
    await stage.clock.until(() => slow.positions().length > 0)
    expect(slow.positions()).toEqual([[stays, 3]])
    expect(slow.names.at(-1)).toBe('positions')
  })

  test('that never reads is closed when too much waits for it, while others are served', async () => {
    const stage = await Stage.start({ clientQueueBytesMax: 64 * KIB })
    const [slow, quick] = [await stage.player(ANN), await stage.player(BOB)]
    slow.connection.pause()
    stage.show(ANN, [quick])
    let most = 0
    for (let n = 0; n < 200 && slow.closed === undefined; n++) {
      stage.set(ANN, 'k', 'x'.repeat(KIB))
      await stage.clock.advance(2)
      most = Math.max(most, stage.gate.status().queuedBytes)
    }
    await slow.isClosed()
    expect(most).toBeLessThanOrEqual(70 * KIB)
    expect(most).toBeGreaterThan(50 * KIB)
    expect(stage.gate.status()).toMatchObject({ clients: 1, queuedBytes: 0, refused: { overflow: 1 } })
    expect(stage.log.matching('warn', 'it does not read what is sent to it')).toHaveLength(1)
    expect(stage.asked('clientGone')).toEqual([{ entityId: ANN, clientId: slow.id }])
    expect(quick.of('mapSet').length).toBeGreaterThan(50)
  })

  test('costs a bounded amount even within one turn', async () => {
    const stage = await Stage.start({ clientQueueBytesMax: 64 * KIB })
    const slow = await stage.player(ANN)
    const quick = await stage.player(BOB)
    slow.connection.pause()
    stage.show(BOB, [slow])
    for (let n = 0; n < 2000; n++) stage.callClient(slow, ANN, 'm', 'x'.repeat(KIB))
    stage.callClient(quick, BOB, 'fine')
    await quick.hears('callOnClient')
    await slow.isClosed()
    expect(stage.gate.status()).toMatchObject({ clients: 1, queuedBytes: 0 })
  })
})

function outputOn(pipe: Pipe, queueBytesMax = 1024 * KIB) {
  const touched: Output[] = []
  const overflowed: Output[] = []
  const owner = {
    held: new Held(new Clients()),
    touched: (one: Output) => touched.push(one),
    overflowed: (one: Output) => overflowed.push(one),
  }
  const pool = new BufferPool()
  const output = new Output(0, 'client0000000001', pipe, pool, owner, queueBytesMax)
  const endTurn = () => {
    for (const one of touched.splice(0)) one.flush()
  }
  return { output, pool, touched, overflowed, endTurn }
}

const frameOf = (length: number, fill = 1) => {
  const frame = new FrameCopy()
  frame.setAddressed(1009, 1, new Uint8Array(length).fill(fill), 0, length)
  return frame
}

describe('an output', () => {
  test('asks for the end of the turn once, and writes once', () => {
    const pipe = new Pipe()
    const { output, touched, endTurn } = outputOn(pipe)
    for (let n = 0; n < 10; n++) output.append(frameOf(30))
    expect([touched.length, pipe.writes.length]).toEqual([1, 0])
    endTurn()
    expect(pipe.writes.map(({ bytes }) => bytes.length)).toEqual([10 * 54])
    endTurn()
    expect(pipe.writes).toHaveLength(1)
  })

  test('pays for what it keeps, and for what is being written where that is a copy', () => {
    const cost = (pipe: Pipe, endless?: Kept) => {
      const { output, endTurn } = outputOn(pipe)
      if (endless) output.begin(new Uint8Array(0), endless)
      output.append(frameOf(1000))
      endTurn()
      return output.memoryBytes
    }
    const copying = () => Object.assign(new Pipe(), { copies: true })
    expect([cost(new Pipe()), cost(copying())]).toEqual([1024, 1024])
    // The buffer itself is kept.
    expect([cost(new Pipe(), new Kept(KIB * KIB)), cost(copying(), new Kept(KIB * KIB))]).toEqual([1024, 2048])
  })

  test('does not touch what it has written until that is taken', () => {
    const pipe = new Pipe()
    const { output, pool, endTurn } = outputOn(pipe)
    const wanted: Uint8Array[] = []
    for (let n = 0; n < 20; n++) {
      output.append(frameOf(100, n))
      endTurn()
      wanted.push(pipe.writes[n]!.bytes.slice())
    }
    for (const bytes of wanted) expect(pipe.take()).toEqual(bytes)
    expect(pool.keptBytes).toBe(20 * 512)
    for (let n = 0; n < 20; n++) {
      output.append(frameOf(100, n))
      endTurn()
      expect(pipe.take()).toEqual(wanted[n])
    }
    expect(pool.keptBytes).toBe(20 * 512)
  })

  test('gathers what comes while the connection is full, and goes on when that is nearly empty', () => {
    const pipe = new Pipe()
    const { output, endTurn } = outputOn(pipe)
    output.append(frameOf(20 * KIB))
    endTurn()
    expect(output.lagging).toBe(true)
    for (let n = 0; n < 5; n++) {
      output.append(frameOf(10))
      expect(output.roomForRecord()).toBe(-1)
      output.keepLate(new Uint8Array(64).fill(n < 3 ? 1 : 2), 8)
      endTurn()
    }
    expect(pipe.writes).toHaveLength(1)
    pipe.take()
    endTurn()
    // Five messages, then two records in one frame.
    expect(pipe.writes.map(({ bytes }) => bytes.length)).toEqual([5 * 34 + 6 + 64])
    expect(output.lagging).toBe(false)
  })

  test('writes before the turn is over when much has gathered', () => {
    const pipe = new Pipe()
    const { output, endTurn } = outputOn(pipe)
    for (let n = 0; n < 100; n++) {
      output.append(frameOf(KIB))
      while (pipe.writes.length > 0) expect(pipe.take().length).toBeLessThanOrEqual(64 * KIB)
    }
    endTurn()
    expect(pipe.take().length).toBeLessThan(64 * KIB)
  })

  test('keeps late positions when catching up makes it lag again', () => {
    const pipe = new Pipe()
    const { output, endTurn } = outputOn(pipe)
    output.append(frameOf(20 * KIB))
    endTurn()
    output.append(frameOf(63 * KIB))
    const record = new Uint8Array(32)
    for (let n = 0; n < 100; n++) {
      record.fill(n)
      output.keepLate(record, 0)
    }
    endTurn()
    pipe.take()
    endTurn()
    // Some of them were still written with the message; each of the two frames has a header.
    expect([pipe.writes.length, output.lagging, output.queuedBytes]).toEqual([1, true, 63 * KIB + 24 + 6 + 100 * 32])
    const written = pipe.take().length - (63 * KIB + 24 + 6)
    expect(written % 32).toBe(0)
    endTurn()
    expect(pipe.take().length).toBe(6 + 100 * 32 - written)
    expect(output.queuedBytes).toBe(0)
  })

  test('tells that it is over its limit at the end of the turn only, and adds nothing beyond', () => {
    const pipe = new Pipe()
    const { output, overflowed, endTurn } = outputOn(pipe, 32 * KIB)
    output.append(frameOf(20 * KIB))
    endTurn()
    for (let n = 0; n < 100; n++) output.append(frameOf(KIB))
    expect(overflowed).toEqual([])
    expect(output.queuedBytes).toBeLessThanOrEqual(32 * KIB)
    endTurn()
    expect(overflowed).toEqual([output])
    output.destroy('overflow')
    expect(pipe.ended).toBe('overflow')
    output.append(frameOf(10))
    expect(output.roomForRecord()).toBe(-1)
    output.keepLate(new Uint8Array(32), 0)
    endTurn()
    expect(pipe.writes).toHaveLength(1)
  })

  test('gives its buffer back when the connection is gone', () => {
    const pipe = new Pipe()
    const { output, pool } = outputOn(pipe)
    output.append(frameOf(100))
    output.gone()
    expect(pool.keptBytes).toBe(512)
    output.append(frameOf(100))
    expect(output.queuedBytes).toBe(0)
  })
})

describe('the pool', () => {
  test.each([
    [1, 512],
    [512, 512],
    [513, 1024],
    [1024, 1024],
    [65_536, 65_536],
    [65_537, 131_072],
    [3_000_000, 4_194_304],
  ])('has room for %d bytes in a buffer of %d', (wanted, got) => {
    const pool = new BufferPool()
    const buffer = pool.take(wanted)
    expect(buffer.bytes.length).toBe(got)
    pool.give(buffer)
    expect(pool.keptBytes).toBe(got <= 65_536 ? got : 0)
    expect(pool.take(wanted) === buffer).toBe(got <= 65_536)
  })

  test('keeps no more than it may', () => {
    const pool = new BufferPool(10_000)
    const buffers = Array.from({ length: 30 }, () => pool.take(1000))
    for (const buffer of buffers) pool.give(buffer)
    expect(pool.keptBytes).toBe(9 * 1024)
  })
})
