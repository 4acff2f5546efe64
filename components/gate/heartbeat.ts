// Looks now and then for clients that are not there any more: silent for too long, stuck in the middle of a frame, or
// never taken by a game. Any whole frame is a sign of life; part of one is not.
import type { Clock, Scheduled } from '../../engine/base/clock.ts'
import type { Client } from './client.ts'
import type { Refusal } from './refusals.ts'

/** A frame that was begun must end: what has come of it is memory that the client holds. */
export const UNFINISHED_MS = 30_000
/** A dispatcher gives a boot entity up after a minute without a game. */
export const BOOT_MS = 70_000
/** Who is to say hello first may take so long, unless there is another limit to silence. */
const HELLO_MS = 10_000
const LOOK_MS = 5000

export interface HeartbeatOptions {
  readonly clock: Clock
  readonly clients: Iterable<Client>
  /** A client may be silent for this long; 0: for ever. */
  readonly heartbeatMs: number
  readonly refuse: (client: Client, reason: Refusal, detail: string) => void
}

export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #lookMs: number
  #next: Scheduled | undefined

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#lookMs = options.heartbeatMs > 0 ? Math.min(LOOK_MS, options.heartbeatMs / 4) : LOOK_MS
  }

  start(): void {
    this.#next = this.#options.clock.after(this.#lookMs, () => {
      this.start()
      this.#look()
    })
  }

  stop(): void {
    this.#next?.cancel()
  }

  #look(): void {
    const { clock, clients } = this.#options
    const nowMs = clock.now()
    for (const client of clients) this.#judge(client, nowMs)
  }

  #judge(client: Client, nowMs: number): void {
    const { heartbeatMs, refuse } = this.#options
    if (client.session?.isLost) return
    // Who is not read cannot be heard, and who waits for a welcome has nothing to say.
    if (client.heard || client.paused || client.state === 'resuming') {
      client.heard = false
      client.heardMs = nowMs
      client.unfinishedMs = -1
    } else if (heartbeatMs > 0 && nowMs - client.heardMs >= heartbeatMs) {
      return refuse(client, 'silent', `${Math.round(nowMs - client.heardMs)} ms`)
    } else if (client.state === 'greeting' && nowMs - client.heardMs >= HELLO_MS) {
      return refuse(client, 'noHello', `in ${Math.round(nowMs - client.heardMs)} ms`)
    }
    if (client.unfinishedBytes === 0) client.unfinishedMs = -1
    else if (client.unfinishedMs < 0) client.unfinishedMs = nowMs
    else if (nowMs - client.unfinishedMs >= UNFINISHED_MS) {
      return refuse(client, 'unfinished', `${client.unfinishedBytes} bytes of it`)
    }
    if (client.state === 'booting' && nowMs - client.bootedMs >= BOOT_MS) refuse(client, 'notBooted', '')
  }
}
