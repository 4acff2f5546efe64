// Which of our processes is connected to which, over networks in memory, and what is cut: of one process, of one of its
// links, or for good when the process dies.
//
//     game1 ──┬─ lane: quick ─┬──> /d1        a connection takes one of the lanes, and is as slow as that
//             └─ lane: slow ──┘
import { type Address, formatAddress } from '../../engine/base/address.ts'
import type { Random } from '../../engine/base/random.ts'
import type { Connection, Listener, Transport } from '../../engine/net/connection.ts'

interface Wire {
  readonly from: string
  readonly to: string
  readonly connection: Connection
}

/** What one process has of the network. */
export interface Plug extends Transport {
  /** The process is gone without a word: nothing of it is left, and nothing comes of what it still does. */
  pull(): void
}

export class Wiring {
  readonly #lanes: readonly Transport[]
  readonly #random: Random
  /** By who connected to whom. */
  #wires: Wire[] = []
  /** Who reaches nobody, or not this one: `game1`, `game1>/d2`, `gate /d2`. */
  readonly #cutOff = new Set<string>()

  constructor(lanes: readonly Transport[], random: Random) {
    this.#lanes = lanes
    this.#random = random
  }

  plug(from: string): Plug {
    const connections = new Set<Connection>()
    const doors: Listener[][] = []
    let isPulled = false
    return {
      listen: async (address, accept) => {
        const taken = (connection: Connection) => {
          connections.add(connection)
          accept(connection)
        }
        const opened = await Promise.all(this.#lanes.map((lane) => lane.listen(address, taken)))
        doors.push(opened)
        // Once: another process may listen there by then.
        const { address: real } = opened[0]!
        const stop = () => {
          for (const listener of opened.splice(0)) listener.stop()
        }
        return { address: real, stop, close: () => closeAll(opened.splice(0)) }
      },
      connect: async (address) => {
        const to = formatAddress(address)
        if (isPulled || this.#isCut(from, to)) throw new Error('cut off')
        const connection = await this.#lane().connect(address)
        if (isPulled) connection.destroy('its process is gone')
        connections.add(connection)
        this.#wires.push({ from, to, connection })
        return connection
      },
      pull: () => {
        isPulled = true
        this.#wires = this.#wires.filter(({ connection }) => !connections.has(connection))
        for (const connection of connections) connection.destroy('its process is gone')
        for (const opened of doors) void closeAll(opened.splice(0))
      },
    }
  }

  /** Nobody of a name or kind reaches `to`, or anybody without it. Answers how to mend it. */
  cut(from: string, to?: Address): () => void {
    const path = to && formatAddress(to)
    const isKind = !/\d$/.test(from)
    const name = path === undefined ? from : `${from}${isKind ? ' ' : '>'}${path}`
    this.#cutOff.add(name)
    const isCut = (wire: Wire) =>
      (isKind ? wire.from.startsWith(from) : wire.from === from) && (path === undefined || wire.to === path)
    const cut = this.#wires.filter(isCut)
    this.#wires = this.#wires.filter((wire) => !isCut(wire))
    for (const { connection } of cut) connection.destroy('cut off')
    return () => void this.#cutOff.delete(name)
  }

  /** Whoever has this name is a new process, which is not cut off. */
  mend(from: string): void {
    this.#cutOff.delete(from)
  }

  connectionsOf(from: string): Connection[] {
    return this.#wires.filter((wire) => wire.from === from).map(({ connection }) => connection)
  }

  #isCut(from: string, to: string): boolean {
    const kind = from.replace(/\d+$/, '')
    return [from, `${from}>${to}`, `${kind} ${to}`].some((name) => this.#cutOff.has(name))
  }

  #lane(): Transport {
    const { length } = this.#lanes
    return this.#lanes[length === 1 ? 0 : Math.floor(this.#random() * length)]!
  }
}

async function closeAll(listeners: readonly Listener[]): Promise<void> {
  for (const listener of listeners) await listener.close()
}
