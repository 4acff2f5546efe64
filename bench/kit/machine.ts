// How fast this machine is at the moment beside the one that GoWorld was measured on. Most of what a server of many clients
// does is reading from sockets and writing to them, and what that takes differs by a factor of two from machine to machine
// and, where others share it, from hour to hour. There a read or a write of a bare socket took 5 µs.
import { bareSockets } from './bare-sockets.ts'
import { type Figure, median, report } from './report.ts'

const REFERENCE = { clients: 1000, perSecond: 10, inBytes: 40, outBytes: 1000 }
const REFERENCE_CPU = 2 * REFERENCE.clients * REFERENCE.perSecond * 5e-6
/** A single look may fall into a moment in which somebody else is busy. */
const LOOKS_BEFORE = 2
const LOOKS_AFTER = 3

/** Does the work; says how many times as long as GoWorld's machine this one took for the same in those minutes. */
export async function timed<T>(work: () => Promise<T>): Promise<readonly [result: T, slowness: number]> {
  const looks: number[] = []
  const look = async (times: number) => {
    for (let n = 0; n < times; n++) looks.push((await bareSockets(REFERENCE)) / REFERENCE_CPU)
  }
  await look(LOOKS_BEFORE)
  const result = await work()
  await look(LOOKS_AFTER)
  return [result, median(looks)]
}

/** Says what a server took as it was measured, and what that is on a machine as fast as GoWorld's. */
export function reportCpu(figure: Figure, slowness: number): void {
  report(figure)
  const { scenario, value, unit, low, high, goworld, atMost } = figure
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
