// The arguments of a call from the server, decoded only when somebody looks at them: a bot among thousands hears
// every line said in the world and wants to know of each no more than whether it said it itself.
//
//     | u16 count | u32 length, MessagePack | u32 length, MessagePack | …
//                               └─ starts[0], ends[0]     └─ starts[1], ends[1]
import { WireError } from '../base/errors.ts'
import { type Data, decode } from '../wire/codec.ts'
import { sameText } from '../wire/name-cache.ts'
import type { PacketReader } from '../wire/packet.ts'

/** Valid during the call that hands it over, not later. */
export class CallArguments {
  #bytes: Uint8Array = new Uint8Array(0)
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Takes the arguments under the reader; one object serves one call after the other. */
  load(reader: PacketReader): this {
    const count = reader.u16()
    if (count * 5 > reader.left) throw new WireError(`${count} arguments do not fit in ${reader.left} bytes`)
    this.#bytes = reader.bytes
    this.#count = count
    for (let index = 0; index < count; index++) {
      const byteCount = reader.u32()
      const start = reader.skip(byteCount)
      this.#starts[index] = start
      this.#ends[index] = start + byteCount
    }
    return this
  }

  /** The argument's value; undefined when there are not so many. */
  value(index: number): Data {
    return index < this.#count ? decode(this.#bytes, this.#starts[index]!, this.#ends[index]!) : undefined
  }

  values(): Data[] {
    const values = new Array<Data>(this.#count)
    for (let index = 0; index < this.#count; index++) values[index] = this.value(index)
    return values
  }

  /** Whether the argument is this text; costs no allocation where the lengths say that it may be, or cannot be. */
  isText(index: number, text: string): boolean {
    if (index >= this.#count) return false
    const bytes = this.#bytes
    const start = this.#starts[index]!
    const count = this.#ends[index]! - start
    const first = bytes[start]!
    let at = -1
    if (first >= 0xa0 && first < 0xc0 && count === 1 + (first & 31)) at = start + 1
    else if (first === 0xd9 && count === 2 + bytes[start + 1]!) at = start + 2
    // In UTF-8 a text has at least as many bytes as characters, and more of them when it is not ASCII.
    const textBytes = start + count - at
    if (at < 0 || textBytes > text.length) return this.value(index) === text
    return sameText(text, bytes, at, textBytes)
  }
}
