// Position records: 32 bytes an entity, the same between our processes and to the client (message 1502).
//
//     | entity id: 16 bytes | f32 x | f32 y | f32 z | f32 yaw |
import { getF32, type PacketWriter, putF32 } from './packet.ts'

export const RECORD_BYTES = 32

export function writeRecord(
  writer: PacketWriter,
  entityId: string,
  x: number,
  y: number,
  z: number,
  yaw: number,
): void {
  writer.id(entityId)
  writer.reserve(16)
  const { bytes, at } = writer
  putF32(bytes, at, x)
  putF32(bytes, at + 4, y)
  putF32(bytes, at + 8, z)
  putF32(bytes, at + 12, yaw)
  writer.at = at + 16
}

export const recordX = (bytes: Uint8Array, record: number): number => getF32(bytes, record + 16)
export const recordY = (bytes: Uint8Array, record: number): number => getF32(bytes, record + 20)
export const recordZ = (bytes: Uint8Array, record: number): number => getF32(bytes, record + 24)
export const recordYaw = (bytes: Uint8Array, record: number): number => getF32(bytes, record + 28)
