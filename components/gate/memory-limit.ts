// What clients cost the gate in memory, all together: what they have yet to hear, what is kept for those whose connection may
// be lost, messages of which the end has not come. Each for itself is bounded, but by a limit that all of them together may not
// use: a network that fails for everybody, or somebody with a thousand connections, would take the gate's memory, and with it
// everybody's connection.
//
//     looked at twice a second:   | a | b | c c c | d d d d d d |      clients_bytes_max
//                                                               └ beyond it, at two looks running, those that take the most
//                                                                 are let go: d, c, …
//
// One look is not enough: what is said to everybody at once is much, and is read in a moment.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Log } from '../../engine/base/log.ts'
import type { Client } from './client.ts'

const LOOK_MS = 500
/** So much of the limit is left to them when some have been let go: the next ones shall not be due at once. */
const LEFT_SHARE = 7 / 8
/** That there is too little is not logged again for so long. */
const QUIET_MS = 10_000

export interface MemoryLimitOptions {
  readonly clock: Clock
  readonly log: Log
  readonly clients: Iterable<Client>
  /** For all of them. */
  readonly bytesMax: number
  /** Closes the client, and keeps nothing for it. */
  readonly letGo: (client: Client, detail: string) => void
}

export class MemoryLimit {
  readonly #options: MemoryLimitOptions
  #next: Scheduled | undefined
  #saidMs = Number.NEGATIVE_INFINITY
  /** It was too much when it was looked at last. */
  #isTooMuch = false
  /** What clients took when they were looked at last. */
  bytes = 0

  constructor(options: MemoryLimitOptions) {
    this.#options = options
  }

  start(): void {
    this.#next = this.#options.clock.after(LOOK_MS, () => {
      this.start()
      this.#look()
    })
  }

  stop(): void {
    this.#next?.cancel()
  }

  #look(): void {
    let bytes = 0
    for (const client of this.#options.clients) bytes += client.memoryBytes
    this.bytes = bytes
    const wasTooMuch = this.#isTooMuch
    this.#isTooMuch = bytes > this.#options.bytesMax
    if (this.#isTooMuch && wasTooMuch) this.#letGo()
  }

  #letGo(): void {
    const { clients, bytesMax, letGo } = this.#options
    this.#say()
    const all = Array.from(clients, (client) => ({ client, bytes: client.memoryBytes }))
    all.sort((a, b) => b.bytes - a.bytes)
    for (const { client, bytes } of all) {
      if (this.bytes <= bytesMax * LEFT_SHARE) return
      this.bytes -= bytes
      letGo(client, `${bytes} bytes`)
    }
  }

  #say(): void {
    const { clock, log, bytesMax } = this.#options
    const nowMs = clock.now()
    if (nowMs - this.#saidMs < QUIET_MS) return
    this.#saidMs = nowMs
    log.error(
      `clients take ${this.bytes} bytes of memory, and clients_bytes_max is ${bytesMax}: those that take the most are closed`,
    )
  }
}
