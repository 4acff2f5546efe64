// Pictures for the docs, small enough to be kept with the source: what a browser encodes is more than twice as large.
import { crc32, deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
const PIXEL_BYTES = 3
/** Eight bits a channel, red, green and blue, nothing interlaced. */
const FORMAT = [8, 2, 0, 0, 0]

/** `rgb` has three bytes a pixel, row by row. Lights fall off in steps of `step`: finer ones cost much and are not seen. */
export function encodePng(rgb: Uint8Array, width: number, height: number, step = 1): Buffer {
  const rowBytes = width * PIXEL_BYTES
  const pixels = rgb.map((value) => Math.min(255, Math.round(value / step) * step))
  const rows: Uint8Array[] = []
  let above = new Uint8Array(rowBytes)
  for (let y = 0; y < height; y++) {
    const row = pixels.subarray(y * rowBytes, (y + 1) * rowBytes)
    rows.push(smallest([0, 1, 2, 3, 4].map((filter) => filtered(row, above, filter))))
    above = row
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set(FORMAT, 8)
  const data = deflateSync(Buffer.concat(rows), { level: 9, memLevel: 9 })
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

/** A row as the differences from what a filter foretells: PNG, section 9. */
function filtered(row: Uint8Array, above: Uint8Array, filter: number): Uint8Array {
  const out = new Uint8Array(row.length + 1)
  out[0] = filter
  for (let at = 0; at < row.length; at++) {
    const left = at < PIXEL_BYTES ? 0 : row[at - PIXEL_BYTES]!
    const corner = at < PIXEL_BYTES ? 0 : above[at - PIXEL_BYTES]!
    out[at + 1] = row[at]! - foretold(filter, left, above[at]!, corner)
  }
  return out
}

function foretold(filter: number, left: number, up: number, corner: number): number {
  if (filter < 4) return [0, left, up, (left + up) >> 1][filter]!
  const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** The row whose differences are smallest packs best, most often. */
function smallest(rows: readonly Uint8Array[]): Uint8Array {
  const sums = rows.map((row) => row.reduce((sum, value) => sum + Math.min(value, 256 - value), 0))
  return rows[sums.indexOf(Math.min(...sums))]!
}

function chunk(type: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type), data])
  const out = Buffer.alloc(named.length + 8)
  out.writeUInt32BE(data.length)
  named.copy(out, 4)
  out.writeUInt32BE(crc32(named), named.length + 4)
  return out
}
