// A client's stream that speaks snappy over another, as a gate with compress_connection=1 wants it: of all clients over TCP, and of those
// over WebSockets that speak GoWorld's protocol alone.
import { messageOf, WireError } from '../base/errors.ts'
import { pieceOf } from '../base/slab.ts'
import { BLOCK_BYTES_MAX } from '../base/snappy.ts'
import { chunkOf, SnappyReader } from '../base/snappy-stream.ts'
import type { ByteStream } from './stream.ts'

const NOT_SNAPPY = 'the server does not speak snappy: is compress_connection set there?'

/** The same stream, compressed: `connect(compressed(tcpStream('127.0.0.1:14000')))`. */
export function compressed(stream: ByteStream): ByteStream {
  let hasBegun = false
  let failure: string | undefined
  return {
    get bufferedBytes() {
      return stream.bufferedBytes
    },
    write(bytes) {
      for (let from = 0; from < bytes.length; from += BLOCK_BYTES_MAX) {
        stream.write(pieceOf(chunkOf(bytes, from, Math.min(from + BLOCK_BYTES_MAX, bytes.length), !hasBegun)))
        hasBegun = true
      }
    },
    onData(handler) {
      const reader = new SnappyReader((bytes) => {
        handler(bytes)
        return true
      })
      stream.onData((chunk) => {
        if (failure !== undefined) return
        try {
          reader.push(chunk)
        } catch (error) {
          if (!(error instanceof WireError)) throw error
          failure = reader.hasBegun ? `the server sent ${messageOf(error)}` : NOT_SNAPPY
          stream.close()
        }
      })
    },
    onClose: (handler) => stream.onClose((reason, onPurpose) => handler(failure ?? reason, onPurpose)),
    close: () => stream.close(),
  }
}
