// Small pieces of bytes that live for a while, cut from larger ones. Memory of its own costs each of them an allocation
// outside of the heap, which the collector of garbage has to look after: thousands a second keep it busy.

const SLAB_BYTES = 8 * 1024
/** A larger one has memory of its own. */
const PIECE_BYTES_MAX = SLAB_BYTES / 4

let slab = new Uint8Array(0)
let at = 0

/** A copy of the bytes. What it is cut from is kept for as long as any piece of it is. */
export function pieceOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  if (length > PIECE_BYTES_MAX) return bytes.slice()
  if (at + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES)
    at = 0
  }
  const piece = slab.subarray(at, at + length)
  piece.set(bytes)
  at += length
  return piece
}
