// A file of the journal, as bytes: whose rows they are, then rows one behind the other. Each has a mark to find it by
// and checksums, so that what is damaged costs no more than itself, and a process that is killed in the middle of a
// write no more than the row it wrote.
//
//     | mark, 4 bytes | u32 length of the body | u32 CRC-32 of the body | u32 CRC-32 of these 12 | body |
//
//     mark "row":   | u32 epoch | f64 no | u32 schema | u16 type's length | type | u16 id's length | id | text (to the end) |
//     mark "store": | the name of the store that the rows behind it are for |
//
// Texts are UTF-8, in which no mark can be.
import { crc32 } from 'node:zlib'
import { Row } from './row.ts'

export interface JournalRow {
  readonly type: string
  readonly id: string
  readonly row: Row
}

/** A row with what it takes up in the file. */
export interface StoredJournalRow extends JournalRow {
  readonly bytes: number
}

const MARK = Buffer.from([0xff, 0xfe, 0x67])
const ROW = 0x72
const STORE = 0x73
const HEAD_BYTES = 16
const FIXED_BYTES = 20

/** A row as it stands in the file. */
export function encodeJournalRow({ type, id, row }: JournalRow): Buffer {
  const typeBytes = Buffer.byteLength(type)
  const idBytes = Buffer.byteLength(id)
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + FIXED_BYTES + typeBytes + idBytes + Buffer.byteLength(row.text))
  let at = bytes.writeUInt32LE(row.epoch, HEAD_BYTES)
  at = bytes.writeDoubleLE(row.no, at)
  at = bytes.writeUInt32LE(row.schema, at)
  at = bytes.writeUInt16LE(typeBytes, at)
  at += bytes.write(type, at)
  at = bytes.writeUInt16LE(idBytes, at)
  at += bytes.write(id, at)
  bytes.write(row.text, at)
  return sealed(bytes, ROW)
}

/** What a file begins with. */
export function encodeJournalStore(store: string): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + Buffer.byteLength(store))
  bytes.write(store, HEAD_BYTES)
  return sealed(bytes, STORE)
}

function sealed(bytes: Buffer, kind: number): Buffer {
  bytes.set(MARK)
  bytes[3] = kind
  bytes.writeUInt32LE(bytes.length - HEAD_BYTES, 4)
  bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES)), 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
  return bytes
}

/** Reads a file row by row, over what is damaged in it. */
export class JournalFileReader {
  /** Whose rows they are; undefined until that was read. */
  store: string | undefined
  /** Bytes that are not what was written. */
  damagedBytes = 0
  /** Bytes at the end that are the beginning of something: its write was never over. */
  cutBytes = 0
  /** How far it has come. */
  position = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The next row that can be read; undefined behind the last. */
  next(): StoredJournalRow | undefined {
    while (this.position < this.#bytes.length) {
      const at = this.position
      const end = this.#endOf(at)
      if (end === undefined) {
        this.#skip()
        continue
      }
      this.position = end
      const body = this.#bytes.subarray(at + HEAD_BYTES, end)
      if (this.#bytes[at + 3] === ROW) return { ...decodeBody(body), bytes: end - at }
      this.store = body.toString('utf8')
    }
    return undefined
  }

  /** To the next that is whole, or to the end. */
  #skip(): void {
    const bytes = this.#bytes
    const from = this.position
    for (let at = from + 1; ; at++) {
      at = bytes.indexOf(MARK, at)
      if (at === -1) break
      if (this.#endOf(at) === undefined) continue
      this.damagedBytes += at - from
      this.position = at
      return
    }
    this.position = bytes.length
    if (this.#isCut(from)) this.cutBytes = bytes.length - from
    else this.damagedBytes += bytes.length - from
  }

  /** Where that which begins at `at` ends; undefined when it is not whole. */
  #endOf(at: number): number | undefined {
    const bytes = this.#bytes
    if (!this.#hasHead(at)) return undefined
    const end = at + HEAD_BYTES + bytes.readUInt32LE(at + 4)
    if (end > bytes.length || (bytes[at + 3] === ROW && end < at + HEAD_BYTES + FIXED_BYTES)) return undefined
    return crc32(bytes.subarray(at + HEAD_BYTES, end)) === bytes.readUInt32LE(at + 8) ? end : undefined
  }

  #hasHead(at: number): boolean {
    const bytes = this.#bytes
    if (at + HEAD_BYTES > bytes.length || bytes.compare(MARK, 0, MARK.length, at, at + MARK.length) !== 0) return false
    return crc32(bytes.subarray(at, at + 12)) === bytes.readUInt32LE(at + 12)
  }

  #isCut(at: number): boolean {
    const bytes = this.#bytes
    if (bytes.length - at >= HEAD_BYTES)
      return this.#hasHead(at) && at + HEAD_BYTES + bytes.readUInt32LE(at + 4) > bytes.length
    const length = Math.min(MARK.length, bytes.length - at)
    return bytes.compare(MARK, 0, length, at, at + length) === 0
  }
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
