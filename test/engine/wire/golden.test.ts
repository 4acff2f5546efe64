// What a real GoWorld and its clients said to each other, frame by frame, against our table of the same protocol.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { clientMessages } from '../../../engine/wire/client-wire.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { args, data } from '../../../engine/wire/table.ts'

interface Line {
  readonly client: number
  readonly dir: 'client>gate' | 'gate>client'
  readonly hex: string
}

const lines = readFileSync(new URL('../../golden/goworld-session.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line)

const rows = new Map(Object.entries(clientMessages).map(([name, message]) => [message.code, { name, message }]))

function decoded({ hex }: Line) {
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
  const row = rows.get(bytes[4]! | (bytes[5]! << 8))
  if (!row) throw new Error(`a message of the unknown type ${bytes[4]! | (bytes[5]! << 8)}`)
  const values = row.message.read(bytes, 6, bytes.length)
  const writer = new PacketWriter()
  row.message.write(writer, values as never)
  return { ...row, bytes, values, again: writer.copy() }
}

describe('a recorded session', () => {
  it('has the frames that its description promises', () => {
    expect(lines).toHaveLength(346)
    const absent = [...rows.values()]
      .map(({ name }) => name)
      .filter((name) => !lines.some((l) => decoded(l).name === name))
    expect(absent.sort()).toEqual(['heartbeat', 'mapDelete'])
  })

  it('decodes to the last byte, each frame in the direction that the table says', () => {
    for (const line of lines) {
      const { bytes, message } = decoded(line)
      expect(bytes.length).toBe(4 + new DataView(bytes.buffer).getUint32(0, true))
      expect(`${message.from[0]}>${message.to[0]}`).toBe(line.dir)
    }
  })

  it('encodes again to the same bytes where no MessagePack is inside, else to the same values', () => {
    let same = 0
    for (const line of lines) {
      const { bytes, message, values, again } = decoded(line)
      const packed = Object.values(message.fields).some((field) => field === data || field === args)
      if (packed) expect(message.read(again, 6, again.length)).toEqual(values)
      else {
        expect(Buffer.from(again).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
        same++
      }
    }
    expect(same).toBeGreaterThan(100)
  })

  it('is refused when any byte of it is missing', () => {
    for (const line of lines) {
      const { bytes, message, name } = decoded(line)
      // Records are opened by their reader only.
      if (name === 'positions' || name === 'heartbeat') continue
      expect(() => message.read(bytes, 6, bytes.length - 1)).toThrow(/.+/)
    }
  })
})
