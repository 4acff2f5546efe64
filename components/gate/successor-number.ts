// By which numbers the cluster knows a gate. One that takes the place of another is a gate beside it until the other has
// ended, so it needs a number of its own: one of those behind all that a configuration can give.
//
//     gate1 of the configuration: 1 ──swapped──> 1001 ──swapped──> 2001 ── … ──> 15001 ──swapped──> 1
//
// A number that one who was replaced still has is left out: dispatchers let no second one in by it.

import { PROCESS_ID_MAX } from '../process/flags.ts'

/** So many swaps later the first of them has ended. */
const GENERATIONS = 16

/** The number of the gate that takes the place of this one, when those are taken. */
export function nextNumber(number: number, taken: readonly number[] = []): number {
  const generation = Math.floor((number - 1) / PROCESS_ID_MAX)
  return freeNumber(number + PROCESS_ID_MAX * (((generation + 1) % GENERATIONS) - generation), taken)
}

/** This one, unless it is taken; then the next of the same gate that is not. This one after all where all are. */
export function freeNumber(number: number, taken: readonly number[]): number {
  const id = ((number - 1) % PROCESS_ID_MAX) + 1
  const first = Math.floor((number - 1) / PROCESS_ID_MAX)
  for (let n = 0; n < GENERATIONS; n++) {
    const one = id + PROCESS_ID_MAX * ((first + n) % GENERATIONS)
    if (!taken.includes(one)) return one
  }
  return number
}
