// The dispatchers as a game or gate sees them: one link to each, and which of them knows an entity or serves a gate.
import type { Address } from '../base/address.ts'
import { IdMaker } from '../base/id.ts'
import { bucketOfBytes, bucketOfText } from '../base/id-table.ts'
import type { Transport } from '../net/connection.ts'
import type { Backlog, Link, LinkOptions } from './link.ts'
import { LinkConnector } from './link-connector.ts'

export interface ClusterEvents {
  up(dispatcher: number, link: Link, fresh: boolean, forgotten: boolean): void
  /** The connection broke; `up`, not fresh, when there is another. */
  broken(dispatcher: number): void
  packet(dispatcher: number, bytes: Uint8Array, start: number, end: number): void
  down(dispatcher: number, reason: string): void
  congested?(dispatcher: number, backlog: Backlog): void
}

export interface ClusterOptions extends LinkOptions {
  /** Names this process; a restored one has the name of the frozen one, since it knows what that knew. */
  readonly process?: string | undefined
  readonly transport: Transport
  readonly dispatchers: readonly Address[]
}

export class Cluster {
  readonly links: readonly Link[]
  readonly process: string
  readonly #connectors: readonly LinkConnector[]

  constructor(options: ClusterOptions, events: ClusterEvents) {
    const process = options.process ?? new IdMaker(options.clock, options.random).next()
    this.process = process
    this.#connectors = options.dispatchers.map((address, dispatcher) => {
      const connector: LinkConnector = new LinkConnector(
        { ...options, address, process },
        {
          up: (fresh, forgotten) => events.up(dispatcher, connector.link, fresh, forgotten),
          packet: (bytes, start, end) => events.packet(dispatcher, bytes, start, end),
          broken: () => events.broken(dispatcher),
          down: (reason) => events.down(dispatcher, reason),
          congested: (backlog) => events.congested?.(dispatcher, backlog),
        },
      )
      return connector
    })
    this.links = this.#connectors.map(({ link }) => link)
  }

  start(): void {
    for (const connector of this.#connectors) connector.start()
  }

  toEntity(id: string): Link {
    return this.links[bucketOfText(id, this.links.length)]!
  }

  toEntityBytes(bytes: Uint8Array, at: number): Link {
    return this.links[bucketOfBytes(bytes, at, this.links.length)]!
  }

  /** Everything from games to one gate goes through one dispatcher, so that it keeps its order. */
  toGate(gateId: number): Link {
    return this.links[gateId % this.links.length]!
  }

  toGame(gameId: number): Link {
    return this.links[gameId % this.links.length]!
  }

  toKey(key: string): Link {
    return this.links[bucketOfText(key, this.links.length)]!
  }

  flush(): void {
    for (const link of this.links) link.flush()
  }

  /** Says goodbye to all. */
  async close(): Promise<void> {
    for (const connector of this.#connectors) connector.close()
  }
}
