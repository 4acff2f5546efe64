// Time, handed in. Only this file reads the machine's clock; everything else takes a Clock, so that a whole
// cluster can run in one test on a VirtualClock, faster than real time and the same every time.
import { Heap } from './heap.ts'

export interface Scheduled {
  cancel(): void
}

export interface Clock {
  /** Milliseconds, monotonic, fractions allowed. Only differences mean anything. */
  now(): number
  /** Milliseconds since 1970, for what is written down (ids, files, logs). */
  wallMs(): number
  /** Runs `action` once, `delayMs` from now. A pending one does not keep the process alive by itself, unless it `isAwaited`. */
  after(delayMs: number, action: () => void, isAwaited?: boolean): Scheduled
  /** Runs `action` once, at the end of this turn of the event loop. */
  defer(action: () => void): void
}

/** Longer timeouts fire at once: 24.8 days. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

export const realClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, action, isAwaited = false) {
    let timer: ReturnType<typeof setTimeout>
    const wait = (leftMs: number) => {
      const nowMs = Math.min(Math.max(0, leftMs), TIMEOUT_MAX_MS)
      timer = setTimeout(nowMs < leftMs ? () => wait(leftMs - nowMs) : action, nowMs)
      if (!isAwaited && typeof timer === 'object') timer.unref()
    }
    wait(delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
  defer:
    typeof setImmediate === 'function' ? (action) => void setImmediate(action) : (action) => void setTimeout(action),
}

interface Waiting extends Scheduled {
  readonly at: number
  readonly order: number
  action: (() => void) | undefined
}

/**
 * A clock that stands still until a test moves it. Actions run in the order of their time, then of their
 * scheduling. Deferred ones run when the action that deferred them has returned, before time moves on.
 */
export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  readonly #timers = new Heap<Waiting>()
  #deferred: (() => void)[] = []

  now(): number {
    return this.#now
  }

  wallMs(): number {
    return 1_800_000_000_000 + this.#now
  }

  after(delayMs: number, action: () => void): Scheduled {
    const waiting: Waiting = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      action,
      cancel() {
        this.action = undefined
      },
    }
    this.#timers.push(waiting)
    return waiting
  }

  defer(action: () => void): void {
    this.#deferred.push(action)
  }

  /** Lets `ms` pass, running all that falls due. Awaits between actions, so that promises settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.#settle()
    for (;;) {
      const next = this.#timers.peek()
      if (!next || next.at > end) break
      this.#timers.pop()
      if (!next.action) continue
      this.#now = Math.max(this.#now, next.at)
      next.action()
      await this.#settle()
    }
    this.#now = end
  }

  /** Lets time pass until `condition` holds; throws when it does not within `limitMs` of virtual time. */
  async until(condition: () => boolean, limitMs = 60_000, what = 'condition'): Promise<void> {
    const end = this.#now + limitMs
    await this.#settle()
    while (!condition()) {
      const next = this.#timers.peek()
      if (!next || next.at > end) throw new Error(`${what} did not come true within ${limitMs} ms of virtual time`)
      await this.advance(Math.max(0, next.at - this.#now))
    }
  }

  /** Runs what was deferred and lets promises settle, until nothing more comes of it. */
  async #settle(): Promise<void> {
    let quiet = 0
    while (quiet < 2) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (this.#deferred.length === 0) {
        quiet++
        continue
      }
      quiet = 0
      const batch = this.#deferred
      this.#deferred = []
      for (const action of batch) action()
    }
  }
}
