// Names in messages (methods, types, attribute keys): the same few all day, so each is made into a string once.
import { nameAt } from '../wire/name-cache.ts'
import type { PacketReader } from '../wire/packet.ts'

/** Reads a varstr. */
export function readName(reader: PacketReader): string {
  const count = reader.u32()
  return nameAt(reader.bytes, reader.skip(count), count)
}
