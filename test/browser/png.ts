// Pictures for the docs, small enough to be kept with the source: what a browser makes of them is more than twice as large.
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
/** Of a picture in red, green and blue, eight bits each, without and with an alpha. */
const RGB = 2
const RGBA = 6
const BRIGHT = 150
const FILTERS = [0, 1, 2, 3, 4]

interface Picture {
  readonly width: number
  readonly height: number
  readonly pixelBytes: number
  /** Row by row. */
  readonly pixels: Uint8Array
}

/** How much light there is in a picture: where there is a fight, there is more. */
export function lightOf(png: Buffer): number {
  const { pixelBytes, pixels } = decode(png)
  let light = 0
  for (let at = 0; at < pixels.length; at += pixelBytes) {
    if (Math.max(pixels[at]!, pixels[at + 1]!, pixels[at + 2]!) > BRIGHT) light++
  }
  return light
}

/** The same picture in fewer bytes. Colours go in steps of `step`: finer ones cost much and are not seen. */
export function smallerPng(png: Buffer, step: number): Buffer {
  const { width, height, pixelBytes, pixels } = decode(png)
  const rows: Uint8Array[] = []
  let above: Uint8Array = new Uint8Array(width * 3)
  for (let y = 0; y < height; y++) {
    const row = new Uint8Array(width * 3)
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = pixels[(y * width + x) * pixelBytes + channel]!
        row[x * 3 + channel] = Math.min(255, Math.round(value / step) * step)
      }
    }
    rows.push(smallest(FILTERS.map((filter) => filtered(row, above, filter, 3))))
    above = row
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([8, RGB, 0, 0, 0], 8)
  const data = deflateSync(Buffer.concat(rows), { level: 9, memLevel: 9 })
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

function decode(png: Buffer): Picture {
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  const pixelBytes = png[25] === RGBA ? 4 : 3
  if (png[24] !== 8 || (png[25] !== RGB && png[25] !== RGBA)) throw new Error('a picture in true colours is wanted')
  const data: Buffer[] = []
  for (let at = SIGNATURE.length; at < png.length; at += png.readUInt32BE(at) + 12) {
    const bytes = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + bytes))
  }
  const packed = inflateSync(Buffer.concat(data))
  const rowBytes = width * pixelBytes
  const pixels = new Uint8Array(rowBytes * height)
  for (let y = 0; y < height; y++) {
    const filter = packed[y * (rowBytes + 1)]!
    for (let at = 0; at < rowBytes; at++) {
      const to = y * rowBytes + at
      const left = at < pixelBytes ? 0 : pixels[to - pixelBytes]!
      const up = y === 0 ? 0 : pixels[to - rowBytes]!
      const corner = at < pixelBytes || y === 0 ? 0 : pixels[to - rowBytes - pixelBytes]!
      pixels[to] = packed[y * (rowBytes + 1) + 1 + at]! + foretold(filter, left, up, corner)
    }
  }
  return { width, height, pixelBytes, pixels }
}

/** A row as the differences from what a filter foretells: PNG, section 9. */
function filtered(row: Uint8Array, above: Uint8Array, filter: number, pixelBytes: number): Uint8Array {
  const out = new Uint8Array(row.length + 1)
  out[0] = filter
  for (let at = 0; at < row.length; at++) {
    const left = at < pixelBytes ? 0 : row[at - pixelBytes]!
    const corner = at < pixelBytes ? 0 : above[at - pixelBytes]!
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
