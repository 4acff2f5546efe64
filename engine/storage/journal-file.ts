// A file of the journal, as bytes: rows one behind the other, each with a checksum, so that a process that was killed in
// the middle of a write loses no more than that row.
//
//     | u32 length | u32 CRC-32 of what follows | u32 epoch | f64 no | u32 schema | u16 type's length | type
//                                               | u16 id's length | id | text (UTF-8, to the end) |
import { crc32 } from 'node:zlib'
import { Row } from './row.ts'

export interface JournalRow {
  readonly type: string
  readonly id: string
  readonly row: Row
}

const HEAD_BYTES = 8
const FIXED_BYTES = 20

/** A row as it stands in the file. */
export function encodeJournalRow({ type, id, row }: JournalRow): Buffer {
  const typeBytes = Buffer.byteLength(type)
  const idBytes = Buffer.byteLength(id)
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + FIXED_BYTES + typeBytes + idBytes + Buffer.byteLength(row.text))
  let at = bytes.writeUInt32LE(bytes.length - HEAD_BYTES, 0) + 4
  at = bytes.writeUInt32LE(row.epoch, at)
  at = bytes.writeDoubleLE(row.no, at)
  at = bytes.writeUInt32LE(row.schema, at)
  at = bytes.writeUInt16LE(typeBytes, at)
  at += bytes.write(type, at)
  at = bytes.writeUInt16LE(idBytes, at)
  at += bytes.write(id, at)
  bytes.write(row.text, at)
  bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES)), 4)
  return bytes
}

/** The rows of a file with their bytes, up to the first that is damaged; `end` is where the good ones end. */
export function decodeJournal(bytes: Buffer): {
  readonly rows: (JournalRow & { readonly bytes: number })[]
  readonly end: number
} {
  const rows: (JournalRow & { readonly bytes: number })[] = []
  let at = 0
  while (at + HEAD_BYTES + FIXED_BYTES <= bytes.length) {
    const end = at + HEAD_BYTES + bytes.readUInt32LE(at)
    if (end < at + HEAD_BYTES + FIXED_BYTES || end > bytes.length) break
    const body = bytes.subarray(at + HEAD_BYTES, end)
    if (crc32(body) !== bytes.readUInt32LE(at + 4)) break
    rows.push({ ...decodeBody(body), bytes: end - at })
    at = end
  }
  return { rows, end: at }
}

function decodeBody(body: Buffer): JournalRow {
  const epoch = body.readUInt32LE(0)
  const no = body.readDoubleLE(4)
  const schema = body.readUInt32LE(12)
  const typeEnd = 18 + body.readUInt16LE(16)
  const type = body.toString('utf8', 18, typeEnd)
  const idEnd = typeEnd + 2 + body.readUInt16LE(typeEnd)
  const id = body.toString('utf8', typeEnd + 2, idEnd)
  const row = Row.stored(body.toString('utf8', idEnd), { schema, epoch, no }, `${type} ${id} in the journal`)
  return { type, id, row }
}
