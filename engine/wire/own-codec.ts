// Reads the documents that this engine has written itself: frozen games, entities on their way to another. They can be large,
// and a checksum or a link has kept them whole, so nothing is checked before. With much text in them msgpackr, which has
// native help, takes half the time of our own decoder; with few and short ones a little more.
import { Unpackr } from 'msgpackr'
import type { Data } from './decoder.ts'

// 'auto' (a number where it is exact, else a BigInt) is documented but missing from msgpackr's types.
const int64AsType = 'auto' as 'number'
// What is read must outlive the buffer that it came in.
const copyBuffers = true
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType, moreTypes: false, copyBuffers })

/** The value that `encode` has made these bytes of. */
export function decodeOwn(bytes: Uint8Array): Data {
  return unpackr.unpack(bytes) as Data
}
