// One connection, and the client that it is of: a client with a session goes on by the connection of another, which has
// said hello in its name.
import type { Connection, ConnectionHandlers } from '../../engine/net/connection.ts'
import type { Client } from './client.ts'

/** What a client wants to hear of its connection. */
export interface ClientHandlers extends ConnectionHandlers {
  /** The connection has dropped a message of the client by itself, for what was wrong with it. */
  dropped?(bytes: number): void
}

export class Line {
  readonly connection: Connection
  /** Nobody's, when its client goes on by another. */
  client: Client | undefined

  readonly #over: () => void

  /** `over`: called when it is, whosever it is by then. */
  constructor(connection: Connection, client: Client, over: () => void) {
    this.connection = connection
    this.client = client
    this.#over = over
  }

  open(): void {
    const handlers: ClientHandlers = {
      data: (chunk) => this.client?.receive(chunk),
      dropped: (bytes) => this.client?.dropped(bytes),
      refused: (what, detail) => this.client?.misspoken(what, detail),
      drain: () => this.client?.output.written(),
      close: (reason) => {
        this.#over()
        this.client?.closed(reason)
      },
    }
    this.connection.handle(handlers)
  }
}
