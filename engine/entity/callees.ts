// Where calls on players' clients go: gate, client and player, by the player's slot and side by side. Whoever says something
// to a thousand players would otherwise look into a thousand objects for it, each of them elsewhere in memory.
import { ID_BYTES } from '../base/id.ts'
import { larger } from '../base/larger.ts'
import type { PacketWriter } from '../wire/packet.ts'
import type { Client, EntityCore } from './core.ts'

/** The client's id and the player's, as the gate reads them. */
const ROW_BYTES = 2 * ID_BYTES

export class Callees {
  /** Whose rows they are. A client is never changed: another one is another object. */
  readonly #clients: (Client | undefined)[] = []
  #gates = new Uint16Array(64)
  #rows = new Uint8Array(64 * ROW_BYTES)

  /** The gate of the client, which is that of `core`. What follows is of the same. */
  gateOf(core: EntityCore, client: Client): number {
    const { slot } = core
    if (this.#clients[slot] !== client) this.#learn(core, client)
    return this.#gates[slot]!
  }

  /** Appends the ids of the client and of its player. */
  write(out: PacketWriter, { slot }: EntityCore): void {
    out.reserve(ROW_BYTES)
    const { bytes, at } = out
    const row = slot * ROW_BYTES
    for (let byte = 0; byte < ROW_BYTES; byte++) bytes[at + byte] = this.#rows[row + byte]!
    out.at = at + ROW_BYTES
  }

  /** The slot is for another. */
  forget(slot: number): void {
    if (slot < this.#clients.length) this.#clients[slot] = undefined
  }

  #learn({ slot, id }: EntityCore, client: Client): void {
    while (this.#clients.length <= slot) this.#clients.push(undefined)
    while (this.#gates.length <= slot) {
      this.#gates = larger(this.#gates)
      this.#rows = larger(this.#rows)
    }
    this.#clients[slot] = client
    this.#gates[slot] = client.gateId
    for (let byte = 0; byte < ID_BYTES; byte++) {
      this.#rows[slot * ROW_BYTES + byte] = client.clientId.charCodeAt(byte)
      this.#rows[slot * ROW_BYTES + ID_BYTES + byte] = id.charCodeAt(byte)
    }
  }
}
