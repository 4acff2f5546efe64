// The checksum against the values that RFC 3720 (appendix B.4) gives, and against itself done bit by bit.
import { expect, test } from 'vitest'
import { crc32c } from '../../../engine/base/crc32c.ts'
import { seededRandom } from '../../../engine/base/random.ts'

const crcOf = (bytes: Uint8Array, from = 0, to = bytes.length) =>
  crc32c(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), from, to)

function bitByBit(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc
}

const text = (of: string) => Uint8Array.from(of, (character) => character.charCodeAt(0))

test.each([
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 times ff', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['0 to 31', Uint8Array.from({ length: 32 }, (_, n) => n), 0x46dd794e],
  ['31 to 0', Uint8Array.from({ length: 32 }, (_, n) => 31 - n), 0x113fdb5c],
  ['123456789', text('123456789'), 0xe3069283],
  ['nothing', text(''), 0],
])('is as the standard says for %s', (_name, bytes, crc) => {
  expect(crcOf(bytes) >>> 0).toBe(crc)
})

test('is right at every length and place, whatever is beside it', () => {
  const random = seededRandom(1)
  const bytes = Uint8Array.from({ length: 100 }, () => random() * 256)
  for (let from = 0; from < 17; from++)
    for (let to = from; to <= bytes.length; to++) expect(crcOf(bytes, from, to)).toBe(bitByBit(bytes.slice(from, to)))
})
