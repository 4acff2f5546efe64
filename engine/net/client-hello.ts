// What a TLS client says first, put together as it comes: records (type 22, version, u16 length), in them one message (type 1,
// u24 length), which may go on from one record to the next. It is not read, only whether it is whole.
const HEADER_BYTES = 5
const HANDSHAKE = 22
const RECORD_BYTES_MAX = 16 * 1024
const CLIENT_HELLO = 1
/** Its type and its length. */
const MESSAGE_HEADER_BYTES = 4
/** Hellos take a half to two KiB. */
const FIRST_BYTES = 2048

export class ClientHello {
  isWhole = false
  /** How it is none, if so. */
  fault: string | undefined
  #bytes = Buffer.alloc(0)
  #length = 0
  /** Where the next record begins. */
  #recordAt = 0
  /** The first bytes of the message, and how many of it are in the records before the next. */
  #header = 0
  #messageBytes = 0

  /** How many bytes have come. */
  get length(): number {
    return this.#length
  }

  /** What has come, for good: it is forgotten here. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#bytes = Buffer.alloc(0)
    return bytes
  }

  add(chunk: Buffer): void {
    this.#keep(chunk)
    while (!this.isWhole && this.fault === undefined && this.#length >= this.#recordAt + HEADER_BYTES) {
      const header = this.#bytes.subarray(this.#recordAt, this.#recordAt + HEADER_BYTES)
      const body = this.#recordAt + HEADER_BYTES
      const bodyBytes = header.readUInt16BE(3)
      if (header[0] !== HANDSHAKE) this.fault = `it says ${JSON.stringify(header.toString('latin1'))}`
      else if (bodyBytes === 0 || bodyBytes > RECORD_BYTES_MAX) this.fault = `a record of ${bodyBytes} bytes`
      else if (this.#length < body + bodyBytes) return
      else this.#record(body, bodyBytes)
    }
  }

  #record(body: number, bodyBytes: number): void {
    for (let at = 0; at < bodyBytes && this.#messageBytes + at < MESSAGE_HEADER_BYTES; at++)
      this.#header = this.#header * 256 + this.#bytes[body + at]!
    this.#messageBytes += bodyBytes
    this.#recordAt = body + bodyBytes
    if (this.#messageBytes < MESSAGE_HEADER_BYTES) return
    const type = this.#header >>> 24
    if (type !== CLIENT_HELLO) this.fault = `a message of type ${type}, and not a hello`
    else this.isWhole = this.#messageBytes >= MESSAGE_HEADER_BYTES + (this.#header & 0xffffff)
  }

  #keep(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length, FIRST_BYTES))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length = length
  }
}
