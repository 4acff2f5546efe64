// CRC-32C (Castagnoli, RFC 3720, appendix B.4), the checksum of snappy streams: sixteen bytes at a step, by as many tables. That takes
// half as long as eight with bytes read one by one.

/** The polynomial, its lowest power first. */
const POLYNOMIAL = 0x82f63b78
const ROW = 256
const STEP_BYTES = 16

/** Row n: what a byte does to the checksum when n more bytes follow it. */
const table = new Int32Array(STEP_BYTES * ROW)
for (let byte = 0; byte < ROW; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
  table[byte] = crc
}
for (let at = ROW; at < table.length; at++) {
  const before = table[at - ROW]!
  table[at] = (before >>> 8) ^ table[before & 0xff]!
}

/** Of the bytes from `from` up to `to`, as a signed number of 32 bits. `view` is of the same bytes. */
export function crc32c(bytes: Uint8Array, view: DataView, from: number, to: number): number {
  let crc = -1
  let at = from
  for (; at + STEP_BYTES <= to; at += STEP_BYTES) {
    const a = view.getInt32(at, true) ^ crc
    const b = view.getInt32(at + 4, true)
    const c = view.getInt32(at + 8, true)
    const d = view.getInt32(at + 12, true)
    crc =
      table[15 * ROW + (a & 0xff)]! ^
      table[14 * ROW + ((a >>> 8) & 0xff)]! ^
      table[13 * ROW + ((a >>> 16) & 0xff)]! ^
      table[12 * ROW + (a >>> 24)]! ^
      table[11 * ROW + (b & 0xff)]! ^
      table[10 * ROW + ((b >>> 8) & 0xff)]! ^
      table[9 * ROW + ((b >>> 16) & 0xff)]! ^
      table[8 * ROW + (b >>> 24)]! ^
      table[7 * ROW + (c & 0xff)]! ^
      table[6 * ROW + ((c >>> 8) & 0xff)]! ^
      table[5 * ROW + ((c >>> 16) & 0xff)]! ^
      table[4 * ROW + (c >>> 24)]! ^
      table[3 * ROW + (d & 0xff)]! ^
      table[2 * ROW + ((d >>> 8) & 0xff)]! ^
      table[ROW + ((d >>> 16) & 0xff)]! ^
      table[d >>> 24]!
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!
  return ~crc
}
