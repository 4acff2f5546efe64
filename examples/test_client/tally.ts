// What the bots of one thread have done and met so far. Plain data, so that a worker can send it whole.
import { addDuration, addDurations, type Durations, newDurations } from './histogram.ts'

export interface Tally {
  /** Bots that have a player now, and bots that ever had one. */
  playing: number
  everPlayed: number
  /** How long each thing took, by name; `Login` among them. */
  readonly things: Record<string, Durations>
  readonly timeouts: Record<string, number>
  readonly errors: Record<string, number>
  /** Position records received. */
  positions: number
  /** From a bot's move to another bot's mirror of it. */
  readonly sync: Durations
  /** How late the bots' own timer ran: beyond some milliseconds, it is the bots that are slow. */
  readonly lag: Durations
}

export const newTally = (): Tally => ({
  playing: 0,
  everPlayed: 0,
  things: {},
  timeouts: {},
  errors: {},
  positions: 0,
  sync: newDurations(),
  lag: newDurations(),
})

export function countThing(tally: Tally, name: string, ms: number): void {
  tally.things[name] ??= newDurations()
  addDuration(tally.things[name], ms)
}

export function countOne(counts: Record<string, number>, name: string): number {
  const count = (counts[name] ?? 0) + 1
  counts[name] = count
  return count
}

export const totalOf = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

export function merged(tallies: readonly Tally[]): Tally {
  const all = newTally()
  for (const tally of tallies) {
    all.playing += tally.playing
    all.everPlayed += tally.everPlayed
    all.positions += tally.positions
    for (const [name, durations] of Object.entries(tally.things)) {
      all.things[name] ??= newDurations()
      addDurations(all.things[name], durations)
    }
    for (const [name, count] of Object.entries(tally.timeouts)) all.timeouts[name] = (all.timeouts[name] ?? 0) + count
    for (const [name, count] of Object.entries(tally.errors)) all.errors[name] = (all.errors[name] ?? 0) + count
    addDurations(all.sync, tally.sync)
    addDurations(all.lag, tally.lag)
  }
  return all
}
