// Positions in compact form: what is read is where it was, within half a step, whatever a client has missed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../../engine/base/errors.ts'
import { CompactPositions } from '../../../engine/client/compact-positions.ts'
import { MirrorEntity } from '../../../engine/client/mirror.ts'
import {
  CompactEncoder,
  CompactRecords,
  DEFAULT_STEP,
  NUMBER_MAX,
  putHead,
  readStep,
  STEP_MAX,
  stepOf,
  ToldPlace,
  unwrapTime,
  YAW_STEP,
} from '../../../engine/wire/compact.ts'
import { PacketReader, PacketWriter } from '../../../engine/wire/packet.ts'

const bytes = new Uint8Array(64)
const target = new DataView(bytes.buffer)

/** The record as a client gets it that knows the place before, or does not. */
function recordOf(encoder: CompactEncoder, number: number, knows: boolean): Uint8Array {
  if (!knows || !encoder.follows) return bytes.slice(0, encoder.putWhole(target, 0, number))
  const rest = putHead(target, 0, number, encoder.difference)
  for (let at = 0; at < encoder.differenceBytes; at++) target.setUint8(rest + at, encoder.words.getUint8(at))
  return bytes.slice(0, rest + encoder.differenceBytes)
}

function messageOf(step: number, timeMs: number, ...records: Uint8Array[]): PacketReader {
  const writer = new PacketWriter()
  writer.u32(timeMs)
  writer.u8(step)
  for (const record of records) writer.raw(record)
  return new PacketReader(writer.copy())
}

type Placed = [x: number, y: number, z: number, yaw: number, timeMs: number]

/** A client that knows one entity by `number`. */
function reader(number = 1) {
  const positions = new CompactPositions()
  const owner = { space: undefined, motion: undefined, call() {} }
  const mirror = new MirrorEntity(owner, 'entity0000000001', 'Avatar', false, {})
  positions.number(mirror, number)
  const placed: Placed[] = []
  const stoodMs: number[] = []
  const placing = {
    placed: (_: MirrorEntity, ...place: Placed) => void placed.push(place),
    stood: (timeMs: number) => void stoodMs.push(timeMs),
  }
  return {
    placed,
    stoodMs,
    positions,
    take: (message: PacketReader, nowMs = 0) => positions.take(message, nowMs, placing),
  }
}

const place = (most: number) => fc.double({ min: -most, max: most, noNaN: true }).map(Math.fround)
const coordinate = fc.oneof(
  { weight: 8, arbitrary: place(100) },
  { weight: 2, arbitrary: place(1e6) },
  { weight: 1, arbitrary: place(1e12) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 2 ** 25, -(2 ** 25), 2 ** 31, Math.fround(3.4e38)) },
)

