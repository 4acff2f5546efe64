// The clients of the gate, by their slot (a small number, used again when a client has gone) and by their id.
import { IdTable } from '../../engine/base/id-table.ts'
import type { Client } from './client.ts'

export class Clients implements Iterable<Client> {
  readonly #ids = new IdTable(256)
  readonly #bySlot: (Client | undefined)[] = []
  readonly #free: number[] = []

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
    const slot = this.#ids.get(bytes, at)
    return slot < 0 ? undefined : this.#bySlot[slot]
  }

  add(client: Client): void {
    if (this.#free.length > 0) this.#free.pop()
    this.#bySlot[client.slot] = client
    this.#ids.setText(client.id, client.slot)
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
