// The clients of the gate, by their slot (a small number, used again when a client has gone) and by their id. Whom each plays is
// beside that as four words: so a call on a client, of which there are very many, is checked without a look at client or player.
import { IdTable } from '../../engine/base/id-table.ts'
import { larger } from '../../engine/base/larger.ts'
import { getU32 } from '../../engine/wire/packet.ts'
import { bytesOf, type Client } from './client.ts'
import type { View } from './views.ts'

/** Of an id. */
const WORDS = 4

export class Clients implements Iterable<Client> {
  readonly #ids = new IdTable(256)
  readonly #bySlot: (Client | undefined)[] = []
  readonly #free: number[] = []
  /** By the slot: the id of the client's player, or 0. */
  #players = new Int32Array(64 * WORDS)

  get size(): number {
    return this.#ids.size
  }

  /** The slot of the next client that is added. */
  get nextSlot(): number {
    return this.#free.at(-1) ?? this.#bySlot.length
  }

  /** The client in a slot that is known to be taken. */
  at(slot: number): Client {
    return this.#bySlot[slot]!
  }

  /** The client whose id is at `at`. */
  find(bytes: Uint8Array, at: number): Client | undefined {
    const slot = this.slotOf(bytes, at)
    return slot < 0 ? undefined : this.#bySlot[slot]
  }

  /** The slot of the client whose id is at `at`, or -1. */
  slotOf(bytes: Uint8Array, at: number): number {
    return this.#ids.get(bytes, at)
  }

  /** Whether the player of the client in the slot has the id at `at`. */
  plays(slot: number, bytes: DataView, at: number): boolean {
    const players = this.#players
    const word = slot * WORDS
    return (
      players[word] === bytes.getInt32(at, true) &&
      players[word + 1] === bytes.getInt32(at + 4, true) &&
      players[word + 2] === bytes.getInt32(at + 8, true) &&
      players[word + 3] === bytes.getInt32(at + 12, true)
    )
  }

  /** Puts the id of the player of the client in the slot at `at`. */
  putPlayer(slot: number, bytes: DataView, at: number): void {
    for (let word = 0; word < WORDS; word++) bytes.setInt32(at + word * 4, this.#players[slot * WORDS + word]!, true)
  }

  /** Calls `visit` for the slot of each client that has a player. */
  forEachPlaying(visit: (slot: number) => void): void {
    const players = this.#players
    const slots = this.#bySlot.length
    for (let slot = 0; slot < slots; slot++) if (players[slot * WORDS] !== 0) visit(slot)
  }

  /** The client plays another entity from now on, or nobody. What is held for the one that it has played it takes before. */
  setPlayer(client: Client, player: View | undefined): void {
    client.output.takeHeld()
    client.player = player
    const { slot } = client
    for (let word = 0; word < WORDS; word++)
      this.#players[slot * WORDS + word] = player ? getU32(player.destroyBody, player.idAt + word * 4) : 0
  }

  add(client: Client): void {
    if (this.#free.length > 0) this.#free.pop()
    this.#bySlot[client.slot] = client
    this.#ids.setText(client.id, client.slot)
    if ((client.slot + 1) * WORDS > this.#players.length) this.#players = larger(this.#players)
  }

  /** Games know it by another name from now on: what was said to the one that it had is for nobody. */
  rename(client: Client, id: string): void {
    this.#ids.deleteText(client.id)
    client.id = id
    client.idBytes = bytesOf(id)
    client.output.rename(id)
    this.#ids.setText(id, client.slot)
  }

  remove(client: Client): void {
    if (this.#bySlot[client.slot] !== client) return
    this.#bySlot[client.slot] = undefined
    this.#ids.deleteText(client.id)
    this.#free.push(client.slot)
  }

  *[Symbol.iterator](): Iterator<Client> {
    for (const client of this.#bySlot) if (client) yield client
  }
}
