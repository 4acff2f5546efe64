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

/** One over a connection that is yet to come: what is written meanwhile waits. */
export function streamTo(dial: () => Promise<Connection>): ByteStream {
  let early: Uint8Array[] = []
  let isClosed = false
  let onData: (chunk: Uint8Array) => void = () => {}
  let onClose: (reason: string) => void = () => {}
  let stream: ByteStream | undefined
  dial().then(
    (connection) => {
      stream = streamOver(connection)
      stream.onData((chunk) => onData(chunk))
      stream.onClose((reason) => onClose(reason))
      for (const bytes of early) stream.write(bytes)
      early = []
      if (isClosed) stream.close()
    },
    (error: Error) => onClose(error.message),
  )
  return {
    get bufferedBytes() {
      return stream?.bufferedBytes ?? 0
    },
    write: (bytes) => (stream ? stream.write(bytes) : void early.push(bytes)),
    onData: (handler) => {
      onData = handler
    },
    onClose: (handler) => {
      onClose = handler
    },
    close: () => {
      isClosed = true
      stream?.close()
    },
  }
}
