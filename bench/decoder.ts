// What reading MessagePack costs: nanoseconds of CPU a value, for what passes through clients, gates and games. Our decoder
// checks as it goes; beside it, in the same run, msgpackr, which checks nothing of what we refuse. And what it costs to pass
// the value on within a game: copied as it is, beside written and read.
//
//     make bench ONLY=decoder           a line a figure
//     JSON=1 make bench ONLY=decoder    a JSON object a line
import { decode, encode } from '../engine/wire/codec.ts'
import { copyValue } from '../engine/wire/copy.ts'
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

/** Nanoseconds of CPU a call, for a value that takes so many bytes on the wire. */
function measure(run: () => unknown, bytes: number): number {
  const count = Math.ceil(SLICE_BYTES / (bytes + VALUE_BYTES))
  const before = process.cpuUsage()
  for (let n = 0; n < count; n++) run()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / count
}

const works = Object.entries(VALUES).map(([name, written]) => {
  const bytes = encode(written)
  const value = decode(bytes)
  const ways = {
    read: () => decode(bytes),
    msgpackr: () => decodeOwn(bytes),
    copied: () => copyValue(value),
    writtenAndRead: () => decode(encode(value)),
  }
  return { name, bytes: bytes.length, ways }
})
// All of them before any is measured: no way gets code that is made for one value alone.
for (let round = 0; round < 10; round++)
  for (const { bytes, ways } of works) for (const run of Object.values(ways)) measure(run, bytes)
for (const { name, bytes, ways } of works) {
  const times = {
    read: [] as number[],
    msgpackr: [] as number[],
    copied: [] as number[],
    writtenAndRead: [] as number[],
  }
  for (let repeat = 0; repeat < REPEATS; repeat++)
    for (const way of Object.keys(times) as (keyof typeof times)[]) times[way].push(measure(ways[way], bytes))
  const scenario = `decoder: ${name}, ${bytes} bytes`
  const say = (metric: string, value: number, unit = 'ns') => report({ scenario, metric, value, unit })
  say('CPU per value', median(times.read))
  say('msgpackr alone', median(times.msgpackr))
  say('ratio of msgpackr to it', median(times.msgpackr) / median(times.read), '×')
  say('passed on within a game', median(times.copied))
  say('written and read for that', median(times.writtenAndRead))
  say('ratio of that to it', median(times.writtenAndRead) / median(times.copied), '×')
}
