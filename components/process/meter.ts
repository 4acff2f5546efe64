// How much of the machine this process uses: CPU over the last second (not over its lifetime), and memory.
import { realClock } from '../../engine/base/clock.ts'

const INTERVAL_MS = 1000

export class Meter {
  readonly #startedAt = realClock.now()
  #at = this.#startedAt
  #cpu = process.cpuUsage()
  #cpuPercent = 0

  constructor() {
    this.#beat()
  }

  /** 100 is one core. */
  read(): { uptimeSeconds: number; cpuPercent: number; rssBytes: number } {
    return {
      uptimeSeconds: Math.round((realClock.now() - this.#startedAt) / 1000),
      cpuPercent: this.#cpuPercent,
      rssBytes: process.memoryUsage.rss(),
    }
  }

  #beat(): void {
    realClock.after(INTERVAL_MS, () => {
      const used = process.cpuUsage(this.#cpu)
      const now = realClock.now()
      this.#cpuPercent = Math.round((used.user + used.system) / 10 / (now - this.#at))
      this.#cpu = process.cpuUsage()
      this.#at = now
      this.#beat()
    })
  }
}
