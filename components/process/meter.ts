// How much of the machine this process uses: CPU over the last second (not over its lifetime), memory, and how late its
// event loop runs.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { realClock } from '../../engine/base/clock.ts'

const INTERVAL_MS = 1000
const DELAY_RESOLUTION_MS = 25

export class Meter {
  readonly #startedAt = realClock.now()
  #at = this.#startedAt
  #cpu = process.cpuUsage()
  #cpuPercent = 0
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  #loopDelayMs = 0
  readonly #onBeat: (() => void) | undefined

  /** `onBeat` is called each second, when the event loop comes round to it. */
  constructor(onBeat?: () => void) {
    this.#onBeat = onBeat
    this.#delay.enable()
    this.#beat()
  }

  /** CPU: 100 is one core. The event loop's delay: of a hundred looks in the last second the second worst. */
  read(): { uptimeSeconds: number; cpuPercent: number; rssBytes: number; loopDelayMs: number } {
    return {
      uptimeSeconds: Math.round((realClock.now() - this.#startedAt) / 1000),
      cpuPercent: this.#cpuPercent,
      rssBytes: process.memoryUsage.rss(),
      loopDelayMs: this.#loopDelayMs,
    }
  }

  #beat(): void {
    realClock.after(INTERVAL_MS, () => {
      const used = process.cpuUsage(this.#cpu)
      const now = realClock.now()
      this.#cpuPercent = Math.round((used.user + used.system) / 10 / (now - this.#at))
      this.#cpu = process.cpuUsage()
      this.#at = now
      this.#loopDelayMs = Math.max(0, Math.round(this.#delay.percentile(99) / 1e5) / 10 - DELAY_RESOLUTION_MS)
      this.#delay.reset()
      this.#onBeat?.()
      this.#beat()
    })
  }
}
