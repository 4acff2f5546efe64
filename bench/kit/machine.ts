// How fast this machine is at the moment beside the one that GoWorld was measured on. Most of what a server of many clients
// does is reading from sockets and writing to them, and what that takes differs by a factor of two from machine to machine
// and, where others share it, from hour to hour. There a read or a write of a bare socket took 5 µs.
import { bareSockets } from './bare-sockets.ts'
import { type Figure, report } from './report.ts'

const REFERENCE = { clients: 1000, perSecond: 10, inBytes: 40, outBytes: 1000 }
const REFERENCE_CPU = 2 * REFERENCE.clients * REFERENCE.perSecond * 5e-6

/**
 * Says what a server took as it was measured, and what that is on a machine as fast as GoWorld's. To be called when nothing
 * else runs any more.
 */
export async function reportCpu(figure: Figure): Promise<void> {
  report(figure)
  const { scenario, value, unit, low, high, goworld, atMost } = figure
  const slowness = ((await bareSockets(REFERENCE)) + (await bareSockets(REFERENCE))) / 2 / REFERENCE_CPU
  report({ scenario, metric: 'bare sockets, beside those where GoWorld was measured', value: slowness, unit: '×' })
  report({
    scenario,
    metric: 'server, on a machine as fast as that',
    value: value / slowness,
    unit,
    ...(low !== undefined && { low: low / slowness }),
    ...(high !== undefined && { high: high / slowness }),
    ...(goworld !== undefined && { goworld }),
    ...(atMost !== undefined && { atMost }),
  })
}
