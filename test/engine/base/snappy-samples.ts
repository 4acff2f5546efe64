// What snappy is tried with: the kinds of bytes that pass through a gate, and those that a compressor finds hard.
import fc from 'fast-check'
import { seededRandom } from '../../../engine/base/random.ts'
import { encode } from '../../../engine/wire/codec.ts'
import { PacketWriter } from '../../../engine/wire/packet.ts'
import { writeRecord } from '../../../engine/wire/sync.ts'

const fill = (length: number, next: (at: number) => number) => Uint8Array.from({ length }, (_, at) => next(at))

export function positions(count: number, seed = 1): Uint8Array {
  const random = seededRandom(seed)
  const writer = new PacketWriter(64)
  for (let n = 0; n < count; n++)
    writeRecord(writer, `player${n}`.padEnd(16, '.'), random() * 100, 0, random() * 100, random() * 360)
  return writer.copy()
}

const words = 'the quick brown fox jumps over a lazy dog and says to all who are near that it was no fox'.split(' ')

export function text(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed)
  let written = ''
  while (written.length < length) written += `${words[Math.floor(random() * words.length)]} `
  return new TextEncoder().encode(written.slice(0, length))
}

export function noise(length: number, seed = 1): Uint8Array {
  const random = seededRandom(seed)
  return fill(length, () => random() * 256)
}

/** By the name of the kind: bytes of about that length. */
export const KINDS: Readonly<Record<string, (length: number, seed: number) => Uint8Array>> = {
  zeros: (length) => new Uint8Array(length),
  text,
  noise,
  positions: (length, seed) => positions(Math.ceil(length / 32), seed).slice(0, length),
  'two bytes': (length, seed) => noise(length, seed).map((byte) => byte & 1),
  'a short pattern': (length, seed) => fill(length, (at) => at % ((seed % 13) + 1)),
  'a long pattern': (length, seed) => fill(length, (at) => ((at % 3001) * 7 + seed) >>> 3),
  'noise that comes again': (length, seed) => {
    const once = noise(Math.max(1, Math.ceil(length / 3)), seed)
    return fill(length, (at) => once[at % once.length]!)
  },
  'noise, then text': (length, seed) => {
    const half = length >>> 1
    return Uint8Array.from([...noise(half, seed), ...text(length - half, seed)])
  },
  attributes: (length, seed) => {
    const list = Array.from({ length: Math.ceil(length / 30) }, (_, n) => ({
      id: n + seed,
      name: `name ${n}`,
      hp: n * 7,
    }))
    return encode(list).slice(0, length)
  },
}

/** Bytes of any kind. */
export const anyBytes = (lengthMax: number) =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom(...Object.keys(KINDS)), fc.nat(lengthMax), fc.nat(1000))
      .map(([kind, length, seed]) => KINDS[kind]!(length, seed)),
    fc.uint8Array({ maxLength: Math.min(lengthMax, 300) }),
  )
