// How much a client may say. One that says more is not read until the time has come for what it has said: its own side
// of the connection fills up, nothing that it said is lost, and nobody else waits for it.
//
//     credit, BURST_MS at most        debt
//     paid ─────────────> now         now ─────────────> paid: until then the client is not read
//
// Each frame moves `paid` on by 1000 / framesMax ms, each byte by 1000 / bytesMax ms: a token bucket that is one number
// (the generic cell rate algorithm, ITU-T I.371, as virtual scheduling).
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Client } from './client.ts'

/** Who was silent may say what the limits allow for so long at once. */
export const BURST_MS = 2000
/** How often those that are not read are looked at. Seldom enough that a flood costs few pauses, often enough to be even. */
const LOOK_MS = 50

export interface RateLimitOptions {
  readonly clock: Clock
  /** In a second; 0: as many as it likes. */
  readonly framesMax: number
  readonly bytesMax: number
  /** `client.limited` has changed. Which limit it was is given where it is limited. */
  readonly changed: (client: Client, limit?: string) => void
}

export class RateLimit {
  /** How often a client was not read any more. */
  timesLimited = 0
  readonly #options: RateLimitOptions
  readonly #frameMs: number
  readonly #byteMs: number
  readonly #limited = new Set<Client>()
  #next: Scheduled | undefined

  constructor(options: RateLimitOptions) {
    this.#options = options
    this.#frameMs = options.framesMax > 0 ? 1000 / options.framesMax : 0
    this.#byteMs = options.bytesMax > 0 ? 1000 / options.bytesMax : 0
  }

  /** How many clients are not read at the moment. */
  get limited(): number {
    return this.#limited.size
  }

  /** What has come of a client, once for all that came in one piece. */
  spend(client: Client, frames: number, bytes: number): void {
    const frameMs = this.#frameMs
    const byteMs = this.#byteMs
    if (frameMs + byteMs === 0) return
    const nowMs = this.#options.clock.now()
    const oldestMs = nowMs - BURST_MS
    client.framesPaidMs = Math.max(client.framesPaidMs, oldestMs) + frames * frameMs
    client.bytesPaidMs = Math.max(client.bytesPaidMs, oldestMs) + bytes * byteMs
    if (!client.limited && owes(client, nowMs)) this.#limit(client, nowMs)
  }

  /** The client is gone. */
  forget(client: Client): void {
    if (!this.#limited.delete(client) || this.#limited.size > 0) return
    this.#next?.cancel()
    this.#next = undefined
  }

  #limit(client: Client, nowMs: number): void {
    const { framesMax, bytesMax, changed } = this.#options
    client.limited = true
    this.#limited.add(client)
    this.timesLimited++
    if (!this.#next) this.#lookLater()
    changed(client, client.framesPaidMs > nowMs ? `client_rate_max=${framesMax}` : `client_bytes_rate_max=${bytesMax}`)
  }

  #lookLater(): void {
    const { clock, changed } = this.#options
    this.#next = clock.after(LOOK_MS, () => {
      const nowMs = clock.now()
      for (const client of this.#limited) {
        if (owes(client, nowMs)) continue
        client.limited = false
        this.#limited.delete(client)
        changed(client)
      }
      this.#next = undefined
      if (this.#limited.size > 0) this.#lookLater()
    })
  }
}

const owes = ({ framesPaidMs, bytesPaidMs }: Client, nowMs: number) => framesPaidMs > nowMs || bytesPaidMs > nowMs
