// What must hold for each protocol's table, whichever it is.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { WireError } from '../../../engine/base/errors.ts'
import { getU16, getU32, PacketWriter } from '../../../engine/wire/packet.ts'
import { type Message, rest } from '../../../engine/wire/table.ts'
import { valuesOf } from './fields.ts'

type Table = Readonly<Record<string, Message>>

function written(message: Message, values: Record<string, unknown>): Uint8Array {
  const writer = new PacketWriter(16)
  // A frame need not begin where its buffer does.
  writer.u8(0xff)
  message.write(writer, values as never)
  return writer.copy().subarray(1)
}

export function tableSuite(table: Table): void {
  const rows = Object.entries(table)

  it('gives each number to one message', () => {
    const codes = rows.map(([, { code }]) => code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const code of codes) expect(code).toBeGreaterThan(0)
  })

  it('has `rest` only as the last field', () => {
    for (const [name, { fields }] of rows) {
      const at = Object.values(fields).indexOf(rest)
      if (at >= 0) expect([name, at]).toEqual([name, Object.keys(fields).length - 1])
    }
  })

  it.each(rows)('sends %s round', (_, message) => {
    fc.assert(
      fc.property(valuesOf(message.fields), (values) => {
        const frame = written(message, values)
        expect([getU32(frame, 0), getU16(frame, 4)]).toEqual([frame.length - 4, message.code])
        expect(message.read(frame, 6, frame.length)).toEqual(values)
      }),
      { numRuns: 60 },
    )
  })

  it.each(rows)('refuses %s with bytes missing, and with bytes too many', (_, message) => {
    const openEnded = Object.values(message.fields).includes(rest)
    fc.assert(
      fc.property(valuesOf(message.fields), fc.double({ min: 0, max: 1, noNaN: true }), (values, cut) => {
        const frame = written(message, values)
        const longer = new Uint8Array(frame.length + 1)
        longer.set(frame)
        if (!openEnded) expect(() => message.read(longer, 6, longer.length)).toThrow(WireError)
        const end = 6 + Math.floor(cut * (frame.length - 6))
        if (end < frame.length && !openEnded) expect(() => message.read(frame, 6, end)).toThrow(WireError)
      }),
      { numRuns: 30 },
    )
  })

  it.each(rows)('reads garbage as %s without any error but its own', (_, message) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (garbage) => {
        try {
          message.read(garbage, 0, garbage.length)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 100 },
    )
  })
}
