// A network inside one process: for a cluster in one test on a virtual clock, with seeded delays, cuts of the stream at
// odd places and connections that drop; and for `goworld dev`, without any of that.
import { type Address, formatAddress } from '../base/address.ts'
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Connection, ConnectionHandlers, Transport } from './connection.ts'

/** What is left of bytes that somebody was shown. */
const SPOILED = 0xee

export interface MemoryNetworkOptions {
  readonly random: Random
  /** Delay of each chunk, from and to, in milliseconds. */
  readonly latencyMs?: readonly [number, number]
  /** Cuts chunks in two at random places. */
  readonly split?: boolean
}

export class MemoryNetwork {
  readonly transport: Transport
  /** While true, nobody can connect; what is open stays (see dropAll). */
  isDown = false
  readonly #clock: Clock
  readonly #random: Random
  readonly #latencyMs: readonly [number, number]
  readonly #split: boolean
  readonly #listeners = new Map<string, (connection: Connection) => void>()
  readonly #open = new Set<End>()
  #nextPort = 50_000

  constructor(clock: Clock, { random, latencyMs = [0.1, 1], split = false }: MemoryNetworkOptions) {
    this.#clock = clock
    this.#random = random
    this.#latencyMs = latencyMs
    this.#split = split
    this.transport = {
      listen: async (wanted, accept) => {
        const address = wanted.kind === 'tcp' && wanted.port === 0 ? { ...wanted, port: this.#nextPort++ } : wanted
        const key = formatAddress(address)
        if (this.#listeners.has(key)) throw Object.assign(new Error(`address in use: ${key}`), { code: 'EADDRINUSE' })
        this.#listeners.set(key, accept)
        // Once: another may listen there by then.
        const stop = () => void (this.#listeners.get(key) === accept && this.#listeners.delete(key))
        return { address, stop, close: async () => stop() }
      },
      connect: (address) => this.#connect(address),
    }
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#open.size / 2
  }

  /** Breaks one open connection at random: both ends hear of it, what was on its way is lost. */
  dropRandom(): boolean {
    const ends = [...this.#open]
    const chosen = ends[Math.floor(this.#random() * ends.length)]
    chosen?.breakPair('dropped by the network')
    return chosen !== undefined
  }

  dropAll(): void {
    for (const end of [...this.#open]) end.breakPair('dropped by the network')
  }

  #delayMs(): number {
    const [from, to] = this.#latencyMs
    return to === 0 ? 0 : from + this.#random() * (to - from)
  }

  #connect(address: Address): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#clock.after(this.#delayMs(), () => {
        const key = formatAddress(address)
        const accept = this.#listeners.get(key)
        if (this.isDown) return reject(new Error('the network is down'))
        if (!accept) return reject(new Error(`nobody listens on ${key}`))
        const here = this.#end(key)
        const there = this.#end('memory')
        here.peer = there
        there.peer = here
        accept(there)
        resolve(here)
      })
    })
  }

  #end(remote: string): End {
    const end = new End(remote, {
      clock: this.#clock,
      delayMs: () => this.#delayMs(),
      cut: (length) =>
        this.#split && length > 1 && this.#random() < 0.5 ? Math.ceil(this.#random() * (length - 1)) : length,
      closed: () => void this.#open.delete(end),
    })
    this.#open.add(end)
    return end
  }
}

interface Wire {
  readonly clock: Clock
  delayMs(): number
  /** Where a chunk is cut in two; its length when it is not. */
  cut(length: number): number
  closed(): void
}

/** One end of a connection. */
class End implements Connection {
  readonly remote: string
  declare peer: End
  bufferedBytes = 0
  readonly #wire: Wire
  #handlers: ConnectionHandlers | undefined
  #open = true
  #paused = false
  #held: { bytes: Uint8Array; done: (() => void) | undefined }[] = []
  /** When the last chunk arrives: later ones may not overtake it. */
  #lastArrivalMs = 0
  #ending: string | undefined

  constructor(remote: string, wire: Wire) {
    this.remote = remote
    this.#wire = wire
  }

  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
    const over = !this.#open
    // Like a socket, it says nothing before whoever handles it has returned.
    this.#wire.clock.defer(() => {
      if (over) handlers.close(this.#ending ?? 'closed')
      else this.#deliver()
    })
  }

  write(bytes: Uint8Array, done?: () => void): void {
    if (!this.#open || this.#ending) return done?.()
    const cut = this.#wire.cut(bytes.length)
    // Copied as by a kernel; a Buffer's own `slice` would not.
    const copy = new Uint8Array(bytes)
    this.#send(copy.subarray(0, cut), cut === bytes.length ? done : undefined)
    if (cut < bytes.length) this.#send(copy.subarray(cut), done)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#wire.clock.defer(() => this.#deliver())
  }

  close(reason = 'closed by us'): void {
    if (!this.#open || this.#ending) return
    this.#ending = reason
    const arrival = this.#arrivalMs()
    this.#wire.clock.after(arrival - this.#wire.clock.now(), () => this.breakPair(reason))
  }

  destroy(reason = 'closed by us'): void {
    this.#ending = reason
    this.#wire.clock.defer(() => this.breakPair(reason))
  }

  /** Both ends close at once. */
  breakPair(reason: string): void {
    this.#break(reason)
    this.peer.#break(reason)
  }

  #break(reason: string): void {
    if (!this.#open) return
    this.#open = false
    this.#ending ??= reason
    this.#wire.closed()
    for (const { done } of this.#held.splice(0)) done?.()
    this.#handlers?.close(reason)
  }

  #send(bytes: Uint8Array, done: (() => void) | undefined): void {
    this.bufferedBytes += bytes.length
    const arrival = this.#arrivalMs()
    const taken = () => {
      this.bufferedBytes -= bytes.length
      done?.()
      if (this.bufferedBytes === 0 && this.#open) this.#handlers?.drain?.()
    }
    this.#wire.clock.after(arrival - this.#wire.clock.now(), () => {
      if (!this.peer.#open) return done?.()
      this.peer.#held.push({ bytes, done: taken })
      this.peer.#deliver()
    })
  }

  #arrivalMs(): number {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#wire.clock.now() + this.#wire.delayMs())
    return this.#lastArrivalMs
  }

  #deliver(): void {
    while (this.#open && this.#handlers && !this.#paused) {
      const next = this.#held.shift()
      if (!next) return
      this.#handlers.data(next.bytes)
      // As by a socket, which reads the next into the same place: whoever keeps it is to notice.
      next.bytes.fill(SPOILED)
      next.done?.()
    }
  }
}
