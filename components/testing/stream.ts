// A client's stream over a connection of the in-memory network.
import type { ByteStream } from '../../engine/client/client.ts'
import type { Connection } from '../../engine/net/connection.ts'

/** `seen` is shown all that comes, before the client is. */
export function streamOver(connection: Connection, seen?: (chunk: Uint8Array) => void): ByteStream {
  let data: (chunk: Uint8Array) => void = () => {}
  let closed: (reason: string) => void = () => {}
  // What has come already is heard after the caller has said who listens.
  connection.handle({
    data: (chunk) => {
      seen?.(chunk)
      data(chunk)
    },
    close: (reason) => closed(reason),
  })
  return {
    get bufferedBytes() {
      return connection.bufferedBytes
    },
    write: (bytes) => connection.write(bytes),
    onData: (handler) => {
      data = handler
    },
    onClose: (handler) => {
      closed = handler
    },
    close: () => connection.close(),
  }
}
