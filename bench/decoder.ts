// What reading MessagePack costs: nanoseconds of CPU a value, for what passes through clients, gates and games. Our decoder
// checks as it goes; beside it, in the same run, msgpackr, which checks nothing of what we refuse.
//
//     make bench ONLY=decoder           a line a figure
//     JSON=1 make bench ONLY=decoder    a JSON object a line
import { decode, encode } from '../engine/wire/codec.ts'
import { decodeOwn } from '../engine/wire/own-codec.ts'
import { median, report } from './kit/report.ts'

const REPEATS = 9
const SLICE_BYTES = 300_000
const VALUE_BYTES = 40

const attrsOf = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `attribute${n}`,
      n % 3 === 0 ? `value ${n}` : n % 3 === 1 ? n * 1000 : n / 3,
    ]),
  )
const VALUES: Readonly<Record<string, unknown>> = {
  'a line of chat': 'what somebody says to all who are near',
  'a place': { x: 12.5, y: 0, z: -7.25 },
  'attributes, 5': attrsOf(5),
  'attributes, 20': attrsOf(20),
  'attributes, 1000': attrsOf(1000),
  'a list of 200 numbers': Array.from({ length: 200 }, (_, n) => n * 7),
  'a list of 50 maps': Array.from({ length: 50 }, (_, n) => ({ id: n, name: `name ${n}`, score: n * 100 })),
}

/** Nanoseconds of CPU a call. */
function measure(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): number {
  const count = Math.ceil(SLICE_BYTES / (bytes.length + VALUE_BYTES))
  const before = process.cpuUsage()
  for (let n = 0; n < count; n++) read(bytes)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / count
}

const encoded = Object.entries(VALUES).map(([name, value]) => [name, encode(value)] as const)
// All of them before any is measured: neither of the two gets code that is made for one of them alone.
for (let round = 0; round < 10; round++)
  for (const [, bytes] of encoded) for (const read of [decode, decodeOwn]) measure(read, bytes)
for (const [name, bytes] of encoded) {
  const ours: number[] = []
  const reference: number[] = []
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    ours.push(measure(decode, bytes))
    reference.push(measure(decodeOwn, bytes))
  }
  const scenario = `decoder: ${name}, ${bytes.length} bytes`
  report({ scenario, metric: 'CPU per value', value: median(ours), unit: 'ns' })
  report({ scenario, metric: 'msgpackr alone', value: median(reference), unit: 'ns' })
  report({ scenario, metric: 'ratio of msgpackr to it', value: median(reference) / median(ours), unit: '×' })
}
