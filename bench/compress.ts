// What compress_connection costs: microseconds of CPU for a KiB of what gates say, to compress it and to take it apart again, and what
// is left of it. Each figure is of whole chunks as connections write them, checksums and all; beside it, in the same run, deflate at
// its quickest (node:zlib, level 1), which the same KiB would cost without a stream's memory.
//
//     make bench ONLY=compress           a line a figure
//     JSON=1 make bench ONLY=compress    a JSON object a line
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { seededRandom } from '../engine/base/random.ts'
import { chunkOf, SnappyReader } from '../engine/base/snappy-stream.ts'
import { clientMessages } from '../engine/wire/client-wire.ts'
import { encode } from '../engine/wire/codec.ts'
import { PacketWriter } from '../engine/wire/packet.ts'
import { writeRecord } from '../engine/wire/sync.ts'
import { median, report } from './kit/report.ts'
import { idOf } from './kit/watchers.ts'

const REPEATS = 9
const SLICE_BYTES = 4_000_000
const BATCHES = 64
const ADDRESS = { gateId: 1, clientId: idOf('client', 1) }
const WORDS =
  'the of and to a in is you that it he was for on are as with his they at be this have from or had by'.split(' ')
const random = seededRandom(1)
const below = (end: number) => Math.floor(random() * end)

/** What clients hear at the end of a turn, so often. */
function batchesOf(say: (writer: PacketWriter, batch: number) => void): Uint8Array[] {
  return Array.from({ length: BATCHES }, (_, batch) => {
    const writer = new PacketWriter(64 * 1024)
    say(writer, batch)
    return writer.copy()
  })
}

/** Of so many that walk about. */
function positions(writer: PacketWriter, count: number): void {
  const records = new PacketWriter(64 * 1024)
  for (let n = 0; n < count; n++)
    writeRecord(records, idOf('player', below(1000)), 400 * random(), 0, 400 * random(), 360 * random())
  clientMessages.positions.write(writer, { records: records.copy() })
}

function creation(writer: PacketWriter, n: number): void {
  const attrs = {
    name: `player ${n}`,
    level: below(60),
    hp: below(1000),
    hpMax: 1000,
    class: 'ranger',
    guild: `guild ${below(20)}`,
  }
  const place = { x: 400 * random(), y: 0, z: 400 * random(), yaw: 360 * random() }
  clientMessages.createEntity.write(writer, {
    ...ADDRESS,
    isPlayer: false,
    entityId: idOf('player', n),
    type: 'Avatar',
    ...place,
    attrs: encode(attrs) as never,
  })
}

function chat(writer: PacketWriter): void {
  const line = Array.from({ length: 4 + below(12) }, () => WORDS[below(WORDS.length)]).join(' ')
  const args = [`player ${below(1000)}`, line]
  clientMessages.callOnClient.write(writer, {
    ...ADDRESS,
    entityId: idOf('player', below(1000)),
    method: 'heard',
    args,
  } as never)
}

const TRAFFIC: Readonly<Record<string, Uint8Array[]>> = {
  'positions, 33': batchesOf((writer) => positions(writer, 33)),
  'positions, 1000': batchesOf((writer) => positions(writer, 1000)),
  'entities that come, 30': batchesOf((writer, batch) => {
    for (let n = 0; n < 30; n++) creation(writer, batch * 30 + n)
  }),
  'lines of chat, 1': batchesOf((writer) => chat(writer)),
  'lines of chat, 20': batchesOf((writer) => {
    for (let n = 0; n < 20; n++) chat(writer)
  }),
  noise: batchesOf((writer) => writer.raw(Uint8Array.from({ length: 8192 }, () => below(256)))),
}

function compress(batch: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let from = 0; from < batch.length; from += 65_536)
    chunks.push(chunkOf(batch, from, Math.min(from + 65_536, batch.length), false))
  return chunks
}
const reader = new SnappyReader(() => true)
reader.push(Buffer.from('ff060000734e61507059', 'hex'))

/** Microseconds of CPU for a KiB of the batches. */
function measure<T>(inputs: readonly T[], bytes: number, run: (input: T) => void): number {
  const rounds = Math.max(1, Math.round(SLICE_BYTES / bytes))
  const before = process.cpuUsage()
  for (let round = 0; round < rounds; round++) for (const input of inputs) run(input)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / ((rounds * bytes) / 1024)
}

const works = Object.entries(TRAFFIC).map(([name, batches]) => {
  const bytes = batches.reduce((sum, { length }) => sum + length, 0)
  const small = batches.map((batch) => Buffer.concat(compress(batch).map((chunk) => chunk.slice())))
  const deflated = batches.map((batch) => deflateRawSync(batch, { level: 1 }))
  const left = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0) / bytes
  const ways = {
    compressed: () => measure(batches, bytes, compress),
    read: () => measure(small, bytes, (batch) => void reader.push(batch)),
    deflated: () => measure(batches, bytes, (batch) => void deflateRawSync(batch, { level: 1 })),
    inflated: () => measure(deflated, bytes, (batch) => void inflateRawSync(batch)),
  }
  return { name, bytes, left: left(small), deflatedLeft: left(deflated), ways }
})
// All of them before any is measured: none gets code that is made for it alone.
for (const { ways } of works) for (const run of Object.values(ways)) run()
for (const { name, bytes, left, deflatedLeft, ways } of works) {
  const times = { compressed: [] as number[], read: [] as number[], deflated: [] as number[], inflated: [] as number[] }
  for (let repeat = 0; repeat < REPEATS; repeat++)
    for (const way of Object.keys(times) as (keyof typeof times)[]) times[way].push(ways[way]())
  const scenario = `compress: ${name}, ${Math.round(bytes / BATCHES)} bytes`
  const say = (metric: string, value: number, unit: string) => report({ scenario, metric, value, unit })
  say('left of it', 100 * left, '%')
  say('CPU to compress a KiB', median(times.compressed), 'µs')
  say('CPU to read it', median(times.read), 'µs')
  say('left by deflate', 100 * deflatedLeft, '%')
  say('ratio of deflate to compressing', median(times.deflated) / median(times.compressed), '×')
  say('ratio of inflate to reading', median(times.inflated) / median(times.read), '×')
}
