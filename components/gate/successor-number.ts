// By which numbers the cluster knows a gate. One that takes the place of another is a gate beside it until the other has
// ended, so it needs a number of its own: one of those behind all that a configuration can give.
//
//     gate1 of the configuration: 1 ──swapped──> 1001 ──swapped──> 2001 ── … ──> 15001 ──swapped──> 1

import { PROCESS_ID_MAX } from '../process/flags.ts'

/** So many swaps later the first of them has ended. */
const GENERATIONS = 16

/** The number of the gate that takes the place of this one. */
export function nextNumber(number: number): number {
  const generation = Math.floor((number - 1) / PROCESS_ID_MAX)
  return number + PROCESS_ID_MAX * (((generation + 1) % GENERATIONS) - generation)
}
