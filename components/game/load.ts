// How busy this process is: CPU over the last interval (not its lifetime), and how late the event loop runs.
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Each look wakes an idle process. */
const RESOLUTION_MS = 25

export function measureLoad(): () => { cpuPermille: number; lagMs: number } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  let cpu = process.cpuUsage()
  let at = process.hrtime.bigint()
  return () => {
    const used = process.cpuUsage(cpu)
    const elapsedUs = Number(process.hrtime.bigint() - at) / 1000
    cpu = process.cpuUsage()
    at = process.hrtime.bigint()
    const lagMs = Math.max(0, delay.mean / 1e6 - RESOLUTION_MS)
    delay.reset()
    const cpuPermille = elapsedUs > 0 ? Math.round((1000 * (used.user + used.system)) / elapsedUs) : 0
    return { cpuPermille: Math.min(cpuPermille, 65_535), lagMs: Number.isFinite(lagMs) ? lagMs : 0 }
  }
}
