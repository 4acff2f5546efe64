// What our own clients may ask for in their hello, and what comes of it at the gate.
import { FEATURES } from '../../engine/wire/client-wire.ts'
import type { Phases } from './phases.ts'
import type { Views } from './views.ts'

/** Grants the client in `slot`, which has not been told of anything yet, what it asks for and we have; answers which that is. */
export function grantFeatures(asked: number, slot: number, views: Views, phases: Phases): number {
  const granted = asked & FEATURES.compactPositions
  if (granted & FEATURES.compactPositions) {
    views.number(slot)
    phases.addFlushed(slot)
  }
  return granted
}
