// What clients send: checked, stamped and passed on to the entity's dispatcher, unopened.
import type { Cluster } from '../../engine/cluster/cluster.ts'
import type { Link } from '../../engine/cluster/link.ts'
import { messages } from '../../engine/wire/messages.ts'
import { getF32, getU16, getU32, sameId } from '../../engine/wire/packet.ts'
import type { GateClient } from './client.ts'

/** Why something a client sent was not passed on. The first group costs the connection, the second the message. */
export type Fault = 'unknown type' | 'malformed'
export type Drop = 'not its player' | 'not syncing' | 'no number' | 'no dispatcher'

const METHOD_BYTES_MAX = 256
const ID_BYTES = 16

export class Inbound {
  readonly #cluster: Cluster
  readonly #call: number
  readonly #position: number
  readonly #heartbeat = 2001

  constructor(cluster: Cluster, protocol: '2022' | '2017') {
    this.#cluster = cluster
    // GoWorld's older clients use the next numbers.
    this.#call = protocol === '2022' ? 11 : 12
    this.#position = protocol === '2022' ? 12 : 13
  }

  /** Takes one frame: type and fields. */
  receive(client: GateClient, bytes: Uint8Array, start: number, end: number): Fault | Drop | undefined {
    switch (getU16(bytes, start)) {
      case this.#position:
        return this.#receivePosition(client, bytes, start + 2, end)
      case this.#call:
        return this.#receiveCall(client, bytes, start + 2, end)
      case this.#heartbeat:
        return undefined
      default:
        return 'unknown type'
    }
  }

  /** entity id | u32 length, method | u16 count, arguments  ─>  entity id | client id | method, arguments */
  #receiveCall(client: GateClient, bytes: Uint8Array, at: number, end: number): Fault | Drop | undefined {
    if (end - at < ID_BYTES + 6) return 'malformed'
    const methodBytes = getU32(bytes, at + ID_BYTES)
    if (methodBytes > METHOD_BYTES_MAX || methodBytes > end - at - ID_BYTES - 6) return 'malformed'
    const link = this.#cluster.toEntityBytes(bytes, at)
    if (!link.up) return 'no dispatcher'
    link.begin(messages.callFromClient.code)
    link.out.raw(bytes, at, at + ID_BYTES)
    link.out.raw(client.idBytes)
    link.out.raw(bytes, at + ID_BYTES, end)
    link.end()
    return undefined
  }

  #receivePosition(client: GateClient, bytes: Uint8Array, at: number, end: number): Fault | Drop | undefined {
    if (end - at !== 32) return 'malformed'
    const { player } = client
    // A record that crosses a hand-over is dropped; it never costs the connection.
    if (!player || !sameId(bytes, at, player.idBytes, 0)) return 'not its player'
    if (!client.syncing) return 'not syncing'
    for (let coordinate = at + ID_BYTES; coordinate < end; coordinate += 4)
      if (!Number.isFinite(getF32(bytes, coordinate))) return 'no number'
    const link = this.#cluster.toEntityBytes(bytes, at)
    if (!link.up) return 'no dispatcher'
    const { out } = link
    if (isPositionsFor(link, player.gameId)) {
      out.raw(bytes, at, end)
    } else {
      link.begin(messages.positionsFromClients.code)
      out.u16(player.gameId)
      out.raw(bytes, at, end)
    }
    link.end()
    return undefined
  }
}

/** Whether the newest frame of the batch holds positions for this game, so that another record may be added to it. */
function isPositionsFor({ out, lastFrame }: Link, gameId: number): boolean {
  return (
    lastFrame >= 0 &&
    getU16(out.bytes, lastFrame + 4) === messages.positionsFromClients.code &&
    getU16(out.bytes, lastFrame + 6) === gameId
  )
}
