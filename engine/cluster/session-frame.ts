// The frames of a link between two of our processes. Each begins with its length and kind:
//
//     hello    connector > acceptor   who I am, my process, my session, the last batch I have of you
//     welcome  acceptor > connector   the same, and whether I knew your session
//     refuse   acceptor > connector   why not
//     batch    both                   u32 number | u32 last batch I have of you | packets: u32 length, u16 type, fields
//     ack      both                   u32 last batch I have of you; also a sign of life
//     bye      both                   the session is over, on purpose
import { WireError } from '../base/errors.ts'
import { PacketReader, PacketWriter, putU32 } from '../wire/packet.ts'

export const KIND_HELLO = 1
export const KIND_WELCOME = 2
export const KIND_REFUSE = 3
export const KIND_BATCH = 4
export const KIND_ACK = 5
export const KIND_BYE = 6

/** u32 length, u8 kind, u32 number, u32 ack. */
export const BATCH_HEADER_BYTES = 13

const MAGIC = 0x4b4c5747 // 'GWLK'
/** Grows whenever what our processes say to each other changes. */
const VERSION = 10

export type Role = 'game' | 'gate' | 'dispatcher'
const ROLES: readonly Role[] = ['dispatcher', 'game', 'gate']

export interface Peer {
  readonly role: Role
  readonly id: number
}

export interface Greeting {
  readonly peer: Peer
  /** Names the process that speaks: whoever comes back under another name has forgotten everything. */
  readonly process: string
  /** Names the session; made by the connector. */
  readonly session: string
  /** The last batch that the sender has. */
  readonly received: number
  /** In a welcome: the acceptor did not know the session, both begin anew. */
  readonly fresh: boolean
}

const writer = new PacketWriter(256)
const reader = new PacketReader()

function frame(kind: number, fields: () => void): Uint8Array {
  writer.at = 0
  writer.u32(0)
  writer.u8(kind)
  fields()
  putU32(writer.bytes, 0, writer.at - 4)
  return writer.copy()
}

export const greetingFrame = (kind: number, { peer, process, session, received, fresh }: Greeting): Uint8Array =>
  frame(kind, () => {
    writer.u32(MAGIC)
    writer.u16(VERSION)
    writer.u8(ROLES.indexOf(peer.role))
    writer.u16(peer.id)
    writer.id(process)
    writer.id(session)
    writer.u32(received)
    writer.bool(fresh)
  })

/** Reads hello or welcome. Throws WireError for what is none of ours. */
export function readGreeting(bytes: Uint8Array, start: number, end: number): Greeting {
  reader.reset(bytes, start, end)
  if (reader.u32() !== MAGIC) throw new WireError('it is no goworld process')
  const version = reader.u16()
  if (version !== VERSION) throw new WireError(`it speaks version ${version} of our protocol, we speak ${VERSION}`)
  const role = ROLES[reader.u8()]
  if (!role) throw new WireError('its role is unknown')
  const greeting = {
    peer: { role, id: reader.u16() },
    process: reader.id(),
    session: reader.id(),
    received: reader.u32(),
    fresh: reader.bool(),
  }
  reader.finish()
  return greeting
}

export const reasonFrame = (kind: number, reason: string): Uint8Array => frame(kind, () => writer.varstr(reason))

export const readReason = (bytes: Uint8Array, start: number, end: number): string =>
  reader.reset(bytes, start, end).varstr()

export const ackFrame = (received: number): Uint8Array => frame(KIND_ACK, () => writer.u32(received))
