// Arguments and names off the wire, looked at without decoding more than is asked for.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WireError } from '../../../engine/base/errors.ts'
import { CallArguments } from '../../../engine/client/call-arguments.ts'
import { readName } from '../../../engine/client/name-cache.ts'
import { writeArgs } from '../../../engine/wire/codec.ts'
import { PacketReader, PacketWriter } from '../../../engine/wire/packet.ts'

function load(...values: unknown[]): CallArguments {
  const writer = new PacketWriter()
  writer.u32(7)
  writeArgs(writer, values)
  return new CallArguments().load(new PacketReader(writer.copy(), 4))
}

describe('the arguments of a call', () => {
  it('are decoded when they are looked at', () => {
    const args = load('one', 2, { three: [3] }, true)
    expect(args.count).toBe(4)
    expect(args.values()).toEqual(['one', 2, { three: [3] }, true])
    expect(args.value(2)).toEqual({ three: [3] })
    expect(args.value(4)).toBeUndefined()
  })

  it('can be compared with a text as if they were decoded', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 300 }), fc.constant('x'.repeat(300)))
    fc.assert(
      fc.property(text, text, (sent, asked) => {
        const args = load(sent)
        expect(args.isText(0, asked)).toBe(sent === asked)
        expect(args.isText(0, sent)).toBe(true)
        expect(args.isText(1, sent)).toBe(false)
      }),
    )
    for (const other of [null, 1, true, ['text'], new Uint8Array([1])])
      expect(load(other).isText(0, 'text')).toBe(false)
    // A length in more bytes than needed means the same.
    const long = new PacketReader(new Uint8Array([1, 0, 5, 0, 0, 0, 0xda, 0, 2, 104, 105]))
    expect(new CallArguments().load(long).isText(0, 'hi')).toBe(true)
  })

  it('that are not all there are refused', () => {
    for (const bytes of [[], [1], [2, 0, 1, 0, 0, 0, 1], [255, 255, 0], [1, 0, 9, 0, 0, 0, 1, 2]])
      expect(() => new CallArguments().load(new PacketReader(new Uint8Array(bytes)))).toThrow(WireError)
  })
})

describe('a name', () => {
  it('is read as it was written, however often and whatever else was read', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 80 }), { maxLength: 50 }), (names) => {
        const writer = new PacketWriter()
        for (const name of [...names, ...names]) writer.varstr(name)
        const reader = new PacketReader(writer.copy())
        for (const name of [...names, ...names]) expect(readName(reader)).toBe(name)
      }),
    )
  })
})