describe('a place', () => {
  test('of nobody says that all stood until then', () => {
    const { placed, stoodMs, take } = reader()
    expect(take(messageOf(DEFAULT_STEP, 700), 500)).toBe(0)
    expect([placed, stoodMs]).toEqual([[], [700]])
  })

  test('is what it was within half a step, whichever places before it a client has missed', () => {
    const one = fc.record({
      at: fc.tuple(coordinate, coordinate, coordinate, coordinate),
      missed: fc.boolean(),
      step: fc.oneof(
        { weight: 9, arbitrary: fc.constant(DEFAULT_STEP) },
        { weight: 1, arbitrary: fc.integer({ min: -STEP_MAX, max: STEP_MAX }) },
      ),
    })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), fc.integer({ min: 1, max: NUMBER_MAX }), (places, number) => {
        const encoder = new CompactEncoder()
        const told = new ToldPlace()
        const { take, placed } = reader(number)
        let knows = false
        for (const { at, missed, step } of places) {
          encoder.encode(told, ...at, step)
          if (missed) {
            knows = false
            continue
          }
          // Who knows all that there is to know is told nothing.
          const stands = knows && encoder.follows && encoder.difference === 0
          if (!stands) take(messageOf(step, 0, recordOf(encoder, number, knows)))
          knows = true
          const read = placed.at(-1)!
          for (let field = 0; field < 4; field++) {
            const half = 2 ** -(field === 3 ? YAW_STEP : step) / 2
            expect(Math.abs(read[field]! - at[field]!)).toBeLessThanOrEqual(half)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('of what walks takes five bytes, where the full form takes 32', () => {
    const encoder = new CompactEncoder()
    const told = new ToldPlace()
    encoder.encode(told, 100, 0, -50, 1, DEFAULT_STEP)
    expect(recordOf(encoder, 7, false)).toHaveLength(2 + 2 + 2 + 2)
    encoder.encode(told, 100.5, 0, -49.6, 1.1, DEFAULT_STEP)
    expect(recordOf(encoder, 7, true)).toHaveLength(5)
    // No height, no turn: nothing of them.
    encoder.encode(told, 101, 0, -49.6, 1.1, DEFAULT_STEP)
    expect(recordOf(encoder, 3, true)).toHaveLength(2)
  })

  test('that has not changed by a step is no difference', () => {
    const encoder = new CompactEncoder()
    const told = new ToldPlace()
    encoder.encode(told, 1, 2, 3, 4, DEFAULT_STEP)
    encoder.encode(told, 1.001, 2, 3, 4, DEFAULT_STEP)
    expect([encoder.follows, encoder.difference, encoder.differenceBytes]).toEqual([true, 0, 0])
  })

  test('in another step, or after one that no step can say, is told whole', () => {
    const encoder = new CompactEncoder()
    const told = new ToldPlace()
    encoder.encode(told, 1, 2, 3, 4, 6)
    encoder.encode(told, 1, 2, 3, 4, 5)
    expect(encoder.follows).toBe(false)
    encoder.encode(told, 1e30, 2, 3, 4, 5)
    expect(encoder.follows).toBe(false)
    encoder.encode(told, 1, 2, 3, 4, 5)
    expect(encoder.follows).toBe(false)
    encoder.encode(told, 2, 2, 3, 4, 5)
    expect(encoder.follows).toBe(true)
  })

  test('may be as far from the last as 32 bits allow', () => {
    const encoder = new CompactEncoder()
    const told = new ToldPlace()
    const { take, placed } = reader()
    const far = (2 ** 31 - 1) / 64
    for (const x of [far, -far, far, 0, -far]) {
      encoder.encode(told, x, 0, 0, 0, DEFAULT_STEP)
      take(messageOf(DEFAULT_STEP, 0, recordOf(encoder, 1, placed.length > 0)))
    }
    expect(placed.map(([x]) => x)).toEqual([far, -far, far, 0, -far])
  })
})

describe('a message', () => {
  const encoder = new CompactEncoder()
  const whole = (number: number, x: number) => {
    encoder.encode(new ToldPlace(), x, 0, 0, 0, DEFAULT_STEP)
    return recordOf(encoder, number, false)
  }

  test('names the time of its places, wrapped at 32 bits', () => {
    const { take, placed } = reader()
    const begin = 1_790_000_000_000
    for (const ms of [begin, begin + 100, begin + 2 ** 31, begin + 2 ** 32 - 50, begin + 2 ** 32])
      take(messageOf(DEFAULT_STEP, ms % 2 ** 32, whole(1, 0)), begin - 86_400_000)
    expect(placed.map(([, , , , ms]) => ms - begin)).toEqual([0, 100, 2 ** 31, 2 ** 32 - 50, 2 ** 32])
  })

  test.each([
    ['nothing at all', ''],
    ['no step', '00000000'],
    ['a step that no space has', `00000000${(STEP_MAX + 1).toString(16)}`],
    ['number 0', '0000000006 10'],
    ['a number beyond 16 bits', '0000000006 f0808040'],
    ['a cut-off number', '0000000006 80'],
    ['a cut-off field', '0000000006 3380'],
    ['a field that is not there', '0000000006 33'],
    ['a field of more than 32 bits', '0000000006 31 ffffffff1f'],
    ['a field of six bytes', '0000000006 31 808080808001'],
    ['cut-off floats', '0000000006 20 0000803f0000803f0000803f00008'],
    ['floats that are no numbers', '0000000006 20 0000c07f0000803f0000803f0000803f'],
    ['infinite floats', '0000000006 20 0000807f0000803f0000803f0000803f'],
  ])('with %s is refused, and nothing of it heeded', (_, hex) => {
    const { take, placed } = reader()
    take(messageOf(DEFAULT_STEP, 5, whole(1, 8)))
    // In front of what is wrong, a good one.
    const wrong = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    const message = wrong.length > 5 ? Buffer.concat([wrong.subarray(0, 5), whole(1, 77), wrong.subarray(5)]) : wrong
    expect(() => take(new PacketReader(message))).toThrow(WireError)
    encoder.encode(Object.assign(new ToldPlace(), { x: 512, step: DEFAULT_STEP }), 9, 0, 0, 0, DEFAULT_STEP)
    take(messageOf(DEFAULT_STEP, 6, recordOf(encoder, 1, true)))
    expect(placed.map(([x]) => x)).toEqual([8, 9])
  })

  test('of any bytes is read or refused', () => {
    const records = new CompactRecords()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (any) => {
        try {
          records.read(any, 0, any.length)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
          expect(records.count).toBe(0)
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('with a number that nothing has is told of, when the others are placed', () => {
    const { take, placed } = reader(2)
    expect(() => take(messageOf(DEFAULT_STEP, 0, whole(9, 1), whole(2, 3)))).toThrow('number 9, which nothing has')
    expect(placed.map(([x]) => x)).toEqual([3])
  })

  test('with a difference to what was never told, or in another step, is told of, and changes nothing', () => {
    const { take, placed } = reader()
    const told = Object.assign(new ToldPlace(), { x: 64, step: DEFAULT_STEP })
    encoder.encode(told, 2, 0, 0, 0, DEFAULT_STEP)
    const difference = recordOf(encoder, 1, true)
    expect(() => take(messageOf(DEFAULT_STEP, 0, difference))).toThrow('from a place that was not')
    take(messageOf(DEFAULT_STEP, 0, whole(1, 5)))
    expect(() => take(messageOf(DEFAULT_STEP - 1, 0, difference))).toThrow('from a place that was not')
    take(messageOf(DEFAULT_STEP, 0, difference))
    expect(placed.map(([x]) => x)).toEqual([5, 6])
  })
})

test('a number stands for one mirror, and for another when that is gone', () => {
  const { positions } = reader(5)
  const owner = { space: undefined, motion: undefined, call() {} }
  const [first, second] = ['a', 'b'].map((id) => new MirrorEntity(owner, id.repeat(16), 'Avatar', false, {})) as [
    MirrorEntity,
    MirrorEntity,
  ]
  expect(() => positions.number(first, 5)).toThrow('which Avatar<entity0000000001> has')
  expect(() => positions.number(first, 0)).toThrow('number 0')
  positions.number(first, NUMBER_MAX)
  expect(() => positions.number(second, NUMBER_MAX)).toThrow(`number ${NUMBER_MAX} for`)
  positions.forget(first)
  positions.number(second, NUMBER_MAX)
  positions.clear()
  positions.number(first, NUMBER_MAX)
})

test('steps are powers of two at or below what is asked for', () => {
  expect([1, 0.5, 0.01, 1 / 64, 3, 1000].map(stepOf)).toEqual([0, 1, 7, 6, -1, -9])
  for (const step of [-STEP_MAX, -1, 0, 6, STEP_MAX]) expect(readStep(step & 0xff)).toBe(step)
  for (const step of [-STEP_MAX - 1, STEP_MAX + 1, 127, -128]) expect(() => readStep(step & 0xff)).toThrow(WireError)
})

test('a time is the nearest to what it is thought to be', () => {
  const now = 1_790_000_000_123.5
  for (const off of [0, 1, -1, 60_000, -60_000, 2 ** 31 - 1000, -(2 ** 31) + 1000])
    expect(unwrapTime((Math.floor(now) + off) % 2 ** 32, now)).toBe(Math.floor(now) + off)
})
